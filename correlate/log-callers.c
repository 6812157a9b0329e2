/*
 * Who made the calls of which only the callee's log tells.
 *
 * A server's record seldom names its caller: `request_id=… path=/orders dur_ms=28` says who
 * served and what, but not for whom. Records of several components that bear the same value are
 * of one request, though, and a call that was made for another lies within its time.
 *
 * Of all pairs of calls with a value in common it is counted, for each kind of call, each other
 * component and each kind of request, how often the call lies in a call of that component, give
 * or take what stamps and clocks leave open, and how often that is the longer one. Components
 * that nearly always enclose the kind may be its caller; a parallel sibling seldom does so
 * every time. Of the calls of such components that enclose the call, the shortest is taken for
 * the caller's: its host becomes the call's client, and the causal engine looks there for the
 * cause, with the values among its evidence.
 *
 * Cost: O(n log n), and the square of the calls of one request (256 at most).
 */
#include "correlate/inside.h"
#include "correlate/request-calls.h"

#define FEWEST 10         /* pairs in requests of a kind */
#define NEARLY_ALWAYS 0.9 /* of the pairs: the caller encloses the call */
#define ALIKE_NS (3 * LAMP_NS_PER_MS)
#define MAP_BUDGET ((gsize) 256 << 20)

/* Calls of a kind beside calls of another component with the same value. */
typedef struct {
    guint32 pairs, enclosed;
    double longer; /* pairs in which the other is; half for equals */
} Nesting;

typedef struct {
    LampCorrelation *c;
    LampRequestCalls *calls;
    guint8 *is_inside;      /* by host: serves, or has a log */
    LampKeyedMap *nestings; /* kind and component to an index of `pairs`, + 1 */
    GArray *pairs;          /* Nesting */
    guint32 request;        /* kind of the longest call with the value at hand */
    guint32 *callers;       /* by call: the call that encloses it, or NONE */
} Callers;

static Nesting *
nesting_of(Callers *self, guint32 kind, guint32 component, guint32 request)
{
    guint32 key[4] = {kind, component, request, 0};
    guint32 number = lamp_number_of(self->nestings, key);
    if (number > self->pairs->len)
        g_array_set_size(self->pairs, number);
    return number > 0 ? &g_array_index(self->pairs, Nesting, number - 1) : NULL;
}

/* Is @other of another component, so that it could have called @call? */
static gboolean
is_apart(const Callers *self, guint32 call, guint32 other)
{
    return self->calls->components[call] != self->calls->components[other] &&
           lamp_work_start(lamp_call(self->c, other)) != LAMP_TIME_NONE &&
           lamp_work_start(lamp_call(self->c, call)) != LAMP_TIME_NONE;
}

/* One component's calls beside a call of another. */
typedef struct {
    guint32 first; /* member: the first of the component */
    gboolean is_enclosed;
    double longer;
} Beside;

/* Gathers what is beside call @index, at the first member of each component. */
static void
look_beside(const Callers *self, guint32 index, guint from, guint to, Beside *beside)
{
    const LampCall *call = lamp_call(self->c, index);
    gint64 length = lamp_work_end(call) - lamp_work_start(call);
    for (guint k = from; k < to; k++) {
        const LampCall *other = lamp_call(self->c, lamp_request_call(self->calls, k)->call);
        Beside *at = &beside[beside[k - from].first];
        gint64 more = lamp_work_end(other) - lamp_work_start(other) - length;
        at->is_enclosed = at->is_enclosed || lamp_work_lies_in(call, other);
        at->longer = MAX(at->longer, more > 0 ? 1 : more == 0 ? 0.5 : 0);
    }
}

static void
count_nesting(Callers *self, guint32 call, guint32 other, guint32 request, const Beside *beside)
{
    Nesting *nesting =
        nesting_of(self, self->calls->kinds[call], self->calls->components[other], request);
    if (nesting == NULL)
        return;
    nesting->pairs++;
    nesting->enclosed += beside->is_enclosed ? 1 : 0;
    nesting->longer += beside->longer;
}

/* Counts one call's pairs with the others of its value: each component once, by the call of it
 * that is nearest to enclosing it. */
static void
count_pairs(Callers *self, guint32 index, guint from, guint to, Beside *beside)
{
    for (guint i = 0; i < to - from; i++) {
        beside[i].is_enclosed = FALSE;
        beside[i].longer = 0;
    }
    look_beside(self, index, from, to, beside);
    for (guint i = 0; i < to - from; i++) {
        guint32 other = lamp_request_call(self->calls, from + i)->call;
        if (beside[i].first != i || !is_apart(self, index, other))
            continue;
        count_nesting(self, index, other, 0, &beside[i]);
        count_nesting(self, index, other, self->request, &beside[i]);
    }
}

/* What kind of request it is: that of its longest call. */
static guint32
find_request(const Callers *self, guint from, guint to)
{
    gint64 longest = -1;
    guint32 kind = 0;
    for (guint i = from; i < to; i++) {
        const LampCall *call = lamp_call(self->c, lamp_request_call(self->calls, i)->call);
        if (lamp_work_end(call) - lamp_work_start(call) <= longest)
            continue;
        longest = lamp_work_end(call) - lamp_work_start(call);
        kind = self->calls->kinds[lamp_request_call(self->calls, i)->call];
    }
    return kind;
}

/* Counts the pairs of all calls of one value. */
static void
count_value(Callers *self, guint from, guint to)
{
    g_autofree Beside *beside = g_new0(Beside, to - from);
    for (guint i = 0; i < to - from; i++)
        while (self->calls
                   ->components[lamp_request_call(self->calls, from + beside[i].first)->call] !=
               self->calls->components[lamp_request_call(self->calls, from + i)->call])
            beside[i].first++;
    for (guint i = from; i < to; i++)
        count_pairs(self, lamp_request_call(self->calls, i)->call, from, to, beside);
}

/* As requests of the kind at hand tell, or all, if these are few. */
static gboolean
may_call(Callers *self, guint32 call, guint32 other)
{
    if (!is_apart(self, call, other))
        return FALSE;
    guint32 kind = self->calls->kinds[call];
    guint32 component = self->calls->components[other];
    const Nesting *nesting = nesting_of(self, kind, component, self->request);
    if (nesting != NULL && nesting->pairs < FEWEST)
        nesting = nesting_of(self, kind, component, 0);
    return nesting != NULL && nesting->pairs > 0 &&
           nesting->enclosed >= NEARLY_ALWAYS * nesting->pairs &&
           nesting->longer > 0.5 * nesting->pairs;
}

/* Was the call made by the component that @other was served by? */
static gboolean
is_made_by(const Callers *self, guint32 call, guint32 other)
{
    guint32 caller = lamp_call(self->c, call)->client_host;
    return caller != LAMP_INDEX_NONE && caller == lamp_call(self->c, other)->server_host;
}

/* Does @one enclose calls more tightly than @other? Calls of nearly the same length do that as
 * one was made by the other, or else in the order of their components. */
static gboolean
is_tighter(Callers *self, guint32 one, guint32 other)
{
    const LampCall *a = lamp_call(self->c, one);
    const LampCall *b = lamp_call(self->c, other);
    gint64 longer = lamp_work_end(a) - lamp_work_start(a) + lamp_work_slack(a) -
                    (lamp_work_end(b) - lamp_work_start(b) + lamp_work_slack(b));
    if (ABS(longer) <= ALIKE_NS && is_made_by(self, one, other) != is_made_by(self, other, one))
        return is_made_by(self, one, other);
    if (ABS(longer) <= ALIKE_NS && may_call(self, one, other) != may_call(self, other, one))
        return may_call(self, one, other);
    return longer < 0;
}

/* The tightest call of a possible caller that encloses @index, else one that it begins in. */
static guint32
find_caller(Callers *self, guint32 index, guint from, guint to)
{
    const LampCall *call = lamp_call(self->c, index);
    guint32 best = LAMP_INDEX_NONE;
    gboolean is_within = FALSE;
    for (guint i = from; i < to; i++) {
        guint32 other = lamp_request_call(self->calls, i)->call;
        const LampCall *outer = lamp_call(self->c, other);
        if (other == index || !may_call(self, index, other) ||
            !lamp_work_begins_in(call, outer) || is_made_by(self, other, index))
            continue;
        gboolean encloses = lamp_work_lies_in(call, outer);
        if (encloses < is_within || (encloses == is_within && best != LAMP_INDEX_NONE &&
                                     !is_tighter(self, other, best)))
            continue;
        best = other;
        is_within = encloses;
    }
    return best;
}

/* Is the call known from its callee's record alone, and its caller not another one of the
 * system? (A proxy hands on the address of a user.) */
static gboolean
is_open(const Callers *self, guint32 index)
{
    const LampCall *call = lamp_call(self->c, index);
    return call->client_seen == LAMP_INDEX_NONE && call->server_seen != LAMP_INDEX_NONE &&
           lamp_observation(self->c, call->server_seen)->origin == LAMP_FROM_LOG &&
           (call->client_host == LAMP_INDEX_NONE || self->is_inside[call->client_host] == 0);
}

static void
find_callers(Callers *self)
{
    guint32 group = 0;
    for (guint i = 0, end; i < self->calls->members->len; i = end) {
        end = lamp_request_calls_end(self->calls, i);
        self->request = find_request(self, i, end);
        count_value(self, i, end);
    }
    for (guint i = 0, end; i < self->calls->members->len; i = end) {
        end = lamp_request_calls_end(self->calls, i);
        self->request = find_request(self, i, end);
        group++;
        for (guint k = i; k < end; k++) {
            guint32 index = lamp_request_call(self->calls, k)->call;
            if (lamp_call(self->c, index)->request_group == 0)
                lamp_call(self->c, index)->request_group = group;
            if (is_open(self, index) && self->callers[index] == LAMP_INDEX_NONE)
                self->callers[index] = find_caller(self, index, i, end);
        }
    }
}

/* Stamps of callers and callees tell of each other. */
static gboolean
settle_stamps(Callers *self, GError **error)
{
    LampCorrelation *c = self->c;
    g_autoptr(GArray) ties = g_array_new(FALSE, FALSE, sizeof(LampStampTie));
    for (guint32 i = 0; i < c->calls->len; i++) {
        if (self->callers[i] == LAMP_INDEX_NONE)
            continue;
        guint32 caller = lamp_call(c, self->callers[i])->server_seen;
        LampStampTie tie = {lamp_call(c, i)->server_seen, caller};
        if (caller != LAMP_INDEX_NONE && lamp_observation(c, caller)->origin == LAMP_FROM_LOG)
            g_array_append_val(ties, tie);
    }
    if (ties->len == 0)
        return TRUE;
    if (!lamp_log_stamps_settle(c, ties, error))
        return FALSE;
    for (guint32 i = 0; i < c->calls->len; i++)
        if (lamp_observation(c, lamp_call(c, i)->base_seen)->origin == LAMP_FROM_LOG)
            lamp_set_times(c, lamp_call(c, i));
    return TRUE;
}

/* The call was made within the caller's: the callee's times, as far as they allow that. */
static void
name_caller(Callers *self, guint32 index)
{
    LampCall *call = lamp_call(self->c, index);
    const LampCall *caller = lamp_call(self->c, self->callers[index]);
    gboolean is_within = lamp_work_lies_in(call, caller);
    call->client_host = caller->server_host;
    call->client_start =
        CLAMP(call->server_start, lamp_work_start(caller), lamp_work_end(caller));
    call->client_end = call->server_end;
    if (is_within && call->server_end != LAMP_TIME_NONE)
        call->client_end = CLAMP(call->server_end, call->client_start, lamp_work_end(caller));
    call->client_uncertainty = call->server_uncertainty + LAMP_ROUNDING_NS;
}

gboolean
lamp_log_callers_find(LampCorrelation *c, const LampTexts *texts, GError **error)
{
    gsize n = (gsize) c->calls->len + 1;
    g_autofree guint32 *callers = g_new0(guint32, n);
    g_autofree guint8 *is_inside = lamp_hosts_inside(c);
    g_autoptr(LampRequestCalls) calls = lamp_request_calls_new(c, lamp_texts_uses(texts));
    g_autoptr(LampKeyedMap) nestings = lamp_keyed_map_new(MAP_BUDGET);
    g_autoptr(GArray) pairs = g_array_new(FALSE, TRUE, sizeof(Nesting));
    for (gsize i = 0; i < n; i++)
        callers[i] = LAMP_INDEX_NONE;
    Callers self = {c, calls, is_inside, nestings, pairs, 0, callers};
    find_callers(&self);
    if (!settle_stamps(&self, error))
        return FALSE;
    for (guint32 i = 0; i < c->calls->len; i++)
        if (callers[i] != LAMP_INDEX_NONE &&
            lamp_call(c, callers[i])->server_host != LAMP_INDEX_NONE)
            name_caller(&self, i);
    return TRUE;
}
