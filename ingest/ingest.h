/*
 * The ingest stage: files to rows.
 *
 * lamp_ingest() finds the files, gives each to the reader that understands it best, and writes
 * what they hold. Each file is one transaction, so a run that was killed keeps the finished
 * files and the next run over the same paths goes on with the others. A file of the same
 * content under another name is recognised and read once; a file that has changed since is read
 * anew.
 */
#pragma once

#include "base/progress.h"
#include "ingest/source.h"
#include "store/store.h"

/* Options above these share the bit of the last one. */
enum { LAMP_INGEST_NOTED_OPTIONS = 64 };

typedef struct {
    const char *const *paths;     /* NULL-terminated */
    const char *format;           /* reader to use for every file, or NULL: by content */
    const char *pattern_path;     /* file with the user's own formats, or NULL */
    const char *filter;           /* capture filter in libpcap's language, or NULL */
    const char *key_log_path;     /* TLS secrets (SSLKEYLOGFILE), or NULL */
    const char *const *host_maps; /* "GLOB=HOST", or NULL */
    const char *const *zones; /* "HOST=ZONE" with ZONE as +HH:MM, or "ZONE" for all; or NULL */
    const char *templates_path;   /* database whose templates are taken over, or NULL */
    gboolean without_templates;   /* messages get none, and what stands in them is no field */
    const LampProgress *progress; /* or NULL */
} LampIngestOptions;

typedef struct {
    guint sources;    /* files and members seen */
    guint unreadable; /* missing, not permitted, damaged */
    guint unknown;    /* no format fits */
    guint empty;      /* of no bytes */
    guint duplicates;
    guint unchanged;                    /* already in the database */
    guint64 bytes;                      /* uncompressed bytes read now */
    guint64 used_host_maps, used_zones; /* bits of the options that fitted a source */
    guint64 records, rejected, findings;
} LampIngestCounts;

/* Errors: LAMP_SOURCE_ERROR_NOTHING, _INTERRUPT; the store's; wrong options. Unreadable files
 * are no error but counted. */
gboolean lamp_ingest(LampStore *store, const LampIngestOptions *options,
                     LampIngestCounts *out_counts, GError **error) G_GNUC_WARN_UNUSED_RESULT;
