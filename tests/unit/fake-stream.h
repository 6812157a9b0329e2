/*
 * A connection for tests of dissectors: replays a written conversation in any segmentation and
 * writes each call as one line of text.
 *
 * Turn i of the conversation happens at i seconds; its pieces follow each other by a
 * microsecond. A line reads POSITION OPERATION [STATUS] FLAGS REQUEST_BYTES/RESPONSE_BYTES
 * @T,T,T,T SLOT=VALUE <SLOT=VALUE with the four times as turn numbers (- unknown), and `<`
 * before values of the response.
 */
#pragma once

#include "ingest/dissectors.h"
#include "ingest/stream.h"
#include "tests/unit/fake-stream-ignored.h"
#include "tests/unit/seed.h"
#include "tests/unit/suite.h"

#define REPLAY(dissector, turns, expected) \
    replay_all(&(dissector), turns, G_N_ELEMENTS(turns), FALSE, expected)
#define REPLAY_MIDSTREAM(dissector, turns, expected) \
    replay_all(&(dissector), turns, G_N_ELEMENTS(turns), TRUE, expected)

struct LampStream {
    GString *lines;
    gboolean is_midstream, swapped;
    guint64 calls;
    guint findings;
    const char *became;
    gboolean has_become;
};

static const char *
show_time(LampTime time)
{
    static char texts[4][24];
    static guint next;
    char *text = texts[next++ % 4];
    if (time == LAMP_TIME_NONE)
        return "-";
    g_snprintf(text, sizeof texts[0], "%" G_GINT64_FORMAT, time / LAMP_NS_PER_SECOND);
    return text;
}

void
lamp_stream_call(LampStream *stream, LampObservationRow *call)
{
    static const char flag_letters[] = "NGOPQA";
    stream->calls++;
    g_string_append_printf(stream->lines, "%" G_GUINT64_FORMAT " %.*s [%.*s]",
                           call->position != 0 ? call->position : stream->calls,
                           (int) call->operation.len, call->operation.at,
                           (int) call->status.len, call->status.at);
    if (call->is_error)
        g_string_append_c(stream->lines, '!');
    for (guint i = 0; i < 6; i++)
        if (call->flags & 1u << i)
            g_string_append_c(stream->lines, flag_letters[i]);
    g_string_append_printf(stream->lines, " %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT,
                           call->request_bytes, call->response_bytes);
    g_string_append_printf(stream->lines, " @%s,%s,%s,%s", show_time(call->request_first),
                           show_time(call->request_last), show_time(call->response_first),
                           show_time(call->response_last));
    for (gsize i = 0; i < call->value_count; i++) {
        const LampValue *v = &call->values[i];
        g_string_append_printf(stream->lines, " %s%.*s=%.*s",
                               v->side == LAMP_SIDE_RESPONSE ? "<" : "", (int) v->slot.len,
                               v->slot.at, (int) v->value.len, v->value.at);
    }
    g_string_append_c(stream->lines, '\n');
}

void
lamp_stream_finding(LampStream *stream, LampFindingKind kind, const char *code,
                    const char *text)
{
    (void) kind, (void) code, (void) text;
    stream->findings++;
}

void
lamp_stream_swap(LampStream *stream)
{
    stream->swapped = !stream->swapped;
}

void
lamp_stream_become(LampStream *stream, const char *protocol, LampDirection direction,
                   LampBytes leftover)
{
    (void) direction, (void) leftover;
    stream->became = protocol;
    stream->has_become = TRUE;
}

void
lamp_stream_endpoints(const LampStream *stream, LampEndpoint *out_client,
                      LampEndpoint *out_server)
{
    (void) stream;
    *out_client = (LampEndpoint){.port = 40000};
    *out_server = (LampEndpoint){.port = 80};
}

gboolean
lamp_stream_is_midstream(const LampStream *stream)
{
    return stream->is_midstream;
}

/* Feeds one turn in pieces of @piece bytes (0: whole, negative: random up to 40). The bytes are
 * copied to the heap, so that a read past a segment is seen by AddressSanitizer. */
static inline void
feed_turn(const LampDissector *d, gpointer state, LampStream *stream, const Turn *turn,
          guint number, int piece, GRand *random, guint64 offsets[2])
{
    LampDirection direction =
        turn->direction == '>' || turn->direction == '}' ? LAMP_TO_SERVER : LAMP_TO_CLIENT;
    if (turn->direction == '}' || turn->direction == '{') {
        offsets[direction] += turn->bytes.len;
        if (d->gap != NULL)
            d->gap(state, stream, direction, turn->bytes.len);
        return;
    }
    gsize at = 0;
    for (guint i = 0; at < turn->bytes.len && !stream->has_become; i++) {
        gsize n = piece == 0  ? turn->bytes.len
                  : piece > 0 ? (gsize) piece
                              : (gsize) g_rand_int_range(random, 1, 40);
        n = MIN(n, turn->bytes.len - at);
        g_autofree guint8 *copy = g_memdup2(turn->bytes.at + at, n);
        LampSegment segment = {.direction = direction,
                               .time = (LampTime) number * LAMP_NS_PER_SECOND + i * 1000,
                               .sequence = (gint64) (1000 + offsets[direction]),
                               .offset = offsets[direction],
                               .bytes = lamp_bytes(copy, n)};
        d->segment(state, stream, &segment);
        offsets[direction] += n;
        at += n;
    }
}

static inline void
replay(const LampDissector *d, const Turn *turns, gsize count, int piece, guint32 seed,
       LampStream *stream)
{
    GRand *random = g_rand_new_with_seed(seed);
    gpointer state = g_malloc0(d->state_size);
    guint64 offsets[2] = {0, 0};
    stream->lines = g_string_new(NULL);
    if (d->begin != NULL)
        d->begin(state, stream);
    for (gsize i = 0; i < count; i++)
        feed_turn(d, state, stream, &turns[i], (guint) i, piece, random, offsets);
    if (d->end != NULL)
        d->end(state, stream);
    g_free(state);
    g_rand_free(random);
}

/* Replays whole, byte by byte and in twenty random segmentations: each must give @expected. */
static inline void
replay_all(const LampDissector *d, const Turn *turns, gsize count, gboolean is_midstream,
           const char *expected)
{
    seed_write_conversation(d, turns, count, is_midstream);
    for (int run = 0; run < 22; run++) {
        LampStream stream = {.is_midstream = is_midstream};
        replay(d, turns, count, run < 2 ? run : -1, (guint32) run, &stream);
        ck_assert_str_eq(stream.lines->str, expected);
        g_string_free(stream.lines, TRUE);
    }
}
