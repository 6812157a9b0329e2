/*
 * lamplight sql: one read-only query over the database, as a table, CSV or JSON.
 *
 * The statement must not change anything: SQLite itself says whether it could
 * (sqlite3_stmt_readonly), and the database is opened in defensive mode.
 */
#include "base/text.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "store/statement.h"

#include <stdio.h>

#define FLUSH_BYTES ((gsize) 1 << 16)

static gboolean as_csv, as_json, as_lines;
static gboolean no_header;

static const GOptionEntry options[] = {
    {"csv", 0, 0, G_OPTION_ARG_NONE, &as_csv, "comma-separated values (RFC 4180)", NULL},
    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "a JSON array of objects", NULL},
    {"jsonl", 0, 0, G_OPTION_ARG_NONE, &as_lines, "one JSON object a line", NULL},
    {"no-header", 0, 0, G_OPTION_ARG_NONE, &no_header, "CSV without the line of names", NULL},
    {NULL},
};

static void
append_csv_text(GString *out, const char *text)
{
    if (text == NULL)
        return;
    if (strpbrk(text, ",\"\r\n") == NULL) {
        g_string_append(out, text);
        return;
    }
    g_string_append_c(out, '"');
    for (; *text != '\0'; text++)
        g_string_append_printf(out, *text == '"' ? "\"\"" : "%c", *text);
    g_string_append_c(out, '"');
}

static void
append_csv_header(GString *out, LampStatement *query)
{
    for (int i = 0; i < lamp_statement_column_count(query); i++) {
        g_string_append(out, i == 0 ? "" : ",");
        append_csv_text(out, lamp_statement_column_name(query, i));
    }
    g_string_append(out, "\n");
}

static void
append_csv_row(GString *out, LampStatement *query)
{
    for (int i = 0; i < lamp_statement_column_count(query); i++) {
        g_string_append(out, i == 0 ? "" : ",");
        append_csv_text(out, lamp_statement_text(query, i));
    }
    g_string_append(out, "\n");
}

static void
append_json_row(GString *out, LampStatement *query)
{
    g_string_append_c(out, '{');
    for (int i = 0; i < lamp_statement_column_count(query); i++) {
        g_string_append(out, i == 0 ? "" : ", ");
        lamp_json_append_string(out, lamp_statement_column_name(query, i));
        g_string_append(out, ": ");
        LampColumnType type = lamp_statement_column_type(query, i);
        if (type == LAMP_COLUMN_INTEGER)
            g_string_append_printf(out, "%" G_GINT64_FORMAT, lamp_statement_int(query, i));
        else if (type == LAMP_COLUMN_REAL)
            lamp_json_append_real(out, lamp_statement_real(query, i));
        else
            lamp_json_append_string(out, lamp_statement_text(query, i));
    }
    g_string_append_c(out, '}');
}

/* Writes what has gathered once it is large, so that memory does not grow with the result. */
static gboolean
flush(GString *out, gsize threshold, GError **error)
{
    if (out->len < threshold)
        return TRUE;
    gboolean ok = lamp_print(out, error);
    g_string_truncate(out, 0);
    return ok;
}

static gboolean
print_stream(LampStatement *query, GError **error)
{
    g_autoptr(GString) out = g_string_new(as_json ? "[" : "");
    gboolean has_row = FALSE, ok = TRUE;
    guint64 rows = 0;
    if (as_csv && !no_header)
        append_csv_header(out, query);
    while ((ok = lamp_statement_step(query, &has_row, error)) && has_row) {
        if (as_json)
            g_string_append(out, rows == 0 ? "\n" : ",\n");
        if (as_csv)
            append_csv_row(out, query);
        else
            append_json_row(out, query);
        if (as_lines)
            g_string_append_c(out, '\n');
        rows++;
        if (!flush(out, FLUSH_BYTES, error))
            return FALSE;
    }
    if (as_json)
        g_string_append(out, rows == 0 ? "]\n" : "\n]\n");
    return ok && flush(out, 0, error);
}

static gboolean
print_table(LampCli *cli, LampStatement *query, GError **error)
{
    int columns = lamp_statement_column_count(query);
    g_autofree const char **titles = g_new0(const char *, (gsize) columns + 1);
    g_autofree const char **cells = g_new0(const char *, (gsize) columns + 1);
    for (int i = 0; i < columns; i++)
        titles[i] = lamp_statement_column_name(query, i);
    g_autoptr(LampTable) table = lamp_table_new(titles);
    gboolean has_row = FALSE, ok;
    while ((ok = lamp_statement_step(query, &has_row, error)) && has_row) {
        for (int i = 0; i < columns; i++)
            cells[i] = lamp_statement_text(query, i);
        lamp_table_add(table, cells);
    }
    if (!ok)
        return FALSE;
    g_autoptr(GString) out = g_string_new(NULL);
    lamp_table_render(table, out, cli->table_width);
    return lamp_print(out, error);
}

static int
run(LampCli *cli, char **arguments, GError **error)
{
    g_autoptr(LampStatement) query = lamp_statement_new(cli->store, arguments[1], error);
    if (query == NULL)
        return -1;
    if (!lamp_statement_is_read_only(query)) {
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
                    "the query would change the database; `lamplight sql` only reads");
        return -1;
    }
    gboolean ok = as_csv || as_json || as_lines ? print_stream(query, error)
                                                : print_table(cli, query, error);
    return ok ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_sql = {
    .name = "sql",
    .arguments = "FILE.db QUERY",
    .summary = "Ask the database a question in SQL (read-only)",
    .examples = "lamplight sql shop.db \"SELECT service, count(*) FROM spans GROUP BY 1\"",
    .description =
        "Tables and views: `lamplight schema`, docs/schema.md. Examples:\n"
        "  lamplight sql shop.db \"SELECT service, count(*) FROM spans GROUP BY 1\"\n"
        "  lamplight sql shop.db --csv \"SELECT child_span_id, parent_span_id, confidence FROM "
        "links\"",
    .options = options,
    .flags = LAMP_COMMAND_STORE,
    .least_arguments = 2,
    .most_arguments = 2,
    .run = run,
};
