/*
 * lamplight templates: the constant texts of log messages with the types of what varies in
 * them, and what the values of one were.
 *
 * Rows are read from the store one by one; all of the output is held at once, so memory grows
 * with the number of templates shown.
 */
#include "base/text.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/flow-options.h"
#include "cli/print.h"
#include "cli/wrap.h"
#include "store/statement.h"

static gboolean as_json;
static int most;
static char *match;

static const GOptionEntry options[] = {
    {"match", 'm', 0, G_OPTION_ARG_STRING, &match,
     "only templates with this in their text or example, in any case", "TEXT"},
    {"top", 'n', 0, G_OPTION_ARG_INT, &most,
     "only the N templates with the most events (default 0: all)", "N"},
    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "a JSON object", NULL},
    {NULL},
};

static const LampOptionRange ranges[] = {
    {"top", &most, NULL, 0.0, G_MAXINT},
    {NULL},
};

/* Columns of the query for templates. */
enum { ID, TEXT, TYPED, EVENTS, SHARE, FIRST, LAST, SERVICE, HOST, PATH, SAMPLE, NUMBER };

/* Templates whose id begins with @id (NULL: any) and that pass the options. */
static LampStatement *
open_templates(LampStore *store, const char *id, GError **error)
{
    LampStatement *rows = lamp_statement_new(
        store,
        "SELECT stable_id, template, typed, events, share, first_time_ns, last_time_ns, "
        "service, "
        "host, path, sample, template_id FROM template_details WHERE (?1 IS NULL OR "
        "substr(stable_id, 1, length(?1)) = ?1) AND (?2 IS NULL OR instr(lower(template || "
        "char(10) || typed || char(10) || coalesce(sample, '')), lower(?2)) > 0) ORDER BY "
        "events "
        "DESC, template LIMIT ?3",
        error);
    if (rows == NULL)
        return NULL;
    lamp_statement_bind_string(rows, 1, id);
    lamp_statement_bind_string(rows, 2, match);
    lamp_statement_bind_int(rows, 3, most > 0 && id == NULL ? most : -1);
    return rows;
}

static LampStatement *
open_variables(LampStore *store, GError **error)
{
    return lamp_statement_new(
        store,
        "SELECT position, name, type, distinct_values, least, greatest, CASE WHEN "
        "json_valid(samples) THEN json(samples) END, (SELECT group_concat(value, '  ') FROM "
        "json_each(CASE WHEN json_valid(samples) THEN samples END)) FROM template_variables "
        "WHERE template_id = ? ORDER BY position",
        error);
}

/* ---- what there is in all */

typedef struct {
    gint64 templates, events, without;
} Totals;

static gboolean
read_totals(LampStore *store, Totals *out_totals, GError **error)
{
    gboolean has_row = FALSE;
    g_autoptr(LampStatement) row = lamp_statement_new(
        store,
        "SELECT count(*), coalesce(sum(events), 0), (SELECT count(*) FROM events) - "
        "coalesce(sum(events), 0) FROM templates",
        error);
    if (row == NULL || !lamp_statement_step(row, &has_row, error))
        return FALSE;
    *out_totals = (Totals){lamp_statement_int(row, 0), lamp_statement_int(row, 1),
                           lamp_statement_int(row, 2)};
    return TRUE;
}

/* ---- as text */

static void
append_totals(const Totals *totals, guint shown, GString *out)
{
    g_autofree char *templates = lamp_count_format((guint64) totals->templates);
    g_autofree char *events = lamp_count_format((guint64) totals->events);
    g_autofree char *without = lamp_count_format((guint64) MAX(totals->without, 0));
    g_string_append_printf(out, "\n%s templates of %s events", templates, events);
    if (totals->without > 0)
        g_string_append_printf(out, "; %s others have none (access logs, empty messages)",
                               without);
    g_string_append_c(out, '.');
    if ((gint64) shown < totals->templates)
        g_string_append_printf(out, " %u of %s lines are shown.", shown, templates);
    g_string_append(out, " `lamplight templates FILE.db ID` tells of the values of one.\n");
}

static gboolean
append_table(LampCli *cli, LampStatement *rows, const Totals *totals, GString *out,
             GError **error)
{
    static const char *const titles[] = {">events",  ">share",   "id",
                                         "?service", "template", NULL};
    g_autoptr(LampTable) table = lamp_table_new(titles);
    gboolean has_row = FALSE;
    while (lamp_statement_step(rows, &has_row, error)) {
        if (!has_row) {
            lamp_table_render(table, out, cli->table_width);
            gsize below = out->len;
            append_totals(totals, lamp_table_rows(table), out);
            lamp_wrap(cli, out, below);
            return TRUE;
        }
        char *cells[] = {
            lamp_count_format((guint64) lamp_statement_int(rows, EVENTS)),
            lamp_share_format(lamp_statement_real(rows, SHARE)),
            g_strdup(lamp_statement_text(rows, ID)),
            g_strdup(lamp_statement_text(rows, SERVICE)),
            g_strdup(lamp_statement_text(rows, TYPED)),
        };
        lamp_table_take(table, cells);
    }
    return FALSE;
}

static gboolean
append_variables(LampCli *cli, LampStatement *rows, GString *out, GError **error)
{
    static const char *const titles[] = {">place", "behind",    "type",    ">values",
                                         ">least", ">greatest", "samples", NULL};
    enum { NAME = 1, TYPE, VALUES, LEAST, GREATEST, SAMPLES = 7 };
    g_autoptr(LampTable) table = lamp_table_new(titles);
    gboolean has_row = FALSE;
    while (lamp_statement_step(rows, &has_row, error)) {
        if (!has_row) {
            if (lamp_table_rows(table) > 0)
                lamp_table_render(table, out, cli->table_width);
            return TRUE;
        }
        char *cells[] = {
            g_strdup(lamp_statement_text(rows, 0)),
            g_strdup(lamp_statement_text(rows, NAME)),
            g_strdup(lamp_statement_text(rows, TYPE)),
            lamp_count_format((guint64) lamp_statement_int(rows, VALUES)),
            g_strdup(lamp_statement_text(rows, LEAST)),
            g_strdup(lamp_statement_text(rows, GREATEST)),
            g_strdup(lamp_statement_text(rows, SAMPLES)),
        };
        lamp_table_take(table, cells);
    }
    return FALSE;
}

static void
append_escaped(GString *out, const char *before, const char *text)
{
    g_autofree char *safe = lamp_text_escape(lamp_bytes_text(text == NULL ? "" : text));
    g_string_append_printf(out, "%s%s", before, safe);
}

/* What is told of one template above its values. */
static void
append_template(LampStatement *row, GString *out)
{
    g_autofree char *events = lamp_count_format((guint64) lamp_statement_int(row, EVENTS));
    g_autofree char *share = lamp_share_format(lamp_statement_real(row, SHARE));
    LampTime first = lamp_statement_int_or(row, FIRST, LAMP_TIME_NONE);
    LampTime last = lamp_statement_int_or(row, LAST, LAMP_TIME_NONE);
    const gint64 millisecond = LAMP_NS_PER_SECOND / 1000;
    append_escaped(out, "", lamp_statement_text(row, TYPED));
    g_string_append_printf(out, "\n%s: %s events, %s of those with a template",
                           lamp_statement_text(row, ID), events, share);
    if (first != LAMP_TIME_NONE && last != LAMP_TIME_NONE) {
        g_autofree char *from = lamp_time_format_to(first, millisecond),
                        *to = lamp_time_format_to(last, millisecond);
        g_string_append_printf(out, ", %s to %s", from, to);
    }
    append_escaped(out, "\nfor example in ", lamp_statement_text(row, PATH));
    append_escaped(out, ": ", lamp_statement_text(row, SAMPLE));
    g_string_append(out, "\n\n");
}

/* ---- as JSON */

static void
append_json_number(GString *out, const char *key, LampStatement *row, int column)
{
    const char *text = lamp_statement_text(row, column);
    gboolean is_number = lamp_statement_column_type(row, column) == LAMP_COLUMN_INTEGER;
    g_string_append_printf(out, ", \"%s\": ", key);
    if (text == NULL)
        g_string_append(out, "null");
    else if (is_number)
        g_string_append_printf(out, "%" G_GINT64_FORMAT, lamp_statement_int(row, column));
    else
        lamp_json_append_real(out, lamp_statement_real(row, column));
}

static void
append_json_text(GString *out, const char *key, LampStatement *row, int column)
{
    g_string_append_printf(out, ", \"%s\": ", key);
    lamp_json_append_string(out, lamp_statement_text(row, column));
}

static gboolean
append_json_variables(LampStatement *rows, GString *out, GError **error)
{
    enum { NAME = 1, TYPE, VALUES, LEAST, GREATEST, SAMPLES };
    gboolean has_row = FALSE, is_first = TRUE;
    while (lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        const char *samples = lamp_statement_text(rows, SAMPLES);
        g_string_append_printf(out, "%s{\"position\": %" G_GINT64_FORMAT, is_first ? "" : ", ",
                               lamp_statement_int(rows, 0));
        append_json_text(out, "name", rows, NAME);
        append_json_text(out, "type", rows, TYPE);
        append_json_number(out, "distinct_values", rows, VALUES);
        append_json_number(out, "least", rows, LEAST);
        append_json_number(out, "greatest", rows, GREATEST);
        g_string_append_printf(out, ", \"samples\": %s}", samples != NULL ? samples : "[]");
        is_first = FALSE;
    }
    return FALSE;
}

static gboolean
append_json_template(LampStore *store, LampStatement *row, GString *out, GError **error)
{
    g_autoptr(LampStatement) variables = open_variables(store, error);
    if (variables == NULL)
        return FALSE;
    g_string_append(out, "{\"stable_id\": ");
    lamp_json_append_string(out, lamp_statement_text(row, ID));
    append_json_text(out, "template", row, TEXT);
    append_json_text(out, "typed", row, TYPED);
    append_json_number(out, "events", row, EVENTS);
    append_json_number(out, "share", row, SHARE);
    append_json_number(out, "first_time_ns", row, FIRST);
    append_json_number(out, "last_time_ns", row, LAST);
    append_json_text(out, "service", row, SERVICE);
    append_json_text(out, "host", row, HOST);
    append_json_text(out, "path", row, PATH);
    append_json_text(out, "sample", row, SAMPLE);
    g_string_append(out, ", \"variables\": [");
    lamp_statement_bind_int(variables, 1, lamp_statement_int(row, NUMBER));
    gboolean ok = append_json_variables(variables, out, error);
    g_string_append(out, "]}");
    return ok;
}

static gboolean
append_json(LampStore *store, LampStatement *rows, const Totals *totals, GString *out,
            GError **error)
{
    gboolean has_row = FALSE;
    guint count = 0;
    g_string_append_printf(out,
                           "{\"templates_in_all\": %" G_GINT64_FORMAT
                           ", \"events\": %" G_GINT64_FORMAT
                           ", \"events_without\": %" G_GINT64_FORMAT ", \"templates\": [",
                           totals->templates, totals->events, totals->without);
    while (lamp_statement_step(rows, &has_row, error)) {
        if (!has_row) {
            g_string_append(out, "\n]}\n");
            return TRUE;
        }
        g_string_append(out, count++ == 0 ? "\n  " : ",\n  ");
        if (!append_json_template(store, rows, out, error))
            return FALSE;
    }
    return FALSE;
}

/* ---- */

static gboolean
append_one(LampCli *cli, LampStatement *rows, const char *id, GString *out, GError **error)
{
    gboolean has_row = FALSE;
    g_autoptr(LampStatement) variables = open_variables(cli->store, error);
    if (variables == NULL || !lamp_statement_step(rows, &has_row, error))
        return FALSE;
    if (!has_row) {
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
                    "no template has an id that begins with '%s'; `lamplight templates` shows "
                    "all",
                    id);
        return FALSE;
    }
    for (; has_row; lamp_statement_reset(variables)) {
        append_template(rows, out);
        lamp_statement_bind_int(variables, 1, lamp_statement_int(rows, NUMBER));
        if (!append_variables(cli, variables, out, error) ||
            !lamp_statement_step(rows, &has_row, error))
            return FALSE;
        g_string_append(out, has_row ? "\n" : "");
    }
    return TRUE;
}

static int
run(LampCli *cli, char **arguments, GError **error)
{
    const char *id = arguments[1];
    Totals totals;
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(LampStatement) rows = open_templates(cli->store, id, error);
    if (rows == NULL || !read_totals(cli->store, &totals, error))
        return -1;
    if (totals.templates == 0) {
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_INPUT,
                    "the database holds no log message with a template");
        return -1;
    }
    gboolean ok;
    if (as_json)
        ok = append_json(cli->store, rows, &totals, out, error);
    else if (id != NULL)
        ok = append_one(cli, rows, id, out, error);
    else
        ok = append_table(cli, rows, &totals, out, error);
    return ok && lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_templates = {
    .name = "templates",
    .arguments = "FILE.db [ID]",
    .summary = "Constant texts of log messages, with types of what varies in them",
    .examples = "lamplight templates shop.db\n"
                "lamplight templates --top 20 --match failed shop.db\n"
                "lamplight templates shop.db 9b3aeee6029da2ad",
    .description =
        "With an id, or its begin, all that is known of the values in one template: type, "
        "number\n"
        "of different ones (exact up to 8, then within some 6 %), range, samples. The id is a\n"
        "hash of the text with `<*>`: the same in every database that holds the template.\n"
        "docs/formats.md tells of types and ids; tables `templates`, `template_variables`.",
    .options = options,
    .ranges = ranges,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_INGESTED,
    .least_arguments = 1,
    .most_arguments = 2,
    .run = run,
};
