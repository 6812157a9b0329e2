/*
 * Lines that begin with a severity and have no time, as uvicorn and Python's logging write them
 * unless they are told otherwise:
 *
 *   INFO:     10.0.0.7:51234 - "GET /orders/7 HTTP/1.1" 200 OK      uvicorn
 *   WARNING:shop.orders:the stock is low                            logging.basicConfig()
 *
 * In: a line. Out: severity, logger, message, the request and who asked. In containers' logs
 * such lines have the time at which they were collected; in files of their own they have none.
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/readers.h"

static LampBytes
after(LampBytes text, gsize n)
{
    return lamp_bytes(text.at + n, text.len - n);
}

/* The length of the severity in capitals at the begin of @line, before a colon; 0: none. */
static gsize
take_severity(LampBytes line, LampLogRecord *record)
{
    gsize n = 0;
    while (n < line.len && g_ascii_isupper((char) line.at[n]))
        n++;
    if (n == 0 || n + 2 >= line.len || line.at[n] != ':')
        return 0;
    record->event.severity = lamp_severity_of_word(lamp_bytes(line.at, n));
    return record->event.severity.len > 0 ? n : 0;
}

/* `shop.orders:` right behind the first colon. */
static LampBytes
take_logger(LampBytes text, LampLogRecord *record)
{
    gsize n = 0;
    while (n < text.len &&
           (g_ascii_isalnum((char) text.at[n]) || strchr("._-", text.at[n]) != NULL) &&
           text.at[n] != '\0')
        n++;
    if (n == 0 || n == text.len || text.at[n] != ':')
        return text;
    record->event.service = lamp_bytes(text.at, n);
    record->is_logger = TRUE;
    return after(text, n + 1);
}

/* `10.0.0.7:51234 - "`: who asked. */
static void
take_client(LampBytes message, LampLogRecord *record)
{
    enum { ADDRESS = 64 };
    LampLogCall *call = &record->call;
    gssize dash =
        lamp_text_find(lamp_bytes(message.at, MIN(message.len, (gsize) ADDRESS)), " - \"");
    LampBytes client = lamp_bytes(message.at, dash < 0 ? 0 : (gsize) dash);
    if (client.len == 0 || memchr(client.at, ' ', client.len) != NULL)
        return;
    call->has_client = lamp_address_parse(client, &call->client);
    lamp_log_record_add(record, "client", client);
}

gboolean
lamp_log_parse_levels(LampLog *log, LampBytes line, LampLogRecord *record)
{
    gsize severity = take_severity(line, record);
    if (severity == 0)
        return FALSE;
    LampBytes text = after(line, severity + 1);
    gboolean is_padded = text.at[0] == ' ';
    if (!is_padded) {
        LampBytes rest = take_logger(text, record);
        if (rest.at == text.at)
            return FALSE;
        text = rest;
    }
    record->event.message = lamp_text_trim(text);
    take_client(record->event.message, record);
    lamp_log_parse_pairs(log, record->event.message, record);
    return TRUE;
}

static const LampLogFormat format = {
    .parse = lamp_log_parse_levels,
    .joins_lines = TRUE,
    .most = 40,
    .without_time = "the logger writes no times: the order of lines is all that is known",
};

static guint
probe(LampBytes head, const char *path)
{
    enum { LEAST = 28 }; /* java.util.logging writes such a line behind each with a time */
    guint score = lamp_log_probe(&format, head);
    (void) path;
    return score < LEAST ? 0 : score;
}

static void
begin(gpointer state, const LampSourceContext *context)
{
    lamp_log_begin(state, &format, context);
}

const LampReader lamp_reader_levels = {
    .name = "levels",
    .summary = "severity and message without a time: uvicorn, Python's logging as it is",
    .spec = "uvicorn.config.LOGGING_CONFIG, Python logging.BASIC_FORMAT",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(LampLog),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
