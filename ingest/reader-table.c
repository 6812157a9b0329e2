/*
 * Tables with a header: CSV, W3C extended logs (IIS, CloudFront), Zeek.
 *
 *   #Fields: date time c-ip cs-method cs-uri-stem sc-status time-taken      (blanks or tabs)
 *   #fields	ts	uid	id.orig_h	id.orig_p	service (tabs)
 *   time,level,service,message                                              (first line)
 *
 * Names of columns give the meaning (ingest/log/meaning.c), so an IIS line with a time taken is
 * a span. A header applies to the lines after it, until the next one. A header without `#` must
 * be the first line, hold three names at least, one of which means a time. A quoted cell of
 * such a table may hold line ends; where the next line is a whole row it was broken instead.
 * Specifications: W3C extended log file format; RFC 4180; Zeek log formats.
 */
#include "base/text.h"
#include "ingest/log/csv.h"
#include "ingest/log/forms.h"
#include "ingest/readers.h"

enum { COLUMNS = 128, NAME_BYTES = 64 };

typedef struct {
    guint count;
    char separator;
    gint date, time; /* columns, -1 none */
    gboolean is_cloudfront;
    gboolean has_quotes; /* CSV: a quoted cell may hold line ends */
    struct {
        guint8 length;
        guint8 name[NAME_BYTES];
        LampMeaning meaning;
    } columns[COLUMNS];
} Header;

typedef struct {
    LampLog log; /* first: the common functions see only this */
    Header header;
} State;

static void
add_column(Header *h, LampBytes name)
{
    if (h->count == COLUMNS)
        return;
    guint n = h->count++;
    h->columns[n].length = (guint8) MIN(name.len, (gsize) NAME_BYTES);
    memcpy(h->columns[n].name, name.at, h->columns[n].length);
    h->columns[n].meaning = lamp_meaning_of(name);
    if (lamp_bytes_equal(name, lamp_bytes("x-edge-location", 15)))
        h->is_cloudfront = TRUE;
    if (h->is_cloudfront && lamp_bytes_equal(name, lamp_bytes("time-taken", 10)))
        h->columns[n].meaning.unit_ns = LAMP_NS_PER_SECOND; /* IIS: milliseconds */
    if (lamp_bytes_equal(name, lamp_bytes("date", 4)))
        h->date = (gint) n;
    else if (lamp_bytes_equal(name, lamp_bytes("time", 4)))
        h->time = (gint) n;
}

/* `cs(User-Agent)` stays as it is; blanks and tabs both separate. */
static void
read_names(Header *h, LampBytes text)
{
    LampCursor at = lamp_cursor(text);
    while (at.at < at.end) {
        while (at.at < at.end && (*at.at == ' ' || *at.at == '\t'))
            at.at++;
        const guint8 *start = at.at;
        while (at.at < at.end && *at.at != ' ' && *at.at != '\t')
            at.at++;
        if (at.at > start)
            add_column(h, lamp_bytes(start, (gsize) (at.at - start)));
    }
}

static gboolean
is_name(LampBytes field)
{
    for (gsize i = 0; i < field.len; i++)
        if (!g_ascii_isalnum((char) field.at[i]) && strchr("_.-@ ()/", field.at[i]) == NULL)
            return FALSE;
    return field.len > 0 && field.len <= NAME_BYTES && !g_ascii_isdigit((char) field.at[0]);
}

static gboolean
read_csv_header(Header *h, LampBytes line, LampLogRecord *record)
{
    static const char separators[] = ",\t;|";
    LampBytes fields[COLUMNS];
    for (const char *s = separators; *s != '\0'; s++) {
        gboolean has_time = FALSE, names = TRUE;
        gsize n = lamp_csv_split(line, *s, record, fields, COLUMNS);
        for (gsize i = 0; i < n; i++) {
            names = names && is_name(fields[i]);
            LampMeaningKind kind = lamp_meaning_of(fields[i]).kind;
            has_time = has_time || kind == LAMP_MEANS_TIME;
        }
        if (n < 3 || !names || !has_time)
            continue;
        *h = (Header){.separator = *s, .date = -1, .time = -1, .has_quotes = TRUE};
        for (gsize i = 0; i < n; i++)
            add_column(h, lamp_text_trim(fields[i]));
        return TRUE;
    }
    return FALSE;
}

static gboolean
header(LampLog *log, LampBytes line, gboolean is_first)
{
    Header *h = &((State *) log)->header;
    if (line.len > 0 && line.at[0] == '#') {
        gboolean w3c = lamp_bytes_starts(line, "#Fields:"),
                 zeek = lamp_bytes_starts(line, "#fields\t");
        if (w3c || zeek) {
            *h = (Header){.separator = zeek ? '\t' : ' ', .date = -1, .time = -1};
            if (w3c && memchr(line.at, '\t', line.len) != NULL)
                h->separator = '\t';
            read_names(h, lamp_bytes(line.at + 8, line.len - 8));
        }
        return TRUE;
    }
    if (!is_first)
        return FALSE;
    lamp_log_record_clear(&log->records[0], line.len);
    return read_csv_header(h, line, &log->records[0]);
}

/* W3C writes date and time in columns of their own, next to each other as a rule. */
static void
take_date_and_time(LampLog *log, LampLogRecord *record, LampBytes date, LampBytes time)
{
    guint8 *text = lamp_log_record_take(record, date.len + time.len + 1);
    if (text == NULL)
        return;
    memcpy(text, date.at, date.len);
    text[date.len] = ' ';
    memcpy(text + date.len + 1, time.at, time.len);
    (void) lamp_log_take_time(log, record, lamp_bytes(text, date.len + time.len + 1));
}

/* A row whose cells are all there. */
static gboolean
take_row(LampLog *log, LampBytes line, LampLogRecord *record, const LampBytes *fields)
{
    const Header *h = &((State *) log)->header;
    gboolean joined = h->date >= 0 && h->time >= 0;
    if (joined)
        take_date_and_time(log, record, fields[h->date], fields[h->time]);
    for (guint i = 0; i < h->count; i++) {
        if (joined && ((gint) i == h->date || (gint) i == h->time))
            continue;
        lamp_log_record_set_meaning(record, &log->scanner, h->columns[i].meaning,
                                    lamp_bytes(h->columns[i].name, h->columns[i].length),
                                    fields[i]);
    }
    if (record->event.message.len == 0) {
        record->event.message = line;
        record->is_request = TRUE; /* a row is no sentence */
    }
    return record->event.time != LAMP_TIME_NONE;
}

/* TRUE if @line has as many cells as the header; none if one in quotes does not end. */
static gboolean
split_row(const Header *h, LampBytes line, LampLogRecord *record, LampBytes *fields,
          gsize *out_count)
{
    /* CloudFront names its fields between blanks and separates them by tabs. */
    gboolean has_tabs = h->separator == ' ' && memchr(line.at, '\t', line.len) != NULL;
    *out_count = lamp_csv_split(line, has_tabs ? '\t' : h->separator, record, fields, COLUMNS);
    return *out_count == h->count ||
           (*out_count == h->count + 1 && fields[*out_count - 1].len == 0);
}

static gboolean
parse(LampLog *log, LampBytes line, LampLogRecord *record)
{
    const Header *h = &((State *) log)->header;
    LampBytes fields[COLUMNS];
    gsize count;
    if (h->count == 0)
        return FALSE;
    if (split_row(h, line, record, fields, &count))
        return take_row(log, line, record, fields);
    if (count > 0 || !h->has_quotes)
        return FALSE;
    /* The last cell goes on in the next line. */
    record->is_partial = TRUE;
    record->is_request = TRUE;
    record->body = record->event.message = line;
    return TRUE;
}

/* Is @line a row of its own? Then the one before it was broken. */
static gboolean
is_row(LampLog *log, LampBytes line, const LampLogRecord *before)
{
    LampLogRecord *other = &log->records[before == &log->records[0]];
    LampBytes fields[COLUMNS];
    gsize count;
    lamp_log_record_clear(other, line.len);
    return split_row(&((State *) log)->header, line, other, fields, &count) &&
           take_row(log, line, other, fields);
}

/* The next line of a cell; the row is read when its last cell has ended. That is tried where a
 * quote stands, a limited number of times, since each takes the whole row. */
static gboolean
join(LampLog *log, LampBytes line, LampLogRecord *record)
{
    enum { TRIES = 64 };
    LampBytes whole = record->body, fields[COLUMNS];
    gsize count = 0, tries = record->depth;
    if (!record->is_partial || whole.len == 0 || lamp_log_is_copied(record, whole) ||
        tries == TRIES || is_row(log, line, record))
        return FALSE;
    whole.len = (gsize) (line.at + line.len - whole.at);
    if (memchr(line.at, '"', line.len) != NULL) {
        lamp_log_record_clear(record, whole.len);
        if (split_row(&((State *) log)->header, whole, record, fields, &count)) {
            (void) take_row(log, whole, record, fields);
            return TRUE;
        }
        record->depth = tries + 1;
    }
    record->is_partial = count == 0;
    record->is_request = TRUE;
    record->body = record->event.message = whole;
    return TRUE;
}

static const LampLogFormat format = {
    .parse = parse, .join = join, .header = header, .most = 88, .state_size = sizeof(State)};

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

const LampReader lamp_reader_table = {
    .name = "table",
    .summary = "tables with a header: CSV, W3C extended logs of IIS and CloudFront, Zeek",
    .spec = "RFC 4180, W3C extended log file format, Zeek log formats",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(State),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
