/* pairs.c — which requests could exchange steps
 *
 * In: the candidates of every step. Out: each pair of requests that share a candidate step,
 * once, and for each request its partners. A step with many candidates pairs only those that
 * are near each other in time, so the number of pairs is linear in the number of candidates. */
#include "correlate/inference/sample.h"

#include <stdlib.h>

#define PAIR_REACH 16

static int
compare_keys(const void *a, const void *b)
{
    guint64 x = *(const guint64 *) a, y = *(const guint64 *) b;
    return x < y ? -1 : x > y;
}

static void
find_pairs(LampSampler *self, const LampField *f)
{
    GArray *keys = g_array_new(FALSE, FALSE, sizeof(guint64));
    for (guint32 s = 0; s < f->n_steps; s++) {
        const guint32 *c = f->candidates + f->steps[s].first_candidate;
        for (guint32 i = 0; i < f->steps[s].n_candidates; i++)
            for (guint32 j = i + 1; j < MIN(f->steps[s].n_candidates, i + PAIR_REACH); j++) {
                guint64 key = (guint64) c[i] << 32 | c[j];
                g_array_append_val(keys, key);
            }
    }
    guint64 *at = (guint64 *) (void *) keys->data;
    if (keys->len > 1)
        qsort(at, keys->len, sizeof *at, compare_keys);
    self->pairs = g_new0(LampPair, keys->len + 1);
    for (guint32 i = 0; i < keys->len; i++)
        if (i == 0 || at[i] != at[i - 1])
            self->pairs[self->n_pairs++] =
                (LampPair){(guint32) (at[i] >> 32), (guint32) at[i], 0};
    g_array_free(keys, TRUE);
}

static void
find_partners(LampSampler *self, const LampField *f)
{
    guint32 *first = self->first_partner = g_new0(guint32, f->n_requests + 2);
    self->partners = g_new(guint32, 2 * self->n_pairs + 1);
    for (guint32 i = 0; i < self->n_pairs; i++) {
        first[self->pairs[i].a + 1]++;
        first[self->pairs[i].b + 1]++;
    }
    for (guint32 r = 0; r < f->n_requests; r++)
        first[r + 1] += first[r];
    g_autofree guint32 *fill = g_memdup2(first, (f->n_requests + 1) * sizeof *first);
    for (guint32 i = 0; i < self->n_pairs; i++) {
        self->partners[fill[self->pairs[i].a]++] = self->pairs[i].b;
        self->partners[fill[self->pairs[i].b]++] = self->pairs[i].a;
    }
}

void
lamp_sampler_find_pairs(LampSampler *self)
{
    find_pairs(self, self->state->field);
    find_partners(self, self->state->field);
}
