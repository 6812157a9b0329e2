/*
 * The walk over a JSON document's structure; see document.h. In: bytes. Out: the reader's own
 * calls for objects and brackets, and coverage of what is between them. Nothing is kept but the
 * last string, where it is short enough for a name; nesting is the reader's to count.
 */
#include "ingest/document.h"

#include <string.h>

/* The string that ended was a member's name. */
static guint8
key_of(const LampDocument *document, const LampDocumentName *names)
{
    for (; names->name != NULL; names++)
        if (document->word_length == strlen(names->name) &&
            memcmp(document->word, names->name, document->word_length) == 0)
            return names->key;
    return LAMP_DOCUMENT_OTHER;
}

/* A string to its end; FALSE: it does not end in the window. */
static gboolean
take_text(LampDocument *document, LampCursor *in)
{
    const guint8 *begin = in->at + 1, *p = begin;
    while (p < in->end && *p != '"')
        p += *p == '\\' ? 2 : 1;
    if (p >= in->end)
        return FALSE;
    gsize length = (gsize) (p - begin);
    document->word_length = length <= LAMP_DOCUMENT_WORD ? length : G_MAXSIZE;
    if (length <= LAMP_DOCUMENT_WORD && length > 0)
        memcpy(document->word, begin, length);
    in->at = p + 1;
    return TRUE;
}

static void
take_mark(LampDocument *document, const LampDocumentKind *kind, gpointer owner, guint8 byte,
          guint64 offset, LampSink *sink)
{
    if (byte == '{' || byte == '[')
        kind->open(owner, byte);
    else if (byte == '}' || byte == ']')
        kind->close(owner, byte, offset, sink);
    if (byte == ':')
        document->key = key_of(document, kind->names);
    else if (byte != '\0' && strchr("{[}],", byte) != NULL)
        document->key = LAMP_DOCUMENT_OTHER;
}

/* One piece of structure; FALSE: more bytes are needed for it. */
static gboolean
take_piece(LampDocument *document, const LampDocumentKind *kind, gpointer owner, LampCursor *in,
           guint64 offset, gboolean last, LampSink *sink)
{
    const guint8 *begin = in->at;
    guint8 byte = *begin;
    if (byte == '{' && !kind->object(owner, in, offset, last, sink))
        return FALSE;
    if (in->at > begin) {
        document->key = LAMP_DOCUMENT_OTHER;
        return TRUE;
    }
    if (byte == '"' && !take_text(document, in)) {
        if (!last)
            return FALSE;
        in->at = in->end;
    } else if (byte != '"') {
        in->at++;
        take_mark(document, kind, owner, byte, offset, sink);
    }
    lamp_coverage_other(&document->coverage, offset, (guint64) (in->at - begin));
    return TRUE;
}

gboolean
lamp_document_walk(LampDocument *document, const LampDocumentKind *kind, gpointer owner,
                   LampCursor *in, guint64 offset, gboolean last, LampSink *sink)
{
    const guint8 *base = in->at;
    while (
        !sink->stop && !document->is_lost && in->at < in->end &&
        take_piece(document, kind, owner, in, offset + (guint64) (in->at - base), last, sink))
        continue;
    if (document->is_lost && in->at < in->end) {
        lamp_coverage_lost(&document->coverage, offset + (guint64) (in->at - base),
                           lamp_cursor_left(in));
        in->at = in->end;
    }
    return last && !document->is_lost && in->at == in->end && !sink->stop;
}
