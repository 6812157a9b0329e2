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

/* What was read, as text for standard error; a table of the sources that need attention. */
void lamp_ingest_report(LampCli *cli, LampStore *store, const LampIngestCounts *counts);

/* LAMP_EXIT_LOSSES if any source of @store is not whole (view source_coverage), of this run or
 * an earlier one; LAMP_EXIT_OK; -1 with @error when nothing at all could be read. */
int lamp_ingest_status(LampStore *store, const LampIngestCounts *counts, GError **error);
