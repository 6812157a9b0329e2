/* Templates that always stand directly one before the other. */
#include "correlate/log-requests/state.h"
#include "tests/unit/suite.h"

#define KINDS 5
#define PAIRS 100

/* A recording of pairs of templates 1 and 2. */
typedef struct {
    LampLogLine lines[PAIRS * 4];
    guint32 before[PAIRS], after[PAIRS];
    guint32 n;
    double counts[KINDS];
    guint32 only_after[KINDS], only_before[KINDS];
} Recording;

static guint32
write_line(Recording *r, guint32 template)
{
    r->lines[r->n].template = template;
    r->counts[template] += 1;
    return r->n++;
}

static LampGroupState
judge(Recording *r, LampLogInput *input)
{
    *input = (LampLogInput){.lines = r->lines, .n_lines = r->n};
    LampGroupState s = {.input = input,
                        .n_templates = KINDS,
                        .template_count = r->counts,
                        .only_after = r->only_after,
                        .only_before = r->only_before};
    LampLinePairs pairs = {
        .from = 1, .to = 2, .before = r->before, .after = r->after, .n = PAIRS};
    lamp_neighbours_judge(&s, &pairs);
    return s;
}

/* Lines of others stand between nearly all; every tenth pair shows that they need not. */
START_TEST(direct_under_load)
{
    Recording r = {0};
    for (guint k = 0; k < PAIRS; k++) {
        r.before[k] = write_line(&r, 1);
        if (k % 10 != 0)
            write_line(&r, 3 + k % 2);
        r.after[k] = write_line(&r, 2);
    }
    LampLogInput input;
    LampGroupState s = judge(&r, &input);
    ck_assert_uint_eq(s.only_after[2], 2);
    ck_assert_uint_eq(s.only_before[1], 3);
    ck_assert_int_eq(lamp_neighbours_forbid(&s, 1, 2), FALSE);
    ck_assert_int_eq(lamp_neighbours_forbid(&s, 1, 3), TRUE);
    ck_assert_int_eq(lamp_neighbours_forbid(&s, 3, 2), TRUE);
    ck_assert_int_eq(lamp_neighbours_forbid(&s, 3, 4), FALSE);
}
END_TEST

START_TEST(never_direct)
{
    Recording r = {0};
    for (guint k = 0; k < PAIRS; k++) {
        r.before[k] = write_line(&r, 1);
        write_line(&r, 3 + k % 2);
        r.after[k] = write_line(&r, 2);
    }
    LampLogInput input;
    LampGroupState s = judge(&r, &input);
    ck_assert_uint_eq(s.only_after[2], 0);
    ck_assert_int_eq(lamp_neighbours_forbid(&s, 1, 3), FALSE);
}
END_TEST

/* A quarter goes directly, the others by way of a template that stands nowhere else. */
START_TEST(directly_or_by_detour)
{
    Recording r = {0};
    for (guint k = 0; k < PAIRS; k++) {
        r.before[k] = write_line(&r, 1);
        if (k % 4 != 0)
            write_line(&r, 3);
        r.after[k] = write_line(&r, 2);
    }
    LampLogInput input;
    LampGroupState s = judge(&r, &input);
    ck_assert_uint_eq(s.only_after[2], 0);
    ck_assert_int_eq(lamp_neighbours_forbid(&s, 3, 2), FALSE);
}
END_TEST

/* The same lines between, but elsewhere as well: those are others'. */
START_TEST(busy_others)
{
    Recording r = {0};
    for (guint k = 0; k < PAIRS; k++) {
        r.before[k] = write_line(&r, 1);
        if (k % 4 != 0)
            write_line(&r, 3);
        r.after[k] = write_line(&r, 2);
        write_line(&r, 3);
    }
    LampLogInput input;
    LampGroupState s = judge(&r, &input);
    ck_assert_uint_eq(s.only_after[2], 2);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("neighbours");
    TCase *tcase = tcase_create("core");
    tcase_add_test(tcase, direct_under_load);
    tcase_add_test(tcase, never_direct);
    tcase_add_test(tcase, directly_or_by_detour);
    tcase_add_test(tcase, busy_others);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
