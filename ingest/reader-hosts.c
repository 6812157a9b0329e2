/*
 * Tables of hosts: what an operator knows about addresses and names.
 *
 * Two forms: a CSV file whose first line names its columns, among them `host` (or `name`,
 * `hostname`) and `ip` (or `address`), perhaps `port` and `utc_offset_minutes` (or
 * `zone_minutes`); and lines in the form of /etc/hosts (hosts(5)): address, name, further
 * names. A line that does not fit is counted as not understood.
 */
#include "base/limits.h"
#include "base/text.h"
#include "ingest/lines.h"
#include "ingest/readers.h"

#include <arpa/inet.h>

#define COLUMNS_AT_MOST 32
#define ABSENT (-1)

typedef struct {
    gboolean started;
    gboolean is_csv;
    gint host, address, port, zone; /* column numbers */
    guint64 line;
} Hosts;

static guint
split(LampBytes line, char separator, LampBytes *cells)
{
    guint n = 0;
    LampCursor c = lamp_cursor(line);
    while (n < COLUMNS_AT_MOST) {
        gsize left = lamp_cursor_left(&c);
        const guint8 *end = left > 0 ? memchr(c.at, separator, left) : NULL;
        cells[n++] =
            lamp_text_trim(lamp_bytes(c.at, end == NULL ? left : (gsize) (end - c.at)));
        if (end == NULL)
            break;
        c.at = end + 1;
    }
    return n;
}

static gint
column_named(const LampBytes *cells, guint count, const char *const *names)
{
    for (guint i = 0; i < count; i++)
        for (gsize k = 0; names[k] != NULL; k++)
            if (lamp_bytes_equal(cells[i], lamp_bytes_text(names[k])))
                return (gint) i;
    return ABSENT;
}

static gboolean
read_header(Hosts *hosts, LampBytes line)
{
    static const char *const host_names[] = {"host", "hostname", "name", NULL};
    static const char *const address_names[] = {"ip", "address", "ip_address", NULL};
    static const char *const port_names[] = {"port", NULL};
    static const char *const zone_names[] = {"utc_offset_minutes", "zone_minutes", NULL};
    LampBytes cells[COLUMNS_AT_MOST];
    guint n = split(line, ',', cells);
    hosts->host = column_named(cells, n, host_names);
    hosts->address = column_named(cells, n, address_names);
    hosts->port = column_named(cells, n, port_names);
    hosts->zone = column_named(cells, n, zone_names);
    return hosts->host != ABSENT && hosts->address != ABSENT;
}

static gboolean
is_address(LampBytes text)
{
    char copy[INET6_ADDRSTRLEN];
    guint8 binary[16];
    if (text.len == 0 || text.len >= sizeof copy)
        return FALSE;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    return inet_pton(AF_INET, copy, binary) == 1 || inet_pton(AF_INET6, copy, binary) == 1;
}

static gint64
cell_number(const LampBytes *cells, guint count, gint column, gint64 missing)
{
    gint64 value;
    if (column == ABSENT || (guint) column >= count ||
        !lamp_text_parse_i64(cells[column], &value))
        return missing;
    return value;
}

static gboolean
emit_csv_line(const Hosts *hosts, LampBytes line, LampSink *sink)
{
    LampBytes cells[COLUMNS_AT_MOST];
    guint n = split(line, ',', cells);
    if ((guint) MAX(hosts->host, hosts->address) >= n || !is_address(cells[hosts->address]) ||
        cells[hosts->host].len == 0)
        return FALSE;
    gint64 port = cell_number(cells, n, hosts->port, 0);
    gint64 zone = cell_number(cells, n, hosts->zone, G_MININT32);
    LampHostNameRow row = {.address = cells[hosts->address],
                           .name = cells[hosts->host],
                           .port = port > 0 && port < 65536 ? (guint16) port : 0,
                           .zone_minutes = ABS(zone) <= 26 * 60 ? (gint32) zone : G_MININT32};
    if (sink->host_name != NULL)
        sink->host_name(sink->owner, &row);
    return TRUE;
}

static LampBytes
next_word(LampCursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
        c->at++;
    const guint8 *begin = c->at;
    while (c->at < c->end && *c->at != ' ' && *c->at != '\t' && *c->at != '\r' && *c->at != '#')
        c->at++;
    return lamp_bytes(begin, (gsize) (c->at - begin));
}

static gboolean
emit_hosts_line(LampBytes line, LampSink *sink)
{
    LampCursor c = lamp_cursor(lamp_text_trim(line));
    LampBytes address = next_word(&c), name = next_word(&c);
    if (address.len == 0)
        return TRUE; /* an empty line or a comment */
    if (!is_address(address) || name.len == 0)
        return FALSE;
    LampHostNameRow row = {.address = address, .name = name, .zone_minutes = G_MININT32};
    if (sink->host_name != NULL)
        sink->host_name(sink->owner, &row);
    return TRUE;
}

static guint
probe_hosts_form(LampBytes head)
{
    LampCursor c = lamp_cursor(head);
    LampBytes line;
    guint lines = 0, good = 0;
    while (lines < 200 && lamp_cursor_line(&c, &line)) {
        LampCursor words = lamp_cursor(lamp_text_trim(line));
        LampBytes address = next_word(&words), name = next_word(&words);
        if (address.len == 0)
            continue;
        /* A log line has more after its second word than a list of names has. */
        LampBytes rest = lamp_cursor_rest(&words);
        lines++;
        if (is_address(address) && name.len > 0 && rest.len < 200 &&
            memchr(rest.at, '"', rest.len) == NULL && memchr(rest.at, '[', rest.len) == NULL)
            good++;
    }
    return lines > 0 && good == lines ? 60 : 0;
}

static guint
probe(LampBytes head, const char *path G_GNUC_UNUSED)
{
    LampCursor c = lamp_cursor(head);
    LampBytes line;
    Hosts hosts;
    if (lamp_cursor_line(&c, &line) && line.len < 1024 && read_header(&hosts, line))
        return 95;
    return probe_hosts_form(head);
}

static void
begin(gpointer state, const LampSourceContext *context G_GNUC_UNUSED)
{
    *(Hosts *) state = (Hosts){.host = ABSENT};
}

static void
take_line(gpointer state, LampBytes line, guint64 offset, gsize length, LampSink *sink)
{
    Hosts *hosts = state;
    hosts->line++;
    gboolean ok;
    if (!hosts->started) {
        hosts->started = TRUE;
        hosts->is_csv = read_header(hosts, line);
        ok = hosts->is_csv || emit_hosts_line(line, sink);
    } else {
        ok = lamp_text_trim(line).len == 0 ||
             (hosts->is_csv ? emit_csv_line(hosts, line, sink) : emit_hosts_line(line, sink));
    }
    sink->coverage(sink->owner, offset, length, ok);
    if (ok)
        return;
    LampFinding finding = {.kind = LAMP_FINDING_INVALID,
                           .code = "hosts.line",
                           .offset = offset,
                           .record_number = hosts->line,
                           .text = "not an address with a name"};
    sink->finding(sink->owner, &finding);
}

static LampStep
step(gpointer state, LampCursor *in, guint64 offset, gboolean last, LampSink *sink)
{
    return lamp_lines_step(state, take_line, in, offset, last, sink);
}

static void
end(gpointer state G_GNUC_UNUSED, LampSink *sink G_GNUC_UNUSED)
{
}

const LampReader lamp_reader_hosts = {
    .name = "hosts",
    .summary = "Table of hosts: CSV with columns host and ip, or /etc/hosts form",
    .spec = "hosts(5)",
    .kind = LAMP_KIND_TABLE,
    .state_size = sizeof(Hosts),
    .probe = probe,
    .begin = begin,
    .step = step,
    .end = end,
};
