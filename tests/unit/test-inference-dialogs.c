/* Connections opened for one request (a mail, a login), and those of a pool. */
#include "correlate/inference/dialogs.h"

#include "tests/unit/inference-call.h"
#include "tests/unit/suite.h"

#define MS 1000000

enum { SHOP = 1, MAIL = 2 };
enum { ORDER = 1, HELLO = 2, SENDER = 3, TEXT = 4 };
enum { ORDERS = 60, OF_ORDER = 4 };

/* Orders that overlap; what each says to the mail server comes at times that tell little. The
 * connection is its own, or one of three. */
static GArray *
make_orders(gboolean has_pool)
{
    GArray *calls = g_array_new(FALSE, FALSE, sizeof(LampInferenceCall));
    for (guint32 i = 0; i < ORDERS; i++) {
        gint64 start = (gint64) i * 20 * MS;
        gint64 greeted = start + (gint64) (2 + i * 37 % 11) * MS;
        gint64 sent = start + (gint64) (20 + i * 53 % 23) * MS;
        LampInferenceCall said[OF_ORDER] = {
            inference_call(start, start + 60 * MS, 0, SHOP, ORDER),
            inference_call(greeted, greeted + MS, SHOP, MAIL, HELLO),
            inference_call(sent, sent + 2 * MS, SHOP, MAIL, SENDER),
            inference_call(sent + 3 * MS, sent + 8 * MS, SHOP, MAIL, TEXT),
        };
        for (guint32 k = 0; k < OF_ORDER; k++) {
            said[k].client_connection = k == 0 ? 0 : has_pool ? 1 + i % 3 : 1 + i;
            said[k].position = k;
            g_array_append_val(calls, said[k]);
        }
    }
    return calls;
}

static LampInferenceInput
input_of(const GArray *calls)
{
    return (LampInferenceInput){(const LampInferenceCall *) (const void *) calls->data,
                                calls->len, NULL, 0};
}

START_TEST(what_is_said_on_one_connection_has_one_cause)
{
    g_autoptr(GArray) calls = make_orders(FALSE);
    LampInferenceInput input = input_of(calls);
    g_autoptr(LampInference) answer = lamp_inference_run(&input, NULL, NULL);
    for (guint32 i = 0; i < ORDERS; i++) {
        guint32 cause = answer->links[OF_ORDER * i + 1].parent;
        ck_assert_uint_ne(cause, LAMP_INFERENCE_NO_CALL);
        ck_assert_uint_eq(answer->links[OF_ORDER * i + 2].parent, cause);
        ck_assert_uint_eq(answer->links[OF_ORDER * i + 3].parent, cause);
    }
}
END_TEST

START_TEST(a_dialog_is_its_first_call_with_all_values)
{
    g_autoptr(GArray) calls = make_orders(FALSE);
    LampInferenceValue value = {.hash = 7, .slot = 1};
    g_array_index(calls, LampInferenceCall, 3).value_count = 1;
    LampInferenceInput input = input_of(calls);
    input.values = &value;
    input.n_values = 1;
    g_autoptr(LampDialogs) dialogs = lamp_dialogs_new(&input);
    const LampInferenceCall *first = &dialogs->input.calls[1];
    ck_assert_uint_eq(dialogs->leaders[1], LAMP_INFERENCE_NO_CALL);
    ck_assert_uint_eq(dialogs->leaders[2], 1);
    ck_assert_uint_eq(dialogs->leaders[3], 1);
    ck_assert_int_eq(first->client_end_ns, input.calls[3].client_end_ns);
    ck_assert_uint_eq(first->value_count, 1);
    ck_assert_uint_eq(dialogs->input.values[first->first_value].hash, 7);
    ck_assert_uint_eq(dialogs->input.calls[2].client_process, 0);
}
END_TEST

START_TEST(a_pool_has_no_dialogs)
{
    g_autoptr(GArray) calls = make_orders(TRUE);
    LampInferenceInput input = input_of(calls);
    g_autoptr(LampDialogs) dialogs = lamp_dialogs_new(&input);
    for (gsize i = 0; i < input.n_calls; i++)
        ck_assert_uint_eq(dialogs->leaders[i], LAMP_INFERENCE_NO_CALL);
}
END_TEST

/* The mail server asks a filter: what it makes of each part is a matter of that part. */
START_TEST(who_goes_on_asking_is_no_partner)
{
    g_autoptr(GArray) calls = make_orders(FALSE);
    LampInferenceCall filter = inference_call(30 * MS, 31 * MS, MAIL, 9, 9);
    g_array_append_val(calls, filter);
    LampInferenceInput input = input_of(calls);
    g_autoptr(LampDialogs) dialogs = lamp_dialogs_new(&input);
    for (gsize i = 0; i < input.n_calls; i++)
        ck_assert_uint_eq(dialogs->leaders[i], LAMP_INFERENCE_NO_CALL);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("inference/dialogs");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, what_is_said_on_one_connection_has_one_cause);
    tcase_add_test(tc, a_dialog_is_its_first_call_with_all_values);
    tcase_add_test(tc, a_pool_has_no_dialogs);
    tcase_add_test(tc, who_goes_on_asking_is_no_partner);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
