/*
 * Inserts through prepared statements. Secondary indexes do not exist while rows are added (a
 * measured factor of twenty on large files); later stages make those that they need.
 *
 * Connection ids are local to a source when they arrive; the writer adds the largest id so far,
 * so that they are unique in the file and the same in every run over the same sources.
 */
#include "store/writer.h"

#include "store/append-names.h"
#include "store/store-private.h"
#include "store/writer-private.h"

/* Pages that are full do not come back, so few are kept (in KiB, negative): two megabytes stay
 * in the processor's cache and cost less than sixteen. */
#define WRITER_CACHE "-2048"

/* A transaction costs a wait for the disk: small sources share one. */
#define LONGEST_TRANSACTION_US (G_USEC_PER_SEC / 4)

static const char *const insert_sql[N_INSERTS] = {
    [INSERT_SOURCE] = "INSERT INTO sources VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [INSERT_FINDING] = "INSERT INTO findings VALUES (NULL,?,?,?,?,?,?,?)",
    [INSERT_CONNECTION] =
        "INSERT INTO connections VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [INSERT_HOST_NAME] = "INSERT INTO host_names VALUES (?,?,?,?,?)",
    [INSERT_SPAN_JOIN] = "INSERT INTO span_joins VALUES (?,?,?)",
    [INSERT_SPAN_PARENT] = "INSERT INTO span_parents VALUES (?,?,?,?)",
};

static const char *const batch_tables[N_BATCHES] = {
    [BATCH_EVENTS] = "events",
    [BATCH_OBSERVATIONS] = "observations",
    [BATCH_FLOWS] = "flow_records",
    [BATCH_ENDPOINTS] = "endpoints",
};

/* Tables whose rows belong to a source, for forgetting. */
static const char *const forget_sql[] = {
    "DELETE FROM events WHERE source_id = ?1",
    "DELETE FROM observations WHERE source_id = ?1",
    "DELETE FROM connections WHERE source_id = ?1",
    "DELETE FROM findings WHERE source_id = ?1",
    "DELETE FROM flow_records WHERE source_id = ?1",
    "DELETE FROM host_names WHERE source_id = ?1",
    "DELETE FROM span_joins WHERE source_id = ?1",
    "DELETE FROM span_parents WHERE source_id = ?1",
    "DELETE FROM sources WHERE source_id = ?1",
};

static gint64
query_int(LampWriter *writer, const char *sql)
{
    g_autoptr(LampStatement) query = lamp_statement_new(writer->store, sql, NULL);
    gboolean has_row = FALSE;
    if (query == NULL || !lamp_statement_step(query, &has_row, NULL) || !has_row)
        return 0;
    return lamp_statement_int(query, 0);
}

static void
read_last_ids(LampWriter *writer)
{
    writer->last_source = query_int(writer, "SELECT max(source_id) FROM sources");
    writer->last_event = query_int(writer, "SELECT max(event_id) FROM events");
    writer->last_observation =
        query_int(writer, "SELECT max(observation_id) FROM observations");
    writer->last_flow = query_int(writer, "SELECT max(flow_record_id) FROM flow_records");
    writer->last_connection = query_int(writer, "SELECT max(connection_id) FROM connections");
    writer->last_endpoint = query_int(writer, "SELECT max(endpoint_id) FROM endpoints");
}

LampWriter *
lamp_writer_new(LampStore *store, GError **error)
{
    g_autoptr(LampWriter) writer = g_new0(LampWriter, 1);
    writer->store = store;
    if (!lamp_store_run(store, "PRAGMA main.cache_size=" WRITER_CACHE, error))
        return NULL;
    for (gsize i = 0; i < N_INSERTS; i++) {
        writer->inserts[i] = lamp_statement_new(store, insert_sql[i], error);
        if (writer->inserts[i] == NULL)
            return NULL;
    }
    lamp_append_names_add(store, batch_tables, N_BATCHES);
    for (gsize i = 0; i < N_BATCHES; i++) {
        writer->batches[i] = lamp_batch_new(store, batch_tables[i], error);
        if (writer->batches[i] == NULL)
            return NULL;
    }
    read_last_ids(writer);
    return g_steal_pointer(&writer);
}

void
lamp_writer_free(LampWriter *writer)
{
    if (writer == NULL)
        return;
    g_autoptr(GError) lost = NULL;
    if (!lamp_writer_commit(writer, &lost))
        g_warning("what was read last is not stored: %s", lost->message);
    for (gsize i = 0; i < N_INSERTS; i++)
        lamp_statement_free(writer->inserts[i]);
    for (gsize i = 0; i < N_BATCHES; i++)
        lamp_batch_free(writer->batches[i]);
    lamp_keyed_map_free(writer->endpoints);
    lamp_out_clear(&writer->quoted);
    g_clear_error(&writer->failure);
    sqlite3_exec(writer->store->db, "PRAGMA main.cache_size=" LAMP_STORE_CACHE, NULL, NULL,
                 NULL);
    g_free(writer);
}

/* Opens the transaction, unless it is, and the part of it that one source is. */
static gboolean
begin_part(LampWriter *writer, GError **error)
{
    if (writer->began_us == 0) {
        if (!lamp_store_begin(writer->store, error))
            return FALSE;
        writer->began_us = g_get_monotonic_time();
    }
    return lamp_store_part_begin(writer->store, error);
}

static gboolean
end_part(LampWriter *writer, GError **error)
{
    if (!lamp_store_part_end(writer->store, error))
        return FALSE;
    return g_get_monotonic_time() - writer->began_us < LONGEST_TRANSACTION_US ||
           lamp_writer_commit(writer, error);
}

static void
take_back_part(LampWriter *writer)
{
    lamp_store_part_rollback(writer->store);
    if (!writer->store->in_transaction)
        writer->began_us = 0;
}

gboolean
lamp_writer_commit(LampWriter *writer, GError **error)
{
    if (writer->began_us == 0)
        return TRUE;
    writer->began_us = 0;
    return lamp_store_commit(writer->store, error);
}

gint64
lamp_writer_source_begin(LampWriter *writer, GError **error)
{
    if (!begin_part(writer, error))
        return 0;
    writer->source_id = ++writer->last_source;
    writer->connection_base = writer->last_connection;
    return writer->source_id;
}

static void
insert_source(LampWriter *writer, const LampSourceRow *source)
{
    char hash[17];
    LampStatement *row = writer->inserts[INSERT_SOURCE];
    g_snprintf(hash, sizeof hash, "%016" G_GINT64_MODIFIER "x", source->content_hash);
    lamp_statement_bind_int(row, 1, writer->source_id);
    lamp_statement_bind_text(row, 2, lamp_bytes_text(source->path));
    lamp_statement_bind_string(row, 3, source->format);
    lamp_statement_bind_string(row, 4, source->kind);
    lamp_statement_bind_string(row, 5, source->host);
    lamp_statement_bind_int(row, 6, (gint64) source->size_bytes);
    lamp_statement_bind_string(row, 7, source->content_hash == 0 ? NULL : hash);
    lamp_statement_bind_string(row, 8, source->state);
    lamp_statement_bind_int(row, 9, (gint64) source->bytes_read);
    lamp_statement_bind_int(row, 10, (gint64) source->bytes_parsed);
    lamp_statement_bind_int(row, 11, (gint64) source->records);
    lamp_statement_bind_int(row, 12, (gint64) source->rejected);
    lamp_statement_bind_int_or_null(row, 13, source->first_time, LAMP_TIME_NONE);
    lamp_statement_bind_int_or_null(row, 14, source->last_time, LAMP_TIME_NONE);
    lamp_statement_bind_string(row, 15, source->note);
    lamp_statement_bind_string(row, 16, source->forms);
    lamp_statement_bind_int_or_null(row, 17, source->resolution, 0);
    lamp_statement_bind_string(row, 18, source->zone);
    lamp_writer_insert(writer, INSERT_SOURCE);
}

gboolean
lamp_writer_source_end(LampWriter *writer, const LampSourceRow *source, GError **error)
{
    insert_source(writer, source);
    lamp_writer_flush(writer);
    if (writer->failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&writer->failure));
        lamp_writer_source_abandon(writer);
        return FALSE;
    }
    if (end_part(writer, error))
        return TRUE;
    lamp_writer_source_abandon(writer);
    return FALSE;
}

void
lamp_writer_source_abandon(LampWriter *writer)
{
    take_back_part(writer);
    memset(writer->known_slots, 0, sizeof writer->known_slots);
    memset(writer->known_texts, 0, sizeof writer->known_texts);
    memset(writer->known_endpoints, 0, sizeof writer->known_endpoints);
    for (gsize i = 0; i < N_BATCHES; i++)
        lamp_batch_clear(writer->batches[i]);
    g_clear_error(&writer->failure);
    g_clear_pointer(&writer->endpoints, lamp_keyed_map_free);
    read_last_ids(writer);
}

gboolean
lamp_writer_is_empty(const LampWriter *writer)
{
    return writer->last_event == 0 && writer->last_observation == 0;
}

char *
lamp_writer_find_content(LampWriter *writer, guint64 content_hash)
{
    g_autoptr(LampStatement) query = lamp_statement_new(
        writer->store, "SELECT path FROM sources WHERE content_hash = ? AND state = 'done'",
        NULL);
    char hash[17];
    gboolean has_row = FALSE;
    g_snprintf(hash, sizeof hash, "%016" G_GINT64_MODIFIER "x", content_hash);
    if (query == NULL)
        return NULL;
    lamp_statement_bind_string(query, 1, hash);
    if (!lamp_statement_step(query, &has_row, NULL) || !has_row)
        return NULL;
    return g_strdup(lamp_statement_text(query, 0));
}

gboolean
lamp_writer_has_source(LampWriter *writer, const char *path, guint64 size_bytes)
{
    g_autoptr(LampStatement) query =
        lamp_statement_new(writer->store,
                           "SELECT 1 FROM sources s WHERE path = ? AND size_bytes = ? AND "
                           "(state IN ('done', 'skipped') OR state = 'duplicate' AND EXISTS "
                           "(SELECT 1 FROM sources twin WHERE twin.content_hash = "
                           "s.content_hash AND twin.state = 'done'))",
                           NULL);
    gboolean has_row = FALSE;
    if (query == NULL)
        return FALSE;
    lamp_statement_bind_text(query, 1, lamp_bytes_text(path));
    lamp_statement_bind_int(query, 2, (gint64) size_bytes);
    return lamp_statement_step(query, &has_row, NULL) && has_row;
}

static gboolean
forget_source(LampWriter *writer, gint64 source_id, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(forget_sql); i++) {
        g_autoptr(LampStatement) statement =
            lamp_statement_new(writer->store, forget_sql[i], error);
        if (statement == NULL)
            return FALSE;
        lamp_statement_bind_int(statement, 1, source_id);
        if (!lamp_statement_run(statement, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
lamp_writer_forget(LampWriter *writer, const char *path, GError **error)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autoptr(LampStatement) query = lamp_statement_new(
        writer->store, "SELECT source_id FROM sources WHERE path = ?", error);
    gboolean has_row = FALSE;
    if (query == NULL)
        return FALSE;
    lamp_statement_bind_text(query, 1, lamp_bytes_text(path));
    while (lamp_statement_step(query, &has_row, NULL) && has_row) {
        gint64 id = lamp_statement_int(query, 0);
        g_array_append_val(ids, id);
    }
    lamp_statement_reset(query);
    if (ids->len == 0)
        return TRUE;
    if (!begin_part(writer, error))
        return FALSE;
    for (guint i = 0; i < ids->len; i++)
        if (!forget_source(writer, g_array_index(ids, gint64, i), error)) {
            take_back_part(writer);
            return FALSE;
        }
    return end_part(writer, error);
}
