/*
 * Comparing two sets of flows, after Sambasivan et al., Spectroscope (NSDI 2011): structural
 * mutations are shapes whose share changed, response-time mutations are edges whose durations
 * changed. Shares are tested with the G-test, durations with Kolmogorov-Smirnov, and all
 * probabilities of one kind are corrected together (Benjamini and Hochberg), because hundreds
 * are tested at once. The likely cause is ranked by what an operation's own time on critical
 * paths adds to or takes from the mean request, and it is own times that are compared there, so
 * slower callees further down make no cause of their callers.
 *
 * Everything is keyed by hashes of texts, so two databases need share no ids.
 */
#include "model/compare.h"

#include "model/costs.h"
#include "model/critical-path.h"
#include "model/index-map.h"
#include "model/shape.h"
#include "model/statistics.h"

#include <math.h>

#define LEARN_FLOWS 20000u

typedef struct {
    LampIndexMap index;
    GArray *rows;
} Table;

/* While one side is read. */
typedef struct {
    LampComparison *comparison;
    LampCompareSide side;
    LampTopology *topology;
    LampShapes *shapes;
    Table tables[3]; /* shapes, edges, operations */
    GArray *critical;
} Reading;

static void
clear_compared(gpointer pointer)
{
    LampCompared *row = pointer;
    g_free(row->name);
    for (guint side = 0; side < LAMP_SIDES; side++)
        lamp_quantiles_clear(&row->duration[side]);
}

LampComparison *
lamp_compare_new(void)
{
    LampComparison *comparison = g_new0(LampComparison, 1);
    GArray **arrays[] = {&comparison->shapes, &comparison->edges, &comparison->operations};
    for (gsize i = 0; i < G_N_ELEMENTS(arrays); i++) {
        *arrays[i] = g_array_new(FALSE, TRUE, sizeof(LampCompared));
        g_array_set_clear_func(*arrays[i], clear_compared);
    }
    return comparison;
}

void
lamp_compare_free(LampComparison *comparison)
{
    if (comparison == NULL)
        return;
    g_array_unref(comparison->shapes);
    g_array_unref(comparison->edges);
    g_array_unref(comparison->operations);
    for (guint side = 0; side < LAMP_SIDES; side++)
        lamp_quantiles_clear(&comparison->duration[side]);
    g_free(comparison);
}

static char *
label_name(const LampTopology *topology, guint32 label)
{
    return g_strconcat(lamp_topology_label_service(topology, label), " ",
                       lamp_topology_label(topology, label)->operation, NULL);
}

/* Row of @hash; the index is built anew for each side from what is there. */
static LampCompared *
find_row(Table *table, guint64 hash, gboolean *out_is_new)
{
    guint32 i = lamp_index_map_add(&table->index, hash, table->rows->len, out_is_new);
    if (*out_is_new) {
        LampCompared row = {.hash = hash};
        g_array_append_val(table->rows, row);
    }
    return &g_array_index(table->rows, LampCompared, i);
}

static void
index_rows(Table *table, GArray *rows)
{
    table->rows = rows;
    lamp_index_map_init(&table->index);
    for (guint i = 0; i < rows->len; i++)
        lamp_index_map_add(&table->index, g_array_index(rows, LampCompared, i).hash, i, NULL);
}

/* Durations tell how fast something is: those of answers, and not of waits for work. */
static gboolean
has_duration(const LampFlowCall *call)
{
    return !call->waits && lamp_flow_call_has_duration(call);
}

/* One more of the request at hand; squares grow by (n + 1)^2 - n^2. */
static void
count_in_request(const Reading *reading, LampCompared *row)
{
    guint64 flow =
        reading->comparison->flows[LAMP_SIDE_A] + reading->comparison->flows[LAMP_SIDE_B] + 1;
    if (row->last_request != flow) {
        row->last_request = flow;
        row->in_request = 0;
        row->in_request_time = 0.0;
        row->requests[reading->side]++;
    }
    row->squares[reading->side] += 2.0 * row->in_request++ + 1.0;
    row->products[reading->side] += row->in_request_time;
    row->count[reading->side]++;
}

/* So much more time of the request at hand, after count_in_request(). */
static void
count_time(const Reading *reading, LampCompared *row, double time)
{
    row->time[reading->side] += time;
    row->time_squares[reading->side] += time * (time + 2.0 * row->in_request_time);
    row->products[reading->side] += time * row->in_request;
    row->in_request_time += time;
}

static void
count_shape(Reading *reading, const LampFlow *flow)
{
    gboolean is_new;
    LampCompared *row =
        find_row(&reading->tables[0], lamp_shapes_identify(reading->shapes, flow), &is_new);
    if (is_new)
        row->name = label_name(reading->topology, flow->calls[0].label);
    count_in_request(reading, row);
    row->errors[reading->side] += flow->calls[0].is_error;
    if (lamp_flow_is_open(flow))
        return;
    lamp_quantiles_add(&row->duration[reading->side], lamp_flow_duration(flow), 1);
    count_time(reading, row, (double) lamp_flow_duration(flow));
}

static void
count_call(Reading *reading, const LampFlow *flow, guint32 i, const LampCritical *critical)
{
    const LampFlowCall *call = &flow->calls[i];
    const LampTopology *topology = reading->topology;
    guint64 hash = lamp_topology_label(topology, call->label)->hash;
    gboolean is_new;
    LampCompared *row = find_row(&reading->tables[2], hash, &is_new);
    if (is_new)
        row->name = label_name(topology, call->label);
    count_in_request(reading, row);
    row->errors[reading->side] += call->is_error;
    count_time(reading, row, (double) critical->own);
    if (has_duration(call))
        lamp_quantiles_add(&row->duration[reading->side], lamp_own_time(flow, i), 1);
    if (call->parent == LAMP_FLOW_NONE)
        return;
    guint32 above = flow->calls[call->parent].label;
    guint64 pair = lamp_mix64(lamp_topology_label(topology, above)->hash ^ 1) + hash;
    row = find_row(&reading->tables[1], pair, &is_new);
    if (is_new) {
        g_autofree char *from = label_name(topology, above);
        g_autofree char *to = label_name(topology, call->label);
        row->name = g_strconcat(from, " -> ", to, NULL);
    }
    count_in_request(reading, row);
    row->errors[reading->side] += call->is_error;
    if (!has_duration(call))
        return;
    lamp_quantiles_add(&row->duration[reading->side], call->client_end - call->client_start, 1);
    count_time(reading, row, (double) (call->client_end - call->client_start));
}

static void
count_flow(Reading *reading, const LampFlow *flow)
{
    LampComparison *comparison = reading->comparison;
    g_array_set_size(reading->critical, flow->count);
    LampCritical *critical = (LampCritical *) (gpointer) reading->critical->data;
    lamp_critical_path_find(flow, critical);
    count_shape(reading, flow);
    for (guint32 i = 0; i < flow->count; i++)
        count_call(reading, flow, i, &critical[i]);
    if (comparison->flows[reading->side]++ == 0)
        comparison->first[reading->side] = comparison->last[reading->side] =
            flow->calls[0].client_start;
    comparison->first[reading->side] =
        MIN(comparison->first[reading->side], flow->calls[0].client_start);
    comparison->last[reading->side] =
        MAX(comparison->last[reading->side], flow->calls[0].client_start);
    comparison->errors[reading->side] += flow->calls[0].is_error;
    comparison->confidence[reading->side] += flow->confidence;
    if (!lamp_flow_is_open(flow))
        lamp_quantiles_add(&comparison->duration[reading->side], lamp_flow_duration(flow), 1);
    for (guint32 i = 0; i < flow->count; i++)
        comparison->unanswered[reading->side] += flow->calls[i].is_open;
}

gboolean
lamp_compare_read(LampComparison *comparison, LampCompareSide side, LampStore *store,
                  const LampFlowFilter *filter, GError **error)
{
    LampFlowFilter wanted = *filter;
    wanted.skip_background = TRUE;
    g_autoptr(LampTopology) topology = lamp_topology_load(store, error);
    if (topology == NULL)
        return FALSE;
    g_autoptr(LampStructure) structure =
        lamp_structure_learn(store, topology, NULL, LEARN_FLOWS, error);
    g_autoptr(LampFlowReader) reader =
        structure == NULL ? NULL : lamp_flow_reader_new(store, topology, &wanted, error);
    if (reader == NULL)
        return FALSE;
    LampShapeOptions options = {0};
    g_autoptr(LampShapes) shapes = lamp_shapes_new(topology, structure, &options);
    g_autoptr(GArray) critical = g_array_new(FALSE, FALSE, sizeof(LampCritical));
    Reading reading = {comparison, side, topology, shapes, {{{0}, NULL}}, critical};
    index_rows(&reading.tables[0], comparison->shapes);
    index_rows(&reading.tables[1], comparison->edges);
    index_rows(&reading.tables[2], comparison->operations);
    const LampFlow *flow = NULL;
    gboolean ok;
    while ((ok = lamp_flow_reader_next(reader, &flow, error)) && flow != NULL)
        count_flow(&reading, flow);
    for (gsize i = 0; i < G_N_ELEMENTS(reading.tables); i++)
        lamp_index_map_clear(&reading.tables[i].index);
    return ok;
}

static double
duration_probability(const LampQuantiles *sides)
{
    return lamp_ks_probability(lamp_ks_distance(&sides[0], &sides[1]), (double) sides[0].count,
                               (double) sides[1].count);
}

/* Is it in another share of the requests, or more often in each? The likelier change of the two
 * counts, at the price of having looked twice. */
static double
share_probability(const LampCompared *row, double n_a, double n_b)
{
    double calls = (double) (row->count[0] + row->count[1]);
    double requests = (double) (row->requests[0] + row->requests[1]);
    double share =
        lamp_share_probability((double) row->requests[0], n_a, (double) row->requests[1], n_b);
    if (calls <= requests)
        return share;
    double rate = lamp_rate_probability((double) row->count[0], n_a, (double) row->count[1],
                                        n_b, (row->squares[0] + row->squares[1]) / calls);
    return MIN(1.0, 2.0 * MIN(share, rate));
}

static double
error_probability(const guint64 *errors, const guint64 *count)
{
    return lamp_share_probability((double) errors[0], (double) count[0], (double) errors[1],
                                  (double) count[1]);
}

static void
test_rows(const LampComparison *comparison, GArray *rows)
{
    g_autofree double *shares = g_new(double, rows->len + 1);
    g_autofree double *durations = g_new(double, rows->len + 1);
    g_autofree double *errors = g_new(double, rows->len + 1);
    double n_a = (double) comparison->flows[LAMP_SIDE_A];
    double n_b = (double) comparison->flows[LAMP_SIDE_B];
    for (guint i = 0; i < rows->len; i++) {
        const LampCompared *row = &g_array_index(rows, LampCompared, i);
        shares[i] = share_probability(row, n_a, n_b);
        durations[i] = duration_probability(row->duration);
        errors[i] = error_probability(row->errors, row->count);
    }
    lamp_adjust_probabilities(shares, rows->len);
    lamp_adjust_probabilities(durations, rows->len);
    lamp_adjust_probabilities(errors, rows->len);
    for (guint i = 0; i < rows->len; i++) {
        LampCompared *row = &g_array_index(rows, LampCompared, i);
        row->share_rate = shares[i];
        row->duration_rate = durations[i];
        row->error_rate = errors[i];
    }
}

static LampAdded
added(double value, double variance)
{
    double reach = 1.96 * sqrt(MAX(variance, 0.0));
    return (LampAdded){value, value - reach, value + reach};
}

/* Time a call and calls a request of one side, with the variances of both estimates. */
typedef struct {
    double time, calls, time_variance, calls_variance;
} SideMeans;

static SideMeans
side_means(const LampComparison *comparison, const LampCompared *row, guint side)
{
    double n = MAX((double) comparison->flows[side], 1.0), calls = (double) row->count[side];
    SideMeans m = {.calls = calls / n};
    m.calls_variance = MAX(row->squares[side] / n - m.calls * m.calls, 0.0) / n;
    if (calls <= 0.0)
        return m;
    m.time = row->time[side] / calls;
    m.time_variance = MAX(row->time_squares[side] - 2.0 * m.time * row->products[side] +
                              m.time * m.time * row->squares[side],
                          0.0) /
                      (calls * calls);
    return m;
}

/* What the change of this row adds to the mean request: a single outlier is within its own
 * error. Split at the middle of both sides: calls that take longer, and more calls. What is on
 * one side only is a matter of calls. */
static void
find_effect(const LampComparison *comparison, LampCompared *row)
{
    double mean[LAMP_SIDES], variance = 0.0;
    SideMeans a = side_means(comparison, row, LAMP_SIDE_A);
    SideMeans b = side_means(comparison, row, LAMP_SIDE_B);
    for (guint side = 0; side < LAMP_SIDES; side++) {
        double n = MAX((double) comparison->flows[side], 1.0);
        mean[side] = row->time[side] / n;
        variance += MAX(row->time_squares[side] / n - mean[side] * mean[side], 0.0) / n;
    }
    row->added = added(mean[LAMP_SIDE_B] - mean[LAMP_SIDE_A], variance);
    if (row->count[LAMP_SIDE_A] == 0 || row->count[LAMP_SIDE_B] == 0) {
        row->by_calls = row->added;
        return;
    }
    double calls = (a.calls + b.calls) / 2.0, time = (a.time + b.time) / 2.0;
    row->by_time =
        added((b.time - a.time) * calls, calls * calls * (a.time_variance + b.time_variance));
    row->by_calls =
        added((b.calls - a.calls) * time, time * time * (a.calls_variance + b.calls_variance));
}

double
lamp_compare_rate(const LampComparison *comparison, LampCompareSide side)
{
    double span = (double) (comparison->last[side] - comparison->first[side]);
    return span > 0.0 ? (double) (comparison->flows[side] - 1) * 1e9 / span : (double) NAN;
}

static gint
compare_effects(gconstpointer a, gconstpointer b)
{
    const LampCompared *x = a, *y = b;
    double vx = fabs(x->added.value), vy = fabs(y->added.value);
    if (vx < vy || vx > vy)
        return vx > vy ? -1 : 1;
    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

void
lamp_compare_finish(LampComparison *comparison)
{
    GArray *arrays[] = {comparison->shapes, comparison->edges, comparison->operations};
    double n_a = MAX((double) comparison->flows[LAMP_SIDE_A], 1.0);
    double n_b = MAX((double) comparison->flows[LAMP_SIDE_B], 1.0);
    for (gsize k = 0; k < G_N_ELEMENTS(arrays); k++) {
        test_rows(comparison, arrays[k]);
        for (guint i = 0; i < arrays[k]->len; i++) {
            find_effect(comparison, &g_array_index(arrays[k], LampCompared, i));
        }
        g_array_sort(arrays[k], compare_effects);
    }
    comparison->confidence[0] /= n_a;
    comparison->confidence[1] /= n_b;
    comparison->error_probability = error_probability(comparison->errors, comparison->flows);
    comparison->duration_probability = duration_probability(comparison->duration);
}
