/*
 * A database with what a what-if needs of it, for the tests of replay.
 */
#pragma once

#include "model/what-if.h"
#include "tests/unit/flow-fixture.h"

typedef struct {
    LampStore *store;
    LampTopology *topology;
    LampStructure *structure;
    LampWhatif *whatif;
} Loaded;

static inline void
load_store(Loaded *l)
{
    l->topology = lamp_topology_load(l->store, NULL);
    l->structure = lamp_structure_learn(l->store, l->topology, NULL, 0, NULL);
    l->whatif = lamp_whatif_load(l->store, l->topology, l->structure, NULL, 0, NULL);
    ck_assert_ptr_nonnull(l->whatif);
}

static inline void
load(Loaded *l, const char *const *lines)
{
    l->store = fixture_store(lines);
    load_store(l);
}

static inline void
unload(Loaded *l)
{
    lamp_whatif_free(l->whatif);
    lamp_structure_free(l->structure);
    lamp_topology_free(l->topology);
    lamp_store_close(l->store);
}

/* Mean over all requests in us after @text. */
static inline double
mean_after(Loaded *l, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LampChange) change = lamp_change_parse(text, &error);
    ck_assert_msg(change != NULL, "%s", error != NULL ? error->message : "");
    ck_assert_msg(lamp_change_resolve(change, l->topology, &error), "%s",
                  error != NULL ? error->message : "");
    return lamp_whatif_mean(l->whatif, change) / 1e3;
}

static inline LampWhatifResult *
run_text(Loaded *l, const char *text)
{
    g_autoptr(LampChange) change = lamp_change_parse(text, NULL);
    ck_assert(change != NULL && lamp_change_resolve(change, l->topology, NULL));
    return lamp_whatif_run(l->whatif, change, NULL);
}
