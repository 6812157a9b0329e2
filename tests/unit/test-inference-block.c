/* Ways to deal out the steps of two requests: none that a fact demands is left out, hardly any
 * other is scored, and one of them is decided on as a whole. */
#include "correlate/inference/block.h"
#include "correlate/inference/learn.h"
#include "correlate/inference/record.h"

#include "tests/unit/inference-call.h"
#include "tests/unit/suite.h"

#define US G_GINT64_CONSTANT(1000)
#define MS (1000 * US)

enum { SERVICE = 1, FIRST, LAST = FIRST + 2, REQUESTS = 400, PAIR = 2 };

/* Many requests that call each of three once; the last two overlap. */
typedef struct {
    GArray *calls;
    LampInferenceInput input;
    LampProblem *problem;
    LampField *field;
    LampState *state;
    LampModel *model;
    guint32 a, b; /* the two */
} World;

static void
add_call(GArray *calls, guint32 from, guint32 to, gint64 start, gint64 end)
{
    LampInferenceCall call = inference_call(start, end, from, to, to);
    g_array_append_val(calls, call);
}

static void
add_request(GArray *calls, gint64 start, guint32 without)
{
    gint64 spread = (gint64) calls->len * 7 % 31 * US;
    add_call(calls, 0, SERVICE, start, start + 10 * MS + spread);
    for (guint32 to = FIRST; to <= LAST; to++)
        if (to != without)
            add_call(calls, SERVICE, to, start + (to - SERVICE) * 2 * MS + spread,
                     start + (to - SERVICE) * 2 * MS + MS + spread);
}

/* `without`: what the last request of all does not call, or 0. */
static void
make_world(World *self, guint32 without)
{
    self->calls = g_array_new(FALSE, TRUE, sizeof(LampInferenceCall));
    for (guint32 i = 0; i < REQUESTS; i++)
        add_request(self->calls, i * 100 * MS, 0);
    add_request(self->calls, REQUESTS * 100 * MS, 0);
    add_request(self->calls, REQUESTS * 100 * MS + 300 * US, without);
    self->input =
        (LampInferenceInput){.calls = (const LampInferenceCall *) (void *) self->calls->data,
                             .n_calls = self->calls->len};
    self->problem = lamp_problem_new(&self->input, NULL);
    ck_assert_uint_eq(self->problem->n_fields, 1);
    self->field = &self->problem->fields[0];
    lamp_field_find_candidates(self->field);
    self->state = lamp_state_new(self->field);
    self->model = lamp_model_new(self->field, LAMP_EVIDENCE_ALL);
    g_autofree float *weights = g_new0(float, self->field->n_requests + 1);
    g_autoptr(LampStart) start = lamp_start_new(self->field);
    lamp_start_assign(start, self->state, weights);
    LampExamples *examples = lamp_examples_new(self->field);
    lamp_examples_add(examples, self->state, NULL);
    lamp_model_learn(self->model, self->field, examples, TRUE);
    lamp_examples_free(examples);
    self->a = self->field->n_requests - PAIR;
    self->b = self->a + 1;
}

static void
end_world(World *self)
{
    lamp_model_free(self->model);
    lamp_state_free(self->state);
    lamp_problem_free(self->problem);
    g_array_free(self->calls, TRUE);
}

/* Gives all steps of the two to one of them. */
static void
give_all_to(World *self, guint32 owner)
{
    for (guint32 s = 0; s < self->field->n_steps; s++)
        if (self->state->owner[s] == self->a || self->state->owner[s] == self->b)
            lamp_state_assign(self->state, s, owner);
}

/* Whether neither of the two has a call twice. */
static gboolean
is_usual(const LampBlock *block, const LampField *field, guint32 way)
{
    for (guint32 i = 0; i < block->n_flexible; i++)
        for (guint32 j = 0; j < i; j++)
            if (field->steps[block->steps[block->flexible[i]]].kind ==
                    field->steps[block->steps[block->flexible[j]]].kind &&
                (way >> i & 1) == (way >> j & 1))
                return FALSE;
    return TRUE;
}

START_TEST(test_of_six_steps_only_usual_ways_remain)
{
    World world;
    LampBlock block;
    LampWays ways;
    make_world(&world, 0);
    ck_assert(lamp_block_gather(world.state, world.a, world.b, &block));
    ck_assert_uint_eq(block.n_flexible, 6);
    ck_assert(lamp_block_list_ways(&block, world.state, world.model, &ways));
    ck_assert_uint_eq(ways.n, 8);
    for (guint32 k = 0; k < ways.n; k++)
        ck_assert(is_usual(&block, world.field, ways.ways[k]));
    end_world(&world);
}
END_TEST

/* The choice is the same from wherever it is looked at, and the present way is among them. */
START_TEST(test_the_present_way_is_kept_however_odd)
{
    World world;
    LampBlock block;
    LampWays ways;
    make_world(&world, 0);
    give_all_to(&world, world.b);
    ck_assert(lamp_block_gather(world.state, world.a, world.b, &block));
    ck_assert(lamp_block_list_ways(&block, world.state, world.model, &ways));
    ck_assert_uint_eq(ways.n, 9);
    ck_assert_uint_eq(ways.ways[ways.now], 63);
    end_world(&world);
}
END_TEST

/* One of both has lost a call: either may be the one. */
START_TEST(test_an_oddity_that_is_needed_leaves_all_ways_to_have_it)
{
    World world;
    LampBlock block;
    LampWays ways;
    make_world(&world, LAST);
    ck_assert(lamp_block_gather(world.state, world.a, world.b, &block));
    ck_assert_uint_eq(block.n_flexible, 5);
    ck_assert(lamp_block_list_ways(&block, world.state, world.model, &ways));
    guint32 usual = 0;
    for (guint32 k = 0; k < ways.n; k++)
        usual += is_usual(&block, world.field, ways.ways[k]) ? 1 : 0;
    ck_assert_uint_eq(usual, 8);
    end_world(&world);
}
END_TEST

/* The ways of the pair by how probable they are: as they stand, all exchanged, or only the
 * steps to FIRST exchanged, which is the most probable for each step by itself. */
static double
probability_of(const LampBlock *block, const LampField *field, guint32 turned)
{
    guint32 first = 0;
    for (guint32 i = 0; i < block->n_flexible; i++)
        first |= (guint32) (field->steps[block->steps[block->flexible[i]]].kind ==
                            field->steps[block->steps[block->flexible[0]]].kind)
                 << i;
    return turned == 0 ? 0.45 : turned == first ? 0.15 : turned == 63 ? 0.40 : 0;
}

START_TEST(test_what_goes_together_is_decided_together)
{
    World world;
    LampBlock block;
    LampWays ways;
    double probabilities[LAMP_MAX_WAYS];
    make_world(&world, 0);
    LampSampler *sampler = lamp_sampler_new(world.state, world.model);
    lamp_sampler_record(sampler);
    ck_assert(lamp_block_gather(world.state, world.a, world.b, &block));
    ck_assert(lamp_block_list_ways(&block, world.state, world.model, &ways));
    for (guint32 k = 0; k < ways.n; k++)
        probabilities[k] =
            probability_of(&block, world.field, ways.ways[k] ^ ways.ways[ways.now]);
    lamp_record_ways(sampler, &block, &ways, probabilities);
    lamp_sampler_decode(sampler);
    for (guint32 i = 0; i < block.n; i++)
        ck_assert_uint_eq(world.state->owner[block.steps[i]],
                          block.in_b[i] ? world.b : world.a);
    lamp_sampler_free(sampler);
    end_world(&world);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("inference-block");
    TCase *cases = tcase_create("inference-block");
    tcase_add_test(cases, test_of_six_steps_only_usual_ways_remain);
    tcase_add_test(cases, test_the_present_way_is_kept_however_odd);
    tcase_add_test(cases, test_an_oddity_that_is_needed_leaves_all_ways_to_have_it);
    tcase_add_test(cases, test_what_goes_together_is_decided_together);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
