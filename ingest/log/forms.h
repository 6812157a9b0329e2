/*
 * The line forms that readers share and nest: a syslog line may carry JSON, a JSON line an
 * access line.
 */
#pragma once

#include "ingest/log/lines.h"

/* Each: TRUE if @line is a record of the form. */
gboolean lamp_log_parse_access(LampLog *log, LampBytes line, LampLogRecord *record);
gboolean lamp_log_parse_dotnet(LampLog *log, LampBytes line, LampLogRecord *record);
gboolean lamp_log_parse_elasticsearch(LampLog *log, LampBytes line, LampLogRecord *record);
gboolean lamp_log_parse_haproxy(LampLog *log, LampBytes line, LampLogRecord *record);
gboolean lamp_log_parse_json(LampLog *log, LampBytes line, LampLogRecord *record);
gboolean lamp_log_parse_levels(LampLog *log, LampBytes line, LampLogRecord *record);
gboolean lamp_log_parse_logfmt(LampLog *log, LampBytes line, LampLogRecord *record);
gboolean lamp_log_parse_postgresql(LampLog *log, LampBytes line, LampLogRecord *record);
gboolean lamp_log_parse_syslog(LampLog *log, LampBytes line, LampLogRecord *record);
gboolean lamp_log_parse_application(LampLog *log, LampBytes line, LampLogRecord *record);
gboolean lamp_log_parse_swift(LampLog *log, LampBytes message, LampLogRecord *record);
gboolean lamp_log_parse_text(LampLog *log, LampBytes line, LampLogRecord *record);

/* What HAProxy appends to the common log format (`option httplog clf`), behind two empty quoted
 * texts: ports, names, timers. FALSE, and nothing taken, if it is something else. */
gboolean lamp_log_take_haproxy_clf(LampCursor *at, LampLogRecord *record);

/* Request, status and duration that a @message tells in words; a duration alone is a field. */
void lamp_log_take_line_request(LampLog *log, LampLogRecord *record, LampBytes message);

/* The record of .NET's console whose message is complete: its scopes, its call. */
void lamp_log_settle_headed(LampLog *log, LampLogRecord *record);

/* @line without the blanks that .NET's console puts before lines of a message. */
LampBytes lamp_log_without_indent(LampBytes line);

/* The request that a @message of ASP.NET Core says to have been served; FALSE if it tells of
 * none. */
gboolean lamp_log_take_dotnet_request(LampLogRecord *record, LampBytes message);

/* The job of a worker (Celery, Sidekiq, Active Job) that a @message says to have ended; FALSE
 * if it tells of none. */
gboolean lamp_log_take_job(LampLogRecord *record, LampBytes message);

/* The job @name that the message of @record says to have ended, after @elapsed seconds. */
void lamp_log_take_sidekiq(LampLogRecord *record, LampBytes name, LampBytes elapsed);

/* A phase of a search in an index (@place) of Elasticsearch that @took so long, as a call. */
void lamp_log_set_slow_search(LampLogRecord *record, LampBytes component, LampBytes place,
                              LampBytes took);

/* Where the seconds since boot end at the begin of a line of the kernel, or 0. */
gsize lamp_log_uptime_end(LampBytes line);

/* The operation, or its result, that a @message of OpenLDAP's server tells of. */
void lamp_log_take_slapd(LampLogRecord *record, LampBytes message);

/* Remembers a request that a line only begins, and gives it to the line of the same identifier
 * that ends it, which then is a call. */
void lamp_log_join_begin(LampLog *log, LampLogRecord *record);

/* When the request that began with this @id did, and how finely that is known, where it is not
 * ended yet; else LAMP_TIME_NONE. */
LampTime lamp_log_time_of_begin(LampLog *log, LampBytes id, gint64 *out_resolution_ns);

/* What nginx appends to its errors, of a record whose message is known. */
void lamp_log_take_nginx_error(LampLogRecord *record);

/* Any of the above, the cheapest test first. */
gboolean lamp_log_parse_any(LampLog *log, LampBytes line, LampLogRecord *record);

/* The same of forms that few lines have by chance. */
gboolean lamp_log_parse_strict(LampLog *log, LampBytes line, LampLogRecord *record);

/* A message inside another form: JSON, HAProxy, access, or plain text with pairs. */
void lamp_log_parse_body(LampLog *log, LampBytes body, LampLogRecord *record);

/* Does @text, a line of its own from the same program, go on with @record's message (a stack
 * trace)? What it begins with tells. */
gboolean lamp_log_goes_on(LampLog *log, LampBytes text, const LampLogRecord *record);

/* Then it is appended; else FALSE. */
gboolean lamp_log_join_text(LampLog *log, LampBytes text, LampLogRecord *record);

/* Severity, thread, process, logger and identifiers that stand between time and message in
 * their many orders; returns where the message begins, or -1 when @needs_time and there is no
 * time. */
gssize lamp_log_parse_head(LampLog *log, LampBytes line, gboolean needs_time,
                           LampLogRecord *record);

/* Takes the key=value pairs of a message. */
void lamp_log_parse_pairs(LampLog *log, LampBytes message, LampLogRecord *record);

/* Rails' controllers (lograge) write durations without a unit in milliseconds: for a record
 * with the fields of theirs. */
void lamp_log_scale_controller(LampLogRecord *record);

/* Moves @begin of a record with a @statement to that of the first step of the same statement in
 * the same session, or remembers it if the record is a step itself. FALSE if the record tells
 * of a failure of which no step is known: then there is no call. O(length of @statement). */
gboolean lamp_log_join_steps(LampLog *log, const LampLogRecord *record, LampBytes statement,
                             LampTime *begin) G_GNUC_WARN_UNUSED_RESULT;

/* Keeps the text of @record, a part, which began at @offset, for the next part of its stream:
 * if what follows is of another, @next_stream. FALSE: it is no such part. */
gboolean lamp_log_set_aside(LampLog *log, const LampLogRecord *record, LampBytes next_stream,
                            guint64 offset);

/* What was set aside of the stream of @record (its first field), with @text behind it; its time
 * becomes the record's. @text itself if there is nothing. */
LampBytes lamp_log_take_aside(LampLog *log, LampLogRecord *record, LampBytes text);

/* @record is complete, and so is what it took. */
void lamp_log_forget_aside(LampLog *log, const LampLogRecord *record);

/* Events of what is left aside at the end of a file. */
void lamp_log_emit_asides(LampLog *log, LampSink *sink);

/* The record's statement with the lines that were joined to it. */
LampBytes lamp_log_whole_statement(const LampLogRecord *record);

/* Observations of the calls that a finished record speaks of. @event_number as the sink gave
 * it. */
void lamp_log_emit_calls(LampLog *log, const LampLogRecord *record, guint64 event_number,
                         LampSink *sink);

/* @line without the colours of terminals; what @record holds then, or @line itself. */
LampBytes lamp_log_without_colours(LampLogRecord *record, LampBytes line);

/* Is @text a copy that @record holds, and no piece of the line? */
gboolean lamp_log_is_copied(const LampLogRecord *record, LampBytes text);

/* Appends a line to the message of @record, in a copy. */
void lamp_log_append_line(LampLogRecord *record, LampBytes line);

/* @line without the zeros at its begin. */
LampBytes lamp_log_without_zeros(LampBytes line);

/* Sets whether days stand before months in dates with slashes, from a log's first bytes; tells
 * @sink where they do not tell. O(256 KiB). */
void lamp_log_find_date_order(LampLog *log, LampBytes head, LampSink *sink);

/* java.util.logging writes `time class method`, and on the next line `SEVERITY: message`: is
 * @line that of @record? Then it has become its message. */
gboolean lamp_log_join_severity(LampLog *log, LampBytes line, LampLogRecord *record);
