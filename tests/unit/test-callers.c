/* Callers that only call: users, and workers that turn out to call for requests. */
#include "correlate/passes.h"
#include "tests/unit/suite.h"

enum { USERS, WORKER, REDIS, N_INSTANCES };

static void
add_call(LampCorrelation *c, guint32 client, guint32 parent)
{
    LampCall call = {.client_host = LAMP_INDEX_NONE,
                     .server_host = LAMP_INDEX_NONE,
                     .client_instance = client,
                     .server_instance = REDIS,
                     .parent = parent};
    g_array_append_val(c->calls, call);
}

static void
free_name(gpointer service)
{
    g_free(((LampService *) service)->name);
}

static void
begin(LampCorrelation *c, guint instances_outside)
{
    *c = (LampCorrelation){.calls = g_array_new(FALSE, TRUE, sizeof(LampCall)),
                           .services = g_array_new(FALSE, TRUE, sizeof(LampService)),
                           .instances = g_array_new(FALSE, TRUE, sizeof(LampInstance))};
    g_array_set_clear_func(c->services, free_name);
    const char *names[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3"};
    LampService outside = {.name = g_strdup("external"), .is_external = TRUE};
    LampService redis = {.name = g_strdup("redis")};
    g_array_append_val(c->services, outside);
    g_array_append_val(c->services, redis);
    for (guint i = 0; i < N_INSTANCES; i++) {
        LampInstance instance = {.service = i < instances_outside ? 0 : 1,
                                 .host = LAMP_INDEX_NONE,
                                 .name = (char *) (gpointer) names[i]};
        g_array_append_val(c->instances, instance);
    }
}

static void
end(LampCorrelation *c)
{
    g_array_unref(c->calls);
    g_array_unref(c->services);
    g_array_unref(c->instances);
}

static const LampService *
service_of(const LampCorrelation *c, guint instance)
{
    return &g_array_index(c->services, LampService,
                          g_array_index(c->instances, LampInstance, instance).service);
}

START_TEST(test_a_worker_leaves_the_users_outside)
{
    LampCorrelation c;
    begin(&c, 2);
    add_call(&c, USERS, LAMP_INDEX_NONE);
    add_call(&c, WORKER, 0);
    add_call(&c, WORKER, 0);
    ck_assert(lamp_pass_callers(&c, NULL));
    ck_assert(service_of(&c, USERS)->is_external);
    ck_assert(!service_of(&c, WORKER)->is_external);
    ck_assert_str_eq(service_of(&c, WORKER)->name, "10.0.0.2");
    ck_assert_uint_eq(c.services->len, 3);
    end(&c);
}
END_TEST

START_TEST(test_the_only_caller_keeps_its_service)
{
    LampCorrelation c;
    begin(&c, 1);
    add_call(&c, USERS, LAMP_INDEX_NONE);
    add_call(&c, USERS, 0);
    ck_assert(lamp_pass_callers(&c, NULL));
    ck_assert(!service_of(&c, USERS)->is_external);
    ck_assert_str_eq(service_of(&c, USERS)->name, "10.0.0.1");
    ck_assert_uint_eq(c.services->len, 2);
    end(&c);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("callers");
    TCase *cases = tcase_create("callers");
    tcase_add_test(cases, test_a_worker_leaves_the_users_outside);
    tcase_add_test(cases, test_the_only_caller_keeps_its_service);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
