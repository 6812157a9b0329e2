/*
 * Measures one pair of caller and callee in all ways that its flows allow, and judges.
 *
 * Beginnings of flows say something where a flow is a request; traffic per window where flows
 * are long and their exporter cuts them into records. Each applicable test is run; the least p
 * is multiplied by their number (Bonferroni). The verdict "independent" needs that a dependence
 * of a quarter of the flows would have been seen; everything else is "cannot tell", with the
 * reason.
 */
#include "correlate/dependencies/judge.h"

#include "correlate/dependencies/nesting.h"
#include "correlate/dependencies/volume-fit.h"
#include "correlate/dependencies/windows.h"

#include <math.h>

#define SECOND G_GINT64_CONSTANT(1000000000)
#define FEWEST 20u
#define SHIFTS 200u
#define LEVEL 0.01
#define NO_MORE_THAN 0.25 /* share of flows below which a dependence counts as none */
#define KEEP_ALIVE_PACKETS 40.0
#define KEEP_ALIVE_TIME (10 * SECOND)

static GPtrArray *
split_hosts(const LampPairs *pairs, guint begin, guint end)
{
    GPtrArray *hosts = g_ptr_array_new_with_free_func((GDestroyNotify) lamp_pair_host_free);
    for (guint i = begin, j; i < end; i = j) {
        guint32 host = g_array_index(pairs->used, LampUse, i).host;
        for (j = i + 1; j < end && g_array_index(pairs->used, LampUse, j).host == host;)
            j++;
        g_ptr_array_add(hosts, lamp_pair_host_new(pairs, i, j));
    }
    return hosts;
}

static gboolean
look_long(const LampBiflows *b, const GPtrArray *hosts, gboolean of_causes, double *out_packets,
          gint64 *out_duration)
{
    g_autoptr(GArray) packets = g_array_new(FALSE, FALSE, sizeof(double));
    g_autoptr(GArray) times = g_array_new(FALSE, FALSE, sizeof(double));
    for (guint i = 0; i < hosts->len; i++) {
        const LampPairHost *host = g_ptr_array_index(hosts, i);
        const GArray *flows = of_causes ? host->cause_flows : host->effect_flows;
        for (guint k = 0; k < flows->len; k++) {
            const LampBiflow *flow = lamp_biflow(b, g_array_index(flows, guint32, k));
            double duration = (double) (flow->last - flow->first);
            g_array_append_val(packets, flow->packets);
            g_array_append_val(times, duration);
        }
    }
    *out_packets = lamp_quantile_of((double *) (gpointer) packets->data, packets->len, 0.5);
    *out_duration =
        (gint64) lamp_quantile_of((double *) (gpointer) times->data, times->len, 0.5);
    return *out_packets > KEEP_ALIVE_PACKETS || *out_duration > KEEP_ALIVE_TIME;
}

static void
count_flows(const LampBiflows *b, const GPtrArray *hosts, LampTrial *trial)
{
    LampDependency *row = trial->row;
    for (guint i = 0; i < hosts->len; i++) {
        const LampPairHost *host = g_ptr_array_index(hosts, i);
        row->caller_flows += host->cause_flows->len;
        row->flows += host->effect_flows->len;
        for (guint k = 0; k < host->effect_flows->len; k++)
            row->bytes += lamp_biflow(b, g_array_index(host->effect_flows, guint32, k))->bytes;
    }
    double packets;
    gint64 duration;
    gboolean is_long = look_long(b, hosts, TRUE, &packets, &duration);
    trial->is_keep_alive =
        look_long(b, hosts, FALSE, &row->packets_per_flow, &row->flow_duration) || is_long;
    trial->cause_rate = (double) row->caller_flows / (double) MAX(hosts->len, 1) /
                        ((double) (b->to - b->from) / (double) SECOND);
}

static double
test_points(const LampBiflows *b, const GPtrArray *hosts, LampTrial *trial)
{
    g_autofree LampPanel *panels = g_new(LampPanel, MAX(hosts->len, 1));
    for (guint i = 0; i < hosts->len; i++)
        panels[i] = ((const LampPairHost *) g_ptr_array_index(hosts, i))->panel;
    LampPointOptions options = {
        .resolution = b->resolution,
        .max_lag = MIN(30 * SECOND, (b->to - b->from) / 20),
        .shifts = SHIFTS,
    };
    LampPointFit fit;
    if (!lamp_point_fit(panels, hosts->len, &options, &fit)) {
        trial->is_coarse = TRUE;
        return 1;
    }
    LampDependency *row = trial->row;
    trial->has_points = TRUE;
    trial->max_lag = fit.max_lag;
    trial->detectable = fit.detectable;
    row->share = fit.share;
    row->share_low = fit.share_low;
    row->share_high = fit.share_high;
    row->per_request = fit.per_cause;
    row->per_request_low = fit.per_cause_low;
    row->per_request_high = fit.per_cause_high;
    row->lag = fit.lag;
    row->method = "starts";
    return fit.p;
}

/* Mean length of the records, weighted by their packets. */
static double
mean_length(const LampBiflows *b, const gboolean *is_in)
{
    double sum = 0, packets = 0;
    for (guint i = 0; i < b->pieces->len; i++) {
        const LampFlowPiece *piece = &g_array_index(b->pieces, LampFlowPiece, i);
        if (!is_in[piece->flow])
            continue;
        sum += piece->packets * (double) (piece->last - piece->first);
        packets += piece->packets;
    }
    return sum / fmax(packets, 1);
}

static void
mark(const GArray *flows, gboolean *is_in)
{
    for (guint i = 0; i < flows->len; i++)
        is_in[g_array_index(flows, guint32, i)] = TRUE;
}

static double
test_volume(const LampBiflows *b, const GPtrArray *hosts, LampTrial *trial, gboolean is_first)
{
    guint count = b->flows->len;
    g_autofree gboolean *causes = g_new0(gboolean, count + 1);
    g_autofree gboolean *effects = g_new0(gboolean, count + 1);
    for (guint i = 0; i < hosts->len; i++) {
        const LampPairHost *host = g_ptr_array_index(hosts, i);
        mark(host->cause_flows, causes);
        mark(host->effect_flows, effects);
    }
    /* Within a record nothing is known of when its packets went by. */
    double length = fmax(mean_length(b, causes), mean_length(b, effects));
    gint64 width = MAX(SECOND, (gint64) (2 * length));
    g_autoptr(LampWindows) windows = lamp_windows_new(b, causes, effects, width);
    guint n_windows = lamp_windows_count(windows);
    if (n_windows < LAMP_VOLUME_WINDOWS)
        return 1;
    g_autofree double *x = g_new0(double, n_windows), *y = g_new0(double, n_windows);
    g_autofree double *z = g_new0(double, n_windows);
    lamp_windows_spread(windows, b, causes, x);
    lamp_windows_spread(windows, b, effects, y);
    LampVolumeFit fit;
    if (!lamp_volume_fit(x, z, y, n_windows, SHIFTS, &fit))
        return 1;
    trial->has_volume = TRUE;
    if (!is_first)
        return fit.p;
    LampDependency *row = trial->row;
    double scale = fit.slope > 0 ? fit.share / fit.slope : 0;
    row->share = fit.share;
    row->share_low = fmin(fit.slope_low * scale, 1);
    row->share_high = fmin(fit.slope_high * scale, 1);
    row->per_request = row->per_request_low = row->per_request_high = 0;
    row->lag = -1;
    row->method = "volume";
    return fit.p;
}

static void
run_tests(const LampBiflows *b, const GPtrArray *hosts, LampTrial *trial)
{
    LampDependency *row = trial->row;
    LampNesting nesting;
    gboolean are_enough = row->flows >= FEWEST && row->caller_flows >= FEWEST;
    lamp_nesting_find(b, hosts, are_enough ? SHIFTS : 20, &nesting);
    row->nested = nesting.ratio;
    row->nested_chance = nesting.chance;
    row->unique_links = nesting.unique;
    guint tests = 0;
    double least = 1;
    if (are_enough) {
        least = test_points(b, hosts, trial);
        tests += (guint) trial->has_points;
        if (trial->has_points && !trial->is_keep_alive) {
            tests++;
            if (nesting.p < least)
                row->method = "nested";
            least = fmin(least, nesting.p);
        }
    }
    /* Traffic decides where beginnings do not. */
    if (trial->is_keep_alive || !trial->has_points) {
        double p = test_volume(b, hosts, trial, least > LEVEL);
        tests += (guint) trial->has_volume;
        least = fmin(least, p);
    }
    row->p = fmin(1, least * tests);
    if (tests == 0)
        row->p = 1;
}

/* Lines of a firewall that do not say what it did with the packets. */
static gboolean
are_only_logged(const LampPairs *pairs, guint begin, guint end)
{
    for (guint i = begin; i < end; i++) {
        const LampUse *use = &g_array_index(pairs->used, LampUse, i);
        if (!lamp_biflow(pairs->biflows, use->flow)->is_logged)
            return FALSE;
    }
    return TRUE;
}

/* A few flows whose opener was inferred (programs share an address) may be anybody's. */
static gboolean
are_few_and_inferred(const LampPairs *pairs, guint begin, guint end)
{
    for (guint i = begin; i < end; i++) {
        const LampUse *use = &g_array_index(pairs->used, LampUse, i);
        if (pairs->parties->opened_by[use->flow] == LAMP_PARTY_NONE)
            return FALSE;
    }
    return end - begin < FEWEST;
}

void
lamp_trial_run(const LampPairs *pairs, guint begin, guint end, LampTrial *out_trial)
{
    const LampUse *pair = &g_array_index(pairs->used, LampUse, begin);
    const LampParty *caller = &g_array_index(pairs->parties->parties, LampParty, pair->caller);
    const LampParty *callee = &g_array_index(pairs->parties->parties, LampParty, pair->callee);
    LampDependency *row = g_new0(LampDependency, 1);
    *row = (LampDependency){.caller = g_strdup(caller->name),
                            .callee = g_strdup(callee->name),
                            .lag = -1,
                            .p = 1,
                            .q = 1,
                            .method = "none"};
    *out_trial = (LampTrial){.row = row};
    g_autoptr(GPtrArray) hosts = split_hosts(pairs, begin, end);
    count_flows(pairs->biflows, hosts, out_trial);
    out_trial->is_only_logged = are_only_logged(pairs, begin, end);
    out_trial->is_doubtful = are_few_and_inferred(pairs, begin, end);
    if (row->caller_flows == 0)
        row->method = out_trial->is_only_logged || out_trial->is_doubtful ? "none" : "opener";
    else
        run_tests(pairs->biflows, hosts, out_trial);
}

static char *
reason_of_doubt(const LampTrial *trial)
{
    const LampDependency *row = trial->row;
    if (trial->is_keep_alive && !trial->has_volume)
        return g_strdup_printf("keep-alive connections hide requests (%.0f packets a flow)",
                               row->packets_per_flow);
    if (row->flows < FEWEST || row->caller_flows < FEWEST)
        return g_strdup_printf("too few flows (%" G_GUINT64_FORMAT " and %" G_GUINT64_FORMAT
                               ")",
                               row->caller_flows, row->flows);
    if (trial->is_coarse)
        return g_strdup_printf("resolution too coarse for %.3g requests per second",
                               trial->cause_rate);
    if (trial->has_points && trial->max_lag < SECOND)
        return g_strdup_printf("request rate too high (%.3g per second)", trial->cause_rate);
    if (trial->is_keep_alive)
        return g_strdup("keep-alive connections hide requests; their traffic decides nothing");
    return g_strdup("too few flows for the size of the effect");
}

static gboolean
is_independent(const LampTrial *trial)
{
    const LampDependency *row = trial->row;
    if (row->p < 0.05 || row->share_high > NO_MORE_THAN)
        return FALSE;
    if (trial->is_keep_alive)
        return trial->has_volume;
    return trial->has_points && trial->detectable <= NO_MORE_THAN;
}

void
lamp_trial_judge(LampTrial *trial)
{
    LampDependency *row = trial->row;
    if (trial->is_only_logged) {
        row->verdict = LAMP_VERDICT_CANNOT_TELL;
        row->reason = g_strdup("a firewall's log does not say whether it let them through");
        return;
    }
    if (row->caller_flows == 0 && trial->is_doubtful) {
        row->verdict = LAMP_VERDICT_CANNOT_TELL;
        row->reason =
            g_strdup("too few flows; several programs of its host may have opened them");
        return;
    }
    if (row->caller_flows == 0) {
        row->verdict = LAMP_VERDICT_DEPENDENT;
        row->share = row->share_low = row->share_high = 1;
        row->attributed_bytes = row->bytes;
        row->reason = g_strdup("its host serves nothing else: it opened the flows itself");
        return;
    }
    if (row->q <= LEVEL) {
        row->verdict = LAMP_VERDICT_DEPENDENT;
        row->attributed_bytes = row->share * row->bytes;
        row->reason =
            g_strdup_printf("flows follow the caller's beyond chance (q = %.2g)", row->q);
    } else if (is_independent(trial)) {
        row->verdict = LAMP_VERDICT_INDEPENDENT;
        row->reason = g_strdup_printf("no tie; one of %.0f %% of the flows would show",
                                      100 * NO_MORE_THAN);
    } else {
        row->verdict = LAMP_VERDICT_CANNOT_TELL;
        row->reason = reason_of_doubt(trial);
    }
}
