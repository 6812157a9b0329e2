/*
 * PostgreSQL's log on standard error, with any log_line_prefix that holds a time.
 *
 *   2026-11-21 09:11:55.650 UTC [11808] 10.77.0.51(34814) catalog LOG:  duration: 1.158 ms
 * statement: SELECT … 2026-11-21 09:11:55.793 UTC [11808] 10.77.0.51(34814) catalog DETAIL:
 * parameters: $1 = 'SKU-1000'
 *
 * A severity in capitals, a colon and two blanks end the prefix; that is what is recognised.
 * DETAIL, STATEMENT and their like belong to the line before them. A statement with a duration
 * is a span that ends at the line's time; `parse` and `bind` only move the begin of the
 * `execute`, or of the ERROR with the same STATEMENT, that follows in the same session. A
 * `statement` or `execute` without a duration begins the call that the next `duration` or ERROR
 * of the session ends (log_statement with log_duration).
 * Specification: PostgreSQL documentation, chapters "Error Reporting and Logging" and
 * "PostgreSQL Error Codes".
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/log/keyvalue.h"
#include "ingest/log/postgresql.h"
#include "ingest/readers.h"

enum { PREFIX_BYTES = 320 };

static gboolean
is_one_of(LampBytes word, const char *const *words, gsize n)
{
    for (gsize i = 0; i < n; i++)
        if (lamp_bytes_equal(word, lamp_bytes_text(words[i])))
            return TRUE;
    return FALSE;
}

gboolean
lamp_postgresql_is_severity(LampBytes word)
{
    static const char *const words[] = {"LOG",    "ERROR",  "FATAL",  "PANIC",  "WARNING",
                                        "NOTICE", "INFO",   "DEBUG1", "DEBUG2", "DEBUG3",
                                        "DEBUG4", "DEBUG5", "DEBUG"};
    return is_one_of(word, words, G_N_ELEMENTS(words));
}

static gboolean
is_addition(LampBytes word)
{
    static const char *const words[] = {"DETAIL",  "STATEMENT", "HINT",
                                        "CONTEXT", "QUERY",     "LOCATION"};
    return is_one_of(word, words, G_N_ELEMENTS(words));
}

/* Where the word before ":  " begins; its prefix and what follows. */
static gboolean
split_line(LampBytes line, LampBytes *out_prefix, LampBytes *out_word, LampBytes *out_rest)
{
    gsize limit = MIN(line.len, (gsize) PREFIX_BYTES);
    for (gsize i = 3; i + 3 <= limit; i++) {
        if (line.at[i] != ':' || line.at[i + 1] != ' ' || line.at[i + 2] != ' ')
            continue;
        gsize start = i;
        while (start > 0 && g_ascii_isalnum((char) line.at[start - 1]))
            start--;
        *out_prefix = lamp_bytes(line.at, start);
        *out_word = lamp_bytes(line.at + start, i - start);
        *out_rest = lamp_bytes(line.at + i + 3, line.len - i - 3);
        return out_word->len > 0;
    }
    return FALSE;
}

static gboolean
is_all_digits(LampBytes text)
{
    for (gsize i = 0; i < text.len; i++)
        if (!g_ascii_isdigit((char) text.at[i]))
            return FALSE;
    return text.len > 0;
}

/* A session over the Unix socket: its client is on the server's own host. */
static gboolean
take_local_client(LampLogRecord *record, LampBytes word)
{
    if (!lamp_bytes_equal(word, lamp_bytes_text("[local]")))
        return FALSE;
    record->call.has_client =
        lamp_address_parse(lamp_bytes_text("127.0.0.1"), &record->call.client);
    lamp_log_record_add(record, "client", word);
    return TRUE;
}

gboolean
lamp_postgresql_take_client(LampLogRecord *record, LampBytes word, char separator)
{
    if (take_local_client(record, word))
        return TRUE;
    const guint8 *mark = word.len > 3 ? memrchr(word.at, separator, word.len) : NULL;
    gsize tail = separator == '(' ? 1 : 0;
    guint64 port;
    if (mark == NULL || (tail > 0 && word.at[word.len - 1] != ')') ||
        !lamp_text_parse_u64(
            lamp_bytes(mark + 1, (gsize) (word.at + word.len - mark - 1) - tail), &port) ||
        port > 65535 ||
        !lamp_address_parse(lamp_bytes(word.at, (gsize) (mark - word.at)),
                            &record->call.client))
        return FALSE;
    record->call.client.port = (guint16) port;
    record->call.has_client = TRUE;
    lamp_log_record_add(record, "client", word);
    return TRUE;
}

/* A code of five such as 42P01. All digits may be another number, unless @may_be_digits. */
static gboolean
is_sqlstate(LampBytes word, gboolean may_be_digits)
{
    static const char *const classes[] = {"F0", "HV", "P0", "XX"};
    gboolean begins = word.len == 5 && g_ascii_isdigit((char) word.at[0]);
    for (gsize i = 0; i < G_N_ELEMENTS(classes) && word.len == 5; i++)
        begins = begins || lamp_bytes_starts(word, classes[i]);
    for (gsize i = 0; i < word.len; i++)
        if (!g_ascii_isdigit((char) word.at[i]) && !g_ascii_isupper((char) word.at[i]))
            return FALSE;
    return begins && (may_be_digits || !is_all_digits(word));
}

static void
take_prefix_word(LampLogRecord *record, LampBytes word)
{
    const guint8 *at = memchr(word.at, '@', word.len);
    if (lamp_postgresql_take_client(record, word, '('))
        return;
    if (record->event.process.len == 0 && is_all_digits(word)) {
        record->event.process = word;
    } else if (at != NULL && at > word.at) {
        lamp_log_record_add(record, "user", lamp_bytes(word.at, (gsize) (at - word.at)));
        lamp_log_record_add(record, "database",
                            lamp_bytes(at + 1, (gsize) (word.at + word.len - at - 1)));
    } else if (word.len > 1) {
        gboolean is_state = is_sqlstate(word, FALSE);
        if (is_state)
            record->call.status = word;
        lamp_log_record_add(record, is_state ? "sqlstate" : "prefix", word);
    }
}

/* The word with the brackets that the scan took from it, if it is in brackets. */
static LampBytes
with_brackets(LampBytes text, LampBytes word)
{
    const guint8 *from = word.at > text.at && word.at[-1] == '[' ? word.at - 1 : word.at;
    const guint8 *end = text.at + text.len;
    const guint8 *close = memchr(from, ']', (gsize) (end - from));
    return close != NULL && *from == '[' ? lamp_bytes(from, (gsize) (close + 1 - from)) : word;
}

/* What stands between the time and the severity, in the order that the administrator chose. */
static void
take_prefix(LampLog *log, LampLogRecord *record, LampBytes prefix)
{
    LampKeyValueScan scan = {lamp_cursor(prefix), record};
    LampBytes key, value;
    LampKeyValue kind;
    while ((kind = lamp_keyvalue_next(&scan, &key, &value)) != LAMP_KEYVALUE_END) {
        if (kind == LAMP_KEYVALUE_WORD) {
            if (take_local_client(record, with_brackets(prefix, key)))
                continue;
            while (key.len > 0 && strchr("[]:", key.at[key.len - 1]) != NULL)
                key.len--;
            take_prefix_word(record, key);
        } else if (lamp_bytes_equal(key, lamp_bytes("client", 6))) {
            if (!lamp_postgresql_take_client(record, value, '(')) {
                record->call.has_client = value.len > 0 && value.at[0] != '[' &&
                                          lamp_address_parse(value, &record->call.client);
                lamp_log_record_add(record, "client", value);
            }
        } else {
            lamp_log_set_inner(log, record, key, value);
        }
    }
}

void
lamp_postgresql_take_duration(LampLogRecord *record, LampBytes message)
{
    static const struct {
        const char *word;
        gboolean is_step;
    } kinds[] = {
        {"statement: ", FALSE}, {"execute ", FALSE}, {"parse ", TRUE}, {"bind ", TRUE}};
    LampLogCall *call = &record->call;
    if (!lamp_bytes_starts(message, "duration: "))
        return;
    LampBytes rest = lamp_bytes(message.at + 10, message.len - 10);
    gssize ms = lamp_text_find(lamp_bytes(rest.at, MIN(rest.len, 32)), " ms");
    if (ms < 0 || !lamp_duration_parse(lamp_bytes(rest.at, (gsize) ms), LAMP_NS_PER_MS,
                                       &call->duration_ns, &call->duration_resolution_ns))
        return;
    lamp_log_record_add(record, "duration_ms", lamp_bytes(rest.at, (gsize) ms));
    rest = lamp_text_trim(lamp_bytes(rest.at + ms + 3, rest.len - (gsize) ms - 3));
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        gssize colon = lamp_bytes_starts(rest, kinds[i].word) ? lamp_text_find(rest, ": ") : -1;
        if (colon < 0)
            continue;
        call->is_step = kinds[i].is_step;
        call->is_prepared = i == 1;
        call->statement = lamp_bytes(rest.at + colon + 2, rest.len - (gsize) colon - 2);
        call->protocol = lamp_bytes_text("postgresql");
        return;
    }
}

static gboolean
is_failure(LampBytes severity)
{
    static const char *const words[] = {"ERROR", "FATAL", "PANIC"};
    return is_one_of(severity, words, G_N_ELEMENTS(words));
}

void
lamp_postgresql_take_failure(LampLogRecord *record, LampBytes severity, LampBytes message)
{
    LampLogCall *call = &record->call;
    LampBytes code = lamp_bytes(message.at, MIN(message.len, (gsize) 5));
    if (!is_failure(severity))
        return;
    call->is_failed = call->is_error = TRUE;
    call->duration_ns = 0;
    call->protocol = lamp_bytes_text("postgresql");
    if (message.len > 6 && message.at[5] == ':' && is_sqlstate(code, TRUE)) {
        call->status = code;
        lamp_log_record_add(record, "sqlstate", code);
    } else if (call->status.len == 0) {
        call->status = lamp_bytes_text("error");
    }
}

void
lamp_postgresql_take_halves(LampLogRecord *record, LampBytes message)
{
    LampLogCall *call = &record->call;
    gsize skip = 0;
    if (record->event.process.len == 0 || call->statement.len > 0)
        return;
    if (lamp_bytes_starts(message, "statement: ")) {
        skip = strlen("statement: ");
    } else if (lamp_bytes_starts(message, "execute ")) {
        gssize colon = lamp_text_find(message, ": ");
        skip = colon < 0 ? 0 : (gsize) colon + 2;
    }
    gboolean is_end =
        call->is_failed || (call->duration_ns >= 0 && lamp_bytes_starts(message, "duration: "));
    if (skip == 0 && !is_end)
        return;
    call->pair_id = record->event.process;
    call->protocol = lamp_bytes_text("postgresql");
    call->is_begun = !is_end;
    if (!is_end)
        call->statement = lamp_bytes(message.at + skip, message.len - skip);
}

/* Severity, colon and blanks with nothing before them, in a line whose time is told around it:
 * uvicorn's, which pads to ten letters, where PostgreSQL writes two blanks always. */
static gboolean
is_padded(LampBytes prefix, LampBytes word, LampBytes rest)
{
    return prefix.len == 0 && ((rest.len > 0 && rest.at[0] == ' ') ||
                               lamp_bytes_equal(word, lamp_bytes("WARNING", 7)));
}

gboolean
lamp_log_parse_postgresql(LampLog *log, LampBytes line, LampLogRecord *record)
{
    LampBytes prefix, word, rest;
    if (line.len < 12 || !split_line(line, &prefix, &word, &rest) ||
        !(lamp_postgresql_is_severity(word) || is_addition(word)) ||
        is_padded(prefix, word, rest))
        return FALSE;
    if (record->event.time == LAMP_TIME_NONE) {
        gsize used = 0;
        for (gsize i = 0; i < prefix.len && used == 0; i++)
            if (i == 0 || strchr(" [=@", prefix.at[i - 1]) != NULL) {
                used =
                    lamp_log_take_time(log, record, lamp_bytes(prefix.at + i, prefix.len - i));
                if (used > 0)
                    prefix = lamp_bytes(prefix.at + i + used, prefix.len - i - used);
            }
        if (used == 0)
            return FALSE;
    }
    take_prefix(log, record, prefix);
    record->event.severity =
        is_addition(word) ? lamp_bytes_text("info") : lamp_severity_of_word(word);
    record->event.message = rest;
    if (record->event.service.len == 0) {
        record->event.service = lamp_bytes_text("postgresql");
        record->is_logger = TRUE; /* of whom only the form tells */
    }
    lamp_postgresql_take_failure(record, word, rest);
    lamp_postgresql_take_duration(record, rest);
    lamp_postgresql_take_halves(record, rest);
    return TRUE;
}

/* The inside of a quoted value, in which quotes are doubled; the cursor is behind the first. */
static LampBytes
take_literal(LampCursor *at)
{
    const guint8 *begin = at->at;
    while (at->at < at->end &&
           !(*at->at == '\'' && (lamp_cursor_left(at) == 1 || at->at[1] != '\'')))
        at->at += *at->at == '\'' ? 2 : 1;
    at->at = MIN(at->at, at->end);
    return lamp_bytes(begin, (gsize) (at->at - begin));
}

gboolean
lamp_postgresql_take_parameters(LampLogRecord *record, LampBytes text)
{
    LampCursor at = lamp_cursor(text);
    if (!lamp_bytes_starts(text, "parameters: ") && !lamp_bytes_starts(text, "Parameters: "))
        return FALSE;
    while (at.at < at.end) {
        const guint8 *dollar = memchr(at.at, '$', lamp_cursor_left(&at));
        if (dollar == NULL)
            break;
        at.at = dollar + 1;
        while (at.at < at.end && g_ascii_isdigit((char) *at.at))
            at.at++;
        gsize digits = (gsize) (at.at - dollar - 1);
        if (digits == 0 || lamp_cursor_left(&at) < 5 || memcmp(at.at, " = '", 4) != 0)
            continue;
        at.at += 4;
        LampBytes value = take_literal(&at);
        guint8 *slot = lamp_log_record_take(record, 6 + digits);
        if (slot == NULL)
            break;
        memcpy(slot, "param.", 6);
        memcpy(slot + 6, dollar + 1, digits);
        lamp_log_record_add_field(record, lamp_bytes(slot, 6 + digits), value);
    }
    return TRUE;
}

static gboolean
join(LampLog *log, LampBytes line, LampLogRecord *record)
{
    LampBytes prefix, word, rest;
    (void) log;
    if (line.len < 12 || !split_line(line, &prefix, &word, &rest) || !is_addition(word))
        return FALSE;
    LampBytes process = record->event.process;
    if (process.len > 0 && memmem(prefix.at, prefix.len, process.at, process.len) == NULL)
        return FALSE;
    if (record->call.is_failed && lamp_bytes_equal(word, lamp_bytes_text("STATEMENT")))
        record->call.statement = rest;
    if (!lamp_postgresql_take_parameters(record, rest))
        lamp_log_record_add_field(record, word, rest);
    return TRUE;
}

static const LampLogFormat format = {
    .parse = lamp_log_parse_postgresql, .join = join, .joins_lines = TRUE, .most = 89};

static guint
probe(LampBytes head, const char *path)
{
    (void) path;
    return lamp_log_probe(&format, head);
}

static void
begin(gpointer state, const LampSourceContext *context)
{
    lamp_log_begin(state, &format, context);
}

const LampReader lamp_reader_postgresql = {
    .name = "postgresql",
    .summary = "PostgreSQL's log on standard error, statements with durations as calls",
    .spec = "PostgreSQL documentation, Error Reporting and Logging",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(LampLog),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
