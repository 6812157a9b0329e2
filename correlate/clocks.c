/*
 * Offset and drift of every host's clock.
 *
 * In: calls and connections that more than one host's capture saw. Out: hosts' offsets, drifts,
 * uncertainties, for each part of a host's time in which its clock kept its rate. Every message
 * bounds the difference of two clocks (correlate/clock/pairs.c); where no one line fits a pair,
 * a clock was set (correlate/clock/steps.c); the lines of all pairs (correlate/clock/line.c)
 * are solved together (correlate/clock/graph.c). The reference is a capture point in the middle
 * if there is one, else the host with most partners, of which it is taken that they are steady.
 */
#include "correlate/clock/steps.h"
#include "correlate/passes.h"

#include <math.h>

/* Capture points first, then by number of partners, then by samples. */
static guint64 *
rank_hosts(LampCorrelation *c, const GPtrArray *pairs)
{
    guint64 *rank = g_new0(guint64, MAX(c->hosts->len, 1));
    for (guint i = 0; i < c->hosts->len; i++)
        rank[i] = lamp_host(c, i)->is_capture_point ? G_GUINT64_CONSTANT(1) << 60 : 0;
    for (guint i = 0; i < pairs->len; i++) {
        const LampClockPair *pair = g_ptr_array_index(pairs, i);
        rank[pair->a] += (G_GUINT64_CONSTANT(1) << 40) + pair->samples;
        rank[pair->b] += (G_GUINT64_CONSTANT(1) << 40) + pair->samples;
    }
    return rank;
}

/* Ranks of the nodes: hosts of one part before the others. */
static guint64 *
rank_nodes(const guint64 *rank, const guint32 *first_node, guint32 n_hosts)
{
    guint64 *ranks = g_new0(guint64, (gsize) first_node[n_hosts] + 1);
    for (guint32 i = 0; i < n_hosts; i++)
        for (guint32 k = first_node[i]; k < first_node[i + 1]; k++)
            ranks[k] =
                rank[i] + (first_node[i + 1] - first_node[i] == 1 ? (guint64) 1 << 61 : 0);
    return ranks;
}

/* The component with most samples is the one whose reference the whole result is on. */
static guint32
main_reference(const LampClockNode *nodes, guint32 n)
{
    guint32 best = LAMP_INDEX_NONE;
    g_autofree guint64 *samples = g_new0(guint64, MAX(n, 1));
    for (guint32 i = 0; i < n; i++)
        samples[nodes[i].reference] += nodes[i].samples;
    for (guint32 i = 0; i < n; i++)
        if (samples[i] > 0 && (best == LAMP_INDEX_NONE || samples[i] > samples[best]))
            best = i;
    return best;
}

/* Widens the time that @part is known for by that of the edges of @node; reference time. */
static void
find_extent(LampCorrelation *c, const LampClockParts *parts, const LampClockNode *nodes,
            guint32 node, LampClockPart *part)
{
    part->first = G_MAXINT64;
    part->last = G_MININT64;
    for (guint i = 0; i < parts->edges->len; i++) {
        const LampClockEdge *edge = &g_array_index(parts->edges, LampClockEdge, i);
        if (edge->a != node && edge->b != node)
            continue;
        const LampClockNode *own = &nodes[edge->is_over_b ? edge->b : edge->a];
        double rate = 1 + own->drift_ns_per_s / 1e9;
        double first = (edge->line.first_t * 1e9 - own->offset_ns) / rate;
        double last = first + edge->line.span_s * 1e9 / rate;
        part->first = MIN(part->first, c->epoch + (gint64) first);
        part->last = MAX(part->last, c->epoch + (gint64) last);
    }
}

static LampClockPart
part_of(const LampClockNode *node)
{
    return (LampClockPart){
        .offset_ns = node->offset_ns,
        .drift = node->drift_ns_per_s / 1e9,
        .uncertainty_ns = node->uncertainty_ns,
        .statistical_ns = node->statistical_ns,
        .drift_error = node->drift_error / 1e9,
        .samples = node->samples,
    };
}

/* Parts of the host that the reference reaches; its own figures are those of the largest. */
static void
take_host(LampCorrelation *c, const LampClockParts *parts, const LampClockNode *nodes,
          guint32 index, guint32 reference)
{
    LampHost *host = lamp_host(c, index);
    host->samples = 0;
    for (guint32 k = parts->first_node[index]; k < parts->first_node[index + 1]; k++) {
        const LampClockNode *node = &nodes[k];
        if (node->samples == 0)
            continue;
        LampClockPart part = part_of(node);
        if (part.samples > host->clock.samples && node->reference == reference) {
            host->clock = part;
            host->method = node->is_two_way ? "two-way" : "one-way";
        }
        host->samples += part.samples;
        host->has_clock |= node->reference == reference;
        if (node->reference != reference ||
            parts->first_node[index + 1] - parts->first_node[index] == 1)
            continue;
        find_extent(c, parts, nodes, k, &part);
        if (host->parts == NULL)
            host->parts = g_array_new(FALSE, TRUE, sizeof(LampClockPart));
        g_array_append_val(host->parts, part);
    }
    if (reference >= parts->first_node[index] && reference < parts->first_node[index + 1]) {
        host->is_reference = TRUE;
        host->method = "reference";
    }
}

/* With nothing to compare, the first capture's own clock is the reference. */
static void
take_single(LampCorrelation *c)
{
    for (guint i = 0; i < c->sources->len; i++) {
        const LampSource *source = lamp_source(c, i);
        if (source->kind != LAMP_SOURCE_CAPTURE || source->host == LAMP_INDEX_NONE)
            continue;
        LampHost *host = lamp_host(c, source->host);
        host->is_reference = host->has_clock = TRUE;
        host->method = "reference";
        return;
    }
}

static gint
compare_times(gconstpointer left, gconstpointer right)
{
    gint64 a = *(const gint64 *) left;
    gint64 b = *(const gint64 *) right;
    return a < b ? -1 : a > b;
}

/* Median time of what was seen more than once, else of all: there offsets are surest. */
static void
find_epoch(LampCorrelation *c)
{
    g_autoptr(GArray) times = g_array_new(FALSE, FALSE, sizeof(gint64));
    for (guint least = 2; least >= 1 && times->len == 0; least--)
        for (guint k = 0; k < c->calls->len; k++) {
            const LampCall *call = lamp_call(c, k);
            if (call->member_count < least)
                continue;
            guint32 first = g_array_index(c->members, guint32, call->first_member);
            gint64 time = lamp_observation(c, first)->request_first;
            if (time != LAMP_TIME_NONE)
                g_array_append_val(times, time);
        }
    g_array_sort(times, compare_times);
    c->epoch = times->len > 0 ? g_array_index(times, gint64, times->len / 2) : 0;
}

gboolean
lamp_pass_clocks(LampCorrelation *c, G_GNUC_UNUSED GError **error)
{
    find_epoch(c);
    GPtrArray *pairs = lamp_clock_pairs(c);
    g_autofree guint64 *rank = rank_hosts(c, pairs);
    LampClockParts parts;
    lamp_clock_parts(pairs, c->hosts->len, rank, &parts);
    g_ptr_array_unref(pairs);
    guint32 n = parts.first_node[c->hosts->len];
    g_autofree guint64 *ranks = rank_nodes(rank, parts.first_node, c->hosts->len);
    g_autofree LampClockNode *nodes = g_new0(LampClockNode, (gsize) n + 1);
    lamp_clock_graph_solve((const LampClockEdge *) (gpointer) parts.edges->data,
                           parts.edges->len, ranks, nodes, n);
    guint32 reference = main_reference(nodes, n);
    for (guint32 i = 0; i < c->hosts->len; i++)
        take_host(c, &parts, nodes, i, reference);
    if (reference == LAMP_INDEX_NONE)
        take_single(c);
    lamp_clock_parts_clear(&parts);
    return TRUE;
}
