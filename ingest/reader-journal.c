/*
 * The journal's export format (journalctl -o export): blocks of KEY=VALUE lines, a blank line
 * between them.
 *
 *   __CURSOR=s=739ad463…
 *   __REALTIME_TIMESTAMP=1795252311991000
 *   MESSAGE=text
 *
 * Fields with binary values (a key alone, then a length and bytes) are read as lines and so
 * skipped. Specification: systemd, "Journal Export Formats".
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/readers.h"

static gboolean
is_field(LampBytes line, LampBytes *out_key, LampBytes *out_value)
{
    const guint8 *equals = line.len > 0 ? memchr(line.at, '=', MIN(line.len, 65)) : NULL;
    if (equals == NULL || equals == line.at)
        return FALSE;
    for (const guint8 *p = line.at; p < equals; p++)
        if (!g_ascii_isupper((char) *p) && !g_ascii_isdigit((char) *p) && *p != '_')
            return FALSE;
    *out_key = lamp_bytes(line.at, (gsize) (equals - line.at));
    *out_value = lamp_bytes(equals + 1, (gsize) (line.at + line.len - equals - 1));
    return TRUE;
}

static void
take_field(LampLog *log, LampLogRecord *record, LampBytes key, LampBytes value)
{
    static const char *const skipped[] = {"__CURSOR", "__MONOTONIC_TIMESTAMP", "_BOOT_ID",
                                          "_MACHINE_ID", "_SOURCE_REALTIME_TIMESTAMP"};
    for (gsize i = 0; i < G_N_ELEMENTS(skipped); i++)
        if (lamp_bytes_equal(key, lamp_bytes_text(skipped[i])))
            return;
    lamp_log_record_set(record, &log->scanner, key, value);
}

typedef struct {
    LampLog log;
    LampBytes key;       /* of a value that may hold line ends */
    const guint8 *value; /* its length, 8 bytes, stands there; NULL: none is being read */
} State;

/* `MESSAGE`, alone on its line: length and bytes of the value follow. */
static gboolean
is_key(LampBytes line)
{
    for (gsize i = 0; i < line.len; i++)
        if (!g_ascii_isupper((char) line.at[i]) && !g_ascii_isdigit((char) line.at[i]) &&
            line.at[i] != '_')
            return FALSE;
    return line.len > 0;
}

/* Does @line, which ends at @end, belong to the value that is being read? Takes the value when
 * it is whole. */
static gboolean
take_value(State *state, LampBytes line, LampLogRecord *record)
{
    enum { LENGTH = 8 };
    gsize have = (gsize) (line.at + line.len - state->value);
    if (have < LENGTH)
        return TRUE;
    guint64 length = lamp_le64(state->value);
    if (length > have - LENGTH && length <= LAMP_LIMIT_LINE)
        return TRUE;
    const guint8 *value = state->value + LENGTH;
    state->value = NULL;
    if (length > have - LENGTH)
        return FALSE; /* no length that any value has */
    take_field(&state->log, record, state->key, lamp_bytes(value, (gsize) length));
    return value + length >= line.at + line.len;
}

static gboolean
parse(LampLog *log, LampBytes line, LampLogRecord *record)
{
    LampBytes key, value;
    ((State *) log)->value = NULL; /* bytes before a record may be gone when it is read again */
    if (!is_field(line, &key, &value))
        return FALSE;
    take_field(log, record, key, value);
    return TRUE;
}

/* Does an empty line stand before @line, which is not the first of its record? */
static gboolean
begins_entry(LampBytes line)
{
    return line.at[-1] == '\n' &&
           (line.at[-2] == '\n' || (line.at[-2] == '\r' && line.at[-3] == '\n'));
}

static gboolean
join(LampLog *log, LampBytes line, LampLogRecord *record)
{
    LampBytes key, value;
    State *state = (State *) log;
    if (state->value != NULL && take_value(state, line, record))
        return TRUE;
    if (lamp_bytes_starts(line, "__CURSOR=") ||
        (begins_entry(line) && is_field(line, &key, &value)))
        return FALSE;
    if (is_key(line)) {
        state->key = line;
        state->value = line.at + line.len + 1; /* behind the line's end */
    } else if (is_field(line, &key, &value))
        take_field(log, record, key, value);
    return TRUE;
}

static const LampLogFormat format = {
    .parse = parse, .join = join, .most = 90, .state_size = sizeof(State), .holds_bytes = TRUE};

static guint
probe(LampBytes head, const char *path)
{
    LampCursor at = lamp_cursor(head);
    LampBytes line, key, value;
    (void) path;
    return lamp_cursor_line(&at, &line) && is_field(line, &key, &value) &&
                   (lamp_bytes_starts(head, "__REALTIME_TIMESTAMP=") ||
                    lamp_text_find(head, "\n__REALTIME_TIMESTAMP=") > 0)
               ? 90
               : 0;
}

static void
begin(gpointer state, const LampSourceContext *context)
{
    lamp_log_begin(state, &format, context);
}

const LampReader lamp_reader_journal = {
    .name = "journal",
    .summary = "systemd's journal in export format",
    .spec = "systemd, Journal Export Formats",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(State),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
