/*
 * The clocks of logs that no capture shows, from the requests that they have in common.
 *
 * In: records of calls, and the values that several of them bear. Where a value stands in the
 * logs of two hosts, the one mostly worked for the other, so its work, from the first begin to
 * the last end, lies within the other's: the difference of the clocks is between that of their
 * begins and that of their ends, give or take the resolution of the stamps. For two hosts the
 * difference is taken at which most such pairs lie so (a sweep over the ends of their
 * intervals), none, or whole quarters of an hour (a time zone), if that is nearly as good.
 * Services that work side by side seem to lie in each other where their clocks are moved a
 * little; so a difference counts for less if without it half of the pairs lie so, too, or if
 * without it they work one after the other and both lie in a third one's work. The
 * hosts are a graph, of which the spanning tree of the surest differences gives each host its
 * offset, against a host whose clock is known, or else against the clock that most hosts agree
 * with.
 *
 * Cost: O(n log n) in the pairs, at most USES_PER_VALUE times HOSTS_PER_VALUE for a value.
 */
#include "correlate/common-point.h"
#include "correlate/logs.h"

#include <math.h>

#define FEWEST 10          /* pairs that tell a clock */
#define MOST_OF 0.6        /* of the pairs have to agree */
#define AS_GOOD 0.98       /* of the most: no difference is taken rather */
#define USES_PER_VALUE 120 /* records of one request; a value with more is none's */
#define HOSTS_PER_VALUE 16
#define TOGETHER_NS (10 * LAMP_NS_PER_MS)
#define AGREEING_NS (4 * LAMP_NS_PER_MS)
#define QUARTER_NS (900 * LAMP_NS_PER_SECOND)
#define ZONE_SLACK_NS (60 * LAMP_NS_PER_SECOND)

/* By how much the clock of @b may be ahead of that of @a; one is done before the other begins,
 * as the clocks are. */
typedef struct {
    guint32 a, b;
    gint64 low, high;
    gboolean is_apart;
} Pair;

/* A host's work for one value, from its first begin to its last end. */
typedef struct {
    guint32 host;
    gint64 start, end, resolution;
} Work;

typedef struct {
    guint32 a, b, pairs;
    gint64 ahead, width;
    gboolean
        is_needed; /* without a difference hardly half as many would agree, or there is none */
    gboolean is_none, is_apart; /* no difference; most pairs are apart without one */
} Edge;

/* A host in the forest: its clock is @ahead of that of its parent. */
typedef struct {
    guint32 parent, weight;
    gint64 ahead, width; /* width: of its surest difference */
} Node;

typedef struct {
    LampCorrelation *c;
    guint8
        *is_line;  /* beside the observations: a record on a clock that is known or asked for */
    GArray *pairs; /* Pair */
    GArray *edges; /* Edge */
    Node *nodes;   /* by host */
} Clocks;

static guint32
host_of(Clocks *self, guint32 observation)
{
    return lamp_source(self->c, lamp_observation(self->c, observation)->source)->host;
}

static gboolean
is_timed(const Clocks *self, guint32 observation)
{
    const LampObservation *seen = lamp_observation(self->c, observation);
    return self->is_line[observation] != 0 && seen->role != LAMP_SEEN_BY_CLIENT &&
           seen->response_last != LAMP_TIME_NONE;
}

static void
add_pair(Clocks *self, const Work *one, const Work *other)
{
    const Work *a = one->host < other->host ? one : other;
    const Work *b = a == one ? other : one;
    gint64 begins = b->start - a->start;
    gint64 ends = b->end - a->end;
    Pair pair = {a->host, b->host, MIN(begins, ends) - a->resolution,
                 MAX(begins, ends) + b->resolution,
                 a->end <= b->start + b->resolution || b->end <= a->start + a->resolution};
    g_array_append_val(self->pairs, pair);
}

/* Adds a record to the work of its host. */
static void
add_work(Clocks *self, guint32 line, GArray *works)
{
    const LampObservation *seen = lamp_observation(self->c, line);
    for (guint i = 0; i < works->len; i++) {
        Work *work = &g_array_index(works, Work, i);
        if (work->host != host_of(self, line))
            continue;
        work->start = MIN(work->start, seen->request_first);
        work->end = MAX(work->end, seen->response_last);
        work->resolution = MAX(work->resolution, seen->resolution);
        return;
    }
    Work work = {host_of(self, line), seen->request_first, seen->response_last,
                 seen->resolution};
    g_array_append_val(works, work);
}

/* Pairs of the hosts that bear a value: uses @from to @to. */
static void
add_value(Clocks *self, const GArray *uses, guint from, guint to, GArray *works)
{
    g_array_set_size(works, 0);
    if (to - from > USES_PER_VALUE)
        return;
    for (guint i = from; i < to; i++)
        if (is_timed(self, g_array_index(uses, LampIdUse, i).observation))
            add_work(self, g_array_index(uses, LampIdUse, i).observation, works);
    for (guint i = 0; i < works->len; i++)
        for (guint k = i + 1; k < works->len && k <= i + HOSTS_PER_VALUE; k++)
            add_pair(self, &g_array_index(works, Work, i), &g_array_index(works, Work, k));
}

static gint
compare_pairs(gconstpointer left, gconstpointer right)
{
    const Pair *x = left;
    const Pair *y = right;
    if (x->a != y->a)
        return x->a < y->a ? -1 : 1;
    return x->b < y->b ? -1 : x->b > y->b;
}

/* The difference that most of the pairs @from to @to allow. */
static void
add_edge(Clocks *self, guint from, guint to, GArray *bounds)
{
    const Pair *pairs = (const Pair *) (gpointer) self->pairs->data;
    gint64 reach[2] = {0};
    g_array_set_size(bounds, 0);
    for (guint i = from; i < to; i++)
        lamp_bounds_add(bounds, pairs[i].low, pairs[i].high);
    guint most = lamp_bounds_most(bounds, AS_GOOD, reach);
    if (most < FEWEST || most < MOST_OF * (to - from))
        return;
    gint64 width = reach[1] - reach[0];
    gint64 middle = reach[0] + width / 2;
    gint64 zone = (gint64) llround((double) middle / (double) QUARTER_NS) * QUARTER_NS;
    gboolean is_none = reach[0] <= zone && zone <= reach[1];
    guint without = 0, apart = 0;
    for (guint i = from; i < to; i++) {
        without += pairs[i].low <= zone && zone <= pairs[i].high ? 1 : 0;
        apart += pairs[i].is_apart ? 1 : 0;
    }
    Edge edge = {.a = pairs[from].a,
                 .b = pairs[from].b,
                 .pairs = most,
                 .ahead = is_none ? zone : middle,
                 .width = width,
                 .is_needed = is_none || 2 * without < most,
                 .is_none = is_none && zone == 0,
                 .is_apart = 2 * apart > to - from};
    g_array_append_val(self->edges, edge);
}

static gpointer
key_of_hosts(guint32 a, guint32 b)
{
    guint64 key = ((guint64) MIN(a, b) << 32 | MAX(a, b)) * 0x9e3779b97f4a7c15u;
    return GSIZE_TO_POINTER(key ^ key >> 32); /* one to one */
}

/* Hosts that work one after the other for a third one look as if one's clock were off by the
 * time between. Where both lie in the third's work as the clocks are, nothing says that they
 * are wrong. Cost: hosts for each such pair. */
static void
drop_sequences(Clocks *self)
{
    g_autoptr(GHashTable) none = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < self->edges->len; i++) {
        const Edge *edge = &g_array_index(self->edges, Edge, i);
        if (edge->is_none)
            g_hash_table_add(none, key_of_hosts(edge->a, edge->b));
    }
    for (guint i = 0; i < self->edges->len; i++) {
        Edge *edge = &g_array_index(self->edges, Edge, i);
        gboolean is_told = edge->is_none || !edge->is_apart || !edge->is_needed;
        for (guint32 host = 0; host < self->c->hosts->len && !is_told; host++)
            if (g_hash_table_contains(none, key_of_hosts(edge->a, host)) &&
                g_hash_table_contains(none, key_of_hosts(edge->b, host))) {
                edge->is_needed = FALSE;
                is_told = TRUE;
            }
    }
}

static gint
compare_edges(gconstpointer left, gconstpointer right)
{
    const Edge *x = left;
    const Edge *y = right;
    if (x->is_needed != y->is_needed)
        return x->is_needed ? -1 : 1;
    if (x->width != y->width)
        return x->width < y->width ? -1 : 1;
    if (x->pairs != y->pairs)
        return x->pairs > y->pairs ? -1 : 1;
    if (x->a != y->a)
        return x->a < y->a ? -1 : 1;
    return x->b < y->b ? -1 : x->b > y->b;
}

/* The host at the top of the tree of @host; *out_ahead is by how much @host is before it. */
static guint32
find_top(const Clocks *self, guint32 host, gint64 *out_ahead)
{
    gint64 ahead = 0;
    while (self->nodes[host].parent != host) {
        ahead += self->nodes[host].ahead;
        host = self->nodes[host].parent;
    }
    *out_ahead = ahead;
    return host;
}

/* The spanning forest of the surest differences (Kruskal 1956). */
static void
span_hosts(Clocks *self)
{
    g_array_sort(self->edges, compare_edges);
    for (guint i = 0; i < self->edges->len; i++) {
        const Edge *edge = &g_array_index(self->edges, Edge, i);
        gint64 a, b;
        guint32 top = find_top(self, edge->a, &a);
        guint32 other = find_top(self, edge->b, &b);
        if (top == other)
            continue;
        /* clock of b = clock of a + ahead; both by their tops */
        self->nodes[other].parent = top;
        self->nodes[other].ahead = a + edge->ahead - b;
        self->nodes[edge->a].weight += edge->pairs;
        self->nodes[edge->b].weight += edge->pairs;
        /* clocks that seem to agree mostly do */
        gint64 width =
            edge->ahead % QUARTER_NS == 0 ? MIN(edge->width, AGREEING_NS) : edge->width;
        if (self->nodes[edge->a].width == 0)
            self->nodes[edge->a].width = width;
        if (self->nodes[edge->b].width == 0)
            self->nodes[edge->b].width = width;
    }
}

/* How much speaks for @host as the clock to go by: known ones before all, then how many hosts
 * of its tree agree with it, then how much ties it to others. */
static guint64
rank_anchor(Clocks *self, guint32 host)
{
    gint64 own, other;
    guint32 top = find_top(self, host, &own);
    guint64 together = 0;
    for (guint32 i = 0; i < self->c->hosts->len; i++)
        if (self->nodes[i].weight > 0 && find_top(self, i, &other) == top &&
            ABS(other - own) <= TOGETHER_NS)
            together++;
    guint64 known = lamp_host(self->c, host)->has_clock ? 1 : 0;
    return known << 63 | together << 32 | self->nodes[host].weight;
}

/* Moves the records of a host for their time zone. */
static void
move_lines(Clocks *self, guint32 host, gint64 shift)
{
    for (guint32 i = 0; i < self->c->observations->len; i++) {
        LampObservation *line = lamp_observation(self->c, i);
        if (self->is_line[i] == 0 || host_of(self, i) != host)
            continue;
        gint64 *times[] = {&line->request_first, &line->request_last, &line->response_first,
                           &line->response_last};
        for (guint k = 0; k < G_N_ELEMENTS(times); k++)
            if (*times[k] != LAMP_TIME_NONE)
                *times[k] -= shift;
        LampSource *source = lamp_source(self->c, line->source);
        source->zone_ns = shift;
        source->moved_lines++;
    }
}

static void
set_clock(Clocks *self, guint32 host_index, gint64 ahead)
{
    LampHost *host = lamp_host(self->c, host_index);
    gint64 quarters = (gint64) llround((double) ahead / (double) QUARTER_NS);
    if (quarters != 0 && ABS(ahead - quarters * QUARTER_NS) <= ZONE_SLACK_NS) {
        move_lines(self, host_index, quarters * QUARTER_NS);
        ahead -= quarters * QUARTER_NS;
    }
    host->clock.offset_ns = (double) ahead;
    host->clock.uncertainty_ns = (double) self->nodes[host_index].width / 4;
    host->clock.samples = host->samples = self->nodes[host_index].weight;
    host->has_clock = TRUE;
    host->method = "log";
}

/* Sets the clocks of the tree that @anchor is the best known of. */
static void
set_tree(Clocks *self, guint32 anchor, guint32 top, gint64 anchor_ahead)
{
    LampHost *known = lamp_host(self->c, anchor);
    gint64 offset = known->has_clock ? (gint64) known->clock.offset_ns : 0;
    if (!known->has_clock) {
        known->is_reference = known->has_clock = TRUE;
        known->method = "reference";
    }
    for (guint32 i = 0; i < self->c->hosts->len; i++) {
        gint64 ahead;
        if (self->nodes[i].weight > 0 && !lamp_host(self->c, i)->has_clock &&
            find_top(self, i, &ahead) == top)
            set_clock(self, i, ahead - anchor_ahead + offset);
    }
}

static void
set_clocks(Clocks *self)
{
    guint32 n = self->c->hosts->len;
    g_autofree guint32 *anchors = g_new(guint32, (gsize) n + 1);
    g_autofree guint64 *ranks = g_new0(guint64, (gsize) n + 1);
    gint64 ahead;
    for (guint32 i = 0; i < n; i++) {
        guint32 top = find_top(self, i, &ahead);
        guint64 rank = self->nodes[i].weight > 0 ? rank_anchor(self, i) : 0;
        if (rank > ranks[top]) {
            ranks[top] = rank;
            anchors[top] = i;
        }
    }
    for (guint32 top = 0; top < n; top++)
        if (ranks[top] > 0) {
            find_top(self, anchors[top], &ahead);
            set_tree(self, anchors[top], top, ahead);
        }
}

static void
compare_hosts(Clocks *self)
{
    g_autoptr(GArray) bounds = g_array_new(FALSE, FALSE, sizeof(LampBound));
    g_array_sort(self->pairs, compare_pairs);
    for (guint i = 0, end; i < self->pairs->len; i = end) {
        const Pair *first = &g_array_index(self->pairs, Pair, i);
        for (end = i + 1; end < self->pairs->len; end++)
            if (compare_pairs(first, &g_array_index(self->pairs, Pair, end)) != 0)
                break;
        if (end - i >= FEWEST)
            add_edge(self, i, end, bounds);
    }
}

void
lamp_shared_clocks_align(LampCorrelation *c, const LampTexts *texts, const GArray *lines)
{
    const GArray *uses = lamp_texts_uses(texts);
    g_autofree guint8 *is_line = g_new0(guint8, (gsize) c->observations->len + 1);
    g_autofree Node *nodes = g_new0(Node, (gsize) c->hosts->len + 1);
    g_autoptr(GArray) pairs = g_array_new(FALSE, FALSE, sizeof(Pair));
    g_autoptr(GArray) edges = g_array_new(FALSE, FALSE, sizeof(Edge));
    g_autoptr(GArray) works = g_array_new(FALSE, FALSE, sizeof(Work));
    Clocks self = {c, is_line, pairs, edges, nodes};
    for (guint32 i = 0; i < c->observations->len; i++) {
        const LampObservation *seen = lamp_observation(c, i);
        is_line[i] = seen->origin == LAMP_FROM_LOG && seen->source != LAMP_INDEX_NONE &&
                     host_of(&self, i) != LAMP_INDEX_NONE &&
                     lamp_host(c, host_of(&self, i))->has_clock;
    }
    for (guint i = 0; i < lines->len; i++)
        is_line[g_array_index(lines, guint32, i)] = 1;
    for (guint32 i = 0; i < c->hosts->len; i++)
        nodes[i].parent = i;
    for (guint i = 0, end; i < uses->len; i = end) {
        for (end = i + 1; end < uses->len; end++)
            if (g_array_index(uses, LampIdUse, end).value !=
                g_array_index(uses, LampIdUse, i).value)
                break;
        add_value(&self, uses, i, end, works);
    }
    compare_hosts(&self);
    drop_sequences(&self);
    span_hosts(&self);
    set_clocks(&self);
    lamp_nested_clocks_align(c, lines);
}
