/*
 * The kernel's own log, as dmesg prints it:
 *
 *   [  123.456789] usb 1-1: USB disconnect          seconds since boot
 *   [    1.234567][    T1] usb 1-1: …               with the calling thread (or processor)
 *   kern  :info  : [  123.456789] usb 1-1: …        dmesg -x; `<6>[ …` as it is stored
 *   [Sat Nov 21 09:11:53 2026] usb 1-1: …           dmesg -T
 *   2026-11-21T09:11:53,123456+00:00 usb 1-1: …     dmesg --time-format=iso
 *
 * Others write times as `dmesg -T` does: a log of them is the kernel's if a line is surely so.
 * Seconds since boot become times where the log itself tells when it booted (begin-time.c):
 * the line of the real-time clock, or the time that audit's messages carry. Else events keep
 * them as the field `uptime_s`, in the order of lines, and have no time: the file's own time is
 * that of the copy. Specification: dmesg(1), printk's documentation.
 */
#include "base/text.h"
#include "ingest/log/begin-time.h"
#include "ingest/log/forms.h"
#include "ingest/readers.h"

typedef struct {
    LampLog log;
    gboolean has_begun;
    LampTime boot;  /* the current one; 0: not known */
    gint64 last_ns; /* uptime */
} Kernel;

static LampBytes
after(LampBytes text, gsize n)
{
    return lamp_bytes(text.at + n, text.len - n);
}

/* `<6>`: facility and severity. */
static LampBytes
take_priority(LampBytes line, LampLogRecord *record)
{
    const guint8 *close =
        line.len > 3 && line.at[0] == '<' ? memchr(line.at, '>', MIN(line.len, 5)) : NULL;
    guint64 priority;
    if (close == NULL ||
        !lamp_text_parse_u64(lamp_bytes(line.at + 1, (gsize) (close - line.at - 1)), &priority))
        return line;
    guint8 digit = (guint8) ('0' + priority % 8);
    record->event.severity = lamp_severity_of_value(lamp_bytes(&digit, 1));
    return after(line, (gsize) (close - line.at) + 1);
}

/* `kern  :info  : ` */
static LampBytes
take_names(LampBytes line, LampLogRecord *record)
{
    const guint8 *first = memchr(line.at, ':', MIN(line.len, (gsize) 10));
    gsize from = first == NULL ? 0 : (gsize) (first - line.at) + 1;
    const guint8 *second =
        from == 0 ? NULL : memchr(line.at + from, ':', MIN(line.len - from, (gsize) 9));
    if (second == NULL || !g_ascii_islower((char) line.at[0]))
        return line;
    gsize end = (gsize) (second - line.at);
    LampBytes severity =
        lamp_severity_of_word(lamp_text_trim(lamp_bytes(line.at + from, end - from)));
    if (severity.len == 0 || end + 2 >= line.len || line.at[end + 1] != ' ')
        return line;
    record->event.severity = severity;
    lamp_log_record_add(record, "facility", lamp_text_trim(lamp_bytes(line.at, from - 1)));
    return after(line, end + 2);
}

static gsize
skip_digits(LampBytes text, gsize at)
{
    while (at < text.len && g_ascii_isdigit((char) text.at[at]))
        at++;
    return at;
}

gsize
lamp_log_uptime_end(LampBytes line)
{
    enum { DECIMALS = 6 };
    gsize begin = 1;
    if (line.len < DECIMALS + 4 || line.at[0] != '[')
        return 0;
    while (begin < line.len && line.at[begin] == ' ')
        begin++;
    gsize point = skip_digits(line, begin);
    if (point == begin || point == line.len || line.at[point] != '.')
        return 0;
    gsize end = skip_digits(line, point + 1);
    gboolean is_whole = end == point + 1 + DECIMALS && end < line.len;
    /* dmesg -d: `[ 1.234567 <  0.1>]` */
    return is_whole && (line.at[end] == ']' || line.at[end] == ' ') ? end : 0;
}

/* The time of a log that tells when it booted. */
static void
take_uptime(LampLog *log, LampLogRecord *record, LampBytes text)
{
    LampEventRow *event = &record->event;
    gint64 uptime_ns;
    lamp_log_record_add(record, "uptime_s", text);
    if (log->context.begun == 0 || !lamp_text_parse_scaled(text, 9, &uptime_ns) ||
        !lamp_time_is_within_range(log->context.begun, uptime_ns))
        return;
    event->time = log->context.begun + uptime_ns;
    event->resolution_ns = LAMP_NS_PER_SECOND / 1000000;
}

/* `[core:error]`, `[error]`: what Apache writes behind such a time. */
static gboolean
has_severity(LampBytes text)
{
    enum { BRACKET = 32 };
    text = lamp_text_trim(text);
    const guint8 *close = text.len > 2 && text.at[0] == '['
                              ? memchr(text.at, ']', MIN(text.len, (gsize) BRACKET))
                              : NULL;
    if (close == NULL)
        return FALSE;
    LampBytes inside = lamp_bytes(text.at + 1, (gsize) (close - text.at) - 1);
    const guint8 *colon = memchr(inside.at, ':', inside.len);
    if (colon != NULL)
        inside = after(inside, (gsize) (colon - inside.at) + 1);
    return lamp_severity_of_word(inside).len > 0;
}

/* `PHP 8.1`, `127.0.0.1:51234 Accepted`, `[::1]:51234`, mod_jk's `[1234:3086]`: what servers
 * write behind such a time. */
static gboolean
is_of_server(LampBytes text)
{
    enum { WORD = 64 };
    text = lamp_text_trim(text);
    gsize n = 0;
    while (n < MIN(text.len, (gsize) WORD) && text.at[n] != ' ')
        n++;
    const guint8 *colon = n > 2 ? memrchr(text.at, ':', n) : NULL;
    gsize at = colon == NULL ? 0 : (gsize) (colon - text.at), end = skip_digits(text, at + 1);
    LampEndpoint address;
    if (lamp_bytes_starts(text, "PHP "))
        return TRUE;
    if (at == 0 || end == at + 1)
        return FALSE;
    if (text.at[0] != '[')
        return end == n && lamp_address_parse(lamp_bytes(text.at, at), &address);
    return (end == n && text.at[at - 1] == ']') ||
           (end + 1 == n && text.at[end] == ']' && skip_digits(text, 1) == at);
}

/* `[Sat Nov 21 09:11:53 2026]`, in whole seconds: Apache's have fractions, or a severity behind
 * them. */
static gboolean
take_wall_time(LampLog *log, LampBytes line, gsize used, LampLogRecord *record)
{
    return g_ascii_isalpha((char) line.at[1]) &&
           lamp_log_take_time(log, record, after(line, 1)) + 2 == used &&
           record->event.resolution_ns == LAMP_NS_PER_SECOND &&
           !has_severity(after(line, used)) && !is_of_server(after(line, used));
}

/* What is in the first bracket; where it ends, behind the blank, or 0. */
static gsize
take_stamp(LampLog *log, LampBytes line, LampLogRecord *record)
{
    enum { STAMP = 48 };
    gsize end = lamp_log_uptime_end(line), begin = 1;
    const guint8 *close = memchr(line.at, ']', MIN(line.len, (gsize) STAMP));
    if (close == NULL || line.at[0] != '[')
        return 0;
    gsize used = (gsize) (close - line.at) + 1;
    while (end > 0 && line.at[begin] == ' ')
        begin++;
    if (end > 0)
        take_uptime(log, record, lamp_bytes(line.at + begin, end - begin));
    else if (!take_wall_time(log, line, used, record))
        return 0;
    return used;
}

/* `[    T1]`, `[   C0]`: thread or processor. */
static LampBytes
take_caller(LampBytes text, LampLogRecord *record)
{
    enum { CALLER = 10 };
    const guint8 *close = text.len > 3 && text.at[0] == '['
                              ? memchr(text.at, ']', MIN(text.len, (gsize) CALLER))
                              : NULL;
    if (close == NULL)
        return text;
    LampBytes name = lamp_text_trim(lamp_bytes(text.at + 1, (gsize) (close - text.at - 1)));
    if (name.len < 2 || (name.at[0] != 'T' && name.at[0] != 'C') ||
        !g_ascii_isdigit((char) name.at[1]))
        return text;
    record->event.thread = name;
    return after(text, (gsize) (close - text.at) + 1);
}

/* `2026-11-21T09:11:53,123456+00:00 `; where it ends. */
static gsize
take_iso(LampLog *log, LampBytes line, LampLogRecord *record)
{
    enum { ISO = 32, COMMA = 19 };
    if (line.len < ISO + 2 || line.at[COMMA] != ',' || line.at[ISO] != ' ' ||
        lamp_log_take_time(log, record, line) != ISO)
        return 0;
    return ISO;
}

static gboolean
parse(LampLog *log, LampBytes line, LampLogRecord *record)
{
    LampEventRow *event = &record->event;
    if (line.len < 12)
        return FALSE;
    line = take_names(take_priority(line, record), record);
    gsize used = line.len == 0 ? 0 : take_stamp(log, line, record);
    if (used == 0)
        used = take_iso(log, line, record);
    if (used == 0)
        return FALSE;
    LampBytes text = take_caller(after(line, used), record);
    event->service = lamp_bytes_text("kernel");
    record->is_logger = TRUE; /* of whom only the form tells */
    event->message = lamp_text_trim(text);
    lamp_log_parse_pairs(log, event->message, record);
    return TRUE;
}

/* The uptime that was read for @record; -1 where it has another time, or none. */
static gint64
uptime_of(const LampLog *log, const LampLogRecord *record)
{
    const LampEventRow *event = &record->event;
    gint64 uptime_ns;
    for (gsize i = 0; i < event->field_count; i++)
        if (lamp_bytes_equal(record->fields[i].slot, lamp_bytes_text("uptime_s")) &&
            lamp_text_parse_scaled(record->fields[i].value, 9, &uptime_ns) &&
            (event->time == LAMP_TIME_NONE || event->time - uptime_ns == log->context.begun))
            return uptime_ns;
    return -1;
}

/* Where the uptime goes back the system was started again: times count from the next line that
 * tells one, and until then there are none. Audit's times also tell of a sleep, which uptimes
 * do not count; the older ones are of messages that waited. */
static void
settle(LampLog *log, LampLogRecord *record)
{
    Kernel *kernel = (Kernel *) (gpointer) log;
    LampEventRow *event = &record->event;
    const gint64 most_waited = 60 * LAMP_NS_PER_SECOND;
    gint64 uptime = uptime_of(log, record);
    gboolean is_audit;
    if (uptime < 0)
        return;
    if (!kernel->has_begun)
        kernel->boot = log->context.begun;
    kernel->has_begun = TRUE;
    if (uptime < kernel->last_ns - LAMP_LOG_UPTIME_SLACK_NS)
        kernel->boot = 0;
    kernel->last_ns = uptime;
    gint64 clock = lamp_log_kernel_clock(event->message, &is_audit);
    gint64 told = clock - uptime, moved = told - kernel->boot;
    if (clock > uptime &&
        (kernel->boot == 0 ||
         (is_audit && (moved > LAMP_LOG_UPTIME_SLACK_NS || moved < -most_waited))))
        kernel->boot = told;
    gboolean is_known = kernel->boot != 0 && lamp_time_is_within_range(kernel->boot, uptime);
    event->time = is_known ? kernel->boot + uptime : LAMP_TIME_NONE;
    event->resolution_ns = is_known ? LAMP_NS_PER_SECOND / 1000000 : event->resolution_ns;
}

static const LampLogFormat format = {
    .parse = parse,
    .settle = settle,
    .state_size = sizeof(Kernel),
    .most = 88,
    .without_time = "seconds since boot, and no line tells when that was (field uptime_s keeps "
                    "them); `dmesg --time-format=iso` writes times",
};

/* What few but the kernel say, behind a time that many write. */
static gboolean
is_surely_kernel(LampBytes line)
{
    static const char *const begins[] = {
        "Linux version ", "Command line: ", "BIOS-", "ACPI: ", "audit: ", "usb ",
        "pci ",           "EXT4-fs ",       "XFS (", "[drm",   "IPv6: ",  "systemd[1]: ",
        "Out of memory",  "Call Trace:",    "CPU: ", "nvme ",  "sd ",     "input: ",
        "docker0: ",      "oom-kill"};
    const guint8 *close = line.len > 0 ? memchr(line.at, ']', line.len) : NULL;
    if (close == NULL || line.at[0] != '[' || lamp_log_uptime_end(line) > 0)
        return line.len > 19 && (line.at[0] == '[' || line.at[0] == '<' || line.at[19] == ',' ||
                                 lamp_bytes_starts(line, "kern "));
    LampBytes text = lamp_text_trim(after(line, (gsize) (close - line.at) + 1));
    for (gsize i = 0; i < G_N_ELEMENTS(begins); i++)
        if (lamp_bytes_starts(text, begins[i]))
            return TRUE;
    return FALSE;
}

/* Below text, where only the time speaks for it. */
static guint
probe(LampBytes head, const char *path)
{
    enum { TIME_ALONE = 10 };
    guint score = lamp_log_probe(&format, head);
    LampCursor at = lamp_cursor(head);
    LampBytes line;
    if (score <= TIME_ALONE || strstr(path, "dmesg") != NULL)
        return score;
    while (lamp_cursor_line(&at, &line))
        if (is_surely_kernel(line))
            return score;
    return TIME_ALONE;
}

static void
begin(gpointer state, const LampSourceContext *context)
{
    lamp_log_begin(state, &format, context);
}

const LampReader lamp_reader_kernel = {
    .name = "kernel",
    .summary = "dmesg, with seconds since boot or with times",
    .spec = "dmesg(1)",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(Kernel),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
