/*
 * Which service each host or address serves, and who calls it.
 *
 * A serving address and port is an instance, named by its host. Hosts whose names differ only
 * in a number at the end (`shop1`, `shop2`) and that serve the same protocol on the same port
 * with operations in common are replicas: instances of one service, named by what their names
 * share. Bare addresses that serve the same port likewise are replicas of a service
 * `PROTOCOL:PORT`. Hosts that only call are services of their own where they have a name;
 * unnamed ones are together the service `external`. Spans name their services themselves, and
 * so do the records of logs where no capture shows who served.
 *
 * Limit: which instance of a host with several made a call is found later: by
 * correlate/owners.c where the host calls itself, else by the parent that was found
 * (correlate/callers.c).
 */
#include "base/keyed-map.h"
#include "correlate/passes.h"
#include "correlate/replicas.h"

#include <string.h>

#define MAP_BUDGET ((gsize) 256 << 20)

/* Share of the operations of the smaller replica that the other must have too. */
#define COMMON_SHARE 0.3

typedef struct {
    guint32 host; /* or LAMP_INDEX_NONE */
    guint16 port;
    guint32 name; /* spans: text of the process; else 0 */
    guint32 protocol;
    guint64 protocol_calls;
    GHashTable *operations; /* set of text numbers; NULL for one that only calls */
    char *stem;             /* name without its number */
    const char *program;    /* logs: as their records name it; NULL: none, or several */
    gboolean has_program;
    gboolean is_bare;   /* named by its address only */
    gboolean is_behind; /* known only from a log of its own host's proxy, as whom it calls */
} Candidate;

typedef struct {
    LampCorrelation *c;
    LampKeyedMap *index;       /* key to number in candidates + 1 */
    LampKeyedMap *by_protocol; /* host and protocol to number in candidates */
    GPtrArray *candidates;
} Naming;

static void
candidate_free(gpointer data)
{
    Candidate *candidate = data;
    if (candidate->operations != NULL)
        g_hash_table_unref(candidate->operations);
    g_free(candidate->stem);
    g_free(candidate);
}

static Candidate *
candidate_at(const Naming *naming, guint i)
{
    return g_ptr_array_index(naming->candidates, i);
}

/* Number of the candidate of @host and @port (0: as a caller), or of a process' name. */
static guint32
candidate_for(Naming *naming, guint32 host, guint16 port, guint32 name)
{
    guint32 key[3] = {host, port, name};
    gboolean is_new = FALSE;
    guint64 *number = lamp_keyed_map_add(naming->index, lamp_bytes(key, sizeof key), &is_new);
    if (number == NULL)
        return 0;
    if (is_new) {
        Candidate *candidate = g_new0(Candidate, 1);
        candidate->host = host;
        candidate->port = port;
        candidate->name = name;
        g_ptr_array_add(naming->candidates, candidate);
        *number = naming->candidates->len;
    }
    return (guint32) (*number - 1);
}

static void
note_served(Naming *naming, guint32 number, const LampCall *call)
{
    Candidate *candidate = g_ptr_array_index(naming->candidates, number);
    if (candidate->operations == NULL)
        candidate->operations = g_hash_table_new(NULL, NULL);
    if (call->operation != 0 && g_hash_table_size(candidate->operations) < 4096)
        g_hash_table_add(candidate->operations, GUINT_TO_POINTER(call->operation));
    if (call->protocol == 0)
        return;
    if (candidate->protocol == 0 || candidate->protocol == call->protocol) {
        candidate->protocol = call->protocol;
        candidate->protocol_calls++;
    } else if (candidate->protocol_calls > 0 && --candidate->protocol_calls == 0) {
        candidate->protocol = call->protocol; /* majority vote of Boyer and Moore */
    }
}

/* Remembers the first instance of the host that serves the call's protocol. */
static void
note_protocol(Naming *naming, const LampCall *call)
{
    guint32 key[2] = {call->server_host, call->protocol};
    gboolean is_new = FALSE;
    guint64 *number =
        lamp_keyed_map_add(naming->by_protocol, lamp_bytes(key, sizeof key), &is_new);
    if (number != NULL && is_new)
        *number = call->server_instance;
}

/* Spans name the process at one end and, mostly, the peer at the other. */
static void
name_ends_by_text(Naming *naming, LampCall *call)
{
    guint32 client = 0;
    guint32 server = 0;
    if (call->client_seen != LAMP_INDEX_NONE) {
        client = lamp_observation(naming->c, call->client_seen)->process;
        server = lamp_observation(naming->c, call->client_seen)->peer;
    }
    if (call->server_seen != LAMP_INDEX_NONE) {
        server = lamp_observation(naming->c, call->server_seen)->process;
        client = client != 0 ? client : lamp_observation(naming->c, call->server_seen)->peer;
    }
    if (client != 0)
        call->client_instance = candidate_for(naming, LAMP_INDEX_NONE, 0, client);
    if (server != 0) {
        call->server_instance = candidate_for(naming, LAMP_INDEX_NONE, 0, server);
        note_served(naming, call->server_instance, call);
    }
}

/* Those of instances behind a proxy of their host are not what the host itself is asked. */
static void
note_protocols(Naming *naming)
{
    for (guint i = 0; i < naming->c->calls->len; i++) {
        const LampCall *call = lamp_call(naming->c, i);
        if (call->server_host != LAMP_INDEX_NONE && call->server_instance != LAMP_INDEX_NONE &&
            candidate_at(naming, call->server_instance)->port != 0 &&
            !candidate_at(naming, call->server_instance)->is_behind)
            note_protocol(naming, call);
    }
}

static guint16
server_port(LampCorrelation *c, const LampCall *call)
{
    return call->server_place != LAMP_INDEX_NONE ? lamp_place(c, call->server_place)->port : 0;
}

/* Does the call's only record say that a host called itself, as a proxy does the program for
 * which it stands? */
static gboolean
is_handed_on(LampCorrelation *c, const LampCall *call)
{
    return call->client_host == call->server_host && call->client_seen != LAMP_INDEX_NONE &&
           call->server_seen == LAMP_INDEX_NONE &&
           lamp_observation(c, call->client_seen)->origin == LAMP_FROM_LOG;
}

static void
name_ends(Naming *naming, LampCall *call)
{
    LampCorrelation *c = naming->c;
    const LampObservation *base = lamp_observation(c, call->base_seen);
    guint16 port = server_port(c, call);
    if (call->server_host != LAMP_INDEX_NONE && port != 0) {
        call->server_instance = candidate_for(naming, call->server_host, port, 0);
        Candidate *candidate = candidate_at(naming, call->server_instance);
        candidate->is_behind =
            is_handed_on(c, call) && (candidate->is_behind || candidate->operations == NULL);
        note_served(naming, call->server_instance, call);
    }
    if (base->origin == LAMP_FROM_SPAN && base->process != 0)
        name_ends_by_text(naming, call);
}

/* The program that the records of the log at @seen name, or none. */
static const char *
program_of(LampCorrelation *c, guint32 seen)
{
    const LampObservation *line = seen != LAMP_INDEX_NONE ? lamp_observation(c, seen) : NULL;
    return line != NULL && line->origin == LAMP_FROM_LOG && line->source != LAMP_INDEX_NONE
               ? lamp_source(c, line->source)->program
               : NULL;
}

/* What is known from logs alone has the name of its program, unless there are several. */
static void
note_program(Naming *naming, guint32 number, const char *program)
{
    Candidate *candidate = g_ptr_array_index(naming->candidates, number);
    if (!candidate->has_program)
        candidate->program = program;
    else if (g_strcmp0(candidate->program, program) != 0)
        candidate->program = NULL;
    candidate->has_program = TRUE;
}

/* Calls that only a log tells of have no port: they are those of the first instance on the host
 * that is known to serve their protocol, else of the host. */
static void
name_portless_end(Naming *naming, LampCall *call)
{
    if (call->server_host == LAMP_INDEX_NONE || call->server_instance != LAMP_INDEX_NONE)
        return;
    guint32 key[2] = {call->server_host, call->protocol};
    const guint64 *number =
        lamp_keyed_map_find(naming->by_protocol, lamp_bytes(key, sizeof key));
    call->server_instance =
        number != NULL ? (guint32) *number : candidate_for(naming, call->server_host, 0, 0);
    if (number == NULL)
        note_program(naming, call->server_instance, program_of(naming->c, call->server_seen));
    note_served(naming, call->server_instance, call);
}

/* A caller that serves one port is that instance; else it is the host as a caller. */
static void
name_callers(Naming *naming)
{
    LampCorrelation *c = naming->c;
    g_autofree guint32 *only = g_new(guint32, MAX(c->hosts->len, 1));
    memset(only, 0xff, c->hosts->len * sizeof *only);
    for (guint i = 0; i < naming->candidates->len; i++) {
        const Candidate *candidate = g_ptr_array_index(naming->candidates, i);
        if (candidate->host != LAMP_INDEX_NONE && !candidate->is_behind &&
            only[candidate->host] == LAMP_INDEX_NONE)
            only[candidate->host] = i;
    }
    for (guint i = 0; i < c->calls->len; i++) {
        LampCall *call = lamp_call(c, i);
        if (call->client_host == LAMP_INDEX_NONE || call->client_instance != LAMP_INDEX_NONE)
            continue;
        guint32 known = only[call->client_host];
        call->client_instance =
            known != LAMP_INDEX_NONE ? known : candidate_for(naming, call->client_host, 0, 0);
    }
}

static gboolean
is_address(const char *name)
{
    return strspn(name, "0123456789.") == strlen(name) || strchr(name, ':') != NULL;
}

static const char *
candidate_name(Naming *naming, const Candidate *candidate)
{
    if (candidate->program != NULL)
        return candidate->program;
    if (candidate->name != 0) {
        const char *text = lamp_store_text(naming->c->store, candidate->name);
        return text != NULL ? text : "";
    }
    return lamp_host(naming->c, candidate->host)->name;
}

/* Do @a and @b serve the same: protocol, port and a good part of their operations? */
static gboolean
serve_alike(const Candidate *a, const Candidate *b)
{
    if (a->operations == NULL || b->operations == NULL || a->protocol != b->protocol ||
        a->port != b->port || a->name != 0 || b->name != 0)
        return FALSE;
    const Candidate *small =
        g_hash_table_size(a->operations) <= g_hash_table_size(b->operations) ? a : b;
    const Candidate *large = small == a ? b : a;
    GHashTableIter iter;
    gpointer operation;
    guint common = 0;
    g_hash_table_iter_init(&iter, small->operations);
    while (g_hash_table_iter_next(&iter, &operation, NULL))
        common += g_hash_table_contains(large->operations, operation) ? 1 : 0;
    return common >= COMMON_SHARE * g_hash_table_size(small->operations);
}

/* Candidates in the order of their names, replicas next to each other. */
static gint
compare_names(gconstpointer left, gconstpointer right, gpointer user)
{
    Naming *naming = user;
    const Candidate *a = g_ptr_array_index(naming->candidates, *(const guint32 *) left);
    const Candidate *b = g_ptr_array_index(naming->candidates, *(const guint32 *) right);
    if (a->is_bare != b->is_bare)
        return a->is_bare ? 1 : -1;
    gint order = strcmp(a->stem, b->stem);
    if (order == 0)
        order = (gint) a->protocol - (gint) b->protocol;
    if (order == 0)
        order = (gint) a->port - (gint) b->port;
    if (order == 0)
        order = strcmp(candidate_name(naming, a), candidate_name(naming, b));
    return order;
}

/* "shop:8080"; where no port is known, what the host is known for. */
static char *
port_name(const char *host, const char *what, guint16 port)
{
    return port != 0 ? g_strdup_printf("%s:%u", host, port)
                     : g_strdup_printf("%s:%s", host, what);
}

static char *
service_name(Naming *naming, const Candidate *candidate, gboolean has_replicas,
             gboolean is_only_port)
{
    const char *protocol = lamp_store_text(naming->c->store, candidate->protocol);
    const char *name = candidate_name(naming, candidate);
    if (candidate->operations == NULL)
        return g_strdup(candidate->is_bare ? "external" : name);
    const char *what = protocol != NULL ? protocol : "port";
    if (candidate->program != NULL)
        return g_strdup(name);
    if (candidate->is_bare && has_replicas)
        return g_strdup_printf("%s:%u", what, candidate->port);
    if (candidate->is_behind)
        return port_name(has_replicas ? candidate->stem : name, what, candidate->port);
    if (has_replicas || lamp_is_pod_name(name))
        return g_strdup(candidate->stem);
    if (is_only_port || candidate->name != 0)
        return g_strdup(name);
    return port_name(name, what, candidate->port);
}

static gboolean
is_same_service(const Candidate *a, const Candidate *b)
{
    if (a->operations == NULL && b->operations == NULL)
        return a->is_bare && b->is_bare;
    if (a->program != NULL && b->program != NULL)
        return strcmp(a->program, b->program) == 0;
    return a->is_bare == b->is_bare && (a->is_bare || strcmp(a->stem, b->stem) == 0) &&
           serve_alike(a, b);
}

static void
add_instance(Naming *naming, guint32 service, const Candidate *candidate, gboolean is_only_port)
{
    const char *name = candidate->program != NULL ? lamp_host(naming->c, candidate->host)->name
                                                  : candidate_name(naming, candidate);
    LampInstance instance = {
        .service = service,
        .host = candidate->host,
        .name = (is_only_port && !candidate->is_behind) || candidate->name != 0 ||
                        candidate->operations == NULL
                    ? g_strdup(name)
                    : port_name(name, "log", candidate->port),
    };
    g_array_append_val(naming->c->instances, instance);
}

static guint *
count_ports(Naming *naming)
{
    guint *ports = g_new0(guint, MAX(naming->c->hosts->len, 1));
    for (guint i = 0; i < naming->candidates->len; i++) {
        const Candidate *candidate = g_ptr_array_index(naming->candidates, i);
        if (candidate->host != LAMP_INDEX_NONE && candidate->operations != NULL &&
            !candidate->is_behind)
            ports[candidate->host]++;
    }
    return ports;
}

/* Services and instances from the sorted candidates; @instance_of maps candidates to them. */
static void
add_services(Naming *naming, const GArray *order, guint32 *instance_of)
{
    LampCorrelation *c = naming->c;
    g_autofree guint *ports = count_ports(naming);
    for (guint i = 0; i < order->len;) {
        const Candidate *first =
            g_ptr_array_index(naming->candidates, g_array_index(order, guint32, i));
        guint end = i + 1;
        while (end < order->len &&
               is_same_service(first, g_ptr_array_index(naming->candidates,
                                                        g_array_index(order, guint32, end))))
            end++;
        gboolean is_only = first->host == LAMP_INDEX_NONE || ports[first->host] <= 1;
        LampService service = {
            .name = service_name(naming, first, end > i + 1, is_only),
            .protocol = first->protocol,
            .is_external = first->operations == NULL,
        };
        g_array_append_val(c->services, service);
        for (; i < end; i++) {
            guint32 number = g_array_index(order, guint32, i);
            const Candidate *candidate = g_ptr_array_index(naming->candidates, number);
            instance_of[number] = c->instances->len;
            add_instance(naming, c->services->len - 1, candidate,
                         candidate->host == LAMP_INDEX_NONE || ports[candidate->host] <= 1);
        }
    }
}

static void
make_services(Naming *naming)
{
    LampCorrelation *c = naming->c;
    g_autoptr(GArray) order = g_array_new(FALSE, FALSE, sizeof(guint32));
    g_autofree guint32 *instance_of = g_new0(guint32, MAX(naming->candidates->len, 1));
    for (guint32 i = 0; i < naming->candidates->len; i++) {
        Candidate *candidate = g_ptr_array_index(naming->candidates, i);
        candidate->stem = lamp_replica_stem(candidate_name(naming, candidate));
        candidate->is_bare = is_address(candidate_name(naming, candidate));
        g_array_append_val(order, i);
    }
    g_array_sort_with_data(order, compare_names, naming);
    add_services(naming, order, instance_of);
    for (guint i = 0; i < c->calls->len; i++) {
        LampCall *call = lamp_call(c, i);
        if (call->client_instance != LAMP_INDEX_NONE)
            call->client_instance = instance_of[call->client_instance];
        if (call->server_instance != LAMP_INDEX_NONE)
            call->server_instance = instance_of[call->server_instance];
    }
}

gboolean
lamp_pass_services(LampCorrelation *c, G_GNUC_UNUSED GError **error)
{
    Naming naming = {
        .c = c,
        .index = lamp_keyed_map_new(MAP_BUDGET),
        .by_protocol = lamp_keyed_map_new(MAP_BUDGET),
        .candidates = g_ptr_array_new_with_free_func(candidate_free),
    };
    for (guint i = 0; i < c->calls->len; i++)
        name_ends(&naming, lamp_call(c, i));
    note_protocols(&naming);
    for (guint i = 0; i < c->calls->len; i++)
        name_portless_end(&naming, lamp_call(c, i));
    name_callers(&naming);
    make_services(&naming);
    lamp_keyed_map_free(naming.index);
    lamp_keyed_map_free(naming.by_protocol);
    g_ptr_array_unref(naming.candidates);
    return TRUE;
}
