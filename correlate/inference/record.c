/* record.c — sums up what the sampler finds: shares of links, and of whole sets of steps
 *
 * In: blocks with the probabilities of the ways to deal them out. Out: for each candidate of a
 * step the sum of its conditional probabilities (Rao and Blackwell), and for each request those
 * of its sets (sets.h). */
#include "correlate/inference/record.h"

#define RARE 1e-3 /* sets that are less probable at a look are not kept */

void
lamp_sampler_record(LampSampler *self)
{
    const LampField *f = self->state->field;
    self->share = g_new0(float, f->n_candidates + 1);
    self->no_share = g_new0(float, f->n_steps + 1);
    self->visits = g_new0(guint32, f->n_steps + 1);
    self->sets = lamp_sets_new(f->n_requests);
}

static void
add_share(LampSampler *self, guint32 step, guint32 request, float probability)
{
    const LampField *f = self->state->field;
    guint32 at = lamp_field_edge(f, &f->steps[step], request);
    if (at != LAMP_NONE)
        self->share[at] += probability;
}

/* The step was b's with this probability, else a's. */
static void
add_step(LampSampler *self, const LampBlock *block, guint32 step, double probability)
{
    add_share(self, step, block->b, (float) probability);
    add_share(self, step, block->a, (float) (1 - probability));
}

static void
add_sets(LampSampler *self, const LampBlock *block, guint64 set_a, guint64 set_b,
         double probability)
{
    if (probability < RARE)
        return;
    lamp_sets_add(self->sets, block->a, set_a, (float) probability);
    lamp_sets_add(self->sets, block->b, set_b, (float) probability);
}

void
lamp_record_look(LampSampler *self, const LampBlock *block)
{
    lamp_sets_look(self->sets, block->a);
    lamp_sets_look(self->sets, block->b);
    for (guint32 i = 0; i < block->n_flexible; i++)
        self->visits[block->steps[block->flexible[i]]]++;
}

void
lamp_record_ways(LampSampler *self, const LampBlock *block, const LampWays *list,
                 const double *probabilities)
{
    guint64 all = 0, fixed_b = 0, names[LAMP_EXACT_STEPS];
    double share_b[LAMP_EXACT_STEPS] = {0};
    lamp_record_look(self, block);
    for (guint32 i = 0; i < block->n; i++) {
        guint64 name = lamp_sets_name(block->steps[i]);
        all += name;
        fixed_b += block->in_b[i] ? name : 0;
    }
    for (guint32 i = 0; i < block->n_flexible; i++) {
        names[i] = lamp_sets_name(block->steps[block->flexible[i]]);
        fixed_b -= block->in_b[block->flexible[i]] ? names[i] : 0;
    }
    for (guint32 k = 0; k < list->n; k++) {
        guint64 set_b = fixed_b;
        for (guint32 i = 0; i < block->n_flexible; i++) {
            if (!(list->ways[k] >> i & 1))
                continue;
            set_b += names[i];
            share_b[i] += probabilities[k];
        }
        add_sets(self, block, all - set_b, set_b, probabilities[k]);
    }
    for (guint32 i = 0; i < block->n_flexible; i++)
        add_step(self, block, block->steps[block->flexible[i]], share_b[i]);
}

static void
add_sides(LampSampler *self, const LampBlock *block, const guint8 *in_b, double probability)
{
    guint64 set[2] = {0, 0};
    for (guint32 i = 0; i < block->n; i++)
        set[in_b[i]] += lamp_sets_name(block->steps[i]);
    add_sets(self, block, set[0], set[1], probability);
}

void
lamp_record_change(LampSampler *self, const LampBlock *block, const guint8 *in_b,
                   double probability, guint32 tries)
{
    for (guint32 i = 0; i < block->n_flexible; i++) {
        guint32 at = block->flexible[i], step = block->steps[at];
        double then = probability / tries, now = (1 - probability) / tries;
        add_share(self, step, in_b[at] ? block->b : block->a, (float) then);
        add_share(self, step, block->in_b[at] ? block->b : block->a, (float) now);
    }
    add_sides(self, block, in_b, probability / tries);
    add_sides(self, block, block->in_b, (1 - probability) / tries);
}
