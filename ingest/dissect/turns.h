/*
 * Turn taking: one call for each burst of the client with the burst of the server that answers
 * it. Shared by the dissectors of streams whose content is not understood (turns, TLS).
 */
#pragma once

#include "ingest/stream.h"

typedef struct {
    gboolean is_open;     /* a request was seen */
    gboolean is_answered; /* its response has begun */
    gboolean has_gap;
    gboolean is_cut; /* its beginning was before the capture */
    LampTime request_first, request_last, response_first, response_last;
    gint64 request_sequence, response_sequence;
    guint64 request_bytes, response_bytes;
} LampTurn;

/* Takes @bytes bytes of one segment into the turn; emits the turn before where a new one
 * begins. */
void lamp_turn_add(LampTurn *turn, LampStream *stream, const LampSegment *segment,
                   guint64 bytes);

/* Missing bytes count to the burst that they belong to. */
void lamp_turn_gap(LampTurn *turn, LampDirection direction, guint64 missing);

/* Emits what is open. */
void lamp_turn_end(LampTurn *turn, LampStream *stream);
