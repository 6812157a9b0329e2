/*
 * Bulk writing of what ingest found: one prepared statement for each table, ids given here.
 *
 * Life: lamp_writer_new() on an open store; for each source lamp_writer_source_begin(), rows,
 * lamp_writer_source_end() (rows and source state together), or _source_abandon() (takes them
 * back); lamp_writer_commit() at the end. Sources that are read within a quarter of a second
 * share a transaction. So after a kill each source is either whole or absent.
 * Failures of single rows are remembered and reported by the next _end(); the row functions
 * return nothing.
 */
#pragma once

#include "base/finding.h"
#include "store/rows.h"
#include "store/store.h"

typedef struct LampWriter LampWriter;

/* What is known of a source; texts are borrowed. */
typedef struct {
    const char *path, *format, *kind, *host, *state, *note;
    const char *forms; /* JSON, or NULL */
    const char *zone;  /* of its times, as the column has it, or NULL */
    gint64 resolution; /* finest one of its log records; 0 none */
    guint64 size_bytes, bytes_read, bytes_parsed, records, rejected;
    guint64 content_hash;
    LampTime first_time, last_time;
} LampSourceRow;

/* Numbers of interned texts, 0: none. */
typedef struct {
    gint64 protocol_id, operation_id;
} LampWriterNames;

LampWriter *lamp_writer_new(LampStore *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_writer_free(LampWriter *writer);

/* Begins one source; returns its id, or 0 with @error. */
gint64 lamp_writer_source_begin(LampWriter *writer, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean lamp_writer_source_end(LampWriter *writer, const LampSourceRow *source,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_writer_source_abandon(LampWriter *writer);

/* Ends the transaction, if one is open. Before others write to the store. */
gboolean lamp_writer_commit(LampWriter *writer, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE if the store has no event and no observation. */
gboolean lamp_writer_is_empty(const LampWriter *writer);

/* Path of a finished source with this content, or NULL; caller frees. O(log n). */
char *lamp_writer_find_content(LampWriter *writer, guint64 content_hash);

/* TRUE if a finished source has this path and this size on disk. */
gboolean lamp_writer_has_source(LampWriter *writer, const char *path, guint64 size_bytes);

/* Removes every row that came from sources of this path (it has changed, or was not finished).
 */
gboolean lamp_writer_forget(LampWriter *writer, const char *path,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Rows of the current source. Those of events and observations return the row's id. */
guint64 lamp_writer_event(LampWriter *writer, const LampEventRow *event);
guint64 lamp_writer_observation(LampWriter *writer, const LampObservationRow *observation);
/* Names of the observation that was written last. */
const LampWriterNames *lamp_writer_names(const LampWriter *writer);
void lamp_writer_connection(LampWriter *writer, const LampConnectionRow *connection);
void lamp_writer_flow(LampWriter *writer, const LampFlowRow *flow);
void lamp_writer_finding(LampWriter *writer, const LampFinding *finding, guint64 count);
void lamp_writer_host_name(LampWriter *writer, const LampHostNameRow *name);
void lamp_writer_span_join(LampWriter *writer, const LampSpanJoinRow *join);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampWriter, lamp_writer_free)
