/* Columns that share values become identifiers; their kinds and relations. */
#include "ingest/log/identifiers.h"
#include "tests/unit/suite.h"

enum { REQUEST_A, REQUEST_B, ORDER_A, ORDER_B, STATUS_A, STATUS_B, ALONE, COLUMNS };

static GArray *occurrences;

static void
put(guint32 column, guint64 value, guint64 record, gint64 seconds)
{
    LampOccurrence o = {value, record, seconds * LAMP_NS_PER_SECOND, column, 0};
    g_array_append_val(occurrences, o);
}

/* Two hundred requests, two of each order, seen in two components; five statuses. */
static LampIdentifiers *
find(void)
{
    occurrences = g_array_new(FALSE, FALSE, sizeof(LampOccurrence));
    for (guint64 i = 0; i < 200; i++) {
        gint64 time = (gint64) i * 10;
        put(REQUEST_A, 1000 + i, i * 2, time);
        put(ORDER_A, 5000 + i / 2, i * 2, time);
        put(STATUS_A, 9000 + i % 5, i * 2, time);
        put(REQUEST_B, 1000 + i, i * 2 + 1, time + 1);
        put(ORDER_B, 5000 + i / 2, i * 2 + 1, time + 1);
        put(STATUS_B, 9000 + i % 5, i * 2 + 1, time + 1);
        put(ALONE, 20000 + i, i * 2, time);
    }
    return lamp_identifiers_find((LampOccurrence *) (gpointer) occurrences->data,
                                 occurrences->len, COLUMNS);
}

START_TEST(test_columns_with_shared_values_are_one)
{
    g_autoptr(LampIdentifiers) ids = find();
    ck_assert_uint_eq(ids->identifiers->len, 3);
    ck_assert_uint_eq(ids->of_column[REQUEST_A], ids->of_column[REQUEST_B]);
    ck_assert_uint_eq(ids->of_column[ORDER_A], ids->of_column[ORDER_B]);
    ck_assert_uint_ne(ids->of_column[REQUEST_A], ids->of_column[ORDER_A]);
    ck_assert_uint_eq(ids->of_column[ALONE], LAMP_NO_IDENTIFIER);
    g_array_free(occurrences, TRUE);
}
END_TEST

START_TEST(test_kinds_and_relations)
{
    g_autoptr(LampIdentifiers) ids = find();
    guint32 request = ids->of_column[REQUEST_A], status = ids->of_column[STATUS_A];
    const LampIdentifier *id = &g_array_index(ids->identifiers, LampIdentifier, request);
    ck_assert_int_eq(id->kind, LAMP_IDENTIFIES_REQUEST);
    ck_assert_uint_eq(id->values, 200);
    ck_assert_uint_eq(id->uses, 400);
    ck_assert_int_eq(id->life_ns, LAMP_NS_PER_SECOND);
    id = &g_array_index(ids->identifiers, LampIdentifier, status);
    ck_assert_int_eq(id->kind, LAMP_IDENTIFIES_PARAMETER);
    guint seen = 0;
    for (guint i = 0; i < ids->relations->len; i++) {
        const LampIdentifierRelation *r =
            &g_array_index(ids->relations, LampIdentifierRelation, i);
        if (r->from == request && r->to == ids->of_column[ORDER_A]) {
            ck_assert_str_eq(lamp_relation_name(r->relation), "n:1");
            ck_assert_uint_eq(r->records, 400);
            seen++;
        }
    }
    ck_assert_uint_eq(seen, 1);
    g_array_free(occurrences, TRUE);
}
END_TEST

static LampIdentifies
kind_of(const LampIdentifiers *ids, guint32 column)
{
    return g_array_index(ids->identifiers, LampIdentifier, ids->of_column[column]).kind;
}

/* Requests of which every other one makes two orders that nothing meets again, each with one
 * payment: they live no longer than their request, and are objects. An id with a second name is
 * still the request's. */
START_TEST(test_what_requests_make_are_objects)
{
    enum { PAYMENT_A = STATUS_A, PAYMENT_B, ALIAS_A = COLUMNS, ALIAS_B, ALL };
    occurrences = g_array_new(FALSE, FALSE, sizeof(LampOccurrence));
    for (guint64 i = 0, record = 0; i < 200; i++) {
        gint64 time = (gint64) i * 10;
        put(REQUEST_A, 1000 + i, record, time);
        put(ALIAS_A, 40000 + i, record++, time);
        put(REQUEST_B, 1000 + i, record, time + 1);
        put(ALIAS_B, 40000 + i, record++, time + 1);
        for (guint64 k = 0; k < 2 && i % 2 == 0; k++) {
            put(REQUEST_B, 1000 + i, record, time + 1);
            put(ORDER_A, 5000 + 2 * i + k, record++, time + 1);
            put(ORDER_B, 5000 + 2 * i + k, record, time + 1);
            put(PAYMENT_A, 9000 + 2 * i + k, record++, time + 1);
            put(PAYMENT_B, 9000 + 2 * i + k, record++, time + 1);
        }
    }
    g_autoptr(LampIdentifiers) ids = lamp_identifiers_find(
        (LampOccurrence *) (gpointer) occurrences->data, occurrences->len, ALL);
    ck_assert_int_eq(kind_of(ids, REQUEST_A), LAMP_IDENTIFIES_REQUEST);
    ck_assert_int_eq(kind_of(ids, ALIAS_A), LAMP_IDENTIFIES_REQUEST);
    ck_assert_int_eq(kind_of(ids, ORDER_A), LAMP_IDENTIFIES_OBJECT);
    ck_assert_int_eq(kind_of(ids, PAYMENT_A), LAMP_IDENTIFIES_OBJECT);
    g_array_free(occurrences, TRUE);
}
END_TEST

START_TEST(test_nothing_in_nothing_out)
{
    g_autoptr(LampIdentifiers) ids = lamp_identifiers_find(NULL, 0, 0);
    ck_assert_uint_eq(ids->identifiers->len, 0);
    ck_assert_uint_eq(ids->relations->len, 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("identifiers");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, test_columns_with_shared_values_are_one);
    tcase_add_test(tcase, test_kinds_and_relations);
    tcase_add_test(tcase, test_what_requests_make_are_objects);
    tcase_add_test(tcase, test_nothing_in_nothing_out);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
