/* Workers that keep a connection each: it tells whose call it was where nothing else does. */
#include "tests/unit/inference-call.h"
#include "tests/unit/suite.h"

#define MS 1000000

enum { CLIENT = 1, FRONT = 2, STORE = 3, WORKERS = 6, ROUNDS = 40 };

/* The operation is the server's only one. */
static LampInferenceCall
make_call(gint64 start, gint64 end, guint32 client, guint32 server, guint32 connection)
{
    LampInferenceCall call = inference_call(start, end, client, server, server);
    call.client_connection = call.server_connection = connection;
    return call;
}

static void
add_request(GArray *calls, gint64 start, guint32 worker, guint32 store_connection)
{
    LampInferenceCall request = make_call(start, start + 9 * MS, CLIENT, FRONT, 1 + worker);
    LampInferenceCall step =
        make_call(start + 3 * MS, start + 5 * MS, FRONT, STORE, store_connection);
    g_array_append_val(calls, request);
    g_array_append_val(calls, step);
}

/* Each round all workers at the same moment; now and then one alone. */
static GArray *
make_calls(gboolean is_pooled)
{
    GArray *calls = g_array_new(FALSE, FALSE, sizeof(LampInferenceCall));
    for (guint32 round = 0; round < ROUNDS; round++) {
        gint64 start = (gint64) round * 100 * MS;
        for (guint32 w = 0; w < WORKERS; w++)
            add_request(calls, start, w, 101 + (is_pooled ? (w + round * 5) % WORKERS : w));
        guint32 alone = round % WORKERS;
        add_request(calls, start + 50 * MS, alone,
                    101 + (is_pooled ? (round / WORKERS + alone) % WORKERS : alone));
    }
    return calls;
}

static double
share_right(const GArray *calls, guint32 evidence, double *out_expected)
{
    LampInferenceInput input = {(const LampInferenceCall *) (void *) calls->data, calls->len,
                                NULL, 0};
    LampInferenceOptions options = {.evidence = evidence};
    g_autoptr(LampInference) answer = lamp_inference_run(&input, &options, NULL);
    guint right = 0;
    double expected = 0;
    for (guint32 i = 1; i < calls->len; i += 2) {
        right += answer->links[i].parent == i - 1;
        expected += (double) answer->links[i].probability;
    }
    *out_expected = 2 * expected / calls->len;
    return 2.0 * right / calls->len;
}

START_TEST(a_workers_connection_tells_its_calls)
{
    g_autoptr(GArray) calls = make_calls(FALSE);
    double expected;
    ck_assert_double_lt(
        share_right(calls, LAMP_EVIDENCE_ALL & ~(guint32) LAMP_EVIDENCE_CONNECTION, &expected),
        0.6);
    ck_assert_double_gt(share_right(calls, LAMP_EVIDENCE_ALL, &expected), 0.95);
    ck_assert_double_gt(expected, 0.9);
}
END_TEST

START_TEST(a_common_pool_tells_nothing)
{
    g_autoptr(GArray) calls = make_calls(TRUE);
    double expected;
    double right = share_right(calls, LAMP_EVIDENCE_ALL, &expected);
    ck_assert_double_lt(right, 0.6);
    ck_assert_double_lt(expected, right + 0.2);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("inference/affinity");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_workers_connection_tells_its_calls);
    tcase_add_test(tcase, a_common_pool_tells_nothing);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
