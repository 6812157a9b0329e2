/*
 * Which service each host or address serves, and who calls it.
 *
 * A serving address and port is an instance, named by its host. Hosts whose names differ only
 * in a number at the end (`shop1`, `shop2`), serve the same protocol on the same port and work
 * alike (correlate/works.c) are replicas: instances of one service, named by what their
 * names share. Bare addresses that serve the same port likewise are replicas of a service
 * `PROTOCOL:PORT` (`PROTOCOL:PORT@ADDRESS` if there are several such). Hosts that only call are
 * services of their own where they have a name; unnamed ones are together the service
 * `external`. Spans name their services themselves, and so do the records of logs where no
 * capture shows who served.
 *
 * Limit: which instance of a host with several made a call is found later: by
 * correlate/owners.c where the host calls itself, else by the parent that was found
 * (correlate/callers.c).
 */
#include "base/keyed-map.h"
#include "correlate/passes.h"
#include "correlate/replicas.h"
#include "correlate/service-groups.h"

#include <string.h>

#define MAP_BUDGET ((gsize) 256 << 20)

typedef struct {
    LampCorrelation *c;
    LampKeyedMap *index;       /* key to number in candidates + 1 */
    LampKeyedMap *by_protocol; /* host and protocol to number in candidates */
    GPtrArray *candidates;
} Naming;

static void
candidate_free(gpointer data)
{
    LampCandidate *candidate = data;
    lamp_work_free(candidate->work);
    g_free(candidate->stem);
    g_free(candidate);
}

static LampCandidate *
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
        LampCandidate *candidate = g_new0(LampCandidate, 1);
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
    LampCandidate *candidate = g_ptr_array_index(naming->candidates, number);
    if (candidate->work == NULL)
        candidate->work = lamp_work_new(number, candidate->host);
    gboolean is_timed =
        call->server_start != LAMP_TIME_NONE && call->server_end != LAMP_TIME_NONE;
    lamp_work_note(candidate->work, call->operation, call->client_host,
                   is_timed ? call->server_end - call->server_start : -1);
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
        LampCandidate *candidate = candidate_at(naming, call->server_instance);
        candidate->is_behind =
            is_handed_on(c, call) && (candidate->is_behind || candidate->work == NULL);
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
    LampCandidate *candidate = g_ptr_array_index(naming->candidates, number);
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
        const LampCandidate *candidate = g_ptr_array_index(naming->candidates, i);
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

/* "shop:8080"; where no port is known, what the host is known for. */
static char *
port_name(const char *host, const char *what, guint16 port)
{
    return port != 0 ? g_strdup_printf("%s:%u", host, port)
                     : g_strdup_printf("%s:%s", host, what);
}

static char *
service_name(Naming *naming, const LampServiceGroup *group, gboolean is_only_port)
{
    const LampCandidate *candidate = group->first;
    const char *protocol = lamp_store_text(naming->c->store, candidate->protocol);
    const char *name = lamp_candidate_name(naming->c, candidate);
    gboolean has_replicas = group->members->len > 1;
    if (candidate->work == NULL)
        return g_strdup(candidate->is_bare ? "external" : name);
    const char *what = protocol != NULL ? protocol : "port";
    if (candidate->program != NULL)
        return g_strdup(name);
    if (candidate->is_bare && has_replicas)
        return group->is_alone ? g_strdup_printf("%s:%u", what, candidate->port)
                               : g_strdup_printf("%s:%u@%s", what, candidate->port, name);
    has_replicas = has_replicas && group->is_alone;
    if (candidate->is_behind)
        return port_name(has_replicas ? candidate->stem : name, what, candidate->port);
    if (has_replicas || lamp_is_pod_name(name))
        return g_strdup(candidate->stem);
    if (is_only_port || candidate->name != 0)
        return g_strdup(name);
    return port_name(name, what, candidate->port);
}

static gboolean
is_taken(const LampKeyedMap *names, const char *name)
{
    return lamp_keyed_map_find(names, lamp_bytes_text(name)) != NULL;
}

/* The name of the service of @group, of its first instance where others have that, too. */
static char *
unique_name(Naming *naming, LampKeyedMap *names, const LampServiceGroup *group,
            gboolean is_only_port)
{
    const char *instance = lamp_candidate_name(naming->c, group->first);
    char *name = service_name(naming, group, is_only_port);
    if (is_taken(names, name) && group->first->work != NULL) {
        g_free(name);
        name = is_taken(names, instance) && group->first->port != 0
                   ? port_name(instance, "port", group->first->port)
                   : g_strdup(instance);
    }
    lamp_keyed_map_add(names, lamp_bytes_text(name), NULL);
    return name;
}

static void
add_instance(Naming *naming, guint32 service, const LampCandidate *candidate,
             gboolean is_only_port)
{
    const char *name = candidate->program != NULL ? lamp_host(naming->c, candidate->host)->name
                                                  : lamp_candidate_name(naming->c, candidate);
    LampInstance instance = {
        .service = service,
        .host = candidate->host,
        .name = (is_only_port && !candidate->is_behind) || candidate->name != 0 ||
                        candidate->work == NULL
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
        const LampCandidate *candidate = g_ptr_array_index(naming->candidates, i);
        if (candidate->host != LAMP_INDEX_NONE && candidate->work != NULL &&
            !candidate->is_behind)
            ports[candidate->host]++;
    }
    return ports;
}

static gboolean
has_one_port(const LampCandidate *candidate, const guint *ports)
{
    return candidate->host == LAMP_INDEX_NONE || ports[candidate->host] <= 1;
}

/* Services and instances of the candidates; @instance_of maps candidates to them. */
static void
add_services(Naming *naming, guint32 *instance_of)
{
    LampCorrelation *c = naming->c;
    g_autofree guint *ports = count_ports(naming);
    g_autoptr(GArray) groups = lamp_service_groups(c, naming->candidates);
    g_autoptr(LampKeyedMap) names = lamp_keyed_map_new(MAP_BUDGET);
    for (guint i = 0; i < groups->len; i++) {
        const LampServiceGroup *group = &g_array_index(groups, LampServiceGroup, i);
        LampService service = {
            .name = unique_name(naming, names, group, has_one_port(group->first, ports)),
            .protocol = group->first->protocol,
            .is_external = group->first->work == NULL,
        };
        g_array_append_val(c->services, service);
        for (guint k = 0; k < group->members->len; k++) {
            guint32 number = g_array_index(group->members, guint32, k);
            const LampCandidate *candidate = g_ptr_array_index(naming->candidates, number);
            instance_of[number] = c->instances->len;
            add_instance(naming, c->services->len - 1, candidate,
                         has_one_port(candidate, ports));
        }
    }
}

/* What each caller's host asks of others that it serves itself. */
static void
settle_works(Naming *naming)
{
    g_autoptr(GPtrArray) works = g_ptr_array_new();
    for (guint32 i = 0; i < naming->candidates->len; i++)
        g_ptr_array_add(works,
                        ((LampCandidate *) g_ptr_array_index(naming->candidates, i))->work);
    lamp_works_settle(naming->c, works);
}

static void
make_services(Naming *naming)
{
    LampCorrelation *c = naming->c;
    g_autofree guint32 *instance_of = g_new0(guint32, MAX(naming->candidates->len, 1));
    for (guint32 i = 0; i < naming->candidates->len; i++) {
        LampCandidate *candidate = g_ptr_array_index(naming->candidates, i);
        candidate->stem = lamp_replica_stem(lamp_candidate_name(naming->c, candidate));
        candidate->is_bare = is_address(lamp_candidate_name(naming->c, candidate));
    }
    add_services(naming, instance_of);
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
    settle_works(&naming);
    name_callers(&naming);
    make_services(&naming);
    lamp_keyed_map_free(naming.index);
    lamp_keyed_map_free(naming.by_protocol);
    g_ptr_array_unref(naming.candidates);
    return TRUE;
}
