/*
 * Kolmogorov-Smirnov on sketches, G-test, false discovery rates.
 *
 * Sketch buckets are narrow (below 1 %), so the distance between sketches is that of the
 * samples up to ties inside a bucket, which only makes it smaller.
 */
#include "model/statistics.h"

#include <math.h>

#define PER_GROUP 128u

static double
bucket_at(const LampQuantiles *sketch, guint group, guint sub)
{
    if (sketch->buckets == NULL || group < sketch->low || group >= sketch->high)
        return 0.0;
    return (double) sketch->buckets[(gsize) (group - sketch->low) * PER_GROUP + sub];
}

static double
bucket_distance(const LampQuantiles *a, const LampQuantiles *b)
{
    double sum_a = 0.0, sum_b = 0.0, distance = 0.0;
    for (guint group = MIN(a->low, b->low); group < MAX(a->high, b->high); group++)
        for (guint sub = 0; sub < PER_GROUP; sub++) {
            sum_a += bucket_at(a, group, sub) / (double) a->count;
            sum_b += bucket_at(b, group, sub) / (double) b->count;
            distance = MAX(distance, fabs(sum_a - sum_b));
        }
    return distance;
}

double
lamp_ks_distance(const LampQuantiles *a, const LampQuantiles *b)
{
    g_auto(LampQuantiles) buckets_a = {0}, buckets_b = {0};
    if (a->count == 0 || b->count == 0)
        return 1.0;
    lamp_quantiles_merge(&buckets_a, a, 1);
    lamp_quantiles_merge(&buckets_b, b, 1);
    lamp_quantiles_settle(&buckets_a);
    lamp_quantiles_settle(&buckets_b);
    return bucket_distance(&buckets_a, &buckets_b);
}

double
lamp_ks_probability(double distance, double n_a, double n_b)
{
    if (n_a <= 0.0 || n_b <= 0.0)
        return 1.0;
    double root = sqrt(n_a * n_b / (n_a + n_b));
    double x = (root + 0.12 + 0.11 / root) * distance;
    double sum = 0.0;
    if (x < 0.2)
        return 1.0;
    for (gint k = 1; k <= 100; k++)
        sum += (k % 2 == 1 ? 2.0 : -2.0) * exp(-2.0 * k * k * x * x);
    return CLAMP(sum, 0.0, 1.0);
}

static double
term(double observed, double expected)
{
    return observed > 0.0 && expected > 0.0 ? observed * log(observed / expected) : 0.0;
}

double
lamp_share_probability(double k_a, double n_a, double k_b, double n_b)
{
    double n = n_a + n_b, share = (k_a + k_b) / MAX(n, 1.0);
    if (n_a <= 0.0 || n_b <= 0.0)
        return 1.0;
    double g =
        2.0 * (term(k_a, n_a * share) + term(k_b, n_b * share) +
               term(n_a - k_a, n_a * (1.0 - share)) + term(n_b - k_b, n_b * (1.0 - share)));
    return erfc(sqrt(MAX(g, 0.0) / 2.0));
}

double
lamp_rate_probability(double k_a, double n_a, double k_b, double n_b, double clump)
{
    double n = n_a + n_b, k = k_a + k_b;
    if (n_a <= 0.0 || n_b <= 0.0)
        return 1.0;
    double g = 2.0 * (term(k_a, k * n_a / n) + term(k_b, k * n_b / n));
    return erfc(sqrt(MAX(g, 0.0) / (2.0 * MAX(clump, 1.0))));
}

typedef struct {
    double p;
    guint index;
} Ranked;

static gint
compare_ranked(gconstpointer a, gconstpointer b)
{
    const Ranked *x = a, *y = b;
    if (x->p < y->p || x->p > y->p)
        return x->p < y->p ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

void
lamp_adjust_probabilities(double *p, guint n)
{
    g_autofree Ranked *ranked = g_new(Ranked, n + 1);
    double smallest = 1.0;
    for (guint i = 0; i < n; i++)
        ranked[i] = (Ranked){p[i], i};
    qsort(ranked, n, sizeof *ranked, compare_ranked);
    for (guint i = n; i-- > 0;) {
        smallest = MIN(smallest, ranked[i].p * n / (i + 1.0));
        p[ranked[i].index] = smallest;
    }
}
