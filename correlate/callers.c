/*
 * Names the callers by what their calls turned out to work for: the instance of a host with
 * several, and services that only call (a queue's worker), which look like users until their
 * calls have causes.
 */
#include "correlate/passes.h"

/* One of the callers that were taken to be outside works for a request: it is a service, and
 * has nothing in common with the others but that it has no name. */
static void
take_inside(LampCorrelation *c, LampInstance *instance, guint32 *instances_of)
{
    LampService *service = &g_array_index(c->services, LampService, instance->service);
    if (!service->is_external)
        return;
    if (instances_of[instance->service] == 1) {
        g_free(service->name);
        service->name = g_strdup(instance->name);
        service->is_external = FALSE;
        return;
    }
    instances_of[instance->service]--;
    LampService own = {.name = g_strdup(instance->name), .protocol = service->protocol};
    instance->service = c->services->len;
    g_array_append_val(c->services, own);
}

/* Where one host serves several ports, the parent tells which of its instances called. */
gboolean
lamp_pass_callers(LampCorrelation *c, G_GNUC_UNUSED GError **error)
{
    g_autofree guint32 *instances_of = g_new0(guint32, c->services->len + 1);
    for (guint32 i = 0; i < c->instances->len; i++)
        instances_of[g_array_index(c->instances, LampInstance, i).service]++;
    for (guint32 i = 0; i < c->calls->len; i++) {
        LampCall *call = lamp_call(c, i);
        if (call->parent == LAMP_INDEX_NONE || (call->client_host != LAMP_INDEX_NONE &&
                                                lamp_host(c, call->client_host)->is_shared))
            continue;
        const LampCall *parent = lamp_call(c, call->parent);
        if (parent->server_host != LAMP_INDEX_NONE && parent->server_host == call->client_host)
            call->client_instance = parent->server_instance;
        else if (call->client_instance != LAMP_INDEX_NONE)
            take_inside(c, &g_array_index(c->instances, LampInstance, call->client_instance),
                        instances_of);
    }
    return TRUE;
}
