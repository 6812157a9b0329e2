/*
 * lamplight diff: two databases, or two periods of one.
 */
#include "base/text.h"
#include "cli/commands.h"
#include "cli/flow-options.h"
#include "cli/print.h"
#include "model/compare.h"
#include "store/statement.h"

#include <math.h>

static gboolean as_json;
static double split_s, level = 0.05;
static int most = 10;
static char *before, *after;

static const GOptionEntry options[] = {
    {"split", 0, 0, G_OPTION_ARG_DOUBLE, &split_s,
     "one database: compare the requests before and after so many seconds from its begin", "S"},
    {"before", 0, 0, G_OPTION_ARG_STRING, &before,
     "one database: compare the requests that pass through these services or instances …",
     "A|B"},
    {"after", 0, 0, G_OPTION_ARG_STRING, &after, "… with those that pass through these", "C|D"},
    {"level", 0, 0, G_OPTION_ARG_DOUBLE, &level,
     "false discovery rate up to which a change is shown (default 0.05)", "SHARE"},
    {"top", 'n', 0, G_OPTION_ARG_INT, &most, "lines in each part (default 10; 0: all)", "N"},
    LAMP_FLOW_OPTIONS,
    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "a JSON object", NULL},
    {NULL},
};

static const LampOptionRange ranges[] = {
    {"split", NULL, &split_s, 0.0, 1e9},
    {"top", &most, NULL, 0.0, G_MAXINT},
    {"level", NULL, &level, 0.0, 1.0},
    LAMP_FLOW_RANGES,
    {NULL},
};

typedef gboolean (*Chosen)(const LampCompared *row);

static gboolean
is_new(const LampCompared *row)
{
    return row->count[LAMP_SIDE_A] == 0 && row->share_rate <= level;
}

static gboolean
is_gone(const LampCompared *row)
{
    return row->count[LAMP_SIDE_B] == 0 && row->share_rate <= level;
}

static gboolean
is_more_or_less(const LampCompared *row)
{
    return row->count[0] > 0 && row->count[1] > 0 && row->share_rate <= level;
}

static gboolean
is_shifted(const LampCompared *row)
{
    return row->count[0] > 0 && row->count[1] > 0 && row->duration_rate <= level;
}

static gboolean
has_effect(const LampCompared *row)
{
    return (row->duration_rate <= level || row->share_rate <= level) && fabs(row->effect) > 1e3;
}

static char *
format_shift(const LampCompared *row, double q)
{
    g_autofree char *a = lamp_ms_format((double) lamp_quantiles_at(&row->duration[0], q));
    g_autofree char *b = lamp_ms_format((double) lamp_quantiles_at(&row->duration[1], q));
    return g_strdup_printf("%s → %s", row->count[0] == 0 ? "-" : a,
                           row->count[1] == 0 ? "-" : b);
}

static guint
append_part(LampCli *cli, GString *out, const char *title, const GArray *rows, Chosen chosen)
{
    static const char *const titles[] = {"what",  ">before",       ">after", ">p50", ">~p95",
                                         ">rate", ">mean request", "~id",    NULL};
    g_autoptr(LampTable) table = lamp_table_new(titles);
    guint found = 0;
    for (guint i = 0; i < rows->len; i++) {
        const LampCompared *row = &g_array_index(rows, LampCompared, i);
        if (!chosen(row) || (found++ >= (guint) most && most > 0))
            continue;
        char *cells[] = {g_strdup(row->name),
                         lamp_count_format(row->count[0]),
                         lamp_count_format(row->count[1]),
                         format_shift(row, 0.5),
                         format_shift(row, 0.95),
                         g_strdup_printf("%.2g", MIN(row->share_rate, row->duration_rate)),
                         g_strdup_printf("%+.2f ms", row->effect / 1e6),
                         g_strdup_printf("%016" G_GINT64_MODIFIER "x", row->hash)};
        lamp_table_take(table, cells);
    }
    if (found == 0)
        return 0;
    g_string_append_printf(out, "\n%s (%u)\n", title, found);
    lamp_table_render(table, out, cli->table_width);
    return found;
}

static void
append_text(LampCli *cli, const LampComparison *c, GString *out)
{
    g_autofree char *a50 = lamp_ms_format((double) lamp_quantiles_at(&c->duration[0], 0.5));
    g_autofree char *b50 = lamp_ms_format((double) lamp_quantiles_at(&c->duration[1], 0.5));
    g_autofree char *a95 = lamp_ms_format((double) lamp_quantiles_at(&c->duration[0], 0.95));
    g_autofree char *b95 = lamp_ms_format((double) lamp_quantiles_at(&c->duration[1], 0.95));
    g_string_append_printf(
        out,
        "before: %" G_GUINT64_FORMAT " requests, p50 %s, p95 %s, sure %.0f %%\n"
        "after:  %" G_GUINT64_FORMAT " requests, p50 %s, p95 %s, sure %.0f %%\n"
        "equal latency by chance: p = %.2g\n",
        c->flows[0], a50, a95, c->confidence[0] * 100.0, c->flows[1], b50, b95,
        c->confidence[1] * 100.0, c->duration_probability);
    guint found = append_part(cli, out, "likely causes: operations by their own time",
                              c->operations, has_effect);
    found += append_part(cli, out, "new shapes", c->shapes, is_new);
    found += append_part(cli, out, "vanished shapes", c->shapes, is_gone);
    found += append_part(cli, out, "shapes with another share", c->shapes, is_more_or_less);
    found += append_part(cli, out, "calls with other durations", c->edges, is_shifted);
    g_string_append_printf(out,
                           found == 0 ? "\nno change that is significant at a false discovery "
                                        "rate of %.3g\n"
                                      : "\nrate: false discovery rate, shown up to %.3g; mean "
                                        "request: what it adds to the mean request\n",
                           level);
}

static void
append_json_rows(GString *out, const char *key, const GArray *rows)
{
    g_string_append_printf(out, ", \"%s\": [", key);
    for (guint i = 0; i < rows->len; i++) {
        const LampCompared *row = &g_array_index(rows, LampCompared, i);
        g_string_append(out, i == 0 ? "\n  {\"name\": " : ",\n  {\"name\": ");
        lamp_json_append_string(out, row->name);
        g_string_append_printf(out,
                               ", \"hash\": \"%016" G_GINT64_MODIFIER "x\", \"before\": "
                               "%" G_GUINT64_FORMAT ", \"after\": %" G_GUINT64_FORMAT,
                               row->hash, row->count[0], row->count[1]);
        const struct {
            const char *name;
            double value;
        } figures[] = {
            {"before_p50_ms", (double) lamp_quantiles_at(&row->duration[0], 0.5) / 1e6},
            {"after_p50_ms", (double) lamp_quantiles_at(&row->duration[1], 0.5) / 1e6},
            {"share_rate", row->share_rate},
            {"duration_rate", row->duration_rate},
            {"effect_ms", row->effect / 1e6},
        };
        for (gsize k = 0; k < G_N_ELEMENTS(figures); k++) {
            g_string_append_printf(out, ", \"%s\": ", figures[k].name);
            lamp_json_append_real(out, figures[k].value);
        }
        g_string_append_c(out, '}');
    }
    g_string_append(out, "\n]");
}

static void
append_json(const LampComparison *c, GString *out)
{
    g_string_append_printf(out,
                           "{\"before\": %" G_GUINT64_FORMAT ", \"after\": %" G_GUINT64_FORMAT
                           ", \"duration_probability\": ",
                           c->flows[0], c->flows[1]);
    lamp_json_append_real(out, c->duration_probability);
    append_json_rows(out, "causes", c->operations);
    append_json_rows(out, "shapes", c->shapes);
    append_json_rows(out, "calls", c->edges);
    g_string_append(out, "}\n");
}

/* Begin of the capture of @store: the first root. */
static gboolean
find_begin(LampStore *store, LampTime *out_begin, GError **error)
{
    g_autoptr(LampStatement) query =
        lamp_statement_new(store, "SELECT min(start_ns) FROM trace_roots", error);
    gboolean has_row = FALSE;
    if (query == NULL || !lamp_statement_step(query, &has_row, error))
        return FALSE;
    *out_begin = has_row ? lamp_statement_int_or(query, 0, 0) : 0;
    return TRUE;
}

static gboolean
read_split(LampCli *cli, LampComparison *comparison, GError **error)
{
    LampTime begin;
    LampFlowFilter a = lamp_flow_filter, b = lamp_flow_filter;
    if (!find_begin(cli->store, &begin, error))
        return FALSE;
    LampTime border = begin + (LampTime) (split_s * 1e9);
    a.from = G_MININT64 + 1;
    a.to = b.from = border;
    b.to = G_MAXINT64;
    return lamp_compare_read(comparison, LAMP_SIDE_A, cli->store, &a, error) &&
           lamp_compare_read(comparison, LAMP_SIDE_B, cli->store, &b, error);
}

static gboolean
read_hosts(LampCli *cli, LampComparison *comparison, GError **error)
{
    LampFlowFilter a = lamp_flow_filter, b = lamp_flow_filter;
    a.service = before;
    b.service = after;
    return lamp_compare_read(comparison, LAMP_SIDE_A, cli->store, &a, error) &&
           lamp_compare_read(comparison, LAMP_SIDE_B, cli->store, &b, error);
}

static gboolean
read_two(LampCli *cli, LampComparison *comparison, const char *path, GError **error)
{
    g_autoptr(LampStore) other = lamp_store_open(path, LAMP_STORE_READ, error);
    if (other == NULL || !lamp_store_stage_require(other, "correlate", error))
        return FALSE;
    return lamp_compare_read(comparison, LAMP_SIDE_A, cli->store, &lamp_flow_filter, error) &&
           lamp_compare_read(comparison, LAMP_SIDE_B, other, &lamp_flow_filter, error);
}

static int
run(LampCli *cli, char **arguments, GError **error)
{
    g_autoptr(LampComparison) comparison = lamp_compare_new();
    gboolean by_hosts = before != NULL && after != NULL, by_time = split_s > 0.0;
    gboolean is_one_way =
        (before != NULL) == (after != NULL) && (arguments[1] != NULL) + by_hosts + by_time == 1;
    if (!is_one_way || (by_hosts && lamp_flow_filter.service != NULL)) {
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
                    "give two databases, or one and either --split SECONDS or both --before "
                    "and --after (which take the place of --service)");
        return -1;
    }
    if (arguments[1] != NULL ? !read_two(cli, comparison, arguments[1], error)
        : by_hosts           ? !read_hosts(cli, comparison, error)
                             : !read_split(cli, comparison, error))
        return -1;
    if (arguments[1] == NULL && (comparison->flows[0] == 0 || comparison->flows[1] == 0)) {
        lamp_set_no_flows_error(error);
        return -1;
    }
    lamp_compare_finish(comparison);
    g_autoptr(GString) out = g_string_new(NULL);
    if (as_json)
        append_json(comparison, out);
    else
        append_text(cli, comparison, out);
    return lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_diff = {
    .name = "diff",
    .arguments = "BEFORE.db [AFTER.db]",
    .summary = "What differs between two captures, periods or sets of hosts",
    .options = options,
    .ranges = ranges,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_CORRELATED,
    .least_arguments = 1,
    .most_arguments = 2,
    .run = run,
};
