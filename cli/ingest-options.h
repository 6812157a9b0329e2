/*
 * The options that `ingest` and `analyze` share, and their running of the ingest stage.
 */
#pragma once

#include "cli/command.h"
#include "ingest/ingest.h"

extern const GOptionEntry lamp_ingest_option_entries[];

/* Path of the database from -o, or its default. */
const char *lamp_ingest_output(void);

/* Opens the database of -o and ingests @paths into it. The store is the caller's to close. */
LampStore *lamp_ingest_run(LampCli *cli, char **paths, LampIngestCounts *out_counts,
                           GError **error);

/* What was read and which sources need attention, on standard error; with --report every source
 * with samples of what was not understood, on standard output. */
gboolean lamp_ingest_report(LampCli *cli, LampStore *store, const LampIngestCounts *counts,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* LAMP_EXIT_LOSSES if any source of @store is not whole (view source_coverage), of this run or
 * an earlier one; LAMP_EXIT_OK; -1 with @error when nothing at all could be read. */
int lamp_ingest_status(LampStore *store, const LampIngestCounts *counts, GError **error);
