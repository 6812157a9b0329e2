/*
 * Who made the calls of which only the callee's log tells, where neither an address nor a value
 * says so: time does, if anything.
 *
 * A call that was made for a request lies within it. By chance it would so as often as calls at
 * any other time do: the same calls, moved around the whole recording several ways. Of the
 * calls of a host that name no caller, a share e lies in requests of another host, and c by
 * chance; if all calls of that host were made for such requests, e would be 1, and (e - c) / (1
 * - c) is the share that must have been. Where that is nearly all, and stamps are fine enough
 * to find the request, the other host is the caller; of several that fit, the one that the
 * others call, or else whose requests enclose the least by chance (a proxy's enclose all that
 * those behind it do). Where it is less, or stamps are coarse, the calls stay without a cause,
 * but in doubt. So do calls of a store while others serve, where nesting tells nothing, because
 * under load any time lies in some request: users seldom ask a store themselves. Replicas are
 * taken together: each call is of the one whose request encloses it. Calls that lie in requests
 * of a host which itself works for the caller found are that host's, where chance tells less.
 * A private address that no host is known by names nobody, as it may be one of theirs.
 * Where ids tell who made nearly all calls of a host, it made those whose records lack the id,
 * too. Cost: O(n log n) for each of MOST_HOSTS possible callers.
 */
#include "correlate/caller-counts.h"
#include "correlate/inside.h"
#include "correlate/logs.h"
#include "correlate/replicas.h"
#include "correlate/served.h"
#include "correlate/told-callers.h"

#include <math.h>

#define FEWEST 20
#define NEAR 400 /* requests that are looked at for one call */
#define SAMPLE 500
#define SHIFTS 8
#define MOST_HOSTS LAMP_TOLD_CALLERS
#define NEARLY_ALL 0.9
#define FINE_NS (20 * LAMP_NS_PER_MS)
#define ROUNDING_NS LAMP_NS_PER_MS
#define DEVIATIONS 4.0    /* of chance, that more than chance is */
#define STORE_INSIDE 0.9F /* probability that a service called its store, and no user */

/* The requests of one host and its replicas: a run of `served`. */
typedef struct {
    guint first, end;
    gint64 slack, begin, span; /* mean slack of its stamps; the time from first to last */
} Caller;

typedef struct {
    LampCorrelation *c;
    GArray *served;     /* LampServed */
    gint64 *last_end;   /* beside it: of the request and all of its host that began before */
    GArray *callers;    /* Caller */
    gboolean *is_store; /* by host: only answers */
    GArray *open;       /* guint32: calls of one host and its replicas that name no caller */
    guint32 *group;     /* by host: the first of its replicas */
    LampToldCallers told;
    LampCallerCounts counts;
} Nested;

/* How often calls lie in requests of a host, and by chance. */
typedef struct {
    double share, chance, gain;
} Fit;

static const LampServed *
served_at(const Nested *self, guint i)
{
    return &g_array_index(self->served, LampServed, i);
}

static gint
compare_callers(gconstpointer left, gconstpointer right)
{
    const Caller *a = left;
    const Caller *b = right;
    if (a->end - a->first != b->end - b->first)
        return a->end - a->first > b->end - b->first ? -1 : 1;
    return a->first < b->first ? -1 : a->first > b->first;
}

/* The hosts that served most. */
static void
list_callers(Nested *self)
{
    for (guint i = 0, end; i < self->served->len; i = end) {
        double slack = 0;
        gint64 last = G_MININT64;
        for (end = i;
             end < self->served->len && served_at(self, end)->host == served_at(self, i)->host;
             end++) {
            last = MAX(last, served_at(self, end)->end);
            self->last_end[end] = last;
            slack += (double) served_at(self, end)->slack;
        }
        Caller caller = {i, end, (gint64) (slack / (end - i)), served_at(self, i)->start,
                         last - served_at(self, i)->start + 1};
        g_array_append_val(self->callers, caller);
    }
    g_array_sort(self->callers, compare_callers);
    g_array_set_size(self->callers, MIN(self->callers->len, MOST_HOSTS));
}

/* The first request of the caller that begins after @start. */
static guint
first_after(const Nested *self, const Caller *caller, gint64 start)
{
    guint low = caller->first, high = caller->end;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (served_at(self, middle)->start <= start)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The time that a request has to hold to hold the call, begun at @start: less what stamps leave
 * open. */
static void
find_inner(const Caller *caller, const LampCall *call, gint64 start, gint64 out[2])
{
    gint64 slack = call->server_uncertainty + caller->slack + ROUNDING_NS;
    out[0] = start + slack;
    out[1] = start + MAX(call->server_end - call->server_start - slack, slack);
}

/* The call moved by @part of the caller's time, around its end. */
static gboolean
is_call_enclosed(const Nested *self, const Caller *caller, const LampCall *call, double part)
{
    gint64 start = call->server_start, inner[2];
    if (part > 0) {
        gint64 moved =
            (start - caller->begin + (gint64) (part * (double) caller->span)) % caller->span;
        start = caller->begin + (moved < 0 ? moved + caller->span : moved);
    }
    find_inner(caller, call, start, inner);
    guint after = first_after(self, caller, inner[0]);
    return after > caller->first && self->last_end[after - 1] >= inner[1];
}

/* The replica of the caller whose request holds the call most tightly, or NONE; how many hold
 * it. */
static guint32
find_replica(const Nested *self, const Caller *caller, const LampCall *call, guint *out_holding)
{
    const LampServed *best = NULL;
    gint64 inner[2];
    find_inner(caller, call, call->server_start, inner);
    guint after = first_after(self, caller, inner[0]);
    *out_holding = 0;
    for (guint i = after; i > caller->first && after - i < NEAR; i--) {
        const LampServed *request = served_at(self, i - 1);
        if (self->last_end[i - 1] < inner[1])
            break;
        if (request->end < inner[1])
            continue;
        *out_holding += best == NULL || best->replica != request->replica ? 1 : 0;
        if (best == NULL || request->end - request->start < best->end - best->start)
            best = request;
    }
    return best != NULL ? best->replica : LAMP_INDEX_NONE;
}

static Fit
fit_caller(const Nested *self, const Caller *caller)
{
    guint stride = self->open->len / SAMPLE + 1, n = 0, enclosed = 0, chance = 0;
    for (guint i = 0; i < self->open->len; i += stride, n++) {
        const LampCall *call = lamp_call(self->c, g_array_index(self->open, guint32, i));
        enclosed += is_call_enclosed(self, caller, call, 0) ? 1 : 0;
        for (guint k = 1; k <= SHIFTS; k++)
            chance += is_call_enclosed(self, caller, call, (double) k / (SHIFTS + 1)) ? 1 : 0;
    }
    Fit fit = {(double) enclosed / n, (double) chance / (SHIFTS * n), 0};
    double deviation = sqrt(fit.chance * (1 - fit.chance) / n) + 1.0 / n;
    if (fit.chance < 1 && fit.share - fit.chance > DEVIATIONS * deviation)
        fit.gain = (fit.share - fit.chance) / (1 - fit.chance);
    return fit;
}

static gboolean
is_fine(const Nested *self, const Caller *caller)
{
    const LampCall *call = lamp_call(self->c, g_array_index(self->open, guint32, 0));
    return caller->slack + call->server_uncertainty <= FINE_NS;
}

static gboolean
has_replicas(const Nested *self, const Caller *caller)
{
    for (guint i = caller->first + 1; i < caller->end; i++)
        if (served_at(self, i)->replica != served_at(self, i - 1)->replica)
            return TRUE;
    return FALSE;
}

/* Does the address that the record names ask the caller, too? */
static gboolean
asks_too(const Nested *self, const Caller *caller, const LampCall *call)
{
    return lamp_caller_counts_asks_too(&self->counts, served_at(self, caller->first)->host,
                                       call);
}

/* Names the caller of one call: the replica whose request holds it, if there are several. */
static void
name_caller_of(const Nested *self, const Caller *caller, LampCall *call, double doubt)
{
    guint holding = 1;
    guint32 host = served_at(self, caller->first)->replica;
    if (asks_too(self, caller, call))
        return;
    if (has_replicas(self, caller))
        host = find_replica(self, caller, call, &holding);
    if (host == LAMP_INDEX_NONE)
        return;
    lamp_caller_counts_move(&self->counts, call, host);
    call->caller_doubt = (float) (1 - (1 - doubt) / holding);
}

/* Calls that lie in requests of a host which made some of them: in doubt, or its own if that is
 * likelier and it works for the one, @outer, that made the others. */
static void
take_part(const Nested *self, const Caller *caller, const Fit *fit, gboolean is_inner)
{
    double outside = (1 - fit->gain) * fit->chance;
    double share = fit->gain / (fit->gain + outside);
    for (guint i = 0; i < self->open->len; i++) {
        LampCall *call = lamp_call(self->c, g_array_index(self->open, guint32, i));
        if (!is_call_enclosed(self, caller, call, 0))
            continue;
        if (is_inner && share > 0.5)
            name_caller_of(self, caller, call, 1 - share);
        else
            call->caller_doubt = MAX(call->caller_doubt, (float) share);
    }
}

static void
name_caller(const Nested *self, const Caller *caller, double doubt)
{
    for (guint i = 0; i < self->open->len; i++)
        name_caller_of(self, caller, lamp_call(self->c, g_array_index(self->open, guint32, i)),
                       doubt);
}

/* Do most of the calls to @inner's host that name a caller come from the group @outer? */
static gboolean
works_for(const Nested *self, const Caller *inner, guint32 outer)
{
    return lamp_caller_counts_is_most(&self->counts, served_at(self, inner->first)->host,
                                      outer);
}

/* Is @one rather the caller than @other, where calls lie in the requests of both? */
static gboolean
is_nearer(const Nested *self, const Caller *one, const Fit *fit, const Caller *other,
          const Fit *other_fit)
{
    if (other == NULL || works_for(self, one, served_at(self, other->first)->host))
        return TRUE;
    return fit->chance < other_fit->chance &&
           !works_for(self, other, served_at(self, one->first)->host);
}

static void
doubt_store(const Nested *self)
{
    for (guint i = 0; i < self->open->len; i++) {
        LampCall *call = lamp_call(self->c, g_array_index(self->open, guint32, i));
        for (guint k = 0; k < self->callers->len && call->caller_doubt < STORE_INSIDE; k++) {
            const Caller *caller = &g_array_index(self->callers, Caller, k);
            if (!self->is_store[served_at(self, caller->first)->host] &&
                is_call_enclosed(self, caller, call, 0))
                call->caller_doubt = STORE_INSIDE;
        }
    }
}

/* Names the caller of calls without an id, and of those whose id the caller's record lacks. */
static void
name_unmarked(const Nested *self, guint number, double doubt)
{
    const Caller *caller = &g_array_index(self->callers, Caller, number);
    for (guint i = 0; i < self->open->len; i++) {
        LampCall *call = lamp_call(self->c, g_array_index(self->open, guint32, i));
        if (!lamp_told_is_marked(&self->told, call, number))
            name_caller_of(self, caller, call, doubt);
    }
}

/* Doubts calls that went to another caller as the usual one's record lacks the id. */
static void
doubt_others(const Nested *self, guint32 host, guint number, double doubt)
{
    const Caller *caller = &g_array_index(self->callers, Caller, number);
    for (guint32 i = 0; i < self->c->calls->len; i++) {
        LampCall *call = lamp_call(self->c, i);
        if (call->server_host == LAMP_INDEX_NONE || self->group[call->server_host] != host ||
            call->request_group == 0 || call->client_host == LAMP_INDEX_NONE ||
            call->client_seen != LAMP_INDEX_NONE || call->server_end == LAMP_TIME_NONE)
            continue;
        if (!lamp_told_is_marked(&self->told, call, number) &&
            self->group[call->client_host] != served_at(self, caller->first)->host &&
            is_call_enclosed(self, caller, call, 0))
            call->caller_doubt = MAX(call->caller_doubt, (float) (1 - doubt));
    }
}

static const LampTold *
told_of(const Nested *self, guint32 host, guint number)
{
    return &self->told.told[(gsize) host * self->told.callers + number];
}

/* Do many of the open calls name an address that asks the caller itself? */
static gboolean
is_asked_beside(const Nested *self, const Caller *caller)
{
    guint beside = 0;
    for (guint i = 0; i < self->open->len; i++)
        if (asks_too(self, caller, lamp_call(self->c, g_array_index(self->open, guint32, i))))
            beside++;
    return 10 * beside > self->open->len;
}

/* A caller whose ids were there, and of a host's calls with ids made none, made no others; nor
 * did one that works for that host. */
static gboolean
may_have_made(const Nested *self, const Caller *caller, const LampTold *told, guint32 host)
{
    return served_at(self, caller->first)->host != host &&
           (told->beside < FEWEST || told->made > 0) && !works_for(self, caller, host) &&
           !is_asked_beside(self, caller);
}

/* Looks for the caller of the open calls of one host by their times. */
static void
find_caller(Nested *self, guint32 host)
{
    const Caller *best = NULL;
    Fit best_fit = {0};
    g_autofree Fit *fits = g_new0(Fit, (gsize) self->callers->len + 1);
    for (guint i = 0; i < self->callers->len; i++) {
        const Caller *caller = &g_array_index(self->callers, Caller, i);
        if (!may_have_made(self, caller, told_of(self, host, i), host))
            continue;
        fits[i] = fit_caller(self, caller);
        if (fits[i].gain < NEARLY_ALL || !is_fine(self, caller) ||
            !is_nearer(self, caller, &fits[i], best, &best_fit))
            continue;
        best = caller;
        best_fit = fits[i];
    }
    if (best != NULL)
        name_caller(self, best, 1 - best_fit.gain);
    else if (self->is_store[host])
        doubt_store(self);
    for (guint i = 0; i < self->callers->len; i++) {
        const Caller *caller = &g_array_index(self->callers, Caller, i);
        if (fits[i].gain > 0 && (fits[i].gain < NEARLY_ALL || !is_fine(self, caller)))
            take_part(self, caller, &fits[i],
                      best != NULL && is_fine(self, caller) &&
                          works_for(self, caller, served_at(self, best->first)->host));
    }
}

/* Looks for the caller of the open calls of one host: the one that made nearly all of those of
 * which ids tell, or else by time, but for those that were there and made none. */
static void
look_at(Nested *self, guint32 host)
{
    for (guint i = 0; i < self->callers->len; i++) {
        const Caller *caller = &g_array_index(self->callers, Caller, i);
        const LampTold *told = told_of(self, host, i);
        if (served_at(self, caller->first)->host == host || told->beside < FEWEST ||
            2 * told->beside < told->all || told->made < NEARLY_ALL * told->beside)
            continue;
        double doubt = (told->beside - told->made + 1.0) / (told->beside + 2.0);
        doubt_others(self, host, i, doubt);
        name_unmarked(self, i, doubt);
        return;
    }
    if (self->open->len >= FEWEST)
        find_caller(self, host);
}

/* Does the record name no caller, or an address that may be any host's inside? */
static gboolean
names_nobody(LampCorrelation *c, const guint8 *is_inside, const LampCall *call)
{
    if (call->client_place == LAMP_INDEX_NONE)
        return call->client_host == LAMP_INDEX_NONE;
    return (call->client_host == LAMP_INDEX_NONE || is_inside[call->client_host] == 0) &&
           lamp_place_is_private(lamp_place(c, call->client_place));
}

static gboolean
is_open(LampCorrelation *c, const guint8 *is_inside, const LampCall *call)
{
    return call->client_seen == LAMP_INDEX_NONE && call->server_seen != LAMP_INDEX_NONE &&
           call->server_host != LAMP_INDEX_NONE && call->server_start != LAMP_TIME_NONE &&
           call->server_end != LAMP_TIME_NONE && names_nobody(c, is_inside, call) &&
           lamp_observation(c, call->server_seen)->origin == LAMP_FROM_LOG;
}

/* Open calls of one host and its replicas. */
typedef struct {
    guint32 group;
    double length; /* mean */
    guint first, end;
} Callees;

static gint
compare_groups(gconstpointer left, gconstpointer right, gpointer user)
{
    const Nested *self = user;
    guint32 a = *(const guint32 *) left;
    guint32 b = *(const guint32 *) right;
    guint32 x = self->group[lamp_call(self->c, a)->server_host];
    guint32 y = self->group[lamp_call(self->c, b)->server_host];
    if (x != y)
        return x < y ? -1 : 1;
    return a < b ? -1 : a > b;
}

/* Longer ones first, as they may call the others. */
static gint
compare_lengths(gconstpointer left, gconstpointer right)
{
    const Callees *a = left;
    const Callees *b = right;
    if (a->length != b->length)
        return a->length > b->length ? -1 : 1;
    return a->first < b->first ? -1 : a->first > b->first;
}

static GArray *
list_callees(const Nested *self, const GArray *all)
{
    GArray *callees = g_array_new(FALSE, FALSE, sizeof(Callees));
    for (guint i = 0; i < all->len; i++) {
        const LampCall *call = lamp_call(self->c, g_array_index(all, guint32, i));
        guint32 group = self->group[call->server_host];
        if (callees->len == 0 ||
            g_array_index(callees, Callees, callees->len - 1).group != group) {
            Callees one = {.group = group, .first = i};
            g_array_append_val(callees, one);
        }
        Callees *last = &g_array_index(callees, Callees, callees->len - 1);
        last->end = i + 1;
        last->length += ((double) (call->server_end - call->server_start) - last->length) /
                        (last->end - last->first);
    }
    g_array_sort(callees, compare_lengths);
    return callees;
}

static void
begin_told(Nested *self)
{
    guint32 groups[MOST_HOSTS];
    for (guint i = 0; i < self->callers->len; i++)
        groups[i] = served_at(self, g_array_index(self->callers, Caller, i).first)->host;
    lamp_told_callers_begin(&self->told, self->c, self->group, groups, self->callers->len);
}

void
lamp_nested_callers_find(LampCorrelation *c)
{
    g_autoptr(GArray) callers = g_array_new(FALSE, FALSE, sizeof(Caller));
    g_autoptr(GArray) open = g_array_new(FALSE, FALSE, sizeof(guint32));
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(guint32));
    g_autofree guint8 *is_inside = lamp_hosts_inside(c);
    for (guint32 i = 0; i < c->calls->len; i++)
        if (is_open(c, is_inside, lamp_call(c, i)))
            g_array_append_val(all, i);
    if (all->len < FEWEST)
        return;
    g_autofree guint32 *group = lamp_replica_groups(c);
    g_autoptr(GArray) served = lamp_served_of_groups(c, group);
    g_autofree gint64 *last_end = g_new(gint64, (gsize) served->len + 1);
    g_autofree gboolean *is_store = lamp_replica_stores(c, group);
    Nested self = {c, served, last_end, callers, is_store, open, group, {NULL}, {NULL}};
    lamp_caller_counts_begin(&self.counts, c, group);
    list_callers(&self);
    begin_told(&self);
    g_array_sort_with_data(all, compare_groups, &self);
    g_autoptr(GArray) callees = list_callees(&self, all);
    for (guint i = 0; i < callees->len; i++) {
        const Callees *one = &g_array_index(callees, Callees, i);
        g_array_set_size(open, 0);
        g_array_append_vals(open, &g_array_index(all, guint32, one->first),
                            one->end - one->first);
        look_at(&self, one->group);
    }
    lamp_told_callers_end(&self.told);
    lamp_caller_counts_end(&self.counts);
}
