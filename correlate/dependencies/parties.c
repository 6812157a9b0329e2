/*
 * Names of the endpoints that serve and of the hosts that only call.
 *
 * An endpoint serves if a flow has it as its server. Replicas share a party where correlate has
 * put them into one service; without it every endpoint is a party of its own.
 */
#include "correlate/dependencies/parties.h"

#include "base/keyed-map.h"
#include "store/statement.h"

#define SERVED_NAMES                                                                  \
    "SELECT e.address || ' ' || e.port, min(s.name) FROM calls c JOIN endpoints e ON" \
    " e.endpoint_id = c.server_endpoint_id JOIN instances i ON i.instance_id ="       \
    " c.server_instance_id JOIN services s USING (service_id) GROUP BY 1 ORDER BY 1"
#define CALLER_NAMES                                                                        \
    "SELECT e.address || ' 0', min(s.name) FROM calls c JOIN endpoints e ON e.endpoint_id"  \
    " = c.client_endpoint_id JOIN instances i ON i.instance_id = c.client_instance_id JOIN" \
    " services s USING (service_id) GROUP BY 1 HAVING count(DISTINCT s.service_id) = 1"     \
    " ORDER BY 1"
#define TOLD_NAMES                                                                          \
    "SELECT address || ' ' || port, min(name) FROM host_names GROUP BY 1"                   \
    " UNION ALL SELECT address || ' 0', min(name) FROM host_names WHERE port <> 0 GROUP BY" \
    " address HAVING count(DISTINCT name) = 1 ORDER BY 1"

/* Of hosts that call themselves, correlate has told apart who made which connection. */
#define OWNER_NAMES                                                                         \
    "SELECT a.address || ' ' || a.port || ' ' || b.address || ' ' || b.port, min(s.name)"   \
    " FROM calls c JOIN endpoints a ON a.endpoint_id = c.client_endpoint_id JOIN endpoints" \
    " b ON b.endpoint_id = c.server_endpoint_id JOIN instances i ON i.instance_id ="        \
    " c.client_instance_id JOIN services s USING (service_id) WHERE a.address IN (SELECT"   \
    " e.address FROM calls d JOIN endpoints e ON e.endpoint_id = d.server_endpoint_id)"     \
    " GROUP BY 1 HAVING count(DISTINCT s.service_id) = 1 ORDER BY 1"

typedef struct {
    LampParties *parties;
    LampKeyedMap *names;   /* "address port" to index in texts + 1 */
    LampKeyedMap *numbers; /* name to party + 1 */
    GPtrArray *texts;
} Naming;

static gboolean
load_names(Naming *naming, LampStore *store, const char *sql, GError **error)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(store, sql, error);
    gboolean more = rows != NULL;
    while (more && lamp_statement_step(rows, &more, error)) {
        if (!more)
            return TRUE;
        const char *key = lamp_statement_text(rows, 0), *name = lamp_statement_text(rows, 1);
        if (key == NULL || name == NULL)
            continue;
        gboolean is_new;
        guint64 *place = lamp_keyed_map_add(naming->names, lamp_bytes_text(key), &is_new);
        if (place == NULL || !is_new)
            continue;
        g_ptr_array_add(naming->texts, g_strdup(name));
        *place = naming->texts->len;
    }
    return FALSE;
}

static const char *
find_name(const Naming *naming, const char *address, guint port)
{
    g_autofree char *key = g_strdup_printf("%s %u", address, port);
    const guint64 *place = lamp_keyed_map_find(naming->names, lamp_bytes_text(key));
    return place != NULL ? g_ptr_array_index(naming->texts, (guint) *place - 1) : NULL;
}

static guint32
number_party(Naming *naming, const char *name, gboolean is_client_only)
{
    guint64 *place = lamp_keyed_map_add(naming->numbers, lamp_bytes_text(name), NULL);
    if (place == NULL)
        return LAMP_PARTY_NONE;
    if (*place == 0) {
        LampParty party = {g_strdup(name), is_client_only};
        g_array_append_val(naming->parties->parties, party);
        *place = naming->parties->parties->len;
    }
    return (guint32) *place - 1;
}

/* An endpoint whose host is known by name, though not what it serves, is NAME:port. */
static guint32
name_endpoint(Naming *naming, const LampBiflows *b, guint32 endpoint)
{
    const LampFlowEndpoint *e = lamp_flow_endpoint(b, endpoint);
    const char *address = g_ptr_array_index(b->addresses, e->address);
    const char *name = find_name(naming, address, e->port);
    if (name != NULL)
        return number_party(naming, name, FALSE);
    const char *host = find_name(naming, address, 0);
    g_autofree char *made = g_strdup_printf("%s:%u", host != NULL ? host : address, e->port);
    return number_party(naming, made, FALSE);
}

/* Who opened @flow, as correlate has it; NONE where it does not say. */
static guint32
name_owner(Naming *naming, const LampBiflows *b, const LampBiflow *flow)
{
    const LampFlowEndpoint *client = lamp_flow_endpoint(b, flow->client);
    const LampFlowEndpoint *server = lamp_flow_endpoint(b, flow->server);
    g_autofree char *key = g_strdup_printf(
        "%s %u %s %u", (const char *) g_ptr_array_index(b->addresses, client->address),
        (guint) client->port, (const char *) g_ptr_array_index(b->addresses, server->address),
        (guint) server->port);
    const guint64 *place = lamp_keyed_map_find(naming->names, lamp_bytes_text(key));
    return place != NULL
               ? number_party(naming, g_ptr_array_index(naming->texts, (guint) *place - 1),
                              TRUE)
               : LAMP_PARTY_NONE;
}

static void
name_all(Naming *naming, const LampBiflows *b)
{
    LampParties *p = naming->parties;
    g_autofree gboolean *serves = g_new0(gboolean, b->addresses->len + 1);
    for (guint i = 0; i < b->flows->len; i++) {
        guint32 server = lamp_biflow(b, i)->server;
        if (!lamp_biflow_is_connection(lamp_biflow(b, i)))
            continue;
        if (p->served_by[server] == LAMP_PARTY_NONE)
            p->served_by[server] = name_endpoint(naming, b, server);
        serves[lamp_flow_endpoint(b, server)->address] = TRUE;
    }
    for (guint i = 0; i < b->flows->len; i++) {
        guint32 host = lamp_flow_endpoint(b, lamp_biflow(b, i)->client)->address;
        if (!lamp_biflow_is_connection(lamp_biflow(b, i)) || serves[host] ||
            p->of_host[host] != LAMP_PARTY_NONE)
            continue;
        const char *address = g_ptr_array_index(b->addresses, host);
        const char *name = find_name(naming, address, 0);
        p->of_host[host] = number_party(naming, name != NULL ? name : address, TRUE);
    }
    for (guint i = 0; i < b->flows->len; i++)
        p->opened_by[i] = name_owner(naming, b, lamp_biflow(b, i));
}

LampParties *
lamp_parties_new(LampStore *store, const LampBiflows *b, GError **error)
{
    g_autoptr(LampParties) p = g_new0(LampParties, 1);
    p->parties = g_array_new(FALSE, FALSE, sizeof(LampParty));
    p->served_by = g_new(guint32, b->endpoints->len + 1);
    p->of_host = g_new(guint32, b->addresses->len + 1);
    p->opened_by = g_new(guint32, b->flows->len + 1);
    memset(p->served_by, 0xff, (b->endpoints->len + 1) * sizeof *p->served_by);
    memset(p->of_host, 0xff, (b->addresses->len + 1) * sizeof *p->of_host);
    g_autoptr(LampKeyedMap) names = lamp_keyed_map_new((gsize) 1 << 28);
    g_autoptr(LampKeyedMap) numbers = lamp_keyed_map_new((gsize) 1 << 28);
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    Naming naming = {p, names, numbers, texts};
    if (!load_names(&naming, store, SERVED_NAMES, error) ||
        !load_names(&naming, store, CALLER_NAMES, error) ||
        !load_names(&naming, store, TOLD_NAMES, error) ||
        !load_names(&naming, store, OWNER_NAMES, error))
        return NULL;
    name_all(&naming, b);
    return g_steal_pointer(&p);
}

void
lamp_parties_free(LampParties *p)
{
    if (p == NULL)
        return;
    for (guint i = 0; i < p->parties->len; i++)
        g_free(g_array_index(p->parties, LampParty, i).name);
    g_array_unref(p->parties);
    g_free(p->served_by);
    g_free(p->of_host);
    g_free(p->opened_by);
    g_free(p);
}
