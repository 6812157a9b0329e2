/* Names of rotated logs. */
#include "ingest/rotation.h"
#include "tests/unit/suite.h"

static const char *const families[][2] = {
    {"a/app.log", "a/app.log"},
    {"a/app.log.3", "a/app.log"},
    {"a/app.log.3.gz", "a/app.log"},
    {"a/app.log-20261121.xz", "a/app.log"},
    {"a/app.log.2026-11-21-09", "a/app.log"},
    {"app-2026-11-21.log", "app.log"},
    {"app.2026-11-21.2.log.gz", "app.log"},
    {"syslog.1", "syslog"},
    {"web1.log", "web1.log"},
    {"a.b/c", "a.b/c"},
    {"node-1.2.log", "node-1.2.log"},
    {"192.168.0.12", "192.168.0"}, /* no harm */
    {".1", ".1"},
    {"", ""},
};

START_TEST(finds_family)
{
    g_autofree char *family = lamp_rotation_family(families[_i][0]);
    ck_assert_str_eq(family, families[_i][1]);
}
END_TEST

/* Each is older than all that follow it, or sorted before them by its name. */
static const char *const ordered[] = {
    "a/app.log.10.gz",
    "a/app.log.2",
    "a/app.log.1",
    "a/app.log-20261120",
    "a/app.log-20261121",
    "a/app.log",
    "a/b-2026-11-20.2.log",
    "a/b-2026-11-20.10.log",
    "a/b-2026-11-21.log",
    "a/b.log",
    "a/z.log.1",
    "a/z.log",
    "b/app.log.1",
};

START_TEST(orders_by_age)
{
    for (gsize i = 0; i < G_N_ELEMENTS(ordered); i++)
        for (gsize k = 0; k < G_N_ELEMENTS(ordered); k++) {
            gint order = lamp_rotation_compare(ordered[i], ordered[k]);
            ck_assert_msg((order > 0) - (order < 0) == (i > k) - (i < k), "%s, %s", ordered[i],
                          ordered[k]);
        }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("rotation");
    TCase *tests = tcase_create("rotation");
    tcase_add_loop_test(tests, finds_family, 0, G_N_ELEMENTS(families));
    tcase_add_test(tests, orders_by_age);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
