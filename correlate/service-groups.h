/*
 * Instances of services before they have their names, and which of them are one service.
 */
#pragma once

#include "correlate/works.h"

/* What may become an instance. */
typedef struct {
    guint32 host; /* or LAMP_INDEX_NONE */
    guint16 port;
    guint32 name; /* spans: text of the process; else 0 */
    guint32 protocol;
    guint64 protocol_calls;
    LampWork *work;      /* NULL for one that only calls */
    char *stem;          /* name without its number */
    const char *program; /* logs: as their records name it; NULL: none, or several */
    gboolean has_program;
    gboolean is_bare;   /* named by its address only */
    gboolean is_behind; /* known only from a log of its own host's proxy, as whom it calls */
} LampCandidate;

/* Candidates that are one service. */
typedef struct {
    const LampCandidate *first;
    LampWork *work;    /* of all; NULL for those that only call */
    GArray *members;   /* guint32 */
    gboolean is_alone; /* no other has several instances and is named like it */
} LampServiceGroup;

/* What the candidate is called: its program, its process, its host. Borrowed. */
const char *lamp_candidate_name(LampCorrelation *c, const LampCandidate *candidate);

/* @candidates (LampCandidate *) parted into services (LampServiceGroup), in the order of their
 * names. Caller unrefs. */
GArray *lamp_service_groups(LampCorrelation *c, const GPtrArray *candidates);
