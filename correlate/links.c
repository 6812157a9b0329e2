/*
 * Hands the calls to the causal engine and takes its answer.
 *
 * In: calls with times and instances, values of their observations. Out: each call's parent and
 * its probability; the engine's whole answer stays in LampCorrelation for the store pass.
 *
 * The process within which causes are looked for is the host of a call's end (spans: the
 * process that they name). A value counts once for a call, whichever captures saw it. Of trace
 * headers only the part that stays the same along a request is compared. A fetch (blocking pop,
 * poll) takes a message out of a queue, so what follows it may be caused by whoever put it
 * there.
 */
#include "base/fetch.h"
#include "base/keyed-map.h"
#include "correlate/inference/average.h"
#include "correlate/passes.h"
#include "correlate/request-ids.h"
#include "store/fields.h"

#include <string.h>

#define OPERATION_BUDGET ((gsize) 64 << 20)
#define SEVERAL G_MAXUINT32
#define UNANSWERED_TIMES 2
#define UNANSWERED_MOST_NS (10 * LAMP_NS_PER_SECOND)

/* Which call an observation went into. */
typedef struct {
    gint64 observation;
    guint32 call;
} Owner;

typedef struct {
    LampCorrelation *c;
    GArray *owners; /* Owner, by observation id */
    LampInferenceCall *calls;
    GArray *values;      /* LampInferenceValue, grouped by call in the end */
    GArray *value_calls; /* guint32 beside `values` while they are read */
    LampKeyedMap *operations;
    GHashTable *explicit_ids; /* string ids of explicit slots */
    gboolean has_lines;       /* some observations were made from log lines */
} Feed;

static gint
compare_owners(gconstpointer left, gconstpointer right)
{
    const Owner *a = left;
    const Owner *b = right;
    return a->observation < b->observation ? -1 : a->observation > b->observation;
}

/* Replaces indices of observations by ids, and lets the observations go. */
static GArray *
release_observations(LampCorrelation *c)
{
    GArray *owners = g_array_sized_new(FALSE, FALSE, sizeof(Owner), c->members->len);
    for (guint32 k = 0; k < c->calls->len; k++) {
        LampCall *call = lamp_call(c, k);
        guint32 ends[3] = {call->client_seen, call->server_seen, call->base_seen};
        gint64 *ids[3] = {&call->client_id, &call->server_id, &call->base_id};
        for (guint i = 0; i < 3; i++)
            *ids[i] = ends[i] != LAMP_INDEX_NONE ? lamp_observation(c, ends[i])->id : 0;
        for (guint32 i = 0; i < call->member_count; i++) {
            guint32 index = g_array_index(c->members, guint32, call->first_member + i);
            Owner owner = {.observation = lamp_observation(c, index)->id, .call = k};
            g_array_append_val(owners, owner);
        }
        for (guint32 e = call->first_evidence; e != LAMP_INDEX_NONE;) {
            const LampEvidenceLine *line = &g_array_index(c->evidence, LampEvidenceLine, e);
            Owner owner = {.observation = line->observation_id, .call = k};
            g_array_append_val(owners, owner);
            e = line->next;
        }
    }
    g_array_sort(owners, compare_owners);
    g_array_set_size(c->observations, 0);
    g_array_unref(c->observations);
    c->observations = g_array_new(FALSE, FALSE, sizeof(LampObservation));
    g_array_unref(c->members);
    c->members = g_array_new(FALSE, FALSE, sizeof(guint32));
    return owners;
}

static guint32
owner_of(const GArray *owners, gint64 observation)
{
    guint low = 0;
    guint high = owners->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        const Owner *owner = &g_array_index(owners, Owner, middle);
        if (owner->observation == observation)
            return owner->call;
        if (owner->observation < observation)
            low = middle + 1;
        else
            high = middle;
    }
    return LAMP_INDEX_NONE;
}

static guint32
process_of(LampCorrelation *c, guint32 host, guint32 instance)
{
    if (host != LAMP_INDEX_NONE && !lamp_host(c, host)->is_shared)
        return host + 1;
    return instance != LAMP_INDEX_NONE ? c->hosts->len + instance + 1 : 0;
}

static guint32
service_of(const LampCorrelation *c, guint32 instance)
{
    return instance != LAMP_INDEX_NONE
               ? g_array_index(c->instances, LampInstance, instance).service + 1
               : 0;
}

static guint32
operation_number(Feed *feed, const LampCall *call)
{
    guint32 key[2] = {call->protocol, call->operation};
    guint64 *number = lamp_keyed_map_add(feed->operations, lamp_bytes(key, sizeof key), NULL);
    if (number == NULL)
        return 0;
    if (*number == 0)
        *number = lamp_keyed_map_size(feed->operations);
    return (guint32) *number;
}

static guint32
fetch_flags(LampCorrelation *c, const LampCall *call)
{
    LampFetch kind = lamp_fetch_kind(lamp_store_text(c->store, call->protocol),
                                     lamp_store_text(c->store, call->operation));
    return kind == LAMP_FETCH_NONE     ? 0
           : kind == LAMP_FETCH_SCRIPT ? LAMP_CALL_SCRIPT
                                       : LAMP_CALL_FETCH;
}

static guint32
flags_of(LampCorrelation *c, const LampCall *call)
{
    guint32 flags = 0;
    flags |= call->is_error ? LAMP_CALL_ERROR : 0;
    flags |= (call->flags & LAMP_SEEN_ABORTED) != 0 ? LAMP_CALL_TIMEOUT : 0;
    flags |= (call->flags & LAMP_SEEN_NO_RESPONSE) != 0 ? LAMP_CALL_NO_RESPONSE : 0;
    flags |= (call->flags & LAMP_SEEN_ONE_WAY) != 0 ? LAMP_CALL_ONE_WAY : 0;
    return flags | fetch_flags(c, call);
}

static void
feed_call(Feed *feed, guint32 index)
{
    LampCorrelation *c = feed->c;
    const LampCall *call = lamp_call(c, index);
    /* The order of log lines has told already what calls made of them are caused by. */
    gboolean is_open = call->log_operation == 0;
    feed->calls[index] = (LampInferenceCall){
        .client_start_ns = call->client_start,
        .client_end_ns = call->client_end,
        .server_start_ns = call->server_start,
        .server_end_ns = call->server_end,
        .client_uncertainty_ns = call->client_uncertainty,
        .server_uncertainty_ns = call->server_uncertainty,
        .request_bytes = call->request_bytes,
        .response_bytes = call->response_bytes,
        .client_process = is_open ? process_of(c, call->client_host, call->client_instance) : 0,
        .server_process = process_of(c, call->server_host, call->server_instance),
        .client_service = is_open ? service_of(c, call->client_instance) : 0,
        .server_service = service_of(c, call->server_instance),
        .operation = operation_number(feed, call),
        .client_connection = call->client_connection + 1,
        .server_connection = call->server_connection + 1,
        .position = call->position,
        .client_thread = call->client_thread,
        .server_thread = call->server_thread,
        .flags = flags_of(c, call),
    };
}

/* Which services a host serves: none, one, or several. */
static guint32 *
services_of_hosts(Feed *feed)
{
    LampCorrelation *c = feed->c;
    guint32 *served = g_new0(guint32, c->hosts->len + 1);
    for (guint32 i = 0; i < c->calls->len; i++) {
        guint32 host = lamp_call(c, i)->server_host;
        guint32 service = feed->calls[i].server_service;
        if (host == LAMP_INDEX_NONE || service == 0)
            continue;
        if (served[host] == 0)
            served[host] = service;
        else if (served[host] != service)
            served[host] = SEVERAL;
    }
    return served;
}

static guint32
shared_service(const Feed *feed, const guint32 *served, guint32 host, guint32 service)
{
    if (host == LAMP_INDEX_NONE || served[host] != SEVERAL ||
        lamp_host(feed->c, host)->is_shared)
        return service;
    return feed->c->services->len + host + 1;
}

/* Servers that only answer: none of their requests makes another to them. */
gboolean
lamp_only_answers(LampCorrelation *c, guint32 protocol)
{
    static const char *const names[] = {"postgresql", "mysql", "redis", "memcached"};
    const char *name = lamp_store_text(c->store, protocol);
    for (guint i = 0; name != NULL && i < G_N_ELEMENTS(names); i++)
        if (strcmp(name, names[i]) == 0)
            return TRUE;
    return FALSE;
}

/* Where one host serves several ports and calls others, nothing tells which of them made a
 * call: to the engine they are one service, whose requests differ by operation; hosts that call
 * themselves were taken apart before (correlate/owners.c). Where a host serves a database
 * alone, calls from that host are of a program that is not seen. */
static void
join_services_of_hosts(Feed *feed)
{
    g_autofree guint32 *served = services_of_hosts(feed);
    for (guint32 i = 0; i < feed->c->calls->len; i++) {
        const LampCall *call = lamp_call(feed->c, i);
        LampInferenceCall *fed = &feed->calls[i];
        if (call->client_host != LAMP_INDEX_NONE && call->client_host == call->server_host &&
            served[call->client_host] != SEVERAL && lamp_only_answers(feed->c, call->protocol))
            fed->client_process = 0;
        fed->client_service =
            shared_service(feed, served, call->client_host, fed->client_service);
        fed->server_service =
            shared_service(feed, served, call->server_host, fed->server_service);
    }
}

static void
take_value(Feed *feed, guint32 call, int side, guint32 slot, const char *text)
{
    gboolean is_explicit = g_hash_table_contains(feed->explicit_ids, GUINT_TO_POINTER(slot));
    LampInferenceValue value = {
        .hash = lamp_content_hash(is_explicit ? lamp_request_id_shared_part(text)
                                              : lamp_bytes_text(text)),
        .slot = slot,
        .side = side == 2 ? LAMP_VALUE_RESPONSE : LAMP_VALUE_REQUEST,
        .is_explicit = (guint8) is_explicit,
    };
    g_array_append_val(feed->values, value);
    g_array_append_val(feed->value_calls, call);
}

static gint
compare_values(gconstpointer left, gconstpointer right)
{
    const LampInferenceValue *a = left;
    const LampInferenceValue *b = right;
    if (a->side != b->side)
        return a->side < b->side ? -1 : 1;
    if (a->slot != b->slot)
        return a->slot < b->slot ? -1 : 1;
    return a->hash < b->hash ? -1 : a->hash > b->hash;
}

/* Sorts one call's values and keeps one of each. Returns how many remain. */
static guint32
keep_distinct(LampInferenceValue *values, guint32 n)
{
    guint32 kept = 0;
    if (n > 1)
        qsort(values, n, sizeof *values, compare_values);
    for (guint32 i = 0; i < n; i++)
        if (kept == 0 || compare_values(&values[kept - 1], &values[i]) != 0)
            values[kept++] = values[i];
    return kept;
}

/* Groups the values by call (counting sort). */
static void
group_values(Feed *feed)
{
    guint n = feed->values->len;
    guint32 n_calls = feed->c->calls->len;
    g_autoptr(GArray) grouped = g_array_sized_new(FALSE, TRUE, sizeof(LampInferenceValue), n);
    g_array_set_size(grouped, n);
    LampInferenceValue *to = (LampInferenceValue *) (gpointer) grouped->data;
    for (guint i = 0; i < n; i++)
        feed->calls[g_array_index(feed->value_calls, guint32, i)].value_count++;
    guint32 next = 0;
    for (guint32 i = 0; i < n_calls; i++) {
        feed->calls[i].first_value = next;
        next += feed->calls[i].value_count;
        feed->calls[i].value_count = 0;
    }
    for (guint i = 0; i < n; i++) {
        LampInferenceCall *call = &feed->calls[g_array_index(feed->value_calls, guint32, i)];
        to[call->first_value + call->value_count++] =
            g_array_index(feed->values, LampInferenceValue, i);
    }
    for (guint32 i = 0; i < n_calls; i++)
        feed->calls[i].value_count =
            keep_distinct(to + feed->calls[i].first_value, feed->calls[i].value_count);
    g_array_unref(feed->values);
    feed->values = g_steal_pointer(&grouped);
    g_array_set_size(feed->value_calls, 0);
}

/* A request whose answer was never seen may still have gone on causing calls: it is held open
 * for some times the longest of its kind. */
static void
open_unanswered(Feed *feed)
{
    LampCorrelation *c = feed->c;
    guint kinds = lamp_keyed_map_size(feed->operations) + 1;
    g_autofree gint64 *longest = g_new0(gint64, kinds);
    for (guint32 i = 0; i < c->calls->len; i++) {
        const LampInferenceCall *call = &feed->calls[i];
        if (call->server_start_ns != LAMP_TIME_NONE && call->server_end_ns != LAMP_TIME_NONE)
            longest[call->operation] =
                MAX(longest[call->operation], call->server_end_ns - call->server_start_ns);
    }
    for (guint32 i = 0; i < c->calls->len; i++) {
        LampInferenceCall *call = &feed->calls[i];
        if (call->server_start_ns != LAMP_TIME_NONE && call->server_end_ns == LAMP_TIME_NONE &&
            (call->flags & (LAMP_CALL_NO_RESPONSE | LAMP_CALL_TIMEOUT)) != 0 &&
            (call->flags & (LAMP_CALL_FETCH | LAMP_CALL_ONE_WAY)) == 0)
            call->server_end_ns =
                call->server_start_ns +
                MIN(UNANSWERED_TIMES * longest[call->operation], UNANSWERED_MOST_NS);
    }
}

/* Has the text a letter and a digit and some length, as ids have and measures have not? */
static gboolean
looks_like_id(const char *text)
{
    gboolean has_letter = FALSE;
    gboolean has_digit = FALSE;
    gsize length = 0;
    for (; text[length] != '\0'; length++) {
        has_letter = has_letter || g_ascii_isalpha(text[length]);
        has_digit = has_digit || g_ascii_isdigit(text[length]);
    }
    return has_letter && has_digit && length >= 4;
}

/* The values of @scan, which are those of one side (1, 2) of a call. Of the fields of log lines
 * that were tied to calls, only request ids and what looks like an id. */
static void
take_values(Feed *feed, LampFieldScan *scan, guint32 call, int side, gboolean of_line)
{
    const char *name, *text;
    while (lamp_field_scan_next(scan, &name, &text)) {
        guint32 slot = (guint32) lamp_store_find(feed->c->store, lamp_bytes_text(name));
        if (!of_line || looks_like_id(text) ||
            g_hash_table_contains(feed->explicit_ids, GUINT_TO_POINTER(slot)))
            take_value(feed, call, side, slot, text);
    }
}

/* A line that tells of a request and of the calls made for it (an access log with upstreams)
 * ties these as nothing else does. Rows: the observations of lines, in order, so that those of
 * one line stand together. */
static gboolean
tie_same_lines(Feed *feed, GError **error)
{
    g_autoptr(LampStatement) rows =
        lamp_statement_new(feed->c->store,
                           "SELECT observation_id, event_id FROM observations"
                           " WHERE event_id IS NOT NULL ORDER BY observation_id",
                           error);
    gint64 line = -1;
    guint32 first = LAMP_INDEX_NONE;
    gboolean has_row;
    while (rows != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        guint32 call = owner_of(feed->owners, lamp_statement_int(rows, 0));
        gint64 event = lamp_statement_int(rows, 1);
        if (event == line && call != first && call != LAMP_INDEX_NONE &&
            first != LAMP_INDEX_NONE) {
            char text[32];
            g_snprintf(text, sizeof text, "line %" G_GINT64_FORMAT, event);
            take_value(feed, first, 1, 0, text);
            take_value(feed, call, 1, 0, text);
        } else if (event != line) {
            line = event;
            first = call;
        }
    }
    return FALSE;
}

/* Rows of @sql: an observation, and one text of values for each side. */
static gboolean
read_values(Feed *feed, const char *sql, gboolean of_lines, GError **error)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(feed->c->store, sql, error);
    g_auto(LampFieldScan) scan = {NULL, NULL};
    gboolean has_row;
    while (rows != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        guint32 call = owner_of(feed->owners, lamp_statement_int(rows, 0));
        for (int side = 1; side <= 2 && call != LAMP_INDEX_NONE; side++) {
            lamp_field_scan_start(&scan, lamp_statement_text(rows, side));
            take_values(feed, &scan, call, side, of_lines);
        }
    }
    return FALSE;
}

static gboolean
feed_values(Feed *feed, GError **error)
{
    feed->explicit_ids = lamp_request_id_slots(feed->c->store, error);
    if (feed->explicit_ids == NULL ||
        !read_values(feed,
                     "SELECT observation_id, request_values, response_values FROM observations",
                     FALSE, error))
        return FALSE;
    if (feed->has_lines &&
        (!read_values(feed,
                      "SELECT o.observation_id, e.fields, NULL FROM observations o"
                      " CROSS JOIN events e ON e.event_id = o.event_id",
                      TRUE, error) ||
         !tie_same_lines(feed, error)))
        return FALSE;
    group_values(feed);
    return TRUE;
}

static void
take_links(LampCorrelation *c)
{
    for (guint32 i = 0; i < c->calls->len; i++) {
        LampCall *call = lamp_call(c, i);
        const LampInferenceLink *link = &c->inference->links[i];
        call->parent =
            link->parent < c->calls->len && link->parent != i ? link->parent : LAMP_INDEX_NONE;
        call->confidence = link->probability * call->owner_probability;
        call->tree_confidence = link->trace_probability;
    }
}

static gboolean
run_engine(Feed *feed, GError **error)
{
    LampCorrelation *c = feed->c;
    LampInferenceInput input = {
        .calls = feed->calls,
        .n_calls = c->calls->len,
        .values = (const LampInferenceValue *) (gpointer) feed->values->data,
        .n_values = feed->values->len,
    };
    LampInferenceOptions options = {
        .evidence = c->options.evidence,
        .threads = c->options.threads,
        .effort = c->options.effort,
    };
    c->inference = lamp_inference_run_averaged(&input, &options, error);
    return c->inference != NULL;
}

gboolean
lamp_pass_links(LampCorrelation *c, GError **error)
{
    gboolean has_lines = FALSE;
    for (guint32 i = 0; i < c->observations->len && !has_lines; i++)
        has_lines = lamp_observation(c, i)->origin == LAMP_FROM_LOG;
    Feed feed = {
        .c = c,
        .has_lines = has_lines,
        .owners = release_observations(c),
        .calls = g_new0(LampInferenceCall, (gsize) c->calls->len + 1),
        .values = g_array_new(FALSE, FALSE, sizeof(LampInferenceValue)),
        .value_calls = g_array_new(FALSE, FALSE, sizeof(guint32)),
        .operations = lamp_keyed_map_new(OPERATION_BUDGET),
    };
    for (guint32 i = 0; i < c->calls->len; i++)
        feed_call(&feed, i);
    lamp_caller_times_fit(c, feed.calls);
    join_services_of_hosts(&feed);
    open_unanswered(&feed);
    gboolean is_ok = feed_values(&feed, error);
    g_array_unref(feed.owners);
    is_ok = is_ok && run_engine(&feed, error);
    if (is_ok)
        take_links(c);
    g_free(feed.calls);
    g_array_unref(feed.values);
    g_array_unref(feed.value_calls);
    lamp_keyed_map_free(feed.operations);
    g_clear_pointer(&feed.explicit_ids, g_hash_table_unref);
    return is_ok;
}
