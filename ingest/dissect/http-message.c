/*
 * From the parts of HTTP messages to operation, status and values.
 *
 * In: method, target, fields and body beginnings, as views. Out: entries of an exchange. Slots
 * are `path.2`, `query.stock`, `header.x-request-id`, `header.trace` (the trace id inside a
 * trace header, equal along the whole path of a request) and `body.order`.
 */
#include "ingest/dissect/http-message.h"

#include "base/text.h"
#include "ingest/identifiers.h"
#include "ingest/operation.h"

typedef struct {
    LampExchange *exchange;
    LampSide side;
} ValueTarget;

static void
add_body_value(gpointer owner, LampBytes name, LampBytes value)
{
    ValueTarget *target = owner;
    lamp_exchange_add_value(target->exchange, target->side, "body.", name, value);
}

static void
add_query_value(gpointer owner, LampBytes name, LampBytes value)
{
    lamp_exchange_add_value(owner, LAMP_SIDE_REQUEST, "query.", name, value);
}

static void
add_path_value(gpointer owner, guint number, LampBytes value)
{
    lamp_exchange_add_numbered(owner, LAMP_SIDE_REQUEST, "path.", number, value);
}

/* Origin form of a target: absolute URIs lose scheme and authority. */
static LampBytes
target_path(LampBytes target)
{
    if (target.at[0] == '/')
        return target;
    gssize scheme = lamp_text_find(lamp_bytes(target.at, MIN(target.len, 16)), "://");
    if (scheme < 0)
        return target;
    gsize from = (gsize) scheme + 3;
    const guint8 *slash = memchr(target.at + from, '/', target.len - from);
    return slash == NULL ? lamp_bytes_text("/")
                         : lamp_bytes(slash, (gsize) (target.at + target.len - slash));
}

void
lamp_http_add_target(LampExchange *exchange, LampBytes method, LampBytes target)
{
    char operation[LAMP_EXCHANGE_OPERATION];
    gsize n = MIN(method.len, 32);
    if (n > 0)
        memcpy(operation, method.at, n);
    LampBytes path = target.len > 0 ? target_path(target) : target;
    if (path.len > 0) {
        operation[n++] = ' ';
        n += lamp_operation_fold_path(path, operation + n, sizeof operation - n, add_path_value,
                                      exchange);
        const guint8 *query = memchr(path.at, '?', path.len);
        if (query != NULL)
            lamp_identifiers_in_query(
                lamp_bytes(query + 1, (gsize) (path.at + path.len - query - 1)), FALSE,
                add_query_value, exchange);
    }
    lamp_exchange_set_operation(exchange, lamp_bytes(operation, n));
}

gboolean
lamp_http_add_field(LampExchange *exchange, LampSide side, LampBytes name, LampBytes value)
{
    if (!lamp_identifier_is_header(name))
        return FALSE;
    guint8 lower[48];
    gsize n = MIN(name.len, sizeof lower);
    for (gsize i = 0; i < n; i++)
        lower[i] = (guint8) g_ascii_tolower((char) name.at[i]);
    lamp_exchange_add_value(exchange, side, "header.", lamp_bytes(lower, n), value);
    lamp_exchange_add_value(exchange, side, "header.trace", lamp_bytes(NULL, 0),
                            lamp_identifier_trace_part(name, value));
    return TRUE;
}

void
lamp_http_add_json(LampExchange *exchange, LampSide side, LampBytes body)
{
    ValueTarget target = {exchange, side};
    lamp_identifiers_in_json(body, add_body_value, &target);
}

void
lamp_http_add_form(LampExchange *exchange, LampSide side, LampBytes body)
{
    ValueTarget target = {exchange, side};
    lamp_identifiers_in_query(body, TRUE, add_body_value, &target);
}

void
lamp_http_set_status(LampExchange *exchange, guint status)
{
    char digits[4] = {(char) ('0' + status / 100 % 10), (char) ('0' + status / 10 % 10),
                      (char) ('0' + status % 10), 0};
    lamp_exchange_set_status(exchange, lamp_bytes(digits, 3));
    exchange->is_error = status >= 500;
}
