/*
 * Fuzz target of one dissector, named by LAMP_FUZZ_DISSECTOR at compile time: one program for
 * each row of ingest/dissectors.c.
 *
 * The input is a conversation: one byte of flags (1: begun before the capture), then pieces of
 *   control byte, length (little endian, 2 bytes), that many bytes
 * where bit 0 of the control byte is the direction, bit 1 makes it a gap of that length
 * (without bytes), and the upper five bits cut the piece into segments of that size (0: whole).
 * The stream is one of the test's own making: it counts, checks and forgets. A connection that
 * becomes another protocol is over here.
 */
#include "base/limits.h"
#include "ingest/dissectors.h"
#include "ingest/stream.h"
#include "tests/fuzz/target.h"
#include "tests/support/render.h"

enum { FLAG_MIDSTREAM = 1, CONTROL_TO_CLIENT = 1, CONTROL_GAP = 2, CONTROL_SIZE_SHIFT = 3 };
enum { RENDERED_AT_MOST = 1 << 16 };

struct LampStream {
    LampRender *render;
    gboolean is_midstream, is_over;
    guint64 calls;
    LampTime now;
    guint64 offset[2];
};

static void
render_call(LampStream *stream, const LampObservationRow *call)
{
    lamp_render_observation(stream->render, call);
    if (stream->render->records->len > RENDERED_AT_MOST)
        g_string_truncate(stream->render->records, 0);
}

void
lamp_stream_call(LampStream *stream, LampObservationRow *call)
{
    stream->calls++;
    g_assert_cmpuint(call->operation.len, <=, LAMP_LIMIT_FIELD_VALUE);
    render_call(stream, call);
}

void
lamp_stream_finding(LampStream *stream, LampFindingKind kind, const char *code,
                    const char *text)
{
    LampFinding finding = {.kind = kind, .code = code, .text = text};
    stream->render->sink.finding(stream->render, &finding);
    if (stream->render->findings->len > RENDERED_AT_MOST)
        g_string_truncate(stream->render->findings, 0);
}

void
lamp_stream_swap(LampStream *stream)
{
    g_assert_cmpuint(stream->calls, ==, 0);
}

void
lamp_stream_become(LampStream *stream, const char *protocol, LampDirection direction,
                   LampBytes leftover)
{
    g_assert_true(direction == LAMP_TO_SERVER || direction == LAMP_TO_CLIENT);
    LampObservationRow row = {.operation = leftover};
    if (protocol != NULL)
        row.protocol = lamp_bytes_text(protocol);
    render_call(stream, &row);
    stream->is_over = TRUE;
}

void
lamp_stream_endpoints(const LampStream *stream G_GNUC_UNUSED, LampEndpoint *out_client,
                      LampEndpoint *out_server)
{
    *out_client = (LampEndpoint){.is_known = TRUE, .port = 40000};
    *out_server = (LampEndpoint){.is_known = TRUE, .port = 80};
}

void
lamp_stream_protocol(LampStream *stream, const char *name)
{
    if (name == NULL)
        return;
    LampObservationRow row = {.protocol = lamp_bytes_text(name)};
    render_call(stream, &row);
}

void
lamp_stream_flow(LampStream *stream, const LampFlowRow *flow)
{
    LampObservationRow row = {.operation = flow->attributes};
    render_call(stream, &row);
}

void
lamp_stream_keep(LampStream *stream G_GNUC_UNUSED)
{
}

void
lamp_stream_hand_over(LampStream *stream G_GNUC_UNUSED, gpointer thing,
                      GDestroyNotify free_thing)
{
    free_thing(thing);
}

gpointer
lamp_stream_take_over(LampStream *stream G_GNUC_UNUSED)
{
    return NULL;
}

void
lamp_stream_server_name(LampStream *stream, LampBytes name)
{
    LampObservationRow row = {.operation = name};
    render_call(stream, &row);
}

void
lamp_stream_alpn(LampStream *stream, LampBytes names)
{
    lamp_stream_server_name(stream, names);
}

void
lamp_stream_certificate(LampStream *stream, LampBytes names)
{
    lamp_stream_server_name(stream, names);
}

/* A secret for every connection, of the length that its first random byte chooses. */
LampBytes
lamp_stream_secret(const LampStream *stream G_GNUC_UNUSED, LampSecretKind kind,
                   const guint8 *client_random)
{
    static const guint8 secret[LAMP_SECRET_MAX];
    gsize len = kind != LAMP_SECRET_MASTER && client_random[0] < 0x80 ? 32 : LAMP_SECRET_MAX;
    return lamp_bytes(secret, client_random[0] == 0xff ? 0 : len);
}

gboolean
lamp_stream_has_secrets(const LampStream *stream G_GNUC_UNUSED)
{
    return TRUE;
}

void
lamp_stream_inside(LampStream *stream, const LampSegment *segment)
{
    LampObservationRow row = {.operation = segment->bytes, .request_first = segment->time};
    g_assert_cmpuint(segment->bytes.len, >, 0);
    render_call(stream, &row);
}

void
lamp_stream_inside_gap(LampStream *stream, LampDirection direction, guint64 missing)
{
    g_assert_true(direction == LAMP_TO_SERVER || direction == LAMP_TO_CLIENT);
    LampObservationRow row = {.request_bytes = missing};
    render_call(stream, &row);
}

gboolean
lamp_stream_is_midstream(const LampStream *stream)
{
    return stream->is_midstream;
}

static void
feed_gap(LampStream *stream, gpointer state, LampDirection direction, gsize missing)
{
    if (LAMP_FUZZ_DISSECTOR.gap != NULL)
        LAMP_FUZZ_DISSECTOR.gap(state, stream, direction, missing);
    stream->offset[direction] += missing;
}

static void
feed_piece(LampStream *stream, gpointer state, LampDirection direction, LampBytes bytes,
           gsize size)
{
    for (gsize at = 0; at < bytes.len && !stream->is_over;) {
        gsize n = size == 0 ? bytes.len : MIN(size, bytes.len - at);
        g_autofree guint8 *copy = g_memdup2(bytes.at + at, n);
        LampSegment segment = {.direction = direction,
                               .time = stream->now += LAMP_NS_PER_MS,
                               .sequence = (gint64) (guint32) stream->offset[direction],
                               .offset = stream->offset[direction],
                               .bytes = lamp_bytes(copy, n)};
        LAMP_FUZZ_DISSECTOR.segment(state, stream, &segment);
        stream->offset[direction] += n;
        at += n;
    }
}

static void
feed_conversation(LampStream *stream, gpointer state, LampCursor *in)
{
    LampBytes head, bytes;
    while (!stream->is_over && lamp_cursor_take(in, 3, &head)) {
        guint control = head.at[0];
        gsize len = lamp_le16(head.at + 1);
        LampDirection direction = control & CONTROL_TO_CLIENT ? LAMP_TO_CLIENT : LAMP_TO_SERVER;
        if (control & CONTROL_GAP)
            feed_gap(stream, state, direction, MAX(len, 1));
        else if (lamp_cursor_take(in, MIN(len, lamp_cursor_left(in)), &bytes))
            feed_piece(stream, state, direction, bytes, control >> CONTROL_SIZE_SHIFT);
    }
}

/* The probe sees the first bytes of each direction. */
static void
ask_probe(LampCursor in)
{
    LampBytes head, bytes, first[2] = {{NULL, 0}, {NULL, 0}};
    while ((first[0].len == 0 || first[1].len == 0) && lamp_cursor_take(&in, 3, &head)) {
        gsize len = head.at[0] & CONTROL_GAP ? 0 : lamp_le16(head.at + 1);
        if (!lamp_cursor_take(&in, MIN(len, lamp_cursor_left(&in)), &bytes))
            return;
        if (first[head.at[0] & CONTROL_TO_CLIENT].len == 0)
            first[head.at[0] & CONTROL_TO_CLIENT] = bytes;
    }
    if (LAMP_FUZZ_DISSECTOR.probe == NULL)
        return;
    gboolean swapped = FALSE;
    g_autofree guint8 *to_server = g_memdup2(first[0].at, first[0].len);
    g_autofree guint8 *to_client = g_memdup2(first[1].at, first[1].len);
    guint score = LAMP_FUZZ_DISSECTOR.probe(lamp_bytes(to_server, first[0].len),
                                            lamp_bytes(to_client, first[1].len), 80, &swapped);
    g_assert_cmpuint(score, <=, 100);
}

int
LLVMFuzzerTestOneInput(const guint8 *at, gsize len)
{
    if (len < 1)
        return 0;
    LampCursor in = lamp_cursor(lamp_bytes(at + 1, len - 1));
    ask_probe(in);
    LampStream stream = {.render = lamp_render_new(),
                         .is_midstream = (at[0] & FLAG_MIDSTREAM) != 0,
                         .now = LAMP_NS_PER_SECOND};
    g_autofree gpointer state = g_malloc0(MAX(LAMP_FUZZ_DISSECTOR.state_size, 1));
    if (LAMP_FUZZ_DISSECTOR.begin != NULL)
        LAMP_FUZZ_DISSECTOR.begin(state, &stream);
    feed_conversation(&stream, state, &in);
    LAMP_FUZZ_DISSECTOR.end(state, &stream);
    lamp_render_free(stream.render);
    return 0;
}
