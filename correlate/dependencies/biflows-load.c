/*
 * Reads flow records (or connections) and the endpoints that they name.
 *
 * Out: LampFlowRecord for the merge. Only TCP, UDP and SCTP are used; other records are
 * counted. Where there are no flow records, the connections of the captures stand in; their
 * times are brought to the reference clock where the correlate stage has found the clocks.
 * `exporter` ranks the sources by how much they saw: the best one tells a pair's connections.
 */
#include "correlate/dependencies/biflows.h"

#include "base/keyed-map.h"
#include "store/statement.h"

/* The year 2116: sums of two times must not overflow. */
#define LATEST (G_GINT64_CONSTANT(1) << 62)

#define RECORD_ROWS                                                                            \
    "SELECT source_endpoint_id, destination_endpoint_id, first_time_ns, last_time_ns, packets" \
    " * max(sampling, 1), bytes * max(sampling, 1), transport, tcp_flags, n, 0, sampling,"     \
    " CASE WHEN instr(attributes, '\"action\"') THEN CASE lower(attributes ->> 'action') WHEN" \
    " 'pass' THEN 1 WHEN 'accept' THEN 0 WHEN 'block' THEN 3 WHEN 'reject' THEN 3 ELSE 2 END"  \
    " WHEN event_id IS NOT NULL AND coalesce(instr(attributes, '\"event\"'), 0) = 0 THEN 2"    \
    " ELSE 0 END FROM flow_records JOIN (SELECT source_id, row_number() OVER (ORDER BY "       \
    "count(*)"                                                                                 \
    " DESC, source_id) AS n FROM flow_records GROUP BY source_id) USING (source_id)"           \
    " ORDER BY flow_record_id"
#define CONNECTION_ROWS                                                                        \
    "SELECT client_endpoint_id, server_endpoint_id, first_time_ns - shift, last_time_ns -"     \
    " shift, packets, client_bytes + server_bytes, CASE transport WHEN 'tcp' THEN 6 ELSE 17"   \
    " END, 0, n, 1, 1, 0 FROM connections JOIN (SELECT source_id, row_number() OVER (ORDER BY" \
    " count(*) DESC, source_id) AS n FROM connections GROUP BY source_id) USING (source_id)"   \
    " JOIN (SELECT c.source_id, coalesce(h.offset_ns, 0) AS shift FROM sources c LEFT JOIN"    \
    " source_hosts USING (source_id) LEFT JOIN hosts h USING (host_id)) USING (source_id)"     \
    " ORDER BY connection_id"

/* What a firewall did with the packet that a record is, or with the flow: the last column. */
enum { ACTION_NONE, ACTION_PASSED, ACTION_UNKNOWN, ACTION_BLOCKED };

static guint32
number_address(LampBiflows *b, LampKeyedMap *map, const char *text)
{
    gboolean is_new;
    guint64 *place = lamp_keyed_map_add(map, lamp_bytes_text(text), &is_new);
    if (place == NULL)
        return 0;
    if (is_new) {
        *place = b->addresses->len;
        g_ptr_array_add(b->addresses, g_strdup(text));
    }
    return (guint32) *place;
}

/* Endpoints that flows use; @index: endpoint id to index + 1. */
static gboolean
load_endpoints(LampBiflows *b, LampStore *store, GArray *index, GError **error)
{
    g_autoptr(LampKeyedMap) map = lamp_keyed_map_new((gsize) 1 << 30);
    g_autoptr(LampStatement) rows = lamp_statement_new(
        store, "SELECT endpoint_id, address, port FROM endpoints ORDER BY endpoint_id", error);
    gboolean more = rows != NULL;
    while (more && lamp_statement_step(rows, &more, error)) {
        if (!more)
            return TRUE;
        gint64 id = lamp_statement_int(rows, 0);
        LampFlowEndpoint endpoint = {
            .address = number_address(b, map, lamp_statement_text(rows, 1)),
            .port = (guint16) lamp_statement_int(rows, 2),
            .endpoint_id = id,
        };
        g_array_append_val(b->endpoints, endpoint);
        if (id < 0 || id > G_MAXINT32)
            continue;
        if ((guint) id >= index->len)
            g_array_set_size(index, (guint) id + 1);
        g_array_index(index, guint32, (guint) id) = b->endpoints->len;
    }
    return FALSE;
}

static guint32
find_endpoint(const GArray *index, gint64 id)
{
    return id >= 0 && id < index->len ? g_array_index(index, guint32, (guint) id) : 0;
}

static void
take_row(LampBiflows *b, GArray *records, const GArray *index, LampStatement *row)
{
    guint32 source = find_endpoint(index, lamp_statement_int(row, 0));
    guint32 destination = find_endpoint(index, lamp_statement_int(row, 1));
    gint64 transport = lamp_statement_int(row, 6);
    b->records++;
    gint64 first = lamp_statement_int(row, 2), last = lamp_statement_int(row, 3);
    gboolean is_timed = first >= 0 && first < LATEST && last >= 0 && last < LATEST;
    gboolean is_used = transport == 6 || transport == 17 || transport == 132;
    gint64 action = lamp_statement_int(row, 11);
    if (action == ACTION_BLOCKED) {
        b->blocked++;
        is_used = FALSE;
    }
    if (!is_used || !is_timed || source == 0 || destination == 0 || source == destination) {
        b->ignored++;
        return;
    }
    LampFlowRecord record = {
        .source = source - 1,
        .destination = destination - 1,
        .first = first,
        .last = MAX(first, last),
        .packets = (double) lamp_statement_int(row, 4),
        .bytes = (double) lamp_statement_int(row, 5),
        .transport = (guint8) transport,
        .flags = (guint8) lamp_statement_int(row, 7),
        .exporter = (gint32) lamp_statement_int(row, 8),
        .is_directed = lamp_statement_int(row, 9) != 0,
        .is_partial = lamp_statement_int(row, 10) > 1 || action != ACTION_NONE,
        .is_logged = action == ACTION_UNKNOWN,
    };
    b->is_sampled |= lamp_statement_int(row, 10) > 1;
    g_array_append_val(records, record);
}

static gboolean
load_rows(LampBiflows *b, LampStore *store, const char *sql, GArray *records,
          const GArray *index, GError **error)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(store, sql, error);
    gboolean more = rows != NULL;
    while (more && lamp_statement_step(rows, &more, error)) {
        if (!more)
            return TRUE;
        take_row(b, records, index, rows);
    }
    return FALSE;
}

/* The coarsest of 1 s, 100 ms, … 1 us that all first times are multiples of. */
static void
find_span(LampBiflows *b, const GArray *records)
{
    b->resolution = G_GINT64_CONSTANT(1000000000);
    for (guint i = 0; i < records->len; i++) {
        const LampFlowRecord *record = &g_array_index(records, LampFlowRecord, i);
        b->from = i == 0 ? record->first : MIN(b->from, record->first);
        b->to = i == 0 ? record->last : MAX(b->to, record->last);
        while (b->resolution > 1000 && record->first % b->resolution != 0)
            b->resolution /= 10;
    }
    b->to = MAX(b->to, b->from + 1);
}

LampBiflows *
lamp_biflows_load(LampStore *store, GError **error)
{
    g_autoptr(LampBiflows) b = g_new0(LampBiflows, 1);
    b->addresses = g_ptr_array_new_with_free_func(g_free);
    b->endpoints = g_array_new(FALSE, FALSE, sizeof(LampFlowEndpoint));
    b->flows = g_array_new(FALSE, FALSE, sizeof(LampBiflow));
    b->pieces = g_array_new(FALSE, FALSE, sizeof(LampFlowPiece));
    g_autoptr(GArray) index = g_array_new(FALSE, TRUE, sizeof(guint32));
    g_autoptr(GArray) records = g_array_new(FALSE, FALSE, sizeof(LampFlowRecord));
    if (!load_endpoints(b, store, index, error) ||
        !load_rows(b, store, RECORD_ROWS, records, index, error))
        return NULL;
    b->are_records = b->records > 0;
    if (!b->are_records && !load_rows(b, store, CONNECTION_ROWS, records, index, error))
        return NULL;
    find_span(b, records);
    lamp_biflows_merge(b, (LampFlowRecord *) (gpointer) records->data, records->len);
    return g_steal_pointer(&b);
}

void
lamp_biflows_free(LampBiflows *b)
{
    if (b == NULL)
        return;
    g_clear_pointer(&b->addresses, g_ptr_array_unref);
    g_clear_pointer(&b->endpoints, g_array_unref);
    g_clear_pointer(&b->flows, g_array_unref);
    g_clear_pointer(&b->pieces, g_array_unref);
    g_free(b);
}
