/* test-problem.c — the fields of the causal engine do not depend on how things are numbered */
#include "correlate/inference/problem.h"

#include "tests/unit/suite.h"

#define MS G_GINT64_CONSTANT(1000000)
#define ORIGIN G_GINT64_CONSTANT(1700000000000000000)
#define CALLS 60

/* Two services of two instances each; each request makes two calls at one and the same time. */
static void
make_calls(LampInferenceCall *calls, guint32 (*number)(guint32))
{
    for (guint32 i = 0; i < CALLS; i++) {
        guint32 request = i / 3, replica = request % 2, is_step = i % 3;
        gint64 start = ORIGIN + request * 2 * MS, end = start + (9 - is_step) * MS;
        calls[i] =
            (LampInferenceCall){.client_start_ns = start,
                                .client_end_ns = end,
                                .server_start_ns = start,
                                .server_end_ns = end,
                                .client_service = is_step ? number(1) : 0,
                                .client_process = is_step ? number(3 + replica) : 0,
                                .server_service = is_step ? number(2) : number(1),
                                .server_process = number(is_step ? 5 + replica : 3 + replica),
                                .operation = number(7 + is_step)};
    }
}

static guint32
same(guint32 number)
{
    return number;
}

static guint32
backwards(guint32 number)
{
    return 100 - number;
}

static LampProblem *
make_problem(LampInferenceCall *calls, guint32 (*number)(guint32), LampInferenceInput *input)
{
    make_calls(calls, number);
    *input = (LampInferenceInput){.calls = calls, .n_calls = CALLS};
    return lamp_problem_new(input, NULL);
}

START_TEST(numbers_do_not_decide_the_order)
{
    LampInferenceCall calls[2][CALLS];
    LampInferenceInput input[2];
    LampProblem *a = make_problem(calls[0], same, &input[0]);
    LampProblem *b = make_problem(calls[1], backwards, &input[1]);
    ck_assert_uint_eq(a->n_fields, 1);
    ck_assert_uint_eq(b->n_fields, 1);
    ck_assert_uint_eq(a->fields[0].n_requests, CALLS / 3);
    ck_assert_uint_eq(a->fields[0].n_steps, CALLS - CALLS / 3);
    lamp_field_find_candidates(&a->fields[0]);
    lamp_field_find_candidates(&b->fields[0]);
    for (guint32 r = 0; r < a->fields[0].n_requests; r++)
        ck_assert_uint_eq(a->fields[0].requests[r].call, b->fields[0].requests[r].call);
    for (guint32 s = 0; s < a->fields[0].n_steps; s++) {
        ck_assert_uint_eq(a->fields[0].steps[s].call, b->fields[0].steps[s].call);
        ck_assert_uint_eq(a->fields[0].steps[s].kind, b->fields[0].steps[s].kind);
        ck_assert_uint_gt(a->fields[0].steps[s].n_candidates, 0);
        ck_assert_uint_eq(a->fields[0].steps[s].n_candidates,
                          b->fields[0].steps[s].n_candidates);
    }
    lamp_problem_free(a);
    lamp_problem_free(b);
}
END_TEST

/* Two commands sent one after the other, before either has been answered. */
static void
make_pipeline(LampInferenceCall *calls, guint32 first_connection, guint32 second_connection)
{
    for (guint32 i = 0; i < 2; i++)
        calls[i] = (LampInferenceCall){
            .client_start_ns = ORIGIN + i * MS,
            .client_end_ns = ORIGIN + 9 * MS - i * MS,
            .server_start_ns = ORIGIN + i * MS,
            .server_end_ns = ORIGIN + 9 * MS - i * MS,
            .client_process = 1,
            .client_service = 1,
            .server_process = 1,
            .server_service = 1,
            .operation = 1,
            .client_connection = i == 0 ? first_connection : second_connection,
            .server_connection = i == 0 ? first_connection : second_connection};
}

static guint32
count_candidates(const LampInferenceCall *calls)
{
    LampInferenceInput input = {.calls = calls, .n_calls = 2};
    LampProblem *problem = lamp_problem_new(&input, NULL);
    guint32 n = 0;
    for (guint32 i = 0; i < problem->n_fields; i++) {
        lamp_field_find_candidates(&problem->fields[i]);
        n += problem->fields[i].n_candidates;
    }
    lamp_problem_free(problem);
    return n;
}

START_TEST(no_call_is_caused_by_one_before_it_on_its_own_connection)
{
    LampInferenceCall calls[2];
    make_pipeline(calls, 1, 1);
    ck_assert_uint_eq(count_candidates(calls), 0);
    make_pipeline(calls, 1, 2);
    ck_assert_uint_eq(count_candidates(calls), 1);
    make_pipeline(calls, 0, 0);
    ck_assert_uint_eq(count_candidates(calls), 1);
    /* The client of the first is called back over the same connection. */
    make_pipeline(calls, 1, 1);
    calls[0].client_process = calls[0].client_service = 2;
    calls[1].server_process = calls[1].server_service = 2;
    ck_assert_uint_eq(count_candidates(calls), 1);
}
END_TEST

/* One request with @n calls, each to a service and an operation of its own. */
static guint32
count_step_kinds(guint32 n)
{
    g_autofree LampInferenceCall *calls = g_new0(LampInferenceCall, n + 1);
    for (guint32 i = 0; i <= n; i++) {
        gint64 start = ORIGIN + i * MS, end = i == 0 ? ORIGIN + (n + 1) * MS : start + MS / 2;
        calls[i] = (LampInferenceCall){.client_start_ns = start,
                                       .client_end_ns = end,
                                       .server_start_ns = start,
                                       .server_end_ns = end,
                                       .client_service = i > 0,
                                       .client_process = i > 0,
                                       .server_service = 1 + i,
                                       .server_process = 1 + i,
                                       .operation = 1 + i};
    }
    LampInferenceInput input = {.calls = calls, .n_calls = n + 1};
    LampProblem *problem = lamp_problem_new(&input, NULL);
    guint32 kinds = problem->fields[0].n_step_kinds;
    ck_assert_uint_eq(problem->fields[0].n_steps, n);
    lamp_problem_free(problem);
    return kinds;
}

START_TEST(kinds_of_calls_are_bounded)
{
    ck_assert_uint_eq(count_step_kinds(500), 500);
    ck_assert_uint_eq(count_step_kinds(2000), 512 + 64 + 1);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("problem");
    TCase *tcase = tcase_create("numbers");
    tcase_add_test(tcase, numbers_do_not_decide_the_order);
    tcase_add_test(tcase, no_call_is_caused_by_one_before_it_on_its_own_connection);
    tcase_add_test(tcase, kinds_of_calls_are_bounded);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
