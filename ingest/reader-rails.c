/*
 * The log of Rails as its default formatter writes it: no time but that in `Started`.
 *
 *   [9ed8…] Started GET "/orders/12" for 10.0.0.7 at 2026-11-21 09:11:53 +0000
 *   [9ed8…] Processing by OrdersController#show as HTML
 *   [9ed8…] Completed 200 OK in 12ms (Views: 8.3ms | ActiveRecord: 0.4ms)
 *
 * In: lines with or without tags (`config.log_tags`). Out: lines of a request have the time of
 * its begin, in whole seconds; `Completed` that and its own duration; begin and end are one
 * call (ingest/log/begins.c). Requests are told apart by the tag that is an identifier. Where
 * there is none the lines are of the request that began last; while several are open none of
 * them is joined to its end, since lines do not tell whose it is. One that began a minute
 * before the next is not waited for; an error of routing is the end.
 * Source of the forms: Rails::Rack::Logger, ActionController::LogSubscriber.
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/log/head-part.h"
#include "ingest/readers.h"

enum { WAITS_SECONDS = 60 };

#define NO_ROUTE "ActionController::RoutingError "

typedef struct {
    LampLog log;
    guint open;        /* requests without identifier */
    gboolean is_mixed; /* several were open at once, and one still is */
    LampTime began;    /* the last one of them; 0: none */
    gint64 began_resolution_ns;
} Rails;

static LampBytes
after(LampBytes text, gsize n)
{
    return lamp_bytes(text.at + n, text.len - n);
}

/* `[9ed8…] [web] `: tags; the first identifier is the request's. */
static LampBytes
take_tags(LampBytes line, LampLogRecord *record)
{
    enum { TAGS = 8, TAG_BYTES = 128 };
    for (guint i = 0; i < TAGS && line.len > 3 && line.at[0] == '['; i++) {
        const guint8 *close = memchr(line.at, ']', MIN(line.len, (gsize) TAG_BYTES));
        if (close == NULL || close == line.at + 1 || close + 1 >= line.at + line.len ||
            close[1] != ' ')
            return line;
        LampBytes tag = lamp_bytes(line.at + 1, (gsize) (close - line.at - 1));
        gboolean is_id = record->call.request_id.len == 0 && lamp_head_looks_like_id(tag);
        if (is_id)
            record->call.request_id = tag;
        lamp_log_record_add(record, is_id ? "id" : "tag", tag);
        line = after(line, tag.len + 3);
    }
    return line;
}

/* `Started GET "/x" for 10.0.0.7 at 2026-11-21 09:11:53 +0000` */
static gboolean
take_started(LampLog *log, LampBytes text, LampLogRecord *record)
{
    LampLogCall *call = &record->call;
    const guint8 *open = memchr(text.at, '"', text.len);
    const guint8 *close = memrchr(text.at, '"', text.len);
    if (open == NULL || close == open || open < text.at + 10)
        return FALSE;
    LampBytes tail = after(text, (gsize) (close - text.at) + 1);
    gssize at = lamp_text_find(tail, " at ");
    if (!lamp_bytes_starts(tail, " for ") || at < 5 ||
        lamp_log_take_time(log, record, after(tail, (gsize) at + 4)) == 0)
        return FALSE;
    LampBytes client = lamp_bytes(tail.at + 5, (gsize) at - 5);
    call->method = lamp_bytes(text.at + 8, (gsize) (open - text.at) - 9);
    call->target = lamp_bytes(open + 1, (gsize) (close - open - 1));
    call->has_client = lamp_address_parse(client, &call->client);
    lamp_log_record_add(record, "client", client);
    record->event.message = lamp_bytes(text.at, (gsize) (tail.at + at - text.at));
    return TRUE;
}

/* `Processing by OrdersController#show as HTML` */
static void
take_controller(LampBytes text, LampLogRecord *record)
{
    LampBytes place = after(text, strlen("Processing by "));
    const guint8 *end = memchr(place.at, ' ', place.len);
    place.len = end == NULL ? place.len : (gsize) (end - place.at);
    const guint8 *mark = place.len > 0 ? memchr(place.at, '#', place.len) : NULL;
    if (mark == NULL)
        return;
    lamp_log_record_add(record, "controller", lamp_bytes(place.at, (gsize) (mark - place.at)));
    lamp_log_record_add(record, "action",
                        lamp_bytes(mark + 1, (gsize) (place.at + place.len - mark - 1)));
}

/* Is @text what Rails itself writes in a request? */
static gboolean
is_of_rails(LampBytes text)
{
    static const char *const begins[] = {
        "Processing by ",       "Completed ",      "Parameters: ",  "Rendered ",
        "Rendering ",           "Redirected to ",  "Sent file ",    "Sent data ",
        "Filter chain halted ", "CACHE ",          "TRANSACTION ",  "Unpermitted parameter",
        "Read fragment ",       "Write fragment ", "\xe2\x86\xb3 ", NO_ROUTE};
    for (gsize i = 0; i < G_N_ELEMENTS(begins); i++)
        if (lamp_bytes_starts(text, begins[i]))
            return TRUE;
    gssize load = lamp_text_find(lamp_bytes(text.at, MIN(text.len, (gsize) 96)), "ms)  ");
    return load > 0; /* `Order Load (0.4ms)  SELECT …` */
}

static gboolean
parse(LampLog *log, LampBytes line, LampLogRecord *record)
{
    LampBytes text = take_tags(line, record);
    LampBytes message = lamp_text_trim(text);
    if (lamp_bytes_starts(message, "Started "))
        return take_started(log, message, record);
    if (message.len == 0 || (record->call.request_id.len == 0 && !is_of_rails(message)))
        return FALSE;
    record->event.message = message;
    if (lamp_bytes_starts(message, "Completed "))
        lamp_log_take_line_request(log, record, message);
    else if (lamp_bytes_starts(message, "Processing by "))
        take_controller(message, record);
    return TRUE;
}

/* Of requests without identifier: is @record the begin, the end, or between? */
static void
follow_untold(Rails *rails, LampLogRecord *record)
{
    LampLogCall *call = &record->call;
    LampTime time = record->event.time;
    gboolean is_begin = call->method.len > 0 && lamp_time_is_within_range(time, 0);
    gboolean is_failed = lamp_bytes_starts(record->event.message, NO_ROUTE);
    gboolean is_end = !is_begin && call->status.len > 0 && call->duration_ns >= 0;
    if (is_begin) {
        LampTime since = time - rails->began;
        if (rails->began == 0 || since > WAITS_SECONDS * LAMP_NS_PER_SECOND)
            rails->open = 0;
        rails->open++;
        rails->began = time;
        rails->began_resolution_ns = record->event.resolution_ns;
        rails->is_mixed = rails->open > 1;
    }
    if (!rails->is_mixed && rails->open > 0 && (is_begin || is_end))
        call->pair_id = lamp_bytes_text("request");
    if ((is_end || is_failed) && rails->open > 0)
        rails->open--;
    if (rails->open == 0)
        rails->is_mixed = FALSE;
}

/* Lines are given the time of the request that they belong to. */
static void
settle(LampLog *log, LampLogRecord *record)
{
    Rails *rails = (Rails *) (gpointer) log;
    LampEventRow *event = &record->event;
    LampTime began = rails->began != 0 ? rails->began : LAMP_TIME_NONE;
    gint64 resolution_ns = rails->began_resolution_ns;
    if (record->call.request_id.len > 0)
        began = lamp_log_time_of_begin(log, record->call.request_id, &resolution_ns);
    else
        follow_untold(rails, record);
    if (event->time != LAMP_TIME_NONE || began == LAMP_TIME_NONE)
        return;
    event->time = began;
    event->resolution_ns = resolution_ns;
    if (record->call.duration_ns > 0 &&
        lamp_time_is_within_range(began, record->call.duration_ns))
        event->time += record->call.duration_ns;
}

static const LampLogFormat format = {
    .parse = parse,
    .settle = settle,
    .state_size = sizeof(Rails),
    .joins_lines = TRUE,
    .most = 86,
    .without_time = "no line before it began its request",
};

static guint
probe(LampBytes head, const char *path)
{
    (void) path;
    gssize started = lamp_text_find(head, "Started ");
    return started < 0 ? 0 : lamp_log_probe(&format, head);
}

static void
begin(gpointer state, const LampSourceContext *context)
{
    lamp_log_begin(state, &format, context);
}

const LampReader lamp_reader_rails = {
    .name = "rails",
    .summary = "Rails without times, with and without tags",
    .spec = "Rails::Rack::Logger, ActionController::LogSubscriber",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(Rails),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
