/* A small database of observations, as captures of several hosts would give them. */
#pragma once

#include "base/time.h"
#include "correlate/correlate.h"
#include "store/statement.h"
#include "tests/unit/suite.h"

#include <glib/gstdio.h>

#define EPOCH G_GINT64_CONSTANT(1795250000000000000)

typedef struct {
    char *folder, *path;
    LampStore *store;
    gint64 observations, connections;
} Fixture;

static inline void G_GNUC_PRINTF(2, 3) fixture_run(Fixture *f, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *sql = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autoptr(GError) error = NULL;
    if (!lamp_store_run(f->store, sql, &error))
        ck_abort_msg("%s: %s", sql, error->message);
}

static inline void
fixture_begin(Fixture *f)
{
    *f = (Fixture){0};
    f->folder = g_dir_make_tmp("lamp-correlate-XXXXXX", NULL);
    f->path = g_build_filename(f->folder, "t.db", NULL);
    f->store = lamp_store_open(f->path, LAMP_STORE_CREATE, NULL);
    ck_assert_ptr_nonnull(f->store);
    ck_assert(lamp_store_stage_begin(f->store, "ingest", NULL));
    ck_assert(lamp_store_begin(f->store, NULL));
}

static inline void
fixture_ready(Fixture *f)
{
    ck_assert(lamp_store_commit(f->store, NULL));
    ck_assert(lamp_store_stage_end(f->store, "ingest", NULL));
}

static inline void
fixture_end(Fixture *f)
{
    lamp_store_close(f->store);
    g_unlink(f->path);
    g_rmdir(f->folder);
    g_free(f->path);
    g_free(f->folder);
}

static inline void
fixture_capture(Fixture *f, gint64 id, const char *path)
{
    fixture_run(f,
                "INSERT INTO sources (source_id, path, kind, size_bytes, state)"
                " VALUES (%" G_GINT64_FORMAT ", '%s', 'capture', 0, 'done')",
                id, path);
}

/* A connection that capture @source saw from its beginning; returns its id. */
static inline gint64
fixture_connection(Fixture *f, gint64 source, gint64 client, gint64 server)
{
    f->connections++;
    fixture_run(f,
                "INSERT INTO connections (connection_id, source_id, transport,"
                " client_endpoint_id, server_endpoint_id, first_time_ns, last_time_ns,"
                " client_sequence, state) VALUES (%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT
                ", 'tcp', %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT
                ", %" G_GINT64_FORMAT ", 7, 'closed')",
                f->connections, source, client, server, EPOCH, EPOCH);
    return f->connections;
}

/* One request as one capture saw it. */
typedef struct {
    gint64 source, connection, client, server, position, sequence;
    gint64 request, response; /* ns after EPOCH on the capture's clock */
    const char *protocol, *operation;
} Sight;

static inline gint64
fixture_see(Fixture *f, const Sight *s)
{
    gint64 protocol = lamp_store_intern(f->store, lamp_bytes_text(s->protocol));
    gint64 operation = lamp_store_intern(f->store, lamp_bytes_text(s->operation));
    f->observations++;
    fixture_run(f,
                "INSERT INTO observations (observation_id, source_id, origin, connection_id,"
                " position, request_sequence, response_sequence, client_endpoint_id,"
                " server_endpoint_id, protocol_id, operation_id, status, request_first_ns,"
                " request_last_ns, response_first_ns, response_last_ns) VALUES"
                " (%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ", 'wire', %" G_GINT64_FORMAT
                ", %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT
                ", %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT
                ", %" G_GINT64_FORMAT ", '200', %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT
                ", %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ")",
                f->observations, s->source, s->connection, s->position, s->sequence,
                s->sequence, s->client, s->server, protocol, operation, EPOCH + s->request,
                EPOCH + s->request, EPOCH + s->response, EPOCH + s->response);
    return f->observations;
}

/* First column of the first row of a query. */
static inline gint64
fixture_int(Fixture *f, const char *sql)
{
    gboolean has_row;
    g_autoptr(LampStatement) query = lamp_statement_new(f->store, sql, NULL);
    ck_assert_ptr_nonnull(query);
    ck_assert(lamp_statement_step(query, &has_row, NULL));
    return has_row ? lamp_statement_int_or(query, 0, -1) : -1;
}

/* All rows of a query, columns joined by '|', rows by a blank; caller frees. */
static inline char *
fixture_text(Fixture *f, const char *sql)
{
    gboolean has_row;
    GString *out = g_string_new(NULL);
    g_autoptr(LampStatement) query = lamp_statement_new(f->store, sql, NULL);
    ck_assert_ptr_nonnull(query);
    while (lamp_statement_step(query, &has_row, NULL) && has_row) {
        g_string_append(out, out->len > 0 ? " " : "");
        for (int i = 0; i < lamp_statement_column_count(query); i++) {
            const char *text = lamp_statement_text(query, i);
            g_string_append_printf(out, "%s%s", i > 0 ? "|" : "", text != NULL ? text : "-");
        }
    }
    return g_string_free(out, FALSE);
}

/* A log line of @source: a call of @operation that ended at @end, to the whole second. */
static inline void
fixture_line(Fixture *f, gint64 source, const char *role, gint64 server, const char *operation,
             gint64 start, gint64 end)
{
    gint64 id = lamp_store_intern(f->store, lamp_bytes_text(operation));
    gint64 http = lamp_store_intern(f->store, lamp_bytes_text("http"));
    f->observations++;
    fixture_run(f,
                "INSERT INTO events (event_id, source_id, offset_bytes, length_bytes) VALUES"
                " (%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ", 0, 0);"
                "INSERT INTO observations (observation_id, source_id, origin, role, event_id,"
                " server_endpoint_id, protocol_id, operation_id, status, request_first_ns,"
                " response_last_ns, resolution_ns) VALUES (%" G_GINT64_FORMAT
                ", %" G_GINT64_FORMAT ", 'log', '%s', %" G_GINT64_FORMAT
                ", nullif(%" G_GINT64_FORMAT ", 0), %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT
                ", '200', %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ", 1000000000)",
                f->observations, source, f->observations, source, role, f->observations, server,
                http, id, EPOCH + start, EPOCH + end);
}
