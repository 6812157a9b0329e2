/*
 * What a value is, and what all values of a place have in common.
 *
 * In: values as masking cut them out, with the kind by their look. Out: one bit for each, and
 * the name of the narrowest type that covers a set of bits. The types are ordered by sets: `7`
 * and `0x1f` are both hexadecimal, `7` and `a7` both identifiers, a UUID and a path both words.
 *
 * Limits: a type is a look. Eight digits are an integer where all values are digits; a port
 * that stands apart from its address is one, too.
 */
#include "ingest/log/template-type.h"
#include "ingest/log/template-value.h"

enum {
    NUMBERS = LAMP_TYPE_INTEGER | LAMP_TYPE_DECIMAL,
    IDENTIFIERS = NUMBERS | LAMP_TYPE_HEX | LAMP_TYPE_UUID | LAMP_TYPE_IDENTIFIER,
    WORDS = IDENTIFIERS | LAMP_TYPE_IP | LAMP_TYPE_IP_PORT | LAMP_TYPE_PATH | LAMP_TYPE_URL |
            LAMP_TYPE_EMAIL | LAMP_TYPE_DURATION | LAMP_TYPE_SIZE | LAMP_TYPE_WORD,
};

static gboolean
is_digit(guint8 byte)
{
    return byte >= '0' && byte <= '9';
}

/* Does @value look like @form, in which `0` stands for a digit? Longer ones may follow. */
static gboolean
begins_like(LampBytes value, const char *form)
{
    gsize i = 0;
    for (; form[i] != '\0'; i++)
        if (i == value.len ||
            (form[i] == '0' ? !is_digit(value.at[i]) : value.at[i] != (guint8) form[i]))
            return FALSE;
    return TRUE;
}

static gboolean
is_time(LampBytes value)
{
    return begins_like(value, "0000-00-00") || begins_like(value, "00:00:00") ||
           begins_like(value, "0000/00/00") || begins_like(value, "0000.00.00");
}

/* Digits and signs: a number only where the sign is in front. */
static guint16
type_of_digits(LampBytes value)
{
    for (gsize i = 1; i < value.len; i++)
        if (!is_digit(value.at[i]))
            return is_time(value) ? LAMP_TYPE_TIME : LAMP_TYPE_IDENTIFIER;
    return LAMP_TYPE_INTEGER;
}

/* Digits, signs and points. A point at the end ends a sentence. */
static guint16
type_of_decimal(LampBytes value)
{
    const guint8 *point = memchr(value.at, '.', value.len);
    if (point == value.at + value.len - 1)
        return type_of_digits(lamp_bytes(value.at, value.len - 1));
    for (gsize i = 1; i < value.len; i++)
        if (!is_digit(value.at[i]) && value.at + i != point)
            return is_time(value) ? LAMP_TYPE_TIME : LAMP_TYPE_IDENTIFIER;
    return LAMP_TYPE_DECIMAL;
}

static guint16
type_of_address(LampBytes value)
{
    gboolean is_old = memchr(value.at, '.', value.len) != NULL;
    gboolean has_port =
        value.at[0] == '[' || (is_old && memchr(value.at, ':', value.len) != NULL);
    return has_port ? LAMP_TYPE_IP_PORT : LAMP_TYPE_IP;
}

/* `/10.0.0.1:80`: an address that Java wrote without a name. */
static guint16
type_of_path(LampBytes value)
{
    if (value.len < 2 || !is_digit(value.at[1]) || is_time(value))
        return LAMP_TYPE_PATH;
    LampBytes rest = lamp_bytes(value.at + 1, value.len - 1);
    return lamp_variable_kind(rest) == LAMP_VARIABLE_ADDRESS ? type_of_address(rest)
                                                             : LAMP_TYPE_PATH;
}

/* Letters and digits: also numbers in per cent, times of day, and `<1 sec`. */
static guint16
type_of_mixed(LampBytes value)
{
    double number;
    if (value.at[0] == '<')
        return LAMP_TYPE_DURATION;
    if (is_digit(value.at[0]) && is_time(value))
        return LAMP_TYPE_TIME;
    if (value.at[value.len - 1] == '%' &&
        lamp_value_number(lamp_bytes(value.at, value.len - 1), &number))
        return LAMP_TYPE_DECIMAL;
    if (memchr(value.at, ' ', value.len) != NULL)
        return LAMP_TYPE_QUOTED;
    return LAMP_TYPE_IDENTIFIER;
}

guint16
lamp_joined_type(LampBytes value)
{
    gsize digits = 0;
    if (is_time(value))
        return LAMP_TYPE_TIME;
    for (gsize i = 0; i < value.len; i++) {
        digits = is_digit(value.at[i]) ? digits + 1 : 0;
        if (digits > 3 || (digits == 0 && (value.at[i] != ',' || i == 0)))
            return 0;
    }
    return digits == 3 ? LAMP_TYPE_INTEGER : 0;
}

guint16
lamp_value_type(LampBytes value, LampVariableKind kind)
{
    static const guint16 plain[] = {
        [LAMP_VARIABLE_HEX] = LAMP_TYPE_HEX,           [LAMP_VARIABLE_UUID] = LAMP_TYPE_UUID,
        [LAMP_VARIABLE_URL] = LAMP_TYPE_URL,           [LAMP_VARIABLE_EMAIL] = LAMP_TYPE_EMAIL,
        [LAMP_VARIABLE_DURATION] = LAMP_TYPE_DURATION, [LAMP_VARIABLE_SIZE] = LAMP_TYPE_SIZE,
        [LAMP_VARIABLE_TIME] = LAMP_TYPE_TIME,
    };
    if (value.len == 0)
        return 0;
    switch (kind) {
    case LAMP_VARIABLE_INTEGER:
        return type_of_digits(value);
    case LAMP_VARIABLE_DECIMAL:
        return type_of_decimal(value);
    case LAMP_VARIABLE_ADDRESS:
        return type_of_address(value);
    case LAMP_VARIABLE_PATH:
        return type_of_path(value);
    case LAMP_VARIABLE_IDENTIFIER:
        return type_of_mixed(value);
    case LAMP_VARIABLE_WORD:
        return memchr(value.at, ' ', value.len) != NULL ? LAMP_TYPE_QUOTED : LAMP_TYPE_WORD;
    default:
        return plain[kind];
    }
}

/* `ms` of " ms, ": the constant word behind one blank. */
static LampBytes
unit_behind(LampBytes behind)
{
    gsize end = 1;
    while (end < behind.len && !lamp_is_delimiter(behind.at[end]))
        end++;
    if (behind.len < 2 || behind.at[0] != ' ')
        return lamp_bytes(NULL, 0);
    while (end > 1 && behind.at[end - 1] == '.')
        end--;
    return lamp_bytes(behind.at + 1, end - 1);
}

static gboolean
is_unit(LampBytes word, const char *const units[], gsize count)
{
    for (gsize i = 0; i < count; i++)
        if (strlen(units[i]) == word.len &&
            g_ascii_strncasecmp(units[i], (const char *) word.at, word.len) == 0)
            return TRUE;
    return FALSE;
}

static const char *
name_of_numbers(guint types, LampBytes behind)
{
    static const char *const durations[] = {
        "ns",           "us",         "µs",      "ms",    "s",           "sec",
        "secs",         "second",     "seconds", "min",   "mins",        "minute",
        "minutes",      "hour",       "hours",   "day",   "days",        "millis",
        "msec",         "msecs",      "usec",    "usecs", "millisecond", "milliseconds",
        "microseconds", "nanoseconds"};
    static const char *const sizes[] = {"B",   "KB",  "MB",  "GB",   "TB",   "KiB",
                                        "MiB", "GiB", "TiB", "byte", "bytes"};
    LampBytes unit = unit_behind(behind);
    if (is_unit(unit, durations, G_N_ELEMENTS(durations)))
        return "duration";
    if (is_unit(unit, sizes, G_N_ELEMENTS(sizes)))
        return "size";
    return (types & LAMP_TYPE_DECIMAL) != 0 ? "decimal" : "integer";
}

const char *
lamp_types_name(guint types, LampBytes behind)
{
    /* The first set that holds all bits: narrower ones come before wider ones. */
    static const struct {
        guint set;
        const char *name;
    } covers[] = {
        {LAMP_TYPE_HEX | LAMP_TYPE_INTEGER, "hex"},
        {LAMP_TYPE_UUID, "uuid"},
        {LAMP_TYPE_IP, "ip"},
        {LAMP_TYPE_IP_PORT, "ip:port"},
        {LAMP_TYPE_IP | LAMP_TYPE_IP_PORT, "address"},
        {LAMP_TYPE_PATH, "path"},
        {LAMP_TYPE_URL, "url"},
        {LAMP_TYPE_EMAIL, "email"},
        {LAMP_TYPE_DURATION | NUMBERS, "duration"},
        {LAMP_TYPE_SIZE | NUMBERS, "size"},
        {LAMP_TYPE_TIME, "time"},
        {IDENTIFIERS, "identifier"},
        {WORDS, "word"},
        {WORDS | LAMP_TYPE_QUOTED, "quoted"},
    };
    if (types == 0)
        return "empty";
    if ((types & ~(guint) NUMBERS) == 0)
        return name_of_numbers(types, behind);
    for (gsize i = 0; i < G_N_ELEMENTS(covers); i++)
        if ((types & ~covers[i].set) == 0)
            return covers[i].name;
    return "*";
}

/* Digits from @i on, behind those of @number; stops at another byte than these and `,`. */
static gsize
take_digits(LampBytes value, gsize i, guint64 *number, guint *digits)
{
    for (; i < value.len && (is_digit(value.at[i]) || value.at[i] == ','); i++) {
        if (value.at[i] == ',')
            continue;
        *number = *number * 10 + (value.at[i] - '0');
        ++*digits;
    }
    return i;
}

gboolean
lamp_value_number(LampBytes value, double *out_number)
{
    enum { MOST_DIGITS = 18 };
    guint64 number = 0;
    guint digits = 0;
    gboolean is_signed = value.len > 0 && (value.at[0] == '-' || value.at[0] == '+');
    gsize i = take_digits(value, is_signed ? 1 : 0, &number, &digits);
    double scale = 1;
    if (i < value.len && value.at[i] == '.') {
        guint whole = digits;
        (void) take_digits(value, i + 1, &number, &digits);
        for (; whole < digits && digits <= MOST_DIGITS; whole++)
            scale *= 10;
    }
    if (digits == 0 || digits > MOST_DIGITS)
        return FALSE;
    *out_number = (is_signed && value.at[0] == '-' ? -1.0 : 1.0) * (double) number / scale;
    return TRUE;
}
