/*
 * Jobs of background workers, as their own lines tell:
 *
 *   Task shop.tasks.send_mail[5b8e…] succeeded in 0.03s: None          Celery
 *   pid=1 tid=abc class=HardJob jid=b4a5… elapsed=0.5 INFO: done       Sidekiq 6 and later
 *   1234 TID-ovq1xv45k HardJob JID-e4a5… INFO: done: 1.0 sec           Sidekiq before that
 *   Performed HardJob (Job ID: 5b8e…) from Sidekiq(default) in 12.3ms  Active Job
 *
 * In: a message, or the head of a line. Out: name and identifier of the job as fields; a line
 * that says how long one took is a call that ended at its time, with the name as operation. A
 * job that failed without telling how long it took is an event.
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/log/head-part.h"

static LampBytes
after(LampBytes text, gsize n)
{
    return lamp_bytes(text.at + n, text.len - n);
}

static void
set_job(LampLogRecord *record, const char *protocol, LampBytes name, LampBytes status)
{
    LampLogCall *call = &record->call;
    call->operation = name;
    call->protocol = lamp_bytes_text(protocol);
    call->status = status;
}

/* The duration between the begin of @text and @end, a byte, or the end. */
static gboolean
take_duration(LampLogRecord *record, LampBytes text, char end)
{
    LampLogCall *call = &record->call;
    const guint8 *stop = text.len > 0 ? memchr(text.at, end, text.len) : NULL;
    text.len = stop == NULL ? text.len : (gsize) (stop - text.at);
    if (lamp_duration_parse(text, LAMP_NS_PER_SECOND, &call->duration_ns,
                            &call->duration_resolution_ns))
        return TRUE;
    call->duration_ns = -1;
    return FALSE;
}

/* `shop.tasks.send_mail[5b8e…]` at the begin of @text: task and identifier; bytes used, or 0.
 */
static gsize
take_task(LampLogRecord *record, LampBytes text, LampBytes *out_name)
{
    enum { TASK = 256 };
    const guint8 *open = memchr(text.at, '[', MIN(text.len, (gsize) TASK));
    const guint8 *close =
        open == NULL ? NULL : memchr(open, ']', (gsize) (text.at + text.len - open));
    if (close == NULL || open == text.at ||
        memchr(text.at, ' ', (gsize) (open - text.at)) != NULL)
        return 0;
    LampBytes id = lamp_bytes(open + 1, (gsize) (close - open - 1));
    if (!lamp_head_looks_like_id(id))
        return 0;
    *out_name = lamp_bytes(text.at, (gsize) (open - text.at));
    if (record->call.request_id.len == 0)
        record->call.request_id = id;
    lamp_log_record_add(record, "task", *out_name);
    lamp_log_record_add(record, "task_id", id);
    return (gsize) (close - text.at) + 1;
}

static gboolean
take_celery(LampLogRecord *record, LampBytes text)
{
    static const char done[] = " succeeded in ";
    LampBytes name;
    gsize used = take_task(record, text, &name);
    if (used == 0)
        return FALSE;
    LampBytes rest = after(text, used);
    if (lamp_bytes_starts(rest, done) &&
        take_duration(record, after(rest, sizeof done - 1), ':'))
        set_job(record, "celery", name, lamp_bytes_text("succeeded"));
    return TRUE;
}

/* `HardJob (Job ID: 5b8e…) from Sidekiq(default) in 12.3ms` */
static gboolean
take_active_job(LampLogRecord *record, LampBytes text, gboolean is_done)
{
    static const char mark[] = " (Job ID: ";
    gssize open = lamp_text_find(text, mark);
    gsize from = open < 0 ? text.len : (gsize) open + sizeof mark - 1;
    const guint8 *close = from < text.len ? memchr(text.at + from, ')', text.len - from) : NULL;
    if (open <= 0 || close == NULL)
        return FALSE;
    LampBytes name = lamp_bytes(text.at, (gsize) open);
    LampBytes id = lamp_bytes(text.at + from, (gsize) (close - text.at) - from);
    LampBytes rest = after(text, (gsize) (close - text.at) + 1);
    gssize in = is_done ? lamp_text_find(rest, " in ") : -1;
    lamp_log_record_add(record, "job", name);
    lamp_log_record_add(record, "job_id", id);
    if (in < 0 || !take_duration(record, after(rest, (gsize) in + 4), ':'))
        return TRUE;
    record->call.request_id = id;
    set_job(record, "active-job", name, lamp_bytes(NULL, 0));
    return TRUE;
}

gboolean
lamp_log_take_job(LampLogRecord *record, LampBytes message)
{
    static const char task[] = "Task ", received[] = "Received task: ", done[] = "Performed ",
                      begun[] = "Performing ", queued[] = "Enqueued ";
    if (message.len < 24 || strchr("TRPE", message.at[0]) == NULL || message.at[0] == '\0')
        return FALSE;
    if (lamp_bytes_starts(message, task))
        return take_celery(record, after(message, sizeof task - 1));
    if (lamp_bytes_starts(message, received))
        return take_celery(record, after(message, sizeof received - 1));
    if (lamp_bytes_starts(message, done))
        return take_active_job(record, after(message, sizeof done - 1), TRUE);
    if (lamp_bytes_starts(message, begun))
        return take_active_job(record, after(message, sizeof begun - 1), FALSE);
    return lamp_bytes_starts(message, queued) &&
           take_active_job(record, after(message, sizeof queued - 1), FALSE);
}

typedef struct {
    LampBytes process, thread, name, id, elapsed, severity;
} Context;

/* One word of the head; FALSE if Sidekiq writes none like it. */
static gboolean
take_context_word(Context *context, LampBytes word)
{
    const struct {
        const char *begin;
        LampBytes *place;
    } words[] = {{"pid=", &context->process},     {"tid=", &context->thread},
                 {"class=", &context->name},      {"jid=", &context->id},
                 {"elapsed=", &context->elapsed}, {"TID-", &context->thread},
                 {"JID-", &context->id}};
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (lamp_bytes_starts(word, words[i].begin)) {
            *words[i].place = after(word, strlen(words[i].begin));
            return TRUE;
        }
    if (context->process.len == 0 && lamp_head_is_all_digits(word))
        context->process = word;
    else if (context->name.len == 0 && word.len > 0 && g_ascii_isupper((char) word.at[0]))
        context->name = word; /* of the old form */
    else
        return memchr(word.at, '=', word.len) != NULL; /* `tags=…`, `bid=…` */
    return TRUE;
}

/* `done`, `fail`, `done: 0.5 sec` */
static void
take_outcome(LampLogRecord *record, const Context *context, LampBytes message)
{
    LampBytes status = lamp_bytes(message.at, MIN(message.len, (gsize) 4));
    LampBytes elapsed = context->elapsed;
    gboolean is_done = lamp_bytes_equal(status, lamp_bytes("done", 4));
    if (context->name.len == 0 ||
        (!is_done && !lamp_bytes_equal(status, lamp_bytes("fail", 4))) ||
        (message.len > 4 && message.at[4] != ':'))
        return;
    if (elapsed.len == 0 && message.len > 6)
        elapsed = after(message, 6);
    if (elapsed.len == 0 || !take_duration(record, elapsed, '\n'))
        return;
    set_job(record, "sidekiq", context->name, status);
    record->call.is_error = !is_done;
}

gboolean
lamp_head_take_job(LampHead *h)
{
    enum { WORDS = 12 };
    LampCursor at = h->at;
    Context context = {0};
    for (guint i = 0; i < WORDS && context.severity.len == 0 && at.at < at.end; i++) {
        const guint8 *blank = memchr(at.at, ' ', lamp_cursor_left(&at));
        const guint8 *end = blank == NULL ? at.end : blank;
        LampBytes word = lamp_bytes(at.at, (gsize) (end - at.at));
        if (word.len > 3 && word.at[word.len - 1] == ':')
            context.severity = lamp_severity_of_word(lamp_bytes(word.at, word.len - 1));
        if (context.severity.len == 0 && (word.len == 0 || !take_context_word(&context, word)))
            return FALSE;
        at.at = blank == NULL ? at.end : blank + 1;
    }
    if (context.severity.len == 0 || context.process.len == 0)
        return FALSE;
    LampLogRecord *record = h->record;
    record->event.severity = context.severity;
    record->event.process = context.process;
    record->event.thread = context.thread;
    if (record->call.request_id.len == 0)
        record->call.request_id = context.id;
    lamp_log_record_add(record, "class", context.name);
    lamp_log_record_add(record, "jid", context.id);
    lamp_log_record_add(record, "elapsed", context.elapsed);
    take_outcome(record, &context, lamp_cursor_rest(&at));
    h->at = at;
    h->is_over = TRUE;
    return TRUE;
}

void
lamp_log_take_sidekiq(LampLogRecord *record, LampBytes name, LampBytes elapsed)
{
    Context context = {.name = name, .elapsed = elapsed};
    take_outcome(record, &context, record->event.message);
}
