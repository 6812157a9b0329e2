/*
 * The head of a log line: what stands between its begin and its message.
 *
 * In: a line. Out: time, severity, process, thread, logger, identifiers in a record, and where
 * the message begins. Loggers put the same few parts in every order and in every kind of
 * bracket:
 *
 *   2026-11-21 09:11:52,671 INFO  [http-exec-0] [rid=9ed8] c.acme.Controller - text
 *   2026-11-21 09:11:52,291 - reco - INFO - [11765:Thread-1] (9ed8b213) text
 *   [2026-11-21T09:11:58.873+00:00] [INFO] [11779/1] text
 *   INFO  [main] 2026-11-21 09:11:52,671 Server.java:12 - text
 *   11672:C 21 Nov 2026 09:11:44.430 # text
 *   I1121 09:11:52.123456 123 file.go:12] text
 *
 * so one loop takes parts, each recognised by its own look, until something is no part.
 */
#include "base/text.h"
#include "ingest/log/head-part.h"

enum { PARTS = 14, PART_BYTES = 96 };

/* What bytes may be in a head. */
enum { ENDS_WORD = 1, SEPARATES = 2, IN_NAME = 4, LETTER = 8 };
static const guint8 kinds[256] = {
    [' '] = ENDS_WORD | SEPARATES,
    ['\t'] = ENDS_WORD | SEPARATES,
    ['|'] = ENDS_WORD | SEPARATES,
    [']'] = ENDS_WORD | SEPARATES,
    [':'] = SEPARATES | IN_NAME,
    [','] = SEPARATES,
    ['.'] = IN_NAME,
    ['_'] = IN_NAME,
    ['$'] = IN_NAME,
    ['/'] = IN_NAME,
    ['-'] = IN_NAME,
    ['@'] = IN_NAME,
    ['#'] = IN_NAME,
    ['0' ... '9'] = IN_NAME,
    ['A' ... 'Z'] = IN_NAME | LETTER,
    ['a' ... 'z'] = IN_NAME | LETTER,
};

static gboolean
has_time(const LampHead *h)
{
    return h->record->event.time != LAMP_TIME_NONE;
}

/* `--- [shop] [  thread] `: Spring Boot 3 puts its application before the thread. */
static gboolean
names_application(const LampHead *h, const guint8 *close)
{
    return h->at.at - h->begin > 4 && memcmp(h->at.at - 4, "--- ", 4) == 0 &&
           h->at.end - close > 2 && close[1] == ' ' && close[2] == '[';
}

/* `[…]`. A time inside is taken alone: more parts may follow it before the bracket closes. */
static gboolean
take_bracket(LampHead *h)
{
    gsize left = MIN(lamp_cursor_left(&h->at), (gsize) PART_BYTES * 2);
    LampBytes inside = lamp_bytes(h->at.at + 1, left - 1);
    if (!has_time(h)) {
        gsize used = lamp_log_take_time(h->log, h->record, inside);
        if (used > 0) {
            h->at.at += used + 1;
            return TRUE;
        }
    }
    const guint8 *close = inside.len > 0 ? memchr(inside.at, ']', inside.len) : NULL;
    if (close == NULL)
        return FALSE;
    inside.len = (gsize) (close - inside.at);
    LampBytes text = lamp_text_trim(inside);
    gboolean has_severity = h->record->event.severity.len > 0;
    if (text.len > 0 && names_application(h, close))
        lamp_log_record_add(h->record, "application", text);
    else if (text.len > 0)
        lamp_head_take_bracket_text(h, text);
    h->record->is_padded =
        h->record->is_padded ||
        (!has_severity && text.len > 0 && text.len < inside.len &&
         g_ascii_islower((char) text.at[0]) && h->record->event.severity.len > 0);
    h->at.at = close + 1;
    return TRUE;
}

static gboolean
take_parenthesis(LampHead *h)
{
    gsize left = MIN(lamp_cursor_left(&h->at), (gsize) PART_BYTES);
    const guint8 *close = memchr(h->at.at, ')', left);
    if (close == NULL || !has_time(h))
        return FALSE;
    LampBytes text = lamp_bytes(h->at.at + 1, (gsize) (close - h->at.at - 1));
    if (lamp_head_looks_like_id(text))
        lamp_head_take_id(h, text);
    else if (text.len == 0 || h->record->event.severity.len > 0 ||
             !lamp_head_take_severity(h, text))
        return FALSE;
    h->at.at = close + 1;
    return TRUE;
}

/* `11672:C `: the role letter of redis. */
static gboolean
take_redis_head(LampHead *h, LampBytes word)
{
    if (word.len < 3 || word.at[word.len - 2] != ':' ||
        strchr("CMSX", word.at[word.len - 1]) == NULL ||
        !lamp_head_is_all_digits(lamp_bytes(word.at, word.len - 2)))
        return FALSE;
    h->record->event.process = lamp_bytes(word.at, word.len - 2);
    h->has_marks = TRUE;
    return TRUE;
}

static gboolean
take_mark(LampHead *h, LampBytes word)
{
    static const char marks[] = ".-*#";
    static const char *const words[] = {"debug", "info", "notice", "warn"};
    const char *mark = word.len == 1 ? strchr(marks, word.at[0]) : NULL;
    if (!h->has_marks || !has_time(h) || mark == NULL || *mark == '\0')
        return FALSE;
    return lamp_head_take_severity(h, lamp_bytes_text(words[mark - marks]));
}

/* glog and klog: `I1121 09:11:52.123456`. */
static gboolean
take_letter_and_time(LampHead *h)
{
    LampBytes rest = lamp_cursor_rest(&h->at);
    if (has_time(h) || rest.len < 14 || strchr("IWEFD", rest.at[0]) == NULL ||
        !g_ascii_isdigit((char) rest.at[1]))
        return FALSE;
    gsize used = lamp_log_take_time(h->log, h->record, lamp_bytes(rest.at + 1, rest.len - 1));
    if (used == 0)
        return FALSE;
    h->record->event.severity = lamp_severity_of_value(lamp_bytes(rest.at, 1));
    h->at.at += used + 1;
    return TRUE;
}

static gboolean
is_logger_name(LampBytes word)
{
    guint any = 0, all = IN_NAME;
    for (gsize i = 0; i < word.len; i++) {
        any |= kinds[word.at[i]];
        all &= kinds[word.at[i]];
    }
    return all == IN_NAME && (any & LETTER) != 0 && word.len <= 80;
}

/* `production.ERROR`, as Monolog writes it. */
static gboolean
take_channel(LampHead *h, LampBytes word)
{
    const guint8 *point = word.len > 0 ? memrchr(word.at, '.', word.len) : NULL;
    if (point == NULL || point == word.at || !g_ascii_isupper((char) word.at[word.len - 1]) ||
        !lamp_head_take_severity(
            h, lamp_bytes(point + 1, (gsize) (word.at + word.len - point - 1))))
        return FALSE;
    h->record->event.service = lamp_bytes(word.at, (gsize) (point - word.at));
    h->record->is_logger = TRUE;
    return TRUE;
}

/* Apache's messages have a number: `AH00128`. */
static gboolean
is_message_number(LampBytes word)
{
    return word.len == 7 && lamp_bytes_starts(word, "AH") &&
           lamp_head_is_all_digits(lamp_bytes(word.at + 2, word.len - 2));
}

/* What stands behind a logger's name. */
static gboolean
ends_logger(LampBytes after)
{
    static const char *const marks[] = {" - ", " : ", "] ", " | ", "|"};
    for (gsize i = 0; i < G_N_ELEMENTS(marks); i++)
        if (lamp_bytes_starts(after, marks[i]))
            return TRUE;
    return FALSE;
}

/* oslo and old Hadoop put a number between time and severity, Django the logger. */
static gboolean
severity_follows(LampBytes after)
{
    after = lamp_text_trim(after);
    gboolean in_bracket = after.len > 1 && after.at[0] == '['; /* MySQL */
    if (in_bracket)
        after = lamp_bytes(after.at + 1, after.len - 1);
    gsize n = 0;
    while (n < after.len && n < 16 &&
           (in_bracket ? g_ascii_isalpha((char) after.at[n])
                       : g_ascii_isupper((char) after.at[n])))
        n++;
    return n < after.len && lamp_severity_of_word(lamp_bytes(after.at, n)).len > 0;
}

/* `server/handler.go:40`, a place in a program. */
static gboolean
is_caller(LampBytes word)
{
    const guint8 *colon = word.len > 4 ? memrchr(word.at, ':', word.len) : NULL;
    return colon != NULL && colon > word.at + 2 &&
           memrchr(word.at, '.', (gsize) (colon - word.at)) != NULL &&
           lamp_head_is_all_digits(
               lamp_bytes(colon + 1, (gsize) (word.at + word.len - colon - 1)));
}

/* zap's console: severity, logger (if it has a name), caller, message, with tabs between. */
static gboolean
take_column(LampHead *h, LampBytes word, LampBytes after)
{
    LampEventRow *event = &h->record->event;
    if (after.len == 0 || after.at[0] != '\t' || word.len == 0 || word.at == h->begin ||
        word.at[-1] != '\t' || event->severity.len == 0 || !has_time(h))
        return FALSE;
    if (is_caller(word)) {
        lamp_log_record_add(h->record, "caller", word);
        return TRUE;
    }
    const guint8 *next = after.at + 1, *tab = memchr(next, '\t', after.len - 1);
    if (tab == NULL || event->service.len > 0 || !is_logger_name(word) ||
        !is_caller(lamp_bytes(next, (gsize) (tab - next))))
        return FALSE;
    event->service = word;
    return TRUE;
}

/* `INFO/ForkPoolWorker-1]`: Celery's severity and process. */
static gboolean
take_level_and_process(LampHead *h, LampBytes word, LampBytes after)
{
    const guint8 *slash = word.len > 4 ? memchr(word.at, '/', word.len) : NULL;
    if (slash == NULL || !has_time(h) || after.len == 0 || after.at[0] != ']' ||
        h->record->event.thread.len > 0 || slash + 1 == word.at + word.len ||
        !lamp_head_take_severity(h, lamp_bytes(word.at, (gsize) (slash - word.at))))
        return FALSE;
    h->record->event.thread = lamp_bytes(slash + 1, (gsize) (word.at + word.len - slash - 1));
    return TRUE;
}

/* A logger's name: before ` - `, `:`, `]` or `|`; a dotted one where a severity stood before.
 */
static gboolean
take_logger(LampHead *h, LampBytes word, LampBytes after)
{
    LampEventRow *event = &h->record->event;
    if (!has_time(h) || event->service.len > 0 || word.len == 0)
        return FALSE;
    gboolean marked = ends_logger(after);
    if (word.at[word.len - 1] == ':') {
        word.len--;
        marked = TRUE;
        if (take_channel(h, word))
            return TRUE;
    }
    gboolean dotted = !marked && word.len > 4 && word.at[word.len - 1] != '.' &&
                      memchr(word.at, '.', word.len - 1) != NULL &&
                      (event->severity.len > 0 || severity_follows(after));
    if ((!marked && !dotted) || !is_logger_name(word) || is_message_number(word))
        return FALSE;
    event->service = word;
    h->record->is_logger = TRUE;
    return TRUE;
}

/* `name[123]:` */
static gboolean
take_program(LampHead *h, LampBytes word)
{
    LampEventRow *event = &h->record->event;
    gsize n = word.len > 0 && word.at[word.len - 1] == ':' ? word.len - 1 : word.len;
    const guint8 *open = n > 3 ? memchr(word.at, '[', n) : NULL;
    if (!has_time(h) || open == NULL || open == word.at || word.at[n - 1] != ']' ||
        event->service.len > 0)
        return FALSE;
    LampBytes number = lamp_bytes(open + 1, (gsize) (word.at + n - 1 - open - 1));
    if (!lamp_head_is_all_digits(number))
        return FALSE;
    event->service = lamp_bytes(word.at, (gsize) (open - word.at));
    event->process = number;
    return TRUE;
}

/* A process stands beside the severity, never behind the logger. */
static gboolean
take_number(LampHead *h, LampBytes number, LampBytes after)
{
    const LampEventRow *event = &h->record->event;
    if (event->service.len > 0 ||
        (event->severity.len == 0 && has_time(h) && !severity_follows(after)))
        return FALSE;
    lamp_head_set_process(h, number);
    return TRUE;
}

static LampBytes
peek_word(const LampHead *h)
{
    const guint8 *p = h->at.at, *limit = p + MIN(lamp_cursor_left(&h->at), (gsize) PART_BYTES);
    while (p < limit && (kinds[*p] & ENDS_WORD) == 0)
        p++;
    return lamp_bytes(h->at.at, (gsize) (p - h->at.at));
}

/* Is a word set off from what stands behind it? */
static gboolean
is_marked(const LampHead *h, LampBytes after)
{
    return !has_time(h) || lamp_bytes_starts(after, " [") || lamp_bytes_starts(after, " |") ||
           lamp_bytes_starts(after, " -") || lamp_bytes_starts(after, "\t");
}

static gboolean
take_word(LampHead *h)
{
    LampBytes word = peek_word(h);
    LampBytes after = lamp_bytes(word.at + word.len, (gsize) (h->at.end - word.at) - word.len);
    LampBytes bare = word;
    if (bare.len > 1 && (bare.at[bare.len - 1] == ':' || bare.at[bare.len - 1] == ','))
        bare.len--;
    gboolean marked =
        bare.len < word.len || g_ascii_isupper((char) word.at[0]) || is_marked(h, after);
    gboolean taken = FALSE;
    if (word.len > 2 && after.len > 0 && after.at[0] == ']' &&
        memchr(word.at, '[', word.len) != NULL) {
        word.len++;
        if (after.len > 1 && after.at[1] == ':')
            word.len++;
        taken = take_program(h, word);
    } else if (marked && lamp_head_take_severity(h, bare)) {
        taken = TRUE;
    } else if (take_column(h, word, after) || take_redis_head(h, word) || take_mark(h, word)) {
        taken = TRUE;
    } else if (lamp_head_is_all_digits(bare) && bare.len <= 10) {
        taken = take_number(h, bare, after);
    } else {
        taken = (bare.len < word.len && lamp_head_take_process_and_thread(h, bare)) ||
                take_level_and_process(h, word, after) || take_logger(h, word, after);
    }
    if (taken)
        h->at.at = word.at + word.len;
    return taken;
}

static void
skip_separators(LampHead *h)
{
    while (h->at.at < h->at.end) {
        guint8 byte = *h->at.at;
        gboolean dash =
            byte == '-' && !h->has_marks &&
            (lamp_cursor_left(&h->at) == 1 || h->at.at[1] == ' ' || h->at.at[1] == '-');
        if ((kinds[byte] & SEPARATES) == 0 && !dash)
            return;
        h->at.at++;
    }
}

/* `pid=`, or `1234 TID-`, where nothing but the time stood before. */
static gboolean
begins_job(const LampHead *h)
{
    LampBytes rest = lamp_cursor_rest(&h->at);
    if (rest.len < 16 || !has_time(h) || h->record->event.severity.len > 0)
        return FALSE;
    if (rest.at[0] == 'p')
        return lamp_bytes_starts(rest, "pid=");
    const guint8 *blank = g_ascii_isdigit((char) rest.at[0]) ? memchr(rest.at, ' ', 12) : NULL;
    return blank != NULL && blank + 5 < h->at.end && memcmp(blank, " TID-", 5) == 0;
}

static gboolean
take_part(LampHead *h)
{
    if (!has_time(h)) {
        gsize used = lamp_log_take_time(h->log, h->record, lamp_cursor_rest(&h->at));
        h->at.at += used;
        if (used > 0) {
            h->body = h->at.at;
            return TRUE;
        }
    }
    if (*h->at.at == '[')
        return take_bracket(h);
    if (*h->at.at == '(')
        return take_parenthesis(h);
    if (begins_job(h) && lamp_head_take_job(h))
        return TRUE;
    return take_letter_and_time(h) || take_word(h);
}

gssize
lamp_log_parse_head(LampLog *log, LampBytes line, gboolean needs_time, LampLogRecord *record)
{
    LampHead h = {.log = log,
                  .record = record,
                  .at = lamp_cursor(line),
                  .body = line.at,
                  .begin = line.at};
    for (guint i = 0; i < PARTS; i++) {
        skip_separators(&h);
        if (h.at.at == h.at.end || !take_part(&h) || h.is_over)
            break;
    }
    skip_separators(&h);
    record->body = lamp_bytes(h.body, (gsize) (h.at.end - h.body));
    if (needs_time && !has_time(&h))
        return -1;
    return h.at.at - line.at;
}
