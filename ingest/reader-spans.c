/*
 * Imported spans: CSV whose first line names its columns.
 *
 * Spans: `span_id`, `process`, `kind` (server or client), `operation`, start and end
 * (`start_us`, `start_ns`, `start_ms`, `start_s` and the same for the end), perhaps `peer`,
 * `status` and `thread`; every further column is evidence, stored as a value under its name.
 * Joins: `client_span_id` and `server_span_id`, one line for each call whose two ends are
 * known. Both are what tracing research publishes and what most tracers export. Names of
 * columns may be in capitals (`Span_ID`) and have blanks or dashes for `_`; cells are separated
 * by commas, or by what the header has instead of them: semicolons or tabs. A byte order mark
 * is passed over. Quoted cells (RFC 4180) are understood, but not line ends inside them.
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
    gboolean started, has_header, is_joins;
    char separator;
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
take_cell(LampCursor *c, char separator, gboolean *out_more)
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
        const guint8 *end = left > 0 ? memchr(begin, separator, left) : NULL;
        c->at = end != NULL ? end : c->end;
        cell = lamp_text_trim(lamp_bytes(begin, (gsize) (c->at - begin)));
    }
    *out_more = c->at < c->end && *c->at == (guint8) separator;
    c->at += *out_more ? 1 : 0;
    return cell;
}

static guint
split(LampBytes line, char separator, LampBytes *cells)
{
    /* A tab at the end belongs to an empty cell. */
    LampCursor c = lamp_cursor(line);
    while (c.end > c.at && (c.end[-1] == '\r' || (separator != '\t' && c.end[-1] == ' ')))
        c.end--;
    gboolean more = TRUE;
    guint n = 0;
    while (more && n < COLUMNS_AT_MOST)
        cells[n++] = take_cell(&c, separator, &more);
    return n;
}

/* Is @name that of a column, in whatever case, with blanks or dashes for its `_`? */
static gboolean
is_column(LampBytes name, const char *column)
{
    if (name.len != strlen(column))
        return FALSE;
    for (gsize i = 0; i < name.len; i++) {
        char c = g_ascii_tolower((char) name.at[i]);
        if ((c == ' ' || c == '-' ? '_' : c) != column[i])
            return FALSE;
    }
    return TRUE;
}

static void
name_column(Spans *spans, guint i, LampBytes name)
{
    gsize length = MIN(name.len, NAME_BYTES - 1);
    if (length > 0)
        memcpy(spans->names[i], name.at, length);
    spans->names[i][length] = '\0';
    for (gsize k = 0; k < G_N_ELEMENTS(columns); k++) {
        if (!is_column(name, columns[k].name) || spans->place[columns[k].role] >= 0)
            continue;
        spans->roles[i] = columns[k].role;
        spans->digits[i] = columns[k].digits;
        spans->place[columns[k].role] = (gint) i;
    }
}

static char
separator_of(LampBytes header)
{
    static const char separators[] = ",;\t";
    for (const char *s = separators; *s != '\0'; s++)
        if (header.len > 0 && memchr(header.at, *s, header.len) != NULL)
            return *s;
    return ',';
}

static gboolean
read_header(Spans *spans, LampBytes line)
{
    LampBytes cells[COLUMNS_AT_MOST];
    if (lamp_bytes_starts(line, "\xef\xbb\xbf"))
        line = lamp_bytes(line.at + 3, line.len - 3);
    spans->separator = separator_of(line);
    spans->count = split(line, spans->separator, cells);
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
    if (lamp_text_is_word(kind, "server", 6) || lamp_text_is_word(kind, "consumer", 8))
        return LAMP_ROLE_SERVER;
    if (lamp_text_is_word(kind, "client", 6) || lamp_text_is_word(kind, "producer", 8))
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

/* What the first line lacks to be a header. Caller frees. */
static char *
describe_header(const Spans *spans)
{
    static const struct {
        ColumnRole role;
        const char *names;
    } needed[] = {{COLUMN_SPAN_ID, "span_id"},
                  {COLUMN_PROCESS, "process (or service)"},
                  {COLUMN_KIND, "kind"},
                  {COLUMN_START, "start_us (or start_ns, start_ms, start_s)"},
                  {COLUMN_END, "end_us (or end_ns, end_ms, end_s)"}};
    GString *text = g_string_new("the first line must name the columns of spans; it lacks ");
    gboolean has_any = FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(needed); i++) {
        if (spans->place[needed[i].role] >= 0)
            continue;
        g_string_append_printf(text, "%s%s", has_any ? ", " : "", needed[i].names);
        has_any = TRUE;
    }
    g_string_append(text, "; joins are named client_span_id and server_span_id");
    return g_string_free(text, FALSE);
}

/* Which cells of a row cannot be used. Caller frees. */
static char *
describe_row(const Spans *spans, const LampBytes *cells, guint count)
{
    LampTime time;
    GString *text = g_string_new("the line is left out:");
    if (spans->is_joins)
        return g_string_free(g_string_append(text, " a join needs two ids"), FALSE);
    if (cell_of(spans, cells, count, COLUMN_SPAN_ID).len == 0)
        g_string_append(text, " no span_id;");
    if (cell_of(spans, cells, count, COLUMN_PROCESS).len == 0)
        g_string_append(text, " no process;");
    if (role_of(cell_of(spans, cells, count, COLUMN_KIND)) == LAMP_ROLE_NONE)
        g_string_append(text, " kind is none of server, client, consumer, producer;");
    if (!time_of(spans, cells, count, COLUMN_START, &time) ||
        !time_of(spans, cells, count, COLUMN_END, &time))
        g_string_append(text, " start or end is no number;");
    g_string_append(text, " a span needs all of these, within the years 1825 to 2114");
    return g_string_free(text, FALSE);
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
    guint count = 0;
    spans->line++;
    if (!spans->started) {
        spans->started = TRUE;
        ok = spans->has_header = read_header(spans, line);
    } else if (lamp_text_trim(line).len > 0) {
        count = split(line, spans->separator, cells);
        ok = spans->is_joins ? emit_join(spans, cells, count, sink)
                             : emit_span(spans, cells, count, sink);
    }
    sink->coverage(sink->owner, offset, length, ok);
    if (ok || (!spans->has_header && spans->line > 1)) /* told once */
        return;
    g_autofree char *text =
        spans->line == 1 ? describe_header(spans) : describe_row(spans, cells, count);
    LampFinding finding = {.kind = LAMP_FINDING_INVALID,
                           .code = spans->line == 1 ? "spans.header" : "spans.line",
                           .offset = offset,
                           .record_number = spans->line,
                           .text = text};
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
