/* Folding of paths, keys and SQL; finding of ids and hiding of secrets. */
#include "ingest/identifiers.h"
#include "ingest/operation.h"
#include "tests/unit/suite.h"

typedef struct {
    const char *in, *out;
} Row;

START_TEST(test_ids_and_words)
{
    static const char *const ids[] = {
        "7",        "SKU-1406", "u10715", "2026-11-21",
        "9ed8b213", "x@y.test", "u7",     "550e8400-e29b-41d4-a716"};
    static const char *const words[] = {"cart",   "v2", "oauth2", "v1beta1",
                                        "base64", "",   "items-a"};
    for (gsize i = 0; i < G_N_ELEMENTS(ids); i++)
        ck_assert_msg(lamp_operation_is_id(lamp_bytes_text(ids[i])), "%s", ids[i]);
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        ck_assert_msg(!lamp_operation_is_id(lamp_bytes_text(words[i])), "%s", words[i]);
}
END_TEST

START_TEST(test_paths)
{
    static const Row rows[] = {
        {"/items/SKU-1406?stock=1", "/items/{}"},
        {"/", "/"},
        {"/v2/users/42/orders/9ed8b213b733bb91", "/v2/users/{}/orders/{}"},
        {"/static/main.9ed8b213.js", "/static/{}.js"},
        {"/a//b/#c", "/a//b/"},
        {"*", "*"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        char out[64];
        gsize n = lamp_operation_fold_path(lamp_bytes_text(rows[i].in), out, sizeof out - 1,
                                           NULL, NULL);
        out[n] = 0;
        ck_assert_str_eq(out, rows[i].out);
    }
}
END_TEST

START_TEST(test_sql_shapes)
{
    static const Row rows[] = {
        {"SELECT a, b FROM t WHERE id = 'x''y' AND n=12.5e3;",
         "SELECT a, b FROM t WHERE id = ? AND n=?"},
        {"select 1 -- c\n  /* d */ from\tt1", "select ? from t1"},
        {"SELECT * FROM t WHERE a IN (1, 2,3) AND b=$1",
         "SELECT * FROM t WHERE a IN (?) AND b=?"},
        {"INSERT INTO t VALUES (1,'a'), (2,'b') ,(3,$$c$$)", "INSERT INTO t VALUES (?)"},
        {"SELECT f($1,$2)", "SELECT f(?,?)"},
        {"SELECT E'a\\'b', \"Col 1\", `x`", "SELECT ?, \"Col 1\", `x`"},
        {"'unclosed", "?"},
        {"/* unclosed", ""},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        char out[201];
        gsize n = lamp_operation_fold_sql(lamp_bytes_text(rows[i].in), out, sizeof out - 1,
                                          NULL, NULL);
        out[n] = 0;
        ck_assert_str_eq(out, rows[i].out);
    }
}
END_TEST

static void
append_literal(gpointer owner, guint number, LampBytes value)
{
    g_string_append_printf(owner, " %u=%.*s", number, (int) value.len, value.at);
}

/* Shape and literals; with another @size nothing is remembered of folding with the first. */
static char *
fold(const char *sql, gsize size)
{
    char out[256];
    GString *literals = g_string_new(NULL);
    gsize n =
        lamp_operation_fold_sql(lamp_bytes_text(sql), out, size, append_literal, literals);
    g_string_prepend_len(literals, out, (gssize) n);
    return g_string_free(literals, FALSE);
}

/* A statement gives the same whether one like it came before or not. */
START_TEST(test_sql_like_an_earlier_one)
{
    static const char *const sql[] = {
        "SELECT a FROM t WHERE id = 7 AND b = 'x'",
        "SELECT a FROM t WHERE id = 77 AND b = 'it''s'",
        "SELECT a FROM t WHERE id = 7e-5 AND b = ''",
        "SELECT a FROM t WHERE id = 'x' AND b = 7",
        "SELECT a FROM t WHERE id = 7x AND b = 'x' OR 1=1",
        "SELECT a FROM t WHERE id = 7 AND b = 'never closed",
        "SELECT a FROM t WHERE id = 7 AND b = 'x",
        "SELECT a FROM t WHERE id = 7",
        "SELECT a FROM t WHERE id = ",
        "SELECT a FROM t WHERE id = $1 AND b = E'\\'x' AND c = 5",
        "SELECT a FROM t WHERE id = $1 AND b = E'y' AND c = 6",
        "SELECT a FROM t WHERE id = $2 AND b = E'\\\\' AND c = 6",
        "INSERT INTO t VALUES (1, 2), (3, 4)",
        "INSERT INTO t VALUES (10, 20), (30, 40)",
        "INSERT INTO t VALUES (1, 2, 3), (3, 4)",
        "SELECT 1 -- 2\n + 3 /* 4 */",
        "SELECT 5 -- 2\n + 6 /* 4 */",
        "SELECT $q$ 1 $q$, 2",
        "SELECT $q$ 5 $q$, 2",
        "7",
        "'8'",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(sql); i++)
        for (gsize k = 0; k < G_N_ELEMENTS(sql); k++) {
            gsize fresh = 100 + (i * G_N_ELEMENTS(sql) + k) % 100;
            g_free(fold(sql[k], 255)); /* what the next is compared with */
            g_autofree char *again = fold(sql[i], 255), *alone = fold(sql[i], fresh);
            ck_assert_str_eq(again, alone);
        }
}
END_TEST

START_TEST(test_outputs_are_bounded)
{
    g_autofree char *text = g_strnfill(5000, 'a');
    char out[10];
    ck_assert_uint_eq(lamp_operation_fold_sql(lamp_bytes_text(text), out, 10, NULL, NULL), 10);
    ck_assert_uint_eq(lamp_operation_fold_path(lamp_bytes_text(text), out, 10, NULL, NULL), 10);
    ck_assert_uint_eq(lamp_operation_fold_key(lamp_bytes_text(text), out, 10, NULL, NULL), 10);
}
END_TEST

static void
collect(gpointer owner, LampBytes name, LampBytes value)
{
    g_string_append_printf(owner, "%.*s=%.*s ", (int) name.len, name.at, (int) value.len,
                           value.at);
}

START_TEST(test_json_ids_without_secrets)
{
    g_autoptr(GString) out = g_string_new(NULL);
    lamp_identifiers_in_json(
        lamp_bytes_text(
            "{\"order\":\"ORD-230002\",\"token\":\"abc12345\",\"n\":12345,\"x\":1.25,"
            "\"list\":[\"SKU-1\",\"SKU-22\"],\"esc\":\"a\\\"12\",\"user_id\":7,"
            "\"cut\":\"ORD-23"),
        collect, out);
    ck_assert_str_eq(out->str, "order=ORD-230002 n=12345 list=SKU-22 user_id=7 ");
}
END_TEST

START_TEST(test_query_values_without_secrets)
{
    g_autoptr(GString) out = g_string_new(NULL);
    lamp_identifiers_in_query(lamp_bytes_text("b=2&password=x1234&a=red&&=c&d="), FALSE,
                              collect, out);
    ck_assert_str_eq(out->str, "b=2 a=red ");
}
END_TEST

START_TEST(test_trace_headers)
{
    ck_assert(lamp_identifier_is_header(lamp_bytes_text("X-Request-Id")));
    ck_assert(lamp_identifier_is_header(lamp_bytes_text("x-b3-traceid")));
    ck_assert(!lamp_identifier_is_header(lamp_bytes_text("authorization")));
    ck_assert(!lamp_identifier_is_header(lamp_bytes_text("x-session-trace-id")));
    LampBytes part = lamp_identifier_trace_part(
        lamp_bytes_text("traceparent"),
        lamp_bytes_text("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    ck_assert(lamp_bytes_equal(part, lamp_bytes_text("0af7651916cd43dd8448eb211c80319c")));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("operation");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, test_ids_and_words);
    tcase_add_test(tc, test_paths);
    tcase_add_test(tc, test_sql_shapes);
    tcase_add_test(tc, test_sql_like_an_earlier_one);
    tcase_add_test(tc, test_outputs_are_bounded);
    tcase_add_test(tc, test_json_ids_without_secrets);
    tcase_add_test(tc, test_query_values_without_secrets);
    tcase_add_test(tc, test_trace_headers);
    suite_add_tcase(suite, tc);
    return suite;
}

int
main(void)
{
    return run_suite(make_suite());
}
