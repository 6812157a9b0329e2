/*
 * Logs that name no time zone, by the logs that name one: lines of both that carry the same
 * identifier were written at about the same time.
 */
#pragma once

#include "ingest/log/occurrences.h"

/* A log as it was read. Events have the numbers from `first_event` to that of the next one. */
typedef struct {
    gint64 source_id, first_event;
    guint64 events, assumed; /* of these, with a time whose zone nothing told */
    gint64 shift_ns;         /* by how much its times are ahead of the others'; found */
    guint64 agreeing, seen;  /* identifiers that say so, and all that other logs have, too */
    gint64 other;            /* place of a log that says so; -1 none */
    gboolean is_sure;        /* FALSE, with a shift: neither log names a zone */
} LampZoneLog;

/* Finds the shifts of @logs (LampZoneLog, in order of their events) from a sample of values. A
 * log is moved if most of at least six identifiers agree on the same number of quarters of an
 * hour. O(sample * log sample). */
void lamp_zone_shifts_find(GArray *logs, const GArray *occurrences);

/* Finds the shifts, moves what is stored of those that are sure (and in @seen) to where it
 * belongs, and writes a finding for each. @counts: findings are added. */
gboolean lamp_zone_shifts_settle(LampStore *store, GArray *logs, LampOccurrences *seen,
                                 guint64 *findings, GError **error) G_GNUC_WARN_UNUSED_RESULT;
