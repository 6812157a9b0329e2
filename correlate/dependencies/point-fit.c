/*
 * Hawkes regression of point series: rate of effects = base + sum over causes of phi(delay).
 *
 * In: for each host the times of causes, of other events that could cause the same (controls)
 * and of effects. Out: likelihood gained by the causes, its significance, share and count of
 * effects explained, delay. phi is constant on bins that widen with the delay; base and phi are
 * fitted by expectation maximisation (Marsan and Lengline 2008: each effect is shared out among
 * what could have caused it). Time is a circle, so that shifting the causes costs no events.
 * Limits: the model is additive; a cause that inhibits is not seen; bins so wide that causes
 * are always in them tell nothing and are left out, which cuts the longest delay.
 */
#include "correlate/dependencies/point-fit.h"

#include <math.h>
#include <string.h>

#define MAX_BINS 16
#define MAX_EFFECTS 2000
#define ROUNDS 15
#define BLOCKS 50
#define BOOTSTRAPS 200
#define LAG_BINS 200
#define MOST_PER_LAG 20.0 /* causes within the longest delay */

static const gint64 edges_us[] = {1000,    2000,    5000,     10000,   20000,
                                  50000,   100000,  200000,   500000,  1000000,
                                  2000000, 5000000, 10000000, 30000000};

/* Panel with its causes on three turns of the circle and its sampled effects; times since its
 * begin. */
typedef struct {
    const LampPanel *panel;
    gint64 *causes, *others, *effects;
    gsize cause_count, other_count, effect_count;
    gint64 turn;
    double base;
} Ring;

typedef struct {
    Ring *rings;
    guint ring_count, bin_count;
    gint64 edges[MAX_BINS + 1];
    gint64 max_lag;
    gsize effects, causes, others, stride;
    guint16 *own, *other; /* counts: effects x bins */
    double phi[2][MAX_BINS];
} Fit;

static gint64 *
turn_thrice(const gint64 *times, gsize count, gint64 from, gint64 turn)
{
    gint64 *all = g_new(gint64, 3 * count + 1);
    for (gsize i = 0; i < count; i++) {
        all[i] = times[i] - from - turn;
        all[count + i] = times[i] - from;
        all[2 * count + i] = times[i] - from + turn;
    }
    return all;
}

static void
fill_ring(Ring *ring, const LampPanel *panel, gsize stride)
{
    ring->panel = panel;
    ring->turn = MAX(panel->to - panel->from, 1);
    ring->causes = turn_thrice(panel->causes, panel->cause_count, panel->from, ring->turn);
    ring->others = turn_thrice(panel->others, panel->other_count, panel->from, ring->turn);
    ring->cause_count = 3 * panel->cause_count;
    ring->other_count = 3 * panel->other_count;
    ring->effects = g_new(gint64, panel->effect_count / stride + 1);
    for (gsize i = 0; i < panel->effect_count; i += stride)
        ring->effects[ring->effect_count++] = panel->effects[i] - panel->from;
}

/* counts[effect][bin]: how many of @times lie that long before the effect. */
static void
count_lags(const Fit *fit, const Ring *ring, const gint64 *times, gsize time_count,
           gint64 shift, guint16 *counts)
{
    memset(counts, 0, ring->effect_count * fit->bin_count * sizeof *counts);
    gsize places[MAX_BINS + 1] = {0};
    for (gsize e = 0; e < ring->effect_count; e++) {
        gsize nearer = 0;
        for (guint k = 0; k <= fit->bin_count; k++) {
            gint64 latest = ring->effects[e] - shift - fit->edges[k];
            while (places[k] < time_count && times[places[k]] <= latest)
                places[k]++;
            if (k > 0)
                counts[e * fit->bin_count + k - 1] =
                    (guint16) MIN(nearer - places[k], G_MAXUINT16);
            nearer = places[k];
        }
    }
}

static void
count_all(Fit *fit, gint64 shift, gboolean with_others)
{
    gsize at = 0;
    for (guint i = 0; i < fit->ring_count; i++) {
        Ring *ring = &fit->rings[i];
        count_lags(fit, ring, ring->causes, ring->cause_count, shift,
                   fit->own + at * fit->bin_count);
        if (with_others)
            count_lags(fit, ring, ring->others, ring->other_count, 0,
                       fit->other + at * fit->bin_count);
        at += ring->effect_count;
    }
}

static double
weigh(const double *phi, const guint16 *counts, guint bins)
{
    double sum = 0;
    for (guint k = 0; k < bins; k++)
        sum += phi[k] * counts[k];
    return sum;
}

static void
start_fit(Fit *fit, gboolean with_causes)
{
    for (guint i = 0; i < fit->ring_count; i++)
        fit->rings[i].base =
            0.5 * (double) fit->rings[i].effect_count / (double) fit->rings[i].turn + 1e-30;
    double width = (double) (fit->edges[fit->bin_count] - fit->edges[0]);
    for (guint k = 0; k < fit->bin_count; k++) {
        fit->phi[0][k] = with_causes && fit->causes > 0
                             ? 0.25 * (double) fit->effects / (double) fit->causes / width
                             : 0;
        fit->phi[1][k] =
            fit->others > 0 ? 0.25 * (double) fit->effects / (double) fit->others / width : 0;
    }
}

/* One round; returns the log-likelihood of the parameters that it began with. */
static double
run_round(Fit *fit)
{
    double sums[2][MAX_BINS] = {{0}};
    double likelihood = 0;
    gsize at = 0;
    for (guint i = 0; i < fit->ring_count; i++) {
        Ring *ring = &fit->rings[i];
        double base_sum = 0;
        for (gsize e = 0; e < ring->effect_count; e++, at++) {
            const guint16 *own = fit->own + at * fit->bin_count;
            const guint16 *other = fit->other + at * fit->bin_count;
            double rate = ring->base + weigh(fit->phi[0], own, fit->bin_count) +
                          weigh(fit->phi[1], other, fit->bin_count);
            likelihood += log(rate);
            base_sum += ring->base / rate;
            for (guint k = 0; k < fit->bin_count; k++) {
                sums[0][k] += fit->phi[0][k] * own[k] / rate;
                sums[1][k] += fit->phi[1][k] * other[k] / rate;
            }
        }
        likelihood -= ring->base * (double) ring->turn;
        ring->base = base_sum / (double) ring->turn + 1e-30;
    }
    for (guint k = 0; k < fit->bin_count; k++) {
        double width = (double) (fit->edges[k + 1] - fit->edges[k]);
        likelihood -= width * (fit->phi[0][k] * (double) fit->causes +
                               fit->phi[1][k] * (double) fit->others);
        fit->phi[0][k] = fit->causes > 0 ? sums[0][k] / (width * (double) fit->causes) : 0;
        fit->phi[1][k] = fit->others > 0 ? sums[1][k] / (width * (double) fit->others) : 0;
    }
    return likelihood;
}

static double
maximise(Fit *fit, gboolean with_causes)
{
    start_fit(fit, with_causes);
    double likelihood = 0;
    for (guint i = 0; i < ROUNDS; i++)
        likelihood = run_round(fit);
    return likelihood;
}

/* Part of effect number @at that the causes explain. */
static double
explained(const Fit *fit, const Ring *ring, gsize at)
{
    double own = weigh(fit->phi[0], fit->own + at * fit->bin_count, fit->bin_count);
    double other = weigh(fit->phi[1], fit->other + at * fit->bin_count, fit->bin_count);
    return own / (ring->base + own + other);
}

static double
share_of(const Fit *fit)
{
    double sum = 0;
    gsize at = 0;
    for (guint i = 0; i < fit->ring_count; i++)
        for (gsize e = 0; e < fit->rings[i].effect_count; e++, at++)
            sum += explained(fit, &fit->rings[i], at);
    return sum / (double) MAX(fit->effects, 1);
}

/* Effects, explained effects and causes of each block of time. */
typedef struct {
    double effects, explained, causes;
} Block;

static void
fill_blocks(const Fit *fit, Block *blocks)
{
    gsize at = 0;
    for (guint i = 0; i < fit->ring_count; i++) {
        const Ring *ring = &fit->rings[i];
        const LampPanel *panel = ring->panel;
        for (gsize e = 0; e < ring->effect_count; e++, at++) {
            double place = (double) ring->effects[e] / (double) ring->turn;
            Block *block = &blocks[i * BLOCKS + (guint) CLAMP(place * BLOCKS, 0, BLOCKS - 1)];
            block->effects += 1;
            block->explained += explained(fit, ring, at);
        }
        for (gsize c = 0; c < panel->cause_count; c++) {
            double place = (double) (panel->causes[c] - panel->from) / (double) ring->turn;
            blocks[i * BLOCKS + (guint) CLAMP(place * BLOCKS, 0, BLOCKS - 1)].causes += 1;
        }
    }
}

/* @chance: share that shifted causes explain on average; it is taken out. */
static void
bootstrap(const Fit *fit, double chance, LampPointFit *out)
{
    guint count = fit->ring_count * BLOCKS;
    g_autofree Block *blocks = g_new0(Block, count);
    fill_blocks(fit, blocks);
    double shares[BOOTSTRAPS], ratios[BOOTSTRAPS];
    guint64 state = 1;
    for (guint i = 0; i < BOOTSTRAPS; i++) {
        Block sum = {0, 0, 0};
        for (guint k = 0; k < count; k++) {
            const Block *block = &blocks[lamp_draw(&state, count)];
            sum.effects += block->effects;
            sum.explained += block->explained;
            sum.causes += block->causes;
        }
        double share = sum.explained / fmax(sum.effects, 1);
        shares[i] = fmax(0, (share - chance) / (1 - chance));
        ratios[i] = shares[i] * sum.effects * (double) fit->stride / fmax(sum.causes, 1);
    }
    out->share_low = lamp_quantile_of(shares, BOOTSTRAPS, 0.025);
    out->share_high = lamp_quantile_of(shares, BOOTSTRAPS, 0.975);
    out->per_cause_low = lamp_quantile_of(ratios, BOOTSTRAPS, 0.025);
    out->per_cause_high = lamp_quantile_of(ratios, BOOTSTRAPS, 0.975);
}

/* Peak of the cross-correlation, if it rises 5 deviations (by MAD) above the median. */
static gint64
find_lag(const Fit *fit, gint64 resolution)
{
    gint64 width = MAX(MIN(fit->max_lag, 2 * G_GINT64_CONSTANT(1000000000)) / LAG_BINS,
                       MAX(resolution, G_GINT64_CONSTANT(1000000)));
    double counts[LAG_BINS] = {0};
    guint bins = (guint) CLAMP(fit->max_lag / width + 1, 1, LAG_BINS);
    gint64 last = (gint64) bins - 1;
    for (guint i = 0; i < fit->ring_count; i++) {
        const Ring *ring = &fit->rings[i];
        gsize begin = 0;
        for (gsize e = 0; e < ring->effect_count; e++) {
            while (begin < ring->cause_count &&
                   ring->causes[begin] <= ring->effects[e] - (gint64) bins * width)
                begin++;
            for (gsize c = begin; c < ring->cause_count; c++) {
                gint64 delay = ring->effects[e] - ring->causes[c] + fit->edges[0] * -1;
                if (delay < 0)
                    break;
                gint64 bin = delay / width;
                counts[bin < last ? bin : last] += 1;
            }
        }
    }
    guint best = 0;
    for (guint k = 1; k < bins; k++)
        best = counts[k] > counts[best] ? k : best;
    double peak = counts[best];
    double median = lamp_quantile_of(counts, bins, 0.5);
    for (guint k = 0; k < bins; k++)
        counts[k] = fabs(counts[k] - median);
    double spread = fmax(lamp_quantile_of(counts, bins, 0.5) * 1.4826, sqrt(median + 1));
    if (bins < 5 || peak < median + 5 * spread)
        return -1;
    return MAX((gint64) best * width + width / 2 + fit->edges[0], 0);
}

static gboolean
choose_bins(Fit *fit, const LampPointOptions *options, double span)
{
    double rate = (double) fit->causes / span;
    gint64 longest = MIN(options->max_lag, (gint64) (MOST_PER_LAG / rate));
    gint64 first = options->resolution > 1000000 ? -options->resolution : -1;
    fit->edges[0] = first;
    for (guint i = 0; i < G_N_ELEMENTS(edges_us); i++) {
        gint64 edge = edges_us[i] * 1000;
        if (edge >= options->resolution && edge <= longest)
            fit->edges[++fit->bin_count] = edge;
    }
    fit->max_lag = fit->edges[fit->bin_count];
    return fit->bin_count > 0 && fit->max_lag >= 2 * options->resolution;
}

static void
test_shifts(Fit *fit, double without, guint shifts, LampPointFit *out, double *out_chance)
{
    shifts = MAX(shifts, 1);
    g_autofree double *null = g_new(double, shifts);
    g_autofree double *shares = g_new(double, shifts);
    gint64 turn = fit->rings[0].turn;
    for (guint i = 1; i < fit->ring_count; i++)
        turn = MIN(turn, fit->rings[i].turn);
    gint64 low = MIN(2 * fit->max_lag, turn / 4);
    gint64 high = MIN(MAX(40 * fit->max_lag, turn / 20), turn - low);
    double sum = 0;
    for (guint i = 0; i < shifts; i++) {
        count_all(fit, lamp_shift_at(i, low, high), FALSE);
        null[i] = maximise(fit, TRUE) - without;
        shares[i] = share_of(fit);
        sum += shares[i];
    }
    *out_chance = CLAMP(sum / shifts, 0, 0.95);
    out->p = lamp_shift_test(out->statistic, null, shifts);
    double high_share = lamp_quantile_of(shares, shifts, 0.95);
    out->detectable = fmax(0, (high_share - *out_chance) / (1 - *out_chance));
}

static void
fit_and_test(Fit *fit, const LampPointOptions *options, LampPointFit *out)
{
    out->max_lag = fit->max_lag;
    count_all(fit, 0, TRUE);
    double without = maximise(fit, FALSE);
    out->statistic = fmax(maximise(fit, TRUE) - without, 0);
    double chance;
    test_shifts(fit, without, options->shifts, out, &chance);
    count_all(fit, 0, FALSE);
    maximise(fit, TRUE);
    out->share = fmax(0, (share_of(fit) - chance) / (1 - chance));
    out->per_cause =
        out->share * (double) (fit->effects * fit->stride) / (double) MAX(fit->causes, 1);
    bootstrap(fit, chance, out);
    out->lag = find_lag(fit, options->resolution);
}

gboolean
lamp_point_fit(const LampPanel *panels, guint panel_count, const LampPointOptions *options,
               LampPointFit *out_fit)
{
    gsize effects = 0;
    double span = 0;
    for (guint i = 0; i < panel_count; i++) {
        effects += panels[i].effect_count;
        span += (double) MAX(panels[i].to - panels[i].from, 1);
    }
    Fit fit = {.ring_count = panel_count, .stride = effects / MAX_EFFECTS + 1};
    g_autofree Ring *rings = g_new0(Ring, MAX(panel_count, 1));
    fit.rings = rings;
    for (guint i = 0; i < panel_count; i++) {
        fill_ring(&rings[i], &panels[i], fit.stride);
        fit.effects += rings[i].effect_count;
        fit.causes += panels[i].cause_count;
        fit.others += panels[i].other_count;
    }
    gboolean can_fit = fit.effects > 0 && fit.causes > 0 && choose_bins(&fit, options, span);
    if (can_fit) {
        g_autofree guint16 *own = g_new(guint16, fit.effects * fit.bin_count);
        g_autofree guint16 *other = g_new0(guint16, fit.effects * fit.bin_count);
        fit.own = own;
        fit.other = other;
        LampPointFit out = {0};
        fit_and_test(&fit, options, &out);
        *out_fit = out;
    }
    for (guint i = 0; i < panel_count; i++) {
        g_free(rings[i].causes);
        g_free(rings[i].others);
        g_free(rings[i].effects);
    }
    return can_fit;
}
