/*
 * Fuzz target of the database opener: the input is a file that somebody else made. It is opened
 * as every command does, asked what the commands ask first, and closed. The file lives in
 * memory only.
 */
#include "store/statement.h"
#include "tests/fuzz/target.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ROWS_AT_MOST = 200 };

static void
ask(LampStore *store, const char *sql)
{
    g_autoptr(LampStatement) query = lamp_statement_new(store, sql, NULL);
    gboolean has_row = query != NULL;
    for (guint row = 0; has_row && row < ROWS_AT_MOST; row++) {
        if (!lamp_statement_step(query, &has_row, NULL) || !has_row)
            return;
        for (int i = 0; i < lamp_statement_column_count(query); i++)
            (void) lamp_statement_text(query, i);
    }
}

static void
open_as(const char *path, LampStoreMode mode)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LampStore) store = lamp_store_open(path, mode, &error);
    g_assert_true((store == NULL) == (error != NULL));
    if (store == NULL)
        return;
    g_autofree char *stage = lamp_store_get_meta(store, "ingest.state");
    if (stage == NULL || !lamp_store_stage_require(store, "correlate", NULL))
        return;
    (void) lamp_store_text(store, 1);
    ask(store, "SELECT * FROM source_coverage");
    ask(store, "SELECT * FROM call_details");
    ask(store, "SELECT * FROM spans");
}

int
LLVMFuzzerTestOneInput(const guint8 *at, gsize len)
{
    int file = memfd_create("store", 0);
    g_assert_true(file >= 0);
    g_assert_true(len == 0 || write(file, at, len) == (gssize) len);
    char path[64];
    g_snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    open_as(path, LAMP_STORE_READ);
    close(file);
    return 0;
}
