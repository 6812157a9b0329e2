/*
 * PostgreSQL's csvlog: 23 columns in version 9, 26 today, always in this order.
 *
 *   2026-05-16 05:11:50.269 UTC,"shop","shop",1001,"192.0.2.10:54321",64a1.3e9,1,"SELECT",
 *   2026-05-16 05:00:00 UTC,1/1,0,LOG,00000,"duration: 6.283 ms  execute s1: SELECT …",,,,…
 *
 * A quoted column may go over many lines; the record ends with the line that closes it. What
 * the first line holds is a record already, so a file that is cut there loses nothing else.
 * Specification: PostgreSQL documentation, "Error Reporting and Logging", section "Using
 * CSV-Format Log Output".
 */
#include "base/text.h"
#include "ingest/log/csv.h"
#include "ingest/log/forms.h"
#include "ingest/log/postgresql.h"
#include "ingest/readers.h"

enum { COLUMNS = 40, FEWEST = 13 };

enum {
    LOG_TIME,
    USER,
    DATABASE,
    PROCESS,
    CLIENT,
    SESSION,
    TAG = 7,
    SEVERITY = 11,
    SQLSTATE,
    MESSAGE,
    DETAIL,
    HINT,
    INTERNAL_QUERY,
    CONTEXT = 18,
    QUERY,
    APPLICATION = 22,
    BACKEND,
    QUERY_ID = 25,
};

typedef struct {
    LampLog log;         /* first: the common functions see only this */
    const guint8 *begin; /* of the record whose quote is open, in the reader's window */
} State;

/* Columns of @line; where a quote is left open, as if the line closed it. */
static gsize
split(LampBytes line, LampLogRecord *record, LampBytes *fields, gboolean *out_open)
{
    gsize n = lamp_csv_split(line, ',', record, fields, COLUMNS);
    *out_open = n == 0;
    if (n > 0)
        return n;
    guint8 *closed = lamp_log_record_take(record, line.len + 1);
    if (closed == NULL)
        return 0;
    memcpy(closed, line.at, line.len);
    closed[line.len] = '"';
    return lamp_csv_split(lamp_bytes(closed, line.len + 1), ',', record, fields, COLUMNS);
}

static void
take_columns(LampLogRecord *record, const LampBytes *fields, gsize n)
{
    static const struct {
        guint column;
        const char *slot;
    } named[] = {{USER, "user"},        {DATABASE, "database"}, {SESSION, "session_id"},
                 {TAG, "command_tag"},  {HINT, "HINT"},         {CONTEXT, "CONTEXT"},
                 {QUERY, "STATEMENT"},  {BACKEND, "backend"},   {APPLICATION, "application"},
                 {QUERY_ID, "query_id"}};
    for (gsize i = 0; i < G_N_ELEMENTS(named); i++)
        if (named[i].column < n)
            lamp_log_record_add(record, named[i].slot, fields[named[i].column]);
    if (!lamp_postgresql_take_client(record, fields[CLIENT], ':'))
        lamp_log_record_add(record, "client", fields[CLIENT]);
    if (n > DETAIL && !lamp_postgresql_take_parameters(record, fields[DETAIL]))
        lamp_log_record_add(record, "DETAIL", fields[DETAIL]);
}

static gboolean
fill(LampLog *log, LampLogRecord *record, const LampBytes *fields, gsize n)
{
    LampBytes message = n > MESSAGE ? fields[MESSAGE] : lamp_bytes(NULL, 0);
    if (n < FEWEST || !lamp_postgresql_is_severity(fields[SEVERITY]) ||
        fields[SQLSTATE].len != 5 || lamp_log_take_time(log, record, fields[LOG_TIME]) == 0)
        return FALSE;
    take_columns(record, fields, n);
    record->event.severity = lamp_severity_of_word(fields[SEVERITY]);
    record->event.process = fields[PROCESS];
    record->event.service = lamp_bytes_text("postgresql");
    record->is_logger = TRUE; /* of whom only the form tells */
    record->event.message = message;
    if (!lamp_bytes_equal(fields[SQLSTATE], lamp_bytes_text("00000"))) {
        record->call.status = fields[SQLSTATE];
        lamp_log_record_add(record, "sqlstate", fields[SQLSTATE]);
    }
    lamp_postgresql_take_failure(record, fields[SEVERITY], message);
    lamp_postgresql_take_duration(record, message);
    lamp_postgresql_take_halves(record, message);
    if (record->call.is_failed && n > QUERY)
        record->call.statement = fields[QUERY];
    return TRUE;
}

static gboolean
parse(LampLog *log, LampBytes line, LampLogRecord *record)
{
    State *state = (State *) log;
    LampBytes fields[COLUMNS];
    gboolean open;
    state->begin = NULL;
    if (line.len < 60 || memchr(line.at, ',', 48) == NULL)
        return FALSE;
    gsize n = split(line, record, fields, &open);
    if (!fill(log, record, fields, n))
        return FALSE;
    state->begin = open ? line.at : NULL;
    return TRUE;
}

/* Is the number of quotes odd: does the line open or close a column? */
static gboolean
turns(LampBytes line)
{
    gboolean odd = FALSE;
    for (gsize i = 0; i < line.len; i++)
        odd ^= line.at[i] == '"';
    return odd;
}

static gboolean
join(LampLog *log, LampBytes line, LampLogRecord *record)
{
    State *state = (State *) log;
    LampBytes fields[COLUMNS];
    gboolean open;
    if (state->begin == NULL || line.at <= state->begin)
        return FALSE;
    if (!turns(line))
        return TRUE;
    LampBytes whole = lamp_bytes(state->begin, (gsize) (line.at + line.len - state->begin));
    state->begin = NULL;
    lamp_log_record_clear(record, whole.len);
    (void) fill(log, record, fields, split(whole, record, fields, &open));
    return TRUE;
}

static const LampLogFormat format = {
    .parse = parse, .join = join, .most = 90, .state_size = sizeof(State)};

/* The first line is enough: those after it may belong to a text that it opens. */
static guint
probe(LampBytes head, const char *path)
{
    LampCursor at = lamp_cursor(head);
    LampBytes line;
    guint of_all = lamp_log_probe(&format, head);
    (void) path;
    if (!lamp_cursor_line(&at, &line) || lamp_log_probe(&format, line) == 0)
        return of_all;
    return MAX(of_all, format.most - 1);
}

static void
begin(gpointer state, const LampSourceContext *context)
{
    lamp_log_begin(state, &format, context);
}

const LampReader lamp_reader_postgresql_csv = {
    .name = "postgresql-csv",
    .summary = "PostgreSQL's csvlog, statements with durations as calls",
    .spec = "PostgreSQL documentation, Using CSV-Format Log Output",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(State),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
