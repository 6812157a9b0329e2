/* Whose connection is it, where programs share an address? */
#include "correlate/ownership/ownership.h"
#include "tests/unit/suite.h"

#define MS G_GINT64_CONSTANT(1000000)

/* Requests and connections are added, then asked about. */
typedef struct {
    GArray *requests, *first, *callees, *connections, *calls;
    GRand *random;
} Story;

static void
begin(Story *s)
{
    s->requests = g_array_new(FALSE, FALSE, sizeof(LampServedRequest));
    s->first = g_array_new(FALSE, FALSE, sizeof(guint32));
    s->callees = g_array_new(FALSE, FALSE, sizeof(guint32));
    s->connections = g_array_new(FALSE, FALSE, sizeof(LampCallerConnection));
    s->calls = g_array_new(FALSE, FALSE, sizeof(LampBusyTime));
    s->random = g_rand_new_with_seed(3);
}

/* The next program; it is called as number @callee. */
static void
add_program(Story *s, guint32 callee)
{
    g_array_append_val(s->first, s->requests->len);
    g_array_append_val(s->callees, callee);
}

static void
add_request(Story *s, gint64 start, gint64 end)
{
    LampServedRequest request = {start, end, 0, LAMP_OWNERSHIP_NONE};
    g_array_append_val(s->requests, request);
}

static void
add_connection(Story *s, guint32 callee)
{
    LampCallerConnection connection = {.callee = callee, .first = s->calls->len};
    g_array_append_val(s->connections, connection);
}

static void
add_call(Story *s, gint64 start, gint64 end)
{
    LampBusyTime busy = {start, end};
    g_array_append_val(s->calls, busy);
    g_array_index(s->connections, LampCallerConnection, s->connections->len - 1).count++;
}

static LampOwnership *
ask(Story *s)
{
    LampOwnershipInput input = {
        .owners = s->first->len,
        .callees = 4,
        .connections = s->connections->len,
        .requests = (const LampServedRequest *) (gpointer) s->requests->data,
        .callee_of_owner = (const guint32 *) (gpointer) s->callees->data,
        .connection = (const LampCallerConnection *) (gpointer) s->connections->data,
        .calls = (const LampBusyTime *) (gpointer) s->calls->data,
    };
    g_array_append_val(s->first, s->requests->len);
    input.first_request = (const guint32 *) (gpointer) s->first->data;
    LampOwnership *answer = lamp_ownership_find(&input);
    GArray *arrays[] = {s->requests, s->first, s->callees, s->connections, s->calls};
    for (guint i = 0; i < G_N_ELEMENTS(arrays); i++)
        g_array_unref(arrays[i]);
    g_rand_free(s->random);
    return answer;
}

static gint64
jitter(Story *s, gint64 most)
{
    return g_rand_int_range(s->random, 0, (gint32) most);
}

/* Program 0 is a proxy of program 1: whatever 1 does lies within a request of both. */
START_TEST(test_the_nearer_of_two_nested_programs_calls)
{
    Story s;
    begin(&s);
    add_program(&s, 0);
    for (guint i = 0; i < 300; i++)
        add_request(&s, i * 20 * MS, (i * 20 + 18) * MS);
    add_program(&s, 1);
    g_autofree gint64 *inner = g_new(gint64, 300);
    for (guint i = 0; i < 300; i++) {
        inner[i] = i * 20 * MS + MS / 10 + jitter(&s, MS / 2);
        add_request(&s, inner[i], (i * 20 + 17) * MS);
    }
    add_connection(&s, 1); /* the proxy's to program 1 */
    for (guint i = 0; i < 300; i++)
        add_call(&s, inner[i], (i * 20 + 17) * MS);
    add_connection(&s, 2); /* program 1's to a database */
    for (guint i = 0; i < 300; i++) {
        gint64 start = inner[i] + MS + jitter(&s, MS / 20);
        add_call(&s, start, start + 2 * MS);
    }
    g_autofree LampOwnership *answer = ask(&s);
    ck_assert_uint_eq(answer[0].owner, 0);
    ck_assert_uint_eq(answer[1].owner, 1);
    ck_assert_float_gt(answer[0].probability, 0.99F);
    ck_assert_float_gt(answer[1].probability, 0.99F);
}
END_TEST

/* Busy programs enclose much by chance: that is no evidence. */
START_TEST(test_what_comes_at_any_time_is_nobody_s)
{
    Story s;
    begin(&s);
    for (guint32 program = 0; program < 2; program++) {
        add_program(&s, program);
        for (guint i = 0; i < 400; i++)
            add_request(&s, i * 10 * MS, (i * 10 + 8) * MS);
    }
    for (guint k = 0; k < 5; k++) {
        add_connection(&s, 2);
        for (guint i = 0; i < 60; i++) {
            gint64 start = jitter(&s, 2000 * MS) + jitter(&s, 1900 * MS);
            add_call(&s, start, start + MS / 2);
        }
    }
    g_autofree LampOwnership *answer = ask(&s);
    for (guint k = 0; k < 5; k++) {
        ck_assert_uint_eq(answer[k].owner, 2);
        ck_assert_float_gt(answer[k].probability, 0.9F);
    }
}
END_TEST

START_TEST(test_two_programs_share_a_callee)
{
    Story s;
    begin(&s);
    for (guint32 program = 0; program < 2; program++) {
        add_program(&s, program);
        for (guint i = 0; i < 200; i++)
            add_request(&s, (i * 10 + program * 4) * MS, (i * 10 + program * 4 + 5) * MS);
    }
    for (guint k = 0; k < 4; k++) {
        add_connection(&s, 2);
        for (guint i = k / 2; i < 200; i += 2) {
            gint64 start = (i * 10 + k % 2 * 4 + 1) * MS + jitter(&s, MS / 10);
            add_call(&s, start, start + 2 * MS);
        }
    }
    g_autofree LampOwnership *answer = ask(&s);
    for (guint k = 0; k < 4; k++)
        ck_assert_uint_eq(answer[k].owner, k % 2);
}
END_TEST

/* Program 0 asks program 1 for each of @n requests, after @early. The calls to 1 come first, so
 * the n-th request of 1 is call n. */
static void
add_proxy_and_program(Story *s, guint n, gint64 early)
{
    add_program(s, 0);
    for (guint i = 0; i < n; i++)
        add_request(s, i * 20 * MS, i * 20 * MS + early + 9 * MS);
    add_program(s, 1);
    for (guint32 i = 0; i < n; i++) {
        LampServedRequest request = {i * 20 * MS + early, i * 20 * MS + early + 8 * MS, 0, i};
        g_array_append_val(s->requests, request);
        add_connection(s, 1);
        add_call(s, request.start, request.end);
    }
}

/* The proxy takes no time of its own, so its gaps to the database are as sharp as program 1's;
 * but it waits for program 1 then. */
START_TEST(test_who_waits_for_a_reply_does_not_call)
{
    enum { N = 150 };
    Story s;
    begin(&s);
    add_proxy_and_program(&s, N, MS / 10);
    for (guint i = 0; i < N; i++) {
        gint64 start = i * 20 * MS + MS / 10 + MS + jitter(&s, MS);
        add_connection(&s, 2);
        add_call(&s, start, start + MS / 4);
    }
    g_autofree LampOwnership *answer = ask(&s);
    for (guint i = N; i < 2 * N; i++) {
        ck_assert_uint_eq(answer[i].owner, 1);
        ck_assert_float_gt(answer[i].probability, 0.8F);
        ck_assert_uint_eq(answer[i].runner_up, 0);
        ck_assert_float_gt(answer[i].runner_up_probability, 0.0F);
    }
}
END_TEST

/* The proxy asks the database before it asks program 1, which asks it, too. */
START_TEST(test_each_calls_in_its_turn)
{
    enum { N = 150 };
    Story s;
    begin(&s);
    add_proxy_and_program(&s, N, 4 * MS);
    for (guint i = 0; i < 2 * N; i++) {
        gint64 start = i / 2 * 20 * MS + i % 2 * 4 * MS + MS + jitter(&s, MS);
        add_connection(&s, 2);
        add_call(&s, start, start + MS / 4);
    }
    g_autofree LampOwnership *answer = ask(&s);
    for (guint i = 0; i < 2 * N; i++)
        ck_assert_uint_eq(answer[N + i].owner, i % 2);
}
END_TEST

/* All calls of a connection that lives for one request have one cause: the whole of it must lie
 * within the request of its owner. */
START_TEST(test_a_dialog_is_one_testimony)
{
    enum { N = 150 };
    Story s;
    begin(&s);
    add_proxy_and_program(&s, N, MS);
    for (guint i = 0; i < N; i++) {
        add_connection(&s, 2);
        for (guint k = 0; k < 3; k++) {
            gint64 start = i * 20 * MS + (2 + 2 * k) * MS + jitter(&s, MS);
            add_call(&s, start, start + MS / 4);
        }
    }
    g_autofree LampOwnership *answer = ask(&s);
    for (guint i = 0; i < N; i++) {
        ck_assert_uint_eq(answer[i].owner, 0);
        ck_assert_uint_eq(answer[N + i].owner, 1);
    }
}
END_TEST

START_TEST(test_without_calls_or_programs)
{
    Story s;
    begin(&s);
    add_connection(&s, 0);
    add_call(&s, 0, 0);
    g_autofree LampOwnership *answer = ask(&s);
    ck_assert_uint_eq(answer[0].owner, 0);
    ck_assert_float_eq(answer[0].probability, 1.0F);
    begin(&s);
    add_program(&s, 0);
    g_autofree LampOwnership *none = ask(&s);
    ck_assert_ptr_nonnull(none);
}
END_TEST

/* A call and a program take 16 bytes before anything is noted of them: here 272 MB. */
START_TEST(test_too_many_connections_are_refused)
{
    enum { OWNERS = 100, CONNECTIONS = 170000 };
    g_autofree guint32 *first = g_new0(guint32, OWNERS + 1);
    g_autofree guint32 *callees = g_new0(guint32, OWNERS);
    g_autofree LampCallerConnection *connections =
        g_new(LampCallerConnection, (gsize) CONNECTIONS);
    LampBusyTime calls[8] = {{1, 2}};
    LampServedRequest request = {1, 2, 0, LAMP_OWNERSHIP_NONE};
    for (guint i = 0; i < CONNECTIONS; i++)
        connections[i] = (LampCallerConnection){.callee = 1, .count = G_N_ELEMENTS(calls)};
    LampOwnershipInput input = {
        .owners = OWNERS,
        .callees = 2,
        .connections = CONNECTIONS,
        .first_request = first,
        .requests = &request,
        .callee_of_owner = callees,
        .connection = connections,
        .calls = calls,
    };
    g_autofree LampOwnership *answer = lamp_ownership_find(&input);
    ck_assert_ptr_null(answer);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("ownership");
    TCase *cases = tcase_create("ownership");
    tcase_add_test(cases, test_the_nearer_of_two_nested_programs_calls);
    tcase_add_test(cases, test_what_comes_at_any_time_is_nobody_s);
    tcase_add_test(cases, test_two_programs_share_a_callee);
    tcase_add_test(cases, test_who_waits_for_a_reply_does_not_call);
    tcase_add_test(cases, test_each_calls_in_its_turn);
    tcase_add_test(cases, test_a_dialog_is_one_testimony);
    tcase_add_test(cases, test_without_calls_or_programs);
    tcase_add_test(cases, test_too_many_connections_are_refused);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
