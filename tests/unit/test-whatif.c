/* Replay, limits, changes: exact at factor 1, slack used up first, queues, grammar. */
#include "tests/unit/whatif-fixture.h"

/* Duration at rank @k of few requests, which are all kept. */
static gint64
rank_of(const LampQuantiles *durations, guint64 k)
{
    ck_assert_uint_le(durations->count, LAMP_QUANTILES_EXACT);
    ck_assert_uint_lt(k, durations->count);
    return lamp_quantiles_at(
        durations, durations->count < 2 ? 0.0 : (double) k / (double) (durations->count - 1));
}

START_TEST(test_whatif_factor_one_is_exactly_the_baseline)
{
    static const char *const same[] = {"db *1", "* +0ms", "*->* *1", "load *1",
                                       "web *1; cache *1"};
    Loaded l;
    load(&l, fixture_shop);
    for (gsize i = 0; i < G_N_ELEMENTS(same); i++) {
        g_autoptr(LampChange) change = lamp_change_parse(same[i], NULL);
        ck_assert(lamp_change_resolve(change, l.topology, NULL));
        g_autoptr(LampWhatifResult) result = lamp_whatif_run(l.whatif, change, NULL);
        for (guint r = 0; r < result->rows->len; r++) {
            const LampWhatifRow *row = &g_array_index(result->rows, LampWhatifRow, r);
            for (guint64 k = 0; k < row->requests; k++)
                ck_assert_int_eq(rank_of(&row->durations_before, k),
                                 rank_of(&row->durations_after, k));
        }
    }
    unload(&l);
}
END_TEST

START_TEST(test_whatif_scales_own_time_only)
{
    Loaded l;
    load(&l, fixture_shop);
    /* durations 1000, 1000, 500; db's own time 360, 280 (has slack 300), 130 */
    double base = (1000.0 + 1000.0 + 500.0) / 3.0;
    ck_assert_double_eq_tol(mean_after(&l, "db *0"), base - (360.0 + 0.0 + 130.0) / 3.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "db +100us"), base + (100.0 + 0.0 + 100.0) / 3.0,
                            1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "db =360us"), base + (0.0 + 0.0 + 230.0) / 3.0,
                            1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "web->cache +50us"),
                            base + (50.0 + 0.0 + 50.0) / 3.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "remove cache"), base - (100.0 + 0.0 + 100.0) / 3.0,
                            1e-6);
    unload(&l);
}
END_TEST

START_TEST(test_whatif_uses_slack_up_first)
{
    Loaded l;
    static const char *const lines[] = {"11 0 client web GET 2000 2010 2990 3000",
                                        "12 11 web db SELECT 2100 2110 2390 2400",
                                        "13 11 web stock GET 2110 2120 2690 2700", NULL};
    load(&l, lines);
    ck_assert_double_eq_tol(mean_after(&l, "db +299us"), 1000.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "db +300us"), 1000.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "db +310us"), 1010.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "sequential web"), 1000.0 + 290.0 + 10.0, 1e-6);
    unload(&l);
}
END_TEST

START_TEST(test_whatif_parallel_joins_at_the_slower_call)
{
    Loaded l;
    load(&l, fixture_shop);
    /* first: cache 100 long, gap 100, db 400: the gap comes after the join, the cache's 100 is
     * gained; third: cache 100, gap 50, db 150: the same */
    double base = 2500.0 / 3.0;
    ck_assert_double_eq_tol(mean_after(&l, "parallel web: cache, db"), base - 200.0 / 3.0,
                            1e-6);
    unload(&l);
}
END_TEST

static guint
draw(guint64 *random, guint most)
{
    *random = *random * G_GUINT64_CONSTANT(6364136223846793005) + 1442695040888963407u;
    return (guint) (*random >> 33) % most;
}

/* A chain of calls to a, b, c in turn, with a call to x beside some of them. */
static GPtrArray *
random_chains(guint requests)
{
    static const char *const callees[] = {"a", "b", "c"};
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    guint64 random = 11;
    for (guint r = 0; r < requests; r++) {
        guint t = r * 10000, root = r * 10 + 1, at = t + 10 + draw(&random, 50);
        guint last = 0, id = root + 1;
        g_autoptr(GPtrArray) below = g_ptr_array_new();
        for (guint i = 0; i < 4; i++) {
            guint took = 20 + draw(&random, 300), beside = 20 + draw(&random, 500);
            const char *callee = callees[(i + r) % 3];
            g_ptr_array_add(below,
                            g_strdup_printf("%u %u web %s GET %u %u %u %u", id++, root, callee,
                                            at, at + 5, at + took - 5, at + took));
            if (i == r % 4)
                g_ptr_array_add(below,
                                g_strdup_printf("%u %u web x GET %u %u %u %u", id++, root,
                                                at + 2, at + 2, at + beside, at + beside));
            last = MAX(last, at + (i == r % 4 ? MAX(took, beside) : took));
            at += took + 10 + draw(&random, 100);
        }
        last = MAX(last, at) + 10;
        g_ptr_array_add(lines, g_strdup_printf("%u 0 client web GET_%u %u %u %u %u", root,
                                               r % 3, t, t, last, last));
        for (guint i = 0; i < below->len; i++)
            g_ptr_array_add(lines, below->pdata[i]);
    }
    g_ptr_array_add(lines, NULL);
    return lines;
}

START_TEST(test_whatif_parallel_is_never_later)
{
    static const char *const texts[] = {"parallel web: a, b", "parallel web: a, c",
                                        "parallel web: *", "parallel web: b, x"};
    Loaded l;
    g_autoptr(GPtrArray) lines = random_chains(90);
    load(&l, (const char *const *) lines->pdata);
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(LampChange) change = lamp_change_parse(texts[i], NULL);
        ck_assert(lamp_change_resolve(change, l.topology, NULL));
        g_autoptr(LampWhatifResult) result = lamp_whatif_run(l.whatif, change, NULL);
        const LampWhatifRow *all = &g_array_index(result->rows, LampWhatifRow, 0);
        /* sorted, so if no request is later, no rank is */
        for (guint64 k = 0; k < all->requests; k++)
            ck_assert_int_le(rank_of(&all->durations_after, k),
                             rank_of(&all->durations_before, k));
        ck_assert_double_lt(all->after[LAMP_METRIC_MEAN].value,
                            all->before[LAMP_METRIC_MEAN].value);
    }
    unload(&l);
}
END_TEST

START_TEST(test_whatif_parallel_passes_over_what_needs_the_first)
{
    /* a, then x with a's answer, then b: b starts with a, x stays behind a */
    static const char *const lines[] = {"1 0 client web GET 0 0 1000 1000",
                                        "2 1 web a GET 100 100 300 300",
                                        "3 1 web x SET 310 310 400 400",
                                        "4 1 web b GET 450 450 900 900",
                                        "11 0 client web GET 2000 2000 3000 3000",
                                        "12 11 web a GET 2100 2100 2300 2300",
                                        "13 11 web x SET 2310 2310 2400 2400",
                                        "14 11 web b GET 2450 2450 2900 2900",
                                        NULL};
    Loaded l;
    load(&l, lines);
    /* b takes 450 from 100 on, then the 50 before it and the 100 after it */
    ck_assert_double_eq_tol(mean_after(&l, "parallel web: a, b"), 100 + 450 + 50 + 100, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "parallel web: a, b; sequential web"), 1000, 1e-6);
    unload(&l);
}
END_TEST

START_TEST(test_whatif_counts_requests_that_fail_without_an_instance)
{
    Loaded l;
    load(&l, fixture_shop);
    g_autoptr(LampWhatifResult) cache = run_text(&l, "down cache");
    const LampWhatifRow *all = &g_array_index(cache->rows, LampWhatifRow, 0);
    ck_assert_uint_eq(all->errors_before, 0);
    ck_assert_uint_eq(all->errors_after, 2);
    ck_assert_uint_eq(cache->notes->len, 1);
    ck_assert_ptr_nonnull(strstr(cache->notes->pdata[0], "2 calls are refused at once"));
    ck_assert_ptr_nonnull(strstr(cache->notes->pdata[0], " of 3 fail (66.7 %, before 0 %)"));
    /* nothing waits for the queue; web2 takes over from web1 */
    g_autoptr(LampWhatifResult) queue = run_text(&l, "down queue");
    ck_assert_uint_eq(g_array_index(queue->rows, LampWhatifRow, 0).errors_after, 0);
    g_autoptr(LampWhatifResult) web = run_text(&l, "down web1");
    ck_assert_uint_eq(g_array_index(web->rows, LampWhatifRow, 0).errors_after, 0);
    ck_assert_str_eq(web->notes->pdata[0], "'down web1': 2 calls go to web2");
    ck_assert_ptr_nonnull(strstr(web->notes->pdata[1], "web2: no limit on calls at once"));
    unload(&l);
}
END_TEST

START_TEST(test_whatif_says_what_a_change_does_not_reach)
{
    static const char *const idle[] = {"db->web *2", "parallel db: web", "sequential cache",
                                       "timeout db->web 1s", "batch cache"};
    Loaded l;
    load(&l, fixture_shop);
    for (gsize i = 0; i < G_N_ELEMENTS(idle); i++) {
        g_autoptr(LampWhatifResult) result = run_text(&l, idle[i]);
        ck_assert_msg(result->notes->len == 1, "%s", idle[i]);
        ck_assert_ptr_nonnull(strstr(result->notes->pdata[0], "changes no call"));
    }
    g_autoptr(LampWhatifResult) both = run_text(&l, "db *2; db->web *2");
    ck_assert_uint_eq(both->notes->len, 1);
    unload(&l);
}
END_TEST

/* Requests of 100 us, one each millisecond. */
static GPtrArray *
steady_lines(guint requests)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < requests; i++)
        g_ptr_array_add(lines,
                        g_strdup_printf("%u 0 client shop GET %u %u %u %u", i + 1, i * 1000,
                                        i * 1000, i * 1000 + 100, i * 1000 + 100));
    g_ptr_array_add(lines, NULL);
    return lines;
}

START_TEST(test_whatif_names_what_saturates_and_what_was_never_seen)
{
    Loaded l;
    g_autoptr(GPtrArray) lines = steady_lines(101);
    load(&l, (const char *const *) lines->pdata);
    g_autoptr(LampWhatifResult) far = run_text(&l, "load *200");
    ck_assert_uint_ne(far->stretched, 0);
    ck_assert_uint_eq(far->stretched_seen, 1);
    ck_assert_uint_eq(far->stretched_calls, 20);
    ck_assert_uint_eq(far->notes->len, 2);
    ck_assert_ptr_nonnull(strstr(far->notes->pdata[1], "20 calls at once"));
    /* one place serves 10,000/s, 1,010/s arrive */
    g_autoptr(LampWhatifResult) full = run_text(&l, "limit shop 1; load *20");
    ck_assert_uint_eq(full->stretched, 0);
    ck_assert_double_eq_tol(full->busiest_use, 2.02, 1e-6);
    ck_assert_double_eq_tol(full->throughput_limit, 10000.0, 1e-3);
    ck_assert_double_eq_tol(full->load_limit, 1000.0 / 101.0, 1e-3);
    g_autoptr(LampWhatifResult) unknown = run_text(&l, "load *2");
    ck_assert_uint_eq(unknown->notes->len, 1);
    ck_assert_ptr_nonnull(strstr(unknown->notes->pdata[0], "no limit on calls at once"));
    g_autoptr(LampWhatifResult) less = run_text(&l, "load *0.5");
    ck_assert_uint_eq(less->notes->len, 0);
    unload(&l);
}
END_TEST

START_TEST(test_whatif_draws_from_distributions)
{
    g_autofree char *folder = g_dir_make_tmp("lamp-draw-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "measured", NULL);
    ck_assert(g_file_set_contents(path, "# ms\n0.05\n150us\n", -1, NULL));
    g_autofree char *from_file = g_strdup_printf("shop =file(%s)", path);
    const struct {
        const char *text;
        double mean, tolerance;
    } wanted[] = {
        {"shop =exp(80us)", 80, 6},
        {"shop =uniform(10us,30us)", 20, 1},
        {"shop =normal(200us, 10us)", 200, 2},
        {"shop =lognormal(100us,0.0)", 100, 1e-6},
        {from_file, 100, 4},
        {"shop =like(shop)", 100, 1e-6},
        {"client->shop =uniform(50us,50us)", 150, 1e-6},
    };
    Loaded l;
    g_autoptr(GPtrArray) lines = steady_lines(1000);
    load(&l, (const char *const *) lines->pdata);
    for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++)
        ck_assert_double_eq_tol(mean_after(&l, wanted[i].text), wanted[i].mean,
                                wanted[i].tolerance);
    unload(&l);
    g_unlink(path);
    g_rmdir(folder);
}
END_TEST

/* Every other request asks db again after a failure, which took 100 us; the pause is 50 us. */
static GPtrArray *
retry_lines(guint requests)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < requests; i++) {
        guint t = i * 1000, id = i * 10 + 1, done = i % 2 == 0 ? 130 : 280;
        g_ptr_array_add(lines, g_strdup_printf("%u 0 client web GET %u %u %u %u", id, t, t,
                                               t + done, t + done));
        g_ptr_array_add(lines, g_strdup_printf("%u %u web db S %u %u %u %u", id + 1, id, t + 10,
                                               t + 10, t + 110, t + 110));
        if (i % 2 == 1)
            g_ptr_array_add(lines, g_strdup_printf("%u %u web db S %u %u %u %u", id + 2, id,
                                                   t + 160, t + 160, t + 260, t + 260));
    }
    g_ptr_array_add(lines, NULL);
    return lines;
}

START_TEST(test_whatif_retries_are_cut_and_added)
{
    Loaded l;
    g_autoptr(GPtrArray) lines = retry_lines(40);
    l.store = fixture_store_with((const char *const *) lines->pdata,
                                 "UPDATE calls SET is_error = 1 WHERE call_id % 20 = 12;"
                                 "UPDATE calls SET is_error = 1 WHERE call_id = 2;"
                                 "UPDATE calls SET is_error = 1 WHERE call_id = 1;");
    load_store(&l);
    /* the 20 that were tried again are not, and fail; one failed before */
    g_autoptr(LampWhatifResult) fewer = run_text(&l, "retries web->db 0");
    const LampWhatifRow *all = &g_array_index(fewer->rows, LampWhatifRow, 0);
    ck_assert_uint_eq(all->errors_before, 1);
    ck_assert_uint_eq(all->errors_after, 21);
    ck_assert_double_eq_tol(all->after[LAMP_METRIC_MEAN].value / 1e3, 130.0, 1e-6);
    /* the one that was not tried again is: 50 pause and 100 for each attempt until it succeeds
     */
    g_autoptr(LampWhatifResult) more = run_text(&l, "retries web->db 50");
    all = &g_array_index(more->rows, LampWhatifRow, 0);
    ck_assert_uint_eq(all->errors_after, 0);
    ck_assert_double_gt(all->after[LAMP_METRIC_MEAN].value,
                        all->before[LAMP_METRIC_MEAN].value + 150e3 / 40.0 - 1.0);
    g_autoptr(LampWhatifResult) same = run_text(&l, "retries web->db 1");
    all = &g_array_index(same->rows, LampWhatifRow, 0);
    ck_assert_double_gt(all->after[LAMP_METRIC_MEAN].value,
                        all->before[LAMP_METRIC_MEAN].value);
    unload(&l);
}
END_TEST

START_TEST(test_whatif_failover_takes_the_other_sites_capacity)
{
    Loaded l;
    g_autoptr(GPtrArray) lines = steady_lines(100);
    load(&l, (const char *const *) lines->pdata);
    ck_assert_double_eq_tol(mean_after(&l, "failover shop +10ms *2"), 10200.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "failover shop +10ms *2 limit 1"), 10200.0, 1e-6);
    ck_assert_double_gt(mean_after(&l, "failover shop +10ms *20 limit 1"), 20000.0);
    unload(&l);
}
END_TEST

/* Misses while the system is cold take 900 us at the database, later ones 100 us. Without the
 * cache a late hit is like a late miss, however many early ones there are. */
START_TEST(test_whatif_cache_takes_donors_near_in_time)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < 120; i++) {
        guint t = i * 2000, id = i * 10 + 1, took = i < 60 ? 900 : 100;
        gboolean is_miss = i < 60 || i % 2 == 0;
        guint end = t + 200 + (is_miss ? took : 0);
        g_ptr_array_add(lines,
                        g_strdup_printf("%u 0 client web GET %u %u %u %u", id, t, t, end, end));
        g_ptr_array_add(lines, g_strdup_printf("%u %u web cache G %u %u %u %u", id + 1, id,
                                               t + 20, t + 20, t + 60, t + 60));
        if (is_miss)
            g_ptr_array_add(lines,
                            g_strdup_printf("%u %u web db S %u %u %u %u", id + 2, id, t + 100,
                                            t + 100, t + 100 + took, t + 100 + took));
    }
    g_ptr_array_add(lines, NULL);
    Loaded l;
    load(&l, (const char *const *) lines->pdata);
    /* 60 of 1100 us; 60 of 300 us; only hits next to the cold time may draw a cold miss */
    ck_assert_double_eq_tol(mean_after(&l, "cache cache hit 0"), 700.0, 30.0);
    unload(&l);
}
END_TEST

/* A call that takes no time on the network; @what: "CLIENT SERVER OPERATION". */
static void
add_line(GPtrArray *lines, guint id, guint parent, const char *what, const guint span[2])
{
    g_ptr_array_add(lines, g_strdup_printf("%u %u %s %u %u %u %u", id, parent, what, span[0],
                                           span[0], span[1], span[1]));
}

/* Every request asks the store for its session, the cache for an item and the database for a
 * price (100 us); half miss the item and ask the database for it (500 us) and keep it. What the
 * cache answered is recorded: who asks somebody else after a hit has not missed. */
START_TEST(test_whatif_cache_goes_by_recorded_outcomes)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) misses = g_string_new("UPDATE calls SET status = 'nil' WHERE ");
    for (guint i = 0; i < 60; i++) {
        guint t = i * 2000, id = i * 10 + 1, at = t + 120 + (i % 2 == 0 ? 600 : 0);
        add_line(lines, id, 0, "client web GET_/", (guint[]){t, at + 120});
        add_line(lines, id + 1, id, "web cache GET_session:{}", (guint[]){t + 10, t + 40});
        add_line(lines, id + 2, id, "web cache GET_item:{}", (guint[]){t + 60, t + 100});
        if (i % 2 == 0) {
            g_string_append_printf(misses, "call_id = %u OR ", id + 2);
            add_line(lines, id + 3, id, "web db ITEM", (guint[]){t + 120, t + 620});
            add_line(lines, id + 4, id, "web cache SETEX_item:{}", (guint[]){t + 640, t + 700});
        }
        add_line(lines, id + 5, id, "web db PRICE", (guint[]){at, at + 100});
    }
    g_ptr_array_add(lines, NULL);
    g_string_append(misses, "0; UPDATE strings SET text = replace(text, '_', ' ')");
    Loaded l = {.store = fixture_store_with((const char *const *) lines->pdata, misses->str)};
    load_store(&l);
    /* hits take 240 us, misses 840; without the cache, 40 us of lookup and 60 of keeping less
     */
    ck_assert_double_eq_tol(lamp_whatif_mean(l.whatif, NULL) / 1e3, 540.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "cache cache off"), 740.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "cache cache hit 1"), 240.0, 1e-6);
    ck_assert_double_eq_tol(mean_after(&l, "cache cache hit 0"), 840.0, 1e-6);
    g_autoptr(LampWhatifResult) off = run_text(&l, "cache cache off");
    ck_assert_ptr_nonnull(strstr(off->notes->pdata[0], "60 calls to it stay as they are"));
    unload(&l);
}
END_TEST

/* 300 requests of 100 us, of which every twentieth takes 10 ms. */
static LampStore *
slow_now_and_then(void)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    for (int i = 0; i < 300; i++) {
        int at = i * 20000, end = at + (i % 20 == 19 ? 10000 : 100);
        g_ptr_array_add(lines, g_strdup_printf("%d 0 client web1 GET_/ %d %d %d %d", i * 2 + 1,
                                               at, at, end, end));
        g_ptr_array_add(lines,
                        g_strdup_printf("%d %d web1 db SELECT %d %d %d %d", i * 2 + 2,
                                        i * 2 + 1, at + 10, at + 10, end - 10, end - 10));
    }
    g_ptr_array_add(lines, NULL);
    return fixture_store((const char *const *) lines->pdata);
}

START_TEST(test_whatif_samples_count_by_weight)
{
    Loaded l = {.store = slow_now_and_then()};
    load_store(&l);
    double all = lamp_whatif_mean(l.whatif, NULL) / 1e3;
    ck_assert_double_eq_tol(all, 595.0, 1e-6);
    LampFlowFilter tail = {.sample_one_in = 4, .sample_by = LAMP_SAMPLE_TAIL};
    g_autoptr(LampWhatif) sampled =
        lamp_whatif_load(l.store, l.topology, l.structure, &tail, 0, NULL);
    g_autoptr(LampWhatifResult) result = lamp_whatif_run(sampled, NULL, NULL);
    const LampWhatifRow *row = &g_array_index(result->rows, LampWhatifRow, 0);
    ck_assert_uint_gt(row->requests, 240);
    ck_assert_uint_lt(row->requests, 360);
    ck_assert_uint_eq(row->requests, lamp_whatif_requests(sampled));
    ck_assert_double_eq_tol(row->before[LAMP_METRIC_MEAN].value / 1e3, all, 100.0);
    ck_assert_double_eq_tol(lamp_whatif_mean(sampled, NULL) / 1e3,
                            row->after[LAMP_METRIC_MEAN].value / 1e3, 1e-6);
    ck_assert_double_eq_tol(result->throughput, 50.0, 10.0);
    ck_assert_ptr_nonnull(strstr(result->notes->pdata[0], "requests of a sample"));
    unload(&l);
}
END_TEST

/* What a caller does on a timeout that it never met is not known, and said to be not. */
START_TEST(test_whatif_new_timeouts_are_told)
{
    Loaded l;
    load(&l, fixture_shop);
    g_autoptr(LampWhatifResult) cut = run_text(&l, "timeout web->db 200us");
    g_autoptr(LampWhatifResult) patient = run_text(&l, "timeout web->db 1s");
    const LampWhatifRow *all = &g_array_index(cut->rows, LampWhatifRow, 0);
    ck_assert_uint_eq(all->cut, 2); /* of 400, 300 and 150 us */
    ck_assert_uint_eq(all->errors_after, all->errors_before);
    ck_assert_uint_eq(cut->notes->len, 1);
    ck_assert_ptr_nonnull(strstr(cut->notes->pdata[0], "strikes in 2 requests"));
    ck_assert_uint_eq(patient->notes->len, 0);
    unload(&l);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("whatif");
    TCase *cases = tcase_create("whatif");
    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, test_whatif_factor_one_is_exactly_the_baseline);
    tcase_add_test(cases, test_whatif_scales_own_time_only);
    tcase_add_test(cases, test_whatif_uses_slack_up_first);
    tcase_add_test(cases, test_whatif_parallel_joins_at_the_slower_call);
    tcase_add_test(cases, test_whatif_parallel_is_never_later);
    tcase_add_test(cases, test_whatif_parallel_passes_over_what_needs_the_first);
    tcase_add_test(cases, test_whatif_counts_requests_that_fail_without_an_instance);
    tcase_add_test(cases, test_whatif_says_what_a_change_does_not_reach);
    tcase_add_test(cases, test_whatif_names_what_saturates_and_what_was_never_seen);
    tcase_add_test(cases, test_whatif_draws_from_distributions);
    tcase_add_test(cases, test_whatif_retries_are_cut_and_added);
    tcase_add_test(cases, test_whatif_failover_takes_the_other_sites_capacity);
    tcase_add_test(cases, test_whatif_cache_goes_by_recorded_outcomes);
    tcase_add_test(cases, test_whatif_new_timeouts_are_told);
    tcase_add_test(cases, test_whatif_samples_count_by_weight);
    tcase_add_test(cases, test_whatif_cache_takes_donors_near_in_time);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
