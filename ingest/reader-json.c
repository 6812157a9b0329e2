/*
 * Records in JSON that is not one a line: documents over many lines, lists, answers of queries.
 *
 *   [{"timestamp": …, "message": …}, …]                 exports of most log stores
 *   {"events": [{"timestamp": 1795252313000, …}]}       CloudWatch (get-log-events)
 *   {"hits": {"hits": [{"_source": {"@timestamp": …}}]}}  Elasticsearch, OpenSearch
 *   {"Records": [{"eventTime": …}]}                     CloudTrail; `journalctl -o json-pretty`
 *
 * In: bytes. Out: one event for each record, read as a line of JSON would be. A record is the
 * outermost object with a member that tells a time; what stands around records is passed over.
 * The message of CloudWatch's is a line of a program, and read as such. The structure is walked
 * byte by byte; a record is LAMP_LIMIT_LINE bytes at most, and not more than LEVELS deep.
 * Specification: RFC 8259.
 */
#include "base/text.h"
#include "ingest/document.h"
#include "ingest/log/forms.h"
#include "ingest/log/line-checks.h"
#include "ingest/readers.h"
#include "ingest/span/span.h"

enum { LEVELS = 8, MARKS = 64 };

/* Objects without a time, one after the other in one container. */
typedef struct {
    guint64 number, depth, offset, behind;
    guint64 count; /* records before them */
} Passed;

typedef struct {
    LampLog log;
    LampDocument document;
    guint64 depth; /* containers that are open */
    guint64 count; /* records */
    guint64 list;  /* depth of the list that holds records; 0: none did yet */
    guint8 marks[MARKS];
    Passed passed;
    gboolean is_trial;
} Json;

static void
note_time(gpointer owner, LampBytes key, LampBytes value, gboolean is_text)
{
    gboolean *has_time = owner;
    (void) is_text;
    if (*has_time || value.len == 0)
        return;
    LampMeaningKind kind = lamp_meaning_of(key).kind;
    *has_time = kind == LAMP_MEANS_TIME || kind == LAMP_MEANS_TIME_BEGIN ||
                kind == LAMP_MEANS_TIME_SECONDS;
}

static gboolean
is_record(Json *j, LampBytes object)
{
    LampLogRecord *record = &j->log.records[1];
    gboolean has_time = FALSE;
    lamp_log_record_clear(record, object.len);
    return lamp_json_flatten(object, record, note_time, &has_time) > 0 && has_time;
}

static gboolean
has_field(const LampLogRecord *record, const char *slot)
{
    for (gsize i = 0; i < record->event.field_count; i++)
        if (lamp_bytes_equal(record->fields[i].slot, lamp_bytes_text(slot)))
            return TRUE;
    return FALSE;
}

static void
take_record(Json *j, LampBytes object, guint64 offset, LampSink *sink)
{
    LampLogRecord *record = &j->log.records[0];
    LampEventRow *event = &record->event;
    LampLogPlace place = {offset, ++j->count, sink};
    if (j->is_trial)
        return;
    j->log.key_position = 0;
    lamp_log_record_clear(record, object.len);
    (void) lamp_log_parse_json(&j->log, object, record);
    if (has_field(record, "ingestionTime") || has_field(record, "logStreamName")) {
        LampBytes message = event->message;
        event->message = lamp_bytes(NULL, 0);
        lamp_log_parse_body(&j->log, message, record);
    }
    lamp_log_check_bytes(&place, object);
    lamp_log_check_time(&j->log, &place, record, object);
    lamp_log_emit(&j->log, record, offset, object.len, sink);
    lamp_coverage_record(&j->document.coverage, sink, offset, object.len);
}

/* An object in a list or on its own, which is walked into. Those inside of it do not count. */
static void
pass_over(Json *j, guint64 offset, guint64 length)
{
    Passed *passed = &j->passed;
    if (passed->number > 0 && offset < passed->behind)
        return;
    if (passed->depth != j->depth || passed->count != j->count)
        passed->number = 0;
    if (passed->number++ == 0) {
        passed->depth = j->depth;
        passed->offset = offset;
        passed->count = j->count;
    }
    passed->behind = offset + length;
}

/* At @offset are records of the same container: those without a time were records, too. */
static void
tell_passed(Json *j, guint64 offset, LampSink *sink)
{
    LampCoverage *coverage = &j->document.coverage;
    Passed passed = j->passed;
    if (passed.number == 0 || passed.depth != j->depth || passed.count != j->count)
        return;
    j->passed.number = 0;
    LampFinding finding = {.kind = LAMP_FINDING_INVALID,
                           .code = "json.time",
                           .offset = passed.offset,
                           .record_number = j->count,
                           .text = "objects without a time beside records were left out"};
    sink->finding(sink->owner, &finding);
    guint64 length = offset - passed.offset;
    if (coverage->lost > 0 || coverage->length < length)
        return;
    coverage->length -= length;
    lamp_coverage_lost(coverage, passed.offset, length);
}

/* Beside records in a list others are so without a time, too. FALSE: walk into it. */
static gboolean
take_whole(Json *j, LampBytes object, guint64 offset, LampSink *sink)
{
    gboolean is_in_list = j->depth > 0 && j->marks[j->depth - 1] == '[';
    gboolean may_be = is_in_list || j->depth == 0; /* nobody's value */
    gboolean is_short = object.len <= LAMP_LIMIT_LINE;
    if (!is_short || (!is_record(j, object) && (!is_in_list || j->list != j->depth))) {
        if (may_be)
            pass_over(j, offset, object.len);
        return FALSE;
    }
    if (may_be)
        tell_passed(j, offset, sink);
    if (is_in_list)
        j->list = j->depth;
    take_record(j, object, offset, sink);
    return TRUE;
}

/* The object at the cursor, if it is a record. FALSE: more bytes are needed to tell. What has
 * no end, or none in the head of a file, is walked into. */
static gboolean
take_object(gpointer owner, LampCursor *in, guint64 offset, gboolean last, LampSink *sink)
{
    Json *j = owner;
    LampCursor ahead = *in;
    LampBytes object;
    if (j->depth >= LEVELS)
        return TRUE;
    if (!lamp_trace_next_object(&ahead, &object))
        return last || j->is_trial || ahead.at > in->at ||
               lamp_cursor_left(in) > LAMP_LIMIT_LINE;
    if (take_whole(j, object, offset, sink))
        *in = ahead;
    return TRUE;
}

static void
open_container(gpointer owner, guint8 mark)
{
    Json *j = owner;
    if (j->depth < MARKS)
        j->marks[j->depth] = mark;
    j->depth++;
}

static void
close_container(gpointer owner, guint8 mark, guint64 offset, LampSink *sink)
{
    Json *j = owner;
    guint8 opened = mark == '}' ? '{' : '[';
    if (j->depth > MARKS || (j->depth > 0 && j->marks[j->depth - 1] == opened)) {
        if (j->passed.depth >= j->depth)
            j->passed.number = 0;
        j->depth--;
        return;
    }
    LampFinding finding = {
        .kind = LAMP_FINDING_INVALID,
        .code = "json.bracket",
        .offset = offset,
        .record_number = j->count,
        .text = "a bracket closes what was not opened; the rest of the file was left out"};
    sink->finding(sink->owner, &finding);
    j->document.is_lost = TRUE;
}

static const LampDocumentKind document_kind = {
    .names = (const LampDocumentName[]){{NULL, 0}},
    .object = take_object,
    .open = open_container,
    .close = close_container,
};

static LampStep
step(gpointer state, LampCursor *in, guint64 offset, gboolean last, LampSink *sink)
{
    Json *j = state;
    guint64 behind = offset + lamp_cursor_left(in);
    if (lamp_document_walk(&j->document, &document_kind, j, in, offset, last, sink) &&
        j->depth > 0) {
        LampFinding finding = {.kind = LAMP_FINDING_TRUNCATED,
                               .code = "json.end",
                               .offset = behind,
                               .record_number = j->count,
                               .text = "the file ends inside of a document"};
        sink->finding(sink->owner, &finding);
    }
    return LAMP_STEP_NEED_BYTES;
}

static const LampLogFormat format = {.most = 86};

static void
begin(gpointer state, const LampSourceContext *context)
{
    lamp_log_begin(&((Json *) state)->log, &format, context);
}

static void
end(gpointer state, LampSink *sink)
{
    Json *j = state;
    lamp_coverage_flush(&j->document.coverage, sink);
    lamp_log_end(&j->log, sink);
}

/* The first line that says something. */
static LampBytes
next_line(LampCursor *at)
{
    LampBytes line = {NULL, 0};
    while (lamp_text_trim(line).len == 0 && lamp_cursor_line_or_rest(at, TRUE, &line))
        continue;
    return lamp_text_trim(line);
}

/* Are there records in a list, as in an answer of a log store? */
static gboolean
holds_list(Json *j, LampBytes object, LampSink *sink)
{
    LampCursor at = lamp_cursor(object);
    (void) lamp_document_walk(&j->document, &document_kind, j, &at, 0, FALSE, sink);
    gboolean has_list = j->list > 0;
    j->document = (LampDocument){.is_lost = FALSE};
    j->depth = j->count = j->list = 0;
    j->passed = (Passed){0};
    return has_list;
}

/* Is the first line a record of its own, or an object as the next one is, which may be without
 * a time? Then lines are another reader's. */
static gboolean
is_of_lines(Json *j, LampBytes text, LampSink *sink)
{
    LampCursor at = lamp_cursor(text);
    LampBytes line = next_line(&at), object;
    LampCursor first = lamp_cursor(line);
    if (line.len == 0 || line.at[0] != '{' || !lamp_trace_next_object(&first, &object))
        return FALSE;
    if (is_record(j, object))
        return TRUE;
    LampBytes next = next_line(&at);
    return object.len == line.len && next.len > 0 && next.at[0] == '{' &&
           !holds_list(j, object, sink);
}

static void
ignore_coverage(gpointer owner G_GNUC_UNUSED, guint64 offset G_GNUC_UNUSED,
                guint64 length G_GNUC_UNUSED, gboolean understood G_GNUC_UNUSED)
{
}

static void
ignore_finding(gpointer owner G_GNUC_UNUSED, const LampFinding *finding G_GNUC_UNUSED)
{
}

static guint
probe(LampBytes head, G_GNUC_UNUSED const char *path)
{
    LampSink sink = {.coverage = ignore_coverage, .finding = ignore_finding};
    LampBytes text =
        lamp_bytes_starts(head, "\xef\xbb\xbf") ? lamp_bytes(head.at + 3, head.len - 3) : head;
    text = lamp_text_trim(text);
    while (text.len > 0 && text.at[0] == '\n')
        text = lamp_text_trim(lamp_bytes(text.at + 1, text.len - 1));
    if (text.len == 0 || (text.at[0] != '{' && text.at[0] != '['))
        return 0;
    Json *j = g_new0(Json, 1);
    begin(j, NULL);
    j->is_trial = TRUE;
    LampCursor at = lamp_cursor(text);
    gboolean is_lines = is_of_lines(j, text, &sink);
    if (!is_lines)
        (void) lamp_document_walk(&j->document, &document_kind, j, &at, 0, FALSE, &sink);
    guint score = !is_lines && j->count > 0 && !j->document.is_lost ? format.most : 0;
    end(j, &sink);
    g_free(j);
    return score;
}

const LampReader lamp_reader_json = {
    .name = "json",
    .summary = "records in JSON over several lines, in lists and answers of log stores",
    .spec = "RFC 8259",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(Json),
    .probe = probe,
    .begin = begin,
    .step = step,
    .end = end,
};
