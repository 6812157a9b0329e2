/*
 * MySQL's and MariaDB's general query log: what each connection asked, without durations.
 *
 *   2026-11-21T09:11:55.650000Z	   42 Query	SELECT …           (MySQL 5.7 and later)
 *   261121  9:11:55	   42 Connect	shop@web1 on shop           (before, and MariaDB)
 *   		   42 Quit	                                    (same second as the line
 * before)
 *
 * The connection's number is the process; a statement may go over many lines. Lines are events,
 * not calls: nothing tells when a statement ended. Specification: MySQL reference manual, "The
 * General Query Log".
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/readers.h"

typedef struct {
    LampLog log; /* first: the common functions see only this */
    LampTime time;
    gint64 resolution_ns;
} State;

gboolean
lamp_log_is_mysql_banner(LampBytes line)
{
    return lamp_text_find(line, ", Version: ") > 0
               ? lamp_text_find(line, "started with:") > 0
               : lamp_bytes_starts(line, "Tcp port: ") ||
                     (lamp_bytes_starts(line, "Time ") &&
                      lamp_text_find(line, "Id Command") > 0);
}

static gboolean
is_command(LampBytes word)
{
    static const char *const words[] = {
        "Query",       "Connect",    "Quit",    "Init DB",          "Execute",
        "Prepare",     "Close stmt", "Fetch",   "Field List",       "Statistics",
        "Long Data",   "Reset stmt", "Ping",    "Change user",      "Set option",
        "Binlog Dump", "Create DB",  "Drop DB", "Refresh",          "Processlist",
        "Kill",        "Debug",      "Time",    "Delayed insert",   "Register Slave",
        "Connect Out", "Table Dump", "Daemon",  "Binlog Dump GTID", "Reset Connection",
        "Shutdown",    "Sleep",      "Error",   "Register Replica"};
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (lamp_bytes_equal(word, lamp_bytes_text(words[i])))
            return TRUE;
    return FALSE;
}

/* `   42 Query	SELECT …` */
static gboolean
take_command(LampLogRecord *record, LampBytes text)
{
    LampBytes rest = lamp_text_trim(text);
    const guint8 *tab = rest.len > 0 ? memchr(rest.at, '\t', rest.len) : NULL;
    gsize head = tab != NULL ? (gsize) (tab - rest.at) : rest.len, digits = 0;
    while (digits < head && g_ascii_isdigit((char) rest.at[digits]))
        digits++;
    if (digits == 0 || digits > 20 || digits + 1 >= head || rest.at[digits] != ' ')
        return FALSE;
    LampBytes command = lamp_bytes(rest.at + digits + 1, head - digits - 1);
    if (!is_command(command))
        return FALSE;
    record->event.process = lamp_bytes(rest.at, digits);
    lamp_log_record_add(record, "command", command);
    record->event.message =
        tab != NULL ? lamp_bytes(tab + 1, rest.len - head - 1) : lamp_bytes(NULL, 0);
    return TRUE;
}

static void
take_argument(LampLogRecord *record)
{
    LampBytes command = record->fields[0].value, argument = record->event.message;
    const guint8 *at = argument.len > 0 ? memchr(argument.at, '@', argument.len) : NULL;
    if (!lamp_bytes_equal(command, lamp_bytes_text("Connect")) || at == NULL)
        return;
    LampBytes host = lamp_bytes(at + 1, (gsize) (argument.at + argument.len - at) - 1);
    const guint8 *end = host.len > 0 ? memchr(host.at, ' ', host.len) : NULL;
    if (end != NULL)
        host.len = (gsize) (end - host.at);
    lamp_log_record_add(record, "user", lamp_bytes(argument.at, (gsize) (at - argument.at)));
    lamp_log_record_add(record, "client", host);
}

static gboolean
parse(LampLog *log, LampBytes line, LampLogRecord *record)
{
    State *state = (State *) log;
    gboolean repeats = lamp_bytes_starts(line, "\t\t");
    gsize used = repeats ? 2 : lamp_log_take_time(log, record, line);
    if (used == 0 || used >= line.len || (!repeats && line.at[used] != '\t') ||
        (repeats && state->time == LAMP_TIME_NONE))
        return FALSE;
    if (!take_command(record, lamp_bytes(line.at + used, line.len - used)))
        return FALSE;
    if (repeats) {
        record->event.time = state->time;
        record->event.resolution_ns = state->resolution_ns;
    }
    state->time = record->event.time;
    state->resolution_ns = record->event.resolution_ns;
    record->event.service = lamp_bytes_text("mysql");
    record->is_logger = TRUE; /* of whom only the form tells */
    take_argument(record);
    return TRUE;
}

static const LampLogFormat format = {.parse = parse,
                                     .is_banner = lamp_log_is_mysql_banner,
                                     .joins_lines = TRUE,
                                     .most = 90,
                                     .state_size = sizeof(State)};

static void
begin(gpointer state, const LampSourceContext *context)
{
    lamp_log_begin(state, &format, context);
    ((State *) state)->time = LAMP_TIME_NONE;
}

/* The banner of the server is at the top of the file, and statements go over many lines. */
static guint
probe(LampBytes head, const char *path)
{
    guint commands = 0, others = 0;
    LampCursor at = lamp_cursor(head);
    LampBytes line;
    (void) path;
    State *state = g_new0(State, 1);
    begin(state, NULL);
    while (commands < 8 && others < 64 && lamp_cursor_line(&at, &line)) {
        lamp_log_record_clear(&state->log.records[0], line.len);
        *(parse(&state->log, line, &state->log.records[0]) ? &commands : &others) += 1;
    }
    lamp_log_end(state, NULL);
    g_free(state);
    return commands == 0 ? 0 : MAX(60, 90 * commands / (commands + others));
}

const LampReader lamp_reader_mysql_general = {
    .name = "mysql-general",
    .summary = "MySQL's and MariaDB's general query log",
    .spec = "MySQL reference manual, The General Query Log",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(State),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
