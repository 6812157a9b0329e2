/* delays.c — the delays of one kind of request, and which start comes next
 *
 * In: examples with weights, the rules of the kind. Out: a density for each event, given the
 * event waited for and for each fold (without the examples of that fold), leaning on that of
 * all keys or of the family. Where steps set each other going as they start, the delay alone
 * would make any order as good as any other: how readily each event comes next, given the one
 * before, is counted as well (Luce 1959: shares among those still to come). */
#include "correlate/inference/learn.h"

#define LEAN_ON_ALL 4.0      /* observations' weight of the general density in a keyed one */
#define LEAN_ON_FAMILY 100.0 /* of the kinds with the same slots */
#define LEAN_FOLLOWS 4.0     /* of even chances in how readily an event comes next */
#define MIN_KEYED 3.0f

/* Histograms of one event given one key, for each fold. */
typedef struct {
    float *of_fold[LAMP_FOLDS];
    float weights[LAMP_FOLDS];
    guint32 n;
    guint32 first, last; /* bins with weight are in between */
} Gaps;

static void
add_gap(Gaps *to, guint32 fold, const LampBinned *gap, float weight)
{
    if (!to->of_fold[fold])
        to->of_fold[fold] = g_new0(float, LAMP_BINS);
    lamp_histogram_add_binned(to->of_fold[fold], gap, weight);
    to->weights[fold] += weight;
    to->first = to->n ? MIN(to->first, gap->first) : gap->first;
    to->last = to->n ? MAX(to->last, gap->last) : gap->last;
    to->n++;
}

static void
sum_folds(const Gaps *gaps, float *out)
{
    memset(out, 0, LAMP_BINS * sizeof *out);
    for (guint32 fold = 0; fold < LAMP_FOLDS; fold++)
        for (guint32 b = gaps->first; gaps->of_fold[fold] && b <= gaps->last; b++)
            out[b] += gaps->of_fold[fold][b];
}

/* Adds the histograms of one key to those of all. */
static void
add_all(Gaps *to, const Gaps *from)
{
    for (guint32 fold = 0; fold < LAMP_FOLDS; fold++) {
        if (!from->of_fold[fold])
            continue;
        if (!to->of_fold[fold])
            to->of_fold[fold] = g_new0(float, LAMP_BINS);
        for (guint32 b = from->first; b <= from->last; b++)
            to->of_fold[fold][b] += from->of_fold[fold][b];
        to->weights[fold] += from->weights[fold];
    }
    if (from->n > 0) {
        to->first = to->n ? MIN(to->first, from->first) : from->first;
        to->last = to->n ? MAX(to->last, from->last) : from->last;
    }
    to->n += from->n;
}

static void
clear_gaps(Gaps *gaps)
{
    for (guint32 fold = 0; fold < LAMP_FOLDS; fold++)
        g_free(gaps->of_fold[fold]);
    *gaps = (Gaps){0};
}

static float
weigh(const Gaps *gaps)
{
    float weight = 0;
    for (guint32 fold = 0; fold < LAMP_FOLDS; fold++)
        weight += gaps->weights[fold];
    return weight;
}

static float
weigh_without(const Gaps *gaps, guint32 fold)
{
    float weight = 0;
    for (guint32 other = 0; other < LAMP_FOLDS; other++)
        weight += other == fold ? 0 : gaps->weights[other];
    return weight;
}

/* The density of all folds but one, leaning on `prior`; NULL prior: on a broad one. */
static float *
fit_without(const Gaps *gaps, guint32 fold, const LampSmoothed *smoothed, float scale,
            const float *prior, double lean)
{
    float *out = g_new(float, LAMP_BINS);
    if (weigh_without(gaps, fold) < 0.5f && prior)
        memcpy(out, prior, LAMP_BINS * sizeof *out);
    else
        lamp_density_mix(&smoothed[fold], scale, prior, lean, out);
    return out;
}

/* The densities of event x given one key. `smoothed` is that without a key: an event that only
 * ever waits for one other has the same delays with it. */
static void
fit_keyed(LampKind *kind, const LampKind *family, const Gaps *gaps, guint32 x, guint32 key,
          float scale, const LampSmoothed *smoothed)
{
    guint32 side = kind->n_slots + 1;
    LampSmoothed own[LAMP_FOLDS];
    if (!smoothed) {
        float sum[LAMP_BINS];
        sum_folds(gaps, sum);
        lamp_density_smooth(sum, (const float *const *) gaps->of_fold, LAMP_FOLDS, own);
        smoothed = own;
    }
    for (guint32 fold = 0; fold < LAMP_FOLDS; fold++) {
        guint32 row = fold * side + x;
        const float *common = family ? family->tables[row * side + key] : NULL;
        if (weigh(gaps) < MIN_KEYED && !common)
            continue;
        kind->tables[row * side + key] =
            fit_without(gaps, fold, smoothed, scale, common ? common : kind->any[row],
                        common ? LEAN_ON_FAMILY : LEAN_ON_ALL);
    }
}

/* The only key with gaps, or NULL if there are several. */
static const Gaps *
find_only(const Gaps *keyed, guint32 n)
{
    const Gaps *only = &keyed[0];
    guint32 used = 0;
    for (guint32 key = 0; key < n; key++) {
        if (keyed[key].n == 0)
            continue;
        only = &keyed[key];
        used++;
    }
    return used <= 1 ? only : NULL;
}

/* `keyed`: of event x, for each key and, last, for those without. */
static void
fit_event(LampKind *kind, const LampKind *family, const Gaps *keyed, guint32 x, float scale)
{
    guint32 side = kind->n_slots + 1;
    float *all = kind->histograms_any + (gsize) x * LAMP_BINS;
    LampSmoothed smoothed[LAMP_FOLDS];
    Gaps sum = {0};
    const Gaps *any = find_only(keyed, side + 1);
    if (!any) {
        any = &sum;
        for (guint32 key = 0; key <= side; key++)
            add_all(&sum, &keyed[key]);
    }
    sum_folds(any, all);
    lamp_density_smooth(all, (const float *const *) any->of_fold, LAMP_FOLDS, smoothed);
    for (guint32 fold = 0; fold < LAMP_FOLDS; fold++) {
        guint32 row = fold * side + x;
        kind->any[row] = fit_without(any, fold, smoothed, scale,
                                     family ? family->any[row] : NULL, LEAN_ON_FAMILY);
    }
    for (guint32 key = 0; key < side; key++)
        if (weigh(&keyed[key]) >= MIN_KEYED || family)
            fit_keyed(kind, family, &keyed[key], x, key, scale,
                      any == &keyed[key] ? smoothed : NULL);
    clear_gaps(&sum);
}

/* How often which start came next, and how often it might have; [fold x event x key]. */
typedef struct {
    double *came, *might;
} Follows;

static void
count_follows(const LampKind *kind, const LampView *view, double weight, Follows *out)
{
    guint32 side = kind->n_slots + 1;
    for (guint32 j = 0; j < view->n; j++) {
        guint32 key = j ? view->slots[j - 1] : kind->n_slots;
        if (!lamp_view_follows(kind, view, j) || key >= side)
            continue;
        guint32 row = view->request->fold * side;
        out->came[(row + view->slots[j]) * side + key] += weight;
        for (guint32 k = j; k < view->n; k++)
            if (lamp_view_follows(kind, view, k))
                out->might[(row + view->slots[k]) * side + key] += weight;
    }
}

static void
fit_follows(LampKind *kind, const LampKind *family, const Follows *counts)
{
    guint32 side = kind->n_slots + 1, block = side * side;
    kind->follows = g_new(float, LAMP_FOLDS *block);
    for (guint32 fold = 0; fold < LAMP_FOLDS; fold++)
        for (guint32 i = 0; i < block; i++) {
            double came = 0, might = 0, lean = family ? LEAN_ON_FAMILY : LEAN_FOLLOWS;
            double usual = family ? (double) family->follows[fold * block + i] : 0.5;
            for (guint32 k = 0; k < LAMP_FOLDS; k++) {
                came += k == fold ? 0 : counts->came[k * block + i];
                might += k == fold ? 0 : counts->might[k * block + i];
            }
            kind->follows[fold * block + i] = (float) ((came + lean * usual) / (might + lean));
        }
}

void
lamp_learn_delays(LampKind *kind, const LampKind *family, const LampField *field,
                  const LampExamples *all, const LampExample *list, guint32 n, float scale)
{
    const LampStep *buffer[LAMP_MAX_KIDS];
    guint32 side = kind->n_slots + 1;
    guint32 n_gaps = side * (side + 1);
    g_autofree Gaps *keyed = g_new0(Gaps, n_gaps);
    kind->tables = g_new0(float *, LAMP_FOLDS *side *side);
    kind->any = g_new0(float *, LAMP_FOLDS *side);
    kind->histograms_any = g_new0(float, (gsize) side *LAMP_BINS);
    Follows follows = {g_new0(double, LAMP_FOLDS *side *side),
                       g_new0(double, LAMP_FOLDS *side *side)};
    for (guint32 i = 0; i < n; i++) {
        LampView view;
        lamp_example_view(&list[i], all, field, kind, buffer, &view);
        count_follows(kind, &view, (double) list[i].weight, &follows);
        for (guint32 j = 0; j <= view.n; j++) {
            guint32 x = j < view.n ? view.slots[j] : kind->n_slots, key;
            if (x == LAMP_NO_SLOT)
                continue;
            gint64 gap = lamp_view_gap(&view, kind->rules[x], j, kind->n_slots, &key);
            LampBinned binned = lamp_gap_binned(gap, scale);
            add_gap(&keyed[x * (side + 1) + MIN(key, side)], view.request->fold, &binned,
                    list[i].weight);
        }
    }
    for (guint32 x = 0; x < side; x++)
        fit_event(kind, family, keyed + x * (side + 1), x, scale);
    fit_follows(kind, family, &follows);
    g_free(follows.came);
    g_free(follows.might);
    for (guint32 i = 0; i < n_gaps; i++)
        clear_gaps(&keyed[i]);
}
