/* How far odds are to be trusted: all the way where the model is right, less where it is not.
 */
#include "correlate/inference/learn.h"

#include "tests/unit/inference-call.h"
#include "tests/unit/suite.h"

#include <math.h>

#define US G_GINT64_CONSTANT(1000)
#define MS (1000 * US)

enum { SERVICE = 1, FIRST, LAST = FIRST + 3, REQUESTS = 400 };

/* Around one millisecond, up to eight times as long or as short. */
static gint64
draw_delay(guint64 *random)
{
    return (gint64) (exp2(6 * lamp_random_unit(random) - 3) * (double) MS);
}

/* A request that makes all its calls at once, each as soon as its thread gets going. */
static void
add_request(GArray *calls, gint64 start, guint64 *random)
{
    guint own = calls->len;
    gint64 last = start;
    g_array_set_size(calls, own + 1);
    for (guint32 to = FIRST; to <= LAST; to++) {
        gint64 begin = start + draw_delay(random), end = begin + 4 * draw_delay(random);
        LampInferenceCall call = inference_call(begin, end, SERVICE, to, to);
        g_array_append_val(calls, call);
        last = MAX(last, end);
    }
    g_array_index(calls, LampInferenceCall, own) =
        inference_call(start, last + draw_delay(random), 0, SERVICE, SERVICE);
}

/* Whatever was found: what each call waits for. */
static void
set_rules(LampKind *kind, LampWait wait)
{
    for (guint32 x = 0; x < kind->n_slots; x++)
        kind->rules[x] = (LampRule){(guint8) wait, 0};
}

/* What is learnt from requests none of which overlap. */
static double
learn_temper(LampWait wait)
{
    g_autoptr(GArray) calls = g_array_new(FALSE, TRUE, sizeof(LampInferenceCall));
    guint64 random = 1;
    for (guint32 i = 0; i < REQUESTS; i++)
        add_request(calls, i * 100 * MS, &random);
    LampInferenceInput input = {.calls = (const LampInferenceCall *) (void *) calls->data,
                                .n_calls = calls->len};
    LampProblem *problem = lamp_problem_new(&input, NULL);
    LampField *field = &problem->fields[0];
    lamp_field_find_candidates(field);
    LampState *state = lamp_state_new(field);
    LampModel *model = lamp_model_new(field, LAMP_EVIDENCE_ALL);
    LampKind *kind = &model->kinds[0];
    g_autofree float *weights = g_new0(float, field->n_requests + 1);
    LampStart *start = lamp_start_new(state->field);
    lamp_start_assign(start, state, weights);
    LampExamples *examples = lamp_examples_new(field);
    lamp_examples_add(examples, state, NULL);
    lamp_model_learn(model, field, examples, TRUE);
    set_rules(kind, wait);
    lamp_model_learn(model, field, examples, FALSE);
    ck_assert_double_eq(kind->temper, 0);
    lamp_model_temper(model, field, examples);
    double temper = kind->temper;
    lamp_model_learn(model, field, examples, FALSE);
    ck_assert_double_eq(kind->temper, temper); /* outlives what is learnt anew */
    lamp_examples_free(examples);
    lamp_start_free(start);
    lamp_model_free(model);
    lamp_state_free(state);
    lamp_problem_free(problem);
    return temper;
}

START_TEST(odds_of_a_model_that_is_wrong_count_for_less)
{
    double right = learn_temper(LAMP_WAIT_START), wrong = learn_temper(LAMP_WAIT_LAST_START);
    ck_assert_double_gt(right, 0.9);
    ck_assert_double_le(right, 1);
    ck_assert_double_lt(wrong, right - 0.1);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("inference-temper");
    TCase *cases = tcase_create("inference-temper");
    tcase_add_test(cases, odds_of_a_model_that_is_wrong_count_for_less);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
