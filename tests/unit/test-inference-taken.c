/* Queues and caches built of scripts: what is put in, and handed out once or again and again.
 */
#include "correlate/inference/inference.h"
#include "correlate/inference/taken.h"

#include "tests/unit/inference-call.h"
#include "tests/unit/suite.h"

#define MS 1000000

enum { SHOP = 1, BROKER = 2, WORKER = 3, STORE = 4 };
enum { PUT = 1, TAKE = 2, WRITE = 3, DONE = 4 };

typedef struct {
    GArray *calls, *values;
} Story;

static Story
begin_story(void)
{
    return (Story){g_array_new(FALSE, FALSE, sizeof(LampInferenceCall)),
                   g_array_new(FALSE, FALSE, sizeof(LampInferenceValue))};
}

static void
end_story(Story *story)
{
    g_array_unref(story->calls);
    g_array_unref(story->values);
}

static LampInferenceInput
input_of(const Story *story)
{
    return (LampInferenceInput){
        .calls = (const LampInferenceCall *) (const void *) story->calls->data,
        .n_calls = story->calls->len,
        .values = (const LampInferenceValue *) (const void *) story->values->data,
        .n_values = story->values->len};
}

/* A call of a millisecond, a script's to BROKER, with the payload @hash if it is not 0. */
static void
tell(Story *story, gint64 start, guint32 client, guint32 operation, guint64 hash)
{
    guint32 server = operation == WRITE ? STORE : BROKER;
    LampInferenceCall call = inference_call(start, start + MS, client, server, operation);
    call.client_connection = 7;
    call.first_value = story->values->len;
    call.value_count = hash != 0;
    call.flags = server == BROKER ? LAMP_CALL_SCRIPT : 0;
    LampInferenceValue value = {.hash = hash,
                                .slot = 5,
                                .side = operation == PUT ? LAMP_VALUE_REQUEST
                                                         : LAMP_VALUE_RESPONSE};
    if (hash != 0)
        g_array_append_val(story->values, value);
    g_array_append_val(story->calls, call);
}

/* Three jobs are under way at a time. The script that ends one hands out another. */
START_TEST(jobs_are_caused_by_who_put_them_in)
{
    enum { JOBS = 90, OF_JOB = 4 };
    Story story = begin_story();
    for (guint i = 0; i < JOBS; i++) {
        gint64 start = (gint64) i * 20 * MS + (gint64) (i * i * 37 % 101) * MS / 4;
        tell(&story, start, SHOP, PUT, 1000 + i);
        tell(&story, start + 2 * MS, WORKER, TAKE, 1000 + i);
        tell(&story, start + 32 * MS + (gint64) (i % 5) * MS / 10, WORKER, WRITE, 0);
        tell(&story, start + 45 * MS + (gint64) (i % 3) * MS / 10, WORKER, DONE, 0);
    }
    LampInferenceInput input = input_of(&story);
    g_autofree guint32 *senders = lamp_taken_find(&input);
    g_autoptr(LampInference) answer = lamp_inference_run(&input, NULL, NULL);
    guint right = 0;
    for (guint32 i = 0; i < JOBS; i++) {
        ck_assert_uint_eq(senders[OF_JOB * i], LAMP_INFERENCE_NO_CALL);
        ck_assert_uint_eq(senders[OF_JOB * i + 1], OF_JOB * i);
        right += answer->links[OF_JOB * i + 2].parent == OF_JOB * i;
        right += answer->links[OF_JOB * i + 3].parent == OF_JOB * i;
    }
    ck_assert_uint_ge(right, 2 * JOBS * 9 / 10);
    end_story(&story);
}
END_TEST

/* The same payload put in twice is two jobs, first in, first out. */
START_TEST(equal_payloads_go_in_order)
{
    Story story = begin_story();
    tell(&story, 0, SHOP, PUT, 9);
    tell(&story, 2 * MS, SHOP, PUT, 9);
    tell(&story, 10 * MS, WORKER, TAKE, 9);
    tell(&story, 20 * MS, WORKER, TAKE, 9);
    LampInferenceInput input = input_of(&story);
    g_autofree guint32 *senders = lamp_taken_find(&input);
    ck_assert_uint_eq(senders[2], 0);
    ck_assert_uint_eq(senders[3], 1);
    end_story(&story);
}
END_TEST

START_TEST(what_is_handed_out_again_is_no_work)
{
    Story story = begin_story();
    for (guint i = 0; i < 30; i++) {
        gint64 start = (gint64) i * 100 * MS;
        tell(&story, start, SHOP, PUT, 1000 + i);
        for (guint k = 1; k < 4; k++)
            tell(&story, start + (gint64) k * 20 * MS, WORKER, TAKE, 1000 + i);
    }
    LampInferenceInput input = input_of(&story);
    g_autofree guint32 *senders = lamp_taken_find(&input);
    for (gsize i = 0; i < input.n_calls; i++)
        ck_assert_uint_eq(senders[i], LAMP_INFERENCE_NO_CALL);
    end_story(&story);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("inference/taken");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, jobs_are_caused_by_who_put_them_in);
    tcase_add_test(tc, equal_payloads_go_in_order);
    tcase_add_test(tc, what_is_handed_out_again_is_no_work);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
