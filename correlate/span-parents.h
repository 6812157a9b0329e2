/*
 * Imported spans whose parents the input tells (`span_parents`).
 */
#pragma once

#include "correlate/correlation.h"

/* A span whose parent the input tells; in the order of observation ids. */
typedef struct {
    gint64 observation;
    guint32 index;  /* of the observation, while there are observations */
    guint32 parent; /* in `told`, NONE: none, or not in the input */
    guint32 shared; /* the client's span that has the same id, or NONE */
} LampToldParent;

/* Reads them into LampCorrelation.told, joins the ends of their calls (`partners`) and names
 * the callers that they tell. */
gboolean lamp_read_told_parents(LampCorrelation *c, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Does the input tell the place of the span with this observation id? O(log n). */
gboolean lamp_is_told(const LampCorrelation *c, gint64 observation);

/* Gives the calls of told spans their parents, or none. */
gboolean lamp_pass_told(LampCorrelation *c, GError **error);
