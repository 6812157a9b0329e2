/* Whose connection is it, where programs share an address? */
#include "correlate/ownership.h"
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
    s->requests = g_array_new(FALSE, FALSE, sizeof(LampBusyTime));
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
    LampBusyTime busy = {start, end};
    g_array_append_val(s->requests, busy);
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
        .requests = (const LampBusyTime *) (gpointer) s->requests->data,
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

/* What is noted of a call and an owner may take 33 bytes: here half a gigabyte. */
START_TEST(test_too_many_connections_are_refused)
{
    enum { OWNERS = 100, CONNECTIONS = 170000 };
    g_autofree guint32 *first = g_new0(guint32, OWNERS + 1);
    g_autofree guint32 *callees = g_new0(guint32, OWNERS);
    g_autofree LampCallerConnection *connections =
        g_new(LampCallerConnection, (gsize) CONNECTIONS);
    LampBusyTime calls[8] = {{1, 2}};
    for (guint i = 0; i < CONNECTIONS; i++)
        connections[i] = (LampCallerConnection){.callee = 1, .count = G_N_ELEMENTS(calls)};
    LampOwnershipInput input = {
        .owners = OWNERS,
        .callees = 2,
        .connections = CONNECTIONS,
        .first_request = first,
        .requests = calls,
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
    tcase_add_test(cases, test_without_calls_or_programs);
    tcase_add_test(cases, test_too_many_connections_are_refused);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
