/*
 * Reads what ingest stored into the arrays of correlate/correlation.h.
 *
 * In: `sources`, `endpoints`, `connections`, `observations`. Out: the arrays, each in the order
 * of its ids; references between them become indices by binary search (one look where ids are
 * dense, as they are). Values of observations stay in the database until the links pass wants
 * them. Limit: 2^32 - 2 observations.
 */
#include "base/text.h"
#include "correlate/log-names.h"
#include "correlate/passes.h"

#include <string.h>

/* Runs @take for each row of @sql. */
static gboolean
for_each_row(LampCorrelation *c, const char *sql,
             void (*take)(LampCorrelation *c, LampStatement *row), GError **error)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(c->store, sql, error);
    if (rows == NULL)
        return FALSE;
    gboolean has_row;
    while (lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        take(c, rows);
    }
    return FALSE;
}

static gint64
id_at(const GArray *array, guint index)
{
    gint64 id;
    memcpy(&id, array->data + (gsize) index * g_array_get_element_size((GArray *) array),
           sizeof id);
    return id;
}

/* Index of @id in an array of structs that begin with a gint64 id, ascending. Ids are dense as
 * a rule, so the place where it would then be is looked at first. */
static guint32
find_by_id(const GArray *array, gint64 id)
{
    if (array->len == 0 || id < id_at(array, 0) || id > id_at(array, array->len - 1))
        return LAMP_INDEX_NONE;
    gint64 dense = id - id_at(array, 0);
    if (dense < array->len && id_at(array, (guint) dense) == id)
        return (guint32) dense;
    guint low = 0;
    guint high = array->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        gint64 found = id_at(array, middle);
        if (found == id)
            return middle;
        if (found < id)
            low = middle + 1;
        else
            high = middle;
    }
    return LAMP_INDEX_NONE;
}

static LampSourceKind
kind_of(const char *kind)
{
    if (g_strcmp0(kind, "capture") == 0)
        return LAMP_SOURCE_CAPTURE;
    if (g_strcmp0(kind, "log") == 0)
        return LAMP_SOURCE_LOG;
    return g_strcmp0(kind, "span") == 0 ? LAMP_SOURCE_SPAN : LAMP_SOURCE_OTHER;
}

static void
take_source(LampCorrelation *c, LampStatement *row)
{
    const char *host = lamp_statement_text(row, 3);
    const char *path = lamp_statement_text(row, 1);
    LampSource source = {
        .id = lamp_statement_int(row, 0),
        .kind = kind_of(lamp_statement_text(row, 2)),
        .label = host != NULL ? g_strdup(host) : lamp_log_name(path != NULL ? path : ""),
        .path = g_strdup(path),
        .is_told = host != NULL,
        .host = LAMP_INDEX_NONE,
        .part_of = LAMP_INDEX_NONE,
    };
    g_array_append_val(c->sources, source);
}

/* Multicast (RFC 1112, RFC 4291) or broadcast. The mask is not known, so every x.y.z.255
 * counts; merge.c takes it back where something answered. */
static gboolean
is_group(const char *address)
{
    guint64 first;
    const char *dot = strchr(address, '.');
    if (strchr(address, ':') != NULL)
        return g_ascii_strncasecmp(address, "ff", 2) == 0;
    if (dot == NULL ||
        !lamp_text_parse_u64(lamp_bytes(address, (gsize) (dot - address)), &first))
        return FALSE;
    return (first >= 224 && first <= 239) || g_str_has_suffix(address, ".255");
}

static void
take_place(LampCorrelation *c, LampStatement *row)
{
    const char *address = lamp_statement_text(row, 1);
    LampPlace place = {
        .id = lamp_statement_int(row, 0),
        .address = g_strdup(address != NULL ? address : ""),
        .port = (guint16) lamp_statement_int(row, 2),
        .host = LAMP_INDEX_NONE,
    };
    place.is_loopback =
        g_str_has_prefix(place.address, "127.") || strcmp(place.address, "::1") == 0;
    place.is_group = is_group(place.address);
    g_array_append_val(c->places, place);
}

static void
take_connection(LampCorrelation *c, LampStatement *row)
{
    LampConnection connection = {
        .id = lamp_statement_int(row, 0),
        .source = find_by_id(c->sources, lamp_statement_int(row, 1)),
        .client = find_by_id(c->places, lamp_statement_int(row, 2)),
        .server = find_by_id(c->places, lamp_statement_int(row, 3)),
        .first_time = lamp_statement_int(row, 4),
        .handshake_server_ns = lamp_statement_int_or(row, 5, -1),
        .handshake_client_ns = lamp_statement_int_or(row, 6, -1),
        .client_sequence = lamp_statement_int_or(row, 7, -1),
        .server_sequence = lamp_statement_int_or(row, 8, -1),
        .is_stray = lamp_statement_int(row, 9) == 1,
        .same_as = c->connections->len,
    };
    g_array_append_val(c->connections, connection);
}

static guint8
origin_of(const char *origin)
{
    if (g_strcmp0(origin, "wire") == 0)
        return LAMP_FROM_WIRE;
    if (g_strcmp0(origin, "log") == 0)
        return LAMP_FROM_LOG;
    return g_strcmp0(origin, "span") == 0 ? LAMP_FROM_SPAN : LAMP_FROM_FLOW;
}

static guint8
role_of(const char *role)
{
    if (g_strcmp0(role, "client") == 0)
        return LAMP_SEEN_BY_CLIENT;
    return g_strcmp0(role, "server") == 0 ? LAMP_SEEN_BY_SERVER : LAMP_SEEN_BY_NONE;
}

static guint32
text_id(LampStatement *row, int column)
{
    gint64 id = lamp_statement_int_or(row, column, 0);
    return id > 0 && id < G_MAXUINT32 ? (guint32) id : 0;
}

static guint32
clamp_u32(gint64 value)
{
    return value < 0 ? 0 : value > G_MAXUINT32 ? G_MAXUINT32 : (guint32) value;
}

static void
take_times(LampObservation *seen, LampStatement *row)
{
    seen->request_first = lamp_statement_int_or(row, 15, LAMP_TIME_NONE);
    seen->request_last = lamp_statement_int_or(row, 16, LAMP_TIME_NONE);
    seen->response_first = lamp_statement_int_or(row, 17, LAMP_TIME_NONE);
    seen->response_last = lamp_statement_int_or(row, 18, LAMP_TIME_NONE);
    if (seen->request_last == LAMP_TIME_NONE)
        seen->request_last = seen->request_first;
    if (seen->response_last == LAMP_TIME_NONE)
        seen->response_last = seen->response_first;
    seen->resolution = MAX(1, lamp_statement_int(row, 19));
    seen->request_bytes = clamp_u32(lamp_statement_int(row, 20));
    seen->response_bytes = clamp_u32(lamp_statement_int(row, 21));
}

static void
take_observation(LampCorrelation *c, LampStatement *row)
{
    LampObservation seen = {
        .id = lamp_statement_int(row, 0),
        .source = find_by_id(c->sources, lamp_statement_int(row, 1)),
        .origin = origin_of(lamp_statement_text(row, 2)),
        .role = role_of(lamp_statement_text(row, 3)),
        .connection = find_by_id(c->connections, lamp_statement_int_or(row, 4, -1)),
        .position = clamp_u32(lamp_statement_int(row, 5)),
        .request_sequence = lamp_statement_int_or(row, 6, -1),
        .response_sequence = lamp_statement_int_or(row, 7, -1),
        .client = find_by_id(c->places, lamp_statement_int_or(row, 8, -1)),
        .server = find_by_id(c->places, lamp_statement_int_or(row, 9, -1)),
        .process = text_id(row, 10),
        .peer = text_id(row, 11),
        .thread = text_id(row, 12),
        .protocol = text_id(row, 13),
        .operation = text_id(row, 14),
        .flags = (guint8) lamp_statement_int(row, 22),
        .is_error = lamp_statement_int(row, 23) != 0,
    };
    take_times(&seen, row);
    if (seen.connection != LAMP_INDEX_NONE) {
        const LampConnection *connection = lamp_connection(c, seen.connection);
        seen.client = seen.client != LAMP_INDEX_NONE ? seen.client : connection->client;
        seen.server = seen.server != LAMP_INDEX_NONE ? seen.server : connection->server;
    }
    g_array_append_val(c->observations, seen);
}

static gboolean
check_count(LampCorrelation *c, GError **error)
{
    g_autoptr(LampStatement) count =
        lamp_statement_new(c->store, "SELECT count(*) FROM observations", error);
    gboolean has_row;
    if (count == NULL || !lamp_statement_step(count, &has_row, error))
        return FALSE;
    if (lamp_statement_int(count, 0) < (gint64) G_MAXUINT32 - 1) {
        g_array_unref(c->observations);
        c->observations = g_array_sized_new(FALSE, FALSE, sizeof(LampObservation),
                                            (guint) lamp_statement_int(count, 0));
        return TRUE;
    }
    g_set_error(error, LAMP_CORRELATE_ERROR, LAMP_CORRELATE_ERROR_LIMIT,
                "more observations than one run can hold: correlate the folders one by one");
    return FALSE;
}

gboolean
lamp_pass_load(LampCorrelation *c, GError **error)
{
    return check_count(c, error) &&
           for_each_row(c,
                        "SELECT source_id, path, kind, host FROM sources WHERE state NOT IN"
                        " ('duplicate', 'skipped') ORDER BY source_id",
                        take_source, error) &&
           for_each_row(c, "SELECT endpoint_id, address, port FROM endpoints ORDER BY 1",
                        take_place, error) &&
           for_each_row(c,
                        "SELECT connection_id, source_id, client_endpoint_id,"
                        " server_endpoint_id, first_time_ns, handshake_server_ns,"
                        " handshake_client_ns, client_sequence, server_sequence, packets FROM "
                        "connections ORDER BY 1",
                        take_connection, error) &&
           for_each_row(c,
                        "SELECT observation_id, source_id, origin, role, connection_id,"
                        " position, request_sequence, response_sequence, client_endpoint_id,"
                        " server_endpoint_id, process_id, peer_id, thread_id, protocol_id,"
                        " operation_id, request_first_ns, request_last_ns, response_first_ns,"
                        " response_last_ns, resolution_ns, request_bytes, response_bytes,"
                        " flags, is_error FROM observations ORDER BY 1",
                        take_observation, error);
}

guint32
lamp_find_observation(const LampCorrelation *c, gint64 id)
{
    guint low = 0, high = c->observations->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        gint64 found = g_array_index(c->observations, LampObservation, middle).id;
        if (found == id)
            return middle;
        if (found < id)
            low = middle + 1;
        else
            high = middle;
    }
    return LAMP_INDEX_NONE;
}
