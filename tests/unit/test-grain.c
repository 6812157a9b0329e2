/* Stamps of several coarse clocks are told apart, and only those. */
#include "correlate/inference/inference.h"

#include "tests/support/draw.h"
#include "tests/unit/inference-call.h"
#include "tests/unit/suite.h"

#include <math.h>

#define US G_GINT64_CONSTANT(1000)
#define MS (1000 * US)

enum { SERVICE = 1, STORE, REQUESTS = 400, CLOCKS = 8 };

typedef gint64 (*Stamp)(gint64 time, guint clock);

static gint64
by_many_clocks(gint64 time, guint clock)
{
    return time / MS * MS + clock * (MS / CLOCKS);
}

static gint64
by_one_clock(gint64 time, guint clock)
{
    (void) clock;
    return time / MS * MS;
}

static guint64 random_state;

static void
add_call(GArray *calls, guint32 from, guint32 to, gint64 start, gint64 end)
{
    LampInferenceCall call = inference_call(start, end, from, to, to);
    g_array_append_val(calls, call);
}

/* Requests of 20 to 60 ms, a new one each 5 ms, with one call somewhere within; `exact_end`:
 * only durations are whole ms, as where a log tells the end and how long it took. */
static GArray *
make_calls(Stamp stamp, gboolean exact_end)
{
    GArray *calls = g_array_new(FALSE, TRUE, sizeof(LampInferenceCall));
    random_state = 7;
    for (guint i = 0; i < REQUESTS; i++) {
        gint64 start = i * 5 * MS + (gint64) (draw_unit(&random_state) * 4 * (double) MS);
        gint64 call = start + (gint64) (draw_unit(&random_state) * 40 * (double) MS);
        gint64 done = call + 5 * MS,
               end = done + (gint64) ((5 + 10 * draw_unit(&random_state)) * (double) MS);
        guint clock = i * 5 % CLOCKS;
        gint64 shift = exact_end ? (gint64) (draw_unit(&random_state) * (double) MS) : 0;
        add_call(calls, 0, SERVICE, stamp(start, clock) + shift, stamp(end, clock) + shift);
        shift = exact_end ? (gint64) (draw_unit(&random_state) * (double) MS) : 0;
        add_call(calls, SERVICE, STORE, stamp(call, clock) + shift, stamp(done, clock) + shift);
    }
    return calls;
}

static double
share_right(Stamp stamp, gboolean exact_end, double *out_linked)
{
    g_autoptr(GArray) calls = make_calls(stamp, exact_end);
    LampInferenceInput input = {.calls = (const LampInferenceCall *) (void *) calls->data,
                                .n_calls = calls->len};
    g_autoptr(LampInference) answer = lamp_inference_run(&input, NULL, NULL);
    ck_assert_ptr_nonnull(answer);
    guint right = 0, linked = 0;
    for (guint i = 1; i < calls->len; i += 2) {
        right += answer->links[i].parent == i - 1;
        linked += answer->links[i].parent != LAMP_INFERENCE_NO_CALL;
    }
    *out_linked = (double) linked / REQUESTS;
    return (double) right / REQUESTS;
}

START_TEST(test_the_phase_of_a_stamp_tells_its_clock)
{
    double linked;
    double one = share_right(by_one_clock, FALSE, &linked);
    double many = share_right(by_many_clocks, FALSE, &linked);
    ck_assert_double_lt(one, 0.6);
    ck_assert_double_gt(many, 0.95);
}
END_TEST

START_TEST(test_whole_durations_alone_exclude_nothing)
{
    double linked;
    share_right(by_one_clock, TRUE, &linked);
    ck_assert_double_gt(linked, 0.98);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("grain");
    TCase *cases = tcase_create("grain");
    tcase_add_test(cases, test_the_phase_of_a_stamp_tells_its_clock);
    tcase_add_test(cases, test_whole_durations_alone_exclude_nothing);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
