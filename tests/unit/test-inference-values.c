/* What columns of values are worth: those of noise nothing, others what they tell. */
#include "correlate/inference/values.h"

#include "tests/unit/inference-call.h"
#include "tests/unit/suite.h"

#include <math.h>

#define MS 1000000

enum { CLIENT = 1, FRONT = 2, STORE = 3, PAIRS = 60, COLUMNS = 6 };

/* Two requests at a time, each with one call; times tell nothing of whose it is. */
typedef struct {
    GArray *calls, *values;
    guint64 random;
} Story;

static guint32
draw(Story *story, guint32 n)
{
    story->random = story->random * 6364136223846793005u + 1442695040888963407u;
    return (guint32) (story->random >> 33) % n;
}

static void
add_call(Story *story, gint64 start, gint64 end, gboolean is_step, const guint64 *hashes,
         guint32 n)
{
    LampInferenceCall call = inference_call(start, end, is_step ? FRONT : CLIENT,
                                            is_step ? STORE : FRONT, is_step ? STORE : FRONT);
    call.first_value = story->values->len;
    for (guint32 k = 0; k < n; k++) {
        LampInferenceValue value = {.hash = hashes[k], .slot = 1 + k};
        if (hashes[k] != 0)
            g_array_append_val(story->values, value);
    }
    call.value_count = story->values->len - call.first_value;
    g_array_append_val(story->calls, call);
}

/* The values of one pair: [request or step][which][column]. */
typedef guint64 Bearings[2][2][COLUMNS];

typedef void (*Draw)(Story *story, guint32 pair, Bearings out);

static void
make_story(Story *story, Draw values)
{
    story->calls = g_array_new(FALSE, FALSE, sizeof(LampInferenceCall));
    story->values = g_array_new(FALSE, FALSE, sizeof(LampInferenceValue));
    story->random = 7;
    for (guint32 pair = 0; pair < PAIRS; pair++) {
        gint64 start = (gint64) pair * 100 * MS;
        Bearings bearings = {{{0}}};
        values(story, pair, bearings);
        for (guint32 i = 0; i < 2; i++)
            add_call(story, start + (gint64) i * MS, start + 9 * MS, FALSE, bearings[0][i],
                     COLUMNS);
        for (guint32 i = 0; i < 2; i++)
            add_call(story, start + (3 + (gint64) i) * MS, start + 6 * MS, TRUE, bearings[1][i],
                     COLUMNS);
    }
}

static void
free_story(Story *story)
{
    g_array_unref(story->calls);
    g_array_unref(story->values);
}

/* Mean weight of the right candidate less that of the other; NaN where no column counts. */
static double
mean_margin(const Story *story)
{
    LampInferenceInput input = {
        (const LampInferenceCall *) (const void *) story->calls->data, story->calls->len,
        (const LampInferenceValue *) (const void *) story->values->data, story->values->len};
    LampProblem *problem = lamp_problem_new(&input, NULL);
    LampField *field = problem->fields;
    while (field->service != FRONT)
        field++;
    double sum = 0;
    lamp_field_find_candidates(field);
    ck_assert_uint_eq(field->n_candidates, 4 * PAIRS);
    g_autofree float *shares = g_new(float, (gsize) field->n_candidates + 1);
    for (guint32 i = 0; i < field->n_candidates; i++)
        shares[i] = 0.5f;
    g_autofree float *weights = lamp_values_weigh(field, &input, LAMP_COLUMNS_VALUES, shares);
    for (guint32 s = 0; weights != NULL && s < field->n_steps; s++) {
        const float *of = &weights[field->steps[s].first_candidate];
        ck_assert_uint_eq(field->steps[s].n_candidates, 2);
        sum += (double) (s % 2 == 0 ? of[0] - of[1] : of[1] - of[0]);
    }
    double mean = weights == NULL ? NAN : sum / field->n_steps;
    lamp_problem_free(problem);
    return mean;
}

static void
draw_noise(Story *story, guint32 pair, Bearings out)
{
    static const guint32 sizes[COLUMNS] = {2, 3, 5, 20, 60, 400};
    (void) pair;
    for (guint32 k = 0; k < COLUMNS; k++)
        for (guint32 i = 0; i < 4; i++)
            out[i / 2][i % 2][k] = 1000 * (k + 1) + draw(story, sizes[k]);
}

START_TEST(noise_says_nothing)
{
    Story story;
    make_story(&story, draw_noise);
    ck_assert(isnan(mean_margin(&story)));
    free_story(&story);
}
END_TEST

/* The same for all, and one of its own for each. */
static void
draw_constants(Story *story, guint32 pair, Bearings out)
{
    (void) story;
    for (guint32 i = 0; i < 4; i++) {
        out[i / 2][i % 2][0] = 5;
        out[i / 2][i % 2][1] = 100000 + 4 * pair + i;
    }
}

START_TEST(constants_and_ids_of_one_line_say_nothing)
{
    Story story;
    make_story(&story, draw_constants);
    ck_assert(isnan(mean_margin(&story)));
    free_story(&story);
}
END_TEST

/* A session's number beside noise: some of few sessions, some of many. */
static void
draw_sessions(Story *story, guint32 pair, Bearings out, guint32 sessions)
{
    draw_noise(story, pair, out);
    for (guint32 i = 0; i < 2; i++)
        out[0][i][0] = out[1][i][0] = 1 + draw(story, sessions);
}

static void
draw_four(Story *story, guint32 pair, Bearings out)
{
    draw_sessions(story, pair, out, 4);
}

static void
draw_hundred(Story *story, guint32 pair, Bearings out)
{
    draw_sessions(story, pair, out, 100);
}

START_TEST(rare_values_weigh_more)
{
    Story few, many;
    make_story(&few, draw_four);
    make_story(&many, draw_hundred);
    ck_assert_double_gt(mean_margin(&few), 2);
    ck_assert_double_gt(mean_margin(&many), mean_margin(&few) + 2);
    free_story(&few);
    free_story(&many);
}
END_TEST

/* The minute in which all of it happened. */
static void
draw_runs(Story *story, guint32 pair, Bearings out)
{
    (void) story;
    for (guint32 i = 0; i < 4; i++)
        out[i / 2][i % 2][0] = 5000 + pair / 10;
}

START_TEST(what_overlapping_requests_share_says_nothing)
{
    Story story;
    make_story(&story, draw_runs);
    ck_assert(isnan(mean_margin(&story)));
    free_story(&story);
}
END_TEST

/* Every other request bears an id, and its call, too. */
static void
draw_halves(Story *story, guint32 pair, Bearings out)
{
    guint32 with = draw(story, 2);
    out[0][with][0] = out[1][with][0] = 70000 + pair;
}

START_TEST(to_bear_none_says_something_too)
{
    Story story;
    make_story(&story, draw_halves);
    ck_assert_double_gt(mean_margin(&story), 2.2);
    free_story(&story);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("inference/values");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, noise_says_nothing);
    tcase_add_test(tcase, constants_and_ids_of_one_line_say_nothing);
    tcase_add_test(tcase, rare_values_weigh_more);
    tcase_add_test(tcase, what_overlapping_requests_share_says_nothing);
    tcase_add_test(tcase, to_bear_none_says_something_too);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
