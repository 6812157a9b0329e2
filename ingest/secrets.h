/*
 * The key logs of a run. Private to the ingest stage.
 */
#pragma once

#include "ingest/run.h"

/* Reads the secrets of the key log that the user named, and of the key logs among @sources
 * (plain files, known by their first line), before any capture is read: so it does not matter
 * where in the input they are. FALSE where the named file cannot be read or holds none. */
gboolean lamp_secrets_find(LampIngestRun *run, GPtrArray *sources,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
