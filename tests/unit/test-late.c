/* Calls begun after the reply have the request that was answered; those of a timer have none.
 */
#include "correlate/inference/inference.h"

#include "tests/support/draw.h"
#include "tests/unit/suite.h"

#include <math.h>

#define US G_GINT64_CONSTANT(1000)
#define MS (1000 * US)

enum { SERVICE = 1, STORE, REQUESTS = 200, ORDER = 20, LIST, READ, MAIL, TICK };

static guint64 random_state;

static void
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
}

/* Orders and lists, two a second; an order's mail is sent 0.5 to 20 ms after the reply. */
static GArray *
make_calls(void)
{
    GArray *calls = g_array_new(FALSE, TRUE, sizeof(LampInferenceCall));
    gint64 now = 0;
    random_state = 5;
    for (guint i = 0; i < REQUESTS; i++) {
        now += 40 * MS - (gint64) (460 * log(draw_unit(&random_state)) * MS);
        gint64 end = now + 8 * MS + (gint64) (5 * draw_unit(&random_state) * MS);
        gint64 mail = end + 500 * US + (gint64) (19.5 * draw_unit(&random_state) * MS);
        add_call(calls, 0, i % 2 ? ORDER : LIST, now, end);
        add_call(calls, SERVICE, READ, now + MS,
                 now + 2 * MS + (gint64) (3 * draw_unit(&random_state) * MS));
        if (i % 2)
            add_call(calls, SERVICE, MAIL, mail, mail + 2 * MS);
    }
    for (gint64 tick = 333 * MS; tick < now; tick += 700 * MS)
        add_call(calls, SERVICE, TICK, tick, tick + MS);
    return calls;
}

START_TEST(test_after_the_reply)
{
    g_autoptr(GArray) calls = make_calls();
    LampInferenceInput input = {.calls = (const LampInferenceCall *) (const void *) calls->data,
                                .n_calls = calls->len};
    g_autoptr(LampInference) answer = lamp_inference_run(&input, NULL, NULL);
    guint mails = 0, right = 0, ticks = 0;
    ck_assert_ptr_nonnull(answer);
    for (guint i = 0; i < calls->len; i++) {
        const LampInferenceLink *link = &answer->links[i];
        if (input.calls[i].operation == MAIL) {
            mails++;
            right += link->parent == i - 2 && link->kind == LAMP_LINK_ASYNCHRONOUS;
        }
        ticks += input.calls[i].operation == TICK && link->parent != LAMP_INFERENCE_NO_CALL;
    }
    ck_assert_uint_eq(mails, REQUESTS / 2);
    ck_assert_uint_eq(right, mails);
    ck_assert_uint_le(ticks, 6); /* that happen to fall into a request */
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("late");
    TCase *cases = tcase_create("late");
    tcase_add_test(cases, test_after_the_reply);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
