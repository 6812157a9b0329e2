/*
 * Messages with a length in their header, for the many protocols that have them.
 *
 * A protocol describes its header (LampFraming) and is then told each message of either
 * direction: first frame(), with the header and as much of the body as it asked to see, and,
 * when the last byte has passed, frame_end(). Between the two, bytes that nobody looks at are
 * passed over without being kept; frame() may set frame->exchange, whose byte counts and times
 * then follow them. After a gap or damage, lost() is told, and reading goes on at the next
 * segment that begins with what looks like messages, or where several whole ones follow each
 * other. Put a LampFramer into the state and
 * forward the dissector's functions.
 */
#pragma once

#include "ingest/dissect/pairing.h"

typedef struct {
    LampDirection direction;
    LampBytes bytes;        /* header and body, cut after `look` bytes; empty in frame_end() */
    gboolean is_cut;        /* bytes has less than that: the rest was not captured */
    gsize length;           /* of the whole message */
    LampTime time;          /* of its first byte */
    gint64 sequence;        /* of its first byte */
    LampExchange *exchange; /* set by frame(): counts the message's bytes */
    guint64 key;            /* set by frame() for frame_end() */
    guint32 note;
} LampFrame;

#define LAMP_FRAMING_MORE G_MAXSIZE /* from length(): more bytes are needed to tell */

typedef struct {
    gsize header_size;
    gsize look; /* bytes of a message that frame() wants to see at most */
    /* Length of the message that begins with these header_size bytes or more; 0 if it is none.
     */
    gsize (*length)(gpointer state, LampDirection direction, LampBytes bytes);
    void (*frame)(gpointer state, LampStream *stream, LampFrame *frame);
    /* The message is over. The bytes are gone, the rest is as frame() left it. */
    void (*frame_end)(gpointer state, LampStream *stream, const LampFrame *frame);
    /* Messages are missing (@flags LAMP_CALL_GAP) or damaged (0). */
    void (*lost)(gpointer state, LampStream *stream, LampDirection direction, guint32 flags);
    const char *finding;  /* code for damage: "mysql.packet" */
    gboolean is_lines;    /* messages are lines of text, and begin behind a line's end */
    gboolean needs_whole; /* frame() wants no message that is_cut */
} LampFraming;

typedef struct {
    LampBuffer buffer;
    LampFrame frame; /* being passed over, while skip > 0 */
    guint64 skip;
    guint8 is_lost;
} LampFramerSide;

typedef struct {
    LampFramerSide sides[2];
    guint8 has_lost; /* at any time */
    guint8 is_done;  /* lamp_framer_stop() */
} LampFramer;

/* Starts to look for messages where the capture began inside the connection. */
void lamp_framer_begin(LampFramer *framer, LampStream *stream);

void lamp_framer_segment(LampFramer *framer, const LampFraming *framing, gpointer state,
                         LampStream *stream, const LampSegment *segment);
void lamp_framer_gap(LampFramer *framer, const LampFraming *framing, gpointer state,
                     LampStream *stream, LampDirection direction, guint64 missing);

/* From frame(): nothing of the connection is read any more (another protocol takes over). */
void lamp_framer_stop(LampFramer *framer);

/* Frees what is kept. */
void lamp_framer_clear(LampFramer *framer);

/* For probes: 0 if @bytes cannot begin with messages of the framing; else 1 more than the
 * number of whole messages, at most 4. No bytes count as 1. @state as length() takes it. */
guint lamp_framing_count(const LampFraming *framing, gpointer state, LampDirection direction,
                         LampBytes bytes);

/* Takes @exchange out of @pairing (if it is there), forgets it in both directions, emits it. */
void lamp_framer_emit(LampFramer *framer, LampPairing *pairing, LampStream *stream,
                      LampExchange *exchange);

/* Emits all that waits, as lamp_pairing_drop() or, for FIFO protocols, lamp_pairing_lose(). */
void lamp_framer_drop(LampFramer *framer, LampPairing *pairing, LampStream *stream,
                      guint32 flags);
void lamp_framer_lose(LampFramer *framer, LampPairing *pairing, LampStream *stream,
                      guint32 flags);

/* lamp_pairing_tick() for FIFO protocols. */
void lamp_framer_tick(LampFramer *framer, LampPairing *pairing, LampStream *stream,
                      const LampSegment *segment);
