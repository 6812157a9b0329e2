/*
 * Flow records out of log lines.
 *
 *   DROP IN=eth0 OUT= SRC=10.0.0.1 DST=10.0.0.2 LEN=60 PROTO=TCP SPT=5 DPT=80 SYN
 *   [NEW] tcp 6 120 SYN_SENT src=10.0.0.1 dst=10.0.0.2 sport=5 dport=80
 *   [DESTROY] ORIG: SRC=10.0.0.1 DST=10.0.0.2 PKTS=1 , REPLY: SRC=10.0.0.2
 *   5,,,103,em0,match,block,in,4,0x0,,64,0,0,DF,6,tcp,60,10.0.0.1,10.0.0.2
 *   rule 4/0(match): block in on em0: 10.0.0.1.5 > 10.0.0.2.80: Flags [S]
 *   ipfw: 65500 Deny TCP 10.0.0.1:5 10.0.0.2:80 in via em0
 *
 * In: a record whose message has been read. Out: for a line of a firewall (Netfilter: also by
 * ufw, Shorewall, nftables) one packet; for conntrack's and ulogd's events the connection, with
 * the packets counted until its end, the answers as a record of their own. Packets quoted
 * inside ICMP errors are left alone. An answer has the addresses of the request turned round,
 * also where NAT changed them on the other side.
 */
#include "ingest/log/packet-line.h"
#include "base/text.h"
#include "ingest/flow/text.h"
#include "ingest/log/keyvalue.h"

enum { TCP = 6, FILTERLOG_FIELDS = 32 };

typedef enum { EVENT_NONE, EVENT_PACKET, EVENT_NEW, EVENT_UPDATE, EVENT_DESTROY } Event;

typedef struct {
    LampFlowRow row;
    LampBytes input, output, prefix, action, direction;
    gboolean has_source, has_destination, has_protocol, has_source_port, has_destination_port;
    guint64 packets_back, bytes_back, mark;
    gint64 duration_ns;
    guint tuple; /* 0: as sent by the opener, 1: as answered */
    gboolean is_quoted;
    Event event;
} PacketLine;

typedef enum {
    KEY_SOURCE,
    KEY_DESTINATION,
    KEY_SOURCE_PORT,
    KEY_DESTINATION_PORT,
    KEY_PROTOCOL,
    KEY_LENGTH,
    KEY_PACKETS,
    KEY_INPUT,
    KEY_OUTPUT,
    KEY_TYPE,
    KEY_CODE,
    KEY_AGE
} Key;

static gboolean
find_key(LampBytes name, Key *out_key)
{
    static const struct {
        const char *name;
        Key key;
    } keys[] = {{"src", KEY_SOURCE},        {"dst", KEY_DESTINATION},
                {"spt", KEY_SOURCE_PORT},   {"dpt", KEY_DESTINATION_PORT},
                {"sport", KEY_SOURCE_PORT}, {"dport", KEY_DESTINATION_PORT},
                {"proto", KEY_PROTOCOL},    {"len", KEY_LENGTH},
                {"bytes", KEY_LENGTH},      {"packets", KEY_PACKETS},
                {"pkts", KEY_PACKETS},      {"in", KEY_INPUT},
                {"out", KEY_OUTPUT},        {"type", KEY_TYPE},
                {"code", KEY_CODE},         {"delta-time", KEY_AGE}};
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (lamp_text_is_word(name, keys[i].name, strlen(keys[i].name))) {
            *out_key = keys[i].key;
            return TRUE;
        }
    }
    return FALSE;
}

static guint8
protocol_of(LampBytes name, gboolean *out_is_known)
{
    static const struct {
        const char *name;
        guint8 number;
    } names[] = {{"icmpv6", 58}, {"ipv6-icmp", 58}, {"udplite", 136}, {"dccp", 33}};
    guint8 number;
    char upper[16] = {0};
    *out_is_known = TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (lamp_text_is_word(name, names[i].name, strlen(names[i].name)))
            return names[i].number;
    for (gsize i = 0; i < MIN(name.len, sizeof upper - 1); i++)
        upper[i] = (char) g_ascii_toupper((char) name.at[i]);
    *out_is_known =
        name.len < sizeof upper && lamp_flow_text_protocol(lamp_bytes_text(upper), &number);
    return *out_is_known ? number : 0;
}

static void
take_port(LampBytes value, guint16 *port, gboolean *has_port)
{
    guint64 number;
    if (!*has_port && lamp_text_parse_u64(value, &number) && number <= G_MAXUINT16) {
        *port = (guint16) number;
        *has_port = TRUE;
    }
}

/* The reply's addresses and ports are the opener's turned round; only its counts are new. */
static void
take_reply(PacketLine *p, Key key, LampBytes value)
{
    if (key == KEY_LENGTH)
        p->bytes_back = lamp_number_or_zero(value);
    else if (key == KEY_PACKETS)
        p->packets_back = lamp_number_or_zero(value);
}

static void
take_icmp(PacketLine *p, Key key, LampBytes value)
{
    guint64 number;
    if (!lamp_text_parse_u64(value, &number) || number > 255)
        return;
    p->row.destination.port |= (guint16) (number << (key == KEY_TYPE ? 8 : 0));
}

static void
take_original(PacketLine *p, Key key, LampBytes value)
{
    LampFlowRow *row = &p->row;
    switch (key) {
    case KEY_SOURCE:
        p->has_source = lamp_flow_text_address(value, &row->source);
        break;
    case KEY_DESTINATION:
        p->has_destination = lamp_flow_text_address(value, &row->destination);
        break;
    case KEY_SOURCE_PORT:
        take_port(value, &row->source.port, &p->has_source_port);
        break;
    case KEY_DESTINATION_PORT:
        take_port(value, &row->destination.port, &p->has_destination_port);
        break;
    case KEY_PROTOCOL:
        row->transport = protocol_of(value, &p->has_protocol);
        break;
    case KEY_LENGTH: /* of the IP packet; that of UDP comes later in the line */
        row->bytes = row->bytes != 0 ? row->bytes : lamp_number_or_zero(value);
        break;
    case KEY_PACKETS:
        row->packets = lamp_number_or_zero(value);
        break;
    case KEY_INPUT:
    case KEY_OUTPUT:
        *(key == KEY_INPUT ? &p->input : &p->output) = value;
        break;
    case KEY_TYPE:
    case KEY_CODE:
        take_icmp(p, key, value);
        break;
    case KEY_AGE:
        break;
    }
}

static void
take_pair(PacketLine *p, LampBytes name, LampBytes value)
{
    Key key;
    if (p->is_quoted || !find_key(name, &key))
        return;
    gint64 seconds;
    if (key == KEY_AGE && lamp_text_parse_scaled(value, 9, &seconds) && seconds > 0)
        p->duration_ns = seconds;
    if (key == KEY_SOURCE && p->has_source) {
        p->tuple = 1;
        p->is_quoted = p->event == EVENT_PACKET; /* the packet that an ICMP error speaks of */
    }
    if (p->tuple == 1 && !p->is_quoted)
        take_reply(p, key, value);
    else if (!p->is_quoted)
        take_original(p, key, value);
}

static void
take_word(PacketLine *p, LampBytes word)
{
    static const struct {
        const char *word;
        guint8 flag;
    } flags[] = {{"FIN", 1},  {"SYN", 2},  {"RST", 4},      {"PSH", 8},  {"ACK", 16},
                 {"URG", 32}, {"ECE", 64}, {"SYN_SENT", 2}, {"CWR", 128}};
    if (p->is_quoted)
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(flags); i++)
        if (lamp_bytes_equal(word, lamp_bytes_text(flags[i].word)))
            p->row.tcp_flags |= flags[i].flag;
    if (!p->has_protocol && p->event != EVENT_PACKET && g_ascii_isalpha((char) word.at[0]))
        p->row.transport = protocol_of(word, &p->has_protocol);
}

/* `[NEW]`, `[UPDATE]`, `[DESTROY]` at the begin, perhaps behind the family. */
static Event
event_of(LampBytes message)
{
    static const struct {
        const char *word;
        Event event;
    } words[] = {
        {"[NEW]", EVENT_NEW}, {"[UPDATE]", EVENT_UPDATE}, {"[DESTROY]", EVENT_DESTROY}};
    LampBytes head = lamp_bytes(message.at, MIN(message.len, (gsize) 40));
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (lamp_text_find(head, words[i].word) >= 0)
            return words[i].event;
    return EVENT_PACKET;
}

/* `[12345.678901]`, as the kernel stamps its lines. */
static LampBytes
without_stamp(LampBytes text)
{
    gsize n = 1;
    while (text.len > n &&
           (g_ascii_isdigit((char) text.at[n]) || text.at[n] == '.' || text.at[n] == ' '))
        n++;
    return text.len > n && text.at[0] == '[' && text.at[n] == ']'
               ? lamp_text_trim(lamp_bytes(text.at + n + 1, text.len - n - 1))
               : text;
}

/* The text before @end without the kernel's own stamp, brackets and colon. */
static void
take_prefix(PacketLine *p, LampBytes message, gsize end)
{
    LampBytes text = without_stamp(lamp_text_trim(lamp_bytes(message.at, end)));
    if (text.len > 2 && text.at[0] == '[' && text.at[text.len - 1] == ']')
        text = lamp_bytes(text.at + 1, text.len - 2);
    while (text.len > 0 && strchr(": ", text.at[text.len - 1]) != NULL)
        text.len--;
    p->prefix = lamp_bytes(text.at, MIN(text.len, (gsize) 64));
}

/* What was done with the packet, where the rule's prefix names it. */
static LampBytes
action_of(LampBytes prefix)
{
    enum { DROPPING = 5 }; /* the other words let pass */
    static const char *const words[] = {"block", "drop",   "deny", "reject", "invalid",
                                        "allow", "accept", "pass", "permit"};
    const char *text = prefix.len > 0 ? (const char *) prefix.at : "";
    g_autofree char *lower = g_ascii_strdown(text, (gssize) prefix.len);
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (strstr(lower, words[i]) != NULL)
            return lamp_bytes_text(i < DROPPING ? "block" : "pass");
    return lamp_bytes(NULL, 0);
}

/* Where the packet begins: an "IN=" that is no end of a longer word. */
static gssize
find_input(LampBytes message)
{
    for (gsize i = 0; i + 3 <= message.len; i++)
        if (memcmp(message.at + i, "IN=", 3) == 0 &&
            (i == 0 || !g_ascii_isalnum((char) message.at[i - 1])))
            return (gssize) i;
    return -1;
}

static gboolean
read_netfilter(PacketLine *p, const LampLogRecord *record, LampBytes message)
{
    LampLogRecord *lent = (LampLogRecord *) record; /* its scratch, for quoted values */
    LampBytes key, value;
    LampKeyValue kind;
    p->event = event_of(message);
    gssize in = find_input(message);
    if (p->event == EVENT_PACKET && in < 0)
        return FALSE;
    if (p->event == EVENT_PACKET) {
        take_prefix(p, message, (gsize) in);
        message = lamp_bytes(message.at + in, message.len - (gsize) in);
    }
    LampKeyValueScan scan = {lamp_cursor(message), lent};
    while ((kind = lamp_keyvalue_next(&scan, &key, &value)) != LAMP_KEYVALUE_END) {
        if (kind == LAMP_KEYVALUE_PAIR)
            take_pair(p, key, value);
        else
            take_word(p, key);
    }
    if (p->event == EVENT_PACKET)
        p->row.packets = 1;
    p->action = action_of(p->prefix);
    return p->has_protocol;
}

/* `address.port` or `address:port`, or an address alone. */
static gboolean
read_socket(LampBytes text, char separator, LampEndpoint *endpoint)
{
    if (lamp_flow_text_address(text, endpoint))
        return TRUE;
    const guint8 *cut = text.len > 0 ? memrchr(text.at, separator, text.len) : NULL;
    guint64 port;
    if (cut == NULL ||
        !lamp_text_parse_u64(lamp_bytes(cut + 1, (gsize) (text.at + text.len - cut - 1)),
                             &port) ||
        port > G_MAXUINT16 ||
        !lamp_flow_text_address(lamp_bytes(text.at, (gsize) (cut - text.at)), endpoint))
        return FALSE;
    endpoint->port = (guint16) port;
    return TRUE;
}

static LampBytes
take_until(LampCursor *at, char stop)
{
    const guint8 *begin = at->at;
    while (at->at < at->end && *at->at != (guint8) stop)
        at->at++;
    LampBytes word = lamp_bytes(begin, (gsize) (at->at - begin));
    at->at += at->at < at->end ? 1 : 0;
    return word;
}

/* `ipfw: RULE ACTION PROTOCOL SOURCE DESTINATION in|out via INTERFACE` */
static gboolean
read_ipfw(PacketLine *p, LampBytes message)
{
    LampCursor at = lamp_cursor(message);
    LampBytes rule = take_until(&at, ' '), action = take_until(&at, ' ');
    LampBytes protocol = take_until(&at, ' ');
    LampBytes source = take_until(&at, ' '), destination = take_until(&at, ' ');
    gssize kind = protocol.len > 0 ? lamp_text_find(protocol, ":") : -1; /* ICMP:8.0 */
    p->row.transport = protocol_of(kind > 0 ? lamp_bytes(protocol.at, (gsize) kind) : protocol,
                                   &p->has_protocol);
    p->has_source = read_socket(source, ':', &p->row.source);
    p->has_destination = read_socket(destination, ':', &p->row.destination);
    if (kind > 0)
        (void) lamp_flow_text_port(
            lamp_bytes(protocol.at + kind + 1, protocol.len - (gsize) kind - 1),
            &p->row.destination.port);
    p->direction = take_until(&at, ' ');
    p->prefix = rule;
    p->action = action_of(action);
    p->row.packets = 1;
    take_until(&at, ' ');
    *(lamp_bytes_equal(p->direction, lamp_bytes("in", 2)) ? &p->input : &p->output) =
        take_until(&at, ' ');
    p->event = EVENT_PACKET;
    return p->has_protocol;
}

static void
take_pf_flags(PacketLine *p, LampBytes letters)
{
    for (gsize i = 0; i < letters.len; i++)
        if (letters.at[i] == '.')
            p->row.tcp_flags |= 16;
    p->row.tcp_flags |= lamp_flow_text_flags(letters);
}

/* pfSense and OPNsense: rule, sub-rule, anchor, tracker, interface, reason, action, direction,
 * IP version, and by that the header. */
static gboolean
read_filterlog(PacketLine *p, LampBytes message)
{
    LampBytes fields[FILTERLOG_FIELDS] = {0};
    LampCursor at = lamp_cursor(message);
    gsize n = 0;
    while (at.at < at.end && n < FILTERLOG_FIELDS)
        fields[n++] = take_until(&at, ',');
    gboolean is_4 = n > 8 && lamp_bytes_equal(fields[8], lamp_bytes("4", 1));
    gsize number = is_4 ? 15 : 13, length = is_4 ? 17 : 14, source = is_4 ? 18 : 15;
    guint64 protocol;
    if (n < source + 2 || !lamp_text_parse_u64(fields[number], &protocol) || protocol > 255)
        return FALSE;
    p->event = EVENT_PACKET;
    p->has_protocol = TRUE;
    p->row.transport = (guint8) protocol;
    p->row.bytes = lamp_number_or_zero(fields[length]);
    p->row.packets = 1;
    p->has_source = lamp_flow_text_address(fields[source], &p->row.source);
    p->has_destination = lamp_flow_text_address(fields[source + 1], &p->row.destination);
    p->prefix = fields[3];
    p->direction = fields[7];
    p->action = action_of(fields[6]);
    *(lamp_bytes_equal(p->direction, lamp_bytes("in", 2)) ? &p->input : &p->output) = fields[4];
    if (protocol == TCP || protocol == 17) {
        take_port(fields[source + 2], &p->row.source.port, &p->has_source_port);
        take_port(fields[source + 3], &p->row.destination.port, &p->has_destination_port);
    }
    if (protocol == TCP)
        take_pf_flags(p, fields[source + 5]);
    return TRUE;
}

/* What tcpdump prints of pflog0. */
static gboolean
read_pf(PacketLine *p, LampBytes message)
{
    LampCursor at = lamp_cursor(message);
    p->prefix = take_until(&at, ':');
    take_until(&at, ' ');
    p->action = action_of(take_until(&at, ' '));
    p->direction = take_until(&at, ' ');
    if (!lamp_bytes_equal(take_until(&at, ' '), lamp_bytes("on", 2)))
        return FALSE;
    LampBytes interface = take_until(&at, ':');
    *(lamp_bytes_equal(p->direction, lamp_bytes("in", 2)) ? &p->input : &p->output) = interface;
    take_until(&at, ' ');
    p->has_source = read_socket(take_until(&at, ' '), '.', &p->row.source);
    take_until(&at, ' ');
    LampBytes destination = take_until(&at, ' ');
    destination.len -= destination.len > 0 ? 1 : 0; /* its colon */
    p->has_destination = read_socket(destination, '.', &p->row.destination);
    LampBytes rest = lamp_cursor_rest(&at);
    p->event = EVENT_PACKET;
    p->row.packets = 1;
    p->has_protocol = TRUE;
    p->row.transport = lamp_bytes_starts(rest, "Flags [") ? TCP
                       : lamp_bytes_starts(rest, "ICMP")  ? 1
                                                          : 17;
    if (p->row.transport == TCP) {
        at = lamp_cursor(lamp_bytes(rest.at + 7, rest.len - 7));
        take_pf_flags(p, take_until(&at, ']'));
    }
    gssize length = lamp_text_find(rest, "length ");
    if (length >= 0) {
        at = lamp_cursor(lamp_bytes(rest.at + length + 7, rest.len - (gsize) length - 7));
        p->row.bytes = lamp_number_or_zero(take_until(&at, ' '));
    }
    return TRUE;
}

static gboolean
read_line(PacketLine *p, const LampLogRecord *record)
{
    LampBytes message = record->event.message;
    gboolean is_ok = FALSE;
    if (record->names_packet)
        is_ok = read_netfilter(p, record, record->body.len > 0 ? record->body : message);
    else if (lamp_bytes_starts(record->event.service, "filterlog"))
        is_ok = read_filterlog(p, message);
    else if (lamp_bytes_equal(record->event.service, lamp_bytes("ipfw", 4)))
        is_ok = read_ipfw(p, message);
    else if (lamp_bytes_starts(message, "ipfw: "))
        is_ok = read_ipfw(p, lamp_bytes(message.at + 6, message.len - 6));
    else if (lamp_bytes_starts(message, "rule ") && lamp_text_find(message, "(match): ") > 0)
        is_ok = read_pf(p, message);
    return is_ok && p->has_source && p->has_destination;
}

static void
add_attributes(LampFlowRecord *flow, const PacketLine *p)
{
    static const char *const events[] = {
        [EVENT_NEW] = "new", [EVENT_UPDATE] = "update", [EVENT_DESTROY] = "destroy"};
    lamp_flow_record_text(flow, "prefix", p->prefix);
    lamp_flow_record_text(flow, "action", p->action);
    lamp_flow_record_text(flow, "direction", p->direction);
    lamp_flow_record_text(flow, "input", p->input);
    lamp_flow_record_text(flow, "output", p->output);
    if (events[p->event] != NULL)
        lamp_flow_record_text(flow, "event", lamp_bytes_text(events[p->event]));
}

/* The answers of an ended connection, as the opener's side sees them. */
static void
emit_reply(LampFlowRecord *flow, const PacketLine *p, LampSink *sink)
{
    LampFlowRow row = flow->row;
    lamp_flow_record_begin(flow);
    row.attributes = lamp_bytes(NULL, 0);
    flow->row = row;
    flow->row.source = row.destination;
    flow->row.destination = row.source;
    flow->row.packets = p->packets_back;
    flow->row.bytes = p->bytes_back;
    flow->row.tcp_flags = 0;
    add_attributes(flow, p);
    lamp_flow_record_emit(flow, sink);
}

void
lamp_log_emit_flows(const LampLogRecord *record, guint64 event_number, LampSink *sink)
{
    const LampEventRow *event = &record->event;
    PacketLine p = {.row = {.sampling = 1}};
    if (sink->flow == NULL || event->time == LAMP_TIME_NONE || !read_line(&p, record))
        return;
    LampFlowRecord flow = {0};
    lamp_flow_record_begin(&flow);
    p.row.first_time = p.row.last_time = event->time;
    if (p.duration_ns > 0 && event->time > G_MININT64 + p.duration_ns)
        p.row.first_time -= p.duration_ns;
    p.row.event_number = event_number;
    flow.row = p.row;
    add_attributes(&flow, &p);
    lamp_flow_record_emit(&flow, sink);
    if (p.event == EVENT_DESTROY && p.packets_back > 0)
        emit_reply(&flow, &p, sink);
    lamp_flow_record_free(&flow);
}
