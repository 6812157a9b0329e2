/*
 * A generated database of request flows and the time that the model takes over it.
 *
 *   model-flows FILE.db REQUESTS     makes the database if it does not exist, then runs shapes,
 *                                    context tree and critical paths in one thread, one what-if
 *                                    in another, as two commands do, and prints seconds (making
 *                                    the database is in none) and peak memory
 *
 * Each request has ten calls: a gateway asks a shop, which asks a cache and, one after the
 * other, a database four times (or, in a third of the requests, two services in parallel).
 * Seeded: the same arguments give the same bytes.
 */
#include "model/calling-context-tree.h"
#include "model/shape.h"
#include "model/what-if.h"
#include "store/statement.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static guint64 random_state = 1;

static gint64
draw(gint64 least, gint64 most)
{
    random_state =
        random_state * G_GUINT64_CONSTANT(6364136223846793005) + 1442695040888963407u;
    return least + (gint64) ((random_state >> 33) % (guint64) (most - least + 1));
}

static gboolean
make_services(LampStore *store, GError **error)
{
    return lamp_store_run(
        store,
        "INSERT INTO services (service_id, name) VALUES (1, 'client'), (2, 'gateway'),"
        " (3, 'shop'), (4, 'cache'), (5, 'db'), (6, 'stock'), (7, 'prices');"
        "INSERT INTO instances (instance_id, service_id, name) SELECT service_id, service_id, "
        "name"
        " FROM services;"
        "INSERT INTO strings (string_id, text) VALUES (1, 'http'), (2, 'GET /'), (3, 'GET'),"
        " (4, 'SELECT a'), (5, 'SELECT b'), (6, 'GET /stock'), (7, 'GET /prices');"
        "INSERT OR REPLACE INTO meta VALUES ('ingest.state', 'done'), ('correlate.state', "
        "'done')",
        error);
}

typedef struct {
    LampStatement *call, *link, *root;
    gint64 next_id, root_id;
} Writer;

static gboolean
write_call(Writer *w, const gint64 *places, gint64 start, gint64 end, gint64 parent,
           GError **error)
{
    gint64 id = w->next_id++;
    lamp_statement_bind_int(w->call, 1, id);
    for (int i = 0; i < 3; i++)
        lamp_statement_bind_int(w->call, 2 + i, places[i]);
    lamp_statement_bind_int(w->call, 5, start);
    lamp_statement_bind_int(w->call, 6, start + 20000);
    lamp_statement_bind_int(w->call, 7, end - 20000);
    lamp_statement_bind_int(w->call, 8, end);
    lamp_statement_bind_int_or_null(w->call, 9, parent, 0);
    lamp_statement_bind_int(w->call, 10, w->root_id);
    if (!lamp_statement_run(w->call, error))
        return FALSE;
    if (parent == 0)
        return TRUE;
    lamp_statement_bind_int(w->link, 1, id);
    lamp_statement_bind_int(w->link, 2, parent);
    return lamp_statement_run(w->link, error);
}

/* {caller, callee, operation} */
static const gint64 to_gateway[] = {1, 2, 2}, to_shop[] = {2, 3, 2}, to_cache[] = {3, 4, 3},
                    to_db_a[] = {3, 5, 4}, to_db_b[] = {3, 5, 5}, to_stock[] = {3, 6, 6},
                    to_prices[] = {3, 7, 7}, stock_to_db[] = {6, 5, 4},
                    prices_to_db[] = {7, 5, 5};

static gboolean
write_request(Writer *w, gint64 start, GError **error)
{
    gint64 root = w->root_id = w->next_id, shop = root + 1, t = start + 900000;
    gint64 end = start + 12000000 + draw(0, 3000000);
    gboolean ok = write_call(w, to_gateway, start, end, 0, error) &&
                  write_call(w, to_shop, start + 100000, end - 100000, root, error) &&
                  write_call(w, to_cache, start + 300000, start + 300000 + draw(90000, 200000),
                             shop, error);
    gboolean is_parallel = draw(0, 2) == 0;
    for (gint i = 0; ok && i < (is_parallel ? 3 : 7); i++) {
        gint64 took = draw(500000, 1000000);
        ok = write_call(w, i % 2 == 0 ? to_db_a : to_db_b, t, t + took, shop, error);
        t += took + draw(50000, 300000);
    }
    if (is_parallel) {
        gint64 stock = w->next_id, prices = w->next_id + 1;
        ok = ok && write_call(w, to_stock, t, t + 4000000, shop, error) &&
             write_call(w, to_prices, t + 10000, t + 3000000, shop, error) &&
             write_call(w, stock_to_db, t + 200000, t + 3500000, stock, error) &&
             write_call(w, prices_to_db, t + 210000, t + 2500000, prices, error);
    }
    lamp_statement_bind_int(w->root, 1, root);
    lamp_statement_bind_int(w->root, 2, start);
    lamp_statement_bind_int(w->root, 3, end);
    return ok && lamp_statement_run(w->root, error);
}

static gboolean
make_database(const char *path, guint64 requests, GError **error)
{
    g_autoptr(LampStore) store = lamp_store_open(path, LAMP_STORE_CREATE, error);
    if (store == NULL || !lamp_store_begin(store, error) || !make_services(store, error))
        return FALSE;
    g_autoptr(LampStatement) call = lamp_statement_new(
        store,
        "INSERT INTO calls (call_id, client_instance_id, server_instance_id, operation_id,"
        " client_start_ns, server_start_ns, server_end_ns, client_end_ns, parent_call_id,"
        " trace_id, protocol_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1)",
        error);
    g_autoptr(LampStatement) link = lamp_statement_new(
        store, "INSERT INTO call_links VALUES (?1, ?2, 1, 'synchronous', 'bench', 0.98, NULL)",
        error);
    g_autoptr(LampStatement) root = lamp_statement_new(
        store, "INSERT INTO trace_roots VALUES (?1, ?2, ?3, 10, 0, 4, 0.9, 0)", error);
    Writer writer = {call, link, root, 1, 1};
    gint64 start = G_GINT64_CONSTANT(1700000000) * 1000000000;
    for (guint64 i = 0; i < requests; i++, start += draw(200000, 1800000))
        if (!write_request(&writer, start, error))
            return FALSE;
    return lamp_store_commit(store, error);
}

/* One half of the work, with its own connection: the two run side by side, as two commands on
 * two cores do. */
typedef struct {
    const char *path;
    GError *error;
    LampStore *store;
    LampTopology *topology;
    LampStructure *structure;
    gint64 calls;
    guint shapes, contexts;
    LampWhatifResult *result;
    double seconds;
} Half;

static gboolean
open_half(Half *half)
{
    half->store = lamp_store_open(half->path, LAMP_STORE_READ, &half->error);
    half->topology = half->store == NULL ? NULL : lamp_topology_load(half->store, &half->error);
    half->structure = half->topology == NULL ? NULL
                                             : lamp_structure_learn(half->store, half->topology,
                                                                    NULL, 20000, &half->error);
    return half->structure != NULL;
}

static void
close_half(Half *half)
{
    lamp_structure_free(half->structure);
    lamp_topology_free(half->topology);
    lamp_store_close(half->store);
}

/* Shapes, context tree and critical paths, in one pass. */
static gpointer
model_flows(gpointer payload)
{
    Half *half = payload;
    LampShapeOptions options = {0};
    gint64 begin = g_get_monotonic_time();
    if (!open_half(half))
        return NULL;
    g_autoptr(LampShapes) shapes = lamp_shapes_new(half->topology, half->structure, &options);
    g_autoptr(LampCct) cct = lamp_cct_new(0, LAMP_CCT_SUBMITTER);
    g_autoptr(LampFlowReader) reader =
        lamp_flow_reader_new(half->store, half->topology, NULL, &half->error);
    const LampFlow *flow = NULL;
    while (reader != NULL && lamp_flow_reader_next(reader, &flow, &half->error) &&
           flow != NULL) {
        half->calls += flow->count;
        lamp_shapes_add(shapes, flow);
        lamp_cct_add(cct, flow); /* finds the critical path, too */
    }
    half->shapes = lamp_shapes_count(shapes);
    half->contexts = lamp_cct_count(cct) - 1;
    half->seconds = (double) (g_get_monotonic_time() - begin) / 1e6;
    return NULL;
}

static gpointer
answer_whatif(gpointer payload)
{
    Half *half = payload;
    gint64 begin = g_get_monotonic_time();
    if (!open_half(half))
        return NULL;
    g_autoptr(LampWhatif) whatif =
        lamp_whatif_load(half->store, half->topology, half->structure, NULL, 0, &half->error);
    g_autoptr(LampChange) change = lamp_change_parse("db *0.5", NULL);
    if (whatif != NULL && lamp_change_resolve(change, half->topology, &half->error))
        half->result = lamp_whatif_run(whatif, change, &half->error);
    half->seconds = (double) (g_get_monotonic_time() - begin) / 1e6;
    return NULL;
}

/* Seconds of CPU that the process has used. */
static double
read_cpu(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double) usage.ru_utime.tv_sec + (double) usage.ru_utime.tv_usec / 1e6 +
           (double) usage.ru_stime.tv_sec + (double) usage.ru_stime.tv_usec / 1e6;
}

static void
print_figures(const Half *model, const Half *whatif, double seconds, double cpu)
{
    const LampWhatifRow *all = &g_array_index(whatif->result->rows, LampWhatifRow, 0);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%" G_GUINT64_FORMAT " requests, %" G_GINT64_FORMAT
           " calls, by the clock: shapes, context tree, critical paths %.1f s; beside it one "
           "what-if %.1f s; both %.1f s, with %.1f s of CPU; peak memory %ld MiB\n",
           all->requests, model->calls, model->seconds, whatif->seconds, seconds, cpu,
           usage.ru_maxrss / 1024);
    printf("%u shapes, %u contexts, mean %.3f ms -> %.3f ms\n", model->shapes, model->contexts,
           all->before[LAMP_METRIC_MEAN].value / 1e6, all->after[LAMP_METRIC_MEAN].value / 1e6);
}

static gboolean
run_model(const char *path, GError **error)
{
    Half model = {.path = path}, whatif = {.path = path};
    gint64 begin = g_get_monotonic_time();
    double cpu = read_cpu(); /* making the database does not count */
    GThread *beside = g_thread_new("model", model_flows, &model);
    answer_whatif(&whatif);
    g_thread_join(beside);
    gboolean ok = model.error == NULL && whatif.result != NULL;
    if (ok)
        print_figures(&model, &whatif, (double) (g_get_monotonic_time() - begin) / 1e6,
                      read_cpu() - cpu);
    else
        g_propagate_error(error, model.error != NULL ? model.error : whatif.error);
    lamp_whatif_result_free(whatif.result);
    close_half(&model);
    close_half(&whatif);
    return ok;
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    guint64 requests = argc == 3 ? g_ascii_strtoull(argv[2], NULL, 10) : 0;
    if (requests == 0) {
        fprintf(stderr, "usage: model-flows FILE.db REQUESTS\n");
        return EXIT_FAILURE;
    }
    gboolean ok =
        g_file_test(argv[1], G_FILE_TEST_EXISTS) || make_database(argv[1], requests, &error);
    if (ok && run_model(argv[1], &error))
        return EXIT_SUCCESS;
    fprintf(stderr, "model-flows: %s\n", error != NULL ? error->message : "failed");
    return EXIT_FAILURE;
}
