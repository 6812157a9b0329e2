/* Every export format over the same flows: valid JSON, all spans, parents that exist. */
#include "cli/export/exporter.h"
#include "tests/unit/flow-fixture.h"

/* The whole export of the flows of fixture_shop; caller frees. */
static GString *
export_shop(LampStore *store, const LampExporter *exporter)
{
    g_autoptr(LampTopology) topology = lamp_topology_load(store, NULL);
    g_autoptr(LampFlowReader) reader = lamp_flow_reader_new(store, topology, NULL, NULL);
    LampExport to = {.out = g_string_new(NULL), .topology = topology};
    const LampFlow *flow;
    exporter->begin(&to);
    while (lamp_flow_reader_next(reader, &flow, NULL) && flow != NULL) {
        exporter->flow(&to, flow);
        to.flows++;
    }
    exporter->finish(&to);
    return to.out;
}

static const LampExporter *
find_exporter(const char *name)
{
    for (gsize i = 0; lamp_exporters[i] != NULL; i++)
        if (g_str_equal(lamp_exporters[i]->name, name))
            return lamp_exporters[i];
    ck_abort_msg("no exporter %s", name);
    return NULL;
}

/* Value of an SQL expression over the text, which is bound to ?1. */
static gint64
ask(LampStore *store, const char *sql, const GString *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LampStatement) query = lamp_statement_new(store, sql, &error);
    gboolean has_row = FALSE;
    ck_assert_msg(query != NULL, "%s", error != NULL ? error->message : "");
    lamp_statement_bind_text(query, 1, lamp_bytes(text->str, text->len));
    ck_assert(lamp_statement_step(query, &has_row, &error));
    ck_assert(has_row);
    return lamp_statement_int(query, 0);
}

START_TEST(test_export_json_formats_are_valid)
{
    static const char *const names[] = {"jaeger", "zipkin", "otlp", "perfetto", "speedscope"};
    g_autoptr(LampStore) store = fixture_store(fixture_shop);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        GString *text = export_shop(store, find_exporter(names[i]));
        ck_assert_msg(ask(store, "SELECT json_valid(?1)", text) == 1, "%s: %s", names[i],
                      text->str);
        g_string_free(text, TRUE);
    }
}
END_TEST

START_TEST(test_export_zipkin_has_all_spans_with_parents)
{
    g_autoptr(LampStore) store = fixture_store(fixture_shop);
    GString *text = export_shop(store, find_exporter("zipkin"));
    ck_assert_int_eq(ask(store, "SELECT json_array_length(?1)", text), 20);
    ck_assert_int_eq(ask(store,
                         "SELECT count(*) FROM json_each(?1) s WHERE "
                         "json_extract(s.value, '$.parentId') IS NULL",
                         text),
                     3);
    ck_assert_int_eq(
        ask(store,
            "SELECT count(*) FROM json_each(?1) s WHERE "
            "json_extract(s.value, '$.parentId') IS NOT NULL AND NOT EXISTS (SELECT "
            "1 FROM json_each(?1) p WHERE json_extract(p.value, '$.id') = "
            "json_extract(s.value, '$.parentId'))",
            text),
        0);
    g_string_free(text, TRUE);
}
END_TEST

START_TEST(test_export_otlp_and_jaeger_agree_on_spans)
{
    g_autoptr(LampStore) store = fixture_store(fixture_shop);
    GString *otlp = export_shop(store, find_exporter("otlp"));
    GString *jaeger = export_shop(store, find_exporter("jaeger"));
    ck_assert_int_eq(
        ask(store, "SELECT count(*) FROM json_tree(?1) WHERE key = 'startTimeUnixNano'", otlp),
        20);
    ck_assert_int_eq(
        ask(store, "SELECT count(*) FROM json_tree(?1) WHERE key = 'startTime'", jaeger), 20);
    ck_assert_int_eq(ask(store, "SELECT json_array_length(?1, '$.data')", jaeger), 3);
    g_string_free(otlp, TRUE);
    g_string_free(jaeger, TRUE);
}
END_TEST

/* Lines "a;b;c N": their sum is the exclusive time of all contexts. */
START_TEST(test_export_folded_adds_up)
{
    g_autoptr(LampStore) store = fixture_store(fixture_shop);
    GString *text = export_shop(store, find_exporter("folded"));
    g_auto(GStrv) lines = g_strsplit(text->str, "\n", -1);
    guint64 sum = 0, n;
    for (guint i = 0; lines[i][0] != '\0'; i++) {
        const char *space = strrchr(lines[i], ' ');
        ck_assert(lamp_text_parse_u64(lamp_bytes_text(space + 1), &n));
        sum += n;
    }
    ck_assert_uint_eq(sum, 2500 + 290 + 200);
    g_string_free(text, TRUE);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("export");
    TCase *cases = tcase_create("export");
    tcase_add_test(cases, test_export_json_formats_are_valid);
    tcase_add_test(cases, test_export_zipkin_has_all_spans_with_parents);
    tcase_add_test(cases, test_export_otlp_and_jaeger_agree_on_spans);
    tcase_add_test(cases, test_export_folded_adds_up);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
