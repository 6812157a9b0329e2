/*
 * Fuzz target of the text that `lamplight sql` takes: compiled and, where it only reads, run on
 * an empty database for some rows. SQLite is not ours; what is tested is that no text changes
 * the database or gets through a statement boundary.
 */
#include "store/statement.h"
#include "tests/fuzz/target.h"

enum { ROWS_AT_MOST = 20 };

int
LLVMFuzzerTestOneInput(const guint8 *at, gsize len)
{
    static LampStore *store;
    if (store == NULL)
        store = lamp_store_open(":memory:", LAMP_STORE_CREATE, NULL);
    g_assert_nonnull(store);
    /* Recursion without end is a way to wait that the user has chosen; attaching makes files
     * where the first database is not opened to be read only, as it is here. */
    g_autofree char *sql = g_ascii_strdown((const char *) at, (gssize) len);
    if (strstr(sql, "recursive") != NULL || strstr(sql, "blob(") != NULL ||
        strstr(sql, "attach") != NULL)
        return 0;
    g_autoptr(GError) error = NULL;
    g_autoptr(LampStatement) query = lamp_statement_new(store, sql, &error);
    g_assert_true((query == NULL) == (error != NULL));
    gboolean has_row = query != NULL && lamp_statement_is_read_only(query);
    for (guint row = 0; has_row && row < ROWS_AT_MOST; row++)
        if (!lamp_statement_step(query, &has_row, NULL))
            return 0;
    return 0;
}
