/*
 * Lines of labelled values, with a colon between label and value:
 *
 *   time:21/Nov/2026:09:11:53 +0000<TAB>host:10.0.0.7<TAB>req:GET /x HTTP/1.1<TAB>status:200
 *   2026-11-21 09:11:53 INFO request_id: 5b8e user: alice status: 200 duration: 12ms
 *   2026-11-21 09:11:53 request_id:5b8e, path:/orders/7, note: two words, status:200
 *
 * In: a line that consists of them, behind a time and a severity at most; a text that only
 * contains a colon is none. Out: values by what their labels mean; those of LTSV's access logs
 * are known (ltsv.org: `host` is who asked, `reqtime` seconds). A value of several words ends
 * at a comma, semicolon or bar; where there are none each value is one word. Prose looks alike
 * (`Error: connect refused, errno: -111`): a severity is no label, a first value of several
 * words needs further pairs, and `host` is then who the text tells of.
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/readers.h"

enum { LABEL_BYTES = 48, LEAST_PAIRS = 2, LEAST_PAIRS_OF_WORDS = 3 };

static LampBytes
after(LampBytes text, gsize n)
{
    return lamp_bytes(text.at + n, text.len - n);
}

/* The length of a label before a colon at the begin of @text, or 0. */
static gsize
label_length(LampBytes text)
{
    gsize n = 0;
    if (text.len == 0 || !g_ascii_isalpha((char) text.at[0]))
        return 0;
    while (n < text.len && n < LABEL_BYTES &&
           (g_ascii_isalnum((char) text.at[n]) || text.at[n] == '_' || text.at[n] == '-' ||
            text.at[n] == '.'))
        n++;
    gboolean is_url = n + 2 < text.len && text.at[n + 1] == '/' && text.at[n + 2] == '/';
    return n < text.len && text.at[n] == ':' && !is_url ? n : 0;
}

/* The names that meanings know for the labels of LTSV. */
static LampBytes
usual_label(LampBytes label)
{
    static const struct {
        const char *label, *name;
    } names[] = {{"host", "remote_addr"},
                 {"req", "request"},
                 {"reqtime", "request_time"},
                 {"reqtime_microsec", "duration_us"},
                 {"apptime", "upstream_response_time"},
                 {"ua", "user_agent"}};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (lamp_bytes_equal(label, lamp_bytes_text(names[i].label)))
            return lamp_bytes_text(names[i].name);
    return label;
}

static LampBytes
without_brackets(LampBytes value)
{
    gboolean has_both = value.len > 2 && value.at[0] == '[' && value.at[value.len - 1] == ']';
    return has_both ? lamp_bytes(value.at + 1, value.len - 2) : value;
}

/* Is each column of @line, of which there are two at least, a label and its value? */
static gboolean
is_ltsv(LampBytes line)
{
    guint columns = 0;
    for (gsize from = 0; from <= line.len; columns++) {
        const guint8 *tab =
            from < line.len ? memchr(line.at + from, '\t', line.len - from) : NULL;
        gsize end = tab == NULL ? line.len : (gsize) (tab - line.at);
        if (label_length(lamp_bytes(line.at + from, end - from)) == 0)
            return FALSE;
        from = end + 1;
    }
    return columns >= LEAST_PAIRS;
}

static void
take_ltsv(LampLog *log, LampBytes line, LampLogRecord *record)
{
    gboolean is_access =
        lamp_text_find(line, "\tstatus:") >= 0 &&
        (lamp_text_find(line, "req:") >= 0 || lamp_text_find(line, "uri:") >= 0);
    for (gsize from = 0; from < line.len;) {
        const guint8 *tab = memchr(line.at + from, '\t', line.len - from);
        gsize end = tab == NULL ? line.len : (gsize) (tab - line.at);
        LampBytes column = lamp_bytes(line.at + from, end - from);
        LampBytes label = lamp_bytes(column.at, label_length(column));
        LampBytes value = without_brackets(after(column, label.len + 1));
        lamp_log_set(log, record, is_access ? usual_label(label) : label, value);
        from = end + 1;
    }
    record->is_request = is_access;
    if (record->event.message.len == 0)
        record->event.message = line;
}

static gboolean
is_mark(guint8 byte)
{
    return byte == ',' || byte == ';' || byte == '|';
}

/* Where the value ends at the begin of @text: at the next mark, or blank; quotes hold it
 * together. */
static gsize
value_length(LampBytes text, gboolean has_marks)
{
    const guint8 *quote =
        text.len > 1 && text.at[0] == '"' ? memchr(text.at + 1, '"', text.len - 1) : NULL;
    gsize n = quote == NULL ? 0 : (gsize) (quote - text.at) + 1;
    while (n < text.len &&
           !(is_mark(text.at[n]) &&
             (n + 1 == text.len || text.at[n + 1] == ' ' || text.at[n] != ',')) &&
           (has_marks || text.at[n] != ' '))
        n++;
    return n;
}

/* The next pair of @text, which then begins behind it; FALSE if it begins with none. */
static gboolean
take_pair(LampBytes *text, gboolean has_marks, LampBytes *out_label, LampBytes *out_value)
{
    gsize label = label_length(*text);
    if (label == 0)
        return FALSE;
    *out_label = lamp_bytes(text->at, label);
    LampBytes rest = after(*text, label + 1);
    while (rest.len > 0 && rest.at[0] == ' ')
        rest = after(rest, 1);
    gsize length = value_length(rest, has_marks);
    LampBytes value = lamp_text_trim(lamp_bytes(rest.at, length));
    if (value.len == 0 || value.at[value.len - 1] == ':')
        return FALSE;
    if (value.len > 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
        value = lamp_bytes(value.at + 1, value.len - 2);
    *out_value = value;
    rest = after(rest, length);
    while (rest.len > 0 && (rest.at[0] == ' ' || is_mark(rest.at[0])))
        rest = after(rest, 1);
    *text = rest;
    return TRUE;
}

/* How many pairs @text consists of; 0 if it does not. */
static guint
count_pairs(LampBytes text, gboolean has_marks)
{
    guint count = 0;
    LampBytes label, value;
    for (; text.len > 0; count++)
        if (!take_pair(&text, has_marks, &label, &value))
            return 0;
    return count;
}

/* Does @text consist of pairs, and not only look so? */
static gboolean
is_of_pairs(LampBytes text, gboolean has_marks)
{
    LampBytes label, value, rest = text;
    guint count = count_pairs(text, has_marks);
    if (count < LEAST_PAIRS || !take_pair(&rest, has_marks, &label, &value) ||
        lamp_severity_of_word(label).len > 0)
        return FALSE;
    gboolean is_quoted = value.at > label.at && value.at[-1] == '"';
    return count >= LEAST_PAIRS_OF_WORDS || is_quoted ||
           memchr(value.at, ' ', value.len) == NULL;
}

static void
take_pairs(LampLog *log, LampBytes text, gboolean has_marks, LampLogRecord *record)
{
    static const char host[] = "host";
    LampBytes label, value;
    while (text.len > 0 && take_pair(&text, has_marks, &label, &value))
        if (lamp_bytes_equal(label, lamp_bytes_text(host)))
            lamp_log_record_add_field(record, label, value);
        else
            lamp_log_set(log, record, label, value);
}

/* `INFO `, `[INFO] ` before the pairs. */
static LampBytes
take_severity(LampBytes text, LampLogRecord *record)
{
    gsize begin = text.len > 0 && text.at[0] == '[' ? 1 : 0, end = begin;
    while (end < text.len && g_ascii_isalpha((char) text.at[end]))
        end++;
    LampBytes severity = lamp_severity_of_word(lamp_bytes(text.at + begin, end - begin));
    gsize skip = end + begin;
    if (severity.len == 0 || skip >= text.len || text.at[skip] != ' ' ||
        (begin > 0 && text.at[end] != ']'))
        return text;
    record->event.severity = severity;
    return lamp_text_trim(after(text, skip));
}

/* What stands before the pairs. */
static LampBytes
take_head(LampLog *log, LampBytes line, LampLogRecord *record)
{
    gsize open = line.len > 0 && line.at[0] == '[' ? 1 : 0;
    if (line.len < 12 || !g_ascii_isalnum((char) line.at[open]))
        return line;
    gsize used = lamp_log_take_time(log, record, after(line, open));
    if (used == 0 || used + 2 * open >= line.len)
        return line;
    return take_severity(lamp_text_trim(after(line, used + 2 * open)), record);
}

static gboolean
parse(LampLog *log, LampBytes line, LampLogRecord *record)
{
    if (line.len > 0 && memchr(line.at, '\t', line.len) != NULL && is_ltsv(line)) {
        take_ltsv(log, line, record);
        return TRUE;
    }
    LampBytes text = take_head(log, line, record);
    gboolean has_marks = lamp_text_find(text, ", ") > 0 || lamp_text_find(text, "; ") > 0 ||
                         lamp_text_find(text, " | ") > 0;
    if (!is_of_pairs(text, has_marks))
        return FALSE;
    take_pairs(log, text, has_marks, record);
    if (record->event.message.len == 0)
        record->event.message = text;
    return TRUE;
}

static const LampLogFormat format = {.parse = parse, .most = 88};

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

const LampReader lamp_reader_labels = {
    .name = "labels",
    .summary = "labelled values: LTSV, `key: value key: value`",
    .spec = "ltsv.org",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(LampLog),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
