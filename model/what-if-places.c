/*
 * Where a change moves load: what each instance served, and what it would serve.
 *
 * In: the calls served by each instance before and after a change, and how much work was there.
 * Out: a row for each instance whose number of calls changes because instances are gone, added
 * or elsewhere. Added replicas have numbers beyond those of the topology; the first of them
 * stand where the known instances of their service stood, so that one row tells both.
 */
#include "model/what-if-outcomes.h"

typedef struct {
    const LampOutcomes *outcomes;
    const LampTopology *topology;
    GArray *places;
} Places;

void
lamp_outcomes_count_served(const LampReplay *replay, GArray *served)
{
    for (guint f = 0; f < replay->flows->len; f++) {
        const LampReplayFlow *flow = lamp_replay_flow(replay, f);
        const LampReplayCall *calls = lamp_replay_calls(replay, flow);
        for (guint32 i = 0; i < flow->count; i++) {
            guint32 at = calls[i].server_instance;
            if (calls[i].is_removed || calls[i].fails || calls[i].is_hit)
                continue;
            if (at >= served->len)
                g_array_set_size(served, at + 1);
            g_array_index(served, guint64, at) += flow->weight;
        }
    }
}

static guint64
served_at(const GArray *served, guint32 instance)
{
    return instance < served->len ? g_array_index(served, guint64, instance) : 0;
}

/* Calls at work there at once, in the mean. */
static double
at_work(const LampLoadReport *report, guint instances, guint32 at)
{
    return at < instances && report->arriving > 0
               ? (double) report->work[at] / (double) report->arriving
               : 0.0;
}

/* What stood as @old and stands as @now; 0 for either: nothing. */
static void
add_place(Places *places, guint32 old, guint32 now, const char *name)
{
    const LampOutcomes *o = places->outcomes;
    LampWhatifPlace place = {.name = g_strdup(name)};
    if (old != 0) {
        place.calls_before = served_at(o->served_before, old);
        place.work_before = at_work(o->observed, o->instances_before, old);
        place.peak_before = old < o->instances_before ? o->observed->peaks[old] : 0;
    }
    if (now != 0) {
        place.calls_after = served_at(o->served_after, now);
        place.work_after = at_work(&o->report, o->stations.instances, now);
        place.peak_after =
            now < o->stations.instances && place.calls_after > 0 ? o->report.peaks[now] : 0;
        place.limit = now < o->stations.instances ? o->stations.limits[now] : 0;
    }
    g_array_append_val(places->places, place);
}

/* The known instances that @rewrite replaces, by those it adds from @base on; marks them. */
static void
add_replicas(Places *places, const LampRewrite *rewrite, guint32 base, guint8 *is_told)
{
    const LampTopology *topology = places->topology;
    guint32 added = 0;
    for (guint32 i = 1; i < lamp_topology_instance_count(topology); i++) {
        if (is_told[i] || !lamp_target_matches_instance(rewrite->target, i) ||
            served_at(places->outcomes->served_before, i) == 0)
            continue;
        gboolean moves = served_at(places->outcomes->served_after, i) == 0;
        guint32 now = moves && added < rewrite->count ? base + added++ : i;
        add_place(places, i, now, lamp_topology_instance(topology, i)->name);
        is_told[i] = 1;
    }
    for (; added < rewrite->count; added++) {
        g_autofree char *name = g_strdup_printf(
            "%s replica %u", lamp_target_text(rewrite->target), (guint) added + 1);
        add_place(places, 0, base + added, name);
    }
}

static gboolean
moves_load(const LampRewrite *rewrite)
{
    return rewrite->kind == LAMP_REWRITE_DOWN || rewrite->kind == LAMP_REWRITE_REPLICAS;
}

static void
clear_place(gpointer pointer)
{
    g_free(((LampWhatifPlace *) pointer)->name);
}

GArray *
lamp_outcomes_places(const LampOutcomes *outcomes, const LampTopology *topology,
                     const LampChange *change)
{
    guint instances = lamp_topology_instance_count(topology);
    Places places = {outcomes, topology, g_array_new(FALSE, TRUE, sizeof(LampWhatifPlace))};
    g_autofree guint8 *is_told = g_new0(guint8, instances + 1);
    guint32 base = outcomes->instances_before;
    gboolean any = FALSE;
    g_array_set_clear_func(places.places, clear_place);
    for (guint i = 0; change != NULL && i < lamp_change_parts(change); i++) {
        const LampRewrite *rewrite = lamp_change_part(change, i);
        any = any || moves_load(rewrite);
        if (rewrite->kind != LAMP_REWRITE_REPLICAS)
            continue;
        add_replicas(&places, rewrite, base, is_told);
        base += rewrite->count;
    }
    for (guint32 i = 1; any && i < instances; i++)
        if (!is_told[i] &&
            served_at(outcomes->served_before, i) != served_at(outcomes->served_after, i))
            add_place(&places, i, i, lamp_topology_instance(topology, i)->name);
    return places.places;
}
