/* Two kinds of requests that are always there together: which of them makes a kind of call is a
 * question of the whole recording, and where nothing tells, the confidence says so. */
#include "correlate/inference/learn.h"
#include "correlate/inference/modes.h"

#include "tests/unit/inference-call.h"
#include "tests/unit/suite.h"

#define US G_GINT64_CONSTANT(1000)
#define MS (1000 * US)

enum { SERVICE = 1, TABLE, CACHE, RANK = 10, ADS, READ_TABLE, READ_HOT, PAIRS = 60 };

static void
add_call(GArray *calls, guint32 from, guint32 to, guint32 operation, gint64 start, gint64 end)
{
    LampInferenceCall call = inference_call(start, end, from, to, operation);
    g_array_append_val(calls, call);
}

/* RANK reads the table and, `hot_after` later, the cache; ADS, beside it, nothing. */
static GArray *
make_calls(gint64 hot_after)
{
    GArray *calls = g_array_new(FALSE, TRUE, sizeof(LampInferenceCall));
    guint64 random = 1;
    for (guint32 i = 0; i < PAIRS; i++) {
        gint64 start = i * 100 * MS, work = 8 * MS + (gint64) (lamp_random(&random) % (4 * MS));
        gint64 hot = start + work + hot_after;
        add_call(calls, 0, SERVICE, RANK, start, start + work + 30 * MS);
        add_call(calls, 0, SERVICE, ADS, start + 20 * US, start + 50 * MS + work / 3);
        add_call(calls, SERVICE, TABLE, READ_TABLE, start + work, start + work + 10 * MS);
        add_call(calls, SERVICE, CACHE, READ_HOT, hot, hot + 100 * US);
    }
    return calls;
}

typedef struct {
    LampProblem *problem;
    LampField *field;
    LampState *state;
    LampModel *model;
} World;

static World
make_world(const LampInferenceInput *input)
{
    World self = {.problem = lamp_problem_new(input, NULL)};
    self.field = &self.problem->fields[0];
    lamp_field_find_candidates(self.field);
    self.state = lamp_state_new(self.field);
    self.model = lamp_model_new(self.field, LAMP_EVIDENCE_ALL);
    return self;
}

static void
free_world(World *self)
{
    lamp_model_free(self->model);
    lamp_state_free(self->state);
    lamp_problem_free(self->problem);
}

static guint32
operation_of(const LampInferenceInput *input, guint32 call)
{
    return input->calls[call].operation;
}

/* All that RANK makes goes to it, but for the cache: that goes to `holder`. */
static void
assign(World *self, const LampInferenceInput *input, guint32 holder)
{
    const LampField *f = self->field;
    for (guint32 s = 0; s < f->n_steps; s++) {
        const LampStep *step = &f->steps[s];
        guint32 wanted = operation_of(input, step->call) == READ_HOT ? holder : RANK;
        for (guint32 j = 0; j < step->n_candidates; j++) {
            guint32 r = f->candidates[step->first_candidate + j];
            if (operation_of(input, f->requests[r].call) == wanted)
                lamp_state_assign(self->state, s, r);
        }
    }
}

static guint32
count_hot(const World *self, const LampInferenceInput *input, guint32 holder)
{
    guint32 n = 0;
    for (guint32 s = 0; s < self->field->n_steps; s++) {
        guint32 r = self->state->owner[s];
        n += operation_of(input, self->field->steps[s].call) == READ_HOT && r != LAMP_NONE &&
             operation_of(input, self->field->requests[r].call) == holder;
    }
    return n;
}

/* Decides about all rivalries of the assignment in which `holder` reads the cache. */
static guint32
decide(guint32 holder)
{
    g_autoptr(GArray) calls = make_calls(100 * US);
    LampInferenceInput input = {.calls = (const LampInferenceCall *) (void *) calls->data,
                                .n_calls = calls->len};
    World world = make_world(&input);
    g_autoptr(GArray) rivalries = g_array_new(FALSE, FALSE, sizeof(LampRivalry));
    assign(&world, &input, holder);
    lamp_modes_find(world.state, rivalries);
    ck_assert_uint_gt(rivalries->len, 0);
    lamp_modes_settle(world.state, world.model, rivalries);
    guint32 n = count_hot(&world, &input, RANK);
    free_world(&world);
    return n;
}

START_TEST(wrong_kind_of_request_gives_all_its_calls_back)
{
    ck_assert_uint_eq(decide(ADS), PAIRS);
}
END_TEST

START_TEST(right_kind_of_request_keeps_them)
{
    ck_assert_uint_eq(decide(RANK), PAIRS);
}
END_TEST

/* Both kinds of requests begin and end at once, so that no time tells whose the calls are. */
START_TEST(two_equal_ways_are_in_doubt)
{
    g_autoptr(GArray) calls = g_array_new(FALSE, TRUE, sizeof(LampInferenceCall));
    guint64 random = 1;
    double sum = 0;
    for (guint32 i = 0; i < PAIRS; i++) {
        gint64 start = i * 100 * MS, work = 8 * MS + (gint64) (lamp_random(&random) % (4 * MS));
        add_call(calls, 0, SERVICE, RANK, start, start + 30 * MS + work);
        add_call(calls, 0, SERVICE, ADS, start, start + 30 * MS + work);
        add_call(calls, SERVICE, CACHE, READ_HOT, start + work, start + work + MS);
    }
    LampInferenceInput input = {.calls = (const LampInferenceCall *) (void *) calls->data,
                                .n_calls = calls->len};
    g_autoptr(LampInference) answer = lamp_inference_run(&input, NULL, NULL);
    for (guint32 i = 2; i < calls->len; i += 3)
        sum += (double) answer->links[i].probability;
    ck_assert_double_lt(sum / PAIRS, 0.8);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("inference-modes");
    TCase *cases = tcase_create("inference-modes");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, wrong_kind_of_request_gives_all_its_calls_back);
    tcase_add_test(cases, right_kind_of_request_keeps_them);
    tcase_add_test(cases, two_equal_ways_are_in_doubt);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
