/*
 * Least squares over the graph of clocks.
 *
 * Every pair of hosts with traffic gives one measured difference of their clocks. Offsets and
 * drifts that fit all pairs best, weighted by how narrow each pair's bounds are, close the
 * loops (the coded probes of Huygens do the same: Geng et al., NSDI 2018, section 4). Residuals
 * far beyond a pair's bounds lose weight (Huber), so that one asymmetric or mispaired link does
 * not pull the others. Solved by conjugate gradients on the graph's Laplacian, each component
 * with its reference at zero. The uncertainty is what the bounds of all pairs together allow:
 * differences within bounds are a system whose tightest consequences are shortest paths
 * (Bellman and Ford), in both directions from the reference. A pair's line runs over the first
 * clock's time, so its value at the epoch is taken again when that clock's own offset is known.
 */
#include "correlate/clock/graph.h"

#include "base/union-find.h"

#include <math.h>
#include <string.h>

#define ROUNDS 4
#define OFFSET_FLOOR_NS 500.0
#define DRIFT_FLOOR_NS_PER_S 20.0
#define ONE_WAY_WIDTH_NS 1e6
#define HUBER 3.0

/* Bounds may be this much wider, so that rounding does not make them contradict. */
#define ROUNDING_NS 2.0

typedef struct {
    const LampClockEdge *edges;
    gsize n_edges;
    LampClockNode *nodes;
    guint32 n;
    double *weight;   /* of each edge */
    double *measured; /* of each edge */
} Graph;

static double
half_width(const LampClockEdge *edge)
{
    return edge->line.is_two_way ? (edge->line.high_ns - edge->line.low_ns) / 2
                                 : ONE_WAY_WIDTH_NS;
}

/* A line's value changes between the epoch of its own time and that of the reference. */
static double
moved_by(const LampClockEdge *edge, const double *x)
{
    return edge->line.drift_ns_per_s * x[edge->is_over_b ? edge->b : edge->a] / 1e9;
}

/* The reference of each component is its highest ranked node. */
static void
find_components(Graph *graph, const guint64 *rank)
{
    g_autofree guint32 *parents = g_new(guint32, MAX(graph->n, 1));
    for (guint32 i = 0; i < graph->n; i++)
        parents[i] = i;
    for (gsize e = 0; e < graph->n_edges; e++) {
        guint32 a = lamp_union_find_root(parents, graph->edges[e].a);
        guint32 b = lamp_union_find_root(parents, graph->edges[e].b);
        gboolean a_wins = rank[a] > rank[b] || (rank[a] == rank[b] && a < b);
        if (a != b && a_wins)
            parents[b] = a;
        else if (a != b)
            parents[a] = b;
    }
    for (guint32 i = 0; i < graph->n; i++)
        graph->nodes[i].reference = lamp_union_find_root(parents, i);
}

static void
apply_laplacian(const Graph *graph, const double *x, double *out)
{
    memset(out, 0, graph->n * sizeof *out);
    for (gsize e = 0; e < graph->n_edges; e++) {
        guint32 a = graph->edges[e].a;
        guint32 b = graph->edges[e].b;
        double flow = graph->weight[e] * (x[b] - x[a]);
        out[b] += flow;
        out[a] -= flow;
    }
    for (guint32 i = 0; i < graph->n; i++)
        if (graph->nodes[i].reference == i)
            out[i] = 0;
}

static double
dot(const double *a, const double *b, guint32 n)
{
    double sum = 0;
    for (guint32 i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Right-hand side, and the diagonal for preconditioning. */
static void
start_solving(const Graph *graph, double *residual, double *diagonal)
{
    memset(residual, 0, graph->n * sizeof *residual);
    memset(diagonal, 0, graph->n * sizeof *diagonal);
    for (gsize e = 0; e < graph->n_edges; e++) {
        guint32 a = graph->edges[e].a;
        guint32 b = graph->edges[e].b;
        residual[b] += graph->weight[e] * graph->measured[e];
        residual[a] -= graph->weight[e] * graph->measured[e];
        diagonal[a] += graph->weight[e];
        diagonal[b] += graph->weight[e];
    }
    for (guint32 i = 0; i < graph->n; i++) {
        if (graph->nodes[i].reference == i)
            residual[i] = 0;
        if (diagonal[i] <= 0)
            diagonal[i] = 1;
    }
}

/* Minimises sum of weight * (x_b - x_a - measured)^2 with x = 0 at the references. */
static void
solve(const Graph *graph, double *x)
{
    guint32 n = graph->n;
    g_autofree double *work = g_new0(double, 5 * (gsize) n + 1);
    double *residual = work;
    double *diagonal = work + n;
    double *direction = work + 2 * (gsize) n;
    double *image = work + 3 * (gsize) n;
    double *z = work + 4 * (gsize) n;
    memset(x, 0, n * sizeof *x);
    start_solving(graph, residual, diagonal);
    for (guint32 i = 0; i < n; i++)
        direction[i] = z[i] = residual[i] / diagonal[i];
    double energy = dot(residual, z, n);
    double enough = energy * 1e-24;
    for (guint32 step = 0; step < 4 * n + 10 && energy > enough; step++) {
        apply_laplacian(graph, direction, image);
        double curvature = dot(direction, image, n);
        if (!(curvature > 0))
            break;
        double length = energy / curvature;
        for (guint32 i = 0; i < n; i++) {
            x[i] += length * direction[i];
            residual[i] -= length * image[i];
            z[i] = residual[i] / diagonal[i];
        }
        double next = dot(residual, z, n);
        for (guint32 i = 0; i < n; i++)
            direction[i] = z[i] + next / energy * direction[i];
        energy = next;
    }
}

static double
huber_weight(double sigma, double residual)
{
    double excess = fabs(residual) / sigma;
    return (excess > HUBER ? HUBER / excess : 1) / (sigma * sigma);
}

static void
solve_offsets(Graph *graph, double *x)
{
    memset(x, 0, graph->n * sizeof *x);
    for (guint round = 0; round < ROUNDS; round++) {
        for (gsize e = 0; e < graph->n_edges; e++) {
            const LampClockEdge *edge = &graph->edges[e];
            double sigma = half_width(edge) + OFFSET_FLOOR_NS;
            graph->measured[e] = edge->line.offset_ns + moved_by(edge, x);
            graph->weight[e] = huber_weight(
                sigma, round > 0 ? x[edge->b] - x[edge->a] - graph->measured[e] : 0);
        }
        solve(graph, x);
    }
    for (guint32 i = 0; i < graph->n; i++)
        graph->nodes[i].offset_ns = x[i];
}

static void
solve_drifts(Graph *graph, double *x)
{
    memset(x, 0, graph->n * sizeof *x);
    for (guint round = 0; round < ROUNDS; round++) {
        for (gsize e = 0; e < graph->n_edges; e++) {
            const LampClockEdge *edge = &graph->edges[e];
            double sigma =
                2 * (half_width(edge) + OFFSET_FLOOR_NS) / fmax(edge->line.span_s, 1e-3) +
                DRIFT_FLOOR_NS_PER_S;
            graph->measured[e] = edge->line.drift_ns_per_s;
            graph->weight[e] = huber_weight(
                sigma, round > 0 ? x[edge->b] - x[edge->a] - graph->measured[e] : 0);
        }
        solve(graph, x);
    }
    for (guint32 i = 0; i < graph->n; i++)
        graph->nodes[i].drift_ns_per_s = x[i];
}

/* Surest ways from the references: Bellman and Ford's relaxation. */
static void
spread_uncertainty(Graph *graph)
{
    for (guint32 i = 0; i < graph->n; i++) {
        gboolean is_reference = graph->nodes[i].reference == i;
        double start = is_reference ? 0 : INFINITY;
        graph->nodes[i].uncertainty_ns = start;
        graph->nodes[i].drift_error = start;
        graph->nodes[i].statistical_ns = start;
        graph->nodes[i].is_two_way = is_reference;
    }
    gboolean is_changed = TRUE;
    for (guint32 round = 0; is_changed && round < graph->n; round++) {
        is_changed = FALSE;
        for (gsize e = 0; e < 2 * graph->n_edges; e++) {
            const LampClockEdge *edge = &graph->edges[e / 2];
            LampClockNode *from = &graph->nodes[e % 2 == 0 ? edge->a : edge->b];
            LampClockNode *to = &graph->nodes[e % 2 == 0 ? edge->b : edge->a];
            double reach = from->uncertainty_ns + half_width(edge);
            if (!(reach < to->uncertainty_ns))
                continue;
            to->uncertainty_ns = reach;
            to->drift_error = from->drift_error + edge->line.drift_error;
            to->statistical_ns = hypot(from->statistical_ns, edge->line.statistical_ns);
            to->is_two_way = from->is_two_way && edge->line.is_two_way;
            is_changed = TRUE;
        }
    }
}

/* What the bounds of all pairs together allow: the shortest paths of difference constraints. */
typedef struct {
    double *low, *high;
} Limits;

/* Draws the bounds of @to tighter by those of @from; TRUE if they became tighter. */
static gboolean
tighten(Limits *limits, guint32 from, guint32 to, double low, double high)
{
    low += limits->low[from];
    high += limits->high[from];
    gboolean is_tighter = low > limits->low[to] || high < limits->high[to];
    limits->low[to] = fmax(limits->low[to], low);
    limits->high[to] = fmin(limits->high[to], high);
    return is_tighter;
}

/* One sweep over all edges; marks the components in which something still changes. */
static gboolean
sweep_limits(const Graph *graph, const double *x, Limits *limits, gboolean *is_open)
{
    gboolean is_changed = FALSE;
    memset(is_open, 0, graph->n * sizeof *is_open);
    for (gsize e = 0; e < graph->n_edges; e++) {
        const LampClockEdge *edge = &graph->edges[e];
        double moved = moved_by(edge, x);
        double low = edge->line.low_ns + moved - ROUNDING_NS;
        double high = edge->line.high_ns + moved + ROUNDING_NS;
        gboolean changes = tighten(limits, edge->a, edge->b, low, high);
        changes = tighten(limits, edge->b, edge->a, -high, -low) || changes;
        if (changes)
            is_open[graph->nodes[edge->a].reference] = is_changed = TRUE;
    }
    return is_changed;
}

/* Keeps the offsets within what all bounds allow and takes the uncertainties from it. Where the
 * bounds of a component contradict each other, those of the surest ways stay. */
static void
apply_limits(Graph *graph, const double *x)
{
    guint32 n = graph->n;
    g_autofree double *bounds = g_new(double, 2 * (gsize) n + 1);
    g_autofree gboolean *is_open = g_new0(gboolean, (gsize) n + 1);
    Limits limits = {bounds, bounds + n};
    for (guint32 i = 0; i < n; i++) {
        gboolean is_reference = graph->nodes[i].reference == i;
        limits.low[i] = is_reference ? 0 : -INFINITY;
        limits.high[i] = is_reference ? 0 : INFINITY;
    }
    for (guint32 round = 0; round <= n; round++)
        if (!sweep_limits(graph, x, &limits, is_open))
            break;
    for (guint32 i = 0; i < n; i++) {
        LampClockNode *node = &graph->nodes[i];
        if (is_open[node->reference] || node->reference == i ||
            !(limits.low[i] <= limits.high[i]))
            continue;
        node->offset_ns = fmin(fmax(node->offset_ns, limits.low[i]), limits.high[i]);
        node->uncertainty_ns =
            fmax(limits.high[i] - node->offset_ns, node->offset_ns - limits.low[i]);
        node->is_two_way = isfinite(limits.low[i]) && isfinite(limits.high[i]);
    }
}

static void
count_samples(Graph *graph)
{
    for (guint32 i = 0; i < graph->n; i++)
        graph->nodes[i].samples = 0;
    for (gsize e = 0; e < graph->n_edges; e++) {
        graph->nodes[graph->edges[e].a].samples += graph->edges[e].samples;
        graph->nodes[graph->edges[e].b].samples += graph->edges[e].samples;
    }
}

void
lamp_clock_graph_solve(const LampClockEdge *edges, gsize n_edges, const guint64 *rank,
                       LampClockNode *nodes, guint32 n)
{
    g_autofree double *weight = g_new0(double, n_edges + 1);
    g_autofree double *measured = g_new0(double, n_edges + 1);
    g_autofree double *x = g_new0(double, (gsize) n + 1);
    g_autofree double *offsets = g_new0(double, (gsize) n + 1);
    Graph graph = {edges, n_edges, nodes, n, weight, measured};
    find_components(&graph, rank);
    solve_offsets(&graph, x);
    memcpy(offsets, x, n * sizeof *x);
    solve_drifts(&graph, x);
    spread_uncertainty(&graph);
    apply_limits(&graph, offsets);
    count_samples(&graph);
}
