/*
 * Small numbers for services, instances and operations.
 *
 * In: tables services, instances, strings. The maps below are keyed by ids that the store gave
 * in sequence, not by input, so GLib's unkeyed hash is safe for them.
 */
#include "model/topology.h"

#include "base/fetch.h"
#include "base/keyed-map.h"
#include "store/statement.h"

/* Calls come by the ten million, labels by the hundred. */
#define RECENT 256u

typedef struct {
    gint64 service, protocol_id, operation_id;
} LabelKey;

struct LampTopology {
    LampStore *store;
    GArray *services, *instances, *labels;
    GHashTable *instance_index; /* gint64* -> index */
    GHashTable *label_index;    /* LabelKey* -> index + 1 */
    GStringChunk *texts;
    struct {
        LabelKey key;
        guint32 found; /* index + 1; 0: empty */
    } recent[RECENT];  /* labels asked for last, by hash */
};

static guint
hash_label_key(gconstpointer key)
{
    const LabelKey *k = key;
    guint64 h = (guint64) k->service * 0x9e3779b97f4a7c15u + (guint64) k->protocol_id;
    h = (h ^ (h >> 29)) * 0xbf58476d1ce4e5b9u + (guint64) k->operation_id;
    h = (h ^ (h >> 32)) * 0x94d049bb133111ebu;
    return (guint) (h >> 32);
}

static gboolean
equal_label_key(gconstpointer a, gconstpointer b)
{
    const LabelKey *x = a, *y = b;
    return x->operation_id == y->operation_id && x->service == y->service &&
           x->protocol_id == y->protocol_id;
}

static const char *
keep(LampTopology *topology, const char *text)
{
    return text == NULL ? NULL : g_string_chunk_insert_const(topology->texts, text);
}

static gboolean
load_services(LampTopology *topology, GHashTable *index, GError **error)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(
        topology->store,
        "SELECT service_id, name, protocol, is_external FROM services ORDER BY service_id",
        error);
    gboolean more = rows != NULL;
    while (more) {
        if (!lamp_statement_step(rows, &more, error))
            return FALSE;
        if (!more)
            return TRUE;
        LampService service = {.id = lamp_statement_int(rows, 0),
                               .name = keep(topology, lamp_statement_text(rows, 1)),
                               .protocol = keep(topology, lamp_statement_text(rows, 2)),
                               .is_external = lamp_statement_int(rows, 3) != 0};
        g_hash_table_insert(index, g_memdup2(&service.id, sizeof service.id),
                            GUINT_TO_POINTER(topology->services->len));
        g_array_append_val(topology->services, service);
    }
    return FALSE;
}

static gboolean
load_instances(LampTopology *topology, GHashTable *service_index, GError **error)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(
        topology->store,
        "SELECT instance_id, service_id, name FROM instances ORDER BY instance_id", error);
    gboolean more = rows != NULL;
    while (more) {
        if (!lamp_statement_step(rows, &more, error))
            return FALSE;
        if (!more)
            return TRUE;
        gint64 service_id = lamp_statement_int(rows, 1);
        LampInstance instance = {
            .id = lamp_statement_int(rows, 0),
            .service = GPOINTER_TO_UINT(g_hash_table_lookup(service_index, &service_id)),
            .name = keep(topology, lamp_statement_text(rows, 2))};
        g_hash_table_insert(topology->instance_index,
                            g_memdup2(&instance.id, sizeof instance.id),
                            GUINT_TO_POINTER(topology->instances->len));
        g_array_append_val(topology->instances, instance);
    }
    return FALSE;
}

LampTopology *
lamp_topology_load(LampStore *store, GError **error)
{
    g_autoptr(LampTopology) topology = g_new0(LampTopology, 1);
    topology->store = store;
    topology->services = g_array_new(FALSE, TRUE, sizeof(LampService));
    topology->instances = g_array_new(FALSE, TRUE, sizeof(LampInstance));
    topology->labels = g_array_new(FALSE, TRUE, sizeof(LampLabel));
    topology->instance_index = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    topology->label_index =
        g_hash_table_new_full(hash_label_key, equal_label_key, g_free, NULL);
    topology->texts = g_string_chunk_new(4096);
    LampService nobody = {.name = "(unknown)"};
    LampInstance nowhere = {.name = "(unknown)"};
    g_array_append_val(topology->services, nobody);
    g_array_append_val(topology->instances, nowhere);
    g_autoptr(GHashTable) index =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    if (!load_services(topology, index, error) || !load_instances(topology, index, error))
        return NULL;
    return g_steal_pointer(&topology);
}

void
lamp_topology_free(LampTopology *topology)
{
    if (topology == NULL)
        return;
    g_array_unref(topology->services);
    g_array_unref(topology->instances);
    g_array_unref(topology->labels);
    g_hash_table_unref(topology->instance_index);
    g_hash_table_unref(topology->label_index);
    g_string_chunk_free(topology->texts);
    g_free(topology);
}

LampStore *
lamp_topology_store(const LampTopology *topology)
{
    return topology->store;
}

guint
lamp_topology_service_count(const LampTopology *topology)
{
    return topology->services->len;
}

guint
lamp_topology_instance_count(const LampTopology *topology)
{
    return topology->instances->len;
}

guint
lamp_topology_label_count(const LampTopology *topology)
{
    return topology->labels->len;
}

const LampService *
lamp_topology_service(const LampTopology *topology, guint32 index)
{
    return &g_array_index(topology->services, LampService, index);
}

const LampInstance *
lamp_topology_instance(const LampTopology *topology, guint32 index)
{
    return &g_array_index(topology->instances, LampInstance, index);
}

const LampLabel *
lamp_topology_label(const LampTopology *topology, guint32 index)
{
    return &g_array_index(topology->labels, LampLabel, index);
}

const char *
lamp_topology_label_service(const LampTopology *topology, guint32 label)
{
    return lamp_topology_service(topology, lamp_topology_label(topology, label)->service)->name;
}

guint32
lamp_topology_find_instance(const LampTopology *topology, gint64 instance_id)
{
    /* Ids are given in sequence, so most stand where their number says. */
    if (instance_id > 0 && instance_id < topology->instances->len &&
        g_array_index(topology->instances, LampInstance, instance_id).id == instance_id)
        return (guint32) instance_id;
    return GPOINTER_TO_UINT(g_hash_table_lookup(topology->instance_index, &instance_id));
}

static guint32
find_or_add_label(LampTopology *topology, guint32 service, gint64 protocol_id,
                  gint64 operation_id)
{
    LabelKey key = {service, protocol_id, operation_id};
    guint found = GPOINTER_TO_UINT(g_hash_table_lookup(topology->label_index, &key));
    if (found != 0)
        return found - 1;
    const char *protocol =
        protocol_id == 0 ? "" : lamp_store_text(topology->store, protocol_id);
    const char *operation =
        operation_id == 0 ? "?" : lamp_store_text(topology->store, operation_id);
    LampLabel label = {.service = service,
                       .protocol = protocol == NULL ? "" : protocol,
                       .operation = operation == NULL ? "?" : operation};
    label.waits = lamp_fetch_kind(label.protocol, label.operation) == LAMP_FETCH_WAITS;
    g_autofree char *whole = g_strjoin("\n", lamp_topology_service(topology, service)->name,
                                       label.protocol, label.operation, NULL);
    label.hash = lamp_content_hash(lamp_bytes_text(whole));
    g_array_append_val(topology->labels, label);
    g_hash_table_insert(topology->label_index, g_memdup2(&key, sizeof key),
                        GUINT_TO_POINTER(topology->labels->len));
    return topology->labels->len - 1;
}

guint32
lamp_topology_add_label(LampTopology *topology, guint32 service, gint64 protocol_id,
                        gint64 operation_id)
{
    LabelKey key = {service, protocol_id, operation_id};
    guint slot = hash_label_key(&key) % RECENT;
    if (topology->recent[slot].found == 0 ||
        !equal_label_key(&topology->recent[slot].key, &key)) {
        topology->recent[slot].key = key;
        topology->recent[slot].found =
            find_or_add_label(topology, service, protocol_id, operation_id) + 1;
    }
    return topology->recent[slot].found - 1;
}
