/*
 * One log record while it is being read: the event that will be stored, and what its fields say
 * about a call. All texts are borrowed from the line, from the record's scratch, or static.
 */
#pragma once

#include "base/limits.h"
#include "ingest/log/meaning.h"
#include "ingest/log/timestamp.h"
#include "store/rows.h"

/* Durations in nanoseconds; -1 unknown. */
typedef struct {
    LampBytes method, target, version, status, request_id;
    LampBytes protocol;         /* empty: http where the method is one of HTTP's */
    LampBytes statement;        /* SQL, to the end of the message */
    gboolean is_prepared;       /* execution of a statement prepared before */
    gboolean is_step;           /* preparation of a statement that is still to be run */
    gboolean is_only_upstream;  /* tells of the call to `upstream_address`, not of one served */
    gboolean is_unanswered;     /* a request to `upstream_address` that had no (whole) answer */
    gboolean is_begun;          /* a statement whose end another line tells */
    gboolean is_failed;         /* end of a statement, begun in lines before, by an error */
    LampBytes operation;        /* given as it is, instead of method and target */
    LampBytes pair_id;          /* what the lines of begin and end have in common */
    LampBytes upstream_address; /* one, or several separated by ", " or " : " */
    LampBytes upstream_connect, upstream_header, upstream_time, upstream_status; /* seconds */
    LampBytes rpc_service, rpc_method;
    gboolean is_callers; /* the line is of who called: its call is told by who was called */
    LampBytes peer;      /* name of the party that was called */
    LampEndpoint client;
    gboolean has_client;
    gboolean time_is_begin; /* the record's time is the begin of the call, not its end */
    gboolean is_error;
    gint64 duration_ns, duration_resolution_ns;
    gint64 request_ns;    /* begin to end of the request's arrival */
    gint64 peer_begin_ns; /* begin of the call to the request sent to `peer` */
    gint64 peer_first_ns; /* ditto to its first response byte */
    guint64 bytes_received, bytes_sent;
} LampLogCall;

/* Text put together from several lines; it moves as it grows. */
typedef struct {
    guint8 *bytes; /* owned, or NULL */
    gsize size;
} LampLogJoined;

typedef struct {
    LampEventRow event;
    LampLogCall call;
    LampBytes logger_key; /* name of the field that is the service for want of a better one */
    LampBytes bare_duration;               /* number whose name tells no unit; empty: none */
    gint64 time_seconds, time_nanoseconds; /* two-part times: -1 unknown */
    LampBytes body;        /* what follows time and writer; the message is its end */
    gboolean is_request;   /* an access line: no template is made of its message */
    gboolean names_packet; /* has an address of a packet: a firewall's line, perhaps */
    LampClockKind clock;   /* of the time, whether it was shown twice, or never */
    gboolean has_own_time; /* the text that a container wrote begins with a time */
    gboolean has_aside;    /* begins with parts that were set aside */
    gboolean is_logger;    /* the service is the name of a logger, not of the program */
    gboolean is_headed;    /* the message is in the lines behind the first (dotnet.c) */
    gboolean is_padded;    /* the severity, in brackets, as structlog does (head.c) */
    gboolean is_partial;   /* the message goes on in the next line */
    LampLogJoined parts; /* of one text: done when it is read, and what was read points there */
    LampLogJoined message; /* a message that was read, with lines that continue it */
    gsize depth;           /* of parsers inside parsers, bounded */
    guint8 *scratch;       /* owned; for unescaped text and joined keys */
    gsize scratch_used, scratch_size;
    LampField fields[LAMP_LIMIT_FIELDS];
} LampLogRecord;

/* Empties @record for a line of @line_length bytes, keeps its scratch (which is at least four
 * times as long afterwards). */
void lamp_log_record_clear(LampLogRecord *record, gsize line_length);

/* Frees the scratch; the record itself belongs to the caller. */
void lamp_log_record_release(LampLogRecord *record);

/* @n bytes that live as long as the record's line; NULL when the scratch is full. */
guint8 *lamp_log_record_take(LampLogRecord *record, gsize n);

/* @text with @more behind it, in @joined: valid until the next call with it. @text is what the
 * call before returned, or lies outside of @joined. */
LampBytes lamp_log_join(LampLogJoined *joined, LampBytes text, LampBytes more);

/* Adds a field without looking at its name. Fields above LAMP_LIMIT_FIELDS are dropped. */
void lamp_log_record_add(LampLogRecord *record, const char *slot, LampBytes value);
void lamp_log_record_add_field(LampLogRecord *record, LampBytes slot, LampBytes value);

/* The record's time, as it was read with @scanner. */
void lamp_log_record_set_time(LampLogRecord *record, const LampTimestampScanner *scanner,
                              const LampTimestamp *stamp);

/* Takes a named value for what its name means; what means nothing is added as a field. */
void lamp_log_record_set(LampLogRecord *record, LampTimestampScanner *scanner, LampBytes key,
                         LampBytes value);

/* The same with the meaning known. */
void lamp_log_record_set_meaning(LampLogRecord *record, LampTimestampScanner *scanner,
                                 LampMeaning meaning, LampBytes key, LampBytes value);

/* Reads the duration that has no unit (@record->bare_duration) again, in @unit_ns. */
void lamp_log_record_scale_duration(LampLogRecord *record, gint64 unit_ns);

/* `GET /path HTTP/1.1` into method, target and version; anything else becomes the target. */
void lamp_log_record_set_request_line(LampLogRecord *record, LampBytes line);

/* Static lower-case name of a severity as words or numbers give it ("WARN", "I", "30"), or
 * empty. */
LampBytes lamp_severity_of_word(LampBytes word);
LampBytes lamp_severity_of_value(LampBytes value);

/* "81.01", "12ms", "1.5 s", "1m2.5s" in ns. A bare number counts in @unit_ns; 0 means seconds
 * where it has a fraction, milliseconds where not. FALSE if it is no duration. */
gboolean lamp_duration_parse(LampBytes text, gint64 unit_ns, gint64 *out_ns,
                             gint64 *out_resolution_ns) G_GNUC_WARN_UNUSED_RESULT;

/* A decimal number, or 0 if @text is none. */
guint64 lamp_number_or_zero(LampBytes text);

/* "10.0.0.1", "10.0.0.1:80", "[::1]:80", "::1", "unix:/path", "name:80" as an endpoint. FALSE
 * if it is empty, "-" or no address. */
gboolean lamp_address_parse(LampBytes text,
                            LampEndpoint *out_endpoint) G_GNUC_WARN_UNUSED_RESULT;

/* IPv4 or IPv6 address alone; IPv4 is mapped to ::ffff:0:0/96. */
gboolean lamp_address_parse_ip(LampBytes text,
                               guint8 out_address[16]) G_GNUC_WARN_UNUSED_RESULT;
