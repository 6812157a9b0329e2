/*
 * A finding: something wrong, odd or cut in the input. Findings are stored, counted and shown;
 * the run goes on. `code` is a stable dotted name whose first part is the reader or layer.
 */
#pragma once

#include <glib.h>

typedef enum {
    LAMP_FINDING_TRUNCATED,  /* the input ends inside a unit */
    LAMP_FINDING_INVALID,    /* the bytes contradict the format */
    LAMP_FINDING_LIMIT,      /* a cap of base/limits.h was reached */
    LAMP_FINDING_LOSS,       /* the capture or log lacks something that must have been there */
    LAMP_FINDING_UNKNOWN,    /* well formed, but of a kind that is not understood */
    LAMP_FINDING_UNREADABLE, /* the file system or a decompressor refused */
    LAMP_FINDING_NOTE,       /* nothing is missing; what was made of something ambiguous */
} LampFindingKind;

typedef struct {
    LampFindingKind kind;
    const char *code;      /* static text, for example "pcap.record-length" */
    guint64 offset;        /* in the uncompressed content */
    guint64 record_number; /* line or packet from 1; 0 if unknown */
    const char *text;      /* what is wrong and what was done; borrowed */
} LampFinding;
