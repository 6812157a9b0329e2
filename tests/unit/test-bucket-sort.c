/* Sorting in place: the same order as qsort()'s, for keys of every spread. */
#include "base/bucket-sort.h"

#include "tests/unit/suite.h"

typedef struct {
    guint32 second;
    guint64 key;
    guint32 third;
} Element;

static int
compare(const void *x, const void *y)
{
    const Element *a = x, *b = y;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    if (a->second != b->second)
        return a->second < b->second ? -1 : 1;
    return (a->third > b->third) - (a->third < b->third);
}

static const LampBucketOrder order = {
    .size = sizeof(Element), .key_offset = G_STRUCT_OFFSET(Element, key), .compare = compare};

static guint64
next_random(guint64 *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* @narrow: how many bits of the random numbers are left out of the keys. */
static void
check(gsize count, guint narrow, guint64 from)
{
    guint64 state = 88172645463325252 + count;
    Element *sorted = g_new0(Element, MAX(count, 1)),
            *expected = g_new0(Element, MAX(count, 1));
    for (gsize i = 0; i < count; i++) {
        guint64 random = next_random(&state);
        sorted[i].key = from + (narrow < 64 ? random >> narrow : 0);
        sorted[i].second = (guint32) next_random(&state) % 7;
        sorted[i].third = (guint32) i;
        expected[i] = sorted[i];
    }
    qsort(expected, count, sizeof *expected, compare);
    lamp_bucket_sort(sorted, count, &order);
    for (gsize i = 0; i < count; i++)
        ck_assert_int_eq(compare(&sorted[i], &expected[i]), 0);
    g_free(sorted);
    g_free(expected);
}

START_TEST(test_keys_of_every_spread)
{
    static const gsize counts[] = {0, 1, 2, 3, 25, 1000, 70000};
    static const guint narrow[] = {0, 1, 20, 48, 58, 63, 64};
    for (gsize c = 0; c < G_N_ELEMENTS(counts); c++)
        for (gsize n = 0; n < G_N_ELEMENTS(narrow); n++)
            check(counts[c], narrow[n], 0);
    check(1000, 60, G_MAXUINT64 - 15);
}
END_TEST

START_TEST(test_one_value_far_away)
{
    Element e[100] = {0};
    for (guint i = 0; i < 100; i++)
        e[i] = (Element){.key = i == 50 ? G_MAXUINT64 : 99 - i};
    lamp_bucket_sort(e, G_N_ELEMENTS(e), &order);
    for (guint i = 1; i < 100; i++)
        ck_assert_int_lt(compare(&e[i - 1], &e[i]), 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("bucket-sort");
    TCase *tests = tcase_create("bucket-sort");
    tcase_add_test(tests, test_keys_of_every_spread);
    tcase_add_test(tests, test_one_value_far_away);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
