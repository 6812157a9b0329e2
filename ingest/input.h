/*
 * The bytes of one file: plain, compressed (gzip, xz, zstd, bzip2, lz4, …) or an archive (tar,
 * zip) whose members are read one after the other. libarchive decides by content.
 *
 * Life: lamp_input_open(), then for each member lamp_input_next() and lamp_input_read() until
 * it gives 0, then lamp_input_close(). A plain file is one member.
 */
#pragma once

#include "base/bytes.h"
#include "ingest/source.h"

typedef struct LampInput LampInput;

/* Opens @path ("-": standard input). Caller closes. */
LampInput *lamp_input_open(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_input_close(LampInput *input);

/* Steps to the next member; *out_name is its name inside an archive, or NULL for the file
 * itself; valid until the next call. FALSE without @error: no more members. */
gboolean lamp_input_next(LampInput *input, const char **out_name, GError **error);

/* Up to @size bytes of the member, as many as there are; 0 at its end; -1 with @error. After an
 * error the bytes read before it remain valid input. */
gssize lamp_input_read(LampInput *input, guint8 *buffer, gsize size, GError **error);

/* Bytes of the file on disk consumed so far, for progress. */
guint64 lamp_input_consumed(const LampInput *input);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampInput, lamp_input_close)
