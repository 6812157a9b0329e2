/*
 * Fuzz target of one reader, named by LAMP_FUZZ_READER at compile time: one program for each
 * row of ingest/readers.c, made by tests/CMakeLists.txt.
 *
 * The first byte of the input chooses the chunks, the rest is the source. A reader that waits
 * for the end of a unit looks at its begin again for each chunk, so there are at most
 * MOST_CHUNKS: where they were as many as bytes a long input cost fifty times as much as a
 * short one, and a second saw twenty inputs. With its high bit the source is also read whole,
 * and both readings must give the same records. Frames go through the packet layer and its
 * dissectors. The reader's probe is asked about the same bytes.
 */
#include "ingest/readers.h"
#include "tests/fuzz/target.h"
#include "tests/support/reading.h"

enum { SIZE_BITS = 0x0f, COMPARE_BIT = 0x80, MOST_CHUNKS = 16 };

static LampRender *
read_in_chunks(LampBytes content, LampChunks chunks)
{
    LampSourceContext context = lamp_feed_context("fuzz");
    return lamp_reading(&LAMP_FUZZ_READER, content, chunks, &context);
}

int
LLVMFuzzerTestOneInput(const guint8 *at, gsize len)
{
    static const gsize sizes[] = {0, 1, 2, 3, 7, 16, 61, 256, 1024, 4096, 65536};
    if (len < 1)
        return 0;
    LampBytes content = lamp_bytes(at + 1, len - 1);
    guint score = LAMP_FUZZ_READER.probe(content, "fuzz");
    g_assert_cmpuint(score, <=, 100);
    LampChunks chunks = {.size = sizes[(at[0] & SIZE_BITS) % G_N_ELEMENTS(sizes)],
                         .seed = at[0]};
    if (content.len > MOST_CHUNKS * MAX(chunks.size, 1))
        chunks.size = content.len / MOST_CHUNKS + 1;
    g_autoptr(LampRender) cut = read_in_chunks(content, chunks);
    if (at[0] & COMPARE_BIT) {
        g_autoptr(LampRender) whole =
            read_in_chunks(content, (LampChunks){.size = G_MAXUINT32});
        g_assert_cmpstr(cut->records->str, ==, whole->records->str);
    }
    return 0;
}
