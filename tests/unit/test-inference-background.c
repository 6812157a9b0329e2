/* Calls of a timer stay without a parent, also those that fall into a request. */
#include "tests/unit/inference-call.h"
#include "tests/unit/suite.h"

#define MS 1000000

enum { CLIENT = 1, FRONT = 2, STORE = 3, SERVE = 1, READ = 2, TICK = 3, REQUESTS = 60 };

/* Requests of 24 ms every 100 ms with a call each; with every tenth, one more call of its own
 * kind at 9 ms. Of the ticks, one in @every falls into a request. */
static GArray *
make_calls(guint32 every)
{
    GArray *calls = g_array_new(FALSE, FALSE, sizeof(LampInferenceCall));
    for (guint32 i = 0; i < REQUESTS; i++) {
        gint64 start = (gint64) i * 100 * MS + i % 7 * 1357;
        gint64 tick = start + (i / 5 % every == 0 ? 9 : 61) * MS + i * 3571;
        LampInferenceCall all[] = {
            inference_call(start, start + 24 * MS, CLIENT, FRONT, SERVE),
            inference_call(start + 3 * MS, start + 6 * MS, FRONT, STORE, READ),
            inference_call(tick, tick + MS, FRONT, STORE, TICK)};
        g_array_append_vals(calls, all, i % 5 == 2 ? 3 : 2);
    }
    return calls;
}

static guint
count_linked_ticks(guint32 every)
{
    g_autoptr(GArray) calls = make_calls(every);
    LampInferenceInput input = {(const LampInferenceCall *) (void *) calls->data, calls->len,
                                NULL, 0};
    g_autoptr(LampInference) answer = lamp_inference_run(&input, NULL, NULL);
    guint linked = 0;
    for (guint32 i = 0; i < calls->len; i++)
        linked += g_array_index(calls, LampInferenceCall, i).operation == TICK &&
                  answer->links[i].parent != LAMP_INFERENCE_NO_CALL;
    return linked;
}

/* As many as the time that requests take makes likely. */
START_TEST(ticks_within_requests_are_ticks)
{
    ck_assert_uint_eq(count_linked_ticks(6), 0);
    ck_assert_uint_eq(count_linked_ticks(4), 0);
}
END_TEST

START_TEST(calls_that_are_always_within_requests_are_theirs)
{
    ck_assert_uint_eq(count_linked_ticks(1), REQUESTS / 5);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("inference/background");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, ticks_within_requests_are_ticks);
    tcase_add_test(tcase, calls_that_are_always_within_requests_are_theirs);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
