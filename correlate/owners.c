/*
 * Who called, where one address holds several programs.
 *
 * In: calls with instances, in the order of time. Out: for each host that serves on several
 * ports, the caller of every connection from it: one of the instances there, or nobody that
 * serves (users' programs, workers, timers outside: the service `external`). Such a host is
 * then several processes to the causal engine. Calls without a connection (of logs) have
 * no known caller.
 *
 * Only programs that make calls themselves are asked: databases and caches answer and no more.
 */
#include "correlate/ownership/ownership.h"
#include "correlate/passes.h"

#include <string.h>

/* Beyond that what is learnt of pairs takes too much room, and one host is left as it is. */
#define MOST_PAIRS 16384u

/* Calls from one connection, while they are gathered. */
typedef struct {
    guint32 connection, callee, call; /* index of the call */
} Sighting;

/* Calls in the order of time, by host or instance: those of i are call[first[i] ...
 * first[i + 1]). */
typedef struct {
    guint32 *first, *call;
} CallList;

/* What all hosts share. */
typedef struct {
    LampCorrelation *c;
    CallList served, made; /* by server's and by client's host */
    CallList requests;     /* by server's instance */
    guint32 *number;       /* of each instance, in `instances` of the host at hand */
    guint32 *sighting_of;  /* of each call, in `sightings` of the host at hand */
} Pass;

typedef struct {
    LampCorrelation *c;
    const Pass *pass;
    guint32 host;
    GArray *instances;   /* guint32: whom it calls, those that serve there first; callees */
    GArray *owners;      /* guint32: of these, those that may call */
    GArray *sightings;   /* Sighting */
    GArray *connections; /* LampCallerConnection */
    GArray *first_request, *requests, *calls, *callee_of_owner;
} Gathering;

static gint
compare_sightings(gconstpointer left, gconstpointer right)
{
    const Sighting *a = left, *b = right;
    if (a->connection != b->connection)
        return a->connection < b->connection ? -1 : 1;
    return a->call < b->call ? -1 : a->call > b->call;
}

static guint32
number_in(Gathering *g, guint32 instance)
{
    guint32 *number = &g->pass->number[instance];
    if (*number == LAMP_INDEX_NONE) {
        *number = g->instances->len;
        g_array_append_val(g->instances, instance);
    }
    return *number;
}

static guint32
server_host(const LampCall *call)
{
    return call->server_host;
}

static guint32
client_host(const LampCall *call)
{
    return call->client_host;
}

static guint32
server_instance(const LampCall *call)
{
    return call->server_instance;
}

/* Lists the calls by what @key says, where that is less than @keys. */
static CallList
list_calls(LampCorrelation *c, guint32 keys, guint32 (*key)(const LampCall *call))
{
    CallList list = {g_new0(guint32, (gsize) keys + 2),
                     g_new(guint32, (gsize) c->calls->len + 1)};
    for (guint32 i = 0; i < c->calls->len; i++)
        if (key(lamp_call(c, i)) < keys)
            list.first[key(lamp_call(c, i)) + 2]++;
    for (guint32 k = 0; k < keys; k++)
        list.first[k + 2] += list.first[k + 1];
    for (guint32 i = 0; i < c->calls->len; i++)
        if (key(lamp_call(c, i)) < keys)
            list.call[list.first[key(lamp_call(c, i)) + 1]++] = i;
    return list;
}

static void
clear_list(CallList *list)
{
    g_free(list->first);
    g_free(list->call);
}

static gboolean
has_both_ends(const LampCall *call)
{
    return call->server_start != LAMP_TIME_NONE && call->server_end != LAMP_TIME_NONE &&
           call->server_end >= call->server_start;
}

/* The instances that serve on the host, and those of them that may call. */
static void
gather_instances(Gathering *g)
{
    LampCorrelation *c = g->c;
    const CallList *served = &g->pass->served;
    for (guint32 i = served->first[g->host]; i < served->first[g->host + 1]; i++) {
        const LampCall *call = lamp_call(c, served->call[i]);
        if (call->server_instance == LAMP_INDEX_NONE)
            continue;
        guint known = g->instances->len;
        guint32 number = number_in(g, call->server_instance);
        if (g->instances->len == known || lamp_only_answers(c, call->protocol))
            continue;
        g_array_append_val(g->owners, call->server_instance);
        g_array_append_val(g->callee_of_owner, number);
    }
}

static void
gather_requests(Gathering *g)
{
    const CallList *requests = &g->pass->requests;
    for (guint o = 0; o < g->owners->len; o++) {
        guint32 instance = g_array_index(g->owners, guint32, o);
        guint32 first = g->requests->len;
        g_array_append_val(g->first_request, first);
        for (guint32 i = requests->first[instance]; i < requests->first[instance + 1]; i++) {
            guint32 index = requests->call[i];
            const LampCall *call = lamp_call(g->c, index);
            LampServedRequest request = {.start = call->server_start,
                                         .end = call->server_end,
                                         .kind = call->operation,
                                         .call = g->pass->sighting_of[index]};
            if (has_both_ends(call))
                g_array_append_val(g->requests, request);
        }
    }
    g_array_append_val(g->first_request, g->requests->len);
}

/* The calls that were made from the host, by connection. */
static void
gather_calls(Gathering *g)
{
    LampCorrelation *c = g->c;
    const CallList *made = &g->pass->made;
    for (guint32 i = made->first[g->host]; i < made->first[g->host + 1]; i++) {
        const LampCall *call = lamp_call(c, made->call[i]);
        if (call->client_connection == LAMP_INDEX_NONE ||
            call->client_start == LAMP_TIME_NONE || call->server_instance == LAMP_INDEX_NONE)
            continue;
        Sighting seen = {call->client_connection, number_in(g, call->server_instance),
                         made->call[i]};
        g_array_append_val(g->sightings, seen);
    }
    g_array_sort(g->sightings, compare_sightings);
    for (guint i = 0; i < g->sightings->len; i++) {
        const Sighting *seen = &g_array_index(g->sightings, Sighting, i);
        const LampCall *call = lamp_call(c, seen->call);
        LampBusyTime busy = {call->client_start, MAX(call->client_end, call->client_start)};
        if (i == 0 || seen[-1].connection != seen->connection) {
            LampCallerConnection connection = {.callee = seen->callee, .first = i};
            g_array_append_val(g->connections, connection);
        }
        g_array_index(g->connections, LampCallerConnection, g->connections->len - 1).count++;
        g->pass->sighting_of[seen->call] = i;
        g_array_append_val(g->calls, busy);
    }
}

/* The instance of callers that serve nothing on the host; made where it is asked for first. */
static guint32
outside_of(LampCorrelation *c, guint32 host)
{
    guint32 service = 0;
    while (service < c->services->len &&
           !(g_array_index(c->services, LampService, service).is_external &&
             g_str_equal(g_array_index(c->services, LampService, service).name, "external")))
        service++;
    if (service == c->services->len) {
        LampService external = {.name = g_strdup("external"), .is_external = TRUE};
        g_array_append_val(c->services, external);
    }
    LampInstance outside = {
        .service = service, .host = host, .name = g_strdup(lamp_host(c, host)->name)};
    g_array_append_val(c->instances, outside);
    return c->instances->len - 1;
}

static guint32
instance_of_owner(const Gathering *g, guint32 owner, guint32 outside)
{
    return owner < g->owners->len ? g_array_index(g->owners, guint32, owner) : outside;
}

static void
name_owners(Gathering *g, const LampOwnership *owned)
{
    LampCorrelation *c = g->c;
    const CallList *made = &g->pass->made;
    guint32 outside = outside_of(c, g->host);
    lamp_host(c, g->host)->is_shared = TRUE;
    for (guint32 i = made->first[g->host]; i < made->first[g->host + 1]; i++)
        lamp_call(c, made->call[i])->client_instance = LAMP_INDEX_NONE;
    for (guint i = 0; i < g->connections->len; i++) {
        const LampCallerConnection *connection =
            &g_array_index(g->connections, LampCallerConnection, i);
        for (guint k = connection->first; k < connection->first + connection->count; k++) {
            LampCall *call = lamp_call(c, g_array_index(g->sightings, Sighting, k).call);
            call->client_instance = instance_of_owner(g, owned[i].owner, outside);
            call->owner_probability = owned[i].probability;
            call->other_owner = instance_of_owner(g, owned[i].runner_up, outside);
            call->other_owner_probability = owned[i].runner_up_probability;
        }
    }
}

static gboolean
has_too_many_pairs(const Gathering *g)
{
    return (guint64) g->owners->len * g->instances->len > MOST_PAIRS;
}

static void
find_owners(Gathering *g)
{
    gather_instances(g);
    if (g->instances->len < 2 || g->owners->len == 0 || has_too_many_pairs(g))
        return;
    gather_calls(g);
    if (has_too_many_pairs(g) || g->calls->len == 0)
        return;
    gather_requests(g);
    LampOwnershipInput input = {
        .owners = g->owners->len,
        .callees = g->instances->len,
        .connections = g->connections->len,
        .first_request = (const guint32 *) (gpointer) g->first_request->data,
        .requests = (const LampServedRequest *) (gpointer) g->requests->data,
        .callee_of_owner = (const guint32 *) (gpointer) g->callee_of_owner->data,
        .connection = (const LampCallerConnection *) (gpointer) g->connections->data,
        .calls = (const LampBusyTime *) (gpointer) g->calls->data,
    };
    g_autofree LampOwnership *owned = lamp_ownership_find(&input);
    if (owned != NULL)
        name_owners(g, owned);
}

static void
look_at_host(const Pass *pass, guint32 host)
{
    Gathering g = {
        .c = pass->c,
        .pass = pass,
        .host = host,
        .instances = g_array_new(FALSE, FALSE, sizeof(guint32)),
        .owners = g_array_new(FALSE, FALSE, sizeof(guint32)),
        .sightings = g_array_new(FALSE, FALSE, sizeof(Sighting)),
        .connections = g_array_new(FALSE, FALSE, sizeof(LampCallerConnection)),
        .first_request = g_array_new(FALSE, FALSE, sizeof(guint32)),
        .requests = g_array_new(FALSE, FALSE, sizeof(LampServedRequest)),
        .calls = g_array_new(FALSE, FALSE, sizeof(LampBusyTime)),
        .callee_of_owner = g_array_new(FALSE, FALSE, sizeof(guint32)),
    };
    find_owners(&g);
    for (guint i = 0; i < g.instances->len; i++)
        pass->number[g_array_index(g.instances, guint32, i)] = LAMP_INDEX_NONE;
    for (guint i = 0; i < g.sightings->len; i++)
        pass->sighting_of[g_array_index(g.sightings, Sighting, i).call] = LAMP_OWNERSHIP_NONE;
    GArray *arrays[] = {g.instances,     g.owners,   g.sightings, g.connections,
                        g.first_request, g.requests, g.calls,     g.callee_of_owner};
    for (guint i = 0; i < G_N_ELEMENTS(arrays); i++)
        g_array_unref(arrays[i]);
}

static void
look_at_hosts(LampCorrelation *c, const guint8 *calls_itself)
{
    guint32 hosts = c->hosts->len, instances = c->instances->len;
    Pass pass = {
        .c = c,
        .served = list_calls(c, hosts, server_host),
        .made = list_calls(c, hosts, client_host),
        .requests = list_calls(c, instances, server_instance),
        .number = g_new(guint32, (gsize) instances + 1),
        .sighting_of = g_new(guint32, (gsize) c->calls->len + 1),
    };
    for (guint32 i = 0; i < instances; i++)
        pass.number[i] = LAMP_INDEX_NONE;
    for (guint32 i = 0; i < c->calls->len; i++)
        pass.sighting_of[i] = LAMP_OWNERSHIP_NONE;
    for (guint32 host = 0; host < hosts; host++)
        if (calls_itself[host])
            look_at_host(&pass, host);
    clear_list(&pass.served);
    clear_list(&pass.made);
    clear_list(&pass.requests);
    g_free(pass.number);
    g_free(pass.sighting_of);
}

/* Hosts that call themselves: what comes from elsewhere needs no such search. */
gboolean
lamp_pass_owners(LampCorrelation *c, G_GNUC_UNUSED GError **error)
{
    g_autofree guint8 *calls_itself = g_new0(guint8, (gsize) c->hosts->len + 1);
    for (guint32 i = 0; i < c->calls->len; i++) {
        LampCall *call = lamp_call(c, i);
        call->owner_probability = 1;
        call->other_owner = LAMP_INDEX_NONE;
        if (call->client_host != LAMP_INDEX_NONE && call->client_host == call->server_host &&
            call->client_connection != LAMP_INDEX_NONE)
            calls_itself[call->client_host] = 1;
    }
    look_at_hosts(c, calls_itself);
    return TRUE;
}
