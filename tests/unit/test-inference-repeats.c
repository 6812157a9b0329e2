/* Steps that hardly any request makes: one request again and again, or one kind of two alike.
 */
#include "correlate/inference/inference.h"
#include "tests/unit/inference-call.h"
#include "tests/unit/suite.h"

#define US G_GINT64_CONSTANT(1000)
#define MS (1000 * US)

enum { SERVICE = 1, STORE, OTHER, REQUESTS = 200, REPEATS = 60, REPEATING = 100 };

static void
add_call(GArray *calls, guint32 from, guint32 to, gint64 start, gint64 end)
{
    LampInferenceCall call = inference_call(start, end, from, to, to);
    call.server_start_ns = start + 20 * US;
    call.server_end_ns = end - 20 * US;
    g_array_append_val(calls, call);
}

/* Its sixth and later times are frequent enough to be known, the five before are not. */
START_TEST(test_later_times_may_be_known_and_the_first_not)
{
    g_autoptr(GArray) calls = g_array_new(FALSE, TRUE, sizeof(LampInferenceCall));
    for (guint i = 0; i < REQUESTS; i++) {
        gint64 start = i * 100 * MS;
        guint steps = i == REPEATING ? REPEATS : 0;
        add_call(calls, 0, SERVICE, start, start + (steps + 1) * MS);
        for (guint k = 0; k < steps; k++)
            add_call(calls, SERVICE, STORE, start + k * MS + 100 * US,
                     start + k * MS + (500 + k * k % 7) * US);
    }
    LampInferenceInput input = {.calls = (const LampInferenceCall *) (void *) calls->data,
                                .n_calls = calls->len};
    g_autoptr(LampInference) answer = lamp_inference_run(&input, NULL, NULL);
    ck_assert_ptr_nonnull(answer);
    for (guint i = 0; i < calls->len; i++) {
        gboolean is_step = i > REPEATING && i <= REPEATING + REPEATS;
        ck_assert_uint_eq(answer->links[i].parent,
                          is_step ? REPEATING : LAMP_INFERENCE_NO_CALL);
    }
}
END_TEST

/* Two kinds of requests do the same, but that one of them asks OTHER once in thirty times: what
 * the other does is learnt from both, so it knows that step, too, as one that may come. */
START_TEST(test_a_rare_step_parts_no_family)
{
    enum { EACH = 600 };
    g_autoptr(GArray) calls = g_array_new(FALSE, TRUE, sizeof(LampInferenceCall));
    for (guint i = 0; i < 2 * EACH; i++) {
        gint64 start = i * 10 * MS, spread = i * i % 97 * US;
        add_call(calls, 0, SERVICE, start, start + 5 * MS + spread);
        g_array_index(calls, LampInferenceCall, calls->len - 1).operation = 100 + i % 2;
        add_call(calls, SERVICE, STORE, start + MS + spread, start + 2 * MS + spread);
        if (i % 62 == 0)
            add_call(calls, SERVICE, OTHER, start + 3 * MS + spread, start + 4 * MS + spread);
    }
    LampInferenceInput input = {.calls = (const LampInferenceCall *) (void *) calls->data,
                                .n_calls = calls->len};
    g_autoptr(LampInference) answer = lamp_inference_run(&input, NULL, NULL);
    ck_assert_ptr_nonnull(answer);
    guint kinds = 0;
    for (gsize i = 0; i < answer->n_slots; i++)
        kinds += answer->slots[i].service == SERVICE && answer->slots[i].child_service == OTHER;
    ck_assert_uint_eq(kinds, 2);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("inference-repeats");
    TCase *cases = tcase_create("inference-repeats");
    tcase_add_test(cases, test_later_times_may_be_known_and_the_first_not);
    tcase_add_test(cases, test_a_rare_step_parts_no_family);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
