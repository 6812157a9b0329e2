/*
 * Values as log fields hold them: severities, durations, addresses. In: borrowed text; out:
 * typed value. Nothing is allocated, every function is linear in the text.
 */
#include "base/limits.h"
#include "base/text.h"
#include "ingest/log/record.h"

#define TEXT(literal)                                   \
    {                                                   \
        (const guint8 *) (literal), sizeof(literal) - 1 \
    }

static const LampBytes names[] = {TEXT("trace"), TEXT("debug"), TEXT("info"), TEXT("notice"),
                                  TEXT("warn"),  TEXT("error"), TEXT("fatal")};

typedef enum { TRACE, DEBUG, INFO, NOTICE, WARN, ERROR, FATAL } Severity;

/* Is there a severity with this first letter and length? Most words are told apart by that. */
static gboolean
may_be_severity(LampBytes word)
{
    static const guint16 lengths['z' - 'a' + 1] = {
        ['a' - 'a'] = 1 << 5,
        ['c' - 'a'] = 1 << 4 | 1 << 6 | 1 << 7 | 1 << 8,
        ['d' - 'a'] = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6,
        ['e' - 'a'] = 1 << 3 | 1 << 5 | 1 << 9,
        ['f' - 'a'] = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6,
        ['h' - 'a'] = 1 << 4,
        ['i' - 'a'] = 1 << 3 | 1 << 4 | 1 << 11 | 1 << 13,
        ['l' - 'a'] = 1 << 3,
        ['n' - 'a'] = 1 << 4 | 1 << 6,
        ['p' - 'a'] = 1 << 5,
        ['s' - 'a'] = 1 << 6 | 1 << 9,
        ['t' - 'a'] = 1 << 3 | 1 << 4 | 1 << 5,
        ['v' - 'a'] = 1 << 3 | 1 << 7,
        ['w' - 'a'] = 1 << 3 | 1 << 4 | 1 << 7,
    };
    guint letter = word.len == 0 ? 0 : (guint) (word.at[0] | 0x20) - 'a';
    return word.len >= 3 && word.len <= 13 && letter < G_N_ELEMENTS(lengths) &&
           (lengths[letter] >> word.len & 1) != 0;
}

LampBytes
lamp_severity_of_word(LampBytes word)
{
    static const struct {
        const char *word;
        Severity severity;
    } words[] = {
        {"info", INFO},          {"debug", DEBUG},      {"error", ERROR},   {"warn", WARN},
        {"warning", WARN},       {"trace", TRACE},      {"fatal", FATAL},   {"notice", NOTICE},
        {"err", ERROR},          {"critical", FATAL},   {"crit", FATAL},    {"alert", FATAL},
        {"emerg", FATAL},        {"emergency", FATAL},  {"panic", FATAL},   {"severe", ERROR},
        {"fine", DEBUG},         {"finer", TRACE},      {"finest", TRACE},  {"config", INFO},
        {"log", INFO},           {"information", INFO}, {"verbose", TRACE}, {"audit", NOTICE},
        {"dbug", DEBUG},         {"dbg", DEBUG},        {"wrn", WARN},      {"inf", INFO},
        {"informational", INFO}, {"ftl", FATAL},        {"trc", TRACE},     {"vrb", TRACE},
        {"detail", INFO},        {"statement", INFO},   {"hint", INFO},     {"context", INFO},
        {"debug1", DEBUG},       {"debug2", DEBUG},     {"debug3", DEBUG},  {"debug4", DEBUG},
        {"debug5", DEBUG},       {"note", NOTICE},      {"system", NOTICE}, {"fail", ERROR},
        {"trce", TRACE},
    };
    if (!may_be_severity(word))
        return lamp_bytes(NULL, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (words[i].word[0] == (char) (word.at[0] | 0x20) &&
            strlen(words[i].word) == word.len &&
            g_ascii_strncasecmp(words[i].word, (const char *) word.at, word.len) == 0)
            return names[words[i].severity];
    return lamp_bytes(NULL, 0);
}

/* pino and bunyan count 10, 20 … 60; syslog, GELF and journald 0 … 7. */
static LampBytes
severity_of_number(guint64 number)
{
    static const Severity syslog[] = {FATAL, FATAL, FATAL, ERROR, WARN, NOTICE, INFO, DEBUG};
    static const Severity tens[] = {TRACE, DEBUG, INFO, WARN, ERROR, FATAL};
    if (number < G_N_ELEMENTS(syslog))
        return names[syslog[number]];
    if (number >= 10 && number <= 60)
        return names[tens[number / 10 - 1]];
    return lamp_bytes(NULL, 0);
}

LampBytes
lamp_severity_of_value(LampBytes value)
{
    guint64 number;
    if (value.len <= 2 && lamp_text_parse_u64(value, &number))
        return severity_of_number(number);
    if (value.len == 1) {
        static const char letters[] = "TDINWEF";
        const char *at = strchr(letters, g_ascii_toupper((char) value.at[0]));
        return at == NULL || *at == '\0' ? lamp_bytes(NULL, 0) : names[at - letters];
    }
    return lamp_severity_of_word(value);
}

typedef struct {
    guint64 whole;
    guint64 fraction; /* of 10^decimals */
    guint decimals;
} Decimal;

static gboolean
take_decimal(LampCursor *at, Decimal *out)
{
    *out = (Decimal){0, 0, 0};
    const guint8 *begin = at->at;
    for (; at->at < at->end && g_ascii_isdigit((char) *at->at); at->at++)
        if (__builtin_mul_overflow(out->whole, (guint64) 10, &out->whole) ||
            __builtin_add_overflow(out->whole, (guint64) (*at->at - '0'), &out->whole))
            return FALSE;
    if (at->at == begin)
        return FALSE;
    if (at->at == at->end || *at->at != '.')
        return TRUE;
    at->at++;
    for (; at->at < at->end && g_ascii_isdigit((char) *at->at); at->at++)
        if (out->decimals < 9) {
            out->fraction = out->fraction * 10 + (guint64) (*at->at - '0');
            out->decimals++;
        }
    return TRUE;
}

static gint64
take_unit(LampCursor *at)
{
    static const struct {
        const char *name;
        gint64 ns;
    } units[] = {
        {"ns", 1},
        {"us", 1000},
        {"\xc2\xb5s", 1000},
        {"\xce\xbcs", 1000},
        {"nanoseconds", 1},
        {"nanos", 1},
        {"micros", 1000},
        {"microseconds", 1000},
        {"milliseconds", 1000000},
        {"millisecond", 1000000},
        {"millis", 1000000},
        {"msec", 1000000},
        {"ms", 1000000},
        {"minutes", G_GINT64_CONSTANT(60000000000)},
        {"min", G_GINT64_CONSTANT(60000000000)},
        {"m", G_GINT64_CONSTANT(60000000000)},
        {"seconds", 1000000000},
        {"second", 1000000000},
        {"secs", 1000000000},
        {"sec", 1000000000},
        {"s", 1000000000},
        {"h", G_GINT64_CONSTANT(3600000000000)},
    };
    LampBytes rest = lamp_text_trim(lamp_cursor_rest(at));
    for (gsize i = 0; i < G_N_ELEMENTS(units); i++) {
        gsize n = strlen(units[i].name);
        if (!lamp_bytes_starts(rest, units[i].name) ||
            (rest.len > n && g_ascii_isalpha((char) rest.at[n])))
            continue;
        at->at = rest.at + n;
        return units[i].ns;
    }
    return 0;
}

static gboolean
add_decimal(const Decimal *d, gint64 unit_ns, gint64 *ns, gint64 *resolution_ns)
{
    gint64 whole, tenth = unit_ns, fraction = (gint64) d->fraction;
    for (guint i = 0; i < d->decimals; i++) {
        if (tenth >= 10)
            tenth /= 10;
        else
            fraction /= 10;
    }
    if (d->whole > G_MAXINT64 || __builtin_mul_overflow((gint64) d->whole, unit_ns, &whole) ||
        __builtin_add_overflow(*ns, whole, ns) ||
        __builtin_add_overflow(*ns, fraction * tenth, ns))
        return FALSE;
    *resolution_ns = tenth;
    return TRUE;
}

gboolean
lamp_duration_parse(LampBytes text, gint64 unit_ns, gint64 *out_ns, gint64 *out_resolution_ns)
{
    LampCursor at = lamp_cursor(lamp_text_trim(text));
    gint64 ns = 0, resolution = 1;
    guint parts = 0;
    for (; at.at < at.end && parts < 4; parts++) {
        Decimal d;
        if (!take_decimal(&at, &d))
            return FALSE;
        gint64 unit = at.at < at.end ? take_unit(&at) : 0;
        if (unit == 0 && (at.at < at.end || parts > 0))
            return FALSE;
        if (unit == 0)
            unit = unit_ns > 0 ? unit_ns : d.decimals > 0 ? 1000000000 : 1000000;
        if (!add_decimal(&d, unit, &ns, &resolution))
            return FALSE;
    }
    if (parts == 0 || at.at < at.end)
        return FALSE;
    *out_ns = ns;
    *out_resolution_ns = resolution;
    return TRUE;
}

guint64
lamp_number_or_zero(LampBytes text)
{
    guint64 value;
    return lamp_text_parse_u64(text, &value) ? value : 0;
}

static gboolean
parse_ipv4(LampBytes text, guint8 out_address[16])
{
    guint part = 0, value = 0, digits = 0;
    guint8 parts[4];
    if (text.len < 7 || text.len > 15)
        return FALSE;
    for (gsize i = 0; i <= text.len; i++) {
        if (i < text.len && g_ascii_isdigit((char) text.at[i])) {
            value = value * 10 + (guint) (text.at[i] - '0');
            if (++digits > 3 || value > 255)
                return FALSE;
        } else if ((i == text.len || text.at[i] == '.') && digits > 0 && part < 4) {
            parts[part++] = (guint8) value;
            value = digits = 0;
        } else {
            return FALSE;
        }
    }
    if (part != 4)
        return FALSE;
    memset(out_address, 0, 10);
    memset(out_address + 10, 0xff, 2);
    memcpy(out_address + 12, parts, 4);
    return TRUE;
}

/* Groups of hexadecimal digits; `::` once stands for as many zero groups as are missing. */
static gboolean
parse_ipv6(LampBytes text, guint8 out_address[16])
{
    guint8 bytes[16] = {0};
    gsize used = 0, gap = G_MAXSIZE, i = 0;
    if (text.len < 2 || text.len > 39)
        return FALSE;
    if (text.at[0] == ':' && text.at[1] == ':') {
        gap = 0;
        i = 2;
    }
    while (i < text.len) {
        gsize n = 0;
        while (i + n < text.len && g_ascii_isxdigit((char) text.at[i + n]))
            n++;
        guint64 group;
        if (n == 0 || n > 4 || used > 14 ||
            !lamp_text_parse_hex(lamp_bytes(text.at + i, n), &group))
            return FALSE;
        bytes[used++] = (guint8) (group >> 8);
        bytes[used++] = (guint8) group;
        i += n;
        if (i == text.len)
            break;
        if (text.at[i] != ':' || ++i == text.len)
            return FALSE;
        if (text.at[i] == ':') {
            if (gap != G_MAXSIZE)
                return FALSE;
            gap = used;
            i++;
        }
    }
    if (gap == G_MAXSIZE ? used != 16 : used > 14)
        return FALSE;
    memset(out_address, 0, 16);
    gsize tail = gap == G_MAXSIZE ? 0 : used - gap;
    memcpy(out_address, bytes, used - tail);
    memcpy(out_address + 16 - tail, bytes + used - tail, tail);
    return TRUE;
}

gboolean
lamp_address_parse_ip(LampBytes text, guint8 out_address[16])
{
    return parse_ipv4(text, out_address) || parse_ipv6(text, out_address);
}

static gboolean
split_port(LampBytes text, LampBytes *out_host, guint16 *out_port)
{
    gsize i = text.len;
    guint64 port;
    while (i > 0 && g_ascii_isdigit((char) text.at[i - 1]))
        i--;
    if (i < 2 || i == text.len || text.at[i - 1] != ':' ||
        !lamp_text_parse_u64(lamp_bytes(text.at + i, text.len - i), &port) || port > 65535)
        return FALSE;
    *out_host = lamp_bytes(text.at, i - 1);
    *out_port = (guint16) port;
    return TRUE;
}

gboolean
lamp_address_parse(LampBytes text, LampEndpoint *out_endpoint)
{
    LampEndpoint endpoint = {.is_known = FALSE};
    LampBytes host = text;
    if (text.len == 0 || text.len > LAMP_LIMIT_VALUE || (text.len == 1 && text.at[0] == '-'))
        return FALSE;
    if (!lamp_address_parse_ip(text, endpoint.address)) {
        if (!split_port(text, &host, &endpoint.port))
            host = text;
        if (host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
            host = lamp_bytes(host.at + 1, host.len - 2);
        if (!lamp_address_parse_ip(host, endpoint.address)) {
            endpoint.name = host;
            *out_endpoint = endpoint;
            return TRUE;
        }
    }
    endpoint.is_known = TRUE;
    *out_endpoint = endpoint;
    return TRUE;
}
