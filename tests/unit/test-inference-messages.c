/* What a broker pushes, and requests that repeat a step as often as they like. */
#include "tests/unit/inference-call.h"
#include "tests/unit/suite.h"

#include <math.h>

#define MS 1000000

enum { SHOP = 1, BROKER = 2, WORKER = 3, STORE = 4 };
enum { PUBLISH = 1, DELIVER = 2, WRITE = 3, LIST = 4 };

static LampInferenceCall
make_call(gint64 start, gint64 duration, guint32 client, guint32 server, guint32 operation)
{
    return inference_call(start, start + duration, client, server, operation);
}

static void
add(GArray *calls, LampInferenceCall call)
{
    g_array_append_val(calls, call);
}

/* The broker does not wait: the next message has come before the worker writes what the one
 * before led to. */
START_TEST(pushed_messages_have_their_work)
{
    enum { MESSAGES = 90 };
    g_autoptr(GArray) calls = g_array_new(FALSE, FALSE, sizeof(LampInferenceCall));
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(LampInferenceValue));
    for (guint i = 0; i < MESSAGES; i++) {
        gint64 sent = (gint64) i * 6 * MS + (gint64) (i * i * 37 % 101) * MS / 20;
        LampInferenceCall publish = make_call(sent, 0, SHOP, BROKER, PUBLISH);
        LampInferenceCall deliver = make_call(sent + MS, 0, WORKER, BROKER, DELIVER);
        for (guint side = 0; side < 2; side++) {
            LampInferenceValue value = {
                .hash = 1000 + i, .side = side ? LAMP_VALUE_RESPONSE : LAMP_VALUE_REQUEST};
            g_array_append_val(values, value);
        }
        publish.flags = LAMP_CALL_ONE_WAY;
        publish.first_value = 2 * i;
        deliver.flags = LAMP_CALL_ONE_WAY | LAMP_CALL_FETCH;
        deliver.first_value = 2 * i + 1;
        publish.value_count = deliver.value_count = 1;
        deliver.client_start_ns = deliver.server_start_ns = LAMP_INFERENCE_TIME_NONE;
        deliver.client_connection = 7;
        add(calls, publish);
        add(calls, deliver);
        add(calls,
            make_call(sent + 10 * MS + (gint64) (i % 5) * MS / 10, MS, WORKER, STORE, WRITE));
    }
    LampInferenceInput input = {(const LampInferenceCall *) (void *) calls->data, calls->len,
                                (const LampInferenceValue *) (void *) values->data,
                                values->len};
    g_autoptr(LampInference) answer = lamp_inference_run(&input, NULL, NULL);
    guint right = 0;
    for (guint i = 0; i < MESSAGES; i++)
        right += answer->links[3 * i + 2].parent == 3 * i &&
                 answer->links[3 * i + 2].kind == LAMP_LINK_MESSAGE;
    ck_assert_uint_ge(right, MESSAGES * 9 / 10);
}
END_TEST

/* Two requests at a time, one with a few, one with hundreds of the same step. */
START_TEST(long_loops_have_finite_doubt)
{
    g_autoptr(GArray) calls = g_array_new(FALSE, FALSE, sizeof(LampInferenceCall));
    g_autoptr(GArray) truth = g_array_new(FALSE, FALSE, sizeof(guint32));
    for (guint i = 0; i < 40; i++) {
        gint64 start = (gint64) (i / 2) * 1000 * MS + (gint64) (i % 2) * MS / 3;
        guint32 steps = i % 2 ? 3 : 100 + 7 * i, request = calls->len;
        add(calls, make_call(start, (gint64) steps * 2 * MS + MS, 0, SHOP, LIST));
        g_array_append_val(truth, request);
        for (guint32 k = 0; k < steps; k++) {
            add(calls, make_call(start + MS + (gint64) k * 2 * MS, MS, SHOP, STORE, WRITE));
            g_array_append_val(truth, request);
        }
    }
    LampInferenceInput input = {(const LampInferenceCall *) (void *) calls->data, calls->len,
                                NULL, 0};
    g_autoptr(LampInference) answer = lamp_inference_run(&input, NULL, NULL);
    guint right = 0;
    for (guint32 i = 0; i < calls->len; i++) {
        ck_assert(isfinite(answer->links[i].probability));
        right += answer->links[i].parent == g_array_index(truth, guint32, i);
    }
    ck_assert_uint_ge(right, calls->len * 9 / 10);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("inference/messages");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, pushed_messages_have_their_work);
    tcase_add_test(tc, long_loops_have_finite_doubt);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
