/*
 * What stands in the brackets of a log line's head. In: the text between them. Out: thread,
 * process, severity, logger, identifiers of the record, each told by its own look; what has
 * none is the thread, where none is known, else a field.
 */
#include "base/text.h"
#include "ingest/log/head-part.h"
#include "ingest/log/keyvalue.h"

gboolean
lamp_head_is_all_digits(LampBytes text)
{
    for (gsize i = 0; i < text.len; i++)
        if (!g_ascii_isdigit((char) text.at[i]))
            return FALSE;
    return text.len > 0;
}

/* Hexadecimal of 16 digits and more (with dashes: a UUID), also behind `req-`. */
gboolean
lamp_head_looks_like_id(LampBytes text)
{
    if (lamp_bytes_starts(text, "req-"))
        text = lamp_bytes(text.at + 4, text.len - 4);
    gsize digits = 0;
    for (gsize i = 0; i < text.len; i++) {
        if (g_ascii_isxdigit((char) text.at[i]))
            digits++;
        else if (text.at[i] != '-')
            return FALSE;
    }
    return digits >= 16;
}

void
lamp_head_set_process(LampHead *h, LampBytes text)
{
    LampEventRow *event = &h->record->event;
    if (event->process.len == 0)
        event->process = text;
    else if (event->thread.len == 0)
        event->thread = text;
    else
        lamp_log_record_add(h->record, "number", text);
}

/* `11779/1`, `11765:Thread-1`, `11794#11794` */
gboolean
lamp_head_take_process_and_thread(LampHead *h, LampBytes text)
{
    gsize n = 0;
    while (n < text.len && g_ascii_isdigit((char) text.at[n]))
        n++;
    if (n == 0 || n + 1 >= text.len || strchr("/:#", text.at[n]) == NULL ||
        h->record->event.process.len > 0)
        return FALSE;
    h->record->event.process = lamp_bytes(text.at, n);
    if (h->record->event.thread.len == 0)
        h->record->event.thread = lamp_bytes(text.at + n + 1, text.len - n - 1);
    return TRUE;
}

gboolean
lamp_head_take_severity(LampHead *h, LampBytes word)
{
    LampBytes severity = lamp_severity_of_word(word);
    if (severity.len == 0 || h->record->event.severity.len > 0)
        return FALSE;
    h->record->event.severity = severity;
    return TRUE;
}

static gboolean
take_pairs(LampHead *h, LampBytes text)
{
    const guint8 *equals = memchr(text.at, '=', text.len);
    if (equals == NULL || equals == text.at)
        return FALSE;
    LampKeyValueScan scan = {lamp_cursor(text), h->record};
    LampBytes key, value;
    LampKeyValue kind;
    while ((kind = lamp_keyvalue_next(&scan, &key, &value)) != LAMP_KEYVALUE_END)
        if (kind == LAMP_KEYVALUE_PAIR)
            lamp_log_set_inner(h->log, h->record, key, value);
    return TRUE;
}

void
lamp_head_take_id(LampHead *h, LampBytes text)
{
    if (h->record->call.request_id.len == 0)
        h->record->call.request_id = text;
    lamp_log_record_add(h->record, "id", text);
}

/* `core:error`, Apache's module and level. */
static gboolean
take_module(LampHead *h, LampBytes text)
{
    const guint8 *colon = memchr(text.at, ':', text.len);
    if (colon == NULL || h->record->event.severity.len > 0 ||
        !lamp_head_take_severity(
            h, lamp_bytes(colon + 1, (gsize) (text.at + text.len - colon - 1))))
        return FALSE;
    lamp_log_record_add(h->record, "module", lamp_bytes(text.at, (gsize) (colon - text.at)));
    return TRUE;
}

/* `pid 11:tid 140`, `client 10.1.2.3:51234`: Apache's other brackets. */
static gboolean
take_named(LampHead *h, LampBytes text)
{
    LampEventRow *event = &h->record->event;
    LampLogCall *call = &h->record->call;
    if (lamp_bytes_starts(text, "client ") && text.len > 7) {
        LampBytes client = lamp_bytes(text.at + 7, text.len - 7);
        call->has_client = lamp_address_parse(client, &call->client);
        lamp_log_record_add(h->record, "client", client);
        return TRUE;
    }
    if (!lamp_bytes_starts(text, "pid ") || event->process.len > 0)
        return FALSE;
    gssize thread = lamp_text_find(text, ":tid ");
    gsize end = thread < 0 ? text.len : (gsize) thread;
    event->process = lamp_bytes(text.at + 4, end - 4);
    if (thread > 0)
        event->thread = lamp_bytes(text.at + thread + 5, text.len - (gsize) thread - 5);
    return TRUE;
}

/* `main:QuorumPeerConfig@103`, ZooKeeper's thread, class and line. */
static gboolean
take_thread_and_place(LampHead *h, LampBytes text)
{
    LampEventRow *event = &h->record->event;
    const guint8 *colon = memrchr(text.at, ':', text.len), *end = text.at + text.len;
    const guint8 *at = colon == NULL ? NULL : memchr(colon, '@', (gsize) (end - colon));
    if (at == NULL || at == colon + 1 || colon == text.at || event->service.len > 0 ||
        !lamp_head_is_all_digits(lamp_bytes(at + 1, (gsize) (end - at - 1))))
        return FALSE;
    event->thread = lamp_bytes(text.at, (gsize) (colon - text.at));
    event->service = lamp_bytes(colon + 1, (gsize) (at - colon - 1));
    h->record->is_logger = TRUE;
    return TRUE;
}

/* Uptime in the kernel's lines, MySQL's codes: never threads. */
static gboolean
take_odd(LampHead *h, LampBytes text)
{
    gsize points = 0, digits = 0;
    for (gsize i = 0; i < text.len; i++) {
        points += text.at[i] == '.';
        digits += g_ascii_isdigit((char) text.at[i]) ? 1 : 0;
    }
    const char *slot = NULL;
    if (points == 1 && digits + 1 == text.len)
        slot = "uptime_s";
    else if (h->has_code)
        slot = "subsystem";
    else if (lamp_bytes_starts(text, "myid:"))
        slot = "server";
    h->has_code = lamp_bytes_starts(text, "MY-") && digits + 3 == text.len;
    if (h->has_code)
        slot = "code";
    if (slot != NULL)
        lamp_log_record_add(h->record, slot, text);
    return slot != NULL;
}

/* `shop,5b8efff798038103,eee19b7ec3c1b174`: Spring's application, trace and span. */
static gboolean
take_trace(LampHead *h, LampBytes text)
{
    const guint8 *comma = memchr(text.at, ',', text.len), *end = text.at + text.len;
    const guint8 *second =
        comma == NULL ? NULL : memchr(comma + 1, ',', (gsize) (end - comma - 1));
    if (second == NULL || second - comma < 17)
        return FALSE;
    LampBytes trace = lamp_bytes(comma + 1, (gsize) (second - comma - 1));
    if (!lamp_head_looks_like_id(trace))
        return FALSE;
    lamp_log_record_add(h->record, "application",
                        lamp_bytes(text.at, (gsize) (comma - text.at)));
    lamp_head_take_id(h, trace);
    return TRUE;
}

/* Parts of other loggers than the usual ones, each told by its own form. */
static gboolean
take_special(LampHead *h, LampBytes text)
{
    return take_module(h, text) || take_named(h, text) || take_odd(h, text) ||
           take_thread_and_place(h, text) || take_trace(h, text);
}

/* The first word of @text, which then begins behind it; empty where there is but one. */
static LampBytes
cut_word(LampBytes *text)
{
    const guint8 *blank = memchr(text->at, ' ', text->len);
    if (blank == NULL)
        return lamp_bytes(NULL, 0);
    LampBytes word = lamp_bytes(text->at, (gsize) (blank - text->at));
    *text = lamp_bytes(blank + 1, text->len - word.len - 1);
    return word;
}

/* oslo: `req-… user tenant`, since 2020 with the request's id that several services share, or
 * `None`, before it. */
static gboolean
take_context(LampHead *h, LampBytes text)
{
    LampBytes rest = text, first = cut_word(&rest);
    gboolean is_alone = lamp_bytes_equal(first, lamp_bytes("None", 4)) && rest.len > 0;
    if (is_alone)
        first = cut_word(&rest);
    if (first.len == 0 || !lamp_head_looks_like_id(first))
        return FALSE;
    LampBytes tail = rest, second = cut_word(&tail);
    gboolean has_two = !is_alone && lamp_bytes_starts(second, "req-");
    lamp_head_take_id(h, first);
    if (has_two)
        lamp_log_record_add(h->record, "local_id", second);
    lamp_log_record_add(h->record, "bracket", has_two ? tail : rest);
    return TRUE;
}

void
lamp_head_take_bracket_text(LampHead *h, LampBytes text)
{
    LampEventRow *event = &h->record->event;
    if (take_context(h, text))
        return;
    if (lamp_head_take_severity(h, text) || lamp_head_take_process_and_thread(h, text) ||
        take_special(h, text))
        return;
    if (lamp_head_is_all_digits(text))
        lamp_head_set_process(h, text);
    else if (lamp_head_looks_like_id(text))
        lamp_head_take_id(h, text);
    else if (take_pairs(h, text))
        return;
    else if (event->thread.len == 0 && text.at[0] != '-')
        event->thread = text;
    else
        lamp_log_record_add(h->record, "bracket", text);
}
