/*
 * Reader for flow logs of Amazon's VPC, versions 2 to 8, as text (also those of transit
 * gateways, whose names of fields begin with `tgw-`).
 *
 *   2 123456789010 eni-1235b8ca1 172.31.16.139 172.31.16.21 20641 22 6 20 4249 T T ACCEPT OK
 *
 * In: lines with the fields that a first line names (files in S3 have one), else the fourteen
 * of version 2 in their order; a time, as some exports have it, may stand before them. Out: one
 * flow for each. A line without data (NODATA, SKIPDATA) is none. Times are whole seconds, and
 * say when the first and the last packet of the interval came; addresses are those of the
 * interface, those of the packet (`pkt-srcaddr`) where another one's traffic passes through are
 * further fields.
 * Specification: Amazon VPC User Guide, Flow log records.
 */
#include "ingest/readers.h"

#include "base/text.h"
#include "ingest/flow/text.h"

enum { FIELDS = 64 };

typedef enum {
    FIELD_OTHER,
    FIELD_SOURCE,
    FIELD_DESTINATION,
    FIELD_SOURCE_PORT,
    FIELD_DESTINATION_PORT,
    FIELD_PROTOCOL,
    FIELD_PACKETS,
    FIELD_BYTES,
    FIELD_START,
    FIELD_END,
    FIELD_FLAGS,
    FIELD_STATUS,
    FIELD_VERSION,
    FIELD_ACTION,
    FIELD_INTERFACE,
    FIELD_PACKET_SOURCE,
    FIELD_PACKET_DESTINATION,
    FIELD_DIRECTION,
    FIELD_INSTANCE,
    FIELD_ROLES
} Field;

/* @attribute: the name under which the value is kept, NULL if it has its own column. */
static const struct {
    const char *name, *attribute;
} fields_of[FIELD_ROLES] = {
    [FIELD_SOURCE] = {"srcaddr", NULL},
    [FIELD_DESTINATION] = {"dstaddr", NULL},
    [FIELD_SOURCE_PORT] = {"srcport", NULL},
    [FIELD_DESTINATION_PORT] = {"dstport", NULL},
    [FIELD_PROTOCOL] = {"protocol", NULL},
    [FIELD_PACKETS] = {"packets", NULL},
    [FIELD_BYTES] = {"bytes", NULL},
    [FIELD_START] = {"start", NULL},
    [FIELD_END] = {"end", NULL},
    [FIELD_FLAGS] = {"tcp-flags", NULL},
    [FIELD_STATUS] = {"log-status", NULL},
    [FIELD_VERSION] = {"version", NULL},
    [FIELD_ACTION] = {"action", "action"},
    [FIELD_INTERFACE] = {"interface-id", "interface"},
    [FIELD_PACKET_SOURCE] = {"pkt-srcaddr", "packet_source"},
    [FIELD_PACKET_DESTINATION] = {"pkt-dstaddr", "packet_destination"},
    [FIELD_DIRECTION] = {"flow-direction", "direction"},
    [FIELD_INSTANCE] = {"instance-id", "instance"},
};

static const Field version_2[] = {FIELD_VERSION,
                                  FIELD_OTHER,
                                  FIELD_INTERFACE,
                                  FIELD_SOURCE,
                                  FIELD_DESTINATION,
                                  FIELD_SOURCE_PORT,
                                  FIELD_DESTINATION_PORT,
                                  FIELD_PROTOCOL,
                                  FIELD_PACKETS,
                                  FIELD_BYTES,
                                  FIELD_START,
                                  FIELD_END,
                                  FIELD_ACTION,
                                  FIELD_STATUS};

typedef struct {
    LampFlowLines lines;
    LampFlowRecord flow;
    guint count;
    guint8 roles[FIELDS];
} VpcState;

static guint
split(LampBytes line, LampBytes fields[FIELDS])
{
    LampCursor at = lamp_cursor(lamp_text_trim(line));
    guint count = 0;
    while (at.at < at.end && count < FIELDS) {
        const guint8 *begin = at.at;
        while (at.at < at.end && *at.at != ' ' && *at.at != '\t')
            at.at++;
        fields[count++] = lamp_bytes(begin, (gsize) (at.at - begin));
        while (at.at < at.end && (*at.at == ' ' || *at.at == '\t'))
            at.at++;
    }
    return count;
}

static Field
field_of(LampBytes name)
{
    if (lamp_bytes_starts(name, "tgw-"))
        name = lamp_bytes(name.at + 4, name.len - 4);
    for (guint i = 1; i < FIELD_ROLES; i++)
        if (lamp_bytes_equal(name, lamp_bytes_text(fields_of[i].name)))
            return i;
    return FIELD_OTHER;
}

/* Names of fields, at least addresses, protocol and times. */
static gboolean
read_heading(VpcState *s, LampBytes line)
{
    LampBytes names[FIELDS];
    guint count = split(line, names);
    guint seen = 0;
    VpcState found = {.count = count};
    for (guint i = 0; i < count; i++) {
        found.roles[i] = (guint8) field_of(names[i]);
        seen |= 1u << found.roles[i];
    }
    guint needed = 1u << FIELD_SOURCE | 1u << FIELD_DESTINATION | 1u << FIELD_PROTOCOL |
                   1u << FIELD_START | 1u << FIELD_END;
    if ((seen & needed) != needed)
        return FALSE;
    s->count = count;
    memcpy(s->roles, found.roles, sizeof s->roles);
    return TRUE;
}

static void
set_version_2(VpcState *s)
{
    s->count = G_N_ELEMENTS(version_2);
    for (guint i = 0; i < s->count; i++)
        s->roles[i] = (guint8) version_2[i];
}

/* The fields of @line by their roles; FALSE if they are not as many as they should be. */
static gboolean
take_fields(const VpcState *s, LampBytes line, LampBytes by_role[FIELD_ROLES])
{
    LampBytes fields[FIELDS];
    guint count = split(line, fields);
    guint before = count == s->count + 1 ? 1 : 0; /* a time of the export */
    if (count - before != s->count)
        return FALSE;
    for (guint i = 0; i < s->count; i++)
        if (s->roles[i] != FIELD_OTHER)
            by_role[s->roles[i]] = fields[i + before];
    return TRUE;
}

static gboolean
is_without_data(const LampBytes by_role[FIELD_ROLES])
{
    return lamp_bytes_equal(by_role[FIELD_STATUS], lamp_bytes("NODATA", 6)) ||
           lamp_bytes_equal(by_role[FIELD_STATUS], lamp_bytes("SKIPDATA", 8));
}

static gboolean
read_seconds(LampBytes text, gint64 *out_ms)
{
    return lamp_text_parse_scaled(text, 3, out_ms) && *out_ms > 0;
}

static guint64
number_of(LampBytes text)
{
    guint64 number;
    return lamp_text_parse_u64(text, &number) ? number : 0;
}

static gboolean
read_times(LampFlowRecord *f, const LampBytes by_role[FIELD_ROLES])
{
    gint64 first, last;
    return read_seconds(by_role[FIELD_START], &first) &&
           read_seconds(by_role[FIELD_END], &last) &&
           lamp_flow_record_set_times(f, first, last) &&
           lamp_time_is_within_range(f->row.first_time, 0) &&
           lamp_time_is_within_range(f->row.last_time, 0);
}

static void
add_attributes(LampFlowRecord *f, const LampBytes by_role[FIELD_ROLES])
{
    for (guint i = 1; i < FIELD_ROLES; i++)
        if (fields_of[i].attribute != NULL && !lamp_bytes_equal(by_role[i], lamp_bytes("-", 1)))
            lamp_flow_record_text(f, fields_of[i].attribute, by_role[i]);
}

static gboolean
read_flow(LampFlowRecord *f, const LampBytes by_role[FIELD_ROLES])
{
    LampFlowRow *row = &f->row;
    lamp_flow_record_begin(f);
    if (!lamp_flow_text_address(by_role[FIELD_SOURCE], &row->source) ||
        !lamp_flow_text_address(by_role[FIELD_DESTINATION], &row->destination) ||
        !lamp_flow_text_protocol(by_role[FIELD_PROTOCOL], &row->transport) ||
        !read_times(f, by_role))
        return FALSE;
    if (!lamp_flow_text_port(by_role[FIELD_SOURCE_PORT], &row->source.port) ||
        !lamp_flow_text_port(by_role[FIELD_DESTINATION_PORT], &row->destination.port))
        row->source.port = row->destination.port = 0;
    row->packets = number_of(by_role[FIELD_PACKETS]);
    row->bytes = number_of(by_role[FIELD_BYTES]);
    row->tcp_flags = (guint8) number_of(by_role[FIELD_FLAGS]);
    add_attributes(f, by_role);
    return TRUE;
}

static guint
probe_vpc(LampBytes head, G_GNUC_UNUSED const char *path)
{
    LampCursor c = lamp_cursor(head);
    LampBytes line, by_role[FIELD_ROLES] = {0};
    VpcState state = {0};
    if (!lamp_cursor_line(&c, &line))
        line = lamp_cursor_rest(&c);
    if (read_heading(&state, line))
        return 96;
    set_version_2(&state);
    if (!take_fields(&state, line, by_role) ||
        !lamp_bytes_equal(by_role[FIELD_VERSION], lamp_bytes("2", 1)))
        return 0;
    gboolean is_flow = is_without_data(by_role) || read_flow(&state.flow, by_role);
    lamp_flow_record_free(&state.flow);
    return is_flow ? 95 : 0;
}

static void
take_line(gpointer reader, LampBytes line, LampSink *sink)
{
    VpcState *s = reader;
    LampBytes by_role[FIELD_ROLES] = {0};
    guint64 offset = s->lines.offset, length = s->lines.length;
    gboolean is_other = lamp_text_trim(line).len == 0 || read_heading(s, line);
    if (!is_other && s->count == 0)
        set_version_2(s);
    gboolean fits = !is_other && take_fields(s, line, by_role);
    if (is_other || (fits && is_without_data(by_role))) {
        lamp_coverage_other(&s->lines.coverage, offset, length);
    } else if (fits && read_flow(&s->flow, by_role)) {
        lamp_coverage_record(&s->lines.coverage, sink, offset, length);
        if (s->flow.row.last_time < s->flow.row.first_time)
            lamp_flow_lines_report(&s->lines, sink, offset, "vpc-flow.times",
                                   "a flow ends before it starts; kept as it is");
        lamp_flow_record_emit(&s->flow, sink);
    } else {
        lamp_flow_lines_report(
            &s->lines, sink, offset, "vpc-flow.line",
            "not a flow with the fields of this file; the line was left out");
        lamp_coverage_lost(&s->lines.coverage, offset, length);
    }
}

static LampStep
step_vpc(gpointer state, LampCursor *in, guint64 offset, gboolean last, LampSink *sink)
{
    VpcState *s = state;
    lamp_flow_lines_step(&s->lines, in, offset, last, sink, take_line, s);
    return LAMP_STEP_NEED_BYTES;
}

static void
begin_vpc(G_GNUC_UNUSED gpointer state, G_GNUC_UNUSED const LampSourceContext *context)
{
}

static void
end_vpc(gpointer state, LampSink *sink)
{
    VpcState *s = state;
    lamp_coverage_flush(&s->lines.coverage, sink);
    lamp_flow_record_free(&s->flow);
}

const LampReader lamp_reader_vpc_flow = {
    .name = "vpc-flow",
    .summary = "flow logs of Amazon's VPC, with or without the line of field names",
    .spec = "https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html",
    .kind = LAMP_KIND_FLOW,
    .state_size = sizeof(VpcState),
    .probe = probe_vpc,
    .begin = begin_vpc,
    .step = step_vpc,
    .end = end_vpc,
};
