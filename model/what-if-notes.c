/*
 * What to know before believing the figures of a what-if: what a change did not reach, what it
 * takes for granted, what it moves to where.
 *
 * In: the summarised result with its rows and places. Out: notes, sentences without a full
 * stop.
 */
#include "model/what-if-outcomes.h"

#include <string.h>

/* Where no record names the caller, a request may be a call of another service here. */
static void
add_callerless_note(const LampOutcomes *outcomes, LampWhatifResult *result)
{
    guint64 counted = outcomes->callerless - outcomes->callerless_left;
    if (counted > 0 && outcomes->is_callerless_of_many)
        g_ptr_array_add(result->notes,
                        g_strdup_printf("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                                        " requests name no caller and count as from outside: "
                                        "some may be calls of another of these services, and "
                                        "what a change does to these is then not passed on",
                                        counted, outcomes->weight));
    if (outcomes->callerless_left > 0)
        g_ptr_array_add(result->notes,
                        g_strdup_printf("%" G_GUINT64_FORMAT
                                        " requests name no caller, at services whose callers "
                                        "mostly are known: they take part and are not counted",
                                        outcomes->callerless_left));
}

/* A timeout that only the change sets: the capture does not show what the caller does then. */
static void
add_timeout_note(const LampOutcomes *outcomes, const LampChange *change,
                 LampWhatifResult *result)
{
    guint64 struck = 0;
    gboolean is_set = FALSE;
    for (guint i = 0; change != NULL && i < lamp_change_parts(change); i++) {
        g_autofree char *text = lamp_change_part_text(change, i);
        is_set = is_set || g_str_has_prefix(text, "timeout ");
    }
    for (guint i = 0; is_set && i < outcomes->marks->len; i++) {
        guint8 marks = g_array_index(outcomes->marks, guint8, i);
        if ((marks & LAMP_MARK_CUT) != 0 && (marks & LAMP_MARK_ERROR_AFTER) == 0)
            struck += g_array_index(outcomes->weights, guint32, i);
    }
    if (struck > 0)
        g_ptr_array_add(result->notes,
                        g_strdup_printf("a timeout strikes in %" G_GUINT64_FORMAT
                                        " requests that do not count as "
                                        "failed: their callers are taken to go on without the "
                                        "answer, as the capture shows no other way",
                                        struck));
}

static void
add_note(LampWhatifResult *result, char *note)
{
    g_ptr_array_add(result->notes, note);
}

/* Is an instance of a store meant that often is a cache? */
static gboolean
is_likely_cache(const LampRewrite *rewrite, const LampTopology *topology)
{
    for (guint32 i = 1; i < lamp_topology_instance_count(topology); i++) {
        const LampInstance *instance = lamp_topology_instance(topology, i);
        const char *protocol = lamp_topology_service(topology, instance->service)->protocol;
        if (lamp_target_matches_instance(rewrite->target, i) &&
            (g_strcmp0(protocol, "redis") == 0 || g_strcmp0(protocol, "memcached") == 0))
            return TRUE;
    }
    return FALSE;
}

/* Calls that nobody is left to serve. */
static void
add_refused_note(const LampRewrite *rewrite, const LampTopology *topology, const char *text,
                 guint64 calls, LampWhatifResult *result)
{
    gboolean is_store = is_likely_cache(rewrite, topology);
    const LampWhatifRow *all = &g_array_index(result->rows, LampWhatifRow, 0);
    add_note(result,
             g_strdup_printf(
                 "'%s': no instance is left, %" G_GUINT64_FORMAT
                 " calls are refused at once (a round trip each). What callers do then (fall "
                 "back, try again, wait for a timeout) is in no capture: they are taken to go "
                 "on as if answered, and a request fails if its response waits for such a "
                 "call: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                 " fail (%.3g %%, before %.3g %%). Latencies count these, too%s%s%s",
                 text, calls, all->errors_after, all->requests,
                 100.0 * (double) all->errors_after / (double) MAX(all->requests, 1),
                 100.0 * (double) all->errors_before / (double) MAX(all->requests, 1),
                 is_store ? ". A cache that callers do without: 'cache " : "",
                 is_store ? lamp_target_text(rewrite->target) : "", is_store ? " off'" : ""));
}

/* Names of the known places that get more to do, of those with (1) or without (0) a limit or of
 * both (-1); caller frees. */
static char *
list_receivers(const LampWhatifResult *result, int limited)
{
    GString *names = g_string_new(NULL);
    for (guint i = 0; i < result->places->len; i++) {
        const LampWhatifPlace *place = &g_array_index(result->places, LampWhatifPlace, i);
        if (place->calls_before > 0 && place->calls_after > place->calls_before &&
            (limited < 0 || (place->limit > 0) == (limited > 0)))
            g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", place->name);
    }
    return g_string_free(names, FALSE);
}

/* Calls that others of the service take over. */
static void
add_moved_note(const LampRewrite *rewrite, const char *text, guint64 calls,
               LampWhatifResult *result)
{
    g_autofree char *receivers = list_receivers(result, -1);
    if (rewrite->kind == LAMP_REWRITE_REPLICAS)
        add_note(result,
                 g_strdup_printf("'%s': %" G_GUINT64_FORMAT
                                 " calls, spread evenly over %u instance%s",
                                 text, calls, rewrite->count, rewrite->count == 1 ? "" : "s"));
    else if (receivers[0] != '\0')
        add_note(result, g_strdup_printf("'%s': %" G_GUINT64_FORMAT " %s to %s%s", text, calls,
                                         calls == 1 ? "call goes" : "calls go", receivers,
                                         strchr(receivers, ',') != NULL ? " in turn" : ""));
}

/* Do more replicas of something without a limit help? */
static gboolean
adds_without_limit(const LampChange *change, const LampWhatifResult *result)
{
    gboolean adds = FALSE;
    for (guint i = 0; change != NULL && i < lamp_change_parts(change); i++)
        adds = adds || lamp_change_part(change, i)->kind == LAMP_REWRITE_REPLICAS;
    for (guint i = 0; adds && i < result->places->len; i++) {
        const LampWhatifPlace *place = &g_array_index(result->places, LampWhatifPlace, i);
        if (place->calls_after > 0 && place->limit == 0)
            return TRUE;
    }
    return FALSE;
}

/* Is queueing part of the prediction where the load goes? */
static void
add_queue_notes(const LampChange *change, LampWhatifResult *result)
{
    g_autofree char *limited = list_receivers(result, 1);
    g_autofree char *unlimited = list_receivers(result, 0);
    if (limited[0] != '\0')
        add_note(result, g_strdup_printf("%s: calls beyond the places wait, in the order in "
                                         "which they come",
                                         limited));
    if (unlimited[0] != '\0' && result->stretched == 0)
        add_note(result,
                 g_strdup_printf("%s: no limit on calls at once is visible in the capture, so "
                                 "the added load is taken to slow nothing down: neither "
                                 "queues nor a busy processor are predicted there (state a "
                                 "limit that is known: 'limit TARGET N')",
                                 unlimited));
    else if (unlimited[0] == '\0' && adds_without_limit(change, result))
        add_note(result, g_strdup("no limit on calls at once is visible there in the capture: "
                                  "no call waits for a place, so less load makes nothing "
                                  "faster (state a limit that is known: 'limit TARGET N')"));
}

static void
add_touched_notes(const LampRewrite *rewrite, const LampTopology *topology, const char *text,
                  const LampTouched *touched, LampWhatifResult *result)
{
    gboolean is_down = rewrite->kind == LAMP_REWRITE_DOWN;
    if (touched->calls == 0)
        add_note(result, g_strdup_printf("'%s' changes no call", text));
    if (touched->unknown > 0)
        add_note(result,
                 g_strdup_printf("'%s': %" G_GUINT64_FORMAT
                                 " calls to it stay as they are: no miss of theirs led to "
                                 "further calls in this capture, so they use it as a store, or "
                                 "what a miss costs is not known",
                                 text, touched->unknown));
    if (touched->failing > 0 && is_down)
        add_refused_note(rewrite, topology, text, touched->failing, result);
    else if (touched->failing > 0)
        add_note(result,
                 g_strdup_printf("'%s': %" G_GUINT64_FORMAT
                                 " calls fail that did not, with no retry left; latencies are "
                                 "those if callers went on without an answer",
                                 text, touched->failing));
    if (touched->calls > touched->failing &&
        (is_down || rewrite->kind == LAMP_REWRITE_REPLICAS))
        add_moved_note(rewrite, text, touched->calls - touched->failing, result);
}

static void
add_part_notes(const LampOutcomes *outcomes, const LampTopology *topology,
               const LampChange *change, LampWhatifResult *result)
{
    for (guint i = 0; change != NULL && i < lamp_change_parts(change); i++) {
        g_autofree char *text = lamp_change_part_text(change, i);
        add_touched_notes(lamp_change_part(change, i), topology, text, &outcomes->touched[i],
                          result);
    }
    add_queue_notes(change, result);
    if (result->stretched != 0)
        g_ptr_array_add(
            result->notes,
            g_strdup_printf("%s would serve up to %u calls at once, the capture shows %u at "
                            "most and no limit: no wait is predicted there (state a limit: "
                            "'limit %s N')",
                            lamp_topology_instance(topology, result->stretched)->name,
                            result->stretched_calls, result->stretched_seen,
                            lamp_topology_instance(topology, result->stretched)->name));
}

void
lamp_outcomes_add_notes(const LampOutcomes *outcomes, const LampTopology *topology,
                        const LampChange *change, LampWhatifResult *result)
{
    add_callerless_note(outcomes, result);
    add_part_notes(outcomes, topology, change, result);
    add_timeout_note(outcomes, change, result);
}
