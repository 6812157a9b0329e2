/* What services did in requests of which only log lines tell: segments and begin/end pairs. */
#include "correlate/line-operations.h"
#include "tests/unit/suite.h"

#define US G_GINT64_CONSTANT(1000)

enum { ALPHA = 1, BETA, GAMMA, DELTA, REQUESTS = 300 };

/* One line; its template tells service and kind. */
typedef struct {
    LampLogLine line;
    guint32 request;
} Entry;

typedef struct {
    LampLogLines lines;
    LampLogGrouping grouping;
    GArray *entries, *operations;
} Made;

static gint
compare_entries(gconstpointer left, gconstpointer right)
{
    const Entry *a = left, *b = right;
    return a->line.time_ns < b->line.time_ns ? -1
           : a->line.time_ns > b->line.time_ns
               ? 1
               : (gint) a->line.template - (gint) b->line.template;
}

static void
say(Made *made, guint32 request, guint32 service, guint32 kind, double at_us, double took_us)
{
    Entry entry = {.line = {.time_ns = (gint64) at_us * US,
                            .resolution_ns = 1,
                            .template = service * 10 + kind,
                            .component = service,
                            .writer = service,
                            .duration_ns = (gint64) took_us * US},
                   .request = request};
    g_array_append_val(made->entries, entry);
}

/* A piece of work, as one line at its end or as two. */
static void
work(Made *made, guint32 request, guint32 service, double at_us, double took_us,
     gboolean is_pair)
{
    if (is_pair)
        say(made, request, service, 0, at_us, 0);
    say(made, request, service, 1, at_us + took_us, is_pair ? 0 : took_us);
}

static void
finish(Made *made)
{
    g_array_sort(made->entries, compare_entries);
    made->lines.lines = g_array_new(FALSE, FALSE, sizeof(LampLogLine));
    made->grouping.places = g_new0(LampLogPlace, made->entries->len);
    made->grouping.n_requests = REQUESTS;
    for (guint i = 0; i < made->entries->len; i++) {
        const Entry *entry = &g_array_index(made->entries, Entry, i);
        g_array_append_val(made->lines.lines, entry->line);
        made->grouping.places[i].request = entry->request;
        made->grouping.places[i].confidence = 1;
    }
    made->operations = lamp_line_operations(&made->lines, &made->grouping);
}

static void
clear(Made *made)
{
    g_array_unref(made->entries);
    g_array_unref(made->operations);
    g_array_unref(made->lines.lines);
    g_free(made->grouping.places);
}

static const LampLineOperation *
operation(const Made *made, guint i)
{
    return &g_array_index(made->operations, LampLineOperation, i);
}

/* Alpha, then beta beside gamma, then delta; requests overlap. */
static void
make_pipeline(Made *made, gboolean is_pair)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(3);
    made->entries = g_array_new(FALSE, FALSE, sizeof(Entry));
    for (guint32 r = 0; r < REQUESTS; r++) {
        double at = r * 20000.0, took[DELTA + 1];
        for (guint s = ALPHA; s <= DELTA; s++)
            took[s] = g_rand_double_range(random, 2000, 30000);
        work(made, r, ALPHA, at, took[ALPHA], is_pair);
        at += took[ALPHA] + 500;
        work(made, r, BETA, at + g_rand_double_range(random, 0, 400), took[BETA], is_pair);
        work(made, r, GAMMA, at + g_rand_double_range(random, 0, 400), took[GAMMA], is_pair);
        at += MAX(took[BETA], took[GAMMA]) + 1000;
        work(made, r, DELTA, at, took[DELTA], is_pair);
    }
    finish(made);
}

/* Each service has one operation in each request, of the length of its work; none of the three
 * behind the first is called by another of them. */
static void
check_pipeline(const Made *made)
{
    gint64 shortest = G_MAXINT64;
    ck_assert_uint_eq(made->operations->len, REQUESTS * DELTA);
    for (guint i = 0; i < made->operations->len; i++) {
        const LampLineOperation *o = operation(made, i);
        shortest = MIN(shortest, o->end - o->start);
        if (o->writer == ALPHA)
            ck_assert_uint_eq(o->parent, LAMP_INDEX_NONE);
        else
            ck_assert_uint_eq(operation(made, o->parent)->writer, ALPHA);
    }
    ck_assert_int_gt(shortest, 1900 * US);
}

START_TEST(test_segments_begin_before_their_lines)
{
    Made made = {0};
    make_pipeline(&made, FALSE);
    check_pipeline(&made);
    clear(&made);
}
END_TEST

START_TEST(test_pairs_beside_each_other_have_their_own_ends)
{
    Made made = {0};
    make_pipeline(&made, TRUE);
    check_pipeline(&made);
    clear(&made);
}
END_TEST

/* A caller that waits for two calls, one after the other, and calls of these. */
START_TEST(test_callers_are_those_that_wait)
{
    Made made = {.entries = g_array_new(FALSE, FALSE, sizeof(Entry))};
    for (guint32 r = 0; r < REQUESTS; r++) {
        double at = r * 20000.0, wait = 500 * (r % 7);
        work(&made, r, ALPHA, at, 9000 + wait, r % 2 == 0);
        work(&made, r, BETA, at + 1000, 4000 + wait, FALSE);
        work(&made, r, GAMMA, at + 2000, 1000, FALSE);
        work(&made, r, GAMMA, at + 3500, 1000, FALSE);
        work(&made, r, DELTA, at + 6000 + wait, 2000, TRUE);
    }
    finish(&made);
    static const guint32 callers[] = {[BETA] = ALPHA, [GAMMA] = BETA, [DELTA] = ALPHA};
    ck_assert_uint_eq(made.operations->len, REQUESTS * 5);
    for (guint i = 0; i < made.operations->len; i++) {
        const LampLineOperation *o = operation(&made, i);
        if (o->writer == ALPHA)
            ck_assert_uint_eq(o->parent, LAMP_INDEX_NONE);
        else
            ck_assert_uint_eq(operation(&made, o->parent)->writer, callers[o->writer]);
    }
    clear(&made);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("line-operations");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, test_segments_begin_before_their_lines);
    tcase_add_test(tcase, test_pairs_beside_each_other_have_their_own_ends);
    tcase_add_test(tcase, test_callers_are_those_that_wait);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
