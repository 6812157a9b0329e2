/* Every capture of other projects' test sets, broken ones among them, through reader and packet
 * layer: no crash, all bytes accounted for. Skipped where the sets are absent.
 */
#include "ingest/source.h"
#include "tests/unit/collect.h"
#include "tests/unit/suite.h"

#define ROOT "../shared/data/public"

typedef struct {
    guint files, captures;
    guint64 frames;
} Seen;

static const LampReader *
best_reader(LampBytes head, const char *path)
{
    const LampReader *best = NULL;
    guint best_score = 0;
    for (guint i = 0; lamp_readers[i] != NULL; i++) {
        guint score = lamp_readers[i]->probe(head, path);
        if (score > best_score && lamp_readers[i]->kind == LAMP_KIND_CAPTURE) {
            best = lamp_readers[i];
            best_score = score;
        }
    }
    return best;
}

static void
read_file(const char *path, Seen *seen)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    if (!g_file_get_contents(path, &text, &length, NULL))
        return;
    seen->files++;
    const LampReader *reader = best_reader(lamp_bytes(text, MIN(length, 65536)), path);
    if (reader == NULL)
        return;
    Collect c;
    collect_begin(&c);
    collect_read(&c, reader, lamp_bytes(text, length), 65536, TRUE);
    ck_assert_msg(c.understood + c.other == length, "%s: bytes not accounted for", path);
    seen->captures++;
    seen->frames += c.frames;
    collect_end(&c);
}

START_TEST(test_public_captures)
{
    Seen seen = {0};
    if (!g_file_test(ROOT, G_FILE_TEST_IS_DIR)) {
        g_print("skipped: %s is absent\n", ROOT);
        return;
    }
    g_autoptr(GPtrArray) sources = lamp_sources_find((const char *const[]){ROOT, NULL});
    for (guint i = 0; i < sources->len; i++)
        read_file(((const LampSource *) sources->pdata[i])->path, &seen);
    g_print("%u files, %u captures, %" G_GUINT64_FORMAT " frames\n", seen.files, seen.captures,
            seen.frames);
    ck_assert_uint_gt(seen.captures, 1000);
    ck_assert_uint_gt(seen.frames, 40000);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("packets-public");
    TCase *tests = tcase_create("packets-public");
    tcase_set_timeout(tests, 110);
    tcase_add_test(tests, test_public_captures);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
