/* Checks that hold for every reader: how the bytes are cut into pieces makes no difference, and
 * the beginning of a capture gives the beginning of its frames.
 */
#pragma once

#include "tests/unit/collect.h"
#include "tests/unit/seed.h"

#include <check.h>

/* Result, findings and coverage are equal whether the bytes come at once or in pieces. */
static inline void
check_chunking(const LampReader *reader, LampBytes bytes, gboolean with_packets)
{
    static const gsize chunks[] = {1, 2, 3, 7, 4096};
    seed_write_source(reader->name, bytes);
    Collect whole;
    collect_begin(&whole);
    collect_read(&whole, reader, bytes, 0, with_packets);
    ck_assert_uint_eq(whole.understood + whole.other, bytes.len);
    for (guint i = 0; i < G_N_ELEMENTS(chunks); i++) {
        Collect cut;
        collect_begin(&cut);
        collect_read(&cut, reader, bytes, chunks[i], with_packets);
        ck_assert_str_eq(cut.text->str, whole.text->str);
        ck_assert_str_eq(cut.findings->str, whole.findings->str);
        ck_assert_uint_eq(cut.understood, whole.understood);
        ck_assert_uint_eq(cut.other, whole.other);
        ck_assert_uint_eq(cut.records, whole.records);
        ck_assert_uint_eq(cut.rejected, whole.rejected);
        collect_end(&cut);
    }
    collect_end(&whole);
}

/* Every prefix, @step bytes apart, gives a prefix of the frames, and accounts for all its
 * bytes. */
static inline void
check_prefixes(const LampReader *reader, LampBytes bytes, gsize step)
{
    Collect whole;
    collect_begin(&whole);
    collect_read(&whole, reader, bytes, 0, FALSE);
    for (gsize n = 0; n < bytes.len; n += step) {
        Collect part;
        collect_begin(&part);
        collect_read(&part, reader, lamp_bytes(bytes.at, n), 0, FALSE);
        ck_assert(g_str_has_prefix(whole.text->str, part.text->str));
        ck_assert_uint_eq(part.understood + part.other, n);
        collect_end(&part);
    }
    collect_end(&whole);
}
