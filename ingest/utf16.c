/*
 * UTF-16 to UTF-8 in a stream, and back from places in the result to places in the file.
 *
 * In: bytes as they are read, in pieces of any size. Out: UTF-8; halves of pairs that stand
 * alone become U+FFFD, so that each letter of the result stands for two bytes of the file, or
 * for four where it takes four bytes itself. So a place is found by counting letters from one
 * that is known; places are asked in order, and each byte is counted once or twice.
 * Specification: RFC 2781.
 */
#include "ingest/utf16.h"

#include <string.h>

enum { MARK = 2, UNIT = 2 };

void
lamp_utf16_begin(LampUtf16 *utf16, LampBytes head)
{
    gboolean is_little = lamp_bytes_starts(head, "\xff\xfe");
    gboolean is_utf32 = is_little && head.len >= 4 && head.at[2] == 0 && head.at[3] == 0;
    utf16->is_big = lamp_bytes_starts(head, "\xfe\xff");
    utf16->is_active = head.len > MARK && !is_utf32 && (is_little || utf16->is_big);
}

gsize
lamp_utf16_room(gsize n)
{
    return (n + LAMP_UTF16_CARRY) / UNIT * 3 + 3;
}

static guint
unit_at(const LampUtf16 *utf16, const guint8 *at)
{
    return utf16->is_big ? (guint) at[0] << 8 | at[1] : (guint) at[1] << 8 | at[0];
}

static gsize
put(guint8 *out, guint32 letter)
{
    return (gsize) g_unichar_to_utf8(letter, (char *) out);
}

/* One letter at the begin of @at, of which @left bytes are there; bytes used, 0: more are
 * needed. */
static gsize
take_letter(const LampUtf16 *utf16, const guint8 *at, gsize left, guint32 *out_letter)
{
    if (left < UNIT)
        return 0;
    guint unit = unit_at(utf16, at);
    *out_letter = unit;
    if (unit < 0xd800 || unit > 0xdfff)
        return UNIT;
    *out_letter = 0xfffd;
    if (unit > 0xdbff)
        return UNIT;
    if (left < 2 * UNIT)
        return 0;
    guint second = unit_at(utf16, at + UNIT);
    if (second < 0xdc00 || second > 0xdfff)
        return UNIT;
    *out_letter = 0x10000 + ((unit - 0xd800) << 10) + (second - 0xdc00);
    return 2 * UNIT;
}

/* The letter that was carried, with the first bytes of @raw; how many of these it took. */
static gsize
finish_carried(LampUtf16 *utf16, LampBytes raw, guint8 *out, gsize *io_length)
{
    gsize taken = 0;
    guint32 letter;
    while (utf16->carried > 0) {
        gsize used = take_letter(utf16, utf16->carry, utf16->carried, &letter);
        if (used == 0 && (taken == raw.len || utf16->carried == LAMP_UTF16_CARRY))
            return taken;
        if (used == 0) {
            utf16->carry[utf16->carried++] = raw.at[taken++];
            continue;
        }
        *io_length += put(out + *io_length, letter);
        utf16->carried -= (guint) used;
        memmove(utf16->carry, utf16->carry + used, utf16->carried);
    }
    return taken;
}

gsize
lamp_utf16_decode(LampUtf16 *utf16, LampBytes raw, gboolean last, guint8 *out)
{
    gsize length = 0, used;
    guint32 letter;
    gsize at = finish_carried(utf16, raw, out, &length);
    while (utf16->carried == 0 && at < raw.len &&
           (used = take_letter(utf16, raw.at + at, raw.len - at, &letter)) > 0) {
        if (letter < 0x80)
            out[length++] = (guint8) letter;
        else
            length += put(out + length, letter);
        at += used;
    }
    while (at < raw.len && utf16->carried < LAMP_UTF16_CARRY)
        utf16->carry[utf16->carried++] = raw.at[at++];
    if (last && utf16->carried > 0) {
        length += put(out + length, 0xfffd);
        utf16->carried = 0;
    }
    return length;
}

/* How many bytes of the file @text stands for. */
static guint64
raw_length(LampBytes text)
{
    guint64 length = 0;
    for (gsize i = 0; i < text.len; i++) {
        length += (text.at[i] & 0xc0) != 0x80 ? UNIT : 0;
        length += text.at[i] >= 0xf0 ? UNIT : 0;
    }
    return length;
}

guint64
lamp_utf16_place(LampUtf16 *utf16, LampBytes window, guint64 window_offset, guint64 offset)
{
    guint64 end = window_offset + window.len, begin = utf16->decoded;
    if (offset < begin && begin <= end && offset >= window_offset)
        return utf16->raw - raw_length(lamp_bytes(window.at + (offset - window_offset),
                                                  (gsize) (begin - offset)));
    if (offset < begin || begin < window_offset || offset > end)
        return utf16->raw + UNIT * offset - UNIT * begin; /* gone: as if all were ASCII */
    utf16->raw +=
        raw_length(lamp_bytes(window.at + (begin - window_offset), (gsize) (offset - begin)));
    utf16->decoded = offset;
    return utf16->raw;
}

void
lamp_utf16_slide(LampUtf16 *utf16, LampBytes window, guint64 window_offset, gsize used)
{
    if (utf16->decoded < window_offset + used)
        (void) lamp_utf16_place(utf16, window, window_offset, window_offset + used);
}
