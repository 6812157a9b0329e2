/* memory.c — models kept from one slice of a recording for the next
 *
 * A model is indexed by dense kinds, so the names of the kinds are kept with it and the next
 * run numbers its kinds in the same way, new ones at the end. */
#include "correlate/inference/memory.h"

static void
free_service(gpointer data)
{
    LampServiceMemory *m = data;
    lamp_model_free(m->model);
    g_free(m->request_kind_partner);
    g_free(m->request_kind_operation);
    g_free(m->step_kind_service);
    g_free(m->step_kind_operation);
    g_free(m);
}

LampInferenceMemory *
lamp_inference_memory_new(void)
{
    LampInferenceMemory *self = g_new0(LampInferenceMemory, 1);
    self->services = g_hash_table_new_full(NULL, NULL, NULL, free_service);
    return self;
}

void
lamp_inference_memory_free(LampInferenceMemory *self)
{
    if (!self)
        return;
    g_hash_table_destroy(self->services);
    g_free(self);
}

LampServiceMemory *
lamp_memory_of(const LampInferenceMemory *self, guint32 service)
{
    return self ? g_hash_table_lookup(self->services, GUINT_TO_POINTER(service)) : NULL;
}

void
lamp_memory_keep(LampInferenceMemory *self, const LampField *field, LampModel *model,
                 LampPlace place)
{
    LampServiceMemory *m = g_new0(LampServiceMemory, 1);
    gsize requests = field->n_base_kinds * sizeof(guint32);
    gsize steps = field->n_step_kinds * sizeof(guint32);
    *m = (LampServiceMemory){
        .service = field->service,
        .n_request_kinds = field->n_base_kinds,
        .n_step_kinds = field->n_step_kinds,
        .request_kind_partner = g_memdup2(field->request_kind_partner, requests),
        .request_kind_operation = g_memdup2(field->request_kind_operation, requests),
        .step_kind_service = g_memdup2(field->step_kind_service, steps),
        .step_kind_operation = g_memdup2(field->step_kind_operation, steps),
        .model = model,
        .place = place};
    g_hash_table_replace(self->services, GUINT_TO_POINTER(field->service), m);
}
