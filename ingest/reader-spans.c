/*
 * Imported spans: CSV whose first line names its columns.
 *
 * Spans: `span_id`, `process`, `kind` (server or client), `operation`, start and end
 * (`start_us`, `start_ns`, `start_ms`, `start_s` and the same for the end), perhaps `peer`,
 * `status` and `thread`; every further column is evidence, stored as a value under its name.
 * Joins: `client_span_id` and `server_span_id`, one line for each call whose two ends are
 * known. Both are what tracing research publishes and what most tracers export. Quoted cells
 * (RFC 4180) are understood, but not line ends inside them.
 */
#include "base/limits.h"
#include "base/text.h"
#include "ingest/lines.h"
#include "ingest/readers.h"

#define COLUMNS_AT_MOST 64
#define NAME_BYTES 64

/* What a column holds. */
typedef enum {
    COLUMN_EVIDENCE,
    COLUMN_SPAN_ID,
    COLUMN_PROCESS,
    COLUMN_KIND,
    COLUMN_PEER,
    COLUMN_OPERATION,
    COLUMN_START,
    COLUMN_END,
    COLUMN_STATUS,
    COLUMN_THREAD,
    COLUMN_CLIENT_ID,
    COLUMN_SERVER_ID,
    COLUMN_ROLES
} ColumnRole;

typedef struct {
    gboolean started, is_joins;
    guint count;
    guint64 line;
    guint8 roles[COLUMNS_AT_MOST];
    guint8 digits[COLUMNS_AT_MOST]; /* decimal places to nanoseconds, for times */
    gint place[COLUMN_ROLES];       /* column of each role, -1 none */
    gchar names[COLUMNS_AT_MOST][NAME_BYTES];
} Spans;

static const struct {
    const char *name;
    guint8 role, digits;
} columns[] = {
    {"span_id", COLUMN_SPAN_ID, 0},
    {"process", COLUMN_PROCESS, 0},
    {"service", COLUMN_PROCESS, 0},
    {"kind", COLUMN_KIND, 0},
    {"peer", COLUMN_PEER, 0},
    {"operation", COLUMN_OPERATION, 0},
    {"name", COLUMN_OPERATION, 0},
    {"start_ns", COLUMN_START, 0},
    {"end_ns", COLUMN_END, 0},
    {"start_us", COLUMN_START, 3},
    {"end_us", COLUMN_END, 3},
    {"start_ms", COLUMN_START, 6},
    {"end_ms", COLUMN_END, 6},
    {"start_s", COLUMN_START, 9},
    {"end_s", COLUMN_END, 9},
    {"status", COLUMN_STATUS, 0},
    {"thread", COLUMN_THREAD, 0},
    {"client_span_id", COLUMN_CLIENT_ID, 0},
    {"server_span_id", COLUMN_SERVER_ID, 0},
};

/* Takes one cell; a quoted one without its quotes (doubled quotes stay doubled). */
static LampBytes
take_cell(LampCursor *c, gboolean *out_more)
{
    const guint8 *begin = c->at;
    LampBytes cell;
    if (c->at < c->end && *c->at == '"') {
        const guint8 *p = begin + 1;
        while (p < c->end && (*p != '"' || (p + 1 < c->end && p[1] == '"')))
            p += *p == '"' ? 2 : 1;
        cell = lamp_bytes(begin + 1, (gsize) (MIN(p, c->end) - begin - 1));
        c->at = MIN(p + 1, c->end);
    } else {
        gsize left = lamp_cursor_left(c);
        const guint8 *end = left > 0 ? memchr(begin, ',', left) : NULL;
        c->at = end != NULL ? end : c->end;
        cell = lamp_text_trim(lamp_bytes(begin, (gsize) (c->at - begin)));
    }
    *out_more = c->at < c->end && *c->at == ',';
    c->at += *out_more ? 1 : 0;
    return cell;
}

static guint
split(LampBytes line, LampBytes *cells)
{
    LampCursor c = lamp_cursor(lamp_text_trim(line));
    gboolean more = TRUE;
    guint n = 0;
    while (more && n < COLUMNS_AT_MOST)
        cells[n++] = take_cell(&c, &more);
    return n;
}

static void
name_column(Spans *spans, guint i, LampBytes name)
{
    gsize length = MIN(name.len, NAME_BYTES - 1);
    if (length > 0)
        memcpy(spans->names[i], name.at, length);
    spans->names[i][length] = '\0';
    for (gsize k = 0; k < G_N_ELEMENTS(columns); k++) {
        if (!lamp_bytes_equal(name, lamp_bytes_text(columns[k].name)) ||
            spans->place[columns[k].role] >= 0)
            continue;
        spans->roles[i] = columns[k].role;
        spans->digits[i] = columns[k].digits;
        spans->place[columns[k].role] = (gint) i;
    }
}

static gboolean
read_header(Spans *spans, LampBytes line)
{
    LampBytes cells[COLUMNS_AT_MOST];
    spans->count = split(line, cells);
    for (guint i = 0; i < COLUMN_ROLES; i++)
        spans->place[i] = -1;
    for (guint i = 0; i < spans->count; i++)
        name_column(spans, i, cells[i]);
    const gint *place = spans->place;
    spans->is_joins = place[COLUMN_CLIENT_ID] >= 0 && place[COLUMN_SERVER_ID] >= 0;
    return spans->is_joins ||
           (place[COLUMN_SPAN_ID] >= 0 && place[COLUMN_PROCESS] >= 0 &&
            place[COLUMN_KIND] >= 0 && place[COLUMN_START] >= 0 && place[COLUMN_END] >= 0);
}

static LampBytes
cell_of(const Spans *spans, const LampBytes *cells, guint count, ColumnRole role)
{
    gint place = spans->place[role];
    return place >= 0 && (guint) place < count ? cells[place] : lamp_bytes(NULL, 0);
}

static gboolean
time_of(const Spans *spans, const LampBytes *cells, guint count, ColumnRole role,
        LampTime *out_time)
{
    gint place = spans->place[role];
    return place >= 0 && (guint) place < count &&
           lamp_text_parse_scaled(cells[place], spans->digits[place], out_time);
}

static LampRole
role_of(LampBytes kind)
{
    if (lamp_bytes_equal(kind, lamp_bytes_text("server")) ||
        lamp_bytes_equal(kind, lamp_bytes_text("consumer")))
        return LAMP_ROLE_SERVER;
    if (lamp_bytes_equal(kind, lamp_bytes_text("client")) ||
        lamp_bytes_equal(kind, lamp_bytes_text("producer")))
        return LAMP_ROLE_CLIENT;
    return LAMP_ROLE_NONE;
}

/* Times written in whole units of 10^digits ns are intervals of that length. */
static gint64
resolution_of(guint8 digits)
{
    static const gint64 units[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    return digits < G_N_ELEMENTS(units) ? units[digits] : 1;
}

static gboolean
is_within_range(LampTime start, LampTime end)
{
    gint64 duration;
    return !__builtin_sub_overflow(end, start, &duration) &&
           lamp_time_is_within_range(start, duration) && lamp_time_is_within_range(end, 0);
}

static gboolean
emit_span(const Spans *spans, const LampBytes *cells, guint count, LampSink *sink)
{
    LampValue values[COLUMNS_AT_MOST];
    LampObservationRow row = {.origin = LAMP_ORIGIN_SPAN,
                              .role = role_of(cell_of(spans, cells, count, COLUMN_KIND)),
                              .external_id = cell_of(spans, cells, count, COLUMN_SPAN_ID),
                              .process = cell_of(spans, cells, count, COLUMN_PROCESS),
                              .peer = cell_of(spans, cells, count, COLUMN_PEER),
                              .operation = cell_of(spans, cells, count, COLUMN_OPERATION),
                              .status = cell_of(spans, cells, count, COLUMN_STATUS),
                              .thread = cell_of(spans, cells, count, COLUMN_THREAD),
                              .request_sequence = -1,
                              .response_sequence = -1,
                              .values = values};
    LampTime start, end;
    if (row.role == LAMP_ROLE_NONE || row.external_id.len == 0 || row.process.len == 0 ||
        !time_of(spans, cells, count, COLUMN_START, &start) ||
        !time_of(spans, cells, count, COLUMN_END, &end))
        return FALSE;
    end = MAX(end, start);
    if (!is_within_range(start, end))
        return FALSE;
    row.request_first = row.request_last = start;
    row.response_first = row.response_last = end;
    row.resolution_ns = resolution_of(spans->digits[spans->place[COLUMN_START]]);
    for (guint i = 0; i < MIN(count, spans->count); i++)
        if (spans->roles[i] == COLUMN_EVIDENCE && cells[i].len > 0)
            values[row.value_count++] =
                (LampValue){LAMP_SIDE_REQUEST, lamp_bytes_text(spans->names[i]), cells[i]};
    sink->observation(sink->owner, &row);
    return TRUE;
}

static gboolean
emit_join(const Spans *spans, const LampBytes *cells, guint count, LampSink *sink)
{
    LampSpanJoinRow row = {cell_of(spans, cells, count, COLUMN_CLIENT_ID),
                           cell_of(spans, cells, count, COLUMN_SERVER_ID)};
    if (row.client_external_id.len == 0 || row.server_external_id.len == 0)
        return FALSE;
    if (sink->span_join != NULL)
        sink->span_join(sink->owner, &row);
    return TRUE;
}

static guint
probe(LampBytes head, const char *path G_GNUC_UNUSED)
{
    LampCursor c = lamp_cursor(head);
    LampBytes line;
    Spans spans = {0};
    return lamp_cursor_line(&c, &line) && line.len < 4096 && read_header(&spans, line) ? 95 : 0;
}

static void
begin(gpointer state, const LampSourceContext *context G_GNUC_UNUSED)
{
    *(Spans *) state = (Spans){0};
}

static void
take_line(gpointer state, LampBytes line, guint64 offset, gsize length, LampSink *sink)
{
    Spans *spans = state;
    LampBytes cells[COLUMNS_AT_MOST];
    gboolean ok = TRUE;
    spans->line++;
    if (!spans->started) {
        spans->started = TRUE;
        ok = read_header(spans, line);
    } else if (lamp_text_trim(line).len > 0) {
        guint count = split(line, cells);
        ok = spans->is_joins ? emit_join(spans, cells, count, sink)
                             : emit_span(spans, cells, count, sink);
    }
    sink->coverage(sink->owner, offset, length, ok);
    if (ok)
        return;
    LampFinding finding = {.kind = LAMP_FINDING_INVALID,
                           .code = "spans.line",
                           .offset = offset,
                           .record_number = spans->line,
                           .text = "a span needs id, process, kind (server or client), start "
                                   "and end; a join two ids"};
    sink->finding(sink->owner, &finding);
}

static LampStep
step(gpointer state, LampCursor *in, guint64 offset, gboolean last, LampSink *sink)
{
    return lamp_lines_step(state, take_line, in, offset, last, sink);
}

static void
end(gpointer state G_GNUC_UNUSED, LampSink *sink G_GNUC_UNUSED)
{
}

const LampReader lamp_reader_spans = {
    .name = "spans",
    .summary =
        "Spans of a tracer: CSV with span_id, process, kind, start, end; or joins of them",
    .spec = "docs/formats.md",
    .kind = LAMP_KIND_SPAN,
    .state_size = sizeof(Spans),
    .probe = probe,
    .begin = begin,
    .step = step,
    .end = end,
};
