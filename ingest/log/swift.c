/*
 * Requests as OpenStack Swift's proxy logs them (middleware proxy-logging):
 *
 *   client remote 09/Jun/2014/15/41/42 PUT /v1/a/c/o HTTP/1.0 201 referrer agent token received
 * sent etag transaction headers request-time source info begin end [policy]
 *
 * In: the message of a line. Out: a call with its own begin and end, which are finer than the
 * line's second. Texts are URL-encoded, so blanks part them. Specification: Swift's
 * documentation, Logs, "Proxy Logs".
 */
#include "base/text.h"
#include "ingest/log/forms.h"

enum { CLIENT, REMOTE, STAMP, METHOD, PATH, VERSION, STATUS, REFERRER, AGENT, TOKEN, RECEIVED };
enum {
    SENT = RECEIVED + 1,
    ETAG,
    TRANSACTION,
    HEADERS,
    DURATION,
    SOURCE,
    INFO,
    BEGIN,
    END,
    WORDS
};

/* `09/Jun/2014/15/41/42` */
static gboolean
is_stamp(LampBytes text)
{
    static const char form[] = "dd/aaa/dddd/dd/dd/dd";
    if (text.len != sizeof form - 1)
        return FALSE;
    for (gsize i = 0; i < text.len; i++) {
        char c = (char) text.at[i];
        if (form[i] == 'd'   ? !g_ascii_isdigit(c)
            : form[i] == 'a' ? !g_ascii_isalpha(c)
                             : c != form[i])
            return FALSE;
    }
    return TRUE;
}

static gboolean
take_words(LampBytes message, LampBytes words[WORDS])
{
    LampCursor at = lamp_cursor(message);
    for (guint i = 0; i < WORDS; i++) {
        const guint8 *begin = at.at;
        while (at.at < at.end && *at.at != ' ')
            at.at++;
        words[i] = lamp_bytes(begin, (gsize) (at.at - begin));
        if (words[i].len == 0 || (i == STAMP && !is_stamp(words[i])))
            return FALSE;
        at.at += at.at < at.end;
    }
    return lamp_bytes_starts(words[VERSION], "HTTP/") && words[STATUS].len == 3;
}

gboolean
lamp_log_parse_swift(LampLog *log, LampBytes message, LampLogRecord *record)
{
    static const struct {
        const char *slot;
        guint word;
    } kept[] = {{"method", METHOD},   {"path", PATH},
                {"status", STATUS},   {"user_agent", AGENT},
                {"bytes_sent", SENT}, {"bytes_received", RECEIVED},
                {"source", SOURCE},   {"request_time", DURATION}};
    LampBytes words[WORDS];
    LampLogCall *call = &record->call;
    LampTimestamp end;
    if (message.len < 80 || !take_words(message, words) ||
        !lamp_timestamp_parse(&log->inner_scanner, words[END], &end) ||
        !lamp_duration_parse(words[DURATION], LAMP_NS_PER_SECOND, &call->duration_ns,
                             &call->duration_resolution_ns))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(kept); i++)
        if (words[kept[i].word].len > 1)
            lamp_log_record_add(record, kept[i].slot, words[kept[i].word]);
    call->method = words[METHOD];
    call->target = words[PATH];
    call->status = words[STATUS];
    call->request_id = words[TRANSACTION];
    lamp_log_record_add(record, "request_id", words[TRANSACTION]);
    call->bytes_sent = lamp_number_or_zero(words[SENT]);
    call->bytes_received = lamp_number_or_zero(words[RECEIVED]);
    call->has_client = lamp_address_parse(words[CLIENT], &call->client);
    record->event.message = message;
    return TRUE;
}
