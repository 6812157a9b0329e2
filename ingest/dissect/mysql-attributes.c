/*
 * Query attributes, which stand before a statement (protocol of 8.0.23,
 * PAGE_PROTOCOL_COM_QUERY).
 *
 * In: the bytes behind the command. Out: the place of the statement. Limits: 64 attributes.
 */
#include "ingest/dissect/mysql-attributes.h"

enum { MAX_ATTRIBUTES = 64 };

/* Length-encoded integer. */
static gboolean
take_number(LampCursor *c, guint64 *out_value)
{
    static const guint8 sizes[] = {2, 3, 8};
    guint8 first;
    LampBytes bytes;
    if (!lamp_cursor_u8(c, &first))
        return FALSE;
    *out_value = first;
    if (first < 0xfc)
        return TRUE;
    if (first == 0xff || !lamp_cursor_take(c, sizes[first - 0xfc], &bytes))
        return FALSE;
    guint64 value = 0;
    for (gsize i = bytes.len; i > 0; i--)
        value = value << 8 | bytes.at[i - 1];
    *out_value = value;
    return TRUE;
}

static gboolean
skip_text(LampCursor *c)
{
    guint64 length;
    return take_number(c, &length) && length <= lamp_cursor_left(c) &&
           lamp_cursor_skip(c, (gsize) length);
}

static gboolean
skip_value(LampCursor *c, guint8 type)
{
    static const guint8 sizes[] = {0, 1, 2, 4, 4, 8, 0, 0, 8, 4};
    gsize size = type < G_N_ELEMENTS(sizes) ? sizes[type] : 0;
    return size > 0 ? lamp_cursor_skip(c, size) : skip_text(c);
}

gboolean
lamp_mysql_skip_attributes(LampCursor *c)
{
    guint64 count, sets;
    guint8 types[MAX_ATTRIBUTES], bound;
    LampBytes nulls, type;
    if (!take_number(c, &count) || !take_number(c, &sets) || count > MAX_ATTRIBUTES)
        return FALSE;
    if (count == 0)
        return TRUE;
    if (!lamp_cursor_take(c, (gsize) (count + 7) / 8, &nulls) || !lamp_cursor_u8(c, &bound) ||
        bound != 1)
        return FALSE;
    for (guint i = 0; i < count; i++) {
        if (!lamp_cursor_take(c, 2, &type) || !skip_text(c))
            return FALSE;
        types[i] = type.at[0];
    }
    for (guint i = 0; i < count; i++)
        if ((nulls.at[i / 8] & 1u << (i % 8)) == 0 && !skip_value(c, types[i]))
            return FALSE;
    return TRUE;
}
