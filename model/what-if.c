/*
 * What-if by trace-driven replay.
 *
 * Flows are compiled in batches; limits are learnt from the first, waits and timeouts in each,
 * and every question runs rewritten batches through the simulation. Between two batches no call
 * waits for another, which matters for one flow in thousands. Intervals come from
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

#define BLOCKS 40u
#define DRAWS 200u

const char *const lamp_metric_names[LAMP_METRICS] = {"mean", "p50", "p90", "p95", "p99"};

struct LampWhatif {
    LampStore *store;
    LampTopology *topology;
    const LampStructure *structure;
    LampFlowFilter filter;
    guint most_flows;
    LampReplay *first; /* batch */
    gboolean is_whole; /* the first batch is all there is */
    LampStations stations;
    GArray *limits;
};

/* What came out, flow by flow in the order of time, background left out. */
typedef struct {
    GArray *before, *after; /* gint64 */
    GArray *labels;         /* guint32 */
    GArray *cut;            /* guint8 */
    double confidence;      /* sum */
    LampLoadReport report;  /* sums over the batches */
    guint instances;        /* that the report has room for */
    LampStations stations;  /* as changed */
} Outcomes;

/* Where callers are known for most requests, a root without one is no request of a client but
 * something that a log alone tells of (an operator's statement, a start-up script): it takes
 * part in the load and is not counted. */
static void
leave_out_callerless(LampReplay *replay)
{
    guint known = 0, unknown = 0;
    for (gint pass = 0; pass < 2; pass++)
        for (guint i = 0; i < replay->flows->len; i++) {
            LampReplayFlow *flow = lamp_replay_flow(replay, i);
            gboolean is_known = lamp_replay_calls(replay, flow)->client_instance != 0;
            if (flow->is_background)
                continue;
            if (pass == 0) {
                known += is_known ? 1 : 0;
                unknown += is_known ? 0 : 1;
            } else if (!is_known && known > unknown) {
                flow->is_background = 1;
            }
        }
}

/* Reads at most @most flows; *out_is_last tells that there are no more. */
static gboolean
read_batch(LampReplay *replay, LampFlowReader *reader, const LampStructure *structure,
           guint most, gboolean *out_is_last, GError **error)
{
    const LampFlow *flow;
    *out_is_last = FALSE;
    while (replay->flows->len < most) {
        if (!lamp_flow_reader_next(reader, &flow, error))
            return FALSE;
        if (flow == NULL) {
            *out_is_last = TRUE;
            break;
        }
        lamp_replay_add(replay, flow, structure);
    }
    lamp_replay_sort(replay);
    leave_out_callerless(replay);
    return TRUE;
}

static void
learn_timeouts(const LampTopology *topology, LampReplay *replay)
{
    guint instances = lamp_topology_instance_count(topology);
    g_autofree guint32 *service_of = g_new0(guint32, instances);
    for (guint i = 0; i < instances; i++)
        service_of[i] = lamp_topology_instance(topology, i)->service;
    lamp_timeouts_learn(replay, service_of, instances);
}

LampWhatif *
lamp_whatif_load(LampStore *store, LampTopology *topology, const LampStructure *structure,
                 const LampFlowFilter *filter, guint most_flows, GError **error)
{
    g_autoptr(LampWhatif) whatif = g_new0(LampWhatif, 1);
    whatif->store = store;
    whatif->topology = topology;
    whatif->structure = structure;
    whatif->most_flows = most_flows == 0 ? G_MAXUINT : most_flows;
    if (filter != NULL)
        whatif->filter = *filter;
    whatif->first = lamp_replay_new();
    g_autoptr(LampFlowReader) reader = lamp_flow_reader_new(store, topology, filter, error);
    if (reader == NULL ||
        !read_batch(whatif->first, reader, structure,
                    MIN(whatif->most_flows, LAMP_WHATIF_BATCH), &whatif->is_whole, error))
        return NULL;
    whatif->is_whole = whatif->is_whole || whatif->most_flows <= LAMP_WHATIF_BATCH;
    lamp_stations_learn(whatif->first, lamp_topology_instance_count(topology),
                        &whatif->stations, &whatif->limits);
    learn_timeouts(topology, whatif->first);
    return g_steal_pointer(&whatif);
}

void
lamp_whatif_free(LampWhatif *whatif)
{
    if (whatif == NULL)
        return;
    lamp_replay_free(whatif->first);
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
    for (guint i = 0; i < whatif->first->flows->len; i++)
        n += lamp_replay_flow(whatif->first, i)->is_background ? 0 : 1;
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

static void
copy_stations(const LampStations *from, LampStations *to)
{
    to->instances = from->instances;
    to->limits = g_memdup2(from->limits, from->instances * sizeof(guint32));
}

/* Rewrites @replay and runs it; caller frees the outcomes. */
static LampOutcome *
run_batch(const LampWhatif *whatif, const LampChange *change, LampReplay *replay,
          LampLoadReport *out_report, LampStations *out_stations)
{
    LampOutcome *out = g_new(LampOutcome, replay->flows->len + 1);
    copy_stations(&whatif->stations, out_stations);
    if (change != NULL)
        lamp_change_apply(change, whatif->topology, replay, out_stations, 1);
    lamp_simulate(replay, out_stations, out, out_report);
    return out;
}

static void
init_outcomes(Outcomes *outcomes)
{
    outcomes->before = g_array_new(FALSE, FALSE, sizeof(gint64));
    outcomes->after = g_array_new(FALSE, FALSE, sizeof(gint64));
    outcomes->labels = g_array_new(FALSE, FALSE, sizeof(guint32));
    outcomes->cut = g_array_new(FALSE, FALSE, sizeof(guint8));
}

static void
clear_outcomes(Outcomes *outcomes)
{
    g_array_unref(outcomes->before);
    g_array_unref(outcomes->after);
    g_array_unref(outcomes->labels);
    g_array_unref(outcomes->cut);
    lamp_load_report_clear(&outcomes->report);
    lamp_stations_clear(&outcomes->stations);
}

/* Takes over the report and limits of the first batch, adds those of later ones. */
static void
add_report(Outcomes *outcomes, LampLoadReport *report, LampStations *stations)
{
    if (outcomes->report.work == NULL) {
        outcomes->report = *report;
        outcomes->stations = *stations;
        return;
    }
    for (guint i = 0; i < stations->instances; i++)
        outcomes->report.work[i] += report->work[i];
    outcomes->report.span += report->span;
    lamp_load_report_clear(report);
    lamp_stations_clear(stations);
}

/* Runs one batch, rewriting it, and adds what comes out. Background flows take part only. */
static void
add_batch(const LampWhatif *whatif, const LampChange *change, LampReplay *replay,
          Outcomes *outcomes)
{
    LampLoadReport report = {0};
    LampStations stations = {0};
    g_autofree LampOutcome *out = run_batch(whatif, change, replay, &report, &stations);
    for (guint i = 0; i < replay->flows->len; i++) {
        const LampReplayFlow *flow = lamp_replay_flow(replay, i);
        if (flow->is_background)
            continue;
        g_array_append_val(outcomes->before, flow->duration);
        g_array_append_val(outcomes->after, out[i].duration);
        g_array_append_val(outcomes->labels, flow->label);
        g_array_append_val(outcomes->cut, out[i].is_cut);
        outcomes->confidence += (double) flow->confidence;
    }
    add_report(outcomes, &report, &stations);
}

static gboolean
run_all(const LampWhatif *whatif, const LampChange *change, Outcomes *outcomes, GError **error)
{
    if (whatif->is_whole) {
        g_autoptr(LampReplay) copy = copy_replay(whatif->first);
        add_batch(whatif, change, copy, outcomes);
        return TRUE;
    }
    g_autoptr(LampReplay) replay = lamp_replay_new();
    g_autoptr(LampFlowReader) reader =
        lamp_flow_reader_new(whatif->store, whatif->topology, &whatif->filter, error);
    gboolean is_last = reader == NULL;
    guint left = whatif->most_flows;
    while (!is_last && left > 0) {
        lamp_replay_clear(replay);
        if (!read_batch(replay, reader, whatif->structure, MIN(left, LAMP_WHATIF_BATCH),
                        &is_last, error))
            return FALSE;
        left -= replay->flows->len;
        lamp_stations_split(replay, &whatif->stations);
        learn_timeouts(whatif->topology, replay);
        add_batch(whatif, change, replay, outcomes);
    }
    return reader != NULL;
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
add_row(const Outcomes *outcomes, guint32 label, GArray *rows)
{
    g_autoptr(GArray) before = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autoptr(GArray) after = g_array_new(FALSE, FALSE, sizeof(gint64));
    guint all = outcomes->before->len;
    LampWhatifRow row = {.label = label};
    for (guint i = 0; i < all; i++) {
        if (label != LAMP_FLOW_NONE && g_array_index(outcomes->labels, guint32, i) != label)
            continue;
        g_array_append_val(before, g_array_index(outcomes->before, gint64, i));
        g_array_append_val(after, g_array_index(outcomes->after, gint64, i));
        row.cut += g_array_index(outcomes->cut, guint8, i);
    }
    row.requests = before->len;
    if (before->len == 0)
        return;
    row.confidence = outcomes->confidence / all;
    row.durations_before =
        summarise((const gint64 *) (gpointer) before->data, before->len, row.before);
    row.durations_after =
        summarise((const gint64 *) (gpointer) after->data, after->len, row.after);
    g_array_append_val(rows, row);
}

/* One row for each label that a request begins with. */
static void
add_rows(const LampWhatif *whatif, const Outcomes *outcomes, GArray *rows)
{
    guint labels = lamp_topology_label_count(whatif->topology);
    g_autofree guint8 *is_root = g_new0(guint8, labels + 1);
    for (guint i = 0; i < outcomes->labels->len; i++)
        is_root[g_array_index(outcomes->labels, guint32, i)] = 1;
    add_row(outcomes, LAMP_FLOW_NONE, rows);
    for (guint32 label = 0; label < labels; label++)
        if (is_root[label])
            add_row(outcomes, label, rows);
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
find_busiest(const Outcomes *outcomes, LampWhatifResult *result)
{
    const LampStations *stations = &outcomes->stations;
    double span = MAX((double) outcomes->report.span, 1.0);
    double best = 0.0;
    result->throughput = (double) outcomes->before->len * 1e9 / span;
    for (guint i = 1; i < stations->instances; i++) {
        if (stations->limits[i] == 0)
            continue;
        double use = (double) outcomes->report.work[i] / (span * stations->limits[i]);
        if (use <= best)
            continue;
        best = use;
        result->busiest = i;
        result->busiest_use = use;
        result->throughput_limit = result->throughput / MAX(use, 1e-9);
    }
}

LampWhatifResult *
lamp_whatif_run(LampWhatif *whatif, const LampChange *change, GError **error)
{
    Outcomes outcomes = {0};
    LampWhatifResult *result = NULL;
    init_outcomes(&outcomes);
    if (run_all(whatif, change, &outcomes, error)) {
        result = g_new0(LampWhatifResult, 1);
        result->rows = g_array_new(FALSE, TRUE, sizeof(LampWhatifRow));
        g_array_set_clear_func(result->rows, clear_row);
        add_rows(whatif, &outcomes, result->rows);
        g_array_sort(result->rows, compare_rows);
        find_busiest(&outcomes, result);
    }
    clear_outcomes(&outcomes);
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
    Outcomes outcomes = {0};
    double sum = 0.0;
    init_outcomes(&outcomes);
    g_autoptr(LampReplay) copy = copy_replay(whatif->first);
    add_batch(whatif, change, copy, &outcomes);
    for (guint i = 0; i < outcomes.after->len; i++)
        sum += (double) g_array_index(outcomes.after, gint64, i);
    guint n = outcomes.after->len;
    clear_outcomes(&outcomes);
    return n > 0 ? sum / n : 0.0;
}
