/* The mean of two runs of the engine. */
#include "correlate/inference/average.h"
#include "tests/unit/suite.h"

#define N 60u
#define MS G_GINT64_CONSTANT(1000000)

/* A root, call 0, and N calls of service 1 with two candidates each; the first is call 1. */
static LampInference *
make_run(guint32 preferred, float probability)
{
    LampInference *run = g_new0(LampInference, 1);
    run->n_calls = N + 3;
    run->links = g_new0(LampInferenceLink, run->n_calls);
    run->candidates = g_new0(LampInferenceCandidate, (gsize) 2 * N);
    run->n_candidates = (gsize) 2 * N;
    for (guint32 i = 0; i < 3; i++)
        run->links[i].parent = LAMP_INFERENCE_NO_CALL;
    run->links[1].trace_probability = run->links[2].trace_probability = 0.5F;
    for (guint32 i = 0; i < N; i++) {
        run->candidates[i * 2] =
            (LampInferenceCandidate){.parent = preferred, .probability = probability};
        run->candidates[i * 2 + 1] =
            (LampInferenceCandidate){.parent = 3 - preferred, .probability = 1 - probability};
        run->links[i + 3] = (LampInferenceLink){.parent = preferred,
                                                .probability = probability,
                                                .first_candidate = i * 2,
                                                .candidate_count = 2,
                                                .possible = 12};
    }
    run->services = g_new0(LampInferenceService, 1);
    run->n_services = 1;
    run->services[0].service = 1;
    return run;
}

static LampInferenceCall *
make_calls(void)
{
    LampInferenceCall *calls = g_new0(LampInferenceCall, N + 3);
    for (guint32 i = 3; i < N + 3; i++)
        calls[i].client_service = 1;
    return calls;
}

START_TEST(test_runs_that_differ_are_doubted)
{
    g_autofree LampInferenceCall *calls = make_calls();
    LampInferenceInput input = {.calls = calls, .n_calls = N + 3};
    g_autoptr(LampInference) first = make_run(1, 0.9F);
    g_autoptr(LampInference) second = make_run(2, 0.7F);
    guint32 n;
    g_autofree guint8 *services = lamp_average_needed(first, &input, &n);
    ck_assert_ptr_nonnull(services);
    ck_assert_uint_eq(services[1], 1);
    lamp_average_links(first, second, &input, services, n);
    for (guint32 i = 3; i < N + 3; i++) {
        const LampInferenceLink *link = &first->links[i];
        ck_assert_uint_eq(link->parent, 1);
        ck_assert_float_eq_tol(link->probability, 0.6F, 1e-6F);
        ck_assert_uint_eq(link->runner_up, 2);
        ck_assert_float_eq_tol(link->runner_up_probability, 0.4F, 1e-6F);
        ck_assert_uint_eq(link->candidate_count, 2);
    }
    ck_assert_float_lt(first->links[1].trace_probability, 0.1F);
    ck_assert_float_eq(first->links[2].trace_probability, 0.5F);
    ck_assert_double_eq_tol(first->services[0].expected_accuracy, 0.6, 1e-6);
}
END_TEST

START_TEST(test_the_surer_run_tells_the_parent)
{
    g_autofree LampInferenceCall *calls = make_calls();
    LampInferenceInput input = {.calls = calls, .n_calls = N + 3};
    g_autoptr(LampInference) first = make_run(1, 0.6F);
    g_autoptr(LampInference) second = make_run(2, 0.9F);
    second->links[3].kind = LAMP_LINK_RETRY;
    const guint8 services[2] = {0, 1};
    lamp_average_links(first, second, &input, services, 2);
    ck_assert_uint_eq(first->links[3].parent, 2);
    ck_assert_uint_eq(first->links[3].kind, LAMP_LINK_RETRY);
    ck_assert_float_eq_tol(first->links[3].probability, 0.65F, 1e-6F);
}
END_TEST

START_TEST(test_few_candidates_or_no_doubt_need_no_second_run)
{
    g_autofree LampInferenceCall *calls = make_calls();
    LampInferenceInput input = {.calls = calls, .n_calls = N + 3};
    guint32 n;
    g_autoptr(LampInference) sure = make_run(1, 0.99F);
    ck_assert_ptr_null(lamp_average_needed(sure, &input, &n));
    g_autoptr(LampInference) few = make_run(1, 0.6F);
    for (guint32 i = 3; i < N + 3; i++)
        few->links[i].possible = 2;
    ck_assert_ptr_null(lamp_average_needed(few, &input, &n));
}
END_TEST

/* Thirty requests a millisecond apart, each 40 ms long, whose calls come at any time: where the
 * first assignment is another, so is the answer, and the second run is seen in the mean. */
START_TEST(test_a_crowded_service_is_run_twice)
{
    enum { REQUESTS = 120 };
    g_autofree LampInferenceCall *calls = g_new0(LampInferenceCall, (gsize) 2 * REQUESTS);
    g_autoptr(GRand) random = g_rand_new_with_seed(7);
    for (guint32 i = 0; i < REQUESTS; i++) {
        gint64 start = i * MS, step = start + MS + g_rand_int_range(random, 0, 30) * MS;
        calls[i] = (LampInferenceCall){.client_start_ns = LAMP_INFERENCE_TIME_NONE,
                                       .client_end_ns = LAMP_INFERENCE_TIME_NONE,
                                       .server_start_ns = start,
                                       .server_end_ns = start + 40 * MS,
                                       .server_process = 1,
                                       .server_service = 1,
                                       .operation = 1};
        calls[REQUESTS + i] = (LampInferenceCall){.client_start_ns = step,
                                                  .client_end_ns = step + MS,
                                                  .server_start_ns = LAMP_INFERENCE_TIME_NONE,
                                                  .server_end_ns = LAMP_INFERENCE_TIME_NONE,
                                                  .client_process = 1,
                                                  .client_service = 1,
                                                  .server_service = 2,
                                                  .operation = 2};
    }
    LampInferenceInput input = {.calls = calls, .n_calls = (gsize) 2 * REQUESTS};
    g_autoptr(LampInference) once = lamp_inference_run(&input, NULL, NULL);
    g_autoptr(LampInference) mean = lamp_inference_run_averaged(&input, NULL, NULL);
    double once_sure = 0, mean_sure = 0;
    for (guint32 i = REQUESTS; i < 2 * REQUESTS; i++) {
        once_sure += (double) once->links[i].probability;
        mean_sure += (double) mean->links[i].probability;
    }
    ck_assert_double_lt(mean_sure, once_sure);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("average");
    TCase *cases = tcase_create("average");
    tcase_add_test(cases, test_runs_that_differ_are_doubted);
    tcase_add_test(cases, test_the_surer_run_tells_the_parent);
    tcase_add_test(cases, test_few_candidates_or_no_doubt_need_no_second_run);
    tcase_add_test(cases, test_a_crowded_service_is_run_twice);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
