/*
 * Parameters of PostgreSQL's statements in binary format, as texts.
 *
 * The format tells no type, and the statement that does may not have been captured; so the
 * bytes decide. Two, four or eight bytes that begin with a zero are an integer in network
 * order; eight are one up to 2^48 only, which leaves out times (microseconds since 2000) and
 * reals. Sixteen bytes with the version and variant of a UUID (RFC 4122, section 4.1) are one.
 * What is printable is a text: its binary format is the text itself. All else has no text.
 */
#include "ingest/dissect/postgresql-binary.h"

static gboolean
is_printable(LampBytes value)
{
    for (gsize i = 0; i < value.len; i++)
        if (value.at[i] < 0x20 || value.at[i] == 0x7f)
            return FALSE;
    return g_utf8_validate((const char *) value.at, (gssize) value.len, NULL);
}

static gboolean
is_integer(LampBytes value)
{
    if (value.len == 2 || value.len == 4)
        return value.at[0] == 0;
    return value.len == 8 && value.at[0] == 0 && value.at[1] == 0;
}

static LampBytes
integer_text(LampBytes value, char *buffer)
{
    guint64 number = 0;
    for (gsize i = 0; i < value.len; i++)
        number = number << 8 | value.at[i];
    gint n = g_snprintf(buffer, LAMP_PG_BINARY_TEXT, "%" G_GUINT64_FORMAT, number);
    return lamp_bytes(buffer, (gsize) n);
}

static gboolean
is_uuid(LampBytes value)
{
    return value.len == 16 && value.at[6] >> 4 >= 1 && value.at[6] >> 4 <= 8 &&
           value.at[8] >> 6 == 2;
}

static LampBytes
uuid_text(LampBytes value, char *buffer)
{
    gsize n = 0;
    for (gsize i = 0; i < value.len; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            buffer[n++] = '-';
        buffer[n++] = "0123456789abcdef"[value.at[i] >> 4];
        buffer[n++] = "0123456789abcdef"[value.at[i] & 15];
    }
    return lamp_bytes(buffer, n);
}

LampBytes
lamp_pg_binary_text(LampBytes value, char buffer[LAMP_PG_BINARY_TEXT])
{
    if (is_integer(value))
        return integer_text(value, buffer);
    if (is_printable(value))
        return value;
    return is_uuid(value) ? uuid_text(value, buffer) : lamp_bytes(NULL, 0);
}
