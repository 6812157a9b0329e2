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

static gboolean
parse(LampLog *log, LampBytes line, LampLogRecord *record)
{
    LampBytes key, value;
    if (!lamp_bytes_starts(line, "__CURSOR=") || !is_field(line, &key, &value))
        return FALSE;
    take_field(log, record, key, value);
    return TRUE;
}

static gboolean
join(LampLog *log, LampBytes line, LampLogRecord *record)
{
    LampBytes key, value;
    if (lamp_bytes_starts(line, "__CURSOR="))
        return FALSE;
    if (is_field(line, &key, &value))
        take_field(log, record, key, value);
    return TRUE;
}

static const LampLogFormat format = {.parse = parse, .join = join, .most = 90};

static guint
probe(LampBytes head, const char *path)
{
    (void) path;
    return lamp_bytes_starts(head, "__CURSOR=") &&
                   lamp_text_find(head, "\n__REALTIME_TIMESTAMP=") > 0
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
    .state_size = sizeof(LampLog),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
