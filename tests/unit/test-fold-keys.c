/* Words in keys of stores are folded where they are many, and only there. */
#include "tests/unit/correlate-fixture.h"

/* A source of log lines that tell of calls with @operations (NULL-terminated) of @protocol. */
static void
add_calls(Fixture *f, const char *protocol, const char *const *operations)
{
    fixture_run(f, "INSERT OR IGNORE INTO sources (source_id, path, kind, size_bytes, state)"
                   " VALUES (1, 'store.log', 'log', 0, 'done')");
    for (guint i = 0; operations[i] != NULL; i++) {
        gint64 at = EPOCH + ++f->observations * 1000000000;
        fixture_run(f,
                    "INSERT INTO observations (observation_id, source_id, origin, role,"
                    " position, protocol_id, operation_id, request_first_ns, request_last_ns,"
                    " response_first_ns, response_last_ns, resolution_ns) VALUES (%d, 1,"
                    " 'span', 'server', 0, %d, %d, %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT
                    ", %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ", 1)",
                    (int) f->observations,
                    (int) lamp_store_intern(f->store, lamp_bytes_text(protocol)),
                    (int) lamp_store_intern(f->store, lamp_bytes_text(operations[i])), at, at,
                    at + 1000000, at + 1000000);
    }
}

static char *
operations_after(const char *protocol, const char *const *operations)
{
    Fixture f;
    fixture_begin(&f);
    add_calls(&f, protocol, operations);
    fixture_ready(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    char *text = fixture_text(&f, "SELECT group_concat(text, ',') FROM (SELECT DISTINCT o.text"
                                  " FROM calls c JOIN strings o ON o.string_id ="
                                  " c.operation_id ORDER BY 1)");
    fixture_end(&f);
    return text;
}

START_TEST(test_many_words_below_one_part_are_folded)
{
    static const char *const many[] = {"get search:a",
                                       "get search:b",
                                       "get search:c",
                                       "get search:d",
                                       "get search:e",
                                       "get search:f",
                                       "get search:{}",
                                       "set search:a",
                                       "get config:flags",
                                       "get featured",
                                       NULL};
    static const char *const few[] = {"get search:a", "get search:b", "get search:c",
                                      "get search:d", "get search:e", NULL};
    g_autofree char *cache = operations_after("memcached", many);
    g_autofree char *redis = operations_after("redis", many);
    g_autofree char *kept = operations_after("redis", few);
    g_autofree char *paths = operations_after("http", many);
    ck_assert_str_eq(cache, "get config:flags,get featured,get search:{},set search:a");
    ck_assert_str_eq(redis, cache);
    ck_assert_str_eq(kept, "get search:a,get search:b,get search:c,get search:d,get search:e");
    ck_assert_ptr_nonnull(strstr(paths, "get search:a"));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("fold-keys");
    TCase *cases = tcase_create("fold-keys");
    tcase_add_test(cases, test_many_words_below_one_part_are_folded);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
