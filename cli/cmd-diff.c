/*
 * lamplight diff: two databases, or two periods of one.
 */
#include "base/text.h"
#include "cli/commands.h"
#include "cli/diff-text.h"
#include "cli/flow-options.h"
#include "cli/print.h"
#include "model/compare.h"
#include "store/statement.h"

static gboolean as_json;
#define NO_SPLIT 1e9

static double split_s = NO_SPLIT, level = 0.05;
static int most = 10;
static char *before, *after, *before_period, *after_period;

static const GOptionEntry options[] = {
    {"split", 0, 0, G_OPTION_ARG_DOUBLE, &split_s,
     "one database: compare the requests before and after so many seconds from its first "
     "request",
     "S"},
    {"before", 0, 0, G_OPTION_ARG_STRING, &before,
     "compare the requests with a call to these services or instances …", "A|B"},
    {"after", 0, 0, G_OPTION_ARG_STRING, &after, "… with those that have one to these", "C|D"},
    {"before-period", 0, 0, G_OPTION_ARG_STRING, &before_period,
     "compare the requests that began in this period, in seconds from the first request …",
     "FROM..TO"},
    {"after-period", 0, 0, G_OPTION_ARG_STRING, &after_period,
     "… with those that began in this one", "FROM..TO"},
    {"level", 0, 0, G_OPTION_ARG_DOUBLE, &level,
     "false discovery rate up to which a change is shown (default 0.05)", "SHARE"},
    {"top", 'n', 0, G_OPTION_ARG_INT, &most, "lines in each part (default 10; 0: all)", "N"},
    LAMP_FLOW_OPTIONS,
    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "a JSON object", NULL},
    {NULL},
};

static const LampOptionRange ranges[] = {
    {"split", NULL, &split_s, 0.0, NO_SPLIT},
    {"top", &most, NULL, 0.0, G_MAXINT},
    {"level", NULL, &level, 0.0, 1.0},
    LAMP_FLOW_RANGES,
    {NULL},
};

#define BEGIN_SQL                                                                          \
    "SELECT coalesce(min(start_ns) FILTER (WHERE NOT is_background), min(start_ns)) FROM " \
    "trace_roots"

static void
append_json_added(GString *out, const char *key, const LampAdded *added)
{
    g_autofree char *value = g_strconcat(key, "_ns", NULL);
    g_autofree char *low = g_strconcat(key, "_low_ns", NULL);
    g_autofree char *high = g_strconcat(key, "_high_ns", NULL);
    lamp_json_append_ns(out, value, added->value);
    lamp_json_append_ns(out, low, added->low);
    lamp_json_append_ns(out, high, added->high);
}

static void
append_json_real(GString *out, const char *key, double value)
{
    g_string_append_printf(out, ", \"%s\": ", key);
    lamp_json_append_real(out, value);
}

static void
append_json_rows(GString *out, const char *key, const char *id, const GArray *rows)
{
    g_string_append_printf(out, ", \"%s\": [", key);
    for (guint i = 0; i < rows->len; i++) {
        const LampCompared *row = &g_array_index(rows, LampCompared, i);
        g_string_append(out, i == 0 ? "\n  {\"name\": " : ",\n  {\"name\": ");
        lamp_json_append_string(out, row->name);
        g_string_append_printf(
            out,
            ", \"%s\": \"%016" G_GINT64_MODIFIER "x\", \"before\": "
            "%" G_GUINT64_FORMAT ", \"after\": %" G_GUINT64_FORMAT
            ", \"before_errors\": %" G_GUINT64_FORMAT ", \"after_errors\": %" G_GUINT64_FORMAT,
            id, row->hash, row->count[0], row->count[1], row->errors[0], row->errors[1]);
        lamp_json_append_quantile(out, "before_p50_ns", &row->duration[0], 0.5);
        lamp_json_append_quantile(out, "after_p50_ns", &row->duration[1], 0.5);
        lamp_json_append_quantile(out, "before_p95_ns", &row->duration[0], 0.95);
        lamp_json_append_quantile(out, "after_p95_ns", &row->duration[1], 0.95);
        lamp_json_append_quantile(out, "before_p99_ns", &row->duration[0], 0.99);
        lamp_json_append_quantile(out, "after_p99_ns", &row->duration[1], 0.99);
        append_json_added(out, "effect", &row->added);
        append_json_added(out, "effect_of_time", &row->by_time);
        append_json_added(out, "effect_of_calls", &row->by_calls);
        append_json_real(out, "share_rate", row->share_rate);
        append_json_real(out, "duration_rate", row->duration_rate);
        append_json_real(out, "error_rate", row->error_rate);
        g_string_append_c(out, '}');
    }
    g_string_append(out, "\n]");
}

static void
append_json(const LampComparison *c, GString *out)
{
    g_string_append_printf(out,
                           "{\"before\": %" G_GUINT64_FORMAT ", \"after\": %" G_GUINT64_FORMAT
                           ", \"before_unanswered\": %" G_GUINT64_FORMAT
                           ", \"after_unanswered\": %" G_GUINT64_FORMAT
                           ", \"before_errors\": %" G_GUINT64_FORMAT
                           ", \"after_errors\": %" G_GUINT64_FORMAT,
                           c->flows[0], c->flows[1], c->unanswered[0], c->unanswered[1],
                           c->errors[0], c->errors[1]);
    append_json_real(out, "before_per_second", lamp_compare_rate(c, LAMP_SIDE_A));
    append_json_real(out, "after_per_second", lamp_compare_rate(c, LAMP_SIDE_B));
    append_json_real(out, "before_confidence", c->confidence[0]);
    append_json_real(out, "after_confidence", c->confidence[1]);
    append_json_real(out, "duration_probability", c->duration_probability);
    append_json_real(out, "error_probability", c->error_probability);
    append_json_rows(out, "operations", "id", c->operations);
    append_json_rows(out, "shapes", "shape", c->shapes);
    append_json_rows(out, "calls", "id", c->edges);
    g_string_append(out, "}\n");
}

/* Where periods count from: the first request, as background is not compared (unless there is
 * nothing else). */
static gboolean
find_begin(LampStore *store, LampTime *out_begin, GError **error)
{
    g_autoptr(LampStatement) query = lamp_statement_new(store, BEGIN_SQL, error);
    gboolean has_row = FALSE;
    if (query == NULL || !lamp_statement_step(query, &has_row, error))
        return FALSE;
    *out_begin = has_row ? lamp_statement_int_or(query, 0, 0) : 0;
    return TRUE;
}

#define MOST_PERIOD (1000000000 * LAMP_NS_PER_SECOND)

/* One end of a period; @otherwise for an empty text. */
static gboolean
parse_end(const char *text, LampTime begin, LampTime otherwise, LampTime *out_time)
{
    gint64 seconds;
    *out_time = otherwise;
    if (text[0] == '\0')
        return TRUE;
    if (!lamp_text_parse_scaled(lamp_bytes_text(text), 9, &seconds) ||
        ABS(seconds) > MOST_PERIOD)
        return FALSE;
    *out_time = begin + seconds;
    return TRUE;
}

/* "FROM..TO" in seconds from @begin; either may be left out. */
static gboolean
parse_period(const char *name, const char *text, LampTime begin, LampFlowFilter *filter,
             GError **error)
{
    g_auto(GStrv) ends = g_strsplit(text, "..", 2);
    if (g_strv_length(ends) == 2 && !g_str_equal(text, "..") &&
        parse_end(ends[0], begin, G_MININT64 + 1, &filter->from) &&
        parse_end(ends[1], begin, G_MAXINT64, &filter->to) && filter->from < filter->to)
        return TRUE;
    g_set_error(
        error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
        "--%s takes FROM..TO in seconds from the first request, for example 60..120, 60.. or "
        "..60",
        name);
    return FALSE;
}

/* Which requests of @store are one side of the comparison. */
static gboolean
choose_side(LampStore *store, LampCompareSide side, LampFlowFilter *filter, GError **error)
{
    static const char *const names[] = {"before-period", "after-period"};
    const char *period = side == LAMP_SIDE_A ? before_period : after_period;
    const char *hosts = side == LAMP_SIDE_A ? before : after;
    LampTime begin;
    *filter = lamp_flow_filter;
    if (hosts != NULL)
        filter->service = hosts;
    if (period == NULL && split_s >= NO_SPLIT)
        return TRUE;
    if (!find_begin(store, &begin, error))
        return FALSE;
    if (period != NULL)
        return parse_period(names[side], period, begin, filter, error);
    LampTime border = begin + (LampTime) (split_s * 1e9);
    filter->from = side == LAMP_SIDE_A ? G_MININT64 + 1 : border;
    filter->to = side == LAMP_SIDE_A ? border : G_MAXINT64;
    return TRUE;
}

static gboolean
read_side(LampComparison *comparison, LampStore *store, LampCompareSide side, GError **error)
{
    LampFlowFilter filter;
    return choose_side(store, side, &filter, error) &&
           lamp_compare_read(comparison, side, store, &filter, error);
}

static gboolean
read_both(LampCli *cli, LampComparison *comparison, const char *path, GError **error)
{
    g_autoptr(LampStore) other =
        path == NULL ? NULL : lamp_store_open(path, LAMP_STORE_READ, error);
    if (path != NULL && (other == NULL || !lamp_store_stage_require(other, "correlate", error)))
        return FALSE;
    return read_side(comparison, cli->store, LAMP_SIDE_A, error) &&
           read_side(comparison, other != NULL ? other : cli->store, LAMP_SIDE_B, error);
}

/* Both sides of a pair of options or none, and something that tells the sides apart. */
static gboolean
check_sides(const char *other, GError **error)
{
    gboolean by_hosts = before != NULL && after != NULL;
    gboolean by_period = before_period != NULL && after_period != NULL;
    gboolean has_split = split_s < NO_SPLIT;
    gboolean is_paired = (before != NULL) == (after != NULL) &&
                         (before_period != NULL) == (after_period != NULL);
    if (is_paired && (other != NULL || by_hosts || by_period || has_split) &&
        !(has_split && (by_period || other != NULL)) &&
        !(by_hosts && lamp_flow_filter.service != NULL))
        return TRUE;
    g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
                "give two databases, or one and --split SECONDS, both --before-period and "
                "--after-period, or both --before and --after (which take the place of "
                "--service)");
    return FALSE;
}

static void
set_empty_side_error(LampStore *store, const LampComparison *comparison, GError **error)
{
    g_autoptr(LampStatement) query = lamp_statement_new(store,
                                                        "SELECT (max(start_ns) - (" BEGIN_SQL
                                                        ")) / 1e9 FROM trace_roots WHERE NOT "
                                                        "is_background",
                                                        NULL);
    gboolean has_row = FALSE;
    if (split_s >= NO_SPLIT || comparison->flows[0] + comparison->flows[1] == 0 ||
        query == NULL || !lamp_statement_step(query, &has_row, NULL) || !has_row) {
        lamp_set_no_flows_error(error);
        return;
    }
    g_set_error(
        error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_INPUT,
        "--split %.10g leaves one side empty: requests begin 0 to %.3f s after the first",
        split_s, lamp_statement_real(query, 0));
}

static int
run(LampCli *cli, char **arguments, GError **error)
{
    g_autoptr(LampComparison) comparison = lamp_compare_new();
    if (!lamp_flow_sample_check(LAMP_SAMPLE_HEAD, error) || !check_sides(arguments[1], error) ||
        !read_both(cli, comparison, arguments[1], error))
        return -1;
    if (arguments[1] == NULL && (comparison->flows[0] == 0 || comparison->flows[1] == 0)) {
        set_empty_side_error(cli->store, comparison, error);
        return -1;
    }
    lamp_compare_finish(comparison);
    g_autoptr(GString) out = g_string_new(NULL);
    if (as_json)
        append_json(comparison, out);
    else
        lamp_diff_text(cli, comparison, level, (guint) most, out);
    return lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_diff = {
    .name = "diff",
    .arguments = "BEFORE.db [AFTER.db]",
    .summary = "What differs between two captures, periods or sets of hosts",
    .description =
        "Periods and hosts may be told together, and with two databases: each period "
        "counts from\nthe first request of its database.",
    .examples = "lamplight diff monday.db tuesday.db\n"
                "lamplight diff day.db --split 3600\n"
                "lamplight diff day.db --before app1 --after app2 --before-period 0..600 "
                "--after-period 0..600",
    .options = options,
    .ranges = ranges,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_CORRELATED,
    .least_arguments = 1,
    .most_arguments = 2,
    .run = run,
};
