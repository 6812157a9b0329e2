/*
 * Requests of which one line tells the begin and another the end:
 *
 *   [9ed8…] Started GET "/orders/12" for 10.0.0.7 at … {"reqId":"req-1","req":{"method":…}}
 *   [9ed8…] Completed 200 OK in 12ms (Views: 3.2ms) {"reqId":"req-1","responseTime":7.9}
 *
 * In: records in the order of a file. Out: the record of the end with method, target and client
 * of the begin: a call. The lines have an identifier in common; the begin names a request and
 * neither status nor duration, the end a status or a duration and no request.
 *
 * Lines between may look like an end (the answer of another service that was asked meanwhile).
 * What tells the end is that its duration reaches back to the begin; where it has none, that it
 * says so (`completed`) and has a status, within ten minutes. Limits: LAMP_LOG_BEGINS requests
 * at a time in one file, in sets of eight, of which the first to begin gives way; ids of
 * LAMP_LOG_BEGIN_ID bytes, longer targets are not remembered. Without an identifier lines are
 * not joined: which belong together would be a guess.
 */
#include "base/text.h"
#include "base/value-hash.h"
#include "ingest/log/forms.h"
#include "ingest/operation.h"

enum { WAYS = 8 };

static LampBytes
id_of(const LampLogRecord *record)
{
    if (record->call.pair_id.len > 0)
        return record->call.pair_id;
    if (record->call.request_id.len > 0)
        return record->call.request_id;
    for (gsize i = 0; i < record->event.field_count; i++)
        if (lamp_bytes_equal(record->fields[i].slot, lamp_bytes("id", 2)))
            return record->fields[i].value;
    return lamp_bytes(NULL, 0);
}

/* A statement, without its values, as the operation. */
static void
name_statement(LampLogRecord *record)
{
    enum { BYTES = G_MAXUINT8 };
    LampLogCall *call = &record->call;
    guint8 *text = lamp_log_record_take(record, BYTES);
    if (text != NULL)
        call->operation =
            lamp_bytes(text, lamp_operation_fold_sql(lamp_log_whole_statement(record),
                                                     (char *) text, BYTES, NULL, NULL));
    call->statement = lamp_bytes(NULL, 0);
}

static gboolean
is_begin(const LampLogCall *call)
{
    return call->duration_ns < 0 && call->status.len == 0 && !call->is_unanswered &&
           (call->operation.len > 0 ||
            (call->method.len > 0 && call->target.len > 0 && call->target.at[0] == '/'));
}

/* The end of a statement by an error: how long it took only its begin tells. */
static gboolean
is_failed_statement(const LampLogCall *call)
{
    return call->is_failed && call->pair_id.len > 0;
}

static gboolean
may_be_end(const LampLogCall *call)
{
    return call->operation.len == 0 && call->method.len == 0 && call->target.len == 0 &&
           (call->statement.len == 0 || is_failed_statement(call)) &&
           call->rpc_method.len == 0 && (call->duration_ns >= 0 || call->status.len > 0);
}

static void
remember(LampLogBegin *begin, LampBytes id, const LampLogRecord *record)
{
    const LampLogCall *call = &record->call;
    LampBytes name = call->operation.len > 0 ? call->operation : call->method;
    LampBytes target = call->operation.len > 0 ? lamp_bytes(NULL, 0) : call->target;
    if (name.len > G_MAXUINT8 || name.len + target.len > sizeof begin->text)
        return;
    *begin = (LampLogBegin){.id_length = (guint8) id.len,
                            .method_length = (guint8) name.len,
                            .target_length = (guint16) target.len,
                            .time = record->event.time,
                            .resolution_ns = record->event.resolution_ns,
                            .has_client = call->has_client && call->client.is_known,
                            .client = call->client};
    begin->client.name = lamp_bytes(NULL, 0);
    memcpy(begin->id, id.at, id.len);
    memcpy(begin->text, name.at, name.len);
    if (target.len > 0)
        memcpy(begin->text + name.len, target.at, target.len);
}

/* Is @word, whose first letter may be great, a word of @text? */
static gboolean
has_word(LampBytes text, const char *word)
{
    gsize length = strlen(word);
    while (text.len >= length) {
        gssize found = lamp_text_find(text, word + 1);
        if (found < 0)
            return FALSE;
        gsize at = (gsize) found, end = at + length - 1;
        gboolean is_begun = at > 0 && (text.at[at - 1] | 0x20) == (guint8) word[0] &&
                            (at == 1 || !g_ascii_isalnum((char) text.at[at - 2]));
        if (is_begun && (end == text.len || !g_ascii_isalnum((char) text.at[end])))
            return TRUE;
        text = lamp_bytes(text.at + at + 1, text.len - at - 1);
    }
    return FALSE;
}

static gboolean
says_end(const LampLogRecord *record)
{
    static const char *const words[] = {"completed", "finished", "done", "ended", "closed"};
    if (record->call.pair_id.len > 0)
        return TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (has_word(record->event.message, words[i]))
            return TRUE;
    return FALSE;
}

/* Without a duration: a code of three digits, or what its format knows to be the end. */
static gboolean
has_end_status(const LampLogRecord *record, LampTime since)
{
    enum { LONGEST_MINUTES = 10 };
    LampBytes status = record->call.status;
    gboolean is_code = status.len == 3 && g_ascii_isdigit((char) status.at[0]) &&
                       g_ascii_isdigit((char) status.at[1]) &&
                       g_ascii_isdigit((char) status.at[2]);
    return since <= LONGEST_MINUTES * 60 * LAMP_NS_PER_SECOND &&
           (record->call.pair_id.len > 0 || (is_code && record->call.request_id.len > 0));
}

/* Does @record, of the same id, end what began? Its duration is rounded, and the line that says
 * so may have been written a little late. */
static gboolean
ends(const LampLogBegin *begin, const LampLogRecord *record)
{
    enum { LATE_MS = 5, ROUNDED_MS = 1, SHARE = 10 };
    const LampLogCall *call = &record->call;
    LampTime since, apart;
    gboolean is_said = says_end(record);
    if (__builtin_sub_overflow(record->event.time, begin->time, &since) ||
        since < -record->event.resolution_ns)
        return FALSE;
    if (call->duration_ns < 0 || is_failed_statement(call))
        return is_said && has_end_status(record, since);
    if (__builtin_sub_overflow(since, call->duration_ns, &apart))
        return FALSE;
    gint64 slack = MAX(record->event.resolution_ns, begin->resolution_ns);
    if (is_said)
        slack += LATE_MS * LAMP_NS_PER_MS + call->duration_ns / SHARE;
    else if (call->status.len > 0)
        slack += ROUNDED_MS * LAMP_NS_PER_MS;
    return ABS(apart) <= slack;
}

static void
complete(const LampLogBegin *begin, LampLogRecord *record)
{
    LampLogCall *call = &record->call;
    LampBytes name = lamp_bytes(begin->text, begin->method_length);
    if (is_failed_statement(call)) {
        call->is_failed = FALSE;
        call->duration_ns = -1;
        call->statement = lamp_bytes(NULL, 0);
    }
    if (begin->target_length > 0) {
        call->method = name;
        call->target = lamp_bytes(begin->text + name.len, begin->target_length);
    } else {
        call->operation = name;
    }
    if (begin->has_client && !call->has_client) {
        call->client = begin->client;
        call->has_client = TRUE;
    }
    if (call->duration_ns < 0) {
        call->duration_ns = MAX(record->event.time - begin->time, 0);
        call->duration_resolution_ns = begin->resolution_ns;
    }
}

/* Where the begin with this @id is, or may be put: in place of the one of its set that began
 * first. */
static LampLogBegin *
place_of(LampLog *log, LampBytes id, gboolean *out_is_known)
{
    guint64 set = lamp_value_hash(id) % (LAMP_LOG_BEGINS / WAYS);
    LampLogBegin *ways = &log->begins[set * WAYS], *place = ways;
    *out_is_known = FALSE;
    for (guint i = 0; i < WAYS; i++) {
        if (ways[i].id_length == id.len && memcmp(ways[i].id, id.at, id.len) == 0) {
            *out_is_known = TRUE;
            return &ways[i];
        }
        if (place->id_length > 0 && (ways[i].id_length == 0 || ways[i].time < place->time))
            place = &ways[i];
    }
    return place;
}

LampTime
lamp_log_time_of_begin(LampLog *log, LampBytes id, gint64 *out_resolution_ns)
{
    gboolean is_known = FALSE;
    if (log->begins == NULL || id.len == 0 || id.len > LAMP_LOG_BEGIN_ID)
        return LAMP_TIME_NONE;
    const LampLogBegin *begin = place_of(log, id, &is_known);
    if (!is_known)
        return LAMP_TIME_NONE;
    *out_resolution_ns = begin->resolution_ns;
    return begin->time;
}

void
lamp_log_join_begin(LampLog *log, LampLogRecord *record)
{
    const LampLogCall *call = &record->call;
    if (call->is_begun)
        name_statement(record);
    gboolean begins = is_begin(call);
    if (record->event.time == LAMP_TIME_NONE || (!begins && !may_be_end(call)) ||
        (!begins && log->begins == NULL))
        return;
    LampBytes id = id_of(record);
    if (id.len == 0 || id.len > LAMP_LOG_BEGIN_ID)
        return;
    if (log->begins == NULL)
        log->begins = g_new0(LampLogBegin, LAMP_LOG_BEGINS);
    gboolean is_known;
    LampLogBegin *begin = place_of(log, id, &is_known);
    if (begins) {
        remember(begin, id, record);
    } else if (is_known && ends(begin, record)) {
        complete(begin, record);
        begin->id_length = 0;
    }
}
