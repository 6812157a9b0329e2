/*
 * The files to read: a walk over the paths that the user gave.
 */
#pragma once

#include "base/time.h"

#define LAMP_SOURCE_ERROR (lamp_source_error_quark())
GQuark lamp_source_error_quark(void);

typedef enum {
    LAMP_SOURCE_ERROR_OPEN,      /* missing, or not permitted */
    LAMP_SOURCE_ERROR_READ,      /* the file system refused in the middle */
    LAMP_SOURCE_ERROR_DAMAGED,   /* compressed content is cut or damaged */
    LAMP_SOURCE_ERROR_BOMB,      /* decompressed content is absurdly large */
    LAMP_SOURCE_ERROR_INTERRUPT, /* the user asked for an end */
    LAMP_SOURCE_ERROR_NOTHING,   /* no file at all below the paths */
    LAMP_SOURCE_ERROR_OPTION,    /* a format, zone or host pattern that cannot be */
} LampSourceError;

typedef struct {
    char *path;   /* where it is, and as shown; "-" is standard input */
    guint64 size; /* bytes on disk */
    LampTime modified;
    char *failure; /* why it cannot be read, or NULL; found already by the walk */
} LampSource;

/*
 * Files below @paths (NULL-terminated; files, folders, or "-"), sorted by path, each once,
 * rotated files of one log from the oldest to the newest (rotation.h). Folders are walked to
 * LAMP_LIMIT_DIRECTORY_DEPTH; symbolic links to files are followed, links to folders are not.
 * What cannot be read is in the list too, with `failure` set, and so is a database of lamplight
 * that is named; below folders they (and their journals) are left out. Caller frees the array,
 * which frees the sources. O(n log n).
 */
GPtrArray *lamp_sources_find(const char *const *paths);
