/*
 * @summary SMTP: commands and replies, a message's content as one command
 * @spec RFC 5321
 *
 * In: both streams of a connection. Out: one call for each command, named by its verb; the
 * greeting is none. Replies answer in order (also with PIPELINING, RFC 2920); a reply is one or
 * more lines `ddd-text`, the last `ddd text`. After `354` the client's lines up to a single dot
 * are one call, `message`; BDAT announces its length. The status is the reply code, from 500 on
 * an error. After STARTTLS the rest is TLS. Addresses, texts and passwords are not kept: AUTH's
 * further lines are read as part of it.
 */
#include "base/limits.h"
#include "base/text.h"
#include "ingest/dissect/framing.h"

enum { LOOK = 4096, MAX_LINE = 16384, MAX_CHUNK = 268435456 };
enum { KIND_PLAIN, KIND_DATA, KIND_AUTH, KIND_TLS, KIND_CONTENT };

static const struct {
    const char *verb;
    guint8 kind;
} verbs[] = {{"HELO", 0},    {"EHLO", 0},         {"LHLO", 0},
             {"MAIL", 0},    {"RCPT", 0},         {"DATA", KIND_DATA},
             {"BDAT", 0},    {"RSET", 0},         {"NOOP", 0},
             {"QUIT", 0},    {"VRFY", 0},         {"EXPN", 0},
             {"HELP", 0},    {"AUTH", KIND_AUTH}, {"STARTTLS", KIND_TLS},
             {"XCLIENT", 0}, {"XFORWARD", 0}};

typedef struct {
    LampFramer framer;
    LampPairing pairing;
    guint64 commands;
    LampExchange *content; /* message content being received; in the pairing too */
    guint8 is_greeted : 1, is_content : 1, is_auth : 1;
} SmtpState;

static int
find_verb(LampBytes line)
{
    for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++) {
        gsize n = strlen(verbs[i].verb);
        if (line.len >= n &&
            g_ascii_strncasecmp(verbs[i].verb, (const char *) line.at, n) == 0 &&
            (line.len == n || line.at[n] <= ' '))
            return (int) i;
    }
    return -1;
}

/* Could the line be a command that is not in the table? */
static gboolean
is_word(LampBytes line)
{
    gsize n = 0;
    while (n < line.len && g_ascii_isalpha((char) line.at[n]))
        n++;
    return n >= 3 && n <= 12 && n < line.len && line.at[n] <= ' ';
}

static gboolean
is_reply(LampBytes line)
{
    return line.len >= 4 && line.at[0] >= '2' && line.at[0] <= '5' &&
           g_ascii_isdigit((char) line.at[1]) && g_ascii_isdigit((char) line.at[2]) &&
           memchr(" -\r\n", line.at[3], 4) != NULL;
}

/* Octets that a BDAT line announces (RFC 3030). */
static gsize
chunk_length(LampBytes line)
{
    guint64 length;
    LampBytes rest = lamp_text_trim(lamp_bytes(line.at + 4, line.len - 5));
    const guint8 *blank = memchr(rest.at, ' ', rest.len);
    if (blank != NULL)
        rest.len = (gsize) (blank - rest.at);
    return lamp_text_parse_u64(rest, &length) && length <= MAX_CHUNK ? (gsize) length : 0;
}

/* Length of the command that begins with @line, 0 if it is none. */
static gsize
command_length(const SmtpState *state, LampBytes line)
{
    int verb = find_verb(line);
    gboolean is_session = state != NULL && state->commands > 0 && !state->framer.has_lost;
    if (verb < 0)
        return is_session && is_word(line) ? line.len : 0;
    return line.len + (strcmp(verbs[verb].verb, "BDAT") == 0 ? chunk_length(line) : 0);
}

static gsize
frame_length(gpointer opaque, LampDirection direction, LampBytes bytes)
{
    const SmtpState *state = opaque;
    const guint8 *nl = memchr(bytes.at, '\n', MIN(bytes.len, MAX_LINE));
    gboolean is_client = direction == LAMP_TO_SERVER;
    gboolean is_free = state != NULL && is_client && (state->is_content || state->is_auth);
    if (nl == NULL) {
        if (is_free && bytes.len >= MAX_LINE)
            return bytes.len; /* a long line of a message, piece by piece */
        gboolean may_be = is_client ? g_ascii_isalpha((char) bytes.at[0])
                                    : g_ascii_isdigit((char) bytes.at[0]);
        return (may_be || is_free) && bytes.len < MAX_LINE ? LAMP_FRAMING_MORE : 0;
    }
    gsize length = (gsize) (nl - bytes.at) + 1;
    LampBytes line = lamp_bytes(bytes.at, length);
    if (is_free)
        return length;
    if (!is_client)
        return is_reply(line) ? length : 0;
    return command_length(state, line);
}

static LampExchange *
begin_call(SmtpState *state, LampStream *stream, const char *name, guint8 kind)
{
    LampExchange *exchange = lamp_exchange_new();
    state->commands++;
    if (exchange != NULL && lamp_pairing_push(&state->pairing, exchange)) {
        exchange->position = state->commands;
        exchange->kind = kind;
        lamp_exchange_set_operation(exchange, lamp_bytes_text(name));
        return exchange;
    }
    lamp_exchange_free(exchange);
    lamp_stream_finding(stream, LAMP_FINDING_LIMIT, "limit.pipeline",
                        "too many commands wait for replies; pairing starts anew");
    state->content = NULL;
    lamp_framer_lose(&state->framer, &state->pairing, stream, 0);
    return NULL;
}

static void
read_client(SmtpState *state, LampStream *stream, LampFrame *frame)
{
    LampBytes line = lamp_text_trim(frame->bytes);
    if (state->is_content) {
        if (state->content == NULL)
            state->content = begin_call(state, stream, "message", KIND_CONTENT);
        frame->exchange = state->content;
        gboolean is_dot =
            frame->length <= 3 && frame->bytes.at[0] == '.' && frame->bytes.at[1] != '.';
        if (is_dot) {
            state->is_content = 0;
            state->content = NULL;
        }
        return;
    }
    int verb = find_verb(line);
    if (state->is_auth && verb < 0) {
        frame->exchange = state->pairing.last;
        return;
    }
    state->is_auth = 0;
    if (verb < 0) {
        frame->exchange = begin_call(state, stream, "unknown", KIND_PLAIN);
        return;
    }
    frame->exchange = begin_call(state, stream, verbs[verb].verb, verbs[verb].kind);
    state->is_auth = verbs[verb].kind == KIND_AUTH ? 1 : 0;
}

static void
read_server(SmtpState *state, LampStream *stream, LampFrame *frame)
{
    LampBytes bytes = frame->bytes;
    LampExchange *exchange = state->pairing.first;
    gboolean is_last = bytes.at[3] != '-';
    if (!state->is_greeted && exchange == NULL) {
        state->is_greeted = is_last ? 1 : 0;
        return;
    }
    if (exchange == NULL || state->pairing.is_unsure)
        return;
    frame->exchange = exchange;
    if (!is_last)
        return;
    lamp_exchange_set_status(exchange, lamp_bytes(bytes.at, 3));
    exchange->is_error = bytes.at[0] == '5';
    if (exchange->kind == KIND_AUTH && bytes.at[0] == '3')
        return; /* a challenge: the reply goes on */
    state->is_auth = 0;
    if (exchange->kind == KIND_DATA && bytes.at[0] == '3')
        state->is_content = 1;
    frame->note = 1;
    if (exchange->kind == KIND_TLS && bytes.at[0] == '2') {
        lamp_framer_stop(&state->framer);
        lamp_stream_become(stream, "tls", LAMP_TO_CLIENT, lamp_bytes(NULL, 0));
    }
}

static void
read_frame(gpointer opaque, LampStream *stream, LampFrame *frame)
{
    if (frame->direction == LAMP_TO_SERVER)
        read_client(opaque, stream, frame);
    else
        read_server(opaque, stream, frame);
}

static void
end_frame(gpointer opaque, LampStream *stream, const LampFrame *frame)
{
    SmtpState *state = opaque;
    if (frame->exchange == NULL || frame->note == 0)
        return;
    if (state->content == frame->exchange)
        state->content = NULL; /* refused before it was whole */
    lamp_framer_emit(&state->framer, &state->pairing, stream, frame->exchange);
}

static void
lost(gpointer opaque, LampStream *stream, LampDirection direction, guint32 flags)
{
    SmtpState *state = opaque;
    (void) direction;
    state->content = NULL;
    state->is_content = state->is_auth = 0;
    state->is_greeted = 1;
    lamp_framer_lose(&state->framer, &state->pairing, stream, flags);
}

static const LampFraming framing = {
    .header_size = 1,
    .look = LOOK,
    .length = frame_length,
    .frame = read_frame,
    .frame_end = end_frame,
    .lost = lost,
    .finding = "smtp.line",
    .is_lines = TRUE,
};

static void
begin(gpointer opaque, LampStream *stream)
{
    SmtpState *state = opaque;
    lamp_framer_begin(&state->framer, stream);
    state->is_greeted = lamp_stream_is_midstream(stream) ? 1 : 0;
}

static void
segment(gpointer opaque, LampStream *stream, const LampSegment *seg)
{
    SmtpState *state = opaque;
    lamp_framer_tick(&state->framer, &state->pairing, stream, seg);
    if (state->pairing.count == 0)
        state->content = NULL;
    lamp_framer_segment(&state->framer, &framing, state, stream, seg);
}

static void
gap(gpointer opaque, LampStream *stream, LampDirection direction, guint64 missing)
{
    SmtpState *state = opaque;
    lamp_framer_gap(&state->framer, &framing, state, stream, direction, missing);
}

static void
end(gpointer opaque, LampStream *stream)
{
    SmtpState *state = opaque;
    lamp_framer_drop(&state->framer, &state->pairing, stream, 0);
    lamp_framer_clear(&state->framer);
}

static guint
score(LampBytes client, LampBytes server, guint16 port)
{
    gboolean is_greeting =
        lamp_bytes_starts(server, "220 ") || lamp_bytes_starts(server, "220-");
    gboolean has_hello = client.len >= 5 && find_verb(client) >= 0 && find_verb(client) <= 2;
    gboolean is_port = port == 25 || port == 587 || port == 2525;
    if (client.len > 0 && find_verb(client) < 0)
        return 0;
    if (server.len > 0 && !is_reply(server))
        return 0;
    if (has_hello)
        return server.len == 0 ? 70 : 95;
    if (client.len == 0 && is_greeting)
        return lamp_text_find(server, "SMTP") >= 0 || lamp_text_find(server, "mail") >= 0 ? 85
               : is_port                                                                  ? 75
                                                                                          : 0;
    return client.len > 0 && server.len > 0 && is_port ? 70 : 0;
}

static guint
probe(LampBytes to_server, LampBytes to_client, guint16 server_port, gboolean *out_swapped)
{
    guint forward = score(to_server, to_client, server_port);
    guint backward = score(to_client, to_server, server_port);
    if (backward > forward)
        *out_swapped = TRUE;
    return MAX(forward, backward);
}

const LampDissector lamp_dissector_smtp = {
    .name = "smtp",
    .summary = "SMTP: commands and replies",
    .spec = "RFC 5321",
    .ports = {25, 587, 2525, 0},
    .transport = LAMP_TRANSPORT_TCP,
    .state_size = sizeof(SmtpState),
    .probe = probe,
    .begin = begin,
    .segment = segment,
    .gap = gap,
    .end = end,
};
