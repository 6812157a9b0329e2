/* Prompt steps around a service that works on one thing at a time and keeps requests waiting.
 */
#include "correlate/log-requests/grouping.h"
#include "tests/support/draw.h"
#include "tests/unit/suite.h"

#include <string.h>

#define US G_GINT64_CONSTANT(1000)
#define REQUESTS 250
#define PRODUCTS 8
#define LISTED 3

enum { FRONT = 1, BUSY, WORKER, LISTER };

static guint32 seed;

typedef struct {
    LampLogLine line;
    LampLogValue values[LISTED];
    guint32 request;
} Entry;

static gint
compare_entries(gconstpointer left, gconstpointer right)
{
    const Entry *a = left;
    const Entry *b = right;
    return a->line.time_ns < b->line.time_ns ? -1 : a->line.time_ns > b->line.time_ns;
}

/* A line of @request, some time after @at; returns its time. */
static gint64
say(GArray *entries, gint64 at, guint32 component, guint32 template, guint32 request)
{
    at += 1000 + draw_below(&seed, 3000);
    Entry entry = {{at * US, 1, template, component, 0, 0}, {{0}}, request};
    g_array_append_val(entries, entry);
    return at;
}

static void
add_value(GArray *entries, guint32 key, guint64 hash)
{
    Entry *entry = &g_array_index(entries, Entry, entries->len - 1);
    entry->values[entry->line.value_count++] = (LampLogValue){hash, key};
}

/* What a request does before it asks the busy service: all of it prompt. */
static gint64
arrive(GArray *entries, gint64 at, guint32 r)
{
    guint64 products[LISTED];
    at = say(entries, at, FRONT, 1, r);
    add_value(entries, 5, 100000 + r);
    at = say(entries, at, LISTER, 11, r);
    for (guint k = 0; k < LISTED; k++) {
        products[k] = 500 + (guint64) ((guint) draw_below(&seed, 2) + 2 * k) % PRODUCTS;
        add_value(entries, 6, products[k]);
    }
    for (guint k = 0; k < LISTED; k++) {
        at = say(entries, at, WORKER, 12, r);
        add_value(entries, 7, products[k]);
        at = say(entries, at, WORKER, 13, r);
    }
    return at;
}

/* Requests come a little slower than the busy service serves them, which is never idle for
 * long; its answers take up to 80 ms. The front end alone names requests. */
static GArray *
make_entries(void)
{
    GArray *entries = g_array_new(FALSE, TRUE, sizeof(Entry));
    gint64 free_at = 0;
    seed = 3;
    for (guint32 r = 0; r < REQUESTS; r++) {
        gint64 asked = arrive(entries, (gint64) r * 21000 + draw_below(&seed, 60000), r);
        gint64 begun = MAX(free_at, asked) + 10 + draw_below(&seed, 200);
        Entry line = {{begun * US, 1, 8, BUSY, 0, 0}, {{0}}, r};
        g_array_append_val(entries, line);
        free_at = begun + 15000 + draw_below(&seed, 10000);
        line.line.time_ns = free_at * US;
        line.line.template = 9;
        g_array_append_val(entries, line);
        gint64 at = say(entries, free_at + draw_below(&seed, 80000), WORKER, 14, r);
        at = say(entries, at, WORKER, 15, r);
        at = say(entries, at, FRONT, 2, r);
        add_value(entries, 5, 100000 + r);
    }
    g_array_sort(entries, compare_entries);
    return entries;
}

static LampLogGrouping *
group(const GArray *entries)
{
    g_autofree LampLogLine *lines = g_new0(LampLogLine, entries->len);
    g_autofree LampLogValue *values = g_new0(LampLogValue, (gsize) entries->len * LISTED);
    guint32 n = 0;
    for (guint32 i = 0; i < entries->len; i++) {
        const Entry *entry = &g_array_index(entries, Entry, i);
        lines[i] = entry->line;
        lines[i].first_value = n;
        memcpy(&values[n], entry->values, entry->line.value_count * sizeof *values);
        n += entry->line.value_count;
    }
    LampLogInput input = {lines, entries->len, values, n};
    return lamp_log_group(&input);
}

/* Share of the lines of some components that are in the request of their front end's line; and
 * the mean confidence of these. */
static double
share_right(const GArray *entries, const LampLogGrouping *grouping, gboolean is_busy,
            double *out_expected)
{
    guint32 request[REQUESTS];
    guint right = 0;
    guint all = 0;
    *out_expected = 0;
    for (guint32 i = 0; i < entries->len; i++) {
        const Entry *entry = &g_array_index(entries, Entry, i);
        if (entry->line.component == FRONT)
            request[entry->request] = grouping->places[i].request;
    }
    for (guint32 i = 0; i < entries->len; i++) {
        const Entry *entry = &g_array_index(entries, Entry, i);
        if (entry->line.component == FRONT || (entry->line.component == BUSY) != is_busy)
            continue;
        all++;
        right += grouping->places[i].request == request[entry->request] ? 1 : 0;
        *out_expected += (double) grouping->places[i].confidence;
    }
    *out_expected /= all;
    return (double) right / all;
}

START_TEST(steps_around_busy_service)
{
    g_autoptr(GArray) entries = make_entries();
    g_autoptr(LampLogGrouping) grouping = group(entries);
    double expected;
    double right = share_right(entries, grouping, FALSE, &expected);
    ck_assert_double_gt(right, 0.93); /* by frames alone: 0.83 */
    ck_assert_double_lt(ABS(expected - right), 0.1);
    ck_assert_double_gt(share_right(entries, grouping, TRUE, &expected), 0.6);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("log-steps");
    TCase *tcase = tcase_create("steps");
    tcase_set_timeout(tcase, 100);
    tcase_add_test(tcase, steps_around_busy_service);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
