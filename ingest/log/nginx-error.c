/*
 * What nginx appends to the messages of its error log:
 *
 *   …while connecting to upstream, client: 10.1.2.3, server: example.com,
 *   request: "GET /api HTTP/1.1", upstream: "http://10.0.0.5:8080/api", host: "example.com"
 *
 * In: the message. Out: these as fields; an error that names an upstream is a request to it
 * without a (whole) answer. Specification: nginx, ngx_http_log_error() and its like.
 */
#include "base/text.h"
#include "ingest/log/forms.h"

/* The text behind @name, in quotes or to the next comma. */
static LampBytes
value_of(LampBytes message, const char *name)
{
    gssize at = lamp_text_find(message, name);
    if (at < 0)
        return lamp_bytes(NULL, 0);
    const guint8 *begin = message.at + at + strlen(name), *end = message.at + message.len;
    gboolean quoted = begin < end && *begin == '"';
    begin += quoted ? 1 : 0;
    const guint8 *stop =
        begin < end ? memchr(begin, quoted ? '"' : ',', (gsize) (end - begin)) : NULL;
    return lamp_bytes(begin, (gsize) ((stop != NULL ? stop : end) - begin));
}

/* `http://10.0.0.5:8080/api`, `fastcgi://unix:/run/php.sock:`: scheme and address. */
static void
take_upstream(LampLogCall *call, LampBytes upstream)
{
    gssize scheme = lamp_text_find(upstream, "://");
    if (scheme <= 0 || (gsize) scheme + 3 >= upstream.len)
        return;
    LampBytes address = lamp_bytes(upstream.at + scheme + 3, upstream.len - (gsize) scheme - 3);
    const guint8 *slash =
        lamp_bytes_starts(address, "unix:") ? NULL : memchr(address.at, '/', address.len);
    if (slash != NULL)
        address.len = (gsize) (slash - address.at);
    gboolean is_http = lamp_bytes_starts(upstream, "http");
    call->protocol =
        is_http ? lamp_bytes_text("http") : lamp_bytes(upstream.at, (gsize) scheme);
    call->upstream_address = address;
}

void
lamp_log_take_nginx_error(LampLogRecord *record)
{
    static const struct {
        const char *mark, *slot;
    } parts[] = {{", server: ", "server"},
                 {", request: ", "request"},
                 {", upstream: ", "upstream"},
                 {", host: ", "vhost"}};
    LampBytes message = record->event.message, values[G_N_ELEMENTS(parts)];
    gssize begin = lamp_text_find(message, ", client: ");
    if (begin < 0)
        return;
    LampBytes tail = lamp_bytes(message.at + begin, message.len - (gsize) begin);
    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
        values[i] = value_of(tail, parts[i].mark);
        if (i != 1 || record->call.method.len == 0) /* else a field already */
            lamp_log_record_add(record, parts[i].slot, values[i]);
    }
    gboolean is_error = lamp_bytes_equal(record->event.severity, lamp_bytes("error", 5)) ||
                        lamp_bytes_equal(record->event.severity, lamp_bytes("fatal", 5));
    if (!is_error || values[1].len == 0 || values[2].len == 0)
        return;
    lamp_log_record_set_request_line(record, values[1]);
    take_upstream(&record->call, values[2]);
    record->call.is_unanswered = record->call.upstream_address.len > 0;
}
