/*
 * The clocks of log files, as far as the files tell: how fine their times are, and whether the
 * lines name a time zone or one had to be taken for them.
 *
 * In: table sources. Out: a table, or JSON.
 */
#include "cli/log-clocks.h"

#include "base/time.h"
#include "cli/print.h"
#include "cli/wrap.h"
#include "store/statement.h"

#include <string.h>

#define MOST_ROWS 40u

static const char logs_sql[] =
    "SELECT path, host, records, resolution_ns, zone, first_time_ns FROM sources"
    " WHERE kind = 'log' AND resolution_ns IS NOT NULL ORDER BY source_id";

/* Length of the folders that all paths begin with. */
static gsize
shared_folder(const GPtrArray *paths)
{
    const char *first = paths->len > 0 ? paths->pdata[0] : "";
    const char *slash = strrchr(first, '/');
    gsize shared = slash == NULL ? 0 : (gsize) (slash - first) + 1;
    for (guint i = 1; i < paths->len && shared > 0; i++) {
        while (shared > 0 &&
               (strncmp(first, paths->pdata[i], shared) != 0 || first[shared - 1] != '/'))
            shared--;
    }
    return shared;
}

static gboolean
read_paths(LampStore *store, GPtrArray *paths, GError **error)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(store, logs_sql, error);
    gboolean has_row;
    while (rows != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        g_ptr_array_add(paths, g_strdup(lamp_statement_text(rows, 0)));
    }
    return FALSE;
}

static char *
zone_text(const char *zone)
{
    if (zone == NULL)
        return g_strdup("none needed: counts from 1970");
    if (g_str_equal(zone, "named"))
        return g_strdup("named by its times");
    if (g_str_equal(zone, "assumed"))
        return g_strdup("none named: UTC assumed");
    if (g_str_has_suffix(zone, " found"))
        return g_strdup_printf("%.*s, found by identifiers", (gint) strlen(zone) - 6, zone);
    return g_strconcat(zone, ", as told", NULL);
}

static void
add_row(LampTable *table, LampStatement *row, gsize shared, gboolean *out_assumed)
{
    const char *path = lamp_statement_text(row, 0), *zone = lamp_statement_text(row, 4);
    char *cells[] = {g_strdup(strlen(path) > shared ? path + shared : path),
                     g_strdup(lamp_statement_text(row, 1)),
                     lamp_count_format((guint64) lamp_statement_int(row, 2)),
                     lamp_duration_format(lamp_statement_int(row, 3)),
                     zone_text(zone),
                     lamp_time_format_to(lamp_statement_int_or(row, 5, LAMP_TIME_NONE),
                                         lamp_statement_int(row, 3))};
    *out_assumed = *out_assumed || g_strcmp0(zone, "assumed") == 0;
    lamp_table_take(table, cells);
}

static gboolean
fill_table(LampStore *store, LampTable *table, gsize shared, gboolean *out_assumed,
           GError **error)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(store, logs_sql, error);
    gboolean has_row;
    while (rows != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        if (lamp_table_rows(table) < MOST_ROWS)
            add_row(table, rows, shared, out_assumed);
    }
    return FALSE;
}

gboolean
lamp_log_clocks_append(LampCli *cli, GString *out, GError **error)
{
    static const char *const titles[] = {"log",  "?host",       ">~records", ">resolution",
                                         "zone", "~first time", NULL};
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(LampTable) table = lamp_table_new(titles);
    gboolean any_assumed = FALSE;
    if (!read_paths(cli->store, paths, error) ||
        !fill_table(cli->store, table, shared_folder(paths), &any_assumed, error))
        return FALSE;
    if (paths->len == 0)
        return TRUE;
    g_string_append_c(out, '\n');
    lamp_table_render(table, out, cli->table_width);
    if (paths->len > MOST_ROWS)
        g_string_append_printf(out, "… and %u more\n", paths->len - MOST_ROWS);
    gsize below = out->len;
    if (any_assumed)
        g_string_append(out, "\nWhere UTC is wrong, read the logs again with their zone, for "
                             "example --tz Europe/Berlin or --tz 'web*=+02:00'.\n");
    lamp_wrap(cli, out, below);
    return TRUE;
}

gboolean
lamp_log_clocks_append_json(LampCli *cli, GString *out, GError **error)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(cli->store, logs_sql, error);
    const char *separator = ", \"logs\": [{\"path\": ";
    gboolean has_row, any = FALSE;
    while (rows != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row) {
            g_string_append(out, any ? "]" : ", \"logs\": []");
            return TRUE;
        }
        g_string_append(out, separator);
        separator = ", {\"path\": ";
        any = TRUE;
        lamp_json_append_string(out, lamp_statement_text(rows, 0));
        g_string_append(out, ", \"host\": ");
        lamp_json_append_string(out, lamp_statement_text(rows, 1));
        g_string_append_printf(out, ", \"records\": %" G_GINT64_FORMAT,
                               lamp_statement_int(rows, 2));
        lamp_json_append_time(out, "resolution_ns", lamp_statement_int(rows, 3));
        g_string_append(out, ", \"zone\": ");
        lamp_json_append_string(out, lamp_statement_text(rows, 4));
        g_string_append_c(out, '}');
    }
    return FALSE;
}
