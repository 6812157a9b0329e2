/*
 * Flow records as text: the parts that the readers of nfdump's CSV and JSON and of VPC flow
 * logs share.
 */
#include "ingest/flow/text.h"

#include "base/limits.h"
#include "base/text.h"

#include <arpa/inet.h>

static void
report_overlong(const LampFlowLines *l, LampSink *sink, guint64 offset)
{
    LampFinding finding = {.kind = LAMP_FINDING_LIMIT,
                           .code = "limit.LINE",
                           .offset = offset,
                           .record_number = l->number + 1,
                           .text = "a line is too long; it was left out"};
    sink->finding(sink->owner, &finding);
}

/* Passes over bytes of a line that is too long, up to and including its end. */
static void
skip_overlong(LampFlowLines *l, LampCursor *in, guint64 offset, const guint8 *end_of_line)
{
    const guint8 *to = end_of_line != NULL ? end_of_line + 1 : in->end;
    lamp_coverage_lost(&l->coverage, offset, (guint64) (to - in->at));
    l->in_overlong = end_of_line == NULL;
    in->at = to;
}

/* Next line without its end. FALSE when more bytes are needed, or none are left. */
static gboolean
take_line(LampFlowLines *l, LampCursor *in, guint64 offset, gboolean last, LampSink *sink,
          LampBytes *out_line)
{
    const guint8 *begin = in->at;
    while (lamp_cursor_left(in) > 0) {
        gsize left = lamp_cursor_left(in);
        const guint8 *end = memchr(in->at, '\n', left);
        gsize length = end != NULL ? (gsize) (end - in->at) : left;
        guint64 here = offset + (guint64) (in->at - begin);
        if (l->in_overlong || length > LAMP_LIMIT_LINE) {
            if (!l->in_overlong)
                report_overlong(l, sink, here);
            skip_overlong(l, in, here, end);
            continue;
        }
        if (end == NULL && !last)
            return FALSE;
        *out_line = lamp_text_trim(lamp_bytes(in->at, length));
        l->offset = here;
        l->length = end != NULL ? length + 1 : length;
        in->at += l->length;
        l->number++;
        return TRUE;
    }
    return FALSE;
}

void
lamp_flow_lines_step(LampFlowLines *l, LampCursor *in, guint64 offset, gboolean last,
                     LampSink *sink, LampFlowTakeLine take, gpointer reader)
{
    const guint8 *base = in->at;
    LampBytes line;
    while (!sink->stop &&
           take_line(l, in, offset + (guint64) (in->at - base), last, sink, &line))
        take(reader, line, sink);
}

void
lamp_flow_lines_report(const LampFlowLines *l, LampSink *sink, guint64 offset, const char *code,
                       const char *text)
{
    LampFinding finding = {.kind = LAMP_FINDING_INVALID,
                           .code = code,
                           .offset = offset,
                           .record_number = l->number,
                           .text = text};
    sink->finding(sink->owner, &finding);
}

gboolean
lamp_flow_text_address(LampBytes text, LampEndpoint *e)
{
    char copy[INET6_ADDRSTRLEN];
    guint8 address[16];
    if (text.len == 0 || text.len >= sizeof copy)
        return FALSE;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, address) == 1) {
        lamp_flow_record_set_ipv4(e, lamp_be32(address));
        return TRUE;
    }
    if (inet_pton(AF_INET6, copy, address) != 1)
        return FALSE;
    lamp_flow_record_set_ipv6(e, address);
    return TRUE;
}

gboolean
lamp_flow_text_port(LampBytes text, guint16 *out_port)
{
    const guint8 *dot = text.len > 0 ? memchr(text.at, '.', text.len) : NULL;
    gsize first = dot != NULL ? (gsize) (dot - text.at) : text.len;
    guint64 port = 0, code = 0;
    if (!lamp_text_parse_u64(lamp_bytes(text.at, first), &port) || port > G_MAXUINT16)
        return FALSE;
    if (dot != NULL &&
        (!lamp_text_parse_u64(lamp_bytes(dot + 1, text.len - first - 1), &code) || code > 255 ||
         port > 255))
        return FALSE;
    *out_port = (guint16) (dot != NULL ? port << 8 | code : port);
    return TRUE;
}

gboolean
lamp_flow_text_protocol(LampBytes text, guint8 *out_protocol)
{
    static const struct {
        const char *name;
        guint8 number;
    } names[] = {{"TCP", 6},    {"UDP", 17},  {"ICMP", 1},  {"ICMP6", 58}, {"IGMP", 2},
                 {"IPIP", 4},   {"IPv6", 41}, {"GRE", 47},  {"ESP", 50},   {"AH", 51},
                 {"EIGRP", 88}, {"OSPF", 89}, {"PIM", 103}, {"VRRP", 112}, {"SCTP", 132}};
    guint64 number;
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (lamp_bytes_equal(text, lamp_bytes_text(names[i].name))) {
            *out_protocol = names[i].number;
            return TRUE;
        }
    }
    if (!lamp_text_parse_u64(text, &number) || number > 255)
        return FALSE;
    *out_protocol = (guint8) number;
    return TRUE;
}

guint8
lamp_flow_text_flags(LampBytes text)
{
    static const char letters[] = "FSRPAUEC";
    guint64 number = 0;
    if (lamp_bytes_starts(text, "0x")) {
        gboolean is_good = lamp_text_parse_hex(lamp_bytes(text.at + 2, text.len - 2), &number);
        return is_good ? (guint8) number : 0;
    }
    for (gsize i = 0; i < text.len; i++) {
        const char *letter = text.at[i] != 0 ? strchr(letters, text.at[i]) : NULL;
        if (letter != NULL)
            number |= 1u << (letter - letters);
    }
    return (guint8) number;
}

/* Digits of fixed width at @at. */
static gboolean
take_digits(LampBytes text, gsize at, gsize width, gint *out_number)
{
    guint64 number;
    if (at + width > text.len || !lamp_text_parse_u64(lamp_bytes(text.at + at, width), &number))
        return FALSE;
    *out_number = (gint) number;
    return TRUE;
}

static gboolean
take_date(LampBytes text, LampCivil *out)
{
    return take_digits(text, 0, 4, &out->year) && take_digits(text, 5, 2, &out->month) &&
           take_digits(text, 8, 2, &out->day) && text.at[4] == '-' && text.at[7] == '-';
}

static gboolean
take_clock(LampBytes text, LampCivil *out)
{
    return take_digits(text, 11, 2, &out->hour) && take_digits(text, 14, 2, &out->minute) &&
           take_digits(text, 17, 2, &out->second) && text.at[13] == ':' && text.at[16] == ':';
}

gboolean
lamp_flow_text_time(LampBytes text, gint32 zone_seconds, gint64 *out_ms)
{
    LampCivil civil = {0};
    LampTime time;
    gint64 fraction = 0;
    if (!take_date(text, &civil) || !take_clock(text, &civil) ||
        (text.at[10] != ' ' && text.at[10] != 'T'))
        return FALSE;
    LampBytes rest = lamp_bytes(text.at + 19, text.len - 19);
    if (rest.len > 0 && !lamp_text_parse_scaled(rest, 3, &fraction))
        return FALSE;
    if (!lamp_time_from_civil(&civil, zone_seconds, &time))
        return FALSE;
    *out_ms = time / LAMP_NS_PER_MS + fraction;
    return TRUE;
}
