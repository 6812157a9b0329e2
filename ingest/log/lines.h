/*
 * The common part of all line-based log readers: lines out of bytes, records out of lines
 * (stack traces and other continuations joined to their first line), events, observations,
 * findings and coverage out of records.
 *
 * A format is a LampLogFormat with one function that reads a line. Lines that it does not know
 * are tried as any of the common forms, so files with mixed content are read too.
 */
#pragma once

#include "ingest/log/comma-number.h"
#include "ingest/log/json.h"
#include "ingest/log/record.h"
#include "ingest/log/template.h"
#include "ingest/reader.h"

typedef struct LampLog LampLog;

typedef struct {
    /* TRUE if @line (without its end) is a record of this format; fills @record, which is
     * empty. Pure but for @log's caches. */
    gboolean (*parse)(LampLog *log, LampBytes line, LampLogRecord *record);
    /* May be NULL. TRUE if @line belongs to @record, which was read before; what it adds is put
     * into it. */
    gboolean (*join)(LampLog *log, LampBytes line, LampLogRecord *record);
    /* May be NULL. TRUE if @line is no record but tells how the lines after it are to be read.
     */
    gboolean (*header)(LampLog *log, LampBytes line, gboolean is_first);
    /* May be NULL. TRUE if @line is one that servers write when they start, about the file
     * itself: understood, and no record. */
    gboolean (*is_banner)(LampBytes line);
    /* May be NULL. The last word on a record that is complete, in the order of the file: each
     * is handed over once. May keep what it learns in the format's state. */
    void (*settle)(LampLog *log, LampLogRecord *record);
    /* May be NULL. Frees what the format's state owns. */
    void (*release)(LampLog *log);
    const char *without_time; /* why lines of the format may have none; or NULL */
    gsize state_size;         /* where the state is more than a LampLog; else 0 */
    gboolean holds_bytes;     /* lengths and other bytes that are no text stand in it */
    gboolean joins_lines;     /* a line without time belongs to the record before it */
    gboolean keeps_parts;     /* parts of a text may stand apart (asides.c) */
    guint most;               /* probe result when all lines are understood, 1 to 90 */
} LampLogFormat;

enum {
    LAMP_LOG_KEYS = 48,
    LAMP_LOG_KEY_BYTES = 31,
    LAMP_LOG_SESSIONS = 64,
    LAMP_LOG_CONSTANTS = 64,
    LAMP_LOG_CONSTANT_BYTES = 95,
};

/* A message without variable parts: its template is the same each time. */
typedef struct {
    guint8 length, masked_length; /* length 0: none */
    guint8 message[LAMP_LOG_CONSTANT_BYTES], masked[LAMP_LOG_CONSTANT_BYTES];
} LampLogConstant;

/* A statement that is still being prepared. */
typedef struct {
    guint64 process;   /* 0: none */
    guint64 statement; /* hash of its text */
    LampTime begin;    /* of its first step */
    LampTime end;      /* of its last step */
} LampLogSession;

enum { LAMP_LOG_BEGINS = 4096, LAMP_LOG_BEGIN_ID = 64, LAMP_LOG_BEGIN_BYTES = 256 };

/* A request that was begun and is not ended yet. */
typedef struct {
    guint8 id_length, method_length; /* 0: none */
    guint16 target_length;
    guint8 id[LAMP_LOG_BEGIN_ID];
    guint8 text[LAMP_LOG_BEGIN_BYTES]; /* method, or operation, and target */
    LampTime time;
    gint64 resolution_ns;
    LampEndpoint client; /* of address and port only */
    gboolean has_client;
} LampLogBegin;

/* Parts of a text, the rest of which comes behind lines of another stream. */
typedef struct {
    LampLogJoined text; /* owned bytes */
    gsize text_length;  /* 0: none */
    LampTime time;      /* of the first part */
    gint64 resolution_ns;
    guint64 offset;
} LampLogAside;

/* State of a reader; zeroed by the caller. */
struct LampLog {
    const LampLogFormat *format;
    LampSourceContext context;
    LampTimestampScanner scanner, scanner_at_record;
    LampTimestampScanner inner_scanner; /* for times at the begin of nested messages */
    guint64 line_number;                /* lines consumed */
    guint64 skipping;       /* bytes of an over-long line that are gone, 0 if none */
    gboolean has_head;      /* of that line, the begin is an event */
    gboolean is_full;       /* the record before has grown to its limit */
    gboolean has_told_time; /* that records have none */
    guint key_position;
    struct {
        guint8 length;
        guint8 key[LAMP_LOG_KEY_BYTES];
        LampMeaning meaning;
    } keys[LAMP_LOG_KEYS]; /* what stood at this position of the line before */
    struct {
        guint8 length;
        guint8 key[LAMP_LOG_KEY_BYTES];
        gboolean may_tie;
    } slots[LAMP_LOG_KEYS];     /* likewise for the fields of a call */
    LampCommaStyle comma_style; /* of the durations in messages */
    LampJsonShape shape;        /* of the objects that are lines */
    LampLogSession sessions[LAMP_LOG_SESSIONS];
    LampLogConstant constants[LAMP_LOG_CONSTANTS]; /* by a hash of the message */
    LampLogBegin *begins;                          /* owned; see begins.c; or NULL */
    gpointer extra;                                /* of the format */
    LampLogAside asides[2];                        /* of stdout, of stderr; see asides.c */
    LampMasked masked;                             /* of the record being emitted */
    LampLogRecord records[2];
};

/* The three lines that MySQL writes at the top of its logs, at every start. */
gboolean lamp_log_is_mysql_banner(LampBytes line);

/* Sets up a zeroed @log. */
void lamp_log_begin(LampLog *log, const LampLogFormat *format,
                    const LampSourceContext *context);

/* LampReader.step and .end for a state that begins with a LampLog. */
LampStep lamp_log_step(gpointer state, LampCursor *in, guint64 offset, gboolean last,
                       LampSink *sink);
void lamp_log_end(gpointer state, LampSink *sink);

/* What follows from @record, which is complete and was read from @length bytes at @offset: its
 * template, event, calls and flow records, told to @sink. */
void lamp_log_emit(LampLog *log, LampLogRecord *record, guint64 offset, guint64 length,
                   LampSink *sink);

/* Does @line begin as lines do that belong to the one before (a stack trace)? */
gboolean lamp_log_looks_continued(LampBytes line);

/* Share of the lines of @head that @format understands, scaled to its `most`. */
guint lamp_log_probe(const LampLogFormat *format, LampBytes head);

/* Gives a named value to the record by its meaning; remembers the meaning by position. */
void lamp_log_set(LampLog *log, LampLogRecord *record, LampBytes key, LampBytes value);

/* The same for a value inside a message, where names like `host` do not speak of the line. */
void lamp_log_set_inner(LampLog *log, LampLogRecord *record, LampBytes key, LampBytes value);

/* Sets time and resolution of @record if @text begins with a time; bytes used, or 0. */
gsize lamp_log_take_time(LampLog *log, LampLogRecord *record, LampBytes text);
