/* Requests from the lines of one program whose threads take one request at a time, or many. */
#include "correlate/log-requests/grouping.h"
#include "tests/unit/suite.h"

#include <math.h>
#include <string.h>

#define US G_GINT64_CONSTANT(1000)
#define THREAD G_MAXUINT32

enum { REQUESTS = 300, STEPS = 6 };

typedef struct {
    LampLogLine line;
    LampLogValue thread;
    guint32 request;
} Entry;

typedef struct {
    guint threads;
    double apart_us;  /* mean, between arrivals */
    gboolean is_loop; /* a thread goes on with others while a request waits */
    guint loggers;    /* that the program's lines name; 0: none */
} System;

static gint
compare_entries(gconstpointer left, gconstpointer right)
{
    const Entry *a = left, *b = right;
    return a->line.time_ns < b->line.time_ns   ? -1
           : a->line.time_ns > b->line.time_ns ? 1
                                               : (gint) a->request - (gint) b->request;
}

static double
exponential(GRand *random, double mean)
{
    return -log(1 - g_rand_double(random)) * mean;
}

/* Requests of six steps, one of which only half of them have; each takes 20 ms on average. */
static GArray *
make_lines(const System *system)
{
    GArray *entries = g_array_new(FALSE, TRUE, sizeof(Entry));
    g_autoptr(GRand) random = g_rand_new_with_seed(5);
    g_autofree double *is_free = g_new0(double, system->threads);
    double arrival = 0;
    for (guint32 r = 0; r < REQUESTS; r++) {
        guint thread = r % system->threads;
        arrival += exponential(random, system->apart_us);
        for (guint t = 0; t < system->threads && !system->is_loop; t++)
            thread = is_free[t] < is_free[thread] ? t : thread;
        double time = system->is_loop ? arrival : MAX(arrival, is_free[thread]);
        for (guint32 step = 0; step < STEPS; step++) {
            if (step == 3 && g_rand_boolean(random))
                continue;
            Entry entry = {.line = {(gint64) time * US, 1, step + 1, 1},
                           .thread = {1000 + thread, THREAD},
                           .request = r};
            entry.line.component += system->loggers > 0 ? step % system->loggers : 0;
            g_array_append_val(entries, entry);
            time += 5000 + exponential(random, 15000);
        }
        is_free[thread] = time;
    }
    g_array_sort(entries, compare_entries);
    return entries;
}

typedef struct {
    double right, confidence; /* lines: with the first line of their request; mean */
    guint32 requests;
} Result;

static Result
group(const System *system)
{
    g_autoptr(GArray) entries = make_lines(system);
    g_autofree LampLogLine *lines = g_new0(LampLogLine, entries->len);
    g_autofree LampLogValue *values = g_new0(LampLogValue, entries->len);
    for (guint32 i = 0; i < entries->len; i++) {
        lines[i] = g_array_index(entries, Entry, i).line;
        lines[i].first_value = i;
        lines[i].value_count = 1;
        values[i] = g_array_index(entries, Entry, i).thread;
    }
    LampLogInput input = {lines, entries->len, values, entries->len};
    g_autoptr(LampLogGrouping) grouping = lamp_log_group(&input);
    g_autofree guint32 *first = g_new(guint32, (gsize) grouping->n_requests + 1);
    memset(first, 0xff, ((gsize) grouping->n_requests + 1) * sizeof(guint32));
    Result result = {.requests = grouping->n_requests};
    for (guint32 i = 0; i < entries->len; i++) {
        guint32 request = grouping->places[i].request;
        first[request] = MIN(first[request], i);
        result.right += g_array_index(entries, Entry, first[request]).request ==
                                g_array_index(entries, Entry, i).request
                            ? 1.0 / entries->len
                            : 0;
        result.confidence += (double) grouping->places[i].confidence / entries->len;
    }
    return result;
}

/* Eight workers, at 6 to 96 % of their time busy. */
START_TEST(test_runs_of_workers_are_requests)
{
    static const double apart[] = {250000, 50000, 16000};
    for (gsize i = 0; i < G_N_ELEMENTS(apart); i++) {
        Result result = group(&(System){.threads = 8, .apart_us = apart[i]});
        ck_assert_msg(result.right > 0.99, "%.0f us apart: %.3f right", apart[i], result.right);
        ck_assert_uint_eq(result.requests, REQUESTS);
        ck_assert_msg(result.confidence > 0.85 && result.confidence < 1, "%.3f sure",
                      result.confidence);
    }
}
END_TEST

/* Loggers are parts of a program. */
START_TEST(test_workers_write_to_several_loggers)
{
    Result result = group(&(System){.threads = 8, .apart_us = 50000, .loggers = 3});
    ck_assert_msg(result.right > 0.99, "%.3f right", result.right);
    ck_assert_uint_eq(result.requests, REQUESTS);
}
END_TEST

/* Two event loops, on which some twelve requests wait at once: threads tell next to nothing,
 * and are not believed to. */
START_TEST(test_event_loops_are_no_workers)
{
    Result result = group(&(System){.threads = 2, .apart_us = 8000, .is_loop = TRUE});
    ck_assert_msg(result.confidence < result.right + 0.15, "%.3f sure, %.3f right",
                  result.confidence, result.right);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("log-threads");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, test_runs_of_workers_are_requests);
    tcase_add_test(tcase, test_workers_write_to_several_loggers);
    tcase_add_test(tcase, test_event_loops_are_no_workers);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
