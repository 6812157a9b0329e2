/* Comparison of short texts that are compared again and again. */
#pragma once

#include <glib.h>
#include <string.h>

/* Are the @n bytes at @a and @b the same? For short names: words that overlap instead of a call
 * of the C library. O(n). */
static inline gboolean
lamp_bytes_same(const guint8 *a, const guint8 *b, gsize n)
{
    guint64 x, y, differ = 0;
    guint32 v, w;
    if (n < 4) {
        for (gsize i = 0; i < n; i++)
            differ |= (guint64) (a[i] ^ b[i]);
        return differ == 0;
    }
    if (n < 8) {
        memcpy(&v, a, 4);
        memcpy(&w, b, 4);
        differ = v ^ w;
        memcpy(&v, a + n - 4, 4);
        memcpy(&w, b + n - 4, 4);
        return (differ | (v ^ w)) == 0;
    }
    for (gsize i = 0; i + 8 < n; i += 8) {
        memcpy(&x, a + i, 8);
        memcpy(&y, b + i, 8);
        differ |= x ^ y;
    }
    memcpy(&x, a + n - 8, 8);
    memcpy(&y, b + n - 8, 8);
    return (differ | (x ^ y)) == 0;
}
