/*
 * Fuzz target of the grammar of what-if changes: text in, a change or an error out, and its
 * parts can be shown.
 */
#include "model/change.h"
#include "tests/fuzz/target.h"

int
LLVMFuzzerTestOneInput(const guint8 *at, gsize len)
{
    g_autofree char *text = g_strndup((const char *) at, len);
    g_autoptr(GError) error = NULL;
    g_autoptr(LampChange) change = lamp_change_parse(text, &error);
    g_assert_true((change == NULL) == (error != NULL));
    if (change == NULL)
        return 0;
    for (guint i = 0; i < lamp_change_parts(change); i++) {
        g_autofree char *part = lamp_change_part_text(change, i);
        g_assert_nonnull(part);
    }
    return 0;
}
