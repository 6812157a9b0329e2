/*
 * One run of the ingest stage, and the reading of one member of one file. Private to ingest.c
 * and feed.c.
 */
#pragma once

#include "base/keyed-map.h"
#include "ingest/ingest.h"
#include "ingest/input.h"
#include "ingest/log/occurrences.h"
#include "ingest/log/zone-shifts.h"
#include "ingest/packets.h"
#include "ingest/reader.h"
#include "ingest/utf16.h"
#include "store/writer.h"

typedef struct {
    LampStore *store;
    LampWriter *writer;
    LampOccurrences *seen; /* values of all records in the store; NULL if not all were seen */
    gint64 source_id;      /* of the member being read */
    GArray *logs;          /* LampZoneLog, those that were read */
    const LampIngestOptions *options;
    LampIngestCounts *counts;
    LampKeyLog *secrets;       /* of TLS connections, from all key logs and captures */
    LampKnownTemplates *known; /* of another database, or NULL */
    gpointer begins;     /* requests that are open at the end of the log before, or NULL */
    char *family;        /* that log (rotation.h), or NULL */
    char *patterns;      /* text of the user's formats, or NULL */
    guint64 total_bytes; /* of all files on disk, for progress */
    guint64 done_bytes;  /* of the finished files */
    guint8 *window;      /* bytes between input and reader */
    gsize window_size;
} LampIngestRun;

/* What one member turned out to hold; texts owned. */
typedef struct {
    LampSink sink;
    LampIngestRun *run;
    LampSourceRow row;
    LampPackets *packets; /* for captures */
    GArray *codes;        /* LampCodeCount, in order of first appearance */
    GArray *forms;        /* likewise for the forms of lines that are not the format's */
    char *forms_json;
    char *note;
    char *host;
    LampZone *zone; /* or NULL */
    guint8 zones_seen;
    LampUtf16 utf16;       /* where the content is */
    LampBytes window;      /* what is decoded of it, for the places of what is found there */
    guint64 window_offset; /* of the decoded text */
    LampZoneLog log;       /* what its events tell of their zone */
} LampMember;

typedef struct {
    const char *code; /* static text; of a finding, or the name of a form */
    guint64 count;
} LampCodeCount;

/* Reads the current member of @input with the best reader and hands rows to the writer; the
 * caller has opened the source's transaction and closes it. FALSE only when the user asked for
 * an end. */
gboolean lamp_member_read(LampMember *member, LampInput *input, const LampSource *source,
                          const char *shown_path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Prepares a member's sink; pairs with lamp_member_clear(). */
void lamp_member_init(LampMember *member, LampIngestRun *run);
void lamp_member_clear(LampMember *member);

/* The content is over: ends the connections and writes the counts of findings that were not
 * stored. */
void lamp_member_flush(LampMember *member);

/* Records a finding of the run itself. */
void lamp_member_finding(LampMember *member, LampFindingKind kind, const char *code,
                         guint64 offset, const char *text);
