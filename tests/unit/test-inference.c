/* Properties of the causal engine, on a small simulated service. */
#include "correlate/inference/inference.h"

#include "tests/unit/suite.h"

#include <math.h>
#include <string.h>

#define US 1000
#define MS (1000 * US)
#define ORIGIN (G_GINT64_CONSTANT(1700000000) * 1000 * MS)

enum { FRONT = 1, BACK = 2, STORE = 3 };

static guint64 random_state;

static double
unit(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return ((double) (random_state >> 11) + 0.5) * 0x1.0p-53;
}

static gint64
delay(double mean_us)
{
    return (gint64) (mean_us * US * (0.7 + 0.3 * -log(unit())));
}

/* Calls of the simulated system and, beside them, the true parents. */
typedef struct {
    GArray *calls;
    GArray *truth;
} World;

static gint64
make_call(World *world, gint64 start, guint32 parent, guint32 from, guint32 to)
{
    LampInferenceCall call = {.client_start_ns = start,
                              .server_start_ns = start + delay(50),
                              .client_process = from,
                              .client_service = from,
                              .server_process = to,
                              .server_service = to,
                              .operation = 10 * from + to};
    guint32 at = world->calls->len;
    g_array_append_val(world->calls, call);
    g_array_append_val(world->truth, parent);
    gint64 now = call.server_start_ns;
    if (to == FRONT) {
        now = make_call(world, now + delay(300), at, FRONT, BACK);
        now = make_call(world, now + delay(200), at, FRONT, STORE);
    } else if (to == BACK && unit() < 0.7) {
        now = make_call(world, now + delay(100), at, BACK, STORE);
    }
    now += delay(400);
    LampInferenceCall *self = &g_array_index(world->calls, LampInferenceCall, at);
    self->server_end_ns = now;
    return self->client_end_ns = now + delay(50);
}

static World
make_world(guint32 n, double gap_us)
{
    World world = {g_array_new(FALSE, TRUE, sizeof(LampInferenceCall)),
                   g_array_new(FALSE, TRUE, sizeof(guint32))};
    gint64 now = ORIGIN;
    random_state = 88172645463325252u;
    for (guint32 i = 0; i < n; i++) {
        now += (gint64) (gap_us * US * -log(unit()));
        gint64 end = make_call(&world, now, LAMP_INFERENCE_NO_CALL, 0, FRONT);
        if (gap_us <= 0)
            now = end + MS;
    }
    return world;
}

static void
free_world(World *world)
{
    g_array_free(world->calls, TRUE);
    g_array_free(world->truth, TRUE);
}

static LampInference *
infer(const World *world)
{
    LampInferenceInput input = {.calls =
                                    (const LampInferenceCall *) (void *) world->calls->data,
                                .n_calls = world->calls->len};
    g_autoptr(GError) error = NULL;
    LampInference *answer = lamp_inference_run(&input, NULL, &error);
    ck_assert_ptr_nonnull(answer);
    return answer;
}

static double
accuracy(const World *world, const LampInference *answer)
{
    guint32 right = 0;
    for (guint32 i = 0; i < world->truth->len; i++)
        right += answer->links[i].parent == g_array_index(world->truth, guint32, i);
    return (double) right / world->truth->len;
}

START_TEST(no_overlap_is_certain)
{
    World world = make_world(300, 0);
    g_autoptr(LampInference) answer = infer(&world);
    ck_assert_double_eq(accuracy(&world, answer), 1.0);
    free_world(&world);
}
END_TEST

START_TEST(overlap_is_told_apart_and_doubt_is_admitted)
{
    World world = make_world(2000, 1500);
    g_autoptr(LampInference) answer = infer(&world);
    double right = accuracy(&world, answer);
    ck_assert_double_gt(right, 0.9);
    ck_assert_double_le(fabs(answer->expected_accuracy - right), 0.03);
    free_world(&world);
}
END_TEST

START_TEST(what_is_chosen_is_not_far_less_probable_than_the_rest)
{
    World world = make_world(300, 150);
    g_autoptr(LampInference) answer = infer(&world);
    for (gsize i = 0; i < answer->n_calls; i++)
        ck_assert_float_ge(answer->links[i].probability,
                           0.49f * answer->links[i].runner_up_probability);
    free_world(&world);
}
END_TEST

START_TEST(input_order_changes_nothing)
{
    World world = make_world(300, 1000);
    guint32 n = world.calls->len;
    g_autoptr(LampInference) answer = infer(&world);
    World turned = {g_array_new(FALSE, TRUE, sizeof(LampInferenceCall)), world.truth};
    for (guint32 i = 0; i < n; i++)
        g_array_append_val(turned.calls,
                           g_array_index(world.calls, LampInferenceCall, n - 1 - i));
    g_autoptr(LampInference) other = infer(&turned);
    for (guint32 i = 0; i < n; i++) {
        const LampInferenceLink *a = &answer->links[i], *b = &other->links[n - 1 - i];
        ck_assert(a->parent == LAMP_INFERENCE_NO_CALL ? b->parent == LAMP_INFERENCE_NO_CALL
                                                      : b->parent == n - 1 - a->parent);
        ck_assert(memcmp(&a->probability, &b->probability, sizeof a->probability) == 0);
    }
    g_array_free(turned.calls, TRUE);
    free_world(&world);
}
END_TEST

START_TEST(shifted_clocks_change_nothing)
{
    World world = make_world(300, 1000);
    g_autoptr(LampInference) answer = infer(&world);
    for (guint32 i = 0; i < world.calls->len; i++) {
        LampInferenceCall *c = &g_array_index(world.calls, LampInferenceCall, i);
        c->client_start_ns += 123456789;
        c->client_end_ns += 123456789;
        c->server_start_ns += 123456789;
        c->server_end_ns += 123456789;
    }
    g_autoptr(LampInference) other = infer(&world);
    for (guint32 i = 0; i < world.calls->len; i++)
        ck_assert_uint_eq(answer->links[i].parent, other->links[i].parent);
    free_world(&world);
}
END_TEST

START_TEST(structure_is_learnt)
{
    World world = make_world(2000, 3000);
    g_autoptr(LampInference) answer = infer(&world);
    guint32 seen = 0;
    for (gsize i = 0; i < answer->n_slots; i++) {
        const LampInferenceSlot *s = &answer->slots[i];
        if (s->service != BACK || s->child_service != STORE || s->occurrence != 0)
            continue;
        seen++;
        ck_assert_double_eq_tol(s->presence, 0.7, 0.05);
    }
    ck_assert_uint_eq(seen, 1);
    free_world(&world);
}
END_TEST

/* Gives every call an id of its request: a value that only it and its steps bear. */
static GArray *
name_requests(World *world)
{
    GArray *values = g_array_new(FALSE, TRUE, sizeof(LampInferenceValue));
    for (guint32 i = 0; i < world->calls->len; i++) {
        LampInferenceCall *c = &g_array_index(world->calls, LampInferenceCall, i);
        guint32 root = i;
        while (g_array_index(world->truth, guint32, root) != LAMP_INFERENCE_NO_CALL)
            root = g_array_index(world->truth, guint32, root);
        LampInferenceValue v = {.hash = root * 2654435761u + 1, .slot = 1};
        c->first_value = values->len;
        c->value_count = 1;
        g_array_append_val(values, v);
    }
    return values;
}

START_TEST(more_evidence_does_no_harm)
{
    World world = make_world(1500, 700);
    g_autoptr(LampInference) without = infer(&world);
    GArray *values = name_requests(&world);
    LampInferenceInput input = {
        (const LampInferenceCall *) (void *) world.calls->data, world.calls->len,
        (const LampInferenceValue *) (void *) values->data, values->len};
    g_autoptr(LampInference) with = lamp_inference_run(&input, NULL, NULL);
    ck_assert_double_lt(accuracy(&world, without), 0.99);
    ck_assert_double_gt(accuracy(&world, with), 0.995);
    g_array_free(values, TRUE);
    free_world(&world);
}
END_TEST

/* A value that every call bears, and columns of noise of 2 to 512 values: all tell nothing. */
START_TEST(worthless_values_do_no_harm)
{
    enum { COLUMNS = 6 };
    const guint32 sizes[COLUMNS] = {1, 2, 3, 8, 40, 512};
    World world = make_world(1500, 700);
    g_autoptr(LampInference) without = infer(&world);
    GArray *values = g_array_new(FALSE, TRUE, sizeof(LampInferenceValue));
    for (guint32 i = 0; i < world.calls->len; i++) {
        LampInferenceCall *c = &g_array_index(world.calls, LampInferenceCall, i);
        c->first_value = values->len, c->value_count = COLUMNS;
        for (guint32 k = 0; k < COLUMNS; k++) {
            LampInferenceValue v = {1000 * k + (guint32) (unit() * sizes[k]), k, 0, FALSE};
            g_array_append_val(values, v);
        }
    }
    LampInferenceInput input = {
        (const LampInferenceCall *) (void *) world.calls->data, world.calls->len,
        (const LampInferenceValue *) (void *) values->data, values->len};
    g_autoptr(LampInference) with = lamp_inference_run(&input, NULL, NULL);
    ck_assert_double_ge(accuracy(&world, with), accuracy(&world, without) - 0.003);
    ck_assert_double_le(fabs(with->expected_accuracy - accuracy(&world, with)), 0.015);
    g_array_free(values, TRUE);
    free_world(&world);
}
END_TEST

/* Adds to @world, of every hundredth request of the front, a rare call: four of them. */
static void
add_rare_calls(World *world)
{
    guint32 before = world->calls->len;
    for (guint32 i = 0, seen = 0; i < before; i++) {
        LampInferenceCall c = g_array_index(world->calls, LampInferenceCall, i);
        if (c.server_process != FRONT || seen++ % 100 != 20)
            continue;
        gint64 at = c.server_start_ns + delay(100);
        LampInferenceCall rare = {at, at + 60 * US, at + 20 * US, at + 50 * US};
        rare.client_process = rare.client_service = FRONT;
        rare.server_process = rare.server_service = STORE;
        rare.operation = 99;
        g_array_append_val(world->calls, rare);
        g_array_append_val(world->truth, i);
    }
    ck_assert_uint_eq(world->calls->len, before + 4);
}

/* What few requests do, among hundreds that overlap; four calls alone may be coin tosses. */
START_TEST(rare_calls_are_no_background)
{
    enum { WORLDS = 8 };
    guint32 right = 0;
    double claimed = 0;
    for (guint w = 0; w < WORLDS; w++) {
        World world = make_world(400, 2500);
        add_rare_calls(&world);
        g_autoptr(LampInference) answer = infer(&world);
        for (guint32 i = world.calls->len - 4; i < world.calls->len; i++) {
            ck_assert_uint_ne(answer->links[i].parent, LAMP_INFERENCE_NO_CALL);
            right += answer->links[i].parent == g_array_index(world.truth, guint32, i);
            claimed += (double) answer->links[i].probability;
        }
        free_world(&world);
    }
    ck_assert_uint_ge(right, 20);
    ck_assert_double_lt(claimed, 0.99 * 4 * WORLDS);
}
END_TEST

START_TEST(candidates_are_told_and_so_is_having_none)
{
    World world = make_world(400, 900);
    g_autoptr(LampInference) answer = infer(&world);
    guint32 several = 0;
    for (guint32 i = 0; i < world.calls->len; i++) {
        const LampInferenceLink *link = &answer->links[i];
        guint32 none = 0;
        double sum = 0;
        for (guint32 k = 0; k < link->candidate_count; k++) {
            const LampInferenceCandidate *c = &answer->candidates[link->first_candidate + k];
            none += c->parent == LAMP_INFERENCE_NO_CALL;
            sum += (double) c->probability;
        }
        if (g_array_index(world.truth, guint32, i) == LAMP_INFERENCE_NO_CALL)
            continue;
        ck_assert_uint_eq(none, 1);
        ck_assert_double_eq_tol(sum, 1, 0.02);
        ck_assert_uint_ge(link->possible + 1, link->candidate_count);
        several += link->possible > 2;
    }
    ck_assert_uint_gt(several, 100);
    free_world(&world);
}
END_TEST

START_TEST(threads_change_nothing)
{
    World world = make_world(600, 1000);
    LampInferenceInput input = {.calls = (const LampInferenceCall *) (void *) world.calls->data,
                                .n_calls = world.calls->len};
    LampInferenceOptions options = {.threads = 4};
    g_autoptr(LampInference) one = lamp_inference_run(&input, NULL, NULL);
    g_autoptr(LampInference) four = lamp_inference_run(&input, &options, NULL);
    for (guint32 i = 0; i < world.calls->len; i++) {
        ck_assert_uint_eq(one->links[i].parent, four->links[i].parent);
        ck_assert(memcmp(&one->links[i].probability, &four->links[i].probability,
                         sizeof(float)) == 0);
    }
    free_world(&world);
}
END_TEST

START_TEST(samples_agree_with_probabilities)
{
    World world = make_world(500, 800);
    LampInferenceInput input = {.calls = (const LampInferenceCall *) (void *) world.calls->data,
                                .n_calls = world.calls->len};
    LampInferenceOptions options = {.samples = 20};
    g_autoptr(LampInference) answer = lamp_inference_run(&input, &options, NULL);
    double agree = 0, expect = 0;
    ck_assert_uint_eq(answer->n_samples, 20);
    for (guint32 k = 0; k < 20; k++)
        for (guint32 i = 0; i < world.calls->len; i++)
            agree += answer->samples[k * world.calls->len + i] == answer->links[i].parent;
    for (guint32 i = 0; i < world.calls->len; i++)
        expect += 20 * (double) answer->links[i].probability;
    ck_assert_double_eq_tol(agree / expect, 1.0, 0.02);
    free_world(&world);
}
END_TEST

START_TEST(later_slices_use_what_was_learnt)
{
    World world = make_world(1500, 900), slice = make_world(1500, 900);
    g_autoptr(LampInferenceMemory) memory = lamp_inference_memory_new();
    LampInferenceOptions options = {.memory = memory};
    LampInferenceInput input = {.calls = (const LampInferenceCall *) (void *) world.calls->data,
                                .n_calls = world.calls->len};
    g_autoptr(LampInference) first = lamp_inference_run(&input, &options, NULL);
    g_array_set_size(slice.calls, slice.calls->len / 10);
    g_array_set_size(slice.truth, slice.calls->len);
    input.calls = (const LampInferenceCall *) (void *) slice.calls->data;
    input.n_calls = slice.calls->len;
    g_autoptr(LampInference) second = lamp_inference_run(&input, &options, NULL);
    ck_assert_double_gt(accuracy(&world, first), 0.85);
    ck_assert_double_gt(accuracy(&slice, second), 0.85);
    free_world(&world);
    free_world(&slice);
}
END_TEST

/* Calls by hand: a queue with a sender, a worker that fetches, and the worker's step. */
START_TEST(work_through_a_queue_has_its_sender_as_parent)
{
    enum { SHOP = 1, QUEUE = 2, WORKER = 3, MAIL = 4, SEND = 1, FETCH = 2, POST = 3 };
    LampInferenceValue values[] = {{.hash = 4711, .side = LAMP_VALUE_REQUEST},
                                   {.hash = 4711, .side = LAMP_VALUE_RESPONSE}};
    LampInferenceCall calls[] = {
        {.client_start_ns = 10 * MS,
         .client_end_ns = 11 * MS,
         .server_start_ns = 10 * MS,
         .server_end_ns = 11 * MS,
         .client_process = SHOP,
         .client_service = SHOP,
         .server_process = QUEUE,
         .server_service = QUEUE,
         .operation = SEND,
         .first_value = 0,
         .value_count = 1},
        {.client_start_ns = 1 * MS,
         .client_end_ns = 12 * MS,
         .server_start_ns = 1 * MS,
         .server_end_ns = 12 * MS,
         .client_process = WORKER,
         .client_service = WORKER,
         .server_process = QUEUE,
         .server_service = QUEUE,
         .operation = FETCH,
         .flags = LAMP_CALL_FETCH,
         .first_value = 1,
         .value_count = 1},
        {.client_start_ns = 15 * MS,
         .client_end_ns = 20 * MS,
         .server_start_ns = 15 * MS,
         .server_end_ns = 20 * MS,
         .client_process = WORKER,
         .client_service = WORKER,
         .server_process = MAIL,
         .server_service = MAIL,
         .operation = POST},
    };
    LampInferenceInput input = {calls, G_N_ELEMENTS(calls), values, G_N_ELEMENTS(values)};
    g_autoptr(LampInference) answer = lamp_inference_run(&input, NULL, NULL);
    ck_assert_uint_eq(answer->links[2].parent, 0);
    ck_assert_uint_eq(answer->links[2].via, 1);
    ck_assert_uint_eq(answer->links[2].kind, LAMP_LINK_MESSAGE);
    ck_assert_uint_eq(answer->links[1].parent, LAMP_INFERENCE_NO_CALL);
}
END_TEST

START_TEST(a_call_again_after_a_failure_is_a_retry)
{
    LampInferenceCall calls[] = {
        {.client_start_ns = LAMP_INFERENCE_TIME_NONE,
         .client_end_ns = LAMP_INFERENCE_TIME_NONE,
         .server_start_ns = 10 * MS,
         .server_end_ns = 50 * MS,
         .server_process = FRONT,
         .server_service = FRONT,
         .operation = 1},
        {.client_start_ns = 12 * MS,
         .client_end_ns = 20 * MS,
         .server_start_ns = 12 * MS,
         .server_end_ns = 20 * MS,
         .client_process = FRONT,
         .client_service = FRONT,
         .server_process = BACK,
         .server_service = BACK,
         .operation = 2,
         .flags = LAMP_CALL_ERROR},
        {.client_start_ns = 25 * MS,
         .client_end_ns = 40 * MS,
         .server_start_ns = 25 * MS,
         .server_end_ns = 40 * MS,
         .client_process = FRONT,
         .client_service = FRONT,
         .server_process = BACK + 10,
         .server_service = BACK,
         .operation = 2},
    };
    LampInferenceInput input = {calls, G_N_ELEMENTS(calls), NULL, 0};
    g_autoptr(LampInference) answer = lamp_inference_run(&input, NULL, NULL);
    ck_assert_uint_eq(answer->links[1].parent, 0);
    ck_assert_uint_eq(answer->links[2].parent, 0);
    ck_assert_uint_eq(answer->links[2].kind, LAMP_LINK_RETRY);
    ck_assert_uint_eq(answer->links[2].retry_of, 1);
}
END_TEST

START_TEST(empty_input_is_fine)
{
    LampInferenceInput input = {0};
    g_autoptr(LampInference) answer = lamp_inference_run(&input, NULL, NULL);
    ck_assert_uint_eq(answer->n_calls, 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("inference");
    TCase *tcase = tcase_create("inference");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, no_overlap_is_certain);
    tcase_add_test(tcase, overlap_is_told_apart_and_doubt_is_admitted);
    tcase_add_test(tcase, what_is_chosen_is_not_far_less_probable_than_the_rest);
    tcase_add_test(tcase, input_order_changes_nothing);
    tcase_add_test(tcase, shifted_clocks_change_nothing);
    tcase_add_test(tcase, structure_is_learnt);
    tcase_add_test(tcase, more_evidence_does_no_harm);
    tcase_add_test(tcase, worthless_values_do_no_harm);
    tcase_add_test(tcase, rare_calls_are_no_background);
    tcase_add_test(tcase, candidates_are_told_and_so_is_having_none);
    tcase_add_test(tcase, threads_change_nothing);
    tcase_add_test(tcase, samples_agree_with_probabilities);
    tcase_add_test(tcase, later_slices_use_what_was_learnt);
    tcase_add_test(tcase, work_through_a_queue_has_its_sender_as_parent);
    tcase_add_test(tcase, a_call_again_after_a_failure_is_a_retry);
    tcase_add_test(tcase, empty_input_is_fine);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
