/*
 * What-if by trace-driven replay.
 *
 * Flows are compiled in batches; limits are learnt from the first, waits and timeouts in each,
 * and every question runs rewritten batches through the simulation. Between two batches no call
 * waits for another, which matters for one flow in thousands. What comes out is summarised in
 * model/what-if-summary.c.
 */
#include "model/what-if-outcomes.h"

#include <string.h>

struct LampWhatif {
    LampStore *store;
    LampTopology *topology;
    const LampStructure *structure;
    LampFlowFilter filter;
    guint most_flows;
    LampReplay *first; /* batch */
    gboolean is_whole; /* the first batch is all there is */
    LampStations stations;
    GArray *limits, *pools;
    LampLoadReport observed; /* of the first batch without a change; empty: not run yet */
};

/* Calls to each service whose callers are known, less those of which they are not. */
static gint64 *
weigh_callers(const LampTopology *topology, const LampReplay *replay)
{
    gint64 *known = g_new0(gint64, lamp_topology_service_count(topology) + 1);
    for (guint i = 0; i < replay->calls->len; i++) {
        const LampReplayCall *call = &g_array_index(replay->calls, LampReplayCall, i);
        known[lamp_topology_label(topology, call->label)->service] +=
            call->client_instance != 0 ? 1 : -1;
    }
    return known;
}

/* A root without a caller, at a service that mostly has known ones, is no request of a client
 * but something that a log alone tells of (an operator's statement, a start-up script): it
 * takes part in the load and is not counted. */
static void
leave_out_callerless(const LampTopology *topology, LampReplay *replay)
{
    g_autofree gint64 *known = weigh_callers(topology, replay);
    for (guint i = 0; i < replay->flows->len; i++) {
        LampReplayFlow *flow = lamp_replay_flow(replay, i);
        if (flow->is_background || lamp_replay_calls(replay, flow)->client_instance != 0)
            continue;
        flow->is_callerless = 1;
        if (known[lamp_topology_label(topology, flow->label)->service] > 0)
            flow->is_background = 1;
    }
}

/* Reads at most @most flows; *out_is_last tells that there are no more. */
static gboolean
read_batch(const LampWhatif *whatif, LampReplay *replay, LampFlowReader *reader, guint most,
           gboolean *out_is_last, GError **error)
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
        lamp_replay_add(replay, flow, whatif->structure);
        if (!flow->is_chosen) {
            LampReplayFlow *other = lamp_replay_flow(replay, replay->flows->len - 1);
            other->is_background = 1;
            other->is_open = 0;
        }
    }
    lamp_replay_sort(replay);
    leave_out_callerless(whatif->topology, replay);
    return TRUE;
}

/* By instance; caller frees. */
static guint32 *
list_services(const LampTopology *topology)
{
    guint instances = lamp_topology_instance_count(topology);
    guint32 *service_of = g_new0(guint32, instances + 1);
    for (guint i = 0; i < instances; i++)
        service_of[i] = lamp_topology_instance(topology, i)->service;
    return service_of;
}

static void
learn_timeouts(const LampTopology *topology, LampReplay *replay)
{
    g_autofree guint32 *service_of = list_services(topology);
    lamp_timeouts_learn(replay, service_of, lamp_topology_instance_count(topology));
}

static void
learn_limits(LampWhatif *whatif)
{
    g_autofree guint32 *service_of = list_services(whatif->topology);
    LampStations pools = {0};
    lamp_pools_learn(whatif->first, whatif->topology, &pools, &whatif->pools);
    lamp_pools_split(whatif->first, &pools);
    lamp_stations_learn(whatif->first, service_of,
                        lamp_topology_instance_count(whatif->topology), &whatif->stations,
                        &whatif->limits);
    whatif->stations.pools = pools.pools;
    whatif->stations.pool_count = pools.pool_count;
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
    whatif->filter.only_times = TRUE;
    whatif->filter.keep_others = TRUE;
    whatif->first = lamp_replay_new();
    g_autoptr(LampFlowReader) reader =
        lamp_flow_reader_new(store, topology, &whatif->filter, error);
    if (reader == NULL ||
        !read_batch(whatif, whatif->first, reader, MIN(whatif->most_flows, LAMP_WHATIF_BATCH),
                    &whatif->is_whole, error))
        return NULL;
    whatif->is_whole = whatif->is_whole || whatif->most_flows <= LAMP_WHATIF_BATCH;
    learn_limits(whatif);
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
    g_clear_pointer(&whatif->pools, g_array_unref);
    lamp_load_report_clear(&whatif->observed);
    g_free(whatif);
}

const GArray *
lamp_whatif_limits(const LampWhatif *whatif)
{
    return whatif->limits;
}

const GArray *
lamp_whatif_pools(const LampWhatif *whatif)
{
    return whatif->pools;
}

guint64
lamp_whatif_requests(const LampWhatif *whatif)
{
    guint64 n = 0;
    for (guint i = 0; i < whatif->first->flows->len; i++)
        n += lamp_replay_flow(whatif->first, i)->is_background
                 ? 0
                 : lamp_replay_flow(whatif->first, i)->weight;
    return n;
}

double
lamp_whatif_confidence(const LampWhatif *whatif)
{
    double sum = 0.0;
    for (guint i = 0; i < whatif->first->flows->len; i++) {
        const LampReplayFlow *flow = lamp_replay_flow(whatif->first, i);
        sum += flow->is_background ? 0.0 : flow->weight * (double) flow->confidence;
    }
    return sum / MAX((double) lamp_whatif_requests(whatif), 1.0);
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
    to->pool_count = from->pool_count;
    to->pools = g_memdup2(from->pools, from->pool_count * sizeof(LampPool));
}

static void
init_outcomes(LampOutcomes *outcomes, guint parts)
{
    *outcomes = (LampOutcomes){0};
    outcomes->before = g_array_new(FALSE, FALSE, sizeof(gint64));
    outcomes->after = g_array_new(FALSE, FALSE, sizeof(gint64));
    outcomes->labels = g_array_new(FALSE, FALSE, sizeof(guint32));
    outcomes->marks = g_array_new(FALSE, FALSE, sizeof(guint8));
    outcomes->confidences = g_array_new(FALSE, FALSE, sizeof(gfloat));
    outcomes->weights = g_array_new(FALSE, FALSE, sizeof(guint32));
    outcomes->served_before = g_array_new(FALSE, TRUE, sizeof(guint64));
    outcomes->served_after = g_array_new(FALSE, TRUE, sizeof(guint64));
    outcomes->touched = g_new0(LampTouched, parts + 1);
}

static void
clear_outcomes(LampOutcomes *outcomes)
{
    g_array_unref(outcomes->before);
    g_array_unref(outcomes->after);
    g_array_unref(outcomes->labels);
    g_array_unref(outcomes->marks);
    g_array_unref(outcomes->confidences);
    g_array_unref(outcomes->weights);
    g_array_unref(outcomes->served_before);
    g_array_unref(outcomes->served_after);
    g_free(outcomes->touched);
    lamp_load_report_clear(&outcomes->report);
    lamp_stations_clear(&outcomes->stations);
}

/* Takes over the report and limits of the first batch, adds those of later ones. */
static void
add_report(LampOutcomes *outcomes, LampLoadReport *report, LampStations *stations)
{
    if (outcomes->report.work == NULL) {
        outcomes->report = *report;
        outcomes->stations = *stations;
        return;
    }
    for (guint i = 0; i < stations->instances; i++) {
        outcomes->report.work[i] += report->work[i];
        outcomes->report.peaks[i] = MAX(outcomes->report.peaks[i], report->peaks[i]);
    }
    for (guint i = 0; i < MIN(stations->pool_count, outcomes->stations.pool_count); i++)
        outcomes->report.held[i] += report->held[i];
    outcomes->report.span += report->span;
    outcomes->report.arriving += report->arriving;
    lamp_load_report_clear(report);
    lamp_stations_clear(stations);
}

/* Does the response of the whole flow wait for a call that fails? */
static gboolean
is_failing(const LampReplayCall *calls, guint32 count)
{
    for (guint32 i = 0; i < count; i++) {
        guint32 at = i;
        if (!(calls[i].fails || calls[i].gives_up) || calls[i].is_removed)
            continue;
        while (at != 0 && calls[at].is_awaited)
            at = calls[at].parent;
        if (at == 0)
            return TRUE;
    }
    return FALSE;
}

/* Is it by a timeout that the request failed in the capture? Then the run tells whether it
 * does. */
static gboolean
was_cut(const LampReplayCall *calls, guint32 count)
{
    for (guint32 i = 0; i < count; i++)
        if (calls[i].was_cut)
            return TRUE;
    return FALSE;
}

static guint8
find_marks(const LampReplay *replay, const LampReplayFlow *flow, const LampOutcome *outcome)
{
    const LampReplayCall *calls = lamp_replay_calls(replay, flow);
    guint mark = outcome->is_cut ? LAMP_MARK_CUT : 0;
    mark |= flow->is_error ? LAMP_MARK_ERROR_BEFORE : 0;
    gboolean fails = (calls[0].is_error && !was_cut(calls, flow->count)) || outcome->fails ||
                     is_failing(calls, flow->count);
    mark |= fails ? LAMP_MARK_ERROR_AFTER : 0;
    return (guint8) mark;
}

static gint64
arriving_span(const LampReplay *replay)
{
    guint n = replay->flows->len;
    return n == 0 ? 0
                  : lamp_replay_flow(replay, n - 1)->start - lamp_replay_flow(replay, 0)->start;
}

static void
count_callerless(const LampTopology *topology, const LampReplayFlow *flow,
                 LampOutcomes *outcomes)
{
    if (!flow->is_callerless)
        return;
    guint32 service = lamp_topology_label(topology, flow->label)->service;
    outcomes->callerless += flow->weight;
    outcomes->callerless_left += flow->is_background ? flow->weight : 0;
    if (outcomes->callerless_service == 0)
        outcomes->callerless_service = service;
    outcomes->is_callerless_of_many |= outcomes->callerless_service != service;
}

/* Runs one batch, rewriting it, and adds what comes out. Background flows take part only. */
static void
add_batch(const LampWhatif *whatif, const LampChange *change, LampReplay *replay,
          LampOutcomes *outcomes)
{
    LampLoadReport report = {0};
    LampStations stations = {0};
    copy_stations(&whatif->stations, &stations);
    outcomes->arriving_before += arriving_span(replay);
    lamp_outcomes_count_served(replay, outcomes->served_before);
    if (change != NULL)
        lamp_change_apply(change, whatif->topology, replay, &stations, 1, outcomes->touched);
    lamp_outcomes_count_served(replay, outcomes->served_after);
    g_autofree LampOutcome *out = g_new(LampOutcome, replay->flows->len + 1);
    lamp_simulate(replay, &stations, out, &report);
    for (guint i = 0; i < replay->flows->len; i++) {
        const LampReplayFlow *flow = lamp_replay_flow(replay, i);
        guint8 marks = find_marks(replay, flow, &out[i]);
        count_callerless(whatif->topology, flow, outcomes);
        outcomes->unanswered += flow->is_open ? flow->weight : 0;
        if (flow->is_background)
            continue;
        g_array_append_val(outcomes->before, flow->duration);
        g_array_append_val(outcomes->after, out[i].duration);
        g_array_append_val(outcomes->labels, flow->label);
        g_array_append_val(outcomes->marks, marks);
        g_array_append_val(outcomes->confidences, flow->confidence);
        g_array_append_val(outcomes->weights, flow->weight);
        outcomes->weight += flow->weight;
    }
    add_report(outcomes, &report, &stations);
}

static gboolean
run_all(const LampWhatif *whatif, const LampChange *change, LampOutcomes *outcomes,
        GError **error)
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
        if (!read_batch(whatif, replay, reader, MIN(left, LAMP_WHATIF_BATCH), &is_last, error))
            return FALSE;
        left -= replay->flows->len;
        lamp_pools_mark(replay, whatif->topology, whatif->pools);
        lamp_pools_split(replay, &whatif->stations);
        lamp_stations_split(replay, &whatif->stations);
        learn_timeouts(whatif->topology, replay);
        add_batch(whatif, change, replay, outcomes);
    }
    return reader != NULL;
}

/* What the instances had to do as it was: a run of the first batch without a change. */
static const LampLoadReport *
observed_report(LampWhatif *whatif)
{
    if (whatif->observed.peaks != NULL)
        return &whatif->observed;
    g_autofree LampOutcome *out = g_new(LampOutcome, whatif->first->flows->len + 1);
    lamp_simulate(whatif->first, &whatif->stations, out, &whatif->observed);
    return &whatif->observed;
}

static char *
note_unanswered(guint64 requests)
{
    return g_strdup_printf("%" G_GUINT64_FORMAT " request%s without a response %s in no figure",
                           requests, requests == 1 ? "" : "s", requests == 1 ? "is" : "are");
}

static char *
note_sample(guint requests)
{
    return g_strdup_printf("estimated from %u requests of a sample: these alone are less load "
                           "than the system had, so waits for places are not predicted",
                           requests);
}

LampWhatifResult *
lamp_whatif_run(LampWhatif *whatif, const LampChange *change, GError **error)
{
    LampOutcomes outcomes;
    LampWhatifResult *result = NULL;
    init_outcomes(&outcomes, change == NULL ? 0 : lamp_change_parts(change));
    if (run_all(whatif, change, &outcomes, error)) {
        outcomes.observed = observed_report(whatif);
        outcomes.instances_before = whatif->stations.instances;
        result = lamp_outcomes_summarise(&outcomes, whatif->topology, change);
        result->unanswered = outcomes.unanswered;
        if (outcomes.unanswered > 0)
            g_ptr_array_add(result->notes, note_unanswered(outcomes.unanswered));
        if (whatif->filter.sample_one_in > 1)
            g_ptr_array_add(result->notes, note_sample(outcomes.before->len));
    }
    clear_outcomes(&outcomes);
    return result;
}

static void
run_first(const LampWhatif *whatif, const LampChange *change, LampOutcomes *outcomes)
{
    init_outcomes(outcomes, change == NULL ? 0 : lamp_change_parts(change));
    g_autoptr(LampReplay) copy = copy_replay(whatif->first);
    add_batch(whatif, change, copy, outcomes);
}

LampEstimate
lamp_whatif_gain(LampWhatif *whatif, const LampChange *change)
{
    LampOutcomes outcomes;
    run_first(whatif, change, &outcomes);
    LampEstimate gain = lamp_outcomes_gain(&outcomes);
    clear_outcomes(&outcomes);
    return gain;
}

double
lamp_whatif_mean(LampWhatif *whatif, const LampChange *change)
{
    LampOutcomes outcomes;
    double sum = 0.0;
    run_first(whatif, change, &outcomes);
    for (guint i = 0; i < outcomes.after->len; i++)
        sum += (double) g_array_index(outcomes.after, gint64, i) *
               (double) g_array_index(outcomes.weights, guint32, i);
    double weight = (double) outcomes.weight;
    clear_outcomes(&outcomes);
    return weight > 0.0 ? sum / weight : 0.0;
}
