/*
 * Requests and durations as messages tell them in words.
 *
 *   GET /orders/7 took 31 ms                  POST /api/orders -> 201 in 31ms
 *   GET /x 200 12.345 ms - 123                GET /index (1.2 ms)
 *   200 |  1.23ms | 10.0.0.7 | GET "/x"       Completed 200 OK in 12ms (Views: 3.2ms)
 *
 * In: a message. Out: method, target, status and duration of the record's call, where it tells
 * them. A message that names a request and how long it took is a call. One that tells a
 * duration alone is none: nothing says of what kind it is, who asked for it, and whether it is
 * the same work as another line's; it keeps the duration as the field `duration_ms`.
 *
 * Not every number with a unit is how long the line's own work took (`retrying in 5s`, `ttl 300
 * s`, `timeout after 30 s`). It is where a word says so before it, where `in` follows a word of
 * completion or a status, and where nothing but numbers stands between it and the request.
 * Limits: the first MESSAGE_BYTES, and
 * the first DURATIONS in them.
 */
#include "base/text.h"
#include "ingest/log/comma-number.h"
#include "ingest/log/forms.h"

enum { MESSAGE_BYTES = 1024, NEAR_WORDS = 8, UNIT_BYTES = 14, WORD_BYTES = 24, DURATIONS = 8 };

static gboolean
is_word_byte(guint8 byte)
{
    return byte >= 0x80 || byte == '_' || g_ascii_isalnum((char) byte);
}

static gboolean
is_digit(LampBytes text, gsize i)
{
    return i < text.len && g_ascii_isdigit((char) text.at[i]);
}

/* One number with the letters behind it, from @at on; where the letters begin and end. */
static gsize
skip_number_and_unit(LampBytes text, gsize at, gsize *out_unit)
{
    while (is_digit(text, at) || (at < text.len && text.at[at] == '.'))
        at++;
    at += at < text.len && text.at[at] == ' ' ? 1 : 0;
    *out_unit = at;
    while (at < text.len && at - *out_unit < UNIT_BYTES && !is_digit(text, at) &&
           is_word_byte(text.at[at]))
        at++;
    return at;
}

/* The end of a number with its unit that begins at @i (`1.5 s`, `1m2.5s`), or @i. A minute or
 * an hour alone is too short a name to be sure of. */
static gsize
end_of_duration(LampBytes text, gsize i)
{
    gsize at = i, unit = i;
    while (is_digit(text, at))
        at = skip_number_and_unit(text, at, &unit);
    gboolean is_unit = at > unit && (text.at[at - 1] == 's' || text.at[at - 1] == 'c');
    return is_unit && (at == text.len || !is_word_byte(text.at[at])) ? at : i;
}

/* The word before @at, in small letters, without what parts it from there. */
static gsize
word_before(LampBytes text, gsize *at, char out_word[WORD_BYTES])
{
    gsize end = *at, n;
    while (end > 0 && strchr(" :=\t-~<>", text.at[end - 1]) != NULL)
        end--;
    for (n = 0; n < end && is_word_byte(text.at[end - 1 - n]);)
        n++;
    *at = end - n;
    for (gsize i = 0; i < n && i + 1 < WORD_BYTES; i++)
        out_word[i] = g_ascii_tolower((char) text.at[end - n + i]);
    out_word[MIN(n, (gsize) WORD_BYTES - 1)] = '\0';
    return n;
}

static gboolean
is_one_of(const char *word, const char *const words[], gsize count)
{
    for (gsize i = 0; i < count; i++)
        if (words[i][0] == word[0] && strcmp(word, words[i]) == 0)
            return TRUE;
    return FALSE;
}

static gboolean
is_status(const char *word)
{
    return word[0] >= '1' && word[0] <= '5' && g_ascii_isdigit(word[1]) &&
           g_ascii_isdigit(word[2]) && word[3] == '\0';
}

/* Does a clause end at @at? */
static gboolean
ends_clause(LampBytes text, gsize at)
{
    guint8 mark = text.at[at];
    return mark == ',' || mark == ';' ||
           (mark == '.' && at + 1 < text.len && text.at[at + 1] == ' ');
}

/* Is something said to be done shortly before @at, in the same clause? `will be processed in 5
 * s`, `failed, retrying in 5 s` are not. */
static gboolean
tells_completion(LampBytes text, gsize at)
{
    static const char *const done[] = {
        "completed", "finished",  "done",      "processed", "served",    "handled",
        "executed",  "responded", "returned",  "ran",       "loaded",    "rendered",
        "built",     "created",   "sent",      "received",  "generated", "saved",
        "stored",    "fetched",   "succeeded", "failed",    "started",   "initialized",
        "answered",  "replied",   "ok",        "ended",     "ready",     "compiled"};
    static const char *const undone[] = {"will",     "would",   "should", "be",   "retry",
                                         "retrying", "expires", "next",   "again"};
    char word[WORD_BYTES] = "";
    gboolean is_done = FALSE;
    for (guint words = 0; at > 0 && words < NEAR_WORDS;) {
        if (word_before(text, &at, word) == 0) {
            if (at > 0 && ends_clause(text, at - 1))
                break;
            at -= at > 0 ? 1 : 0;
            continue;
        }
        words++;
        if (is_one_of(word, undone, G_N_ELEMENTS(undone)))
            return FALSE;
        is_done = is_done || is_status(word) || is_one_of(word, done, G_N_ELEMENTS(done));
    }
    return is_done;
}

/* Only numbers and marks from @from to @at: `200 12.3 ms`, ` - 31 ms`. */
static gboolean
follows_request(LampBytes text, gsize from, gsize at)
{
    for (gsize i = from; i < at; i++)
        if (text.at[i] >= 0x80 || g_ascii_isalpha((char) text.at[i]))
            return FALSE;
    return from > 0 && at > from;
}

/* Is the duration at [at, end) how long the line's work took? @request: where the request ends
 * that the message names, 0 if it names none. */
static gboolean
is_of_line(LampBytes text, gsize at, gsize end, gsize request)
{
    static const char *const words[] = {"took", "taken", "elapsed", "duration", "latency"};
    static const char *const limits[] = {"timeout", "ttl",   "delay",   "interval", "limit",
                                         "timed",   "retry", "backoff", "deadline", "max"};
    gsize before = at;
    char word[WORD_BYTES] = "";
    gboolean in_brackets =
        at > 0 && text.at[at - 1] == '(' && end < text.len && text.at[end] == ')';
    if (in_brackets) {
        before = at - 1;
        (void) word_before(text, &before, word);
        return !is_one_of(word, limits, G_N_ELEMENTS(limits)) &&
               (end + 1 == text.len || (request > 0 && at > request));
    }
    if (follows_request(text, request, at))
        return TRUE;
    if (word_before(text, &before, word) == 0)
        return FALSE;
    return is_one_of(word, words, G_N_ELEMENTS(words)) ||
           (strcmp(word, "in") == 0 && tells_completion(text, before));
}

/* The length of the method that ends before @end and begins a word, or 0. */
static gsize
method_before(LampBytes text, gsize end)
{
    static const char *const methods[] = {"GET",   "POST", "PUT",    "DELETE",
                                          "PATCH", "HEAD", "OPTIONS"};
    gsize n = 0;
    while (n < end && g_ascii_isupper((char) text.at[end - 1 - n]))
        n++;
    gsize begin = end - n;
    if (n < 3 || (begin > 0 && strchr(" \"'([|>:", text.at[begin - 1]) == NULL))
        return 0;
    for (gsize m = 0; m < G_N_ELEMENTS(methods); m++)
        if (strlen(methods[m]) == n && memcmp(methods[m], text.at + begin, n) == 0)
            return n;
    return 0;
}

/* The word with @digits at [at, at + 3) is a status. */
static gboolean
has_status_at(LampBytes text, gsize at)
{
    char word[4] = "";
    if (at + 3 > text.len || (at + 3 < text.len && is_word_byte(text.at[at + 3])) ||
        (at + 3 < text.len && text.at[at + 3] == '.'))
        return FALSE;
    memcpy(word, text.at + at, 3);
    return is_status(word);
}

/* May a unit of time begin at @at, behind a number? Most numbers are refused here. */
static gboolean
may_be_unit(LampBytes text, gsize at)
{
    at += at < text.len && text.at[at] == ' ' ? 1 : 0;
    return at < text.len && (text.at[at] == 'm' || text.at[at] == 's' || text.at[at] == 'n' ||
                             text.at[at] == 'u' || text.at[at] == 'h' || text.at[at] >= 0x80);
}

/* The end of an address at @at (`10.0.0.7:5000`, `[::1]:5000`), or @at. */
static gsize
end_of_address(LampBytes text, gsize at)
{
    gsize end = at, points = 0, colons = 0;
    for (; end < text.len && strchr(" ,;\t", text.at[end]) == NULL; end++) {
        points += text.at[end] == '.' ? 1 : 0;
        colons += text.at[end] == ':' ? 1 : 0;
    }
    return points == 3 || colons > 1 ? end : at;
}

/* A status that is called so, or that stands behind the request, before any other number. */
static void
take_status(LampBytes text, gsize from, LampLogCall *call)
{
    enum { NEAR = 64 };
    gssize name = lamp_text_find(text, "status");
    gsize at = name < 0 ? text.len : (gsize) name + 6;
    while (at < text.len && strchr(" =:", text.at[at]) != NULL && text.at[at] != '\0')
        at++;
    if (has_status_at(text, at)) {
        call->status = lamp_bytes(text.at + at, 3);
        return;
    }
    gsize end = MIN(text.len, from + NEAR);
    for (gsize i = from; i < end; i++) {
        if (!g_ascii_isdigit((char) text.at[i]) && text.at[i] != '[')
            continue;
        gsize word = end_of_address(text, i);
        if (word > i) {
            i = word;
            continue;
        }
        if (has_status_at(text, i) && !may_be_unit(text, i + 3))
            call->status = lamp_bytes(text.at + i, 3);
        if (text.at[i] != '[')
            return;
    }
}

/* `GET /path`, also with the path in quotes, which begins at @path. Where it ends, 0 if there
 * is none. */
static gsize
take_request_at(LampBytes text, gsize path, LampLogCall *call)
{
    gboolean quoted = path > 0 && text.at[path - 1] == '"';
    gsize method_end = path - (quoted ? 1 : 0), at = path, end = method_end;
    while (end > 0 && text.at[end - 1] == ' ')
        end--;
    gsize n = end < method_end ? method_before(text, end) : 0;
    if (n == 0)
        return 0;
    while (at < text.len && strchr(" \"'),|", text.at[at]) == NULL)
        at++;
    call->method = lamp_bytes(text.at + end - n, n);
    call->target = lamp_bytes(text.at + path, at - path);
    return at + (quoted && at < text.len ? 1 : 0);
}

/* The first request. A whole URL is what somebody else is asked for: the call is told by who
 * was called. */
static gsize
take_request(LampBytes text, LampLogCall *call)
{
    gsize end = 0;
    for (gsize from = 0; from < text.len && end == 0; from++) {
        const guint8 *slash = memchr(text.at + from, '/', text.len - from);
        if (slash == NULL)
            return 0;
        from = (gsize) (slash - text.at);
        if (from > 0 && (text.at[from - 1] == ' ' || text.at[from - 1] == '"'))
            end = take_request_at(text, from, call);
    }
    return end;
}

/* The address between two columns, if the client is not known yet. */
static void
take_column_client(LampBytes column, LampLogCall *call)
{
    LampEndpoint client = {0};
    while (column.len > 0 && strchr(" |", column.at[0]) != NULL)
        column = lamp_bytes(column.at + 1, column.len - 1);
    while (column.len > 0 && strchr(" |", column.at[column.len - 1]) != NULL)
        column.len--;
    if (!call->has_client && lamp_address_parse(column, &client) && client.is_known) {
        call->client = client;
        call->has_client = TRUE;
    }
}

/* `200 |  1.2ms | 10.0.0.7 | GET "/x"`: gin's columns, in the other order. */
static gboolean
take_columns(LampBytes text, LampLogRecord *record)
{
    LampLogCall *call = &record->call;
    gsize at = 3, end;
    if (text.at[0] > '5' || !has_status_at(text, 0))
        return FALSE;
    LampLogCall before = *call;
    while (at < text.len && (text.at[at] == ' ' || text.at[at] == '|'))
        at++;
    end = end_of_duration(text, at);
    if (end == at || take_request(text, call) == 0 || call->method.at < text.at + end) {
        *call = before;
        return FALSE;
    }
    call->status = lamp_bytes(text.at, 3);
    take_column_client(lamp_bytes(text.at + end, (gsize) (call->method.at - text.at) - end),
                       call);
    if (lamp_duration_parse(lamp_bytes(text.at + at, end - at), 0, &call->duration_ns,
                            &call->duration_resolution_ns))
        return TRUE;
    *call = before;
    return FALSE;
}

/* A duration alone, as a field: with decimals, so that nothing takes it for an identifier. */
static void
keep_duration(LampLogRecord *record, gint64 duration_ns)
{
    enum { BYTES = 32 };
    guint8 *text = lamp_log_record_take(record, BYTES);
    if (text == NULL)
        return;
    gint length =
        g_snprintf((char *) text, BYTES, "%" G_GINT64_FORMAT ".%06d",
                   duration_ns / LAMP_NS_PER_MS, (gint) (duration_ns % LAMP_NS_PER_MS));
    lamp_log_record_add(record, "duration_ms", lamp_bytes(text, (gsize) length));
}

/* The end of the number at @at, with its decimals; where its last comma is, if it has one. */
static gsize
end_of_number(LampBytes text, gsize at, gsize *out_comma)
{
    *out_comma = 0;
    for (; at < text.len; at++) {
        gboolean is_comma = text.at[at] == ',' && is_digit(text, at + 1);
        if (is_comma)
            *out_comma = at;
        else if ((guint) text.at[at] - '0' > 9 && text.at[at] != '.')
            break;
    }
    return at;
}

/* The number at [at, number_end) with a comma, and its unit up to @end, as a duration. */
static gboolean
read_comma_duration(LampLog *log, LampBytes text, gsize at, gsize number_end, gsize end,
                    LampLogCall *call)
{
    char plain[LAMP_COMMA_NUMBER + UNIT_BYTES + 2];
    LampBytes unit = lamp_text_trim(lamp_bytes(text.at + number_end, end - number_end));
    gboolean is_small = unit.len > 0 && unit.at[0] != 's' && unit.at[0] != 'h';
    gsize n = lamp_comma_number(lamp_bytes(text.at + at, number_end - at), is_small,
                                &log->comma_style, plain);
    if (n == 0 || unit.len > UNIT_BYTES)
        return FALSE;
    memcpy(plain + n, unit.at, unit.len);
    return lamp_duration_parse(lamp_bytes(plain, n + unit.len), 0, &call->duration_ns,
                               &call->duration_resolution_ns);
}

/* Where the next digit is from @i on, or the end of @text. Most bytes are none, so eight are
 * looked at at a time; the top bit of a byte tells. */
static gsize
next_digit(LampBytes text, gsize i)
{
    const guint64 ones = G_GUINT64_CONSTANT(0x0101010101010101), tops = ones << 7;
    for (; i + 8 <= text.len; i += 8) {
        guint64 digit = lamp_le64(text.at + i) ^ ones * '0';
        guint64 hits = ~((digit | tops) - ones * 10) & ~digit & tops;
        if (hits != 0)
            return i + (gsize) __builtin_ctzll(hits) / 8;
    }
    while (i < text.len && (guint) text.at[i] - '0' > 9)
        i++;
    return i;
}

/* The first duration that is the line's own. */
static gboolean
take_duration(LampLog *log, LampBytes text, gsize request, LampLogCall *call)
{
    guint tried = 0;
    for (gsize i = next_digit(text, 0), number, comma; i + 1 < text.len && tried < DURATIONS;
         i = next_digit(text, number)) {
        number = end_of_number(text, i, &comma);
        if (!may_be_unit(text, number) ||
            (i > 0 && (is_word_byte(text.at[i - 1]) || strchr("/,", text.at[i - 1]) != NULL)))
            continue;
        gsize last = comma > 0 ? comma + 1 : i, end = end_of_duration(text, last);
        tried += end > last ? 1 : 0;
        if (end > last && is_of_line(text, i, end, request) &&
            (comma > 0
                 ? read_comma_duration(log, text, i, number, end, call)
                 : lamp_duration_parse(lamp_bytes(text.at + i, end - i), 0, &call->duration_ns,
                                       &call->duration_resolution_ns)))
            return TRUE;
    }
    return FALSE;
}

/* Is nothing before @at but a word that says who did what was asked for: `done GET /x`? */
static gboolean
begins_as_served(LampBytes text, gsize at)
{
    static const char *const words[] = {"done",    "completed", "finished", "served",
                                        "handled", "processed", "answered", "replied"};
    char word[WORD_BYTES] = "";
    return word_before(text, &at, word) > 0 && at == 0 &&
           is_one_of(word, words, G_N_ELEMENTS(words));
}

/* A request that the message begins with, whose duration a field told. */
static void
take_leading_request(LampBytes text, LampLogCall *call)
{
    LampLogCall found = *call;
    if (call->method.len > 0 || call->target.len > 0 || take_request(text, &found) == 0)
        return;
    if (found.method.at <= text.at + 1 ||
        begins_as_served(text, (gsize) (found.method.at - text.at)))
        *call = found;
}

/* `Started GET "/x" for 10.0.0.7 at …`, Rails; `… from 10.0.0.7:5000 - 200`, chi: who asks. */
static void
take_asker(LampBytes text, gsize from, LampLogCall *call)
{
    LampBytes rest = lamp_bytes(text.at + from, text.len - from);
    gsize skip = lamp_bytes_starts(rest, " for ")    ? 5
                 : lamp_bytes_starts(rest, " from ") ? 6
                                                     : 0;
    const guint8 *blank =
        skip > 0 && rest.len > skip ? memchr(rest.at + skip, ' ', rest.len - skip) : NULL;
    if (!call->has_client && blank != NULL)
        call->has_client =
            lamp_address_parse(lamp_bytes(rest.at + skip, (gsize) (blank - rest.at) - skip),
                               &call->client) &&
            call->client.is_known;
}

/* Where in @text the request ends that the record names, or that the message names. */
static gsize
end_of_request(LampBytes text, LampLogCall *call)
{
    if (call->method.len == 0 && call->target.len == 0)
        return take_request(text, call);
    const guint8 *end = text.at + text.len;
    if (call->target.len == 0 || call->target.at < text.at || call->target.at >= end ||
        call->target.len > (gsize) (end - call->target.at))
        return 0;
    gsize at = (gsize) (call->target.at - text.at) + call->target.len;
    if (lamp_bytes_starts(lamp_bytes(text.at + at, text.len - at), " HTTP/"))
        for (at += 6; at < text.len && strchr("0123456789.\"", text.at[at]) != NULL; at++)
            continue;
    return at;
}

void
lamp_log_take_line_request(LampLog *log, LampLogRecord *record, LampBytes message)
{
    LampLogCall *call = &record->call;
    LampBytes text = lamp_bytes(message.at, MIN(message.len, (gsize) MESSAGE_BYTES));
    if (text.len < 5 || call->statement.len > 0 || call->operation.len > 0)
        return;
    if (lamp_log_take_job(record, text) || lamp_log_take_dotnet_request(record, message))
        return;
    if (call->duration_ns >= 0) {
        take_leading_request(text, call);
        return;
    }
    if (take_columns(text, record))
        return;
    gsize request = end_of_request(text, call);
    if (request > 0)
        take_asker(text, request, call);
    if (!take_duration(log, text, request, call))
        return;
    if (call->status.len == 0 && request > 0)
        take_status(text, request, call);
    else if (call->status.len == 0 && lamp_bytes_starts(text, "Completed ")) /* Rails */
        take_status(text, 10, call);
    if (call->method.len == 0)
        keep_duration(record, call->duration_ns);
}
