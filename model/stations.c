/*
 * Learning limits from what they did.
 *
 * An instance that serves at most k calls at once, first come first served, makes a call wait
 * until enough of the earlier ones have left. For a candidate k the waits follow from the
 * observed arrivals and leaves alone. What remains of each call is its service time; if k is
 * right, the service times of calls that waited look like those of calls that did not. The
 * log-likelihood ratio of "waited, then served" against "served at once" over the calls that
 * waited, under the density of the logarithm of the service times of those that did not, is the
 * evidence for k. A wrong k is refuted hard by calls that were at work (had called others, or
 * had left) before their place would have been free. The best k is taken if the evidence is
 * strong (a ratio of more than 400 to 1) and hardly any call contradicts it.
 *
 * Not found: limits that were never reached, and disciplines other than first come first
 * served.
 */
#include "model/stations.h"

#include "model/ticks.h"

#include <math.h>
#include <string.h>

#define MOST_LIMIT 64u
#define LEAST_QUEUED 8u
#define LEAST_EVIDENCE 6.0
#define MOST_CONTRADICTING 0.02
/* A limit is chosen from so many visits of an instance; all are then split. */
#define MOST_VISITS 20000u
#define DENSITY_BINS 128
#define DENSITY_LOW 6.0   /* log ns: 400 ns */
#define DENSITY_STEP 0.16 /* 128 bins reach 5 minutes */

typedef struct {
    LampReplayCall *call;
    LampTime begin;
    gint64 worked; /* held, less waits for connections below, which are no work */
} Visit;

/* For each limit, and what it would say. */
typedef struct {
    double evidence; /* -infinity: contradicted */
    guint queued;
} Trial;

typedef struct {
    GArray *visits; /* Visit, in the order of arrival */
    GArray *ticks;  /* LampTick, sorted */
    GArray *queue;  /* guint32 visits; used as a ring from `head` */
    guint used;     /* visits that the ticks are of: the first ones */
    guint most_open;
    Trial trials[MOST_LIMIT + 1];
} Instance;

static gint
compare_visits(gconstpointer a, gconstpointer b)
{
    const LampReplayCall *x = ((const Visit *) a)->call, *y = ((const Visit *) b)->call;
    if (x->arrived != y->arrived)
        return x->arrived < y->arrived ? -1 : 1;
    return x < y ? -1 : x > y; /* calls stand in one array, flows sorted by start */
}

/* Sorts the visits and lays out the ticks of the first @most of them. */
static void
prepare_instance(Instance *instance, guint most)
{
    g_array_sort(instance->visits, compare_visits);
    g_array_set_size(instance->ticks, 0);
    instance->used = MIN(instance->visits->len, most);
    for (guint32 i = 0; i < instance->used; i++) {
        const LampReplayCall *call = g_array_index(instance->visits, Visit, i).call;
        lamp_ticks_add(instance->ticks, i, call->arrived, call->arrived + call->held);
    }
    instance->most_open = lamp_ticks_sort(instance->ticks);
}

/* Begins of all visits under @limit; returns how many calls had left before they began. */
static guint
assign_begins(Instance *instance, guint limit)
{
    Visit *visits = (Visit *) (gpointer) instance->visits->data;
    guint busy = 0, head = 0, contradictions = 0;
    g_array_set_size(instance->queue, 0);
    for (guint i = 0; i < instance->used; i++)
        visits[i].begin = LAMP_TIME_NONE;
    for (guint i = 0; i < instance->ticks->len; i++) {
        const LampTick *tick = lamp_tick(instance->ticks, i);
        Visit *visit = &visits[tick->index];
        if (visit->call->bypasses) {
            visit->begin = visit->call->arrived;
            continue;
        }
        if (tick->is_start) {
            g_array_append_val(instance->queue, tick->index);
        } else if (visit->begin == LAMP_TIME_NONE) {
            contradictions++;
            visit->begin = tick->time; /* stays in the queue, passed over below */
            continue;
        } else {
            busy--;
        }
        while (busy < limit && head < instance->queue->len) {
            Visit *next = &visits[g_array_index(instance->queue, guint32, head++)];
            if (next->begin != LAMP_TIME_NONE)
                continue;
            next->begin = tick->time;
            busy++;
        }
    }
    return contradictions;
}

static guint
density_bin(gint64 ns)
{
    double x = (log((double) MAX(ns, 1)) - DENSITY_LOW) / DENSITY_STEP;
    return (guint) CLAMP(x, 0.0, DENSITY_BINS - 1.0);
}

/* Log densities of the service times of one label, smoothed over some bins. */
typedef struct {
    double log_density[DENSITY_BINS];
    guint count;
} Density;

static void
fit_density(Density *density, const guint *counts)
{
    static const double kernel[] = {0.40, 0.24, 0.06};
    for (gint i = 0; i < DENSITY_BINS; i++) {
        double sum = kernel[0] * counts[i];
        for (gint k = 1; k <= 2; k++) {
            sum += i >= k ? kernel[k] * counts[i - k] : 0.0;
            sum += i + k < DENSITY_BINS ? kernel[k] * counts[i + k] : 0.0;
        }
        density->log_density[i] = log((sum + 0.02) / (density->count + 0.02 * DENSITY_BINS));
    }
}

/* Densities by label (GHashTable label -> Density) from the visits that did not wait. */
static GHashTable *
fit_densities(const Instance *instance)
{
    GHashTable *counts = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    GHashTable *densities = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    for (guint i = 0; i < instance->used; i++) {
        const Visit *visit = &g_array_index(instance->visits, Visit, i);
        if (visit->begin != visit->call->arrived)
            continue;
        gpointer label = GUINT_TO_POINTER(visit->call->label);
        guint *bins = g_hash_table_lookup(counts, label);
        if (bins == NULL) {
            bins = g_new0(guint, DENSITY_BINS);
            g_hash_table_insert(counts, label, bins);
            g_hash_table_insert(densities, label, g_new0(Density, 1));
        }
        bins[density_bin(visit->worked)]++;
        ((Density *) g_hash_table_lookup(densities, label))->count++;
    }
    GHashTableIter iter;
    gpointer label, bins;
    g_hash_table_iter_init(&iter, counts);
    while (g_hash_table_iter_next(&iter, &label, &bins))
        fit_density(g_hash_table_lookup(densities, label), bins);
    g_hash_table_unref(counts);
    return densities;
}

/* Evidence for the begins at hand; -infinity where calls contradict them. */
static double
weigh_begins(const Instance *instance, guint contradictions, guint *out_queued)
{
    g_autoptr(GHashTable) densities = fit_densities(instance);
    double evidence = 0.0;
    guint queued = 0;
    for (guint i = 0; i < instance->used; i++) {
        const Visit *visit = &g_array_index(instance->visits, Visit, i);
        gint64 wait = visit->begin - visit->call->arrived;
        if (wait <= 0)
            continue;
        queued++;
        contradictions += visit->call->first_need < wait ? 1 : 0;
        const Density *density =
            g_hash_table_lookup(densities, GUINT_TO_POINTER(visit->call->label));
        if (density == NULL || density->count < 10)
            continue;
        evidence += density->log_density[density_bin(visit->worked - wait)] -
                    density->log_density[density_bin(visit->worked)];
    }
    *out_queued = queued;
    return contradictions > MOST_CONTRADICTING * queued ? -INFINITY : evidence;
}

/* Limits that were never reached say nothing, for or against. */
static void
try_limits(Instance *instance)
{
    for (guint k = 1; k < instance->most_open && k <= MOST_LIMIT; k++) {
        Trial *trial = &instance->trials[k];
        guint contradictions = assign_begins(instance, k);
        trial->evidence = weigh_begins(instance, contradictions, &trial->queued);
    }
}

/* The limit with most evidence in @trials; 0 if it is not enough. */
static guint
choose_limit(const Trial *trials)
{
    guint best = 0;
    double most = LEAST_EVIDENCE;
    for (guint k = 1; k <= MOST_LIMIT; k++)
        if (trials[k].queued >= LEAST_QUEUED && trials[k].evidence > most) {
            most = trials[k].evidence;
            best = k;
        }
    return best;
}

/* Replicas are set up alike: what speaks for each limit in all instances of a service together,
 * an array like `trials` by service. Caller frees. */
static GHashTable *
sum_trials(const Instance *all, guint instances, const guint32 *service_of)
{
    GHashTable *joint = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    for (guint i = 1; i < instances; i++) {
        gpointer service = GUINT_TO_POINTER(service_of[i]);
        Trial *sums = g_hash_table_lookup(joint, service);
        if (sums == NULL) {
            sums = g_new0(Trial, MOST_LIMIT + 1);
            g_hash_table_insert(joint, service, sums);
        }
        for (guint k = 1; k <= MOST_LIMIT; k++) {
            sums[k].evidence += all[i].trials[k].evidence;
            sums[k].queued += all[i].trials[k].queued;
        }
    }
    return joint;
}

/* Waits under @limit. Calls that contradict it pass the queue by; all do if that never ends. */
static void
split_waits(Instance *instance, guint limit)
{
    guint bypassing = 1;
    prepare_instance(instance, G_MAXUINT);
    for (guint round = 0; bypassing > 0 && round < 16; round++) {
        bypassing = 0;
        assign_begins(instance, limit);
        for (guint i = 0; i < instance->used; i++) {
            Visit *visit = &g_array_index(instance->visits, Visit, i);
            gint64 wait = visit->begin - visit->call->arrived;
            if (wait > 0 && (wait > visit->call->first_need || wait > visit->call->held)) {
                visit->call->bypasses = 1;
                bypassing++;
            }
        }
    }
    for (guint i = 0; i < instance->used; i++) {
        const Visit *visit = &g_array_index(instance->visits, Visit, i);
        visit->call->bypasses = visit->call->bypasses || bypassing > 0 ? 1 : 0;
        visit->call->wait = visit->call->bypasses ? 0 : visit->begin - visit->call->arrived;
    }
}

/* Takes the wait of @call off what its begin releases directly. */
static void
shorten_lags(LampReplayCall *calls, guint32 call)
{
    gint64 wait = calls[call].wait;
    gboolean leave_waits_for_child = FALSE;
    for (guint32 i = call + 1; i < calls[call].end_index; i = calls[i].end_index) {
        /* Children that wait for an earlier sibling are later by themselves: that sibling's
         * start already is. Their own lag counts from its end and stays. */
        if (calls[i].waits == 0 && !calls[i].starts_late)
            calls[i].lag_start -= wait;
        leave_waits_for_child = leave_waits_for_child || calls[i].is_awaited;
    }
    if (!leave_waits_for_child)
        calls[call].lag_leave -= wait;
}

static void
shorten_all_lags(LampReplay *replay)
{
    for (guint f = 0; f < replay->flows->len; f++) {
        const LampReplayFlow *flow = lamp_replay_flow(replay, f);
        LampReplayCall *calls = lamp_replay_calls(replay, flow);
        for (guint32 i = 0; i < flow->count; i++)
            if (calls[i].wait > 0)
                shorten_lags(calls, i);
    }
}

/* How long each call of a flow waited for connections, with all that it waited for below. */
static void
sum_connect_waits(const LampReplayCall *calls, guint32 count, gint64 *out)
{
    memset(out, 0, count * sizeof *out);
    for (guint32 i = count; i-- > 1;)
        if (calls[i].is_awaited && !calls[i].starts_late)
            out[calls[i].parent] += out[i] + calls[i].connect_wait;
}

static void
add_visits(Instance *all, guint instances, LampReplayCall *calls, guint32 count,
           const gint64 *waits)
{
    for (guint32 i = 0; i < count; i++) {
        guint32 at = calls[i].server_instance;
        Visit visit = {&calls[i], LAMP_TIME_NONE, MAX(calls[i].held - waits[i], 1)};
        if (at != 0 && at < instances && !calls[i].is_idle)
            g_array_append_val(all[at].visits, visit);
    }
}

static Instance *
group_by_instance(LampReplay *replay, guint instances)
{
    Instance *all = g_new0(Instance, instances);
    g_autoptr(GArray) waits = g_array_new(FALSE, FALSE, sizeof(gint64));
    for (guint i = 0; i < instances; i++) {
        all[i].visits = g_array_new(FALSE, TRUE, sizeof(Visit));
        all[i].ticks = lamp_ticks_new(0);
        all[i].queue = g_array_new(FALSE, TRUE, sizeof(guint32));
    }
    for (guint f = 0; f < replay->flows->len; f++) {
        const LampReplayFlow *flow = lamp_replay_flow(replay, f);
        LampReplayCall *calls = lamp_replay_calls(replay, flow);
        g_array_set_size(waits, flow->count);
        gint64 *of_calls = (gint64 *) (gpointer) waits->data;
        sum_connect_waits(calls, flow->count, of_calls);
        add_visits(all, instances, calls, flow->count, of_calls);
    }
    return all;
}

static void
free_instances(Instance *all, guint instances)
{
    for (guint i = 0; i < instances; i++) {
        g_array_unref(all[i].visits);
        g_array_unref(all[i].ticks);
        g_array_unref(all[i].queue);
    }
    g_free(all);
}

/* An instance's own limit, else that of its replicas if nothing here contradicts it. @joint:
 * the trials of its service. */
static LampStationLimit
find_limit(const Instance *instance, guint number, const Trial *joint)
{
    LampStationLimit limit = {.instance = number, .most_open = instance->most_open};
    limit.limit = choose_limit(instance->trials);
    if (limit.limit > 0) {
        limit.queued = instance->trials[limit.limit].queued;
        limit.evidence = instance->trials[limit.limit].evidence;
        return limit;
    }
    guint shared = instance->visits->len > 0 ? choose_limit(joint) : 0;
    if (shared == 0)
        return limit;
    limit.limit = shared;
    limit.is_shared = TRUE;
    limit.queued = instance->trials[shared].queued;
    limit.evidence = joint[shared].evidence;
    return limit;
}

void
lamp_stations_learn(LampReplay *replay, const guint32 *service_of, guint instances,
                    LampStations *out_stations, GArray **out_limits)
{
    GArray *limits = g_array_new(FALSE, TRUE, sizeof(LampStationLimit));
    Instance *all = group_by_instance(replay, instances);
    *out_stations = (LampStations){g_new0(guint32, instances), instances};
    for (guint i = 1; i < instances; i++) {
        prepare_instance(&all[i], MOST_VISITS);
        try_limits(&all[i]);
    }
    g_autoptr(GHashTable) joint = sum_trials(all, instances, service_of);
    for (guint i = 1; i < instances; i++) {
        gpointer service = GUINT_TO_POINTER(service_of[i]);
        LampStationLimit limit = find_limit(&all[i], i, g_hash_table_lookup(joint, service));
        if (limit.limit > 0)
            g_array_append_val(limits, limit);
    }
    for (guint k = 0; k < limits->len; k++) {
        const LampStationLimit *limit = &g_array_index(limits, LampStationLimit, k);
        out_stations->limits[limit->instance] = limit->limit;
        split_waits(&all[limit->instance], limit->limit);
    }
    shorten_all_lags(replay);
    free_instances(all, instances);
    if (out_limits != NULL)
        *out_limits = limits;
    else
        g_array_unref(limits);
}

void
lamp_stations_split(LampReplay *replay, const LampStations *stations)
{
    Instance *all = group_by_instance(replay, stations->instances);
    for (guint i = 1; i < stations->instances; i++)
        if (stations->limits[i] > 0)
            split_waits(&all[i], stations->limits[i]);
    shorten_all_lags(replay);
    free_instances(all, stations->instances);
}
