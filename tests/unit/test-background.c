/* Rare calls: those that a timer makes have no parent, those that a loop makes all have one. */
#include "correlate/inference/inference.h"

#include "tests/support/draw.h"
#include "tests/unit/suite.h"

#define US G_GINT64_CONSTANT(1000)
#define MS (1000 * US)

enum { SERVICE = 1, STORE, REQUESTS = 150, USUAL = 10, TICK, NOTE, ROUND };

static guint64 random_state;

static gint64
about(gint64 time)
{
    return (gint64) ((0.7 + 0.6 * draw_unit(&random_state)) * (double) time);
}

static gint64
add_call(GArray *calls, guint32 from, guint32 operation, gint64 start, gint64 end)
{
    guint32 to = from == 0 ? SERVICE : STORE;
    LampInferenceCall call = {.client_start_ns = start,
                              .server_start_ns = start + 20 * US,
                              .server_end_ns = end - 20 * US,
                              .client_end_ns = end,
                              .client_process = from,
                              .client_service = from,
                              .server_process = to,
                              .server_service = to,
                              .operation = operation};
    g_array_append_val(calls, call);
    return end;
}

/* One request: a usual call, then `rounds` of a loop. */
static void
add_request(GArray *calls, gint64 start, guint rounds)
{
    guint request = calls->len;
    add_call(calls, 0, 0, start, start);
    gint64 now =
        add_call(calls, SERVICE, USUAL, start + about(300 * US), start + about(2 * MS));
    for (guint i = 0; i < rounds; i++) {
        now += MS + (gint64) (5 * draw_unit(&random_state) * (double) MS);
        now = add_call(calls, SERVICE, ROUND, now, now + about(200 * US));
    }
    LampInferenceCall *call = &g_array_index(calls, LampInferenceCall, request);
    call->client_end_ns = now + about(8 * MS);
    call->server_end_ns = call->client_end_ns - 20 * US;
}

/* A timer's two calls. */
static void
add_tick(GArray *calls, gint64 start)
{
    gint64 end = add_call(calls, SERVICE, TICK, start, start + about(500 * US));
    add_call(calls, SERVICE, NOTE, end + about(80 * US), end + about(400 * US));
}

/* A request each 20 ms, which takes half the time; five ticks, three of them during requests.
 */
static GArray *
make_calls(gboolean ticks, gboolean loops)
{
    GArray *calls = g_array_new(FALSE, TRUE, sizeof(LampInferenceCall));
    random_state = 11;
    for (guint i = 0; i < REQUESTS; i++)
        add_request(calls, i * 20 * MS + about(2 * MS),
                    !loops || i % 50 != 7 ? 0
                    : i < 50              ? 1
                                          : 4);
    for (guint i = 0; ticks && i < 5; i++)
        add_tick(calls, i * 500 * MS + (i % 2 ? 19 : 6) * MS);
    return calls;
}

/* Steps of an operation that were given a request. */
static guint
count_linked(const GArray *calls, guint32 operation, guint *out_all)
{
    LampInferenceInput input = {.calls = (const LampInferenceCall *) (const void *) calls->data,
                                .n_calls = calls->len};
    g_autoptr(LampInference) answer = lamp_inference_run(&input, NULL, NULL);
    ck_assert_ptr_nonnull(answer);
    guint linked = 0;
    *out_all = 0;
    for (guint i = 0; i < calls->len; i++) {
        if (input.calls[i].operation != operation)
            continue;
        *out_all += 1;
        linked += answer->links[i].parent != LAMP_INFERENCE_NO_CALL;
    }
    return linked;
}

/* Where two ticks of five find no request, the others only happen to fall into one. */
START_TEST(test_a_timer_that_ticks_during_requests_has_no_parent)
{
    guint all;
    g_autoptr(GArray) calls = make_calls(TRUE, FALSE);
    ck_assert_uint_eq(count_linked(calls, TICK, &all), 0);
    ck_assert_uint_eq(all, 5);
    ck_assert_uint_eq(count_linked(calls, NOTE, &all), 0);
    ck_assert_uint_eq(count_linked(calls, USUAL, &all), REQUESTS);
}
END_TEST

/* Three requests in all loop, one for a single round. */
START_TEST(test_the_rounds_of_a_rare_loop_have_a_parent)
{
    guint all;
    g_autoptr(GArray) calls = make_calls(FALSE, TRUE);
    ck_assert_uint_eq(count_linked(calls, ROUND, &all), 9);
    ck_assert_uint_eq(all, 9);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("background");
    TCase *cases = tcase_create("background");
    tcase_add_test(cases, test_a_timer_that_ticks_during_requests_has_no_parent);
    tcase_add_test(cases, test_the_rounds_of_a_rare_loop_have_a_parent);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
