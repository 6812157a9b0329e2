/* Which instances are replicas, by what they serve. */
#include "correlate/works.h"
#include "tests/unit/correlate-fixture.h"

#define MS G_GINT64_CONSTANT(1000000)

enum { HEALTH = 1, SHOP, CART, PAGE, WRITE };
enum { USER = 1, GATEWAY, PROBER };

static void
serve(LampWork *work, guint32 operation, guint32 client, guint times, gint64 ns)
{
    for (guint i = 0; i < times; i++)
        lamp_work_note(work, operation, client, ns);
}

START_TEST(probes_in_common_make_no_replicas)
{
    g_autoptr(LampWork) shop = lamp_work_new(0, 0), cart = lamp_work_new(1, 1);
    g_autoptr(LampWork) idle = lamp_work_new(2, 2);
    serve(shop, SHOP, USER, 10, 20 * MS);
    serve(cart, CART, GATEWAY, 10, 10 * MS);
    LampWork *all[] = {shop, cart, idle};
    for (guint i = 0; i < G_N_ELEMENTS(all); i++)
        serve(all[i], HEALTH, PROBER, 100, MS / 2);
    ck_assert(!lamp_work_is_alike(shop, cart));
    ck_assert(!lamp_work_is_alike(cart, shop));
    ck_assert(!lamp_work_is_alike(shop, idle));
}
END_TEST

START_TEST(operations_at_one_replica_by_chance_are_no_matter)
{
    g_autoptr(LampWork) one = lamp_work_new(0, 0), other = lamp_work_new(1, 1);
    for (guint32 operation = 1; operation <= 40; operation++) {
        serve(one, operation, USER, operation % 3 == 0 ? 2 : 1, MS);
        if (operation % 3 != 0)
            serve(other, operation, USER, 1, MS);
    }
    serve(other, 41, USER, 3, MS);
    ck_assert(lamp_work_is_alike(one, other));
}
END_TEST

/* The same callers: one service. Writes that only a third host makes: two. */
START_TEST(a_standby_is_of_its_primary)
{
    for (guint32 writer = USER; writer <= GATEWAY; writer++) {
        g_autoptr(LampWork) primary = lamp_work_new(0, 0), standby = lamp_work_new(1, 1);
        serve(primary, PAGE, USER, 20, MS);
        serve(primary, WRITE, writer, 60, MS);
        serve(standby, PAGE, USER, 60, MS);
        ck_assert_int_eq(lamp_work_is_alike(primary, standby), writer == USER);
    }
}
END_TEST

/* A gateway asks two proxies what it is asked, these ask a server: three services. */
START_TEST(passing_on_parts_services)
{
    LampCorrelation c = {.hosts = g_array_new(FALSE, TRUE, sizeof(LampHost)),
                         .calls = g_array_new(FALSE, TRUE, sizeof(LampCall))};
    g_autoptr(GPtrArray) works =
        g_ptr_array_new_with_free_func((GDestroyNotify) lamp_work_free);
    g_array_set_size(c.hosts, 5);
    for (guint32 i = 0; i < 4; i++)
        g_ptr_array_add(works, lamp_work_new(i, i));
    for (guint32 i = 0; i < 40; i++) {
        guint32 proxy = 1 + i % 2;
        guint32 path[] = {4, 0, proxy, 3};
        for (guint k = 1; k < G_N_ELEMENTS(path); k++) {
            LampCall call = {
                .client_host = path[k - 1], .server_instance = path[k], .operation = PAGE};
            g_array_append_val(c.calls, call);
            lamp_work_note(g_ptr_array_index(works, path[k]), PAGE, path[k - 1], MS);
        }
    }
    lamp_works_settle(&c, works);
    for (guint32 a = 0; a < 4; a++)
        for (guint32 b = 0; b < 4; b++)
            ck_assert_int_eq(
                lamp_work_is_alike(g_ptr_array_index(works, a), g_ptr_array_index(works, b)),
                a == b || (a + b == 3 && a > 0 && b > 0));
    g_array_unref(c.hosts);
    g_array_unref(c.calls);
}
END_TEST

/* Two pairs of replicas at bare addresses and on one port, which share their health checks. */
START_TEST(bare_addresses_are_parted_by_what_they_serve)
{
    static const char *const own[] = {"GET /a", "GET /b"};
    Fixture f;
    fixture_begin(&f);
    fixture_run(&f, "INSERT INTO endpoints VALUES (1, '10.0.0.1', 5000), (2, '10.0.0.2', 80),"
                    " (3, '10.0.0.3', 80), (4, '10.0.0.4', 80), (5, '10.0.0.5', 80)");
    fixture_capture(&f, 1, "switch.pcap");
    for (gint64 server = 2; server <= 5; server++) {
        Sight s = {.source = 1,
                   .connection = fixture_connection(&f, 1, 1, server),
                   .client = 1,
                   .server = server,
                   .protocol = "http"};
        for (gint64 k = 0; k < 40; k++) {
            s.position = k + 1;
            s.sequence = 1000 * server + k;
            s.operation = k % 2 == 0 ? "GET /health" : own[server % 2];
            s.request = k * 100 * MS + server * MS;
            s.response = s.request + (k % 2 == 0 ? 1 : 8) * MS;
            fixture_see(&f, &s);
        }
    }
    fixture_ready(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    g_autofree char *services =
        fixture_text(&f, "SELECT s.name, i.name FROM services s JOIN instances i"
                         " USING (service_id) WHERE NOT is_external ORDER BY 1, 2");
    ck_assert_str_eq(services, "http:80@10.0.0.2|10.0.0.2 http:80@10.0.0.2|10.0.0.4 "
                               "http:80@10.0.0.3|10.0.0.3 http:80@10.0.0.3|10.0.0.5");
    fixture_end(&f);
}
END_TEST

/* The services where 10.0.0.1 asks each of two hosts of @names for two operations of its @own.
 */
static char *
services_of_two(const char *const *names, const char *protocol, const char *const *const *own)
{
    Fixture f;
    fixture_begin(&f);
    fixture_run(&f, "INSERT INTO endpoints VALUES (1, '10.0.0.1', 5000), (2, '10.0.0.2', 80),"
                    " (3, '10.0.0.3', 80)");
    fixture_capture(&f, 1, "switch.pcap");
    for (gint64 i = 0; i < 2; i++) {
        g_autofree char *address = g_strdup_printf("10.0.0.%d", (int) i + 2);
        fixture_run(&f, "INSERT INTO host_names VALUES (1, '%s', '%s', 0, NULL)", address,
                    names[i]);
        Sight s = {.source = 1,
                   .connection = fixture_connection(&f, 1, 1, i + 2),
                   .client = 1,
                   .server = i + 2,
                   .protocol = protocol};
        for (gint64 k = 0; k < 40; k++) {
            s.position = k + 1;
            s.sequence = 1000 * (i + 1) + k;
            s.operation = own[i][k % 2];
            s.request = (2 * k + i) * 100 * MS;
            s.response = s.request + 8 * MS;
            fixture_see(&f, &s);
        }
    }
    fixture_ready(&f);
    ck_assert(lamp_correlate(f.store, NULL, NULL, NULL));
    char *services = fixture_text(
        &f, "SELECT DISTINCT s.name FROM services s JOIN instances i USING"
            " (service_id) JOIN calls ON server_instance_id = instance_id ORDER BY 1");
    fixture_end(&f);
    return services;
}

/* Which of two pods gets which call is chance, or the rhythm of who calls. */
START_TEST(pods_of_a_deployment_are_one_service)
{
    const char *const users[] = {"GET /user", "GET /list"};
    const char *const carts[] = {"GET /cart", "PUT /cart"};
    const char *const *own[] = {users, carts};
    static const struct {
        const char *names[2], *services;
    } cases[] = {
        {{"web-6d4cf56db6-abcd1", "web-6d4cf56db6-zbcd2"}, "web"},
        {{"web-0", "web-1"}, "web"},
        {{"vm-1", "vm-2"}, "vm-1 vm-2"},
        {{"web-6d4cf56db6-abcd1", "shop-6d4cf56db6-zbcd2"}, "shop web"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *services = services_of_two(cases[i].names, "http", own);
        ck_assert_str_eq(services, cases[i].services);
    }
}
END_TEST

/* Only the keys or topics of shards differ; databases and other verbs stay apart. */
START_TEST(shards_of_a_store_are_one_service)
{
    const char *const gets[] = {"GET user:{}", "SET user:{}"};
    const char *const sets[] = {"SET cart:{}", "GET cart:{}"};
    const char *const lists[] = {"LPUSH mails", "LPOP mails"};
    const char *const *shards[] = {gets, sets};
    const char *const *others[] = {gets, lists};
    const char *names[] = {"store1", "store2"};
    g_autofree char *redis = services_of_two(names, "redis", shards);
    g_autofree char *queue = services_of_two(names, "redis", others);
    g_autofree char *http = services_of_two(names, "http", shards);
    ck_assert_str_eq(redis, "store");
    ck_assert_str_eq(queue, "store1 store2");
    ck_assert_str_eq(http, "store1 store2");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("works");
    TCase *tc = tcase_create("works");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, probes_in_common_make_no_replicas);
    tcase_add_test(tc, operations_at_one_replica_by_chance_are_no_matter);
    tcase_add_test(tc, a_standby_is_of_its_primary);
    tcase_add_test(tc, passing_on_parts_services);
    tcase_add_test(tc, bare_addresses_are_parted_by_what_they_serve);
    tcase_add_test(tc, pods_of_a_deployment_are_one_service);
    tcase_add_test(tc, shards_of_a_store_are_one_service);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
