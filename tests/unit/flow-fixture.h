/*
 * Databases made by hand for the tests of model/: one line of text for each call.
 *
 *   "ID PARENT CLIENT SERVER OPERATION CLIENT_START SERVER_START SERVER_END CLIENT_END
 * [async|oneway]"
 *
 * Times in microseconds, PARENT 0 for a root, "-" for a time that is not known; CLIENT and
 * SERVER are instances, and their service is the name without digits at its end.
 */
#pragma once

#include "base/text.h"
#include "model/flow.h"
#include "store/statement.h"
#include "tests/unit/suite.h"

#include <glib/gstdio.h>
#include <unistd.h>

static inline void
fixture_run(LampStore *store, const char *sql)
{
    g_autoptr(GError) error = NULL;
    ck_assert_msg(lamp_store_run(store, sql, &error), "%s: %s", sql,
                  error != NULL ? error->message : "");
}

static inline char *
fixture_service(const char *instance)
{
    gsize n = strlen(instance);
    while (n > 1 && g_ascii_isdigit(instance[n - 1]))
        n--;
    return g_strndup(instance, n);
}

static inline char *
fixture_time(const char *text)
{
    return g_str_equal(text, "-") ? g_strdup("NULL") : g_strconcat(text, "000", NULL);
}

static inline void
fixture_add_instance(LampStore *store, const char *name)
{
    g_autofree char *service = fixture_service(name);
    g_autofree char *sql = g_strdup_printf(
        "INSERT INTO services (name, is_external) SELECT '%s', '%s' = 'client' WHERE NOT "
        "EXISTS "
        "(SELECT 1 FROM services WHERE name = '%s');"
        "INSERT INTO instances (service_id, name) SELECT service_id, '%s' FROM services "
        "WHERE name = '%s' AND NOT EXISTS (SELECT 1 FROM instances WHERE name = '%s');",
        service, service, service, name, service, name);
    fixture_run(store, sql);
}

static inline void
fixture_add_call(LampStore *store, const char *line)
{
    g_auto(GStrv) w = g_strsplit(line, " ", -1);
    ck_assert_uint_ge(g_strv_length(w), 9);
    g_autofree char *cs = fixture_time(w[5]), *ss = fixture_time(w[6]);
    g_autofree char *se = fixture_time(w[7]), *ce = fixture_time(w[8]);
    fixture_add_instance(store, w[2]);
    fixture_add_instance(store, w[3]);
    g_autofree char *sql = g_strdup_printf(
        "INSERT INTO strings (text) SELECT '%s' WHERE NOT EXISTS (SELECT 1 FROM strings WHERE "
        "text = '%s');"
        "INSERT INTO calls (call_id, client_instance_id, server_instance_id, operation_id, "
        "client_start_ns, server_start_ns, server_end_ns, client_end_ns, parent_call_id, "
        "request_bytes, response_bytes, status, flags) VALUES (%s, (SELECT instance_id FROM "
        "instances "
        "WHERE name = '%s'), (SELECT instance_id FROM instances WHERE name = '%s'), (SELECT "
        "string_id FROM strings WHERE text = '%s'), %s, %s, %s, %s, nullif(%s, 0), 10, 20, "
        "'200', %d);",
        w[4], w[4], w[0], w[2], w[3], w[4], cs, ss, se, ce, w[1],
        g_strcmp0(w[9], "oneway") == 0 ? 4 : 0);
    fixture_run(store, sql);
    if (g_str_equal(w[1], "0"))
        return;
    g_autofree char *link =
        g_strdup_printf("INSERT INTO call_links VALUES (%s, %s, 1, '%s', 'test', 0.9, NULL);",
                        w[0], w[1], w[9] != NULL ? "asynchronous" : "synchronous");
    fixture_run(store, link);
}

/* Fills in traces and roots as correlate does. */
static inline void
fixture_finish(LampStore *store)
{
    fixture_run(
        store,
        "UPDATE calls SET trace_id = (WITH RECURSIVE up(id, parent) AS (SELECT "
        "calls.call_id, calls.parent_call_id UNION SELECT c.call_id, "
        "c.parent_call_id FROM up JOIN calls c ON c.call_id = up.parent) SELECT id FROM "
        "up WHERE parent IS NULL);"
        "INSERT INTO trace_roots (trace_id, start_ns, end_ns, calls, errors, depth, "
        "confidence) SELECT trace_id, min(client_start_ns), max(client_end_ns), count(*), "
        "sum(is_error), 0, 0.8 FROM calls WHERE trace_id IS NOT NULL GROUP BY trace_id;"
        "INSERT OR REPLACE INTO meta VALUES ('ingest.state', 'done'), "
        "('correlate.state', 'done');");
}

/* A store with the calls of @lines (NULL-terminated), in a file that is already unlinked, so it
 * can only be read; @sql changes it before. */
static inline LampStore *
fixture_store_with(const char *const *lines, const char *sql)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("lamp-model-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "test.db", NULL);
    LampStore *store = lamp_store_open(path, LAMP_STORE_CREATE, &error);
    ck_assert_msg(store != NULL, "%s", error != NULL ? error->message : "");
    ck_assert(lamp_store_begin(store, NULL));
    for (; *lines != NULL; lines++)
        fixture_add_call(store, *lines);
    fixture_finish(store);
    fixture_run(store, sql);
    ck_assert(lamp_store_commit(store, NULL));
    g_unlink(path);
    g_rmdir(folder);
    return store;
}

static inline LampStore *
fixture_store(const char *const *lines)
{
    return fixture_store_with(lines, "");
}

/* Three requests, used by several tests. */
static const char *const fixture_shop[] = {
    /* one after the other: cache, then database */
    "1 0 client web1 GET_/ 0 10 990 1000", "2 1 web1 cache GET 100 110 190 200",
    "3 1 web1 db SELECT 300 320 680 700",
    /* in parallel: two databases, the second one slower; an asynchronous tail */
    "11 0 client web1 GET_/both 2000 2010 2990 3000",
    "12 11 web1 db SELECT 2100 2110 2390 2400", "13 11 web1 stock GET 2110 2120 2690 2700",
    "14 11 web1 queue PUSH 2980 2985 3150 3200 async",
    /* the same as the first, faster */
    "21 0 client web2 GET_/ 4000 4010 4490 4500", "22 21 web2 cache GET 4100 4110 4190 4200",
    "23 21 web2 db SELECT 4250 4260 4390 4400", NULL};
