/*
 * The interface of a format: log or capture. A reader is pushed bytes and pulls nothing, so the
 * same code serves files, pipes, compressed input, fuzzing, chunk-boundary tests and
 * resumption.
 *
 * Life: the caller gives `state_size` zeroed bytes, calls begin() once, then step() again and
 * again with whatever is in memory, and end() once. step() consumes whole units from @in and
 * leaves the rest; with @last it must consume everything (an incomplete unit becomes a
 * finding). A reader never holds more than LAMP_LIMIT_WINDOW unconsumed bytes: when the window
 * is full and step() consumes nothing, the caller drops a line's worth and records a finding.
 *
 * Adding a format: one file with one LampReader, one row in ingest/readers.c, samples in
 * fixtures/, and the generic tests (chunking, prefix, confusion of probes, fuzzing) cover it.
 */
#pragma once

#include "base/zone.h"
#include "ingest/sink.h"

typedef enum {
    LAMP_STEP_NEED_BYTES, /* call again with more */
    LAMP_STEP_END,        /* the rest of the source is not for this reader */
} LampStep;

typedef enum {
    LAMP_KIND_CAPTURE,
    LAMP_KIND_LOG,
    LAMP_KIND_FLOW,
    LAMP_KIND_SPAN,
    LAMP_KIND_TABLE
} LampKind;

/* Did times that were read name their zones? */
enum { LAMP_ZONE_NAMED = 1, LAMP_ZONE_UNNAMED = 2 };

/* What the run knows about the source that is being read. */
typedef struct {
    const char *path;    /* for the hints in names only; readers never open files */
    const char *host;    /* host that wrote it, or NULL */
    LampTime modified;   /* file time: completes times without a year; LAMP_TIME_NONE unknown */
    gint32 zone_seconds; /* for times without zone; east positive */
    const LampZone *zone; /* likewise, where it has a name; `zone_seconds` is then its offset at
                           * the file's time. NULL: none */
    gboolean zone_is_given;     /* FALSE: zone_seconds is a guess (0) */
    gboolean without_templates; /* leave messages as they are */
    LampTime begun; /* when it begins, where `modified` gives a wrong year; 0: not known */
    guint8
        *zones_seen; /* LAMP_ZONE_… of the times that were read are added; NULL: nobody asks */
    gpointer *begins;    /* requests that are open where the log went on in an older file, for
                          * readers of logs: they take them, and leave theirs; or NULL */
    const char *pattern; /* text of a user's format, for the reader that compiles it; or NULL */
} LampSourceContext;

typedef struct {
    const char *name;    /* stable: stored in the database, given to --format */
    const char *summary; /* one line for `lamplight formats` */
    const char *spec;    /* documentation or RFC that it follows */
    LampKind kind;
    gsize state_size;
    /* 0 no … 100 magic seen. @head: the first bytes, up to 64 KiB. Pure. Text formats give the
     * share of lines that they understand, scaled to at most 90. */
    guint (*probe)(LampBytes head, const char *path);
    void (*begin)(gpointer state, const LampSourceContext *context);
    /* @offset: of in->at in the uncompressed content. */
    LampStep (*step)(gpointer state, LampCursor *in, guint64 offset, gboolean last,
                     LampSink *sink);
    void (*end)(gpointer state, LampSink *sink);
} LampReader;

/* The table of formats, NULL-terminated, alphabetical (ingest/readers.c). */
extern const LampReader *const lamp_readers[];

/* Reader by its name, or NULL. */
const LampReader *lamp_reader_find(const char *name);
