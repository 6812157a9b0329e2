/*
 * Reader for the JSON of nfdump 1.6 and 1.7 (`nfdump -o json`).
 *
 * In: an array of flat objects, one member a line, as nfdump writes it; out: one flow for each
 * object. Lines are read one at a time, so no object is held. Times have milliseconds, in the
 * local time of the host that ran nfdump. Limit: JSON of another layout is not of this format.
 */
#include "ingest/readers.h"

#include "base/text.h"
#include "ingest/flow/text.h"

typedef struct {
    LampFlowLines lines;
    LampFlowRecord flow;
    gint32 zone_seconds;
    gboolean is_open;
    gboolean has_bad_member;
    gint64 first_ms, last_ms;
    guint times;
    guint64 begin; /* offset of the object */
    guint64 bytes; /* of its lines so far */
} JsonState;

/* Splits `"key" : value,`; the value comes without quotes. */
static gboolean
split(LampBytes line, LampBytes *out_key, LampBytes *out_value)
{
    if (line.len < 3 || line.at[0] != '"')
        return FALSE;
    const guint8 *quote = memchr(line.at + 1, '"', line.len - 1);
    if (quote == NULL)
        return FALSE;
    *out_key = lamp_bytes(line.at + 1, (gsize) (quote - line.at - 1));
    LampBytes rest =
        lamp_text_trim(lamp_bytes(quote + 1, (gsize) (line.at + line.len - quote - 1)));
    if (rest.len == 0 || rest.at[0] != ':')
        return FALSE;
    rest = lamp_text_trim(lamp_bytes(rest.at + 1, rest.len - 1));
    if (rest.len > 0 && rest.at[rest.len - 1] == ',')
        rest.len--;
    rest = lamp_text_trim(rest);
    if (rest.len >= 2 && rest.at[0] == '"' && rest.at[rest.len - 1] == '"')
        rest = lamp_bytes(rest.at + 1, rest.len - 2);
    *out_value = rest;
    return TRUE;
}

typedef enum {
    MEMBER_FIRST,
    MEMBER_LAST,
    MEMBER_PACKETS,
    MEMBER_BYTES,
    MEMBER_PROTOCOL,
    MEMBER_FLAGS,
    MEMBER_SOURCE,
    MEMBER_DESTINATION,
    MEMBER_SOURCE_PORT,
    MEMBER_DESTINATION_PORT,
    MEMBER_NUMBER,
    MEMBER_ADDRESS,
    MEMBER_OTHER,
} Member;

typedef struct {
    const char *key;
    Member member;
    const char *name; /* of a further field */
} MemberRow;

static const MemberRow *
find_member(LampBytes key)
{
    static const MemberRow other = {"", MEMBER_OTHER, NULL};
    static const MemberRow rows[] = {
        {"first", MEMBER_FIRST, NULL},
        {"last", MEMBER_LAST, NULL},
        {"in_packets", MEMBER_PACKETS, NULL},
        {"in_bytes", MEMBER_BYTES, NULL},
        {"proto", MEMBER_PROTOCOL, NULL},
        {"tcp_flags", MEMBER_FLAGS, NULL},
        {"src4_addr", MEMBER_SOURCE, NULL},
        {"src6_addr", MEMBER_SOURCE, NULL},
        {"dst4_addr", MEMBER_DESTINATION, NULL},
        {"dst6_addr", MEMBER_DESTINATION, NULL},
        {"src_port", MEMBER_SOURCE_PORT, NULL},
        {"dst_port", MEMBER_DESTINATION_PORT, NULL},
        {"out_packets", MEMBER_NUMBER, "packets_back"},
        {"out_bytes", MEMBER_NUMBER, "bytes_back"},
        {"input_snmp", MEMBER_NUMBER, "input"},
        {"output_snmp", MEMBER_NUMBER, "output"},
        {"src_as", MEMBER_NUMBER, "source_as"},
        {"dst_as", MEMBER_NUMBER, "destination_as"},
        {"src_xlt_port", MEMBER_NUMBER, "nat_source_port"},
        {"dst_xlt_port", MEMBER_NUMBER, "nat_destination_port"},
        {"ip4_next_hop", MEMBER_ADDRESS, "next_hop"},
        {"src4_xlt_ip", MEMBER_ADDRESS, "nat_source"},
        {"dst4_xlt_ip", MEMBER_ADDRESS, "nat_destination"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (lamp_bytes_equal(key, lamp_bytes_text(rows[i].key)))
            return &rows[i];
    return &other;
}

static gboolean
take_further(LampFlowRecord *f, const MemberRow *member, LampBytes value)
{
    guint64 number;
    LampEndpoint e = {0};
    if (member->member == MEMBER_NUMBER && lamp_text_parse_u64(value, &number))
        lamp_flow_record_number(f, member->name, number);
    else if (member->member == MEMBER_ADDRESS && lamp_flow_text_address(value, &e))
        lamp_flow_record_address(f, member->name, e.address + 12, 4);
    return TRUE;
}

static gboolean
take_member(JsonState *s, const MemberRow *member, LampBytes value)
{
    LampFlowRow *row = &s->flow.row;
    switch (member->member) {
    case MEMBER_FIRST:
        s->times++;
        return lamp_flow_text_time(value, s->zone_seconds, &s->first_ms);
    case MEMBER_LAST:
        s->times++;
        return lamp_flow_text_time(value, s->zone_seconds, &s->last_ms);
    case MEMBER_PACKETS:
        return lamp_text_parse_u64(value, &row->packets);
    case MEMBER_BYTES:
        return lamp_text_parse_u64(value, &row->bytes);
    case MEMBER_PROTOCOL:
        return lamp_flow_text_protocol(value, &row->transport);
    case MEMBER_FLAGS:
        row->tcp_flags = lamp_flow_text_flags(value);
        return TRUE;
    case MEMBER_SOURCE:
        return lamp_flow_text_address(value, &row->source);
    case MEMBER_DESTINATION:
        return lamp_flow_text_address(value, &row->destination);
    case MEMBER_SOURCE_PORT:
        return lamp_flow_text_port(value, &row->source.port);
    case MEMBER_DESTINATION_PORT:
        return lamp_flow_text_port(value, &row->destination.port);
    default:
        return take_further(&s->flow, member, value);
    }
}

static void
begin_object(JsonState *s)
{
    lamp_flow_record_begin(&s->flow);
    s->is_open = TRUE;
    s->has_bad_member = FALSE;
    s->times = 0;
    s->begin = s->lines.offset;
    s->bytes = 0;
}

static void
end_object(JsonState *s, LampSink *sink)
{
    const LampFlowRow *row = &s->flow.row;
    s->is_open = FALSE;
    if (s->has_bad_member || s->times < 2 || !row->source.is_known ||
        !row->destination.is_known ||
        !lamp_flow_record_set_times(&s->flow, s->first_ms, s->last_ms)) {
        lamp_flow_lines_report(&s->lines, sink, s->begin, "nfdump.object",
                               "an object is no flow; it was left out");
        lamp_coverage_lost(&s->lines.coverage, s->begin, s->bytes);
        return;
    }
    lamp_coverage_record(&s->lines.coverage, sink, s->begin, s->bytes);
    lamp_flow_record_emit(&s->flow, sink);
}

static void
take_line(gpointer reader, LampBytes line, LampSink *sink)
{
    JsonState *s = reader;
    LampBytes key, value;
    if (!s->is_open && line.len == 1 && line.at[0] == '{')
        begin_object(s);
    if (!s->is_open) {
        lamp_coverage_other(&s->lines.coverage, s->lines.offset, s->lines.length);
        return;
    }
    s->bytes += s->lines.length;
    if (line.len > 0 && line.at[0] == '}') {
        end_object(s, sink);
    } else if (split(line, &key, &value) && !take_member(s, find_member(key), value)) {
        s->has_bad_member = TRUE;
    }
}

static guint
probe_json(LampBytes head, G_GNUC_UNUSED const char *path)
{
    LampCursor c = lamp_cursor(head);
    LampBytes first, second, third, key, value;
    if (!lamp_cursor_line(&c, &first) || !lamp_cursor_line(&c, &second) ||
        !lamp_cursor_line(&c, &third))
        return 0;
    gboolean is_array = lamp_bytes_equal(lamp_text_trim(first), lamp_bytes_text("[")) &&
                        lamp_bytes_equal(lamp_text_trim(second), lamp_bytes_text("{"));
    gboolean is_flow = is_array && split(lamp_text_trim(third), &key, &value) &&
                       lamp_bytes_equal(key, lamp_bytes_text("type"));
    return is_flow && (lamp_bytes_equal(value, lamp_bytes_text("FLOW")) ||
                       lamp_bytes_equal(value, lamp_bytes_text("EVENT")))
               ? 98
               : 0;
}

static LampStep
step_json(gpointer state, LampCursor *in, guint64 offset, gboolean last, LampSink *sink)
{
    JsonState *s = state;
    lamp_flow_lines_step(&s->lines, in, offset, last, sink, take_line, s);
    if (last && !sink->stop && s->is_open) {
        lamp_flow_lines_report(&s->lines, sink, s->begin, "nfdump.object",
                               "the file ends inside an object");
        lamp_coverage_lost(&s->lines.coverage, s->begin, s->bytes);
        s->is_open = FALSE;
    }
    return LAMP_STEP_NEED_BYTES;
}

static void
begin_json(gpointer state, const LampSourceContext *context)
{
    JsonState *s = state;
    s->zone_seconds = context->zone_seconds;
}

static void
end_json(gpointer state, LampSink *sink)
{
    JsonState *s = state;
    lamp_coverage_flush(&s->lines.coverage, sink);
    lamp_flow_record_free(&s->flow);
}

const LampReader lamp_reader_nfdump_json = {
    .name = "nfdump-json",
    .summary = "flow records as nfdump writes them with -o json",
    .spec = "https://github.com/phaag/nfdump",
    .kind = LAMP_KIND_FLOW,
    .state_size = sizeof(JsonState),
    .probe = probe_json,
    .begin = begin_json,
    .step = step_json,
    .end = end_json,
};
