/*
 * Ties log records of calls to the calls that captures show.
 *
 * A log line with a duration says what a call's server (or client) saw of it; where a capture
 * shows that call too, the line is evidence and not a second call: its identifiers become
 * values of the call, and a call whose content was opaque on the wire gets the line's
 * operation. Lines that no capture could have shown become calls of their own.
 *
 * Matching, for each host and role: a line and a call may belong together if operation, path
 * values, addresses and status do not contradict, and the end of the call lies in the interval
 * that the line's time stands for, give or take WINDOW_NS. Of all such pairs the cheapest are
 * taken first: cost is the distance of the ends beyond the line's resolution and the difference
 * of the durations. Each line and each call is used once.
 *
 * Lines that are left are calls of their own where no capture could have shown them: at other
 * times than its calls, or where the capture was made at some of the host's peers and what it
 * shows is all in the log. The others are left out, counted by a finding (`log.no-call`).
 *
 * Clocks: a log of a host with a capture is on that host's clock. Times that are whole quarters
 * of an hour off (a zone that the log does not name) are moved (correlate/log-zones.c). A host
 * without a capture gets the offset on which most pairs agree. Cost: near-linear; at most NEAR
 * calls are looked at for a line.
 */
#include "correlate/log-side.h"
#include "correlate/passes.h"

#include <math.h>
#include <string.h>

#define WINDOW_NS (150 * LAMP_NS_PER_MS)

#define NEAR 4000
#define PAIRS_PER_LINE 12

/* Calls of the log's kinds that have to have a record where a part was captured */
#define FEWEST_CALLS 20
#define NEARLY_ALL 0.8
#define MORE 0.1 /* of the log's records: without a call */

/* One line that may belong to one call. */
typedef struct {
    double cost;
    guint32 line, call; /* index of an observation; of a call */
} Pair;

/* Times at the end that is asked for; of an end that nobody saw, those of the other. */
gint64
lamp_side_start_of_call(const LampCall *call, gboolean is_client)
{
    gint64 own = is_client ? call->client_start : call->server_start;
    return own != LAMP_TIME_NONE ? own : is_client ? call->server_start : call->client_start;
}

static gint64
answer_of_call(const LampCall *call, gboolean is_client)
{
    gboolean is_seen = (is_client ? call->client_start : call->server_start) != LAMP_TIME_NONE;
    return is_client == is_seen ? call->client_end : call->server_end;
}

static gboolean
is_answered(const LampCall *call, gboolean is_client)
{
    return answer_of_call(call, is_client) != LAMP_TIME_NONE;
}

/* The end, or for a call that no answer was seen of, its start. */
gint64
lamp_side_end_of_call(const LampCall *call, gboolean is_client)
{
    gint64 end = answer_of_call(call, is_client);
    return end != LAMP_TIME_NONE ? end : lamp_side_start_of_call(call, is_client);
}

gint64
lamp_side_end_of_line(const LampSide *side, const LampObservation *line)
{
    gint64 end = line->request_first;
    if (line->response_last != LAMP_TIME_NONE && !side->is_unanswered)
        end = line->response_last;
    return lamp_on_reference(side->c, lamp_host(side->c, side->host), end);
}

/* First call that ends at or after @time. */
guint32
lamp_side_first_at(const LampSide *side, gint64 time)
{
    guint32 low = 0;
    guint32 high = side->n_calls;
    while (low < high) {
        guint32 middle = low + (high - low) / 2;
        if (lamp_side_end_of_call(lamp_call(side->c, side->calls[middle]), side->is_client) <
            time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Do an address in a line and the call's address contradict? Port 0: the line has none. */
static gboolean
places_differ(LampCorrelation *c, guint32 said, guint32 seen)
{
    if (said == LAMP_INDEX_NONE || seen == LAMP_INDEX_NONE)
        return FALSE;
    const LampPlace *a = lamp_place(c, said);
    const LampPlace *b = lamp_place(c, seen);
    if (a->port != 0 && a->port != b->port)
        return TRUE;
    return a->host != b->host && strcmp(a->address, b->address) != 0;
}

gboolean
lamp_side_may_belong(const LampSide *side, guint32 line_index, guint32 call_index)
{
    LampCorrelation *c = side->c;
    const LampObservation *line = lamp_observation(c, line_index);
    const LampCall *call = lamp_call(c, call_index);
    if (places_differ(c, line->client, call->client_place) ||
        places_differ(c, line->server, call->server_place) ||
        lamp_texts_ids_differ(side->texts, line_index, call->base_seen))
        return FALSE;
    if ((call->flags & LAMP_SEEN_OPAQUE) != 0)
        return TRUE;
    guint64 said = lamp_texts_path(side->texts, line_index);
    guint64 seen = lamp_texts_path(side->texts, call->base_seen);
    if (said != 0 && seen != 0 && said != seen)
        return FALSE;
    return lamp_texts_same_operation(side->texts, line->operation, call->operation);
}

double
lamp_side_cost(const LampSide *side, const LampObservation *line, const LampCall *call)
{
    double gap = (double) (lamp_side_end_of_call(call, side->is_client) -
                           lamp_side_end_of_line(side, line));
    double resolution = (double) line->resolution;
    double outside = gap < 0 ? -gap : fmax(0, gap - resolution);
    double cost = outside / 1e6;
    gint64 start = lamp_side_start_of_call(call, side->is_client);
    if (!side->is_unanswered && line->request_first != LAMP_TIME_NONE &&
        line->response_last > line->request_first && start != LAMP_TIME_NONE) {
        double said = (double) (line->response_last - line->request_first);
        double seen = (double) (lamp_side_end_of_call(call, side->is_client) - start);
        cost += fabs(said - seen) / 1e6;
    }
    return cost;
}

static gint
compare_pairs(gconstpointer left, gconstpointer right)
{
    const Pair *a = left;
    const Pair *b = right;
    if (a->cost != b->cost)
        return a->cost < b->cost ? -1 : 1;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return a->call < b->call ? -1 : a->call > b->call;
}

/* Adds the cheapest pairs of one line. */
static void
pair_line(LampSide *side, guint32 line_index)
{
    const LampObservation *line = lamp_observation(side->c, line_index);
    gint64 end = lamp_side_end_of_line(side, line);
    guint from = side->pairs->len;
    guint32 first = lamp_side_first_at(side, end - WINDOW_NS);
    for (guint32 i = first; i < side->n_calls && i < first + NEAR; i++) {
        const LampCall *call = lamp_call(side->c, side->calls[i]);
        if (lamp_side_end_of_call(call, side->is_client) > end + line->resolution + WINDOW_NS)
            break;
        if (!lamp_side_may_belong(side, line_index, side->calls[i]))
            continue;
        Pair pair = {lamp_side_cost(side, line, call), line_index, side->calls[i]};
        g_array_append_val(side->pairs, pair);
    }
    if (side->pairs->len > from + 1)
        qsort(&g_array_index(side->pairs, Pair, from), side->pairs->len - from, sizeof(Pair),
              compare_pairs);
    g_array_set_size(side->pairs, MIN(side->pairs->len, from + PAIRS_PER_LINE));
}

/* Makes @line evidence of @call. */
static void
attach(LampCorrelation *c, guint32 line, guint32 call_index)
{
    LampCall *call = lamp_call(c, call_index);
    const LampObservation *seen = lamp_observation(c, line);
    LampEvidenceLine evidence = {line, call->first_evidence, seen->id};
    call->first_evidence = c->evidence->len;
    g_array_append_val(c->evidence, evidence);
    if ((call->flags & LAMP_SEEN_OPAQUE) != 0 && seen->operation != 0) {
        call->operation = seen->operation;
        call->protocol = seen->protocol != 0 ? seen->protocol : call->protocol;
        call->is_error = seen->is_error;
        call->base_seen = line;
        call->flags &= (guint8) ~LAMP_SEEN_OPAQUE;
    }
    if (call->server_end == LAMP_TIME_NONE && call->server_start != LAMP_TIME_NONE &&
        seen->role == LAMP_SEEN_BY_SERVER && seen->response_last > seen->request_first)
        call->server_end = call->server_start + (seen->response_last - seen->request_first);
    if (seen->thread == 0)
        return;
    if (seen->role == LAMP_SEEN_BY_CLIENT)
        call->client_thread = seen->thread;
    else
        call->server_thread = seen->thread;
}

/* Takes pairs in the order of their cost; marks lines in @used. */
static void
take_pairs(LampSide *side, guint8 *used_lines, guint8 *used_calls)
{
    for (guint32 i = 0; i < side->n_lines; i++)
        if (used_lines[side->lines[i]] == 0)
            pair_line(side, side->lines[i]);
    g_array_sort(side->pairs, compare_pairs);
    for (guint i = 0; i < side->pairs->len; i++) {
        const Pair *pair = &g_array_index(side->pairs, Pair, i);
        guint8 role = side->is_client ? 2 : 1;
        if (used_lines[pair->line] != 0 || (used_calls[pair->call] & role) != 0)
            continue;
        used_lines[pair->line] = 1;
        used_calls[pair->call] |= role;
        attach(side->c, pair->line, pair->call);
    }
}

static void
match_side(LampSide *side, guint8 *used_lines, guint8 *used_calls)
{
    if (side->n_lines == 0 || side->n_calls == 0)
        return;
    lamp_side_align(side);
    side->pairs = g_array_new(FALSE, FALSE, sizeof(Pair));
    take_pairs(side, used_lines, used_calls);
    g_array_unref(side->pairs);
}

/* Could a capture have shown this line's call? */
static gboolean
is_covered(const LampSide *side, guint32 line_index)
{
    if (side->n_calls == 0)
        return FALSE;
    gint64 end = lamp_side_end_of_line(side, lamp_observation(side->c, line_index));
    const LampCall *first = lamp_call(side->c, side->calls[0]);
    const LampCall *last = lamp_call(side->c, side->calls[side->n_calls - 1]);
    return end > lamp_side_end_of_call(first, side->is_client) - 2 * LAMP_NS_PER_SECOND &&
           end < lamp_side_end_of_call(last, side->is_client) + 2 * LAMP_NS_PER_SECOND;
}

static gboolean
has_capture(LampCorrelation *c, guint32 host)
{
    for (guint32 i = 0; i < c->sources->len; i++)
        if (lamp_source(c, i)->host == host && lamp_source(c, i)->kind == LAMP_SOURCE_CAPTURE)
            return TRUE;
    return FALSE;
}

/* Has the log all of the calls of its kinds that were captured, at others than the host, and a
 * good part more, @left? Then that was made by peers that were not captured. */
static gboolean
is_part_captured(const LampSide *side, const guint8 *used_calls, guint32 left)
{
    if (side->n_calls == 0 || left < MORE * side->n_lines || has_capture(side->c, side->host))
        return FALSE;
    g_autoptr(GHashTable) kinds = g_hash_table_new(NULL, NULL);
    gint64 first = G_MAXINT64, last = G_MININT64;
    guint32 alike = 0, used = 0;
    for (guint32 i = 0; i < side->n_lines; i++) {
        const LampObservation *line = lamp_observation(side->c, side->lines[i]);
        gint64 end = lamp_side_end_of_line(side, line);
        g_hash_table_add(kinds, GUINT_TO_POINTER(line->operation));
        first = MIN(first, end);
        last = MAX(last, end);
    }
    for (guint32 i = 0; i < side->n_calls; i++) {
        const LampCall *call = lamp_call(side->c, side->calls[i]);
        gint64 end = lamp_side_end_of_call(call, side->is_client);
        if (end < first || end > last ||
            !g_hash_table_contains(kinds, GUINT_TO_POINTER(call->operation)))
            continue;
        alike++;
        used += (used_calls[side->calls[i]] & (side->is_client ? 2 : 1)) != 0 ? 1 : 0;
    }
    return alike >= FEWEST_CALLS && used >= NEARLY_ALL * alike;
}

static gint
compare_entries(gconstpointer left, gconstpointer right)
{
    const LampSideEntry *a = left;
    const LampSideEntry *b = right;
    if (a->host != b->host)
        return a->host < b->host ? -1 : 1;
    if (a->end != b->end)
        return a->end < b->end ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

GArray *
lamp_side_list_calls(LampCorrelation *c, gboolean is_client, gboolean answered)
{
    GArray *entries = g_array_new(FALSE, FALSE, sizeof(LampSideEntry));
    for (guint32 i = 0; i < c->calls->len; i++) {
        const LampCall *call = lamp_call(c, i);
        guint32 host = is_client ? call->client_host : call->server_host;
        LampSideEntry entry = {host, lamp_side_end_of_call(call, is_client), i};
        if (host != LAMP_INDEX_NONE && entry.end != LAMP_TIME_NONE &&
            is_answered(call, is_client) == answered)
            g_array_append_val(entries, entry);
    }
    g_array_sort(entries, compare_entries);
    return entries;
}

static GArray *
list_lines(LampCorrelation *c, gboolean is_client)
{
    GArray *entries = g_array_new(FALSE, FALSE, sizeof(LampSideEntry));
    for (guint32 i = 0; i < c->observations->len; i++) {
        const LampObservation *line = lamp_observation(c, i);
        if (line->origin != LAMP_FROM_LOG || line->source == LAMP_INDEX_NONE ||
            (line->role == LAMP_SEEN_BY_CLIENT) != is_client)
            continue;
        LampSideEntry entry = {lamp_source(c, line->source)->host, line->request_first, i};
        if (line->response_last != LAMP_TIME_NONE)
            entry.end = line->response_last;
        if (entry.host != LAMP_INDEX_NONE && entry.end != LAMP_TIME_NONE)
            g_array_append_val(entries, entry);
    }
    g_array_sort(entries, compare_entries);
    return entries;
}

guint32
lamp_side_take_run(const GArray *entries, guint *at, guint32 host, guint32 *indices)
{
    guint32 n = 0;
    while (*at < entries->len && g_array_index(entries, LampSideEntry, *at).host < host)
        ++*at;
    for (; *at < entries->len && g_array_index(entries, LampSideEntry, *at).host == host; ++*at)
        indices[n++] = g_array_index(entries, LampSideEntry, *at).index;
    return n;
}

/* Work on all hosts: which lines and calls have found each other. */
typedef struct {
    LampCorrelation *c;
    const LampTexts *texts;
    guint8 *used_lines, *used_calls;
    GArray *alone, *left; /* guint32: lines that no capture covers; that one should show */
} Matching;

/* What becomes of the lines that no call was found for. */
static void
keep_unmatched(Matching *m, const LampSide *side)
{
    guint32 left = 0;
    for (guint32 i = 0; i < side->n_lines; i++)
        left += m->used_lines[side->lines[i]] == 0 ? 1 : 0;
    gboolean is_part = is_part_captured(side, m->used_calls, left);
    for (guint32 i = 0; i < side->n_lines; i++)
        if (m->used_lines[side->lines[i]] == 0)
            g_array_append_val(is_part || !is_covered(side, side->lines[i]) ? m->alone
                                                                            : m->left,
                               side->lines[i]);
}

/* Matches one role on all hosts with answered calls or with the others. */
static void
match_role(Matching *m, gboolean is_client, gboolean answered)
{
    g_autoptr(GArray) calls = lamp_side_list_calls(m->c, is_client, answered);
    g_autoptr(GArray) lines = list_lines(m->c, is_client);
    g_autofree guint32 *call_indices = g_new(guint32, (gsize) calls->len + 1);
    g_autofree guint32 *line_indices = g_new(guint32, (gsize) lines->len + 1);
    guint at_call = 0;
    for (guint at = 0; at < lines->len;) {
        LampSide side = {.c = m->c,
                         .texts = m->texts,
                         .is_client = is_client,
                         .is_unanswered = !answered,
                         .host = g_array_index(lines, LampSideEntry, at).host,
                         .calls = call_indices,
                         .lines = line_indices};
        side.n_lines = lamp_side_take_run(lines, &at, side.host, line_indices);
        side.n_calls = lamp_side_take_run(calls, &at_call, side.host, call_indices);
        match_side(&side, m->used_lines, m->used_calls);
        if (answered)
            keep_unmatched(m, &side);
    }
}

/* Tells of each log how many of its lines are in no call. */
static gboolean
tell_left(LampCorrelation *c, const GArray *left, const guint8 *used_lines, GError **error)
{
    g_autofree gint64 *counts = g_new0(gint64, (gsize) c->sources->len + 1);
    for (guint i = 0; i < left->len; i++) {
        guint32 line = g_array_index(left, guint32, i);
        counts[lamp_observation(c, line)->source] += used_lines[line] == 0 ? 1 : 0;
    }
    g_autoptr(LampStatement) insert = lamp_statement_new(
        c->store,
        "INSERT INTO findings VALUES (NULL, ?1, 'loss', 'log.no-call', NULL, NULL, ?2,"
        " 'records of calls that fit none that the captures show of their host: left out')",
        error);
    for (guint32 i = 0; insert != NULL && i < c->sources->len; i++) {
        if (counts[i] == 0)
            continue;
        lamp_statement_bind_int(insert, 1, lamp_source(c, i)->id);
        lamp_statement_bind_int(insert, 2, counts[i]);
        if (!lamp_statement_run(insert, error))
            return FALSE;
    }
    return insert != NULL;
}

gboolean
lamp_pass_logs(LampCorrelation *c, GError **error)
{
    gboolean has_lines = FALSE;
    for (guint32 i = 0; i < c->observations->len && !has_lines; i++)
        has_lines = lamp_observation(c, i)->origin == LAMP_FROM_LOG;
    if (!has_lines)
        return TRUE;
    if (!lamp_store_run(c->store, "DELETE FROM findings WHERE code = 'log.no-call'", error))
        return FALSE;
    g_autoptr(LampTexts) texts = lamp_texts_new(c, error);
    if (texts == NULL)
        return FALSE;
    lamp_log_homes_find(c, texts);
    g_autofree guint8 *used_lines = g_new0(guint8, (gsize) c->observations->len + 1);
    g_autofree guint8 *used_calls = g_new0(guint8, (gsize) c->calls->len + 1);
    g_autoptr(GArray) alone = g_array_new(FALSE, FALSE, sizeof(guint32));
    g_autoptr(GArray) left = g_array_new(FALSE, FALSE, sizeof(guint32));
    Matching matching = {c, texts, used_lines, used_calls, alone, left};
    for (guint round = 0; round < 2; round++) {
        match_role(&matching, FALSE, round == 0);
        match_role(&matching, TRUE, round == 0);
    }
    guint kept = 0;
    for (guint i = 0; i < alone->len; i++)
        if (used_lines[g_array_index(alone, guint32, i)] == 0)
            g_array_index(alone, guint32, kept++) = g_array_index(alone, guint32, i);
    g_array_set_size(alone, kept);
    return tell_left(c, left, used_lines, error) &&
           lamp_calls_from_logs(c, texts, alone, error);
}
