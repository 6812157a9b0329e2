/*
 * Texts in UTF-16, as Windows exports them: read as UTF-8, with places that are those of the
 * file.
 */
#pragma once

#include "base/bytes.h"

enum { LAMP_UTF16_CARRY = 4 };

/* Zeroed, then lamp_utf16_begin(). */
typedef struct {
    gboolean is_active, is_big;
    guint carried;                  /* bytes of a letter whose rest is to come */
    guint8 carry[LAMP_UTF16_CARRY]; /* as they are in the file */
    guint64 decoded, raw;           /* one place in both, where counting goes on */
} LampUtf16;

/* Sets up @utf16 if @head, the first bytes of a content, begins with the mark of UTF-16. */
void lamp_utf16_begin(LampUtf16 *utf16, LampBytes head);

/* Most bytes that lamp_utf16_decode() makes of @n. */
gsize lamp_utf16_room(gsize n);

/* @raw as UTF-8, the mark too, in @out; halves of letters are kept for the next call, or, with
 * @last, shown as U+FFFD. Returns the number of bytes. O(n). */
gsize lamp_utf16_decode(LampUtf16 *utf16, LampBytes raw, gboolean last, guint8 *out);

/* The place in the file of the byte at @offset of the decoded text, of which @window, from
 * @window_offset on, is at hand; what is asked in order is counted once. Windows follow each
 * other through lamp_utf16_slide(). */
guint64 lamp_utf16_place(LampUtf16 *utf16, LampBytes window, guint64 window_offset,
                         guint64 offset);

/* The first @used bytes of @window go: counts them where that was not asked yet. */
void lamp_utf16_slide(LampUtf16 *utf16, LampBytes window, guint64 window_offset, gsize used);
