/* TLS with a key log: what is inside becomes calls, whatever the version and the suite; where
 * it cannot be opened a finding says why; secrets are never stored. fixtures/tls holds one
 * connection for each suite, made with OpenSSL. */
#include "ingest/ingest.h"
#include "store/statement.h"
#include "tests/unit/suite.h"

#include <glib/gstdio.h>
#include <unistd.h>

#define CAPTURE "fixtures/tls/handshakes.pcap"
#define KEYS "fixtures/tls/keys.txt"
#define WIRESHARK "../shared/data/public/wireshark+wireshark-4.0.17/"
enum { CONNECTIONS = 12 };

static char *database;

static LampStore *
ingest(const char *path, const char *keys, const char *filter)
{
    const char *paths[] = {path, NULL};
    LampIngestOptions options = {.paths = paths, .key_log_path = keys, .filter = filter};
    LampIngestCounts counts;
    g_autoptr(GError) error = NULL;
    g_unlink(database);
    LampStore *store = lamp_store_open(database, LAMP_STORE_CREATE, NULL);
    ck_assert_ptr_nonnull(store);
    ck_assert_msg(lamp_ingest(store, &options, &counts, &error), "%s",
                  error != NULL ? error->message : "");
    return store;
}

static gint64
ask(LampStore *store, const char *sql)
{
    g_autoptr(LampStatement) query = lamp_statement_new(store, sql, NULL);
    gboolean has_row = FALSE;
    ck_assert_ptr_nonnull(query);
    ck_assert(lamp_statement_step(query, &has_row, NULL) && has_row);
    return lamp_statement_int(query, 0);
}

static gint64
count_finding(LampStore *store, const char *code)
{
    g_autofree char *sql =
        g_strdup_printf("SELECT count(*) FROM findings WHERE code = '%s'", code);
    return ask(store, sql);
}

static void
expect_all_open(LampStore *store)
{
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM connections"), CONNECTIONS);
    ck_assert_int_eq(
        ask(store, "SELECT count(*) FROM observations JOIN strings ON string_id = operation_id "
                   "WHERE text = 'GET /items/{}' AND status = '200' AND request_bytes = 50 "
                   "AND response_bytes = 54 AND response_first_ns > request_last_ns"),
        CONNECTIONS);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM observations"), CONNECTIONS);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM connections JOIN strings ON string_id = "
                                "protocol_id WHERE text = 'http' AND server_name = "
                                "'shop.example' AND certificate_names = "
                                "'shop.example *.api.example'"),
                     CONNECTIONS);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM connections WHERE alpn = 'http/1.1'"), 2);
}

START_TEST(test_key_log_among_the_input)
{
    g_autoptr(LampStore) store = ingest("fixtures/tls", NULL, NULL);
    expect_all_open(store);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM findings"), 0);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM sources WHERE format = 'keylog' AND "
                                "rejected = 0"),
                     1);
}
END_TEST

START_TEST(test_key_log_by_option)
{
    g_autoptr(LampStore) store = ingest(CAPTURE, KEYS, NULL);
    expect_all_open(store);
}
END_TEST

START_TEST(test_secrets_are_not_stored)
{
    g_autofree char *keys = NULL, *content = NULL;
    gsize length = 0;
    lamp_store_close(ingest("fixtures/tls", NULL, NULL));
    ck_assert(g_file_get_contents(KEYS, &keys, NULL, NULL));
    ck_assert(g_file_get_contents(database, &content, &length, NULL));
    g_auto(GStrv) lines = g_strsplit(keys, "\n", -1);
    guint checked = 0;
    for (gsize i = 0; lines[i] != NULL; i++) {
        const char *secret = strrchr(lines[i], ' ');
        if (lines[i][0] == '#' || secret == NULL)
            continue;
        ck_assert_ptr_null(memmem(content, length, secret + 1, 16));
        checked++;
    }
    ck_assert_uint_gt(checked, 30);
}
END_TEST

/* TLS 1.3 hides its certificate, and the choice of protocol: the client's offer is shown. */
START_TEST(test_names_without_keys)
{
    g_autoptr(LampStore) store = ingest(CAPTURE, NULL, NULL);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM connections WHERE server_name = "
                                "'shop.example'"),
                     CONNECTIONS);
    ck_assert_int_eq(
        ask(store, "SELECT count(*) FROM connections WHERE certificate_names IS NOT NULL"), 7);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM connections WHERE alpn = 'http/1.1'"), 2);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM observations WHERE flags & 16 = 0"), 0);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM findings"), 0);
}
END_TEST

/* Without the packets that begin with a handshake record nothing can be opened. */
START_TEST(test_begun_before_the_capture)
{
    g_autoptr(LampStore) store =
        ingest(CAPTURE, KEYS, "not (tcp[((tcp[12] & 0xf0) >> 2)] = 0x16)");
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM observations WHERE flags & 16 = 0"), 0);
    ck_assert_int_gt(ask(store, "SELECT count(*) FROM observations"), 0);
    ck_assert_int_gt(count_finding(store, "tls.midstream"), 6);
}
END_TEST

START_TEST(test_key_log_of_others)
{
    static const char text[] =
        "# of another run\nCLIENT_RANDOM "
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f "
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        "202122232425262728292a2b2c2d2e2f\nwhat is this\n";
    g_autofree char *path = g_strconcat(database, ".keys", NULL);
    ck_assert(g_file_set_contents(path, text, -1, NULL));
    g_autoptr(LampStore) store = ingest(CAPTURE, path, NULL);
    ck_assert_int_eq(count_finding(store, "tls.secret"), CONNECTIONS);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM observations WHERE flags & 16 = 0"), 0);
    g_autoptr(LampStore) own = ingest(path, NULL, NULL);
    ck_assert_int_eq(count_finding(own, "keylog.line"), 1);
    g_unlink(path);
}
END_TEST

/* Secrets for the right connections, but wrong: nothing is made up. */
START_TEST(test_wrong_secrets)
{
    g_autofree char *path = g_strconcat(database, ".keys", NULL), *keys = NULL;
    ck_assert(g_file_get_contents(KEYS, &keys, NULL, NULL));
    for (char *end = strchr(keys, '\n'); end != NULL; end = strchr(end + 1, '\n'))
        if (g_ascii_isxdigit(end[-1]))
            end[-1] = end[-1] == '0' ? '1' : '0';
    ck_assert(g_file_set_contents(path, keys, -1, NULL));
    g_autoptr(LampStore) store = ingest(CAPTURE, path, NULL);
    ck_assert_int_eq(ask(store, "SELECT count(*) FROM observations WHERE flags & 16 = 0"), 0);
    g_unlink(path);
}
END_TEST

START_TEST(test_refused_key_logs)
{
    const char *paths[] = {CAPTURE, NULL};
    LampIngestOptions options = {.paths = paths, .key_log_path = "fixtures/README.md"};
    LampIngestCounts counts;
    g_autoptr(GError) error = NULL, missing = NULL;
    g_unlink(database);
    g_autoptr(LampStore) store = lamp_store_open(database, LAMP_STORE_CREATE, NULL);
    ck_assert(!lamp_ingest(store, &options, &counts, &error));
    ck_assert_ptr_nonnull(strstr(error->message, "holds no TLS secret"));
    options.key_log_path = "fixtures/nowhere";
    ck_assert(!lamp_ingest(store, &options, &counts, &missing));
    ck_assert_ptr_nonnull(strstr(missing->message, "fixtures/nowhere"));
}
END_TEST

/* Secrets inside the captures (pcapng): the counts are those of tshark with the same. */
START_TEST(test_secrets_in_public_captures)
{
    static const struct {
        const char *file;
        gint64 calls;
    } files[] = {{"http2_follow_multistream.pcapng", 19}, {"http2-brotli.pcapng", 1}};
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_strconcat(WIRESHARK, files[i].file, NULL);
        if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
            g_print("skipped: %s is absent\n", path);
            continue;
        }
        g_autoptr(LampStore) store = ingest(path, NULL, NULL);
        ck_assert_int_eq(ask(store, "SELECT count(*) FROM observations JOIN strings ON "
                                    "string_id = protocol_id WHERE text = 'http2' AND status = "
                                    "'200'"),
                         files[i].calls);
    }
}
END_TEST

int
main(void)
{
    int handle = g_file_open_tmp("lamp-tls-XXXXXX.db", &database, NULL);
    g_assert_cmpint(handle, >=, 0);
    close(handle);
    Suite *suite = suite_create("tls-secrets");
    TCase *tests = tcase_create("tls-secrets");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_key_log_among_the_input);
    tcase_add_test(tests, test_key_log_by_option);
    tcase_add_test(tests, test_secrets_are_not_stored);
    tcase_add_test(tests, test_names_without_keys);
    tcase_add_test(tests, test_begun_before_the_capture);
    tcase_add_test(tests, test_key_log_of_others);
    tcase_add_test(tests, test_wrong_secrets);
    tcase_add_test(tests, test_refused_key_logs);
    tcase_add_test(tests, test_secrets_in_public_captures);
    suite_add_tcase(suite, tests);
    int failed = run_suite(suite);
    g_unlink(database);
    g_free(database);
    return failed;
}
