/* Lines without an identifier, placed between those that identifiers bind. */
#include "correlate/log-requests/state.h"
#include "tests/support/draw.h"
#include "tests/unit/suite.h"

#include <string.h>

#define US G_GINT64_CONSTANT(1000)
#define REQUESTS 400
#define VISITS 3
#define LINES ((guint32) REQUESTS * (1 + 3 * VISITS))

static guint32 seed;

typedef struct {
    LampLogLine line;
    guint32 request;
} Entry;

static gint
compare_entries(gconstpointer left, gconstpointer right)
{
    const Entry *a = left;
    const Entry *b = right;
    return a->line.time_ns < b->line.time_ns ? -1 : a->line.time_ns > b->line.time_ns;
}

static void
add_entry(GArray *entries, gint64 time_us, guint32 template, guint32 component, guint32 request)
{
    Entry entry = {{time_us * US, 1, template, component, 0, 0}, request};
    g_array_append_val(entries, entry);
}

/* A front end names its requests; a service behind it names none, works on one at a time, in
 * the order of asking, and goes on with the next promptly. The front end writes a line before
 * each visit and one behind the last. */
static GArray *
make_entries(void)
{
    GArray *entries = g_array_new(FALSE, TRUE, sizeof(Entry));
    gint64 asked[REQUESTS];
    guint visits[REQUESTS] = {0};
    gint64 free_at = 0;
    seed = 5;
    for (guint32 r = 0; r < REQUESTS; r++) {
        asked[r] = (gint64) r * 3100 + draw_below(&seed, 6000);
        add_entry(entries, asked[r], 1, 1, r);
    }
    for (guint k = 0; k < VISITS * REQUESTS; k++) {
        guint32 r = REQUESTS;
        for (guint32 i = 0; i < REQUESTS; i++)
            if (visits[i] < VISITS && (r == REQUESTS || asked[i] < asked[r]))
                r = i;
        gint64 begun = MAX(free_at, asked[r] + 200) + 10 + draw_below(&seed, 10);
        free_at = begun + 700 + draw_below(&seed, 550);
        add_entry(entries, begun, 8, 2, r);
        add_entry(entries, free_at, 9, 2, r);
        asked[r] = free_at + 1000 + draw_below(&seed, 3000);
        visits[r]++;
        add_entry(entries, asked[r], 1 + visits[r], 1, r);
    }
    g_array_sort(entries, compare_entries);
    return entries;
}

/* The lines of the front end bound, those of a visit linked. */
static void
set_state(LampGroupState *s, const GArray *entries)
{
    gsize n = (gsize) s->input->n_lines + 1;
    guint32 latest = LAMP_LOG_NONE;
    s->n_templates = 10;
    s->previous = g_new(guint32, n);
    s->next = g_new(guint32, n);
    s->bound = g_new(guint32, n);
    memset(s->previous, 0xff, n * sizeof(guint32));
    memset(s->next, 0xff, n * sizeof(guint32));
    memset(s->bound, 0xff, n * sizeof(guint32));
    s->template_count = g_new0(double, s->n_templates);
    s->template_ends = g_new0(double, s->n_templates);
    s->template_starts = g_new0(double, s->n_templates);
    s->edges = g_array_new(FALSE, TRUE, sizeof(LampEdge));
    s->seeds = g_array_new(FALSE, TRUE, sizeof(LampEdge));
    s->follows = g_array_new(FALSE, TRUE, sizeof(LampFollow));
    s->follow_index = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (guint32 i = 0; i < entries->len; i++) {
        const Entry *entry = &g_array_index(entries, Entry, i);
        if (entry->line.component == 1)
            s->bound[i] = entry->request;
        else if (entry->line.template == 9) {
            s->previous[i] = latest;
            s->next[latest] = i;
        } else {
            latest = i;
        }
    }
    lamp_statistics_learn(s);
}

static void
clear_state(LampGroupState *s)
{
    g_free(s->previous);
    g_free(s->next);
    g_free(s->bound);
    g_free(s->template_count);
    g_free(s->template_ends);
    g_free(s->template_starts);
    g_array_unref(s->edges);
    g_array_unref(s->seeds);
    g_array_unref(s->follows);
    g_hash_table_unref(s->follow_index);
}

static LampLogLine *
lines_of(const GArray *entries)
{
    LampLogLine *lines = g_new(LampLogLine, entries->len);
    for (guint32 i = 0; i < entries->len; i++)
        lines[i] = g_array_index(entries, Entry, i).line;
    return lines;
}

START_TEST(busy_service)
{
    g_autoptr(GArray) entries = make_entries();
    g_autofree LampLogLine *lines = lines_of(entries);
    LampLogInput input = {.lines = lines, .n_lines = entries->len};
    LampGroupState s = {.input = &input};
    ck_assert_uint_eq(entries->len, LINES);
    set_state(&s, entries);
    g_autofree LampVotes *votes = g_new0(LampVotes, LINES);
    ck_assert(lamp_frames_cover(&s));
    lamp_frames_place(&s, votes);
    guint32 root[REQUESTS];
    guint right = 0;
    for (guint32 i = 0; i < LINES; i++) {
        guint32 request = g_array_index(entries, Entry, i).request;
        if (lines[i].template == 1)
            root[request] = i;
        if (lines[i].component == 1)
            ck_assert_uint_eq(votes[i].root[0], root[request]);
        else
            right += votes[i].root[0] == root[request] ? 1 : 0;
    }
    ck_assert_uint_gt(right, 1080); /* of 2400 */
    clear_state(&s);
}
END_TEST

/* Lines before and behind all frames: these do not hold what goes on. */
START_TEST(lines_outside)
{
    g_autoptr(GArray) entries = make_entries();
    for (guint32 k = 0; k < 100; k++)
        add_entry(entries, G_GINT64_CONSTANT(100000000) + k, 8, 2, 0);
    g_autofree LampLogLine *lines = lines_of(entries);
    LampLogInput input = {.lines = lines, .n_lines = entries->len};
    LampGroupState s = {.input = &input};
    set_state(&s, entries);
    ck_assert(!lamp_frames_cover(&s));
    g_autofree LampVotes *votes = g_new0(LampVotes, entries->len);
    lamp_frames_place(&s, votes);
    for (guint32 i = LINES; i < entries->len; i++)
        ck_assert_uint_eq(votes[i].root[0], i);
    clear_state(&s);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("log-frames");
    TCase *tcase = tcase_create("frames");
    tcase_add_test(tcase, busy_service);
    tcase_add_test(tcase, lines_outside);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
