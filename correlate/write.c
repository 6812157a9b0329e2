/*
 * Writes hosts, services, instances and calls, with their logical clocks.
 *
 * Earlier results are deleted first, in the transaction of the whole stage. Rows are written in
 * the order of their ids; the few secondary indexes are made when the tables are full.
 */
#include "correlate/write.h"
#include "correlate/logical-clocks.h"
#include "correlate/passes.h"

#include <math.h>
#include <string.h>

#define EMPTY_TABLES                                                                  \
    "DROP INDEX IF EXISTS calls_by_parent; DROP INDEX IF EXISTS calls_by_trace;"      \
    "DELETE FROM hosts; DELETE FROM clocks; DELETE FROM source_hosts; DELETE FROM "   \
    "services;"                                                                       \
    "DELETE FROM instances; DELETE FROM calls; DELETE FROM call_events; DELETE FROM " \
    "call_links;"                                                                     \
    "DELETE FROM trace_roots; DELETE FROM inference_services;"                        \
    "DELETE FROM findings WHERE kind = 'clock';"

#define MAKE_INDEXES                                          \
    "CREATE INDEX calls_by_parent ON calls (parent_call_id);" \
    "CREATE INDEX calls_by_trace ON calls (trace_id);"

/* Vector clocks of all calls, one after the other. */
typedef struct {
    GString *text;
    gsize *ends; /* of each call's text; written in trace order, so begins are kept too */
    gsize *begins;
} Vectors;

static gint64
row_id(guint32 index)
{
    return index != LAMP_INDEX_NONE ? (gint64) index + 1 : 0;
}

static char *
addresses_of(LampCorrelation *c, GString *scratch, const GArray *order, guint *next,
             guint32 host)
{
    g_string_truncate(scratch, 0);
    const char *last = NULL;
    for (; *next < order->len; ++*next) {
        const LampPlace *place = lamp_place(c, g_array_index(order, guint32, *next));
        if (place->host != host)
            break;
        if (last != NULL && strcmp(last, place->address) == 0)
            continue;
        g_string_append_printf(scratch, "%s%s", last != NULL ? " " : "", place->address);
        last = place->address;
    }
    return scratch->str;
}

static gint
compare_places(gconstpointer left, gconstpointer right, gpointer user)
{
    const LampPlace *a = lamp_place(user, *(const guint32 *) left);
    const LampPlace *b = lamp_place(user, *(const guint32 *) right);
    if (a->host != b->host)
        return a->host < b->host ? -1 : 1;
    return strcmp(a->address, b->address);
}

static void
bind_finite(LampStatement *insert, int column, double value)
{
    if (isfinite(value))
        lamp_statement_bind_int(insert, column, llround(value));
    else
        lamp_statement_bind_null(insert, column);
}

/* Hosts that a source, an address or an instance is at: not those whose log turned out to be
 * another's. One more than hosts stands for none. */
static guint8 *
list_named(LampCorrelation *c)
{
    guint8 *is_named = g_new0(guint8, (gsize) c->hosts->len + 1);
    for (guint32 i = 0; i < c->sources->len; i++)
        is_named[MIN(lamp_source(c, i)->host, c->hosts->len)] = 1;
    for (guint32 i = 0; i < c->places->len; i++)
        is_named[MIN(lamp_place(c, i)->host, c->hosts->len)] = 1;
    for (guint32 i = 0; i < c->instances->len; i++)
        is_named[MIN(g_array_index(c->instances, LampInstance, i).host, c->hosts->len)] = 1;
    return is_named;
}

static gboolean
write_hosts(LampCorrelation *c, GError **error)
{
    g_autoptr(LampStatement) insert = lamp_statement_new(
        c->store,
        "INSERT INTO hosts VALUES (?1, ?2, coalesce(?3, ''), ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        error);
    if (insert == NULL)
        return FALSE;
    g_autoptr(GArray) order = g_array_new(FALSE, FALSE, sizeof(guint32));
    for (guint32 i = 0; i < c->places->len; i++)
        g_array_append_val(order, i);
    g_array_sort_with_data(order, compare_places, c);
    g_autoptr(GString) scratch = g_string_new(NULL);
    g_autofree guint8 *is_named = list_named(c);
    guint next = 0;
    for (guint32 i = 0; i < c->hosts->len; i++) {
        const LampHost *host = lamp_host(c, i);
        const char *addresses = addresses_of(c, scratch, order, &next, i);
        if (!is_named[i])
            continue;
        lamp_statement_bind_int(insert, 1, row_id(i));
        lamp_statement_bind_string(insert, 2, host->name);
        lamp_statement_bind_text(insert, 3, lamp_bytes_text(addresses));
        lamp_statement_bind_int(insert, 4, host->is_reference);
        if (host->has_clock) {
            lamp_statement_bind_int(insert, 5, llround(host->clock.offset_ns));
            lamp_statement_bind_real(insert, 6, host->clock.drift * 1e6);
            lamp_statement_bind_int(insert, 7, c->epoch);
            bind_finite(insert, 8, host->clock.uncertainty_ns);
        } else {
            for (int p = 5; p <= 8; p++)
                lamp_statement_bind_null(insert, p);
        }
        lamp_statement_bind_int(insert, 9, (gint64) host->samples);
        lamp_statement_bind_string(insert, 10, host->method);
        if (!lamp_statement_run(insert, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
write_part(LampStatement *insert, guint32 host, guint number, const LampClockPart *part,
           GError **error)
{
    gboolean is_all = number == 0;
    lamp_statement_bind_int(insert, 1, row_id(host));
    lamp_statement_bind_int(insert, 2, MAX(number, 1));
    lamp_statement_bind_int_or_null(insert, 3, is_all ? 0 : part->first, 0);
    lamp_statement_bind_int_or_null(insert, 4, is_all ? 0 : part->last, 0);
    lamp_statement_bind_int(insert, 5, llround(part->offset_ns));
    lamp_statement_bind_real(insert, 6, part->drift * 1e6);
    bind_finite(insert, 7, part->uncertainty_ns);
    lamp_statement_bind_real(insert, 8, part->drift_error * 1e6);
    bind_finite(insert, 9, part->statistical_ns);
    lamp_statement_bind_int(insert, 10, (gint64) part->samples);
    return lamp_statement_run(insert, error);
}

static gboolean
write_clocks(LampCorrelation *c, GError **error)
{
    g_autoptr(LampStatement) insert = lamp_statement_new(
        c->store, "INSERT INTO clocks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)", error);
    gboolean is_ok = insert != NULL;
    for (guint32 i = 0; is_ok && i < c->hosts->len; i++) {
        const LampHost *host = lamp_host(c, i);
        if (host->has_clock && host->parts == NULL)
            is_ok = write_part(insert, i, 0, &host->clock, error);
        for (guint k = 0; is_ok && host->parts != NULL && k < host->parts->len; k++)
            is_ok = write_part(insert, i, k + 1, &g_array_index(host->parts, LampClockPart, k),
                               error);
    }
    return is_ok;
}

/* What an operator should mend: logs whose times are of another zone than they say. */
static gboolean
write_zones(LampCorrelation *c, GError **error)
{
    g_autoptr(LampStatement) insert = lamp_statement_new(
        c->store,
        "INSERT INTO findings VALUES (NULL, ?1, 'clock', 'clock.zone', NULL, NULL, ?2,"
        " format('times are %d min %s the captures'': another time zone; moved', abs(?3),"
        " iif(?3 > 0, 'ahead of', 'behind')))",
        error);
    for (guint32 i = 0; insert != NULL && i < c->sources->len; i++) {
        const LampSource *source = lamp_source(c, i);
        if (source->moved_lines == 0)
            continue;
        lamp_statement_bind_int(insert, 1, source->id);
        lamp_statement_bind_int(insert, 2, (gint64) source->moved_lines);
        lamp_statement_bind_int(insert, 3, source->zone_ns / (60 * LAMP_NS_PER_SECOND));
        if (!lamp_statement_run(insert, error))
            return FALSE;
    }
    return insert != NULL;
}

static gboolean
write_source_hosts(LampCorrelation *c, GError **error)
{
    g_autoptr(LampStatement) insert =
        lamp_statement_new(c->store, "INSERT INTO source_hosts VALUES (?1, ?2)", error);
    for (guint32 i = 0; insert != NULL && i < c->sources->len; i++) {
        const LampSource *source = lamp_source(c, i);
        if (source->host == LAMP_INDEX_NONE || source->part_of != LAMP_INDEX_NONE)
            continue;
        lamp_statement_bind_int(insert, 1, source->id);
        lamp_statement_bind_int(insert, 2, row_id(source->host));
        if (!lamp_statement_run(insert, error))
            return FALSE;
    }
    return insert != NULL;
}

static gboolean
write_services(LampCorrelation *c, GError **error)
{
    g_autoptr(LampStatement) service = lamp_statement_new(
        c->store,
        "INSERT INTO services SELECT ?1, ?2, (SELECT text FROM strings WHERE string_id = ?3),"
        " ?4",
        error);
    g_autoptr(LampStatement) instance =
        service == NULL ? NULL
                        : lamp_statement_new(
                              c->store, "INSERT INTO instances VALUES (?1, ?2, ?3, ?4)", error);
    for (guint32 i = 0; instance != NULL && i < c->services->len; i++) {
        const LampService *row = &g_array_index(c->services, LampService, i);
        lamp_statement_bind_int(service, 1, row_id(i));
        lamp_statement_bind_string(service, 2, row->name);
        lamp_statement_bind_int(service, 3, row->protocol);
        lamp_statement_bind_int(service, 4, row->is_external);
        if (!lamp_statement_run(service, error))
            return FALSE;
    }
    for (guint32 i = 0; instance != NULL && i < c->instances->len; i++) {
        const LampInstance *row = &g_array_index(c->instances, LampInstance, i);
        lamp_statement_bind_int(instance, 1, row_id(i));
        lamp_statement_bind_int(instance, 2, row_id(row->service));
        lamp_statement_bind_int_or_null(instance, 3, row_id(row->host), 0);
        lamp_statement_bind_string(instance, 4, row->name);
        if (!lamp_statement_run(instance, error))
            return FALSE;
    }
    return instance != NULL;
}

static void
take_vector(gpointer user, guint32 call, const guint32 *instances, const guint32 *counts,
            guint n)
{
    Vectors *vectors = user;
    vectors->begins[call] = vectors->text->len;
    char separator = '{';
    for (guint i = 0; i < n; i++) {
        if (counts[i] == 0)
            continue;
        g_string_append_printf(vectors->text, "%c\"%" G_GINT64_FORMAT "\":%u", separator,
                               row_id(instances[i]), counts[i]);
        separator = ',';
    }
    g_string_append_c(vectors->text, '}');
    vectors->ends[call] = vectors->text->len;
}

/* Logical clocks of every trace: calls grouped by root with a counting sort. */
static void
run_logical_clocks(LampCorrelation *c, Vectors *vectors)
{
    guint32 n = c->calls->len;
    g_autofree guint32 *first = g_new0(guint32, (gsize) n + 2);
    g_autofree guint32 *grouped = g_new(guint32, (gsize) n + 1);
    for (guint32 i = 0; i < n; i++)
        first[lamp_call(c, i)->root + 2]++;
    for (guint32 i = 1; i <= n; i++)
        first[i + 1] += first[i];
    for (guint32 i = 0; i < n; i++)
        grouped[first[lamp_call(c, i)->root + 1]++] = i;
    for (guint32 i = 0; i < n; i++)
        if (first[i + 1] > first[i])
            lamp_logical_clocks(c, grouped + first[i], first[i + 1] - first[i], take_vector,
                                vectors);
}

static const char insert_call[] =
    "INSERT INTO calls (call_id, client_instance_id, server_instance_id,"
    " client_observation_id, server_observation_id, client_external_id, server_external_id,"
    " client_endpoint_id, server_endpoint_id, position, protocol_id, operation_id, status,"
    " is_error, flags, client_start_ns, client_end_ns, server_start_ns, server_end_ns,"
    " uncertainty_ns, request_bytes, response_bytes, lamport_request_send,"
    " lamport_request_receive, lamport_response_send, lamport_response_receive, vector_clock,"
    " order_violation_ns, parent_call_id, trace_id, root_confidence)"
    " VALUES (?1, ?2, ?3, ?4, ?5,"
    " (SELECT external_id FROM observations WHERE observation_id = ?4),"
    " (SELECT external_id FROM observations WHERE observation_id = ?5),"
    " ?6, ?7, ?8, ?9, ?10, (SELECT status FROM observations WHERE observation_id = ?11),"
    " ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, "
    "?29)";

static gint64
place_id(LampCorrelation *c, guint32 place)
{
    return place != LAMP_INDEX_NONE ? lamp_place(c, place)->id : 0;
}

static void
bind_call_names(LampCorrelation *c, LampStatement *insert, guint32 i)
{
    const LampCall *call = lamp_call(c, i);
    gint64 ids[] = {row_id(i),
                    row_id(call->client_instance),
                    row_id(call->server_instance),
                    call->client_id,
                    call->server_id,
                    place_id(c, call->client_place),
                    place_id(c, call->server_place)};
    for (guint p = 0; p < G_N_ELEMENTS(ids); p++)
        lamp_statement_bind_int_or_null(insert, (int) p + 1, ids[p], 0);
    lamp_statement_bind_int(insert, 8, call->position);
    lamp_statement_bind_int_or_null(insert, 9, call->protocol, 0);
    lamp_statement_bind_int_or_null(insert, 10, call->operation, 0);
    lamp_statement_bind_int(insert, 11, call->base_id);
    lamp_statement_bind_int(insert, 12, call->is_error);
    lamp_statement_bind_int(insert, 13, call->flags);
}

static void
bind_call_times(LampCorrelation *c, LampStatement *insert, guint32 i, const Vectors *vectors)
{
    const LampCall *call = lamp_call(c, i);
    gint64 times[] = {call->client_start, call->client_end, call->server_start,
                      call->server_end};
    for (int p = 0; p < 4; p++) {
        lamp_statement_bind_int_or_null(insert, 14 + p, times[p], LAMP_TIME_NONE);
        lamp_statement_bind_int_or_null(insert, 21 + p, call->lamport[p], 0);
    }
    lamp_statement_bind_int(insert, 18,
                            MAX(call->client_uncertainty, call->server_uncertainty));
    lamp_statement_bind_int(insert, 19, call->request_bytes);
    lamp_statement_bind_int(insert, 20, call->response_bytes);
    lamp_statement_bind_text(insert, 25,
                             lamp_bytes(vectors->text->str + vectors->begins[i],
                                        vectors->ends[i] - vectors->begins[i]));
    lamp_statement_bind_int(insert, 26, call->order_violation);
    lamp_statement_bind_int_or_null(insert, 27, row_id(call->parent), 0);
    lamp_statement_bind_int_or_null(insert, 28, lamp_is_in_trace(c, i) ? row_id(call->root) : 0,
                                    0);
    if (call->parent == LAMP_INDEX_NONE && call->owner_probability < 1)
        lamp_statement_bind_real(insert, 29, (double) call->owner_probability);
    else
        lamp_statement_bind_null(insert, 29);
}

static gboolean
write_calls(LampCorrelation *c, const Vectors *vectors, GError **error)
{
    g_autoptr(LampStatement) insert = lamp_statement_new(c->store, insert_call, error);
    for (guint32 i = 0; insert != NULL && i < c->calls->len; i++) {
        bind_call_names(c, insert, i);
        bind_call_times(c, insert, i, vectors);
        if (!lamp_statement_run(insert, error))
            return FALSE;
    }
    return insert != NULL;
}

static gboolean
write_events(LampCorrelation *c, GError **error)
{
    g_autoptr(LampStatement) insert = lamp_statement_new(
        c->store,
        "INSERT OR IGNORE INTO call_events SELECT ?1, event_id, role FROM observations"
        " WHERE observation_id = ?2 AND event_id IS NOT NULL AND role IS NOT NULL",
        error);
    for (guint32 i = 0; insert != NULL && i < c->calls->len; i++) {
        for (guint32 e = lamp_call(c, i)->first_evidence; e != LAMP_INDEX_NONE;) {
            const LampEvidenceLine *line = &g_array_index(c->evidence, LampEvidenceLine, e);
            lamp_statement_bind_int(insert, 1, row_id(i));
            lamp_statement_bind_int(insert, 2, line->observation_id);
            if (!lamp_statement_run(insert, error))
                return FALSE;
            e = line->next;
        }
    }
    return insert != NULL;
}

gboolean
lamp_pass_write(LampCorrelation *c, GError **error)
{
    gsize n = (gsize) c->calls->len + 1;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree gsize *ends = g_new0(gsize, n);
    g_autofree gsize *begins = g_new0(gsize, n);
    Vectors vectors = {text, ends, begins};
    run_logical_clocks(c, &vectors);
    return lamp_store_run(c->store, EMPTY_TABLES, error) && write_hosts(c, error) &&
           write_clocks(c, error) && write_zones(c, error) && write_source_hosts(c, error) &&
           write_services(c, error) && write_calls(c, &vectors, error) &&
           write_events(c, error) && lamp_write_links(c, error) &&
           lamp_write_trace_roots(c, error) && lamp_write_inference(c, error) &&
           lamp_store_run(c->store, MAKE_INDEXES, error);
}
