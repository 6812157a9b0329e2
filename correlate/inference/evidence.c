/* evidence.c — what speaks for single links: shared values, threads, connections
 *
 * Values and threads are weighed once, against what the times say (values.c); what connections
 * say is learnt with the assignment (affinity.c). */
#include "correlate/inference/evidence.h"

#include "correlate/inference/values.h"

#include <string.h>

static float *
weigh(const LampField *field, const LampInferenceInput *input, gboolean wanted,
      LampColumns columns, const float *shares)
{
    return wanted ? lamp_values_weigh(field, input, columns, shares) : NULL;
}

LampLinkEvidence *
lamp_link_evidence_new(const LampField *field, const LampInferenceInput *input,
                       guint32 evidence, const float *shares)
{
    LampLinkEvidence *self = g_new0(LampLinkEvidence, 1);
    self->field = field;
    self->values = weigh(field, input, (evidence & LAMP_EVIDENCE_VALUES) != 0,
                         LAMP_COLUMNS_VALUES, shares);
    self->threads = weigh(field, input, (evidence & LAMP_EVIDENCE_THREAD) != 0,
                          LAMP_COLUMNS_THREADS, shares);
    if (evidence & LAMP_EVIDENCE_CONNECTION)
        self->affinity = lamp_affinity_new(field, input);
    if (!self->values && !self->threads && !self->affinity) {
        g_clear_pointer(&self, lamp_link_evidence_free);
        return NULL;
    }
    self->bonus = g_new0(float, (gsize) field->n_candidates + 1);
    for (guint32 i = 0; i < field->n_candidates; i++)
        self->bonus[i] =
            (self->values ? self->values[i] : 0) + (self->threads ? self->threads[i] : 0);
    if (self->affinity)
        self->fixed =
            g_memdup2(self->bonus, (field->n_candidates + (gsize) 1) * sizeof *self->bonus);
    return self;
}

void
lamp_link_evidence_free(LampLinkEvidence *self)
{
    if (!self)
        return;
    g_free(self->values);
    g_free(self->threads);
    g_free(self->fixed);
    g_free(self->bonus);
    lamp_affinity_free(self->affinity);
    g_free(self);
}

void
lamp_link_evidence_learn(LampLinkEvidence *self, const LampState *state)
{
    if (!self->affinity)
        return;
    memcpy(self->bonus, self->fixed, self->field->n_candidates * sizeof *self->bonus);
    lamp_affinity_add(self->affinity, state, self->bonus);
}
