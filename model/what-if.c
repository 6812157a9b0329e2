/*
 * What-if by trace-driven replay.
 *
 * All flows are compiled into one batch, limits and waits and timeouts are learnt from it, and
 * every question runs a rewritten copy of the batch through the simulation. Intervals come from
 * a block bootstrap over time: the requests are cut into blocks of neighbours (load, stalls and
 * caches make neighbours alike), blocks are drawn with replacement, and each block's part of
 * the distribution is kept as a sketch, so a draw costs the same for a thousand or a million
 * requests.
 */
#include "model/what-if.h"

#include "model/index-map.h"
#include "model/quantiles.h"

#include <math.h>
#include <string.h>

#define MOST_FLOWS 200000u
#define BLOCKS 40u
#define DRAWS 200u

const char *const lamp_metric_names[LAMP_METRICS] = {"mean", "p50", "p90", "p95", "p99"};

struct LampWhatif {
    LampTopology *topology;
    LampReplay *replay;
    LampStations stations;
    GArray *limits;
};

static gboolean
load_flows(LampWhatif *whatif, LampFlowReader *reader, const LampStructure *structure,
           guint most, GError **error)
{
    const LampFlow *flow;
    while (whatif->replay->flows->len < most) {
        if (!lamp_flow_reader_next(reader, &flow, error))
            return FALSE;
        if (flow == NULL)
            break;
        lamp_replay_add(whatif->replay, flow, structure);
    }
    lamp_replay_sort(whatif->replay);
    return TRUE;
}

LampWhatif *
lamp_whatif_load(LampStore *store, LampTopology *topology, const LampStructure *structure,
                 const LampFlowFilter *filter, guint most_flows, GError **error)
{
    g_autoptr(LampWhatif) whatif = g_new0(LampWhatif, 1);
    whatif->topology = topology;
    whatif->replay = lamp_replay_new();
    g_autoptr(LampFlowReader) reader = lamp_flow_reader_new(store, topology, filter, error);
    if (reader == NULL || !load_flows(whatif, reader, structure,
                                      most_flows == 0 ? MOST_FLOWS : most_flows, error))
        return NULL;
    guint instances = lamp_topology_instance_count(topology);
    g_autofree guint32 *service_of = g_new0(guint32, instances);
    for (guint i = 0; i < instances; i++)
        service_of[i] = lamp_topology_instance(topology, i)->service;
    lamp_stations_learn(whatif->replay, instances, &whatif->stations, &whatif->limits);
    lamp_timeouts_learn(whatif->replay, service_of, instances);
    return g_steal_pointer(&whatif);
}

void
lamp_whatif_free(LampWhatif *whatif)
{
    if (whatif == NULL)
        return;
    lamp_replay_free(whatif->replay);
    lamp_stations_clear(&whatif->stations);
    g_clear_pointer(&whatif->limits, g_array_unref);
    g_free(whatif);
}

const GArray *
lamp_whatif_limits(const LampWhatif *whatif)
{
    return whatif->limits;
}

guint64
lamp_whatif_requests(const LampWhatif *whatif)
{
    guint64 n = 0;
    for (guint i = 0; i < whatif->replay->flows->len; i++)
        n += lamp_replay_flow(whatif->replay, i)->is_background ? 0 : 1;
    return n;
}

static LampReplay *
copy_replay(const LampReplay *replay)
{
    LampReplay *copy = lamp_replay_new();
    g_array_append_vals(copy->flows, replay->flows->data, replay->flows->len);
    g_array_append_vals(copy->calls, replay->calls->data, replay->calls->len);
    return copy;
}

/* Rewrites a copy and runs it; caller frees the outcomes. */
static LampOutcome *
run_change(LampWhatif *whatif, const LampChange *change, LampLoadReport *out_report,
           LampStations *out_stations)
{
    g_autoptr(LampReplay) replay = copy_replay(whatif->replay);
    LampOutcome *out = g_new(LampOutcome, replay->flows->len + 1);
    out_stations->instances = whatif->stations.instances;
    out_stations->limits =
        g_memdup2(whatif->stations.limits, whatif->stations.instances * sizeof(guint32));
    if (change != NULL)
        lamp_change_apply(change, whatif->topology, replay, out_stations, 1);
    lamp_simulate(replay, out_stations, out, out_report);
    return out;
}

double
lamp_metric_value(LampMetric metric, const gint64 *sorted, gsize n)
{
    static const double shares[] = {0.0, 0.5, 0.9, 0.95, 0.99};
    double sum = 0.0;
    if (n == 0)
        return 0.0;
    if (metric == LAMP_METRIC_MEAN) {
        for (gsize i = 0; i < n; i++)
            sum += (double) sorted[i];
        return sum / (double) n;
    }
    /* Between ranks by their distance, so that few requests do not jump. */
    double rank = shares[metric] * (double) (n - 1);
    gsize low = (gsize) rank;
    gsize high = MIN(low + 1, n - 1);
    return (double) sorted[low] + (rank - (double) low) * (double) (sorted[high] - sorted[low]);
}

static gint
compare_ns(gconstpointer a, gconstpointer b)
{
    gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;
    return x < y ? -1 : x > y;
}

static double
sketch_value(LampMetric metric, const LampQuantiles *sketch)
{
    static const double shares[] = {0.0, 0.5, 0.9, 0.95, 0.99};
    return metric == LAMP_METRIC_MEAN ? lamp_quantiles_mean(sketch)
                                      : (double) lamp_quantiles_at(sketch, shares[metric]);
}

static gint
compare_real(gconstpointer a, gconstpointer b)
{
    double x = *(const double *) a, y = *(const double *) b;
    return x < y ? -1 : x > y;
}

/* Intervals of all metrics from sketches of blocks. Both sides draw the same blocks. */
static void
bootstrap(const LampQuantiles *blocks, LampEstimate *estimates)
{
    g_autofree double *values = g_new(double, LAMP_METRICS *DRAWS);
    guint64 random = 42;
    for (guint draw = 0; draw < DRAWS; draw++) {
        g_auto(LampQuantiles) sum;
        lamp_quantiles_init(&sum);
        for (guint b = 0; b < BLOCKS; b++) {
            random += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
            lamp_quantiles_merge(&sum, &blocks[lamp_mix64(random) % BLOCKS], 1);
        }
        for (guint m = 0; m < LAMP_METRICS; m++)
            values[m * DRAWS + draw] = sketch_value((LampMetric) m, &sum);
    }
    for (guint m = 0; m < LAMP_METRICS; m++) {
        double *of_metric = values + m * DRAWS;
        qsort(of_metric, DRAWS, sizeof *of_metric, compare_real);
        estimates[m].low = MIN(of_metric[DRAWS / 40], estimates[m].value);
        estimates[m].high = MAX(of_metric[DRAWS - 1 - DRAWS / 40], estimates[m].value);
    }
}

/* Durations of the flows @members (in the order of time) into sorted array and estimates. */
static gint64 *
summarise(const gint64 *durations, gsize n, LampEstimate *out)
{
    LampQuantiles blocks[BLOCKS];
    for (guint b = 0; b < BLOCKS; b++)
        lamp_quantiles_init(&blocks[b]);
    for (gsize i = 0; i < n; i++)
        lamp_quantiles_add(&blocks[i * BLOCKS / n], durations[i], 1);
    gint64 *sorted = g_memdup2(durations, n * sizeof *durations);
    qsort(sorted, n, sizeof *sorted, compare_ns);
    for (guint m = 0; m < LAMP_METRICS; m++)
        out[m].value = lamp_metric_value((LampMetric) m, sorted, n);
    bootstrap(blocks, out);
    for (guint b = 0; b < BLOCKS; b++)
        lamp_quantiles_clear(&blocks[b]);
    return sorted;
}

static void
clear_row(gpointer pointer)
{
    LampWhatifRow *row = pointer;
    g_free(row->durations_before);
    g_free(row->durations_after);
}

/* Row of the requests with @label (LAMP_FLOW_NONE: all). */
static void
add_row(const LampWhatif *whatif, const LampOutcome *out, guint32 label, GArray *rows)
{
    g_autoptr(GArray) before = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autoptr(GArray) after = g_array_new(FALSE, FALSE, sizeof(gint64));
    LampWhatifRow row = {.label = label};
    for (guint i = 0; i < whatif->replay->flows->len; i++) {
        const LampReplayFlow *flow = lamp_replay_flow(whatif->replay, i);
        if (flow->is_background || (label != LAMP_FLOW_NONE && flow->label != label))
            continue;
        g_array_append_val(before, flow->duration);
        g_array_append_val(after, out[i].duration);
        row.confidence += (double) flow->confidence;
        row.cut += out[i].is_cut;
    }
    row.requests = before->len;
    if (before->len == 0)
        return;
    row.confidence /= (double) row.requests;
    row.durations_before =
        summarise((const gint64 *) (gpointer) before->data, before->len, row.before);
    row.durations_after =
        summarise((const gint64 *) (gpointer) after->data, after->len, row.after);
    g_array_append_val(rows, row);
}

static gint
compare_rows(gconstpointer a, gconstpointer b)
{
    const LampWhatifRow *x = a, *y = b;
    if ((x->label == LAMP_FLOW_NONE) != (y->label == LAMP_FLOW_NONE))
        return x->label == LAMP_FLOW_NONE ? -1 : 1;
    if (x->requests != y->requests)
        return x->requests > y->requests ? -1 : 1;
    return x->label < y->label ? -1 : x->label > y->label;
}

static void
find_busiest(const LampWhatif *whatif, const LampStations *stations,
             const LampLoadReport *report, LampWhatifResult *result)
{
    double span = MAX((double) report->span, 1.0);
    double best = 0.0;
    result->throughput = (double) lamp_whatif_requests(whatif) * 1e9 / span;
    for (guint i = 1; i < stations->instances; i++) {
        if (stations->limits[i] == 0)
            continue;
        double use = (double) report->work[i] / (span * stations->limits[i]);
        if (use <= best)
            continue;
        best = use;
        result->busiest = i;
        result->busiest_use = use;
        result->throughput_limit = result->throughput / MAX(use, 1e-9);
    }
}

LampWhatifResult *
lamp_whatif_run(LampWhatif *whatif, const LampChange *change)
{
    LampWhatifResult *result = g_new0(LampWhatifResult, 1);
    LampLoadReport report = {0};
    LampStations stations = {0};
    g_autofree LampOutcome *out = run_change(whatif, change, &report, &stations);
    result->rows = g_array_new(FALSE, TRUE, sizeof(LampWhatifRow));
    g_array_set_clear_func(result->rows, clear_row);
    add_row(whatif, out, LAMP_FLOW_NONE, result->rows);
    for (guint32 label = 0; label < lamp_topology_label_count(whatif->topology); label++)
        add_row(whatif, out, label, result->rows);
    g_array_sort(result->rows, compare_rows);
    find_busiest(whatif, &stations, &report, result);
    lamp_load_report_clear(&report);
    lamp_stations_clear(&stations);
    return result;
}

void
lamp_whatif_result_free(LampWhatifResult *result)
{
    if (result == NULL)
        return;
    g_array_unref(result->rows);
    g_free(result);
}

double
lamp_whatif_mean(LampWhatif *whatif, const LampChange *change)
{
    LampStations stations = {0};
    g_autofree LampOutcome *out = run_change(whatif, change, NULL, &stations);
    double sum = 0.0, n = 0.0;
    for (guint i = 0; i < whatif->replay->flows->len; i++) {
        gboolean is_counted = !lamp_replay_flow(whatif->replay, i)->is_background;
        sum += is_counted ? (double) out[i].duration : 0.0;
        n += is_counted ? 1.0 : 0.0;
    }
    lamp_stations_clear(&stations);
    return n > 0.0 ? sum / n : 0.0;
}
