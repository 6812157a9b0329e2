/* Clocks of random networks are recovered within the uncertainty that is told. Prints how
 * often, and how wide it is. */
#include "correlate/clock/graph.h"
#include "tests/unit/suite.h"

#include <math.h>

#define NETWORKS 400
#define MOST_HOSTS 12

static guint64 state = 20261121;

static double
draw(void)
{
    state = state * G_GUINT64_CONSTANT(6364136223846793005) + 1442695040888963407u;
    return (double) (state >> 11) / 9007199254740992.0;
}

static double
draw_between(double low, double high)
{
    return low + (high - low) * draw();
}

typedef struct {
    double offset_s, drift;
} Clock;

typedef struct {
    Clock clocks[MOST_HOSTS];
    guint n_hosts;
    double span_s;
    double resolution_s; /* of stamps: microseconds, or the 10 ms of an old log */
} Network;

typedef struct {
    guint nodes, within, two_way;
    double sum_error, sum_uncertainty;
} Coverage;

static double
stamp(const Network *network, guint host, double time)
{
    const Clock *clock = &network->clocks[host];
    double exact = time + clock->offset_s + clock->drift * time;
    return floor(exact / network->resolution_s) * network->resolution_s;
}

static Network
draw_network(void)
{
    static const double resolutions[] = {1e-9, 1e-6, 1e-6, 1e-3, 1e-2};
    Network network = {.n_hosts = 2 + (guint) (draw() * (MOST_HOSTS - 1))};
    network.span_s = pow(10, draw_between(0, 3.5));
    network.resolution_s = resolutions[(guint) (draw() * G_N_ELEMENTS(resolutions))];
    for (guint i = 0; i < network.n_hosts; i++)
        network.clocks[i] = (Clock){draw_between(-1, 1) * pow(10, draw_between(-4, 3)),
                                    draw_between(-40e-6, 40e-6)};
    return network;
}

/* @n messages from @from to @to; both stamps are known down to the resolution. */
static void
add_messages(const Network *network, guint from, guint to, guint a, guint n, GArray *points)
{
    double least = pow(10, draw_between(-5, -3));
    double jitter = pow(10, draw_between(-6, -2.5));
    for (guint i = 0; i < n; i++) {
        double sent = network->span_s * (draw() - 0.5);
        double received = sent + least - jitter * log(1 - draw());
        double one = stamp(network, from, sent);
        double two = stamp(network, to, received);
        double slack = network->resolution_s;
        LampClockPoint point = {a == from ? one : two,
                                1e9 * (a == from ? two - one + slack : one - two - slack)};
        g_array_append_val(points, point);
    }
}

static void
add_edge(const Network *network, guint a, guint b, GArray *edges)
{
    g_autoptr(GArray) upper = g_array_new(FALSE, FALSE, sizeof(LampClockPoint));
    g_autoptr(GArray) lower = g_array_new(FALSE, FALSE, sizeof(LampClockPoint));
    guint n = (guint) pow(10, draw_between(0.3, 2.7));
    gboolean is_one_way = draw() < 0.05;
    add_messages(network, a, b, a, n, upper);
    add_messages(network, b, a, a, is_one_way ? 0 : n, lower);
    LampClockEdge edge = {.a = a, .b = b, .samples = 2 * n};
    if (lamp_clock_line_fit(upper, lower, &edge.line))
        g_array_append_val(edges, edge);
}

/* Clock of @host minus that of @reference, when the reference shows the epoch. */
static double
true_offset_ns(const Network *network, guint host, guint reference)
{
    const Clock *r = &network->clocks[reference];
    const Clock *h = &network->clocks[host];
    double time = -r->offset_s / (1 + r->drift);
    return 1e9 * (time + h->offset_s + h->drift * time);
}

static void
check_network(Coverage *coverage)
{
    Network network = draw_network();
    g_autoptr(GArray) edges = g_array_new(FALSE, TRUE, sizeof(LampClockEdge));
    for (guint i = 1; i < network.n_hosts; i++)
        add_edge(&network, (guint) (draw() * i), i, edges);
    for (guint i = 0; i < network.n_hosts; i++) {
        guint a = (guint) (draw() * network.n_hosts);
        guint b = (guint) (draw() * network.n_hosts);
        if (a != b)
            add_edge(&network, a, b, edges);
    }
    guint64 rank[MOST_HOSTS] = {1};
    LampClockNode nodes[MOST_HOSTS];
    lamp_clock_graph_solve((const LampClockEdge *) (gpointer) edges->data, edges->len, rank,
                           nodes, network.n_hosts);
    for (guint i = 0; i < network.n_hosts; i++) {
        if (nodes[i].reference == i || !nodes[i].is_two_way)
            continue;
        double error = fabs(nodes[i].offset_ns - true_offset_ns(&network, i, 0));
        /* Messages need not be where the reference shows the epoch: then the rate counts too.
         */
        double away = fabs(network.clocks[0].offset_s) + fabs(network.clocks[i].offset_s) -
                      network.span_s / 2;
        double reach = nodes[i].uncertainty_ns + fmax(away, 0) * nodes[i].drift_error;
        coverage->nodes++;
        coverage->within += error <= reach;
        coverage->sum_error += log(fmax(error, 1));
        coverage->sum_uncertainty += log(fmax(reach, 1));
    }
}

START_TEST(test_offsets_are_within_the_uncertainty)
{
    Coverage coverage = {0};
    for (guint i = 0; i < NETWORKS; i++)
        check_network(&coverage);
    double share = (double) coverage.within / MAX(coverage.nodes, 1);
    g_print(
        "%u clocks in %u networks: %.2f %% within the uncertainty; geometric mean of errors "
        "%.1f us, of uncertainties %.1f us\n",
        coverage.nodes, NETWORKS, 100 * share, exp(coverage.sum_error / coverage.nodes) / 1e3,
        exp(coverage.sum_uncertainty / coverage.nodes) / 1e3);
    ck_assert_uint_gt(coverage.nodes, 1000);
    ck_assert(share >= 0.95);
    /* An uncertainty that is merely large would be within reach of nothing useful. */
    ck_assert(coverage.sum_uncertainty - coverage.sum_error < coverage.nodes * log(20));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("clocks");
    TCase *tc = tcase_create("clocks");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_offsets_are_within_the_uncertainty);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
