/*
 * Causal relations mined from made traces of known structure, with and without wrong links.
 */
#include "model/causal-segments.h"
#include "model/index-map.h"
#include "tests/unit/flow-fixture.h"

#define TRACES 400u

enum { A, B, C, X, Y, P, Q, TYPES };

static guint64 state;

static gint64
draw(gint64 low, gint64 high)
{
    state += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    return low + (gint64) (lamp_mix64(state) % (guint64) (high - low));
}

static LampCausalModel *
new_model(guint32 *types)
{
    static const char *const names[] = {"a", "b", "c", "x", "y", "p", "q"};
    state = 1;
    LampCausalModel *model = lamp_causal_model_new(NULL);
    guint number = lamp_causal_model_class(model, "GET /");
    for (guint i = 0; i < TYPES; i++)
        types[i] = lamp_causal_model_type(model, number, LAMP_CAUSAL_NO_PARENT, names[i]);
    ck_assert_uint_eq(lamp_causal_model_type(model, number, LAMP_CAUSAL_NO_PARENT, "a"),
                      types[A]);
    return model;
}

/* a, b, c one after the other; x and y take turns in any order (a lock); p and q are a pipeline
 * of three items; all three groups run beside each other. */
static gsize
make_trace(LampSegment *s, double confidence)
{
    gsize n = 0;
    gint64 now = draw(0, 50);
    for (guint i = A; i <= C; i++) {
        gint64 end = now + draw(100, 900);
        s[n++] = (LampSegment){i, now, end, confidence, 0};
        now = end + draw(1, 40);
    }
    guint first = draw(0, 2) == 0 ? X : Y;
    gint64 lock = draw(0, 300);
    for (guint i = 0; i < 2; i++) {
        gint64 end = lock + draw(100, 500);
        s[n++] = (LampSegment){i == 0 ? first : X + Y - first, lock, end, confidence, 0};
        lock = end + draw(1, 20);
    }
    gint64 in = 0, out = 0;
    for (guint i = 0; i < 3; i++) {
        gint64 end = in + draw(100, 300), begin = MAX(end, out);
        s[n++] = (LampSegment){P, in, end, confidence, 0};
        out = begin + draw(100, 300);
        s[n++] = (LampSegment){Q, begin, out, confidence, 0};
        in = end;
    }
    return n;
}

static const LampRelation *
find(const GArray *relations, LampRelationKind kind, guint32 first, guint32 second)
{
    for (guint i = 0; i < relations->len; i++) {
        const LampRelation *r = &g_array_index(relations, LampRelation, i);
        if (r->kind == kind && r->first == first && r->second == second)
            return r;
    }
    return NULL;
}

static void
check_known(const GArray *relations)
{
    const LampRelation *ab = find(relations, LAMP_RELATION_BEFORE, A, B);
    const LampRelation *ac = find(relations, LAMP_RELATION_BEFORE, A, C);
    ck_assert(ab != NULL && ab->is_proven && !ab->is_implied);
    ck_assert(ac != NULL && ac->is_implied);
    ck_assert(find(relations, LAMP_RELATION_BEFORE, B, C) != NULL);
    const LampRelation *lock = find(relations, LAMP_RELATION_EXCLUSIVE, X, Y);
    ck_assert(lock != NULL && lock->is_proven);
    const LampRelation *pipe = find(relations, LAMP_RELATION_PIPELINE, P, Q);
    ck_assert(pipe != NULL && pipe->is_proven);
    guint proven = 0;
    for (guint i = 0; i < relations->len; i++)
        proven += g_array_index(relations, LampRelation, i).is_proven ? 1 : 0;
    /* Those five, and nothing between what runs beside each other. */
    ck_assert_uint_le(proven, 5);
}

START_TEST(finds_what_was_made)
{
    guint32 types[TYPES];
    g_autoptr(LampCausalModel) model = new_model(types);
    for (guint i = 0; i < TRACES; i++) {
        LampSegment s[16];
        gsize n = make_trace(s, 1);
        lamp_causal_model_add(model, 0, s, n);
    }
    g_autoptr(GArray) relations = lamp_causal_model_relations(model, 0);
    check_known(relations);
}
END_TEST

/* In each trace every segment is, with 2 %, one of another trace: its times mean nothing. */
START_TEST(bears_wrong_links)
{
    guint32 types[TYPES];
    g_autoptr(LampCausalModel) model = new_model(types);
    for (guint i = 0; i < TRACES; i++) {
        LampSegment s[16];
        gsize n = make_trace(s, 0.98);
        for (gsize k = 0; k < n; k++) {
            if (draw(0, 100) >= 2)
                continue;
            gint64 shift = draw(-1500, 1500);
            s[k].start += shift;
            s[k].end += shift;
        }
        lamp_causal_model_add(model, 0, s, n);
    }
    g_autoptr(GArray) relations = lamp_causal_model_relations(model, 0);
    const LampRelation *ab = find(relations, LAMP_RELATION_BEFORE, A, B);
    ck_assert(ab != NULL && ab->is_proven && ab->counter > 0);
    ck_assert(find(relations, LAMP_RELATION_BEFORE, B, C) != NULL);
    ck_assert(find(relations, LAMP_RELATION_BEFORE, B, A) == NULL);
    ck_assert(find(relations, LAMP_RELATION_BEFORE, A, X) == NULL);
    ck_assert(find(relations, LAMP_RELATION_EXCLUSIVE, A, X) == NULL);
}
END_TEST

START_TEST(needs_traces_and_variation)
{
    LampCausalModel *few = lamp_causal_model_new(NULL);
    LampCausalModel *stiff = lamp_causal_model_new(NULL);
    for (guint i = 0; i < TRACES; i++) {
        LampCausalModel *models[] = {few, stiff};
        for (guint k = i < 29 ? 0 : 1; k < 2; k++) {
            guint number = lamp_causal_model_class(models[k], "GET /");
            guint32 a = lamp_causal_model_type(models[k], number, LAMP_CAUSAL_NO_PARENT, "a");
            guint32 b = lamp_causal_model_type(models[k], number, LAMP_CAUSAL_NO_PARENT, "b");
            /* b begins long after a ends: the order was never put to the test. */
            LampSegment s[] = {{a, 0, 10, 1, 0}, {b, 1000, 1010, 1, 0}};
            lamp_causal_model_add(models[k], number, s, 2);
        }
    }
    g_autoptr(GArray) none = lamp_causal_model_relations(few, 0);
    g_autoptr(GArray) untested = lamp_causal_model_relations(stiff, 0);
    ck_assert_uint_eq(none->len, 0);
    ck_assert_uint_eq(untested->len, 1);
    ck_assert(!g_array_index(untested, LampRelation, 0).is_proven);
    lamp_causal_model_free(few);
    lamp_causal_model_free(stiff);
}
END_TEST

START_TEST(clock_error_is_no_counterexample)
{
    LampCausalOptions options = {.clock_error = 1000};
    for (guint one_clock = 0; one_clock < 2; one_clock++) {
        LampCausalModel *model = lamp_causal_model_new(&options);
        guint number = lamp_causal_model_class(model, "GET /");
        guint32 a = lamp_causal_model_type(model, number, LAMP_CAUSAL_NO_PARENT, "a");
        guint32 b = lamp_causal_model_type(model, number, LAMP_CAUSAL_NO_PARENT, "b");
        state = 5;
        for (guint i = 0; i < TRACES; i++) {
            gint64 end = draw(1000, 9000);
            LampSegment s[] = {{a, 0, end, 1, 0},
                               {b, end - 5, end + 100, 1, one_clock ? 0 : 1}};
            lamp_causal_model_add(model, number, s, 2);
        }
        g_autoptr(GArray) relations = lamp_causal_model_relations(model, number);
        ck_assert_uint_eq(relations->len, one_clock ? 0 : 1);
        lamp_causal_model_free(model);
    }
}
END_TEST

START_TEST(bound_is_binomial)
{
    ck_assert_double_eq(lamp_causal_allowed(30, 0.01), 2);  /* P(X <= 1) = 0.964 */
    ck_assert_double_eq(lamp_causal_allowed(100, 0.01), 4); /* P(X <= 3) = 0.982 */
    ck_assert_double_eq_tol(lamp_causal_allowed(1e6, 0.01), 10231, 2);
}
END_TEST

/* Four lines of one service for each id, 40 ids, on two fields. */
START_TEST(logs_tied_by_an_id_give_segments)
{
    state = 11;
    g_autofree char *folder = g_dir_make_tmp("lamp-causal-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "test.db", NULL);
    g_autoptr(LampStore) store = lamp_store_open(path, LAMP_STORE_CREATE, NULL);
    ck_assert(store != NULL && lamp_store_begin(store, NULL));
    fixture_run(store,
                "INSERT INTO sources (source_id, path, size_bytes, state) VALUES (1, 'a', 0, "
                "'done'); INSERT INTO strings VALUES "
                "(10, 'begin'), (11, 'read'), (12, 'write'), (13, 'end'), (14, 'web')");
    for (guint id = 0, event = 0; id < 40; id++) {
        gint64 now = (gint64) id * 10000;
        for (guint line = 0; line < 4; line++) {
            now += draw(100, 900);
            event++;
            g_autofree char *sql = g_strdup_printf(
                "INSERT INTO events (event_id, source_id, offset_bytes, length_bytes, time_ns, "
                "service_id, template_id, fields) VALUES (%u, 1, 0, 0, %" G_GINT64_FORMAT
                ", 14, %u, '{\"%s\":\"id%u\",\"other\":\"x%u\"}')",
                event, now, 10 + line, line % 2 == 0 ? "rid" : "reqId", id, event);
            fixture_run(store, sql);
        }
    }
    g_autoptr(LampCausalModel) model = lamp_causal_model_new(NULL);
    ck_assert(lamp_causal_add_logs(model, store, "rid,reqId", NULL));
    ck_assert_uint_eq(lamp_causal_model_classes(model), 1);
    ck_assert_str_eq(lamp_causal_model_class_name(model, 0), "web: begin");
    ck_assert_uint_eq(lamp_causal_model_traces(model, 0), 40);
    ck_assert_uint_eq(lamp_causal_model_types(model, 0), 3);
    g_autoptr(GArray) relations = lamp_causal_model_relations(model, 0);
    ck_assert_uint_eq(relations->len, 3);
    const LampRelation *next = find(relations, LAMP_RELATION_BEFORE, 0, 1);
    ck_assert(next != NULL && next->is_proven && !next->is_implied);
    ck_assert(find(relations, LAMP_RELATION_BEFORE, 1, 2) != NULL);
    lamp_store_rollback(store);
    g_unlink(path);
    g_rmdir(folder);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("causal-model");
    TCase *tests = tcase_create("relations");
    tcase_add_test(tests, finds_what_was_made);
    tcase_add_test(tests, bears_wrong_links);
    tcase_add_test(tests, needs_traces_and_variation);
    tcase_add_test(tests, clock_error_is_no_counterexample);
    tcase_add_test(tests, bound_is_binomial);
    tcase_add_test(tests, logs_tied_by_an_id_give_segments);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
