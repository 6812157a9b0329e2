/*
 * The nesting of Thrift's values (doc/specs/thrift-binary-protocol.md and
 * thrift-compact-protocol.md of the Apache project).
 *
 * In: bytes behind a message header. Out: where the message ends. A stack of structs, lists and
 * maps, no recursion. Limits: LAMP_THRIFT_DEPTH levels.
 */
#include "ingest/dissect/thrift-walk.h"

enum { KIND_STRUCT, KIND_LIST, KIND_MAP };

/* Types of the binary protocol; those of the compact one are brought to them. */
enum {
    TYPE_STOP = 0,
    TYPE_NOTHING = 1, /* a truth value inside a compact field's header */
    TYPE_BOOL = 2,
    TYPE_BYTE = 3,
    TYPE_DOUBLE = 4,
    TYPE_I16 = 6,
    TYPE_I32 = 8,
    TYPE_I64 = 10,
    TYPE_TEXT = 11,
    TYPE_STRUCT = 12,
    TYPE_MAP = 13,
    TYPE_SET = 14,
    TYPE_LIST = 15,
    TYPE_UUID = 16,
    TYPE_BAD = 255,
};

gboolean
lamp_thrift_varint(LampCursor *c, guint32 *out_value)
{
    guint32 value = 0;
    for (guint shift = 0; shift < 35; shift += 7) {
        guint8 b;
        if (!lamp_cursor_u8(c, &b))
            return FALSE;
        value |= shift < 32 ? (guint32) (b & 0x7f) << shift : 0;
        if (b < 0x80) {
            *out_value = value;
            return TRUE;
        }
    }
    return FALSE;
}

static guint8
compact_type(guint8 type)
{
    static const guint8 types[] = {TYPE_STOP, TYPE_BOOL, TYPE_BOOL,   TYPE_BYTE, TYPE_I16,
                                   TYPE_I32,  TYPE_I64,  TYPE_DOUBLE, TYPE_TEXT, TYPE_LIST,
                                   TYPE_SET,  TYPE_MAP,  TYPE_STRUCT, TYPE_UUID};
    return type < G_N_ELEMENTS(types) ? types[type] : TYPE_BAD;
}

/* Numbers of any width in groups of seven bits: passed over. */
static LampThriftResult
skip_varint(LampCursor *c)
{
    guint8 b = 0x80;
    for (guint i = 0; i < 10 && b >= 0x80; i++)
        if (!lamp_cursor_u8(c, &b))
            return LAMP_THRIFT_MORE;
    return b < 0x80 ? LAMP_THRIFT_END : LAMP_THRIFT_BAD;
}

static LampThriftResult
skip(LampCursor *c, gsize n)
{
    return lamp_cursor_skip(c, n) ? LAMP_THRIFT_END : LAMP_THRIFT_MORE;
}

static LampThriftResult
take_count(const LampThriftWalk *w, LampCursor *c, guint32 *out_count)
{
    gboolean is_there =
        w->is_compact ? lamp_thrift_varint(c, out_count) : lamp_cursor_be32(c, out_count);
    if (!is_there)
        return lamp_cursor_left(c) < 5 ? LAMP_THRIFT_MORE : LAMP_THRIFT_BAD;
    return *out_count <= G_MAXINT32 ? LAMP_THRIFT_END : LAMP_THRIFT_BAD;
}

static LampThriftResult
push(LampThriftWalk *w, LampThriftLevel level)
{
    if (w->depth == LAMP_THRIFT_DEPTH)
        return LAMP_THRIFT_BAD;
    if (level.kind == KIND_STRUCT || level.left > 0)
        w->levels[w->depth++] = level;
    return LAMP_THRIFT_END;
}

static LampThriftResult
enter_list(LampThriftWalk *w, LampCursor *c)
{
    guint8 type;
    guint32 count = 0;
    if (!lamp_cursor_u8(c, &type))
        return LAMP_THRIFT_MORE;
    LampThriftResult result = LAMP_THRIFT_END;
    if (!w->is_compact || type >> 4 == 15)
        result = take_count(w, c, &count);
    else
        count = type >> 4;
    if (result != LAMP_THRIFT_END)
        return result;
    type = w->is_compact ? compact_type(type & 15) : type;
    return push(w, (LampThriftLevel){.kind = KIND_LIST, .types = {type, type}, .left = count});
}

static LampThriftResult
enter_map(LampThriftWalk *w, LampCursor *c)
{
    guint8 key = 0, value = 0;
    guint32 count;
    if (!w->is_compact && (!lamp_cursor_u8(c, &key) || !lamp_cursor_u8(c, &value)))
        return LAMP_THRIFT_MORE;
    LampThriftResult result = take_count(w, c, &count);
    if (result != LAMP_THRIFT_END)
        return result;
    if (w->is_compact && count > 0) {
        if (!lamp_cursor_u8(c, &key))
            return LAMP_THRIFT_MORE;
        value = compact_type(key & 15);
        key = compact_type(key >> 4);
    }
    return push(w, (LampThriftLevel){
                       .kind = KIND_MAP, .types = {key, value}, .left = 2 * (guint64) count});
}

static LampThriftResult
take_text(const LampThriftWalk *w, LampCursor *c)
{
    guint32 length;
    LampThriftResult result = take_count(w, c, &length);
    return result == LAMP_THRIFT_END ? skip(c, length) : result;
}

static LampThriftResult
take_value(LampThriftWalk *w, LampCursor *c, guint8 type)
{
    static const guint8 sizes[] = {
        [TYPE_BOOL] = 1, [TYPE_BYTE] = 1, [TYPE_DOUBLE] = 8, [TYPE_I16] = 2,
        [TYPE_I32] = 4,  [TYPE_I64] = 8,  [TYPE_UUID] = 16};
    gboolean is_number = type == TYPE_I16 || type == TYPE_I32 || type == TYPE_I64;
    if (w->is_compact && is_number)
        return skip_varint(c);
    switch (type) {
    case TYPE_NOTHING: /* from a field's header only: a list of them would have no size */
        return w->is_compact ? LAMP_THRIFT_END : LAMP_THRIFT_BAD;
    case TYPE_TEXT:
        return take_text(w, c);
    case TYPE_STRUCT:
        return push(w, (LampThriftLevel){.kind = KIND_STRUCT});
    case TYPE_MAP:
        return enter_map(w, c);
    case TYPE_SET:
    case TYPE_LIST:
        return enter_list(w, c);
    default:
        return type < G_N_ELEMENTS(sizes) && sizes[type] > 0 ? skip(c, sizes[type])
                                                             : LAMP_THRIFT_BAD;
    }
}

/* The header of a struct's next field, and its value. */
static LampThriftResult
take_field(LampThriftWalk *w, LampCursor *c)
{
    guint8 head;
    if (!lamp_cursor_u8(c, &head))
        return LAMP_THRIFT_MORE;
    if (head == TYPE_STOP) {
        w->depth--;
        return LAMP_THRIFT_END;
    }
    LampThriftResult result = LAMP_THRIFT_END;
    if (!w->is_compact)
        result = skip(c, 2);
    else if (head >> 4 == 0)
        result = skip_varint(c);
    if (result != LAMP_THRIFT_END)
        return result;
    guint8 type = w->is_compact ? compact_type(head & 15) : head;
    if (w->is_compact && type == TYPE_BOOL)
        type = TYPE_NOTHING;
    return take_value(w, c, type);
}

/* The next field or element. What a level took is given back where the value is not whole. */
static LampThriftResult
step(LampThriftWalk *w, LampCursor *c)
{
    LampThriftLevel *level = &w->levels[w->depth - 1];
    if (level->kind == KIND_STRUCT)
        return take_field(w, c);
    if (level->left == 0) {
        w->depth--;
        return LAMP_THRIFT_END;
    }
    guint8 type = level->types[level->kind == KIND_MAP ? level->left % 2 : 0];
    level->left--;
    LampThriftResult result = take_value(w, c, type);
    if (result == LAMP_THRIFT_MORE)
        level->left++;
    return result;
}

void
lamp_thrift_walk_begin(LampThriftWalk *w, gsize head, gboolean is_compact)
{
    w->at = head;
    w->is_compact = is_compact;
    w->depth = 1;
    w->levels[0] = (LampThriftLevel){.kind = KIND_STRUCT};
}

LampThriftResult
lamp_thrift_walk(LampThriftWalk *w, LampBytes message)
{
    while (w->depth > 0) {
        LampCursor c =
            lamp_cursor(lamp_bytes(message.at + w->at, message.len - MIN(w->at, message.len)));
        LampThriftResult result = step(w, &c);
        if (result != LAMP_THRIFT_END)
            return result;
        w->at = message.len - lamp_cursor_left(&c);
    }
    return LAMP_THRIFT_END;
}
