/* memory.h — what one run hands on to the next over the same system */
#ifndef LAMP_CORRELATE_INFERENCE_MEMORY_H
#define LAMP_CORRELATE_INFERENCE_MEMORY_H

#include "correlate/inference/trace.h"

typedef struct {
    guint32 service;
    guint32 n_request_kinds, n_step_kinds;                  /* base kinds */
    guint32 *request_kind_partner, *request_kind_operation; /* names of the dense numbers */
    guint32 *step_kind_service, *step_kind_operation;
    LampModel *model;
    LampPlace place;
} LampServiceMemory;

struct LampInferenceMemory {
    GHashTable *services; /* service -> LampServiceMemory */
};

/* NULL when nothing is known of the service, or `self` is NULL. */
LampServiceMemory *lamp_memory_of(const LampInferenceMemory *self, guint32 service);

/* Keeps the model of a field (takes it over) and the names of its kinds. */
void lamp_memory_keep(LampInferenceMemory *self, const LampField *field, LampModel *model,
                      LampPlace place);

#endif
