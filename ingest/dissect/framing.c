/*
 * Cuts both streams of a connection into length-prefixed messages.
 *
 * In: segments. Out: LampFraming's callbacks. A message is handed out as soon as its first
 * `look` bytes are there; the rest is counted as it passes. A gap inside a message whose header
 * is there is counted over, as the length is known; any other gap, and any header that cannot
 * be one, makes the direction lost until a segment begins with a header that fits, followed by
 * another header if it is whole. Within a segment two whole messages and the begin of a third
 * are asked for, where an answer of many messages fills the segments without regard to their
 * borders.
 */
#include "ingest/dissect/framing.h"

#include "base/limits.h"

typedef struct {
    LampFramer *framer;
    const LampFraming *framing;
    gpointer state;
    LampStream *stream;
    LampFramerSide *side;
    const LampSegment *segment;
    LampView view;
} FramerStep;

void
lamp_framer_begin(LampFramer *framer, LampStream *stream)
{
    if (lamp_stream_is_midstream(stream))
        framer->sides[0].is_lost = framer->sides[1].is_lost = 1;
}

void
lamp_framer_stop(LampFramer *framer)
{
    framer->is_done = 1;
}

void
lamp_framer_clear(LampFramer *framer)
{
    lamp_buffer_clear(&framer->sides[0].buffer);
    lamp_buffer_clear(&framer->sides[1].buffer);
}

static void
lose(FramerStep *step)
{
    if (!step->framer->has_lost)
        lamp_stream_finding(step->stream, LAMP_FINDING_INVALID, step->framing->finding,
                            "not a message of the protocol; looking for the next one");
    step->framer->has_lost = 1;
    step->side->is_lost = 1;
    step->framing->lost(step->state, step->stream, step->segment->direction, 0);
}

static void
note_bytes(const FramerStep *step, gsize from, gsize to)
{
    LampExchange *exchange = step->side->frame.exchange;
    if (exchange == NULL)
        return;
    if (step->segment->direction == LAMP_TO_CLIENT)
        lamp_exchange_response_bytes(exchange, &step->view, from, to);
    else
        lamp_exchange_request_bytes(exchange, &step->view, from, to);
}

static void
note_missing(const FramerStep *step, guint64 missing)
{
    LampExchange *exchange = step->side->frame.exchange;
    if (exchange == NULL)
        return;
    exchange->flags |= LAMP_CALL_GAP;
    *(step->segment->direction == LAMP_TO_CLIENT ? &exchange->response_bytes
                                                 : &exchange->request_bytes) += missing;
}

static void
end_frame(FramerStep *step)
{
    LampFrame frame = step->side->frame;
    step->side->frame = (LampFrame){0};
    frame.bytes = lamp_bytes(NULL, 0);
    step->framing->frame_end(step->state, step->stream, &frame);
}

static gsize
step_skip(FramerStep *step, gsize at)
{
    gsize n = (gsize) MIN((guint64) (step->view.bytes.len - at), step->side->skip);
    step->side->skip -= n;
    note_bytes(step, at, at + n);
    if (step->side->skip == 0)
        end_frame(step);
    return n;
}

static gsize
step_frame(FramerStep *step, gsize at)
{
    const LampFraming *framing = step->framing;
    LampBytes rest = lamp_view_from(&step->view, at);
    if (rest.len < framing->header_size)
        return 0;
    gsize length = framing->length(step->state, step->segment->direction, rest);
    if (length == 0) {
        lose(step);
        return 0;
    }
    if (length == LAMP_FRAMING_MORE)
        return 0;
    gsize need = MIN(length, framing->look);
    if (rest.len < need)
        return 0;
    gsize n = MIN(rest.len, length);
    step->side->frame = (LampFrame){.direction = step->segment->direction,
                                    .bytes = lamp_bytes(rest.at, need),
                                    .length = length,
                                    .time = lamp_view_time(&step->view, at),
                                    .sequence = lamp_view_sequence(&step->view, at)};
    step->side->skip = length - n;
    framing->frame(step->state, step->stream, &step->side->frame);
    note_bytes(step, at, at + n);
    if (step->side->skip == 0)
        end_frame(step);
    return n;
}

guint
lamp_framing_count(const LampFraming *framing, gpointer state, LampDirection direction,
                   LampBytes bytes)
{
    guint count = 1;
    while (count < 4 && bytes.len >= framing->header_size) {
        gsize length = framing->length(state, direction, bytes);
        if (length == 0)
            return 0;
        if (length > bytes.len) /* or LAMP_FRAMING_MORE */
            return count;
        bytes = lamp_bytes(bytes.at + length, bytes.len - length);
        count++;
    }
    return count;
}

/* Bytes before messages that follow each other inside @rest; all of them where there are none.
 */
static gsize
find_messages(const FramerStep *step, LampBytes rest)
{
    enum { ENOUGH = 3, MOST_LOOKED_AT = 65536 };
    gsize last = MIN(rest.len, (gsize) MOST_LOOKED_AT);
    for (gsize i = 1; i + step->framing->header_size <= last; i++) {
        if (step->framing->is_lines && rest.at[i - 1] != '\n')
            continue;
        LampBytes from = lamp_bytes(rest.at + i, rest.len - i);
        if (lamp_framing_count(step->framing, step->state, step->segment->direction, from) >=
            ENOUGH)
            return i;
    }
    return rest.len;
}

static gsize
step_lost(FramerStep *step, gsize at)
{
    LampBytes rest = lamp_view_from(&step->view, at);
    gsize skipped = 0;
    if (rest.len < step->framing->header_size)
        return at > 0 ? rest.len : 0;
    if (at > 0 ||
        lamp_framing_count(step->framing, step->state, step->segment->direction, rest) == 0)
        skipped = find_messages(step, rest);
    if (skipped < rest.len)
        step->side->is_lost = 0;
    return skipped;
}

static gsize
step_any(FramerStep *step, gsize at)
{
    if (step->framer->is_done)
        return step->view.bytes.len - at;
    if (step->side->is_lost)
        return step_lost(step, at);
    return step->side->skip > 0 ? step_skip(step, at) : step_frame(step, at);
}

void
lamp_framer_segment(LampFramer *framer, const LampFraming *framing, gpointer state,
                    LampStream *stream, const LampSegment *segment)
{
    FramerStep step = {.framer = framer,
                       .framing = framing,
                       .state = state,
                       .stream = stream,
                       .side = &framer->sides[segment->direction],
                       .segment = segment};
    lamp_buffer_open(&step.side->buffer, segment, &step.view);
    gsize at = 0;
    while (at < step.view.bytes.len) {
        gboolean was_lost = step.side->is_lost;
        gsize n = step_any(&step, at);
        gboolean is_lost = step.side->is_lost;
        if (n == 0 && is_lost && !was_lost)
            n = step.view.bytes.len - at; /* the next segment may begin with a message */
        if (n == 0 && is_lost == was_lost)
            break;
        at += n;
    }
    if (!lamp_buffer_close(&step.side->buffer, &step.view, MIN(at, step.view.bytes.len),
                           framing->look + LAMP_LIMIT_PACKET))
        lose(&step);
}

/* Hands out the message whose begin is held, where the @missing bytes all belong to it: a snap
 * length cuts most messages so. */
static void
take_cut(FramerStep *step, guint64 missing)
{
    LampFramerSide *side = step->side;
    if (side->is_lost || step->framer->is_done || step->framing->needs_whole ||
        side->buffer.len < step->framing->header_size)
        return;
    lamp_buffer_open(&side->buffer, step->segment, &step->view);
    LampBytes held = step->view.bytes;
    gsize length = step->framing->length(step->state, step->segment->direction, held);
    if (length == LAMP_FRAMING_MORE || length <= held.len || missing > length - held.len)
        return;
    side->frame = (LampFrame){.direction = step->segment->direction,
                              .bytes = held,
                              .is_cut = TRUE,
                              .length = length,
                              .time = lamp_view_time(&step->view, 0),
                              .sequence = lamp_view_sequence(&step->view, 0)};
    side->skip = length - held.len;
    step->framing->frame(step->state, step->stream, &side->frame);
    note_bytes(step, 0, held.len);
}

void
lamp_framer_gap(LampFramer *framer, const LampFraming *framing, gpointer state,
                LampStream *stream, LampDirection direction, guint64 missing)
{
    LampFramerSide *side = &framer->sides[direction];
    LampSegment nothing = {.direction = direction, .sequence = -1};
    FramerStep step = {framer, framing, state, stream, side, &nothing, {{0}}};
    if (side->skip == 0)
        take_cut(&step, missing);
    lamp_buffer_clear(&side->buffer);
    if (side->skip > 0 && missing <= side->skip) {
        side->skip -= missing;
        note_missing(&step, missing);
        if (side->skip == 0)
            end_frame(&step);
        return;
    }
    side->skip = 0;
    side->frame = (LampFrame){0};
    side->is_lost = framer->has_lost = 1;
    framing->lost(state, stream, direction, LAMP_CALL_GAP);
}

void
lamp_framer_emit(LampFramer *framer, LampPairing *pairing, LampStream *stream,
                 LampExchange *exchange)
{
    for (guint i = 0; i < 2; i++)
        if (framer->sides[i].frame.exchange == exchange)
            framer->sides[i].frame.exchange = NULL;
    lamp_pairing_remove(pairing, exchange);
    lamp_exchange_emit(exchange, stream);
}

void
lamp_framer_drop(LampFramer *framer, LampPairing *pairing, LampStream *stream, guint32 flags)
{
    framer->sides[0].frame.exchange = framer->sides[1].frame.exchange = NULL;
    lamp_pairing_drop(pairing, stream, flags);
}

void
lamp_framer_lose(LampFramer *framer, LampPairing *pairing, LampStream *stream, guint32 flags)
{
    framer->sides[0].frame.exchange = framer->sides[1].frame.exchange = NULL;
    lamp_pairing_lose(pairing, stream, flags);
}

void
lamp_framer_tick(LampFramer *framer, LampPairing *pairing, LampStream *stream,
                 const LampSegment *segment)
{
    if (lamp_pairing_tick(pairing, stream, segment))
        framer->sides[0].frame.exchange = framer->sides[1].frame.exchange = NULL;
}
