/*
 * Runs the passes of the correlate stage in one transaction.
 *
 * In: a store whose ingest is done. Out: the tables from `hosts` on. Earlier results are
 * deleted in the same transaction, which marks the stage, too, so a run that is killed leaves
 * the database as it was: with the earlier results, or waiting for correlate.
 */
#include "correlate/passes.h"
#include "correlate/span-parents.h"

G_DEFINE_QUARK(lamp - correlate - error - quark, lamp_correlate_error)

#define STAGE "correlate"

static void
clear_source(gpointer data)
{
    g_free(((LampSource *) data)->label);
    g_free(((LampSource *) data)->program);
    g_free(((LampSource *) data)->machine);
    g_free(((LampSource *) data)->path);
}

static void
clear_host(gpointer data)
{
    LampHost *host = data;
    g_free(host->name);
    g_clear_pointer(&host->parts, g_array_unref);
}

static void
clear_place(gpointer data)
{
    g_free(((LampPlace *) data)->address);
}

static void
clear_service(gpointer data)
{
    g_free(((LampService *) data)->name);
}

static void
clear_instance(gpointer data)
{
    g_free(((LampInstance *) data)->name);
}

static GArray *
array_of(gsize size, GDestroyNotify clear)
{
    GArray *array = g_array_new(FALSE, TRUE, (guint) size);
    if (clear != NULL)
        g_array_set_clear_func(array, clear);
    return array;
}

static void
begin(LampCorrelation *c, LampStore *store, const LampCorrelateOptions *options)
{
    *c = (LampCorrelation){
        .store = store,
        .options = options != NULL ? *options : (LampCorrelateOptions){0},
        .sources = array_of(sizeof(LampSource), clear_source),
        .hosts = array_of(sizeof(LampHost), clear_host),
        .places = array_of(sizeof(LampPlace), clear_place),
        .connections = array_of(sizeof(LampConnection), NULL),
        .observations = array_of(sizeof(LampObservation), NULL),
        .partners = array_of(sizeof(guint32), NULL),
        .told = array_of(sizeof(LampToldParent), NULL),
        .members = array_of(sizeof(guint32), NULL),
        .evidence = array_of(sizeof(LampEvidenceLine), NULL),
        .calls = array_of(sizeof(LampCall), NULL),
        .services = array_of(sizeof(LampService), clear_service),
        .instances = array_of(sizeof(LampInstance), clear_instance),
    };
}

static void
end(LampCorrelation *c)
{
    GArray *arrays[] = {c->sources,      c->hosts,    c->places,   c->connections,
                        c->observations, c->partners, c->told,     c->members,
                        c->evidence,     c->calls,    c->services, c->instances};
    for (guint i = 0; i < G_N_ELEMENTS(arrays); i++)
        g_array_unref(arrays[i]);
    if (c->log_operations != NULL)
        g_array_unref(c->log_operations);
    lamp_inference_free(c->inference);
}

static gboolean
run_passes(LampCorrelation *c, const LampProgress *progress, GError **error)
{
    guint steps = 0;
    while (lamp_passes[steps].name != NULL)
        steps++;
    for (guint i = 0; i < steps; i++) {
        lamp_progress_update(progress, lamp_passes[i].name, i, steps, "passes");
        if (lamp_interrupt_requested()) {
            g_set_error(error, LAMP_CORRELATE_ERROR, LAMP_CORRELATE_ERROR_INTERRUPTED,
                        "interrupted: what was read is kept; run `lamplight correlate %s`",
                        lamp_store_path(c->store));
            return FALSE;
        }
        gint64 start = g_get_monotonic_time();
        if (!lamp_passes[i].run(c, error))
            return FALSE;
        g_debug("pass %s: %.3f s", lamp_passes[i].name,
                (double) (g_get_monotonic_time() - start) / 1e6);
    }
    return TRUE;
}

gboolean
lamp_correlate(LampStore *store, const LampCorrelateOptions *options,
               const LampProgress *progress, GError **error)
{
    if (!lamp_store_stage_require(store, "ingest", error) || !lamp_store_begin(store, error))
        return FALSE;
    LampCorrelation correlation;
    begin(&correlation, store, options);
    gboolean is_ok = lamp_store_stage_begin(store, STAGE, error) &&
                     run_passes(&correlation, progress, error) &&
                     lamp_store_stage_end(store, STAGE, error);
    end(&correlation);
    if (!is_ok) {
        lamp_store_rollback(store);
        return FALSE;
    }
    return lamp_store_commit(store, error);
}
