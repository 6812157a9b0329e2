/*
 * Writes what the causal engine learnt for each service.
 *
 * `inference_services.structure` is a JSON array of request kinds, each with the calls that the
 * service makes for it: which operation, how often, what each waits for, and the quantiles of
 * the delay after that. The last entry of a kind is the response itself.
 */
#include "base/keyed-map.h"
#include "correlate/write.h"

#include <math.h>

/* Share of hand-overs in order of arrival from which a service is called a queue. */
#define IN_ORDER_SHARE 0.98

/* Texts of the engine's operation numbers: any call of that operation tells. */
typedef struct {
    guint32 protocol, operation;
} OperationName;

static void
append_text(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    for (const char *p = text != NULL ? text : ""; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            g_string_append_c(out, '\\');
        if ((guchar) *p < 0x20)
            g_string_append_printf(out, "\\u%04x", (guint) (guchar) *p);
        else
            g_string_append_c(out, *p);
    }
    g_string_append_c(out, '"');
}

static void
append_real(GString *out, double value)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append(out, isfinite(value) ? g_ascii_formatd(number, sizeof number, "%.6g", value)
                                         : "null");
}

/* The same numbering as in correlate/links.c: by first occurrence. */
static GArray *
operation_names(LampCorrelation *c)
{
    GArray *names = g_array_new(FALSE, TRUE, sizeof(OperationName));
    g_autoptr(LampKeyedMap) numbers = lamp_keyed_map_new((gsize) 64 << 20);
    g_array_set_size(names, 1);
    for (guint32 i = 0; i < c->calls->len; i++) {
        const LampCall *call = lamp_call(c, i);
        guint32 key[2] = {call->protocol, call->operation};
        gboolean is_new = FALSE;
        if (lamp_keyed_map_add(numbers, lamp_bytes(key, sizeof key), &is_new) == NULL)
            break;
        OperationName name = {call->protocol, call->operation};
        if (is_new)
            g_array_append_val(names, name);
    }
    return names;
}

static void
append_operation(GString *out, LampCorrelation *c, const GArray *names, guint32 operation)
{
    guint32 id =
        operation < names->len ? g_array_index(names, OperationName, operation).operation : 0;
    append_text(out, lamp_store_text(c->store, id));
}

static const char *
event_name(guint8 event)
{
    switch (event) {
    case LAMP_EVENT_CALL_START:
        return "call-start";
    case LAMP_EVENT_CALL_END:
        return "call-end";
    case LAMP_EVENT_LAST_END:
        return "last-end";
    default:
        return "request-start";
    }
}

static const char *
service_name(LampCorrelation *c, guint32 service)
{
    if (service == 0 || service > c->services->len)
        return NULL;
    return g_array_index(c->services, LampService, service - 1).name;
}

static void
append_slot(GString *out, LampCorrelation *c, const GArray *names,
            const LampInferenceSlot *slot, guint32 first)
{
    gboolean is_response = slot->child_service == 0 && slot->child_operation == 0;
    g_string_append(out, is_response ? "{\"response\":true" : "{\"callee\":");
    if (!is_response) {
        append_text(out, service_name(c, slot->child_service));
        g_string_append(out, ",\"operation\":");
        append_operation(out, c, names, slot->child_operation);
        g_string_append_printf(out, ",\"occurrence\":%u,\"presence\":", slot->occurrence);
        append_real(out, slot->presence);
        g_string_append(out, ",\"asynchronous\":");
        append_real(out, slot->asynchronous);
    }
    g_string_append_printf(out, ",\"waits_for\":\"%s\"", event_name(slot->waits_for));
    if (slot->waits_for == LAMP_EVENT_CALL_START || slot->waits_for == LAMP_EVENT_CALL_END)
        g_string_append_printf(out, ",\"of\":%d", (gint) slot->waits_for_slot - (gint) first);
    g_string_append(out, ",\"delay_ns\":[");
    for (guint i = 0; i < G_N_ELEMENTS(slot->delay_ns); i++) {
        g_string_append(out, i > 0 ? "," : "");
        append_real(out, slot->delay_ns[i]);
    }
    g_string_append(out, "]}");
}

/* All request kinds of @service. */
static void
append_structure(GString *out, LampCorrelation *c, const GArray *names, guint32 service)
{
    const LampInference *inference = c->inference;
    g_string_assign(out, "[");
    for (guint32 i = 0; i < inference->n_slots;) {
        const LampInferenceSlot *first = &inference->slots[i];
        guint32 end = i;
        while (end < inference->n_slots && inference->slots[end].service == first->service &&
               inference->slots[end].parent_operation == first->parent_operation)
            end++;
        if (first->service == service) {
            g_string_append(out, out->len > 1 ? ",{\"request\":" : "{\"request\":");
            append_operation(out, c, names, first->parent_operation);
            g_string_append(out, ",\"requests\":");
            append_real(out, first->requests);
            g_string_append(out, ",\"calls\":[");
            for (guint32 k = i; k < end; k++) {
                g_string_append(out, k > i ? "," : "");
                append_slot(out, c, names, &inference->slots[k], i);
            }
            g_string_append(out, "]}");
        }
        i = end;
    }
    g_string_append_c(out, ']');
}

gboolean
lamp_write_inference(LampCorrelation *c, GError **error)
{
    g_autoptr(LampStatement) insert = lamp_statement_new(
        c->store, "INSERT OR REPLACE INTO inference_services VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        error);
    if (insert == NULL)
        return FALSE;
    g_autoptr(GArray) names = operation_names(c);
    g_autoptr(GString) structure = g_string_new(NULL);
    for (gsize i = 0; i < c->inference->n_services; i++) {
        const LampInferenceService *service = &c->inference->services[i];
        if (service->service == 0)
            continue;
        append_structure(structure, c, names, service->service);
        lamp_statement_bind_int(insert, 1, service->service);
        lamp_statement_bind_int(insert, 2, (gint64) service->links);
        lamp_statement_bind_int(insert, 3, (gint64) service->ambiguous);
        lamp_statement_bind_real(
            insert, 4, isfinite(service->expected_accuracy) ? service->expected_accuracy : 0);
        lamp_statement_bind_string(insert, 5,
                                   service->in_order >= IN_ORDER_SHARE ? "in-order" : "none");
        lamp_statement_bind_string(insert, 6, structure->str);
        if (!lamp_statement_run(insert, error))
            return FALSE;
    }
    return TRUE;
}
