/*
 * Reading flows one after the other.
 *
 * Calls are read once, in the order of their ids, which is the order of time; roots and links
 * are read beside them in the same order and merged. A flow is handed out when as many of its
 * calls have been read as its root row says. No index is needed and nothing is sorted by
 * SQLite, so ten million calls cost one scan. What is still open at the end (a count that does
 * not agree) is handed out then.
 */
#include "model/flow-build.h"
#include "model/flow-sample.h"
#include "model/flow-split.h"
#include "model/target.h"
#include "store/rows.h"
#include "store/statement.h"

#include <string.h>

typedef struct {
    gint64 trace_id;
    GArray *rows;     /* LampFlowCallRow */
    guint32 expected; /* calls of the trace; 0 unknown */
    guint32 seen;     /* of these, read so far */
    double confidence;
    gboolean is_background, is_wanted;
} OpenFlow;

struct LampFlowReader {
    LampStore *store;
    LampTopology *topology;
    LampFlowFilter filter;
    LampTarget *service, *root; /* NULL: any */
    LampFlowSampler *sampler;
    LampStatement *calls, *links, *roots;
    gboolean has_link, has_root, has_call;
    GHashTable *open;    /* &OpenFlow.trace_id -> OpenFlow */
    OpenFlow *last;      /* that a call was found for last; NULL none */
    GPtrArray *leftover; /* OpenFlow, at the end, by trace id */
    guint leftover_next;
    GPtrArray *spare; /* GArray of rows, to be used again */
    LampFlowBuilder builder;
    LampFlow flow;
    GPtrArray *parts; /* LampFlow, of the last flow, from the trigger's point of view */
    guint parts_next;
    guint64 unplaced;
};

gboolean
lamp_flow_call_has_duration(const LampFlowCall *call)
{
    gboolean is_message =
        (call->flags & LAMP_CALL_ONE_WAY) != 0 && call->server_start == call->server_end;
    return !call->is_open && !is_message;
}

static void
free_open_flow(gpointer pointer)
{
    OpenFlow *open = pointer;
    if (open->rows != NULL)
        g_array_unref(open->rows);
    g_free(open);
}

static gboolean
prepare_statements(LampFlowReader *reader, GError **error)
{
    const char *where = reader->filter.trace_id != 0 ? " AND trace_id = ?1" : "";
    const char *more =
        reader->filter.only_times ? "" : ", request_bytes, response_bytes, status";
    g_autofree char *calls = g_strconcat(
        "SELECT call_id, trace_id, parent_call_id, client_start_ns, server_start_ns,"
        " server_end_ns, client_end_ns, client_instance_id, server_instance_id, protocol_id,"
        " operation_id, is_error, flags, status IN ('nil', 'miss')",
        more, " FROM calls WHERE trace_id IS NOT NULL", where, " ORDER BY call_id", NULL);
    reader->calls = lamp_statement_new(reader->store, calls, error);
    if (reader->calls == NULL)
        return FALSE;
    if (reader->filter.trace_id != 0)
        lamp_statement_bind_int(reader->calls, 1, reader->filter.trace_id);
    reader->links = lamp_statement_new(
        reader->store,
        "SELECT child_call_id, confidence, kind = 'asynchronous' FROM call_links"
        " WHERE rank = 1 ORDER BY child_call_id",
        error);
    if (reader->links == NULL)
        return FALSE;
    reader->roots = lamp_statement_new(
        reader->store,
        "SELECT trace_id, calls, confidence, is_background, start_ns FROM trace_roots"
        " ORDER BY trace_id",
        error);
    return reader->roots != NULL &&
           lamp_statement_step(reader->links, &reader->has_link, error) &&
           lamp_statement_step(reader->roots, &reader->has_root, error);
}

static LampTarget *
resolve_name(const char *name, const LampTopology *topology)
{
    if (name == NULL)
        return NULL;
    LampTarget *target = lamp_target_parse(name);
    lamp_target_resolve(target, topology);
    return target;
}

LampFlowReader *
lamp_flow_reader_new(LampStore *store, LampTopology *topology, const LampFlowFilter *filter,
                     GError **error)
{
    g_autoptr(LampFlowReader) reader = g_new0(LampFlowReader, 1);
    reader->store = store;
    reader->topology = topology;
    if (filter != NULL)
        reader->filter = *filter;
    reader->service = resolve_name(reader->filter.service, topology);
    reader->root = resolve_name(reader->filter.root, topology);
    reader->sampler = lamp_flow_sampler_new(&reader->filter);
    reader->has_call = TRUE;
    reader->open = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, free_open_flow);
    reader->leftover = g_ptr_array_new();
    reader->spare = g_ptr_array_new_with_free_func((GDestroyNotify) g_array_unref);
    if (!prepare_statements(reader, error))
        return NULL;
    return g_steal_pointer(&reader);
}

void
lamp_flow_reader_free(LampFlowReader *reader)
{
    if (reader == NULL)
        return;
    lamp_statement_free(reader->calls);
    lamp_statement_free(reader->links);
    lamp_statement_free(reader->roots);
    g_hash_table_unref(reader->open);
    g_ptr_array_unref(reader->leftover);
    g_ptr_array_unref(reader->spare);
    lamp_flow_builder_clear(&reader->builder);
    g_clear_pointer(&reader->parts, g_ptr_array_unref);
    lamp_target_free(reader->service);
    lamp_target_free(reader->root);
    lamp_flow_sampler_free(reader->sampler);
    g_free(reader);
}

guint64
lamp_flow_reader_unplaced(const LampFlowReader *reader)
{
    return reader->unplaced;
}

static gboolean
is_in_period(const LampFlowFilter *filter, LampTime start)
{
    return (filter->from == 0 && filter->to == 0) ||
           (start >= filter->from && start < filter->to);
}

/* Fills in what the root row of the trace says; roots are merged in the order of their ids. */
static gboolean
join_root(LampFlowReader *reader, OpenFlow *open, GError **error)
{
    while (reader->has_root && lamp_statement_int(reader->roots, 0) < open->trace_id)
        if (!lamp_statement_step(reader->roots, &reader->has_root, error))
            return FALSE;
    open->is_wanted = lamp_flow_sampler_may_take(reader->sampler, open->trace_id);
    if (!reader->has_root || lamp_statement_int(reader->roots, 0) != open->trace_id)
        return TRUE;
    open->expected = (guint32) CLAMP(lamp_statement_int(reader->roots, 1), 0, G_MAXUINT32);
    open->confidence = lamp_statement_real(reader->roots, 2);
    open->is_background = lamp_statement_int(reader->roots, 3) != 0;
    open->is_wanted = open->is_wanted &&
                      !(open->is_background && reader->filter.skip_background &&
                        !reader->filter.keep_others) &&
                      is_in_period(&reader->filter, lamp_statement_int(reader->roots, 4));
    return TRUE;
}

static gboolean
find_open(LampFlowReader *reader, gint64 trace_id, OpenFlow **out_open, GError **error)
{
    gboolean is_last = reader->last != NULL && reader->last->trace_id == trace_id;
    OpenFlow *open = is_last ? reader->last : g_hash_table_lookup(reader->open, &trace_id);
    if (open == NULL) {
        open = g_new0(OpenFlow, 1);
        open->trace_id = trace_id;
        open->is_wanted = TRUE;
        open->confidence = 1.0;
        open->rows = reader->spare->len > 0
                         ? g_ptr_array_steal_index_fast(reader->spare, reader->spare->len - 1)
                         : g_array_new(FALSE, FALSE, sizeof(LampFlowCallRow));
        g_array_set_size(open->rows, 0);
        g_hash_table_insert(reader->open, &open->trace_id, open);
    }
    *out_open = reader->last = open;
    if (lamp_statement_int(reader->calls, 0) == trace_id)
        return join_root(reader, open, error);
    return TRUE;
}

static gboolean
join_link(LampFlowReader *reader, LampFlowCall *call, GError **error)
{
    while (reader->has_link && lamp_statement_int(reader->links, 0) < call->call_id)
        if (!lamp_statement_step(reader->links, &reader->has_link, error))
            return FALSE;
    call->confidence = 1.0F;
    if (reader->has_link && lamp_statement_int(reader->links, 0) == call->call_id) {
        call->confidence = (gfloat) lamp_statement_real(reader->links, 1);
        call->is_asynchronous = lamp_statement_int(reader->links, 2) != 0;
    }
    return TRUE;
}

/* NULL is asked for only where the value may be it: a column costs a call each time. */
static LampTime
time_at(LampStatement *row, int column)
{
    gint64 value = lamp_statement_int(row, column);
    if (value == 0 && lamp_statement_column_type(row, column) == LAMP_COLUMN_NULL)
        return LAMP_TIME_NONE;
    return value;
}

/* Each side lends its times to the other; FALSE if there is no start at all. */
static gboolean
read_times(LampStatement *row, LampFlowCall *call)
{
    LampTime cs = time_at(row, 3);
    LampTime ss = time_at(row, 4);
    LampTime se = time_at(row, 5);
    LampTime ce = time_at(row, 6);
    if (cs == LAMP_TIME_NONE && ss == LAMP_TIME_NONE)
        return FALSE;
    call->has_client = cs != LAMP_TIME_NONE;
    call->has_server = ss != LAMP_TIME_NONE;
    call->client_start = cs != LAMP_TIME_NONE ? cs : ss;
    call->server_start = ss != LAMP_TIME_NONE ? ss : cs;
    call->is_open =
        se == LAMP_TIME_NONE && ce == LAMP_TIME_NONE && (call->flags & LAMP_CALL_ONE_WAY) == 0;
    if (se == LAMP_TIME_NONE)
        se = ce != LAMP_TIME_NONE ? ce : call->server_start;
    call->server_end = se;
    call->client_end = ce != LAMP_TIME_NONE ? ce : se;
    return TRUE;
}

static guint32
read_size(LampStatement *row, int column)
{
    return (guint32) CLAMP(lamp_statement_int(row, column), 0, G_MAXUINT32);
}

/* What was asked of whom. */
static void
read_label(LampFlowReader *reader, LampFlowCall *call)
{
    LampStatement *row = reader->calls;
    gint64 client = lamp_statement_int(row, 7), server = lamp_statement_int(row, 8);
    call->client_instance =
        client == 0 ? 0 : lamp_topology_find_instance(reader->topology, client);
    call->server_instance =
        server == 0 ? 0 : lamp_topology_find_instance(reader->topology, server);
    guint32 service = lamp_topology_instance(reader->topology, call->server_instance)->service;
    call->label = lamp_topology_add_label(reader->topology, service, lamp_statement_int(row, 9),
                                          lamp_statement_int(row, 10));
    call->waits = lamp_topology_label(reader->topology, call->label)->waits ? 1 : 0;
}

static void
read_outcome(LampStatement *row, LampFlowCall *call)
{
    const char *status = lamp_statement_text(row, 16);
    if (status != NULL)
        g_strlcpy(call->status, status, sizeof call->status);
    call->request_bytes = read_size(row, 14);
    call->response_bytes = read_size(row, 15);
}

/* Takes the row that the calls statement stands on; *out_done is its flow if that is whole. */
static gboolean
take_call(LampFlowReader *reader, OpenFlow **out_done, GError **error)
{
    LampFlowCallRow row = {0};
    OpenFlow *open;
    row.call.call_id = lamp_statement_int(reader->calls, 0);
    if (!find_open(reader, lamp_statement_int(reader->calls, 1), &open, error) ||
        !join_link(reader, &row.call, error))
        return FALSE;
    row.parent_call_id = lamp_statement_int(reader->calls, 2);
    row.call.flags = (guint16) lamp_statement_int(reader->calls, 12);
    if (read_times(reader->calls, &row.call)) {
        if (open->is_wanted) {
            read_label(reader, &row.call);
            row.call.is_error = lamp_statement_int(reader->calls, 11) != 0;
            row.call.is_miss = lamp_statement_int(reader->calls, 13) != 0;
            if (!reader->filter.only_times)
                read_outcome(reader->calls, &row.call);
        }
        g_array_append_val(open->rows, row);
    } else {
        reader->unplaced++;
    }
    open->seen++;
    *out_done = open->expected != 0 && open->seen >= open->expected ? open : NULL;
    return TRUE;
}

static gboolean
passes_through(const LampTarget *service, const LampFlow *flow)
{
    for (guint32 i = 0; i < flow->count; i++)
        if (lamp_target_matches_instance(service, flow->calls[i].server_instance))
            return TRUE;
    return FALSE;
}

static gboolean
matches_filter(const LampFlowReader *reader, const LampFlow *flow)
{
    const LampFlowFilter *filter = &reader->filter;
    const LampFlowCall *root = &flow->calls[0];
    if (reader->root != NULL &&
        !lamp_target_matches_instance(reader->root, root->server_instance))
        return FALSE;
    if (reader->service != NULL && !passes_through(reader->service, flow))
        return FALSE;
    if ((filter->only_errors && !root->is_error) ||
        (filter->errors_inside && flow->errors == 0))
        return FALSE;
    const LampLabel *label = lamp_topology_label(reader->topology, root->label);
    return filter->operation == NULL || strstr(label->operation, filter->operation) != NULL;
}

/* Makes the flow and forgets the open one. FALSE if it is not wanted or has no root. */
static gboolean
finish(LampFlowReader *reader, OpenFlow *open)
{
    gboolean is_good = open->is_wanted;
    if (is_good) {
        reader->unplaced +=
            lamp_flow_build(&reader->builder, open->rows, open->trace_id, &reader->flow);
        reader->flow.confidence = open->confidence;
        reader->flow.is_background = open->is_background;
        reader->flow.is_chosen =
            reader->flow.count > 0 &&
            (reader->filter.view == LAMP_VIEW_TRIGGER || matches_filter(reader, &reader->flow));
        is_good = reader->flow.count > 0 &&
                  (reader->flow.is_chosen || reader->filter.keep_others) &&
                  lamp_flow_sampler_take(reader->sampler, &reader->flow);
    }
    if (reader->spare->len < 1024)
        g_ptr_array_add(reader->spare, g_steal_pointer(&open->rows));
    reader->last = reader->last == open ? NULL : reader->last;
    g_hash_table_remove(reader->open, &open->trace_id);
    return is_good;
}

static gint
compare_open(gconstpointer a, gconstpointer b)
{
    const OpenFlow *x = *(OpenFlow *const *) a, *y = *(OpenFlow *const *) b;
    return x->trace_id < y->trace_id ? -1 : x->trace_id > y->trace_id;
}

static void
collect_leftover(LampFlowReader *reader)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, reader->open);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_ptr_array_add(reader->leftover, value);
    g_ptr_array_sort(reader->leftover, compare_open);
}

static gboolean
read_until_done(LampFlowReader *reader, OpenFlow **out_done, GError **error)
{
    *out_done = NULL;
    while (reader->has_call && *out_done == NULL) {
        if (!lamp_statement_step(reader->calls, &reader->has_call, error))
            return FALSE;
        if (!reader->has_call)
            collect_leftover(reader);
        else if (!take_call(reader, out_done, error))
            return FALSE;
    }
    if (*out_done == NULL && reader->leftover_next < reader->leftover->len)
        *out_done = reader->leftover->pdata[reader->leftover_next++];
    return TRUE;
}

/* The next wanted part of the last flow; NULL if there is none. */
static const LampFlow *
next_part(LampFlowReader *reader)
{
    while (reader->parts != NULL && reader->parts_next < reader->parts->len) {
        LampFlow *part = reader->parts->pdata[reader->parts_next++];
        part->is_chosen = matches_filter(reader, part) &&
                          !(part->is_background && reader->filter.skip_background);
        if (part->is_chosen || reader->filter.keep_others)
            return part;
    }
    return NULL;
}

/* From the trigger's point of view flows are handed out in parts. */
static gboolean
read_parts(LampFlowReader *reader, const LampFlow **out_flow, GError **error)
{
    OpenFlow *done;
    while ((*out_flow = next_part(reader)) == NULL) {
        if (!read_until_done(reader, &done, error))
            return FALSE;
        if (done == NULL)
            return TRUE;
        if (!finish(reader, done))
            continue;
        g_clear_pointer(&reader->parts, g_ptr_array_unref);
        reader->parts = lamp_flow_split(&reader->flow);
        reader->parts_next = 0;
    }
    return TRUE;
}

gboolean
lamp_flow_reader_next(LampFlowReader *reader, const LampFlow **out_flow, GError **error)
{
    OpenFlow *done;
    if (reader->filter.view == LAMP_VIEW_TRIGGER)
        return read_parts(reader, out_flow, error);
    do {
        if (!read_until_done(reader, &done, error))
            return FALSE;
    } while (done != NULL && !finish(reader, done));
    *out_flow = done == NULL ? NULL : &reader->flow;
    return TRUE;
}

LampFlow *
lamp_flow_dup(const LampFlow *flow)
{
    LampFlow *copy = g_memdup2(flow, sizeof *flow);
    copy->calls = g_memdup2(flow->calls, flow->count * sizeof *flow->calls);
    return copy;
}

void
lamp_flow_free(LampFlow *flow)
{
    if (flow == NULL)
        return;
    g_free(flow->calls);
    g_free(flow);
}
