/*
 * A comparison in words: load, latency and errors of the requests, then what changed below
 * them, each kind of change by itself. That an operation is called less often makes it neither
 * slower nor faster: longer calls, more calls and failing calls are told in tables of their
 * own, each ranked by what that alone adds to the mean request.
 */
#include "cli/diff-text.h"

#include "cli/flow-options.h"
#include "cli/print.h"
#include "cli/wrap.h"

#include <math.h>
#include <string.h>

typedef struct {
    LampCli *cli;
    const LampComparison *comparison;
    double level;
    guint most;
    GString *out;
} Answer;

/* A table: which rows, in which order, with which columns. */
typedef struct {
    const char *title;
    const char *const *columns;
    gboolean (*is_chosen)(const Answer *answer, const LampCompared *row);
    const LampAdded *(*rank)(const LampCompared *row);
    void (*add)(const Answer *answer, LampTable *table, const LampCompared *row);
} Part;

static gboolean
is_on_both(const LampCompared *row)
{
    return row->count[LAMP_SIDE_A] > 0 && row->count[LAMP_SIDE_B] > 0;
}

/* Another own time, which reaches the latency for certain: one slow call makes no cause. */
static gboolean
takes_other_time(const Answer *answer, const LampCompared *row)
{
    return is_on_both(row) && row->duration_rate <= answer->level &&
           fabs(row->by_time.value) > 1e3 &&
           (row->by_time.low > 0.0 || row->by_time.high < 0.0);
}

static gboolean
has_other_count(const Answer *answer, const LampCompared *row)
{
    return row->share_rate <= answer->level;
}

static gboolean
fails_otherwise(const Answer *answer, const LampCompared *row)
{
    return is_on_both(row) && row->errors[0] + row->errors[1] > 0 &&
           row->error_rate <= answer->level;
}

static gboolean
is_new(const Answer *answer, const LampCompared *row)
{
    return row->count[LAMP_SIDE_A] == 0 && row->share_rate <= answer->level;
}

static gboolean
is_gone(const Answer *answer, const LampCompared *row)
{
    return row->count[LAMP_SIDE_B] == 0 && row->share_rate <= answer->level;
}

static gboolean
has_other_share(const Answer *answer, const LampCompared *row)
{
    return is_on_both(row) && row->share_rate <= answer->level;
}

static gboolean
is_shifted(const Answer *answer, const LampCompared *row)
{
    return is_on_both(row) && row->duration_rate <= answer->level;
}

static const LampAdded *
rank_by_all(const LampCompared *row)
{
    return &row->added;
}

static const LampAdded *
rank_by_time(const LampCompared *row)
{
    return &row->by_time;
}

static const LampAdded *
rank_by_calls(const LampCompared *row)
{
    return &row->by_calls;
}

static char *
format_shift(const LampCompared *row, double q)
{
    g_autofree char *a = lamp_quantile_format(&row->duration[LAMP_SIDE_A], q);
    g_autofree char *b = lamp_quantile_format(&row->duration[LAMP_SIDE_B], q);
    return g_strdup_printf("%s → %s", a, b);
}

static char *
format_counts(const guint64 *counts)
{
    g_autofree char *a = lamp_count_format(counts[LAMP_SIDE_A]);
    g_autofree char *b = lamp_count_format(counts[LAMP_SIDE_B]);
    return g_strdup_printf("%s → %s", a, b);
}

/* @counts as shares of @of. */
static char *
format_shares(const guint64 *counts, const guint64 *of)
{
    g_autofree char *a = lamp_share_format((double) counts[0] / (double) MAX(of[0], 1));
    g_autofree char *b = lamp_share_format((double) counts[1] / (double) MAX(of[1], 1));
    return g_strdup_printf("%s → %s", a, b);
}

static char *
format_per_request(const Answer *answer, const LampCompared *row)
{
    const guint64 *n = answer->comparison->flows;
    return g_strdup_printf("%.3g → %.3g", (double) row->count[0] / (double) MAX(n[0], 1),
                           (double) row->count[1] / (double) MAX(n[1], 1));
}

static char *
format_mean(const LampAdded *added)
{
    return g_strdup_printf("%+.2f ms", added->value / 1e6);
}

static char *
format_interval(const LampAdded *added)
{
    return g_strdup_printf("%+.2f..%+.2f", added->low / 1e6, added->high / 1e6);
}

static const char *const time_columns[] = {
    "what",      ">own p50", ">fdr", ">mean request", ">~95 % interval",
    ">~own p95", ">~calls",  NULL};

static void
add_time(G_GNUC_UNUSED const Answer *answer, LampTable *table, const LampCompared *row)
{
    char *cells[] = {g_strdup(row->name),
                     format_shift(row, 0.5),
                     g_strdup_printf("%.2g", row->duration_rate),
                     format_mean(&row->by_time),
                     format_interval(&row->by_time),
                     format_shift(row, 0.95),
                     format_counts(row->count)};
    lamp_table_take(table, cells);
}

static const char *const call_columns[] = {
    "what", ">per request", ">calls", ">fdr", ">~mean request", ">~95 % interval", NULL};

static void
add_calls(const Answer *answer, LampTable *table, const LampCompared *row)
{
    char *cells[] = {g_strdup(row->name),         format_per_request(answer, row),
                     format_counts(row->count),   g_strdup_printf("%.2g", row->share_rate),
                     format_mean(&row->by_calls), format_interval(&row->by_calls)};
    lamp_table_take(table, cells);
}

static const char *const error_columns[] = {"what", ">failed", ">calls that failed",
                                            ">fdr", ">~calls", NULL};

static void
add_errors(G_GNUC_UNUSED const Answer *answer, LampTable *table, const LampCompared *row)
{
    char *cells[] = {g_strdup(row->name), format_shares(row->errors, row->count),
                     format_counts(row->errors), g_strdup_printf("%.2g", row->error_rate),
                     format_counts(row->count)};
    lamp_table_take(table, cells);
}

static const char *const shape_columns[] = {
    "what",  ">share of requests", ">fdr", ">mean request", "~shape", ">~requests", ">~p50",
    ">~p95", ">~95 % interval",    NULL};

static void
add_shape(const Answer *answer, LampTable *table, const LampCompared *row)
{
    char *cells[] = {g_strdup(row->name),
                     format_shares(row->count, answer->comparison->flows),
                     g_strdup_printf("%.2g", row->share_rate),
                     format_mean(&row->added),
                     g_strdup_printf("%016" G_GINT64_MODIFIER "x", row->hash),
                     format_counts(row->count),
                     format_shift(row, 0.5),
                     format_shift(row, 0.95),
                     format_interval(&row->added)};
    lamp_table_take(table, cells);
}

static const char *const edge_columns[] = {
    "what", ">p50", ">fdr", ">mean request", ">~p95", ">~calls", ">~95 % interval", NULL};

static void
add_edge(G_GNUC_UNUSED const Answer *answer, LampTable *table, const LampCompared *row)
{
    char *cells[] = {g_strdup(row->name),
                     format_shift(row, 0.5),
                     g_strdup_printf("%.2g", row->duration_rate),
                     format_mean(&row->by_time),
                     format_shift(row, 0.95),
                     format_counts(row->count),
                     format_interval(&row->by_time)};
    lamp_table_take(table, cells);
}

static gint
compare_ranks(gconstpointer a, gconstpointer b, gpointer payload)
{
    const LampCompared *x = *(const LampCompared *const *) a;
    const LampCompared *y = *(const LampCompared *const *) b;
    const Part *part = payload;
    double vx = fabs(part->rank(x)->value), vy = fabs(part->rank(y)->value);
    if (vx < vy || vx > vy)
        return vx > vy ? -1 : 1;
    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

/* Returns how many rows there are. */
static guint
append_part(const Answer *answer, const Part *part, const GArray *rows)
{
    g_autoptr(GPtrArray) chosen = g_ptr_array_new();
    for (guint i = 0; i < rows->len; i++) {
        LampCompared *row = &g_array_index(rows, LampCompared, i);
        if (part->is_chosen(answer, row))
            g_ptr_array_add(chosen, row);
    }
    if (chosen->len == 0)
        return 0;
    g_ptr_array_sort_with_data(chosen, compare_ranks, (gpointer) part);
    g_autoptr(LampTable) table = lamp_table_new(part->columns);
    guint shown = answer->most == 0 ? chosen->len : MIN(answer->most, chosen->len);
    for (guint i = 0; i < shown; i++)
        part->add(answer, table, chosen->pdata[i]);
    g_string_append_printf(answer->out, "\n%s (%u", part->title, chosen->len);
    if (shown < chosen->len)
        g_string_append_printf(answer->out, ", the first %u", shown);
    g_string_append(answer->out, ")\n");
    lamp_table_render(table, answer->out, answer->cli->table_width);
    return chosen->len;
}

/* "slower" where both the median and the 95th percentile say so, and so on. */
static const char *
direction(const LampQuantiles *sides)
{
    gint64 p50 = lamp_quantiles_at(&sides[1], 0.5) - lamp_quantiles_at(&sides[0], 0.5);
    gint64 p95 = lamp_quantiles_at(&sides[1], 0.95) - lamp_quantiles_at(&sides[0], 0.95);
    return p50 > 0 && p95 >= 0 ? "slower" : p50 < 0 && p95 <= 0 ? "faster" : "spread otherwise";
}

static void
append_sides(const Answer *answer)
{
    static const char *const titles[] = {"",     ">requests", ">per s", ">failed", ">p50",
                                         ">p95", ">p99",      ">~sure", NULL};
    static const char *const names[] = {"before", "after"};
    const LampComparison *c = answer->comparison;
    g_autoptr(LampTable) table = lamp_table_new(titles);
    for (guint side = 0; side < LAMP_SIDES; side++) {
        double rate = lamp_compare_rate(c, (LampCompareSide) side);
        char *cells[] = {
            g_strdup(names[side]),
            lamp_count_format(c->flows[side]),
            isnan(rate) ? NULL : g_strdup_printf("%.2f", rate),
            lamp_share_format((double) c->errors[side] / (double) MAX(c->flows[side], 1)),
            lamp_quantile_format(&c->duration[side], 0.5),
            lamp_quantile_format(&c->duration[side], 0.95),
            lamp_quantile_format(&c->duration[side], 0.99),
            lamp_share_format(c->confidence[side])};
        lamp_table_take(table, cells);
    }
    lamp_table_render(table, answer->out, answer->cli->table_width);
}

static void
append_verdicts(const Answer *answer)
{
    const LampComparison *c = answer->comparison;
    gsize below = answer->out->len;
    gboolean is_other = c->duration_probability <= answer->level;
    gboolean fails = c->error_probability <= answer->level;
    double more = (double) c->errors[1] * (double) c->flows[0] -
                  (double) c->errors[0] * (double) c->flows[1];
    g_string_append_printf(
        answer->out, "\nlatency: requests are %s (as much by chance: p = %.2g)\n",
        is_other ? direction(c->duration) : "neither slower nor faster as far as can be told",
        c->duration_probability);
    g_string_append_printf(answer->out,
                           "errors: %" G_GUINT64_FORMAT " → %" G_GUINT64_FORMAT
                           " requests failed, %s (p = %.2g)\n",
                           c->errors[0], c->errors[1],
                           !fails       ? "no other share as far as can be told"
                           : more > 0.0 ? "a larger share"
                                        : "a smaller share",
                           c->error_probability);
    lamp_wrap(answer->cli, answer->out, below);
}

static const Part operation_parts[] = {
    {"slower or faster: own time of operations, likely causes of other latency", time_columns,
     takes_other_time, rank_by_time, add_time},
    {"called more or less often: operations by calls for each request", call_columns,
     has_other_count, rank_by_calls, add_calls},
    {"failing more or less often: operations by the share of calls that failed", error_columns,
     fails_otherwise, rank_by_all, add_errors},
};

static const Part shape_parts[] = {
    {"new shapes of requests", shape_columns, is_new, rank_by_all, add_shape},
    {"vanished shapes of requests", shape_columns, is_gone, rank_by_all, add_shape},
    {"shapes of requests with another share", shape_columns, has_other_share, rank_by_all,
     add_shape},
};

static const Part edge_parts[] = {
    {"calls with other durations, as their callers saw them", edge_columns, is_shifted,
     rank_by_time, add_edge},
};

static void
append_footer(const Answer *answer, guint found)
{
    const LampComparison *c = answer->comparison;
    if (found == 0)
        g_string_append_printf(answer->out,
                               "\nno operation and no shape of requests changed: nothing has a "
                               "false discovery rate of at most %.3g\n",
                               answer->level);
    else
        g_string_append_printf(
            answer->out,
            "\nfdr: false discovery rate, shown up to %.3g (--level); mean request: what this "
            "change alone adds to it, with its 95 %% interval. That something is called more "
            "often says nothing of how fast it is\n",
            answer->level);
    if (c->unanswered[0] + c->unanswered[1] > 0)
        g_string_append_printf(answer->out,
                               "Calls without a response are in no duration: %" G_GUINT64_FORMAT
                               " before, %" G_GUINT64_FORMAT " after.\n",
                               c->unanswered[0], c->unanswered[1]);
}

void
lamp_diff_text(LampCli *cli, const LampComparison *comparison, double level, guint most,
               GString *out)
{
    Answer answer = {cli, comparison, level, most, out};
    guint found = 0;
    append_sides(&answer);
    append_verdicts(&answer);
    for (gsize i = 0; i < G_N_ELEMENTS(operation_parts); i++)
        found += append_part(&answer, &operation_parts[i], comparison->operations);
    for (gsize i = 0; i < G_N_ELEMENTS(shape_parts); i++)
        found += append_part(&answer, &shape_parts[i], comparison->shapes);
    for (gsize i = 0; i < G_N_ELEMENTS(edge_parts); i++)
        found += append_part(&answer, &edge_parts[i], comparison->edges);
    gsize below = out->len;
    append_footer(&answer, found);
    lamp_wrap(cli, out, below);
}
