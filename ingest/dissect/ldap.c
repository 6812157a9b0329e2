/*
 * @summary LDAP: operations paired by message id
 * @spec RFC 4511
 *
 * In: both streams of a connection. Out: one call for each operation, named by its kind; a
 * search lasts from its request to SearchResultDone, with all entries. Messages are BER:
 * SEQUENCE { id INTEGER, operation [APPLICATION n] … }. Status is the result code (0 success).
 * Unbind and abandon have no answer; notices of the server are not counted. Names, filters and
 * passwords are not read. After StartTLS the connection is lost to this dissector.
 */
#include "ingest/dissect/keyed.h"

enum { LOOK = 4096, MAX_MESSAGE = 16777216 };
enum {
    OP_BIND = 0,
    OP_UNBIND = 2,
    OP_SEARCH = 3,
    OP_ENTRY = 4,
    OP_DONE = 5,
    OP_ABANDON = 16,
    OP_REFERENCE = 19,
    OP_EXTENDED = 23,
    OP_EXTENDED_ANSWER = 24,
    OP_INTERMEDIATE = 25
};

/* Takes a BER tag and length; FALSE where they are cut (*out_is_bad unset) or wrong. */
static gboolean
take_header(LampCursor *c, guint8 *out_tag, gsize *out_length, gboolean *out_is_bad)
{
    guint8 first, b;
    *out_is_bad = FALSE;
    if (!lamp_cursor_u8(c, out_tag) || !lamp_cursor_u8(c, &first))
        return FALSE;
    *out_length = first;
    if (first < 0x80)
        return TRUE;
    if (first == 0x80 || first > 0x84) {
        *out_is_bad = TRUE;
        return FALSE;
    }
    *out_length = 0;
    for (guint i = 0; i < (first & 0x7fu); i++) {
        if (!lamp_cursor_u8(c, &b))
            return FALSE;
        *out_length = *out_length << 8 | b;
    }
    return TRUE;
}

/* Reads message id and operation tag behind the outer header. */
static gboolean
take_operation(LampCursor *c, guint64 *out_id, guint8 *out_tag)
{
    guint8 tag, b;
    gsize length;
    gboolean is_bad;
    if (!take_header(c, &tag, &length, &is_bad) || tag != 2 || length < 1 || length > 5)
        return FALSE;
    *out_id = 0;
    for (gsize i = 0; i < length; i++) {
        if (!lamp_cursor_u8(c, &b))
            return FALSE;
        *out_id = *out_id << 8 | b;
    }
    return lamp_cursor_u8(c, out_tag);
}

static const char *
request_name(guint operation)
{
    switch (operation) {
    case OP_BIND:
        return "bind";
    case OP_UNBIND:
        return "unbind";
    case OP_SEARCH:
        return "search";
    case 6:
        return "modify";
    case 8:
        return "add";
    case 10:
        return "delete";
    case 12:
        return "rename";
    case 14:
        return "compare";
    case OP_ABANDON:
        return "abandon";
    case OP_EXTENDED:
        return "extended";
    default:
        return NULL;
    }
}

static gboolean
is_answer(guint operation)
{
    return operation == 1 || operation == OP_ENTRY || operation == OP_DONE || operation == 7 ||
           operation == 9 || operation == 11 || operation == 13 || operation == 15 ||
           operation == OP_REFERENCE || operation == OP_EXTENDED_ANSWER ||
           operation == OP_INTERMEDIATE;
}

static gsize
frame_length(gpointer state, LampDirection direction, LampBytes bytes)
{
    (void) state;
    LampCursor c = lamp_cursor(bytes);
    guint8 tag, operation;
    gsize length;
    guint64 id;
    gboolean is_bad;
    if (bytes.at[0] != 0x30)
        return 0;
    if (!take_header(&c, &tag, &length, &is_bad))
        return is_bad ? 0 : LAMP_FRAMING_MORE;
    gsize whole = bytes.len - lamp_cursor_left(&c) + length;
    if (length < 5 || whole > MAX_MESSAGE)
        return 0;
    if (!take_operation(&c, &id, &operation))
        return bytes.len < 16 && bytes.len < whole ? LAMP_FRAMING_MORE : 0;
    guint number = operation & 0x1f;
    gboolean fits =
        (operation & 0xc0) == 0x40 &&
        (direction == LAMP_TO_SERVER ? request_name(number) != NULL : is_answer(number));
    return fits ? whole : 0;
}

/* Id and operation number of a message that frame_length() has accepted; the cursor is behind.
 */
static guint
open_message(const LampFrame *frame, LampCursor *c, guint64 *out_id)
{
    guint8 tag = 0;
    gsize length;
    gboolean is_bad;
    *c = lamp_cursor(frame->bytes);
    if (!take_header(c, &tag, &length, &is_bad) || !take_operation(c, out_id, &tag))
        return 31;
    return tag & 0x1f;
}

static LampKeyedRole
describe(LampKeyedState *state, const LampFrame *frame, guint64 *out_key)
{
    (void) state;
    LampCursor c;
    guint operation = open_message(frame, &c, out_key);
    if (frame->direction == LAMP_TO_SERVER)
        return operation == OP_UNBIND || operation == OP_ABANDON ? LAMP_KEYED_IGNORE
                                                                 : LAMP_KEYED_REQUEST;
    gboolean is_part =
        operation == OP_ENTRY || operation == OP_REFERENCE || operation == OP_INTERMEDIATE;
    return *out_key == 0 ? LAMP_KEYED_IGNORE
           : is_part     ? LAMP_KEYED_RESPONSE_PART
                         : LAMP_KEYED_RESPONSE;
}

static void
request(LampKeyedState *state, LampExchange *exchange, const LampFrame *frame)
{
    (void) state;
    guint64 id;
    LampCursor c;
    const char *name = request_name(open_message(frame, &c, &id));
    lamp_exchange_set_operation(exchange, lamp_bytes_text(name != NULL ? name : "other"));
}

/* LDAPResult begins with ENUMERATED resultCode. */
static void
response(LampKeyedState *state, LampExchange *exchange, const LampFrame *frame)
{
    (void) state;
    LampCursor c;
    guint64 id;
    guint8 tag, code;
    gsize length;
    gboolean is_bad;
    guint operation = open_message(frame, &c, &id);
    if (operation == OP_ENTRY || operation == OP_REFERENCE || operation == OP_INTERMEDIATE)
        return;
    c.at--; /* the operation's tag, whose length comes next */
    if (!take_header(&c, &tag, &length, &is_bad) || !take_header(&c, &tag, &length, &is_bad) ||
        tag != 10 || length != 1 || !lamp_cursor_u8(&c, &code))
        return;
    char digits[8];
    gint n = g_snprintf(digits, sizeof digits, "%u", code);
    lamp_exchange_set_status(exchange, lamp_bytes(digits, (gsize) MAX(n, 0)));
    /* busy, unavailable, other, operationsError and limits are the server's failures */
    exchange->is_error = code == 1 || code == 3 || code == 51 || code == 52 || code == 80;
}

static const LampKeyedProtocol protocol = {
    .framing = {.header_size = 2,
                .look = LOOK,
                .length = frame_length,
                .finding = "ldap.message"},
    .describe = describe,
    .request = request,
    .response = response,
};

LAMP_KEYED_FUNCTIONS(protocol)

/* 0 not, 1 nothing to see, 2 a whole message's header that fits. */
static guint
score_side(LampBytes bytes, LampDirection direction)
{
    if (bytes.len < 7)
        return bytes.len == 0 ? 1 : 0;
    gsize length = frame_length(NULL, direction, bytes);
    return length == 0 || length == LAMP_FRAMING_MORE ? 0 : 2;
}

static guint
probe(LampBytes to_server, LampBytes to_client, guint16 server_port, gboolean *out_swapped)
{
    guint forward =
        score_side(to_server, LAMP_TO_SERVER) * score_side(to_client, LAMP_TO_CLIENT);
    guint backward =
        score_side(to_client, LAMP_TO_SERVER) * score_side(to_server, LAMP_TO_CLIENT);
    if (backward > forward)
        *out_swapped = TRUE;
    guint best = MAX(forward, backward);
    return best == 4   ? 90
           : best == 2 ? (server_port == 389 || server_port == 3268 ? 75 : 50)
                       : 0;
}

const LampDissector lamp_dissector_ldap = {
    .name = "ldap",
    .summary = "LDAP: operations paired by message id",
    .spec = "RFC 4511",
    .ports = {389, 3268, 0},
    .transport = LAMP_TRANSPORT_TCP,
    .state_size = sizeof(LampKeyedState),
    .probe = probe,
    .begin = begin,
    .segment = segment,
    .gap = gap,
    .end = end,
};
