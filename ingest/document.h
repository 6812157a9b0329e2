/*
 * Walks the structure of a JSON document that is too long for one window: brackets, names of
 * members and strings byte by byte, while a reader takes the objects that it knows as a whole.
 * Shared by the readers of traces and of OpenTelemetry's logs.
 */
#pragma once

#include "ingest/coverage.h"
#include "ingest/sink.h"

enum { LAMP_DOCUMENT_WORD = 16, LAMP_DOCUMENT_OTHER = 0 };

/* A member whose value matters. */
typedef struct {
    const char *name; /* at most LAMP_DOCUMENT_WORD bytes */
    guint8 key;       /* the reader's number for it; never LAMP_DOCUMENT_OTHER */
} LampDocumentName;

typedef struct {
    const LampDocumentName *names; /* ends with a row without a name */
    /* The object that begins at the cursor: moves the cursor behind it if it is taken as a
     * whole, else leaves it, to be walked into. FALSE: more bytes are needed to tell. */
    gboolean (*object)(gpointer owner, LampCursor *in, guint64 offset, gboolean last,
                       LampSink *sink);
    void (*open)(gpointer owner, guint8 mark);
    void (*close)(gpointer owner, guint8 mark, guint64 offset, LampSink *sink);
} LampDocumentKind;

typedef struct {
    LampCoverage coverage;
    gboolean is_lost; /* set by the reader: the rest of the source is left out */
    guint8 key; /* of the value that comes; LAMP_DOCUMENT_OTHER for a name that is in no row */
    guint8 word[LAMP_DOCUMENT_WORD];
    gsize word_length; /* of the string before, G_MAXSIZE if longer */
} LampDocument;

/* Takes what the window holds. TRUE: the source has ended here, after a whole piece, and was
 * not lost; what the reader still holds open was cut. Linear in the bytes taken. */
gboolean lamp_document_walk(LampDocument *document, const LampDocumentKind *kind,
                            gpointer owner, LampCursor *in, guint64 offset, gboolean last,
                            LampSink *sink);
