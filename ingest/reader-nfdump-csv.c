/*
 * Reader for the CSV of nfdump 1.6 and 1.7 (`nfdump -o csv`), with or without its first line.
 *
 * In: lines of at least 13 fields in nfdump's fixed order; out: one flow for each. Times are in
 * whole seconds of the local time of the host that ran nfdump; the duration has milliseconds
 * and gives the end. The summary at the end is passed over.
 */
#include "ingest/readers.h"

#include "base/text.h"
#include "ingest/flow/text.h"

enum {
    FIELD_START,
    FIELD_END,
    FIELD_DURATION,
    FIELD_SOURCE,
    FIELD_DESTINATION,
    FIELD_SOURCE_PORT,
    FIELD_DESTINATION_PORT,
    FIELD_PROTOCOL,
    FIELD_FLAGS,
    FIELD_PACKETS = 11,
    FIELD_BYTES = 12,
    FIELD_PACKETS_BACK = 13,
    FIELD_BYTES_BACK = 14,
    FIELD_INPUT = 15,
    FIELD_OUTPUT = 16,
    FIELD_SOURCE_AS = 17,
    FIELD_DESTINATION_AS = 18,
    FIELDS_LEAST = 13,
    FIELDS = 19,
};

#define DURATION_MAX \
    G_GINT64_CONSTANT(31536000000) /* ms: a year; a wrapped difference is more */

typedef struct {
    LampFlowLines lines;
    LampFlowRecord flow;
    gint32 zone_seconds;
    gboolean in_summary;
} CsvState;

static guint
split(LampBytes line, LampBytes fields[FIELDS])
{
    guint count = 0;
    const guint8 *p = line.at, *end = line.at + line.len;
    while (count < FIELDS) {
        const guint8 *comma = p < end ? memchr(p, ',', (gsize) (end - p)) : NULL;
        const guint8 *to = comma != NULL ? comma : end;
        fields[count++] = lamp_text_trim(lamp_bytes(p, (gsize) (to - p)));
        if (comma == NULL)
            break;
        p = comma + 1;
    }
    return count;
}

static void
add_number(LampFlowRecord *f, const char *name, LampBytes text)
{
    guint64 number;
    if (lamp_text_parse_u64(text, &number))
        lamp_flow_record_number(f, name, number);
}

static gboolean
read_times(LampFlowRecord *f, const LampBytes fields[FIELDS], gint32 zone_seconds)
{
    gint64 first, last, duration;
    if (!lamp_flow_text_time(fields[FIELD_START], zone_seconds, &first) ||
        !lamp_flow_text_time(fields[FIELD_END], zone_seconds, &last))
        return FALSE;
    /* The duration of a flow that ends before it starts is a wrapped number. */
    if (lamp_text_parse_scaled(fields[FIELD_DURATION], 3, &duration) && duration >= 0 &&
        duration < DURATION_MAX)
        last = first + duration;
    return lamp_flow_record_set_times(f, first, last);
}

/* FALSE: the line is no flow. */
static gboolean
read_line(LampFlowRecord *f, LampBytes line, gint32 zone_seconds)
{
    LampBytes fields[FIELDS] = {0};
    lamp_flow_record_begin(f);
    LampFlowRow *row = &f->row;
    if (split(line, fields) < FIELDS_LEAST || !read_times(f, fields, zone_seconds) ||
        !lamp_flow_text_address(fields[FIELD_SOURCE], &row->source) ||
        !lamp_flow_text_address(fields[FIELD_DESTINATION], &row->destination) ||
        !lamp_flow_text_port(fields[FIELD_SOURCE_PORT], &row->source.port) ||
        !lamp_flow_text_port(fields[FIELD_DESTINATION_PORT], &row->destination.port) ||
        !lamp_flow_text_protocol(fields[FIELD_PROTOCOL], &row->transport) ||
        !lamp_text_parse_u64(fields[FIELD_PACKETS], &row->packets) ||
        !lamp_text_parse_u64(fields[FIELD_BYTES], &row->bytes))
        return FALSE;
    row->tcp_flags = lamp_flow_text_flags(fields[FIELD_FLAGS]);
    add_number(f, "packets_back", fields[FIELD_PACKETS_BACK]);
    add_number(f, "bytes_back", fields[FIELD_BYTES_BACK]);
    add_number(f, "input", fields[FIELD_INPUT]);
    add_number(f, "output", fields[FIELD_OUTPUT]);
    add_number(f, "source_as", fields[FIELD_SOURCE_AS]);
    add_number(f, "destination_as", fields[FIELD_DESTINATION_AS]);
    return TRUE;
}

static gboolean
is_heading(LampBytes line)
{
    return lamp_bytes_starts(line, "ts,te,td,sa,da,");
}

static guint
probe_csv(LampBytes head, G_GNUC_UNUSED const char *path)
{
    LampCursor c = lamp_cursor(head);
    LampBytes line;
    if (!lamp_cursor_line(&c, &line))
        line = lamp_cursor_rest(&c);
    line = lamp_text_trim(line);
    if (is_heading(line))
        return 98;
    LampFlowRecord flow = {0};
    gboolean is_flow = read_line(&flow, line, 0);
    lamp_flow_record_free(&flow);
    return is_flow ? 95 : 0;
}

static void
take_line(gpointer reader, LampBytes line, LampSink *sink)
{
    CsvState *s = reader;
    guint64 offset = s->lines.offset, length = s->lines.length;
    s->in_summary = s->in_summary || lamp_bytes_starts(line, "Summary");
    if (s->in_summary || is_heading(line) || line.len == 0 ||
        lamp_bytes_starts(line, "No matching flows")) {
        lamp_coverage_other(&s->lines.coverage, offset, length);
    } else if (read_line(&s->flow, line, s->zone_seconds)) {
        lamp_coverage_record(&s->lines.coverage, sink, offset, length);
        lamp_flow_record_emit(&s->flow, sink);
    } else {
        lamp_flow_lines_report(&s->lines, sink, offset, "nfdump.line",
                               "not a flow in nfdump's form; the line was left out");
        lamp_coverage_lost(&s->lines.coverage, offset, length);
    }
}

static LampStep
step_csv(gpointer state, LampCursor *in, guint64 offset, gboolean last, LampSink *sink)
{
    CsvState *s = state;
    lamp_flow_lines_step(&s->lines, in, offset, last, sink, take_line, s);
    return LAMP_STEP_NEED_BYTES;
}

static void
begin_csv(gpointer state, const LampSourceContext *context)
{
    CsvState *s = state;
    s->zone_seconds = context->zone_seconds;
}

static void
end_csv(gpointer state, LampSink *sink)
{
    CsvState *s = state;
    lamp_coverage_flush(&s->lines.coverage, sink);
    lamp_flow_record_free(&s->flow);
}

const LampReader lamp_reader_nfdump_csv = {
    .name = "nfdump-csv",
    .summary = "flow records as nfdump writes them with -o csv",
    .spec = "https://github.com/phaag/nfdump",
    .kind = LAMP_KIND_FLOW,
    .state_size = sizeof(CsvState),
    .probe = probe_csv,
    .begin = begin_csv,
    .step = step_csv,
    .end = end_csv,
};
