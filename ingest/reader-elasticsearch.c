/*
 * The server's log and the slow logs of Elasticsearch, OpenSearch and Logstash, as text:
 *
 *   [2026-11-21T09:11:53,123][INFO ][o.e.n.Node               ] [node-1] started
 *   [2026-11-21T09:11:53,123][WARN ][i.s.s.query              ] [node-1] [orders][0]
 * took[1.2s], took_millis[1234], total_hits[5 hits], …, source[{"query":…}], id[7],
 *
 * In: a line. Out: severity, component as the logger, the node, index and shard as fields. A
 * slow one is a call: a phase of a search (or an indexing) of one index, which ended at the
 * line's time. Specification: Elasticsearch's log4j2.properties, its slow log.
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/readers.h"

/* `[text]` at @at; FALSE if there is none in the first bytes. */
static gboolean
take_bracket(LampCursor *at, LampBytes *out_text)
{
    enum { BRACKET = 200 };
    gsize left = MIN(lamp_cursor_left(at), (gsize) BRACKET);
    const guint8 *close = left > 1 && *at->at == '[' ? memchr(at->at, ']', left) : NULL;
    if (close == NULL)
        return FALSE;
    *out_text = lamp_text_trim(lamp_bytes(at->at + 1, (gsize) (close - at->at - 1)));
    at->at = close + 1;
    return TRUE;
}

static void
skip_blanks(LampCursor *at)
{
    while (at->at < at->end && *at->at == ' ')
        at->at++;
}

/* The value of `name[value]` in @text. */
static LampBytes
value_of(LampBytes text, const char *name)
{
    gssize found = lamp_text_find(text, name);
    gsize from = found < 0 ? text.len : (gsize) found + strlen(name);
    const guint8 *close = from < text.len ? memchr(text.at + from, ']', text.len - from) : NULL;
    return close == NULL ? lamp_bytes(NULL, 0)
                         : lamp_bytes(text.at + from, (gsize) (close - text.at) - from);
}

/* The last part of the component: `query`, `fetch`, `index`. */
static LampBytes
phase_of(LampBytes component)
{
    const guint8 *point = component.len > 0 ? memrchr(component.at, '.', component.len) : NULL;
    gsize from = point == NULL ? 0 : (gsize) (point - component.at) + 1;
    return lamp_bytes(component.at + from, component.len - from);
}

/* The name of an index without its own id: `orders/KJtQ…`. */
static LampBytes
index_of(LampBytes place)
{
    const guint8 *slash = place.len > 0 ? memchr(place.at, '/', place.len) : NULL;
    place.len = slash == NULL ? place.len : (gsize) (slash - place.at);
    return place;
}

void
lamp_log_set_slow_search(LampLogRecord *record, LampBytes component, LampBytes place,
                         LampBytes took)
{
    LampLogCall *call = &record->call;
    LampBytes phase = phase_of(component), index = index_of(place);
    guint8 *text = lamp_log_record_take(record, phase.len + 1 + index.len);
    if (text == NULL || phase.len == 0 || index.len == 0 ||
        !lamp_duration_parse(took, 0, &call->duration_ns, &call->duration_resolution_ns))
        return;
    memcpy(text, phase.at, phase.len);
    text[phase.len] = ' ';
    memcpy(text + phase.len + 1, index.at, index.len);
    call->operation = lamp_bytes(text, phase.len + 1 + index.len);
    call->protocol = lamp_bytes_text("elasticsearch");
}

/* `[orders][0] took[1.2s], …`, of a slow log. */
static void
take_slow(LampLogRecord *record, LampCursor at, LampBytes component)
{
    static const struct {
        const char *name, *slot;
    } values[] = {{"took_millis[", "took_millis"},
                  {"total_hits[", "total_hits"},
                  {"search_type[", "search_type"},
                  {" id[", "id"}};
    LampBytes index, shard, rest = lamp_cursor_rest(&at);
    LampBytes took = value_of(rest, "took[");
    if (took.len == 0 || !take_bracket(&at, &index))
        return;
    lamp_log_record_add(record, "index", index);
    if (take_bracket(&at, &shard))
        lamp_log_record_add(record, "shard", shard);
    lamp_log_record_add(record, "took", took);
    for (gsize i = 0; i < G_N_ELEMENTS(values); i++)
        lamp_log_record_add(record, values[i].slot, value_of(rest, values[i].name));
    lamp_log_set_slow_search(record, component, index, took);
}

/* `2026-11-21T09:11:53,123`: with another time the third part may be a thread, as others set
 * their log4j. */
static gboolean
is_own_time(LampBytes text)
{
    enum { T = 10, COMMA = 19 };
    return text.len > COMMA && text.at[T] == 'T' && text.at[COMMA] == ',';
}

/* `[time][severity][component]`, close to each other; the record's. */
static gboolean
take_head(LampLog *log, LampCursor *at, LampLogRecord *record)
{
    enum { PARTS = 3 };
    LampBytes parts[PARTS]; /* time, severity, component */
    for (guint i = 0; i < PARTS; i++)
        if (at->at == at->end || !take_bracket(at, &parts[i]) || parts[i].len == 0)
            return FALSE;
    record->event.severity = lamp_severity_of_word(parts[1]);
    record->event.service = parts[2];
    record->is_logger = TRUE;
    return record->event.severity.len > 0 && is_own_time(parts[0]) &&
           lamp_log_take_time(log, record, parts[0]) == parts[0].len;
}

gboolean
lamp_log_parse_elasticsearch(LampLog *log, LampBytes line, LampLogRecord *record)
{
    LampCursor at = lamp_cursor(line);
    LampEventRow *event = &record->event;
    LampBytes node;
    if (line.len < 40 || line.at[0] != '[' || !g_ascii_isdigit((char) line.at[1]) ||
        !take_head(log, &at, record))
        return FALSE;
    skip_blanks(&at);
    if (take_bracket(&at, &node))
        lamp_log_record_add(record, "node", node);
    skip_blanks(&at);
    event->message = lamp_cursor_rest(&at);
    if (lamp_text_find(event->message, "took_millis[") > 0)
        take_slow(record, at, event->service);
    else
        lamp_log_parse_pairs(log, event->message, record);
    return TRUE;
}

static const LampLogFormat format = {
    .parse = lamp_log_parse_elasticsearch, .joins_lines = TRUE, .most = 88};

static guint
probe(LampBytes head, const char *path)
{
    (void) path;
    return lamp_log_probe(&format, head);
}

static void
begin(gpointer state, const LampSourceContext *context)
{
    lamp_log_begin(state, &format, context);
}

const LampReader lamp_reader_elasticsearch = {
    .name = "elasticsearch",
    .summary = "Elasticsearch, OpenSearch, Logstash: server's log and slow logs",
    .spec = "Elasticsearch reference, Logging, Slow Log",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(LampLog),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
