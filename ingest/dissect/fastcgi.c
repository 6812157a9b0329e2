/*
 * @summary FastCGI: requests of a web server to an application, paired by request id
 * @spec https://fastcgi-archives.github.io/FastCGI_Specification.html
 *
 * In: both streams of a connection. Out: one call for each request, named by the method and the
 * folded path of its parameters, with the status line of the CGI response. Records are version
 * u8, type u8, request id u16, content length u16, padding length u8, one byte unused.
 * Parameters are looked at for the request line and for headers that carry ids; nothing else of
 * them is kept. Limits: a parameter that is split over two records is not read, and the
 * response's head must be in one record.
 */
#include "base/text.h"
#include "ingest/dissect/http-message.h"
#include "ingest/dissect/keyed.h"
#include "ingest/dissectors.h"

enum { HEADER = 8, LOOK = 32768, BEGIN_BODY = 8, HEAD_MAX = 4096 };
enum {
    BEGIN_REQUEST = 1,
    ABORT_REQUEST,
    END_REQUEST,
    PARAMS,
    STDIN,
    STDOUT,
    STDERR,
    DATA,
    GET_VALUES,
    GET_VALUES_RESULT,
    UNKNOWN_TYPE
};

static gboolean
is_of_server(guint8 type)
{
    return type == END_REQUEST || type == STDOUT || type == STDERR ||
           type == GET_VALUES_RESULT || type == UNKNOWN_TYPE;
}

static gsize
frame_length(gpointer state, LampDirection direction, LampBytes bytes)
{
    (void) state;
    const guint8 *p = bytes.at;
    gsize content = lamp_be16(p + 4);
    if (p[0] != 1 || p[1] < BEGIN_REQUEST || p[1] > UNKNOWN_TYPE ||
        is_of_server(p[1]) != (direction == LAMP_TO_CLIENT))
        return 0;
    if ((p[1] == BEGIN_REQUEST || p[1] == END_REQUEST) && content != BEGIN_BODY)
        return 0;
    return HEADER + content + p[6];
}

static LampKeyedRole
describe(LampKeyedState *state, const LampFrame *frame, guint64 *out_key)
{
    (void) state;
    *out_key = lamp_be16(frame->bytes.at + 2);
    switch (frame->bytes.at[1]) {
    case BEGIN_REQUEST:
        return LAMP_KEYED_REQUEST;
    case ABORT_REQUEST:
    case PARAMS:
    case STDIN:
    case DATA:
        return LAMP_KEYED_REQUEST_PART;
    case STDOUT:
    case STDERR:
        return LAMP_KEYED_RESPONSE_PART;
    case END_REQUEST:
        return LAMP_KEYED_RESPONSE;
    default:
        return LAMP_KEYED_IGNORE;
    }
}

static LampBytes
content_of(const LampFrame *frame)
{
    gsize content = lamp_be16(frame->bytes.at + 4);
    return lamp_bytes(frame->bytes.at + HEADER, MIN(content, frame->bytes.len - HEADER));
}

/* One byte, or four with the highest bit set. */
static gboolean
take_length(LampCursor *c, gsize *out_length)
{
    guint32 length;
    if (lamp_cursor_left(c) == 0)
        return FALSE;
    if ((*c->at & 0x80) == 0) {
        *out_length = *c->at++;
        return TRUE;
    }
    if (!lamp_cursor_be32(c, &length))
        return FALSE;
    *out_length = length & 0x7fffffff;
    return TRUE;
}

/* HTTP_X_REQUEST_ID stands for the header X-Request-Id. */
static void
add_header(LampExchange *exchange, LampBytes name, LampBytes value)
{
    guint8 header[64];
    gsize n = name.len - 5;
    if (n == 0 || n > sizeof header)
        return;
    for (gsize i = 0; i < n; i++) {
        guint8 c = name.at[5 + i];
        header[i] = c == '_' ? '-' : (guint8) g_ascii_tolower((char) c);
    }
    lamp_http_add_field(exchange, LAMP_SIDE_REQUEST, lamp_bytes(header, n), value);
}

static void
read_parameters(LampExchange *exchange, LampBytes content)
{
    LampCursor c = lamp_cursor(content);
    LampBytes name, value, method = {NULL, 0}, target = {NULL, 0};
    gsize name_length, value_length;
    while (take_length(&c, &name_length) && take_length(&c, &value_length) &&
           lamp_cursor_take(&c, name_length, &name) &&
           lamp_cursor_take(&c, value_length, &value)) {
        if (lamp_bytes_equal(name, lamp_bytes_text("REQUEST_METHOD")))
            method = value;
        else if (lamp_bytes_equal(name, lamp_bytes_text("REQUEST_URI")) ||
                 (target.len == 0 && lamp_bytes_equal(name, lamp_bytes_text("SCRIPT_NAME"))))
            target = value;
        else if (lamp_bytes_starts(name, "HTTP_"))
            add_header(exchange, name, value);
    }
    if (method.len > 0)
        lamp_http_add_target(exchange, method, target);
}

static void
request(LampKeyedState *state, LampExchange *exchange, const LampFrame *frame)
{
    (void) state;
    guint8 type = frame->bytes.at[1];
    if (type == PARAMS)
        read_parameters(exchange, content_of(frame));
    else if (type == ABORT_REQUEST)
        exchange->flags |= LAMP_CALL_ABORTED;
}

/* The head of a CGI response (RFC 3875 section 6): `Status: 404 Not Found`, or none for 200. */
static void
read_head(LampExchange *exchange, LampBytes content)
{
    LampCursor c = lamp_cursor(lamp_bytes(content.at, MIN(content.len, (gsize) HEAD_MAX)));
    LampBytes line;
    guint status = 200;
    while (lamp_cursor_line(&c, &line)) {
        LampBytes text = lamp_text_trim(line);
        gint64 number;
        if (text.len == 0)
            break;
        if (text.len >= 11 && g_ascii_strncasecmp((const char *) text.at, "status: ", 8) == 0 &&
            lamp_text_parse_i64(lamp_bytes(text.at + 8, 3), &number) && number >= 100)
            status = (guint) number;
    }
    lamp_http_set_status(exchange, status);
}

static void
response(LampKeyedState *state, LampExchange *exchange, const LampFrame *frame)
{
    (void) state;
    LampBytes content = content_of(frame);
    guint8 type = frame->bytes.at[1];
    if (type == STDOUT && content.len > 0 && exchange->status_len == 0)
        read_head(exchange, content);
    else if (type == END_REQUEST && content.len >= 5 && content.at[4] != 0)
        exchange->is_error = TRUE; /* refused: overloaded, or no such role */
}

static const LampKeyedProtocol protocol = {
    .framing = {.header_size = HEADER,
                .look = LOOK,
                .length = frame_length,
                .finding = "fastcgi.record"},
    .describe = describe,
    .request = request,
    .response = response,
};

LAMP_KEYED_FUNCTIONS(protocol)

/* A request's first record says much: its length, a role of 1 to 3, five zero bytes. */
static gboolean
is_begin(LampBytes bytes)
{
    static const guint8 zeros[5];
    return bytes.len >= HEADER + BEGIN_BODY && bytes.at[0] == 1 &&
           bytes.at[1] == BEGIN_REQUEST && lamp_be16(bytes.at + 4) == BEGIN_BODY &&
           lamp_be16(bytes.at + 8) >= 1 && lamp_be16(bytes.at + 8) <= 3 && bytes.at[10] <= 1 &&
           memcmp(bytes.at + 11, zeros, sizeof zeros) == 0;
}

static guint
probe(LampBytes to_server, LampBytes to_client, guint16 server_port, gboolean *out_swapped)
{
    *out_swapped = is_begin(to_client) && !is_begin(to_server);
    if (is_begin(to_server) || is_begin(to_client))
        return 95;
    guint forward = lamp_framing_count(&protocol.framing, NULL, LAMP_TO_SERVER, to_server);
    guint back = lamp_framing_count(&protocol.framing, NULL, LAMP_TO_CLIENT, to_client);
    gboolean has_any = to_server.len >= HEADER || to_client.len >= HEADER;
    return has_any && server_port == 9000 && forward + back >= 3 && forward * back > 0 ? 60 : 0;
}

const LampDissector lamp_dissector_fastcgi = {
    .name = "fastcgi",
    .summary = "FastCGI: requests of a web server to an application, paired by request id",
    .spec = "fastcgi-archives.github.io/FastCGI_Specification.html",
    .ports = {9000},
    .transport = LAMP_TRANSPORT_TCP,
    .state_size = sizeof(LampKeyedState),
    .probe = probe,
    .begin = begin,
    .segment = segment,
    .gap = gap,
    .end = end,
};
