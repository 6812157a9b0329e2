/*
 * Masking: the variable parts of one message, by their look alone.
 *
 * In: a message. Out: the message with `<*>` for each variable part, blanks as one blank. Words
 * are what stands between blanks and `=:,;()[]{}"'<>|`. A word with a digit is variable, so is
 * a path, a URL, a date with month names, a truth value after `=`. Empty brackets hold an empty
 * variable; neighbouring variables, which are lists or the parts of one value, become one. Of
 * one piece are also hexadecimal groups joined by colons (hardware and IPv6 addresses), a
 * host's name with its port, and what stands in quotes after `=` or is several words. Masking
 * before mining matters more than the miner (arXiv 2412.05254).
 */
#include "base/text.h"
#include "ingest/log/record.h"
#include "ingest/log/template-value.h"
#include "ingest/log/template.h"

typedef struct {
    LampCursor at;
    LampMasked *out;
    gboolean last_is_variable;
    gboolean at_variable; /* separator since the last variable joins lists */
    const guint8 *truths; /* before it, words of truth are values: in `( on off )` */
    gsize before_separator;
    LampBytes last_word;
    LampTimestampScanner scanner;
} Mask;

static void
put(Mask *m, const void *text, gsize len)
{
    gsize n = MIN(len, sizeof m->out->text - m->out->length);
    memcpy(m->out->text + m->out->length, text, n);
    m->out->length += n;
}

/* One more part of the list that is the last place. */
static void
extend_place(LampMasked *out, LampBytes value)
{
    if (out->place_count == 0 || out->place_count > LAMP_TEMPLATE_VARIABLES || value.len == 0)
        return;
    LampMaskedPlace *place = &out->places[out->place_count - 1];
    const guint8 *begin = place->count > 0 ? place->value.at : value.at;
    place->value = lamp_bytes(begin, (gsize) (value.at + value.len - begin));
    place->count++;
}

static void
add_place(LampMasked *out, LampBytes value)
{
    if (out->place_count < LAMP_TEMPLATE_VARIABLES)
        out->places[out->place_count] =
            (LampMaskedPlace){value, out->variable_count, value.len > 0 ? 1 : 0};
    out->place_count++;
}

static void
put_variable(Mask *m, LampBytes value, LampVariableKind kind)
{
    LampMasked *out = m->out;
    if (m->last_is_variable && m->at_variable) {
        out->length = m->before_separator;
        extend_place(out, value);
    } else {
        put(m, "<*>", 3);
        add_place(out, value);
    }
    if (value.len > 0 && out->variable_count < LAMP_TEMPLATE_VARIABLES)
        out->variables[out->variable_count++] = (LampVariable){kind, m->last_word, value};
    m->last_is_variable = TRUE;
    m->at_variable = TRUE;
    m->before_separator = out->length;
}

static void
put_word(Mask *m, LampBytes word)
{
    put(m, word.at, word.len);
    m->last_is_variable = FALSE;
    if (g_ascii_isalpha((char) word.at[0]) && word.len <= 40)
        m->last_word = word;
}

/* Remembers how far a bracket that opens here holds words of truth alone. */
static void
note_truths(Mask *m, gboolean opens)
{
    if (opens && m->at.at >= m->truths)
        m->truths = lamp_truths_end(m->at.at, m->at.end);
}

/* A run of delimiters; blanks as one. Separators of list parts are blanks, `,` and `:`. */
static void
take_delimiters(Mask *m)
{
    guint marks = 0;
    gboolean joins = TRUE, opened = FALSE;
    while (m->at.at < m->at.end && lamp_is_delimiter(*m->at.at)) {
        guint8 byte = *m->at.at;
        if (byte == '<' && lamp_cursor_left(&m->at) > 1 && g_ascii_isdigit((char) m->at.at[1]))
            break; /* `<1 sec` */
        if (lamp_is_blank(byte)) {
            while (m->at.at < m->at.end && lamp_is_blank(*m->at.at))
                m->at.at++;
            if (m->at.at < m->at.end)
                put(m, " ", 1);
            opened = FALSE;
            continue;
        }
        gboolean closes = (byte == ')' || byte == ']') && opened;
        m->at_variable = m->at_variable && joins;
        if (closes)
            put_variable(m, lamp_bytes(NULL, 0), LAMP_VARIABLE_WORD);
        marks++;
        joins = joins && (byte == ',' || byte == ':') && marks == 1;
        put(m, &byte, 1);
        opened = byte == '(' || byte == '[';
        note_truths(m, opened);
        m->at.at++;
        if (closes) {
            joins = FALSE;
            m->last_is_variable = TRUE;
        }
    }
    m->at_variable = m->at_variable && joins;
}

static gboolean
follows_equals(const Mask *m)
{
    gsize n = m->out->length;
    while (n > 0 && m->out->text[n - 1] == ' ')
        n--;
    return n > 0 && m->out->text[n - 1] == '=';
}

/* A truth value, or a hexadecimal number of letters alone. */
static gboolean
is_value_word(const Mask *m, LampBytes word)
{
    if (lamp_is_truth_value(word) && (word.at < m->truths || follows_equals(m)))
        return TRUE;
    gsize written = m->out->length;
    gsize least = written > 0 && m->out->text[written - 1] == '{' ? 6 : 8;
    return lamp_is_true_or_false(word) ||
           (word.len >= least && (lamp_byte_classes_of(word) &
                                  ~(guint) (LAMP_BYTE_DIGIT | LAMP_BYTE_HEX_LETTER)) == 0);
}

static gboolean
ends_path(guint8 byte)
{
    return lamp_is_delimiter(byte) && byte != '=' && byte != ':' && byte != '|';
}

/* `/usr/bin`, `https://host/x?y`: to the next blank, quote, bracket, comma or semicolon. */
static LampBytes
peek_path(const Mask *m)
{
    const guint8 *p = m->at.at, *end = m->at.end;
    while (p < end && (g_ascii_isalnum((char) *p) || *p == '+' || *p == '.' || *p == '-'))
        p++;
    gboolean url = p > m->at.at && g_ascii_isalpha((char) *m->at.at) && end - p > 3 &&
                   memcmp(p, "://", 3) == 0;
    if (!url && *m->at.at != '/')
        return lamp_bytes(NULL, 0);
    p = url ? p + 3 : m->at.at + 1;
    const guint8 *inside = p;
    while (p < end && !ends_path(*p))
        p++;
    return p > inside ? lamp_bytes(m->at.at, (gsize) (p - m->at.at)) : lamp_bytes(NULL, 0);
}

/* `Sun Jul 10 03:55:15 2005`: dates with names of months, which have words in them. */
static gsize
peek_date(Mask *m)
{
    LampBytes rest = lamp_cursor_rest(&m->at);
    LampTimestamp stamp;
    if (rest.len < 15 || !g_ascii_isupper((char) rest.at[0]) || rest.at[3] != ' ' ||
        strchr("JFMASONDTW", rest.at[0]) == NULL)
        return 0;
    return lamp_timestamp_scan(&m->scanner, rest, &stamp) ? stamp.used : 0;
}

/* `gathering.........0`: the name with its points is a word of its own. */
static LampBytes
leader(const guint8 *begin, const guint8 *p, const guint8 *end)
{
    while (p < end && *p == '.')
        p++;
    return lamp_bytes(begin, (gsize) (p - begin));
}

static LampBytes
peek_word(const Mask *m)
{
    const guint8 *p = m->at.at;
    if (*p == '<')
        p++;
    while (p < m->at.end && !lamp_is_delimiter(*p)) {
        if (*p == '.' && p > m->at.at + 2 && m->at.end - p > 3 && p[1] == '.' && p[2] == '.')
            return leader(m->at.at, p, m->at.end);
        p++;
    }
    return lamp_bytes(m->at.at, (gsize) (p - m->at.at));
}

/* Parts of more than one word that are one value; 0 if none begins here. */
static gsize
peek_whole(const Mask *m)
{
    const guint8 *at = m->at.at, *end = m->at.end;
    const char *text = m->out->text;
    gsize n = m->out->length;
    gsize length =
        n < 2 ? 0 : lamp_quoted_length(at, end, (guint8) text[n - 2], (guint8) text[n - 1]);
    if (length == 0 && follows_equals(m))
        length = lamp_braces_length(at, end);
    return length > 0 ? length : lamp_groups_length(at, end);
}

static void
take_part(Mask *m)
{
    gsize whole = peek_whole(m);
    if (whole > 0) {
        LampBytes value = lamp_bytes(m->at.at, whole);
        put_variable(m, value, lamp_variable_kind(value));
        m->at.at += whole;
        return;
    }
    LampBytes path = peek_path(m);
    gsize date = path.len > 0 ? 0 : peek_date(m);
    if (date > 0) {
        put_variable(m, lamp_bytes(m->at.at, date), LAMP_VARIABLE_TIME);
        m->at.at += date;
        return;
    }
    LampBytes word = path.len > 0 ? path : peek_word(m);
    if (path.len == 0)
        word.len += lamp_port_length(word, m->at.end);
    gboolean variable = path.len > 0 || lamp_has_digit(word) || is_value_word(m, word);
    m->at.at += word.len;
    if (word.len > 1 && *word.at == '<' && lamp_cursor_left(&m->at) >= 4 &&
        memcmp(m->at.at, " sec", 4) == 0)
        m->at.at += 4;
    if (variable)
        put_variable(m, word, lamp_variable_kind(word));
    else
        put_word(m, word);
}

void
lamp_template_mask(LampBytes message, LampMasked *out_masked)
{
    const guint8 *nl = message.len > 0 ? memchr(message.at, '\n', message.len) : NULL;
    if (nl != NULL)
        message.len = (gsize) (nl - message.at);
    if (message.len > LAMP_TEMPLATE_BYTES) {
        message.len = LAMP_TEMPLATE_BYTES;
        while (message.len > 0 && !lamp_is_blank(message.at[message.len - 1]))
            message.len--; /* half a word could hide that it is variable */
    }
    out_masked->length = 0;
    out_masked->variable_count = 0;
    out_masked->place_count = 0;
    Mask m = {.at = lamp_cursor(lamp_text_trim(message)), .out = out_masked};
    lamp_timestamp_scanner_init(&m.scanner, NULL);
    while (m.at.at < m.at.end) {
        const guint8 *begin = m.at.at;
        take_delimiters(&m);
        if (m.at.at < m.at.end)
            take_part(&m);
        if (m.at.at == begin)
            break;
    }
}
