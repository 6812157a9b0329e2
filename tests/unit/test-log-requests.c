/* Requests from log lines alone: interleaved requests told apart by order, delays and values.
 */
#include "correlate/log-requests/grouping.h"
#include "tests/support/draw.h"
#include "tests/unit/suite.h"

#include <string.h>

#define US G_GINT64_CONSTANT(1000)
#define STEPS 6

static guint32 state;

typedef struct {
    LampLogLine line;
    LampLogValue value;
    guint32 request;
} Entry;

static gint
compare_entries(gconstpointer left, gconstpointer right)
{
    const Entry *a = left;
    const Entry *b = right;
    return a->line.time_ns < b->line.time_ns ? -1 : a->line.time_ns > b->line.time_ns;
}

/* Requests of six steps in three components; step k comes after (k + 1) ms give or take 3 %.
 * @apart_us 0: each begins 9 ms after the end of the one before. */
static GArray *
make_requests(guint n, gint64 apart_us, gboolean has_ids)
{
    GArray *entries = g_array_new(FALSE, TRUE, sizeof(Entry));
    gint64 start = 0;
    state = 7;
    for (guint32 r = 0; r < n; r++) {
        gint64 time = start;
        for (guint32 step = 0; step < STEPS; step++) {
            Entry entry = {
                .line = {time * US, 1, step + 1, step < 3 ? step + 1 : 5 - step + 1}};
            entry.request = r;
            entry.value = (LampLogValue){has_ids ? 1000 + r : 1, 1};
            g_array_append_val(entries, entry);
            time += has_ids ? 1 + draw_below(&state, 12000)
                            : (step + 1) * 1000 + draw_below(&state, (step + 1) * 30);
        }
        start = apart_us > 0 ? start + apart_us / 2 + draw_below(&state, apart_us)
                             : time + 9000 + draw_below(&state, 300);
    }
    g_array_sort(entries, compare_entries);
    return entries;
}

static LampLogGrouping *
group(GArray *entries, gboolean has_values)
{
    g_autofree LampLogLine *lines = g_new0(LampLogLine, entries->len);
    g_autofree LampLogValue *values = g_new0(LampLogValue, entries->len);
    for (guint32 i = 0; i < entries->len; i++) {
        lines[i] = g_array_index(entries, Entry, i).line;
        lines[i].first_value = i;
        lines[i].value_count = has_values ? 1 : 0;
        values[i] = g_array_index(entries, Entry, i).value;
    }
    LampLogInput input = {lines, entries->len, values, entries->len};
    return lamp_log_group(&input);
}

/* Share of lines that follow the right line, of those that are not the first of their request.
 */
static double
share_right(const GArray *entries, const LampLogGrouping *grouping, guint n)
{
    g_autofree guint32 *last = g_new(guint32, n);
    guint right = 0;
    guint all = 0;
    memset(last, 0xff, n * sizeof *last);
    for (guint32 i = 0; i < entries->len; i++) {
        guint32 request = g_array_index(entries, Entry, i).request;
        if (last[request] != LAMP_LOG_NONE) {
            all++;
            right += grouping->places[i].previous == last[request] ? 1 : 0;
        }
        last[request] = i;
    }
    return (double) right / all;
}

static double
mean_confidence(const GArray *entries, const LampLogGrouping *grouping)
{
    double sum = 0;
    for (guint32 i = 0; i < entries->len; i++)
        sum += (double) grouping->places[i].confidence;
    return sum / entries->len;
}

START_TEST(requests_without_overlap)
{
    g_autoptr(GArray) entries = make_requests(200, 200000, FALSE);
    g_autoptr(LampLogGrouping) grouping = group(entries, FALSE);
    ck_assert_uint_eq(grouping->n_requests, 200);
    ck_assert_double_eq(share_right(entries, grouping, 200), 1);
    ck_assert_double_gt(mean_confidence(entries, grouping), 0.95);
}
END_TEST

/* About three requests are under way at any time, and no line has an id. */
START_TEST(interleaved_requests)
{
    g_autoptr(GArray) entries = make_requests(400, 7000, FALSE);
    g_autoptr(LampLogGrouping) grouping = group(entries, FALSE);
    ck_assert_double_gt(share_right(entries, grouping, 400), 0.97);
    ck_assert_uint_ge(grouping->n_requests, 390);
    ck_assert_uint_le(grouping->n_requests, 410);
}
END_TEST

/* One request right after the other, and the log begins within one: that it goes in circles
 * tells where requests begin. */
START_TEST(requests_in_succession)
{
    g_autoptr(GArray) entries = make_requests(300, 0, FALSE);
    g_array_remove_range(entries, 0, 3);
    g_autoptr(LampLogGrouping) grouping = group(entries, FALSE);
    ck_assert_uint_ge(grouping->n_requests, 299);
    ck_assert_uint_le(grouping->n_requests, 302);
}
END_TEST

/* Delays tell nothing, ids everything. */
START_TEST(ids_decide)
{
    g_autoptr(GArray) entries = make_requests(300, 12000, TRUE);
    g_autoptr(LampLogGrouping) with = group(entries, TRUE);
    g_autoptr(LampLogGrouping) without = group(entries, FALSE);
    ck_assert_double_gt(share_right(entries, with, 300), 0.97);
    ck_assert_double_lt(share_right(entries, without, 300), 0.9);
}
END_TEST

/* Lines bear a value of their own request in components 1 and 2, of an order from step 1 to
 * component 3, and of a session that four requests share. */
static LampLogGrouping *
group_named(GArray *entries, gboolean has_requests, gboolean has_orders)
{
    g_autofree LampLogLine *lines = g_new0(LampLogLine, entries->len);
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(LampLogValue));
    for (guint32 i = 0; i < entries->len; i++) {
        const Entry *entry = &g_array_index(entries, Entry, i);
        guint32 step = entry->line.template - 1;
        LampLogValue request = {10000 + entry->request, 1};
        LampLogValue order = {20000 + entry->request, 2};
        LampLogValue session = {30000 + entry->request / 4, 3};
        lines[i] = entry->line;
        lines[i].first_value = values->len;
        if (has_requests && entry->line.component != 3)
            g_array_append_val(values, request);
        if (has_orders && step >= 1 && step <= 3)
            g_array_append_val(values, order);
        if (entry->line.component == 1)
            g_array_append_val(values, session);
        lines[i].value_count = values->len - lines[i].first_value;
    }
    LampLogInput input = {lines, entries->len, (const LampLogValue *) (gpointer) values->data,
                          values->len};
    return lamp_log_group(&input);
}

/* Twenty requests at any time, and delays that tell nothing: two ids in a chain tell all. */
START_TEST(chained_ids_bind)
{
    g_autoptr(GArray) entries = make_requests(300, 2000, TRUE);
    g_autoptr(LampLogGrouping) both = group_named(entries, TRUE, TRUE);
    g_autoptr(LampLogGrouping) one = group_named(entries, TRUE, FALSE);
    ck_assert_double_eq(share_right(entries, both, 300), 1);
    ck_assert_uint_eq(both->n_requests, 300);
    ck_assert_double_lt(share_right(entries, one, 300), 0.9);
}
END_TEST

/* A session that is all that lines bear makes no request of the four that share it. */
START_TEST(sessions_do_not_bind)
{
    g_autoptr(GArray) entries = make_requests(300, 20000, FALSE);
    g_autoptr(LampLogGrouping) grouping = group_named(entries, FALSE, FALSE);
    ck_assert_double_gt(share_right(entries, grouping, 300), 0.97);
    ck_assert_uint_ge(grouping->n_requests, 290);
}
END_TEST

/* An object that four requests of different kinds meet behind their first lines, one after the
 * other and a second apart, makes no request of them, though each kind of line meets it once.
 */
START_TEST(objects_do_not_bind)
{
    g_autoptr(GArray) entries = make_requests(300, 0, FALSE);
    for (guint i = 0; i < entries->len; i++) {
        Entry *entry = &g_array_index(entries, Entry, i);
        entry->line.time_ns += (gint64) entry->request * LAMP_NS_PER_SECOND;
        entry->line.template += entry->request % 4 * STEPS;
        guint64 met = entry->line.template % STEPS != 1 ? entry->request / 4 : 100 + i;
        entry->value = (LampLogValue){5000 + met, 1};
    }
    g_autoptr(LampLogGrouping) grouping = group(entries, TRUE);
    ck_assert_uint_eq(grouping->n_requests, 300);
    ck_assert_double_eq(share_right(entries, grouping, 300), 1);
}
END_TEST

/* What comes again alike is surer than what does not. */
START_TEST(confidence_knows_what_comes_again)
{
    g_autoptr(GArray) alike = make_requests(300, 0, FALSE);
    g_autoptr(GArray) odd = make_requests(300, 0, FALSE);
    for (guint i = 0; i < odd->len; i++)
        g_array_index(odd, Entry, i).line.template = (guint32) draw_below(&state, 40) + 1;
    g_autoptr(LampLogGrouping) sure = group(alike, FALSE);
    g_autoptr(LampLogGrouping) unsure = group(odd, FALSE);
    ck_assert_double_gt(mean_confidence(alike, sure), 0.9);
    ck_assert_double_lt(mean_confidence(odd, unsure), 0.6);
}
END_TEST

/* Components 1 and 3 name a session that has one request open at a time, and component 1 the
 * request, too: so the session tells the request of lines in component 3. */
START_TEST(sessions_tell_by_time)
{
    g_autoptr(GArray) entries = make_requests(300, 2000, TRUE);
    g_autofree LampLogLine *lines = g_new0(LampLogLine, entries->len);
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(LampLogValue));
    for (guint32 i = 0; i < entries->len; i++) {
        const Entry *entry = &g_array_index(entries, Entry, i);
        LampLogValue request = {10000 + entry->request, 1};
        LampLogValue session = {30000 + entry->request % 60, 3};
        lines[i] = entry->line;
        lines[i].first_value = values->len;
        if (entry->line.component == 1)
            g_array_append_val(values, request);
        if (entry->line.component != 2)
            g_array_append_val(values, session);
        lines[i].value_count = values->len - lines[i].first_value;
    }
    LampLogInput input = {lines, entries->len, (const LampLogValue *) (gpointer) values->data,
                          values->len};
    g_autoptr(LampLogGrouping) grouping = lamp_log_group(&input);
    guint32 known[300];
    for (guint32 i = 0; i < entries->len; i++) {
        guint32 request = g_array_index(entries, Entry, i).request;
        if (lines[i].template == 1)
            known[request] = grouping->places[i].request;
        else if (lines[i].component != 2)
            ck_assert_uint_eq(grouping->places[i].request, known[request]);
    }
}
END_TEST

/* Where ids show that links by times are often wrong, other links are not sure either. */
START_TEST(confidence_knows_what_ids_tell)
{
    g_autoptr(GArray) entries = make_requests(300, 2000, TRUE);
    g_autoptr(LampLogGrouping) grouping = group_named(entries, TRUE, FALSE);
    double sum = 0;
    for (guint32 i = 0; i < entries->len; i++)
        if (g_array_index(entries, Entry, i).line.component == 3)
            sum += (double) grouping->places[i].confidence;
    ck_assert_double_lt(sum / 600, 0.6);
}
END_TEST

START_TEST(shifted_clocks_change_nothing)
{
    g_autoptr(GArray) entries = make_requests(100, 7000, FALSE);
    g_autoptr(LampLogGrouping) before = group(entries, FALSE);
    for (guint i = 0; i < entries->len; i++)
        g_array_index(entries, Entry, i).line.time_ns += G_GINT64_CONSTANT(1700000000000000000);
    g_autoptr(LampLogGrouping) after = group(entries, FALSE);
    ck_assert_uint_eq(before->n_requests, after->n_requests);
    ck_assert_mem_eq(before->places, after->places, entries->len * sizeof(LampLogPlace));
}
END_TEST

START_TEST(nothing_and_one_line)
{
    LampLogInput nothing = {0};
    g_autoptr(LampLogGrouping) none = lamp_log_group(&nothing);
    ck_assert_uint_eq(none->n_requests, 0);
    LampLogLine line = {5, 1, 1, 1, 0, 0};
    LampLogInput one = {.lines = &line, .n_lines = 1};
    g_autoptr(LampLogGrouping) single = lamp_log_group(&one);
    ck_assert_uint_eq(single->n_requests, 1);
    ck_assert_uint_eq(single->places[0].previous, LAMP_LOG_NONE);
}
END_TEST

/* More lines than are grouped together: cut where it is silent, so no request is torn. */
START_TEST(slices)
{
    g_autoptr(GArray) entries = make_requests(4500, 60000, FALSE);
    g_autoptr(LampLogGrouping) grouping = group(entries, FALSE);
    ck_assert_double_gt(share_right(entries, grouping, 4500), 0.999);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("log-requests");
    TCase *tcase = tcase_create("grouping");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, requests_without_overlap);
    tcase_add_test(tcase, interleaved_requests);
    tcase_add_test(tcase, requests_in_succession);
    tcase_add_test(tcase, ids_decide);
    tcase_add_test(tcase, chained_ids_bind);
    tcase_add_test(tcase, sessions_do_not_bind);
    tcase_add_test(tcase, objects_do_not_bind);
    tcase_add_test(tcase, sessions_tell_by_time);
    tcase_add_test(tcase, confidence_knows_what_comes_again);
    tcase_add_test(tcase, confidence_knows_what_ids_tell);
    tcase_add_test(tcase, shifted_clocks_change_nothing);
    tcase_add_test(tcase, nothing_and_one_line);
    tcase_add_test(tcase, slices);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
