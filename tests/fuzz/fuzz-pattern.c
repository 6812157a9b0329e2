/*
 * Fuzz target of the user's own formats: the input up to its first NUL byte is the key file
 * with the patterns, the rest is the log. Both come from others.
 */
#include "ingest/readers.h"
#include "tests/fuzz/target.h"
#include "tests/support/reading.h"

int
LLVMFuzzerTestOneInput(const guint8 *at, gsize len)
{
    const guint8 *nul = len > 0 ? memchr(at, '\0', len) : NULL;
    gsize pattern_len = nul == NULL ? len : (gsize) (nul - at);
    g_autofree char *pattern = g_strndup((const char *) at, pattern_len);
    gsize used = MIN(len, pattern_len + 1);
    LampSourceContext context = lamp_feed_context("fuzz");
    context.pattern = pattern;
    LampBytes log = used < len ? lamp_bytes(at + used, len - used) : lamp_bytes("", 0);
    lamp_render_free(lamp_reading(&lamp_reader_pattern, log,
                                  (LampChunks){.size = 0, .seed = (guint32) len}, &context));
    return 0;
}
