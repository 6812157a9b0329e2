/*
 * Reads a truth file: CSV with a header line (RFC 4180), whole in memory.
 */
#pragma once

#include "base/bytes.h"

typedef struct LampCsv LampCsv;

/* Reads @path. Caller frees. G_FILE_ERROR where it cannot be read. */
LampCsv *lamp_csv_read(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_csv_free(LampCsv *csv);

/* Next record; FALSE at the end. Fields are valid until the next call. */
gboolean lamp_csv_next(LampCsv *csv);

/* Number of the column @name, or -1. */
gint lamp_csv_column(const LampCsv *csv, const char *name);

/* Field of the current record; empty where the record is short or @column is -1. */
const char *lamp_csv_field(const LampCsv *csv, gint column);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampCsv, lamp_csv_free)
