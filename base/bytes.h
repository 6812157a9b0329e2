/*
 * Borrowed views of bytes and a bounded cursor over them.
 *
 * A reader is handed a LampCursor over the bytes that happen to be in memory; it takes what it
 * needs and leaves the rest. Nothing here allocates, and no function can move a cursor past its
 * end: a take that does not fit returns FALSE and leaves the cursor where it was. Multi-byte
 * integers are read bytewise, so alignment and the machine's byte order do not matter. Every
 * function is O(1) unless it says otherwise.
 */
#pragma once

#include <glib.h>
#include <string.h>

/* Bytes in somebody's buffer; valid while that buffer is; never freed through this. */
typedef struct {
    const guint8 *at;
    gsize len;
} LampBytes;

/* A moving begin and a fixed end: at <= end, always. */
typedef struct {
    const guint8 *at;
    const guint8 *end;
} LampCursor;

static inline LampBytes
lamp_bytes(const void *at, gsize len)
{
    return (LampBytes){(const guint8 *) at, len};
}

/* A view of a NUL-terminated text, without the NUL. O(n). */
static inline LampBytes
lamp_bytes_text(const char *text)
{
    return lamp_bytes(text, strlen(text));
}

static inline gboolean
lamp_bytes_equal(LampBytes a, LampBytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Does @bytes begin with the NUL-terminated @prefix? */
static inline gboolean
lamp_bytes_starts(LampBytes bytes, const char *prefix)
{
    gsize n = strlen(prefix);
    return bytes.len >= n && memcmp(bytes.at, prefix, n) == 0;
}

static inline LampCursor
lamp_cursor(LampBytes bytes)
{
    /* C does not allow an addition to NULL, not even of nothing. */
    return (LampCursor){bytes.at, bytes.len > 0 ? bytes.at + bytes.len : bytes.at};
}

static inline gsize
lamp_cursor_left(const LampCursor *c)
{
    return (gsize) (c->end - c->at);
}

static inline LampBytes
lamp_cursor_rest(const LampCursor *c)
{
    return lamp_bytes(c->at, lamp_cursor_left(c));
}

static inline gboolean
lamp_cursor_take(LampCursor *c, gsize n, LampBytes *out_bytes)
{
    if (lamp_cursor_left(c) < n)
        return FALSE;
    *out_bytes = lamp_bytes(c->at, n);
    c->at += n;
    return TRUE;
}

static inline gboolean
lamp_cursor_skip(LampCursor *c, gsize n)
{
    if (lamp_cursor_left(c) < n)
        return FALSE;
    c->at += n;
    return TRUE;
}

/* Integers from @p, which must have enough bytes; be = big endian, le = little endian. */
static inline guint16
lamp_be16(const guint8 *p)
{
    return (guint16) (p[0] << 8 | p[1]);
}

static inline guint32
lamp_be32(const guint8 *p)
{
    return (guint32) p[0] << 24 | (guint32) p[1] << 16 | (guint32) p[2] << 8 | p[3];
}

static inline guint64
lamp_be64(const guint8 *p)
{
    return (guint64) lamp_be32(p) << 32 | lamp_be32(p + 4);
}

static inline guint16
lamp_le16(const guint8 *p)
{
    return (guint16) (p[1] << 8 | p[0]);
}

static inline guint32
lamp_le32(const guint8 *p)
{
    return (guint32) p[3] << 24 | (guint32) p[2] << 16 | (guint32) p[1] << 8 | p[0];
}

static inline guint64
lamp_le64(const guint8 *p)
{
    return (guint64) lamp_le32(p + 4) << 32 | lamp_le32(p);
}

static inline gboolean
lamp_cursor_u8(LampCursor *c, guint8 *out_value)
{
    if (c->at == c->end)
        return FALSE;
    *out_value = *c->at++;
    return TRUE;
}

static inline gboolean
lamp_cursor_be16(LampCursor *c, guint16 *out_value)
{
    if (lamp_cursor_left(c) < 2)
        return FALSE;
    *out_value = lamp_be16(c->at);
    c->at += 2;
    return TRUE;
}

static inline gboolean
lamp_cursor_be32(LampCursor *c, guint32 *out_value)
{
    if (lamp_cursor_left(c) < 4)
        return FALSE;
    *out_value = lamp_be32(c->at);
    c->at += 4;
    return TRUE;
}

/* Takes up to and including the next newline; the line handed out is without it. FALSE, and
 * nothing taken, where there is none. O(n) in the length of the line. */
static inline gboolean
lamp_cursor_line(LampCursor *c, LampBytes *out_line)
{
    gsize left = lamp_cursor_left(c);
    const guint8 *nl = left > 0 ? memchr(c->at, '\n', left) : NULL;
    if (nl == NULL)
        return FALSE;
    *out_line = lamp_bytes(c->at, (gsize) (nl - c->at));
    c->at = nl + 1;
    return TRUE;
}

/* As lamp_cursor_line, but where no input follows (`last`) what stands after the last newline
 * is a line, too. */
static inline gboolean
lamp_cursor_line_or_rest(LampCursor *c, gboolean last, LampBytes *out_line)
{
    if (lamp_cursor_line(c, out_line))
        return TRUE;
    if (!last || lamp_cursor_left(c) == 0)
        return FALSE;
    *out_line = lamp_cursor_rest(c);
    c->at = c->end;
    return TRUE;
}
