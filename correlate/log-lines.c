/*
 * Reads log lines for the grouping: time on the reference clock, what kind of line, who wrote
 * it, and the values in it that may stand in other lines too.
 *
 * In: events and their named values. A kind of line is a template; a template that covers a few
 * different texts often enough (their words without digits differ) is as many kinds. A value is
 * a word with a digit of some length, or a named value of that look; its key is the word before
 * it, with the length of long ones, or its name. The thread is a value too. A record that
 * another file holds with the same time, writer and text counts once. Lines of a file with the
 * same stamp of a millisecond or coarser are set a little apart, in their order.
 */
#include "correlate/log-lines.h"

#include "correlate/line-writers.h"

#include <string.h>

#define MAP_BUDGET ((gsize) 256 << 20)
#define MOST_VALUES 24
#define LEAST_LENGTH 4
#define BARE_NUMBER_LENGTH 6    /* shorter numbers are measures and counts */
#define RANDOM_LENGTH 16        /* identifiers of fixed length are not shorter */
#define NO_TEMPLATE 0x80000000U /* lines of a call have none: one kind for each component */
#define COARSE_NS LAMP_NS_PER_MS
#define WRITER_COLUMN 8 /* of a row, and those behind it */
#define STEPS 1000U     /* lines of one stamp are a thousandth of its resolution apart */
#define MOST_TEXTS 16   /* of a template, to be told apart */
#define LEAST_USES 5

typedef struct {
    LampCorrelation *c;
    LampLogLines *lines;
    LampKeyedMap *keys;  /* words and names to numbers */
    LampKeyedMap *kinds; /* template, or template and text, to numbers */
    LampLineWriters writers;
    GArray *texts;    /* guint64 beside the lines: hash of the words without digits */
    GArray *messages; /* guint64 beside the lines: hash of the message */
    GArray *files;    /* guint32 beside the lines: index of the source + 1 */
} Reading;

static guint32
number_of(LampKeyedMap *map, const void *key, gsize length)
{
    guint64 *number = lamp_keyed_map_add(map, lamp_bytes(key, length), NULL);
    if (number == NULL)
        return 0;
    if (*number == 0)
        *number = lamp_keyed_map_size(map);
    return (guint32) *number;
}

static gboolean
is_word_char(char c)
{
    return g_ascii_isalnum(c) || c == '-' || c == '_';
}

/* One word: its length, and of these digits and letters. */
typedef struct {
    const char *text;
    gsize length, digits, letters;
} Word;

static Word
next_word(const char *from)
{
    while (*from != '\0' && !g_ascii_isalnum(*from))
        from++;
    Word word = {.text = from};
    for (; is_word_char(from[word.length]); word.length++) {
        word.digits += g_ascii_isdigit(from[word.length]) ? 1 : 0;
        word.letters += g_ascii_isalpha(from[word.length]) ? 1 : 0;
    }
    return word;
}

static gboolean
is_value(const Word *word)
{
    return word->digits > 0 && word->length >= LEAST_LENGTH &&
           (word->letters > 0 || word->length >= BARE_NUMBER_LENGTH);
}

/* Adds a value unless the line has it already or has enough of them. */
static void
add_value(Reading *r, const char *text, gsize length, guint32 key)
{
    GArray *lines = r->lines->lines;
    GArray *values = r->lines->values;
    const LampLogLine *line = &g_array_index(lines, LampLogLine, lines->len - 1);
    LampLogValue value = {lamp_content_hash(lamp_bytes(text, length)), key};
    for (guint i = line->first_value; i < values->len; i++)
        if (g_array_index(values, LampLogValue, i).hash == value.hash)
            return;
    if (values->len - line->first_value < MOST_VALUES)
        g_array_append_val(values, value);
}

/* Values after the same word are of one kind if they are of one length, as identifiers drawn at
 * random are; short ones may count up. */
static guint32
key_of(Reading *r, guint32 word_before, const Word *word)
{
    guint64 key[2] = {word_before, word->length};
    return word->length < RANDOM_LENGTH ? word_before : number_of(r->keys, key, sizeof key);
}

/* Words of the message: values, keys, and the hash of those without digits. */
static guint64
take_message(Reading *r, const char *message)
{
    guint64 hash = 1;
    guint32 key = 0;
    for (Word word = next_word(message); word.length > 0;
         word = next_word(word.text + word.length)) {
        if (is_value(&word)) {
            add_value(r, word.text, word.length, key_of(r, key, &word));
        } else if (word.digits == 0) {
            key = number_of(r->keys, word.text, word.length);
            hash =
                hash * 0x100000001b3U ^ lamp_content_hash(lamp_bytes(word.text, word.length));
        }
    }
    return hash;
}

static gint64
time_of(Reading *r, LampStatement *row, guint32 file)
{
    guint32 host = file != 0 ? lamp_source(r->c, file - 1)->host : LAMP_INDEX_NONE;
    return lamp_on_reference(r->c, host != LAMP_INDEX_NONE ? lamp_host(r->c, host) : NULL,
                             lamp_statement_int(row, 1));
}

/* Is this the record just read, once more? */
static gboolean
is_repeat(Reading *r, const LampLogLine *line, guint64 message)
{
    GArray *lines = r->lines->lines;
    for (guint i = lines->len; i > 0; i--) {
        const LampLogLine *before = &g_array_index(lines, LampLogLine, i - 1);
        if (before->time_ns != line->time_ns || lines->len - i > 16)
            return FALSE;
        if (before->component == line->component && line->resolution_ns < LAMP_NS_PER_MS &&
            g_array_index(r->messages, guint64, i - 1) == message) {
            return TRUE;
        }
    }
    return FALSE;
}

static void
take_line(Reading *r, LampStatement *row)
{
    const char *message = lamp_statement_text(row, 4);
    guint32 file = lamp_line_file(&r->writers, row, WRITER_COLUMN);
    guint32 template = (guint32) lamp_statement_int_or(row, 3, 0);
    LampLogLine line = {
        .time_ns = time_of(r, row, file),
        .resolution_ns = MAX(1, lamp_statement_int(row, 2)),
        .duration_ns = lamp_statement_int_or(row, 7, 0),
        .component = lamp_line_component(&r->writers, row, WRITER_COLUMN),
        .writer = lamp_line_writer(&r->writers, row, WRITER_COLUMN),
        .first_value = r->lines->values->len,
    };
    line.template = template != 0 ? template : NO_TEMPLATE | line.component;
    gint64 event = lamp_statement_int(row, 0);
    guint64 whole = message != NULL ? lamp_content_hash(lamp_bytes_text(message)) : 0;
    if (is_repeat(r, &line, whole)) {
        LampLogRepeat repeat = {event, r->lines->lines->len - 1};
        g_array_append_val(r->lines->repeats, repeat);
        return;
    }
    g_array_append_val(r->lines->lines, line);
    guint64 text = message != NULL ? take_message(r, message) : 0;
    g_array_append_val(r->texts, text);
    g_array_append_val(r->messages, whole);
    g_array_append_val(r->files, file);
    g_array_append_val(r->lines->events, event);
    g_array_append_val(r->lines->operations, template);
    gint64 thread = lamp_statement_int_or(row, 5, 0);
    if (thread != 0) {
        gint64 owned[3] = {thread, line.writer, lamp_statement_int_or(row, 6, 0)};
        add_value(r, (const char *) owned, sizeof owned, G_MAXUINT32);
    }
}

static void
take_named_value(Reading *r, const char *text, const char *name)
{
    Word word = next_word(text);
    if (word.text == text && text[word.length] == '\0' && is_value(&word))
        add_value(r, text, word.length, number_of(r->keys, name, strlen(name)));
}

static int
compare_times(gconstpointer left, gconstpointer right)
{
    const LampLogLine *a = left;
    const LampLogLine *b = right;
    return a->time_ns < b->time_ns ? -1 : a->time_ns > b->time_ns;
}

static void
close_line(Reading *r)
{
    GArray *lines = r->lines->lines;
    if (lines->len == 0)
        return;
    LampLogLine *line = &g_array_index(lines, LampLogLine, lines->len - 1);
    line->value_count = r->lines->values->len - line->first_value;
}

/* How many lines have each pair of template and text, and how many texts a template. */
static LampKeyedMap *
count_texts(Reading *r, LampKeyedMap *templates)
{
    LampKeyedMap *uses = lamp_keyed_map_new(MAP_BUDGET);
    for (guint i = 0; i < r->lines->lines->len; i++) {
        guint32 template = g_array_index(r->lines->lines, LampLogLine, i).template;
        guint64 key[2] = {template, g_array_index(r->texts, guint64, i)};
        gboolean is_new = FALSE;
        guint64 *count = lamp_keyed_map_add(uses, lamp_bytes(key, sizeof key), &is_new);
        if (count != NULL)
            ++*count;
        guint64 *texts =
            lamp_keyed_map_add(templates, lamp_bytes(&template, sizeof template), NULL);
        if (texts != NULL && is_new)
            ++*texts;
    }
    return uses;
}

/* Numbers the kinds of lines. */
static void
number_kinds(Reading *r)
{
    g_autoptr(LampKeyedMap) templates = lamp_keyed_map_new(MAP_BUDGET);
    g_autoptr(LampKeyedMap) uses = count_texts(r, templates);
    for (guint i = 0; i < r->lines->lines->len; i++) {
        LampLogLine *line = &g_array_index(r->lines->lines, LampLogLine, i);
        guint64 key[2] = {line->template, g_array_index(r->texts, guint64, i)};
        const guint64 *count = lamp_keyed_map_find(uses, lamp_bytes(key, sizeof key));
        const guint64 *texts =
            lamp_keyed_map_find(templates, lamp_bytes(&line->template, sizeof line->template));
        if (count == NULL || texts == NULL || *texts > MOST_TEXTS || *count < LEAST_USES)
            key[1] = 0;
        line->template = number_of(r->kinds, key, sizeof key);
    }
}

static gboolean
read_rows(Reading *r, GError **error)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(
        r->c->store,
        "SELECT event_id, time_ns, resolution_ns, template_id, message, thread_id, process_id,"
        " duration_ns, " LAMP_LINE_WRITER_COLUMNS " FROM events WHERE time_ns IS NOT NULL AND"
        " event_id NOT IN (SELECT event_id FROM flow_records WHERE event_id IS NOT NULL)"
        " ORDER BY time_ns, event_id",
        error);
    g_autoptr(LampStatement) named =
        rows == NULL
            ? NULL
            : lamp_statement_new(r->c->store,
                                 "SELECT j.value, j.key FROM events e, json_each(e.fields) j "
                                 "WHERE e.event_id = ?1",
                                 error);
    gboolean has_row;
    while (named != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        guint before = r->lines->lines->len;
        take_line(r, rows);
        gboolean has_value = r->lines->lines->len > before;
        lamp_statement_bind_int(named, 1, lamp_statement_int(rows, 0));
        while (has_value) {
            if (!lamp_statement_step(named, &has_value, error))
                return FALSE;
            if (has_value && lamp_statement_text(named, 0) != NULL)
                take_named_value(r, lamp_statement_text(named, 0),
                                 lamp_statement_text(named, 1));
        }
        lamp_statement_reset(named);
        close_line(r);
    }
    return FALSE;
}

/* Lines of one file that share a stamp of coarse resolution stand in their order within it. */
static void
spread_run(Reading *r, guint first, guint last, guint32 *counts, guint32 *places)
{
    for (guint i = first; i < last; i++)
        counts[g_array_index(r->files, guint32, i)]++;
    for (guint i = first; i < last; i++) {
        guint32 file = g_array_index(r->files, guint32, i);
        LampLogLine *line = &g_array_index(r->lines->lines, LampLogLine, i);
        if (line->resolution_ns >= COARSE_NS)
            line->time_ns += line->resolution_ns / MAX(counts[file], STEPS) * places[file]++;
    }
    for (guint i = first; i < last; i++) {
        guint32 file = g_array_index(r->files, guint32, i);
        counts[file] = places[file] = 0;
    }
}

static void
spread_coarse_times(Reading *r)
{
    GArray *lines = r->lines->lines;
    gsize n_files = (gsize) r->c->sources->len + 1;
    g_autofree guint32 *counts = g_new0(guint32, n_files);
    g_autofree guint32 *places = g_new0(guint32, n_files);
    for (guint first = 0, last = 0; first < lines->len; first = last) {
        gint64 time = g_array_index(lines, LampLogLine, first).time_ns;
        while (last < lines->len && g_array_index(lines, LampLogLine, last).time_ns == time)
            last++;
        spread_run(r, first, last, counts, places);
    }
}

/* Clocks were corrected by source, so the order of raw times may not be that of times. */
static gboolean
is_in_order(const LampLogLines *lines)
{
    for (guint i = 1; i < lines->lines->len; i++)
        if (compare_times(&g_array_index(lines->lines, LampLogLine, i - 1),
                          &g_array_index(lines->lines, LampLogLine, i)) > 0)
            return FALSE;
    return TRUE;
}

static int
compare_positions(gconstpointer left, gconstpointer right, gpointer user)
{
    const GArray *lines = user;
    guint32 a = *(const guint32 *) left;
    guint32 b = *(const guint32 *) right;
    int order = compare_times(&g_array_index(lines, LampLogLine, a),
                              &g_array_index(lines, LampLogLine, b));
    return order != 0 ? order : a < b ? -1 : a > b;
}

static void
put_in_order(LampLogLines *lines)
{
    guint n = lines->lines->len;
    g_autoptr(GArray) order = g_array_sized_new(FALSE, FALSE, sizeof(guint32), n);
    for (guint32 i = 0; i < n; i++)
        g_array_append_val(order, i);
    g_array_sort_with_data(order, compare_positions, lines->lines);
    g_autofree guint32 *place = g_new(guint32, (gsize) n + 1);
    LampLogLines old = *lines;
    lines->lines = g_array_sized_new(FALSE, FALSE, sizeof(LampLogLine), n);
    lines->events = g_array_sized_new(FALSE, FALSE, sizeof(gint64), n);
    lines->operations = g_array_sized_new(FALSE, FALSE, sizeof(guint32), n);
    for (guint32 i = 0; i < n; i++) {
        guint32 from = g_array_index(order, guint32, i);
        place[from] = i;
        g_array_append_val(lines->lines, g_array_index(old.lines, LampLogLine, from));
        g_array_append_val(lines->events, g_array_index(old.events, gint64, from));
        g_array_append_val(lines->operations, g_array_index(old.operations, guint32, from));
    }
    for (guint i = 0; i < lines->repeats->len; i++) {
        LampLogRepeat *repeat = &g_array_index(lines->repeats, LampLogRepeat, i);
        repeat->line = place[repeat->line];
    }
    g_array_unref(old.lines);
    g_array_unref(old.events);
    g_array_unref(old.operations);
}

LampLogLines *
lamp_log_lines_read(LampCorrelation *c, GError **error)
{
    g_autoptr(LampLogLines) lines = g_new0(LampLogLines, 1);
    lines->lines = g_array_new(FALSE, FALSE, sizeof(LampLogLine));
    lines->values = g_array_new(FALSE, FALSE, sizeof(LampLogValue));
    lines->events = g_array_new(FALSE, FALSE, sizeof(gint64));
    lines->operations = g_array_new(FALSE, FALSE, sizeof(guint32));
    lines->services = g_array_new(FALSE, FALSE, sizeof(guint32));
    lines->repeats = g_array_new(FALSE, FALSE, sizeof(LampLogRepeat));
    g_autoptr(LampKeyedMap) keys = lamp_keyed_map_new(MAP_BUDGET);
    g_autoptr(LampKeyedMap) kinds = lamp_keyed_map_new(MAP_BUDGET);
    g_autoptr(GArray) texts = g_array_new(FALSE, FALSE, sizeof(guint64));
    g_autoptr(GArray) messages = g_array_new(FALSE, FALSE, sizeof(guint64));
    g_autoptr(GArray) files = g_array_new(FALSE, FALSE, sizeof(guint32));
    Reading reading = {c, lines, keys, kinds, {NULL}, texts, messages, files};
    lamp_line_writers_begin(&reading.writers, c, lines->services);
    gboolean is_read = read_rows(&reading, error);
    lamp_line_writers_end(&reading.writers);
    if (!is_read)
        return NULL;
    number_kinds(&reading);
    spread_coarse_times(&reading);
    if (!is_in_order(lines))
        put_in_order(lines);
    return g_steal_pointer(&lines);
}

void
lamp_log_lines_free(LampLogLines *lines)
{
    if (lines == NULL)
        return;
    GArray *arrays[] = {lines->lines,      lines->values,   lines->events,
                        lines->operations, lines->services, lines->repeats};
    for (guint i = 0; i < G_N_ELEMENTS(arrays); i++)
        g_array_unref(arrays[i]);
    g_free(lines);
}
