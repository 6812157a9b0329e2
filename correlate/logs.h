/*
 * What the parts of the logs pass share.
 */
#pragma once

#include "correlate/correlation.h"

/* Operations and path values of observations, made comparable between logs and captures. */
typedef struct LampTexts LampTexts;

/* A value that may name a request, as one observation bears it. */
typedef struct {
    guint64 value;             /* hash */
    guint32 observation, name; /* index; string id of the field */
} LampIdUse;

/* Two observations of which the coarser one's stamp is told by the other's. */
typedef struct {
    guint32 one, other;
} LampStampTie;

/* Reads path values and request ids of all observations. Caller frees. */
LampTexts *lamp_texts_new(LampCorrelation *c, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_texts_free(LampTexts *texts);

/* A hash of the path values of an observation; 0 where it has none. */
guint64 lamp_texts_path(const LampTexts *texts, guint32 observation);

/* Does each of the two observations carry a request id, and not the same? */
gboolean lamp_texts_ids_differ(const LampTexts *texts, guint32 a, guint32 b);

/* LampIdUse of values that several observations bear, by value, then by observation. Borrowed.
 */
const GArray *lamp_texts_uses(const LampTexts *texts);

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

/* Moves the coarser records of @ties (LampStampTie) within the resolution of their stamps to
 * where the finer ones' times are (correlate/log-stamps.c). */
gboolean lamp_log_stamps_settle(LampCorrelation *c, const GArray *ties, GError **error);

/* Finds clocks and time zones of logs that no capture shows, from the values that the records
 * @lines share (correlate/shared-clocks.c). */
void lamp_shared_clocks_align(LampCorrelation *c, const LampTexts *texts, const GArray *lines);

/* Finds clocks of logs that name callers whose clocks are known, from the requests that the
 * calls must have been made for (correlate/nested-clocks.c). */
void lamp_nested_clocks_align(LampCorrelation *c, const GArray *lines);

/* Names the callers of calls of which only the callee's record is there, from the values that
 * they share with calls around them (correlate/log-callers.c). */
gboolean lamp_log_callers_find(LampCorrelation *c, const LampTexts *texts, GError **error);

/* Names the callers of calls that name none and share nothing, by the times at which they were
 * made (correlate/nested-callers.c). */
void lamp_nested_callers_find(LampCorrelation *c);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampTexts, lamp_texts_free)
