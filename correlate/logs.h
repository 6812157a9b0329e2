/*
 * What the parts of the logs pass share.
 */
#pragma once

#include "correlate/correlation.h"

/* Operations and path values of observations, made comparable between logs and captures. */
typedef struct LampTexts LampTexts;

/* Reads path values and request ids of all observations. Caller frees. */
LampTexts *lamp_texts_new(LampCorrelation *c, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_texts_free(LampTexts *texts);

/* A hash of the path values of an observation; 0 where it has none. */
guint64 lamp_texts_path(const LampTexts *texts, guint32 observation);

/* Does each of the two observations carry a request id, and not the same? */
gboolean lamp_texts_ids_differ(const LampTexts *texts, guint32 a, guint32 b);

/* Can the two string ids be the same operation? Unknown ones can; `Recommend` can be
 * `/shop.Reco/Recommend`. */
gboolean lamp_texts_same_operation(const LampTexts *texts, guint32 a, guint32 b);

/* Finds by its records whose log it is where neither its lines nor its path say so
 * (correlate/log-homes.c). */
void lamp_log_homes_find(LampCorrelation *c, const LampTexts *texts);

/* A log's records and the calls that they may tell of, to find the log's time zone. */
typedef struct {
    const gint64 *times; /* of the records on the reference clock, in order */
    guint32 n;
    gint64 first_call, last_call;
    /* Does record @i meet a call when it is moved @shift_ns back? */
    gboolean (*meets)(gpointer user, guint32 i, gint64 shift_ns);
    gpointer user;
} LampZoneSearch;

/* Fills @shifts: by how much each record's time is ahead of the calls' for its zone, whole
 * quarters of an hour (correlate/log-zones.c). */
void lamp_zone_shifts(const LampZoneSearch *search, gint64 *shifts);

/* Makes calls of the log records @lines (guint32, observations) that no capture shows; the
 * record of a caller and that of its callee become one call. */
gboolean lamp_calls_from_logs(LampCorrelation *c, const LampTexts *texts, const GArray *lines,
                              GError **error);

/* Moves the records @lines, whose partners are known, within the resolution of their stamps to
 * where their partners' times are (correlate/log-stamps.c). */
gboolean lamp_log_stamps_settle(LampCorrelation *c, const GArray *lines, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampTexts, lamp_texts_free)
