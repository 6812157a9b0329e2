/*
 * What runs of a what-if give, before it is summarised: between model/what-if.c, which runs,
 * and model/what-if-summary.c.
 */
#pragma once

#include "model/what-if.h"

/* Marks of a request. */
enum {
    LAMP_MARK_CUT = 1,          /* a timeout struck */
    LAMP_MARK_ERROR_BEFORE = 2, /* it was answered with an error */
    LAMP_MARK_ERROR_AFTER = 4,  /* it would be */
};

/* Request by request in the order of time, background left out. */
typedef struct {
    GArray *before, *after;         /* gint64 durations */
    GArray *labels;                 /* guint32 */
    GArray *marks;                  /* guint8 */
    GArray *confidences;            /* gfloat: probability that the tree is right */
    GArray *weights;                /* guint32: requests that each stands for */
    guint64 weight;                 /* their sum */
    guint64 unanswered;             /* requests without a response: in none of these */
    guint64 callerless;             /* requests of which no record names the caller */
    guint64 callerless_left;        /* of these, not counted */
    guint32 callerless_service;     /* that the first of them asked */
    gboolean is_callerless_of_many; /* and others asked others */
    LampTouched *touched;           /* by part of the change */
    LampLoadReport report;          /* sums over the batches */
    LampStations stations;          /* as changed */
    gint64 arriving_before;         /* first start to last start, as observed */
    const LampLoadReport *observed; /* of a run without a change; borrowed */
    guint instances_before;
    GArray *served_before,
        *served_after; /* guint64: calls by instance, refused ones left out */
} LampOutcomes;

/* How much later the mean request ends than it did, with its interval. */
LampEstimate lamp_outcomes_gain(const LampOutcomes *outcomes);

/* Adds the calls of @replay that were served, by instance and by the weight of requests. */
void lamp_outcomes_count_served(const LampReplay *replay, GArray *served);

/* LampWhatifPlace of each instance to or from which a change moves load; caller unrefs. */
GArray *lamp_outcomes_places(const LampOutcomes *outcomes, const LampTopology *topology,
                             const LampChange *change);

/* What to know before believing the figures; @result has its rows and places. */
void lamp_outcomes_add_notes(const LampOutcomes *outcomes, const LampTopology *topology,
                             const LampChange *change, LampWhatifResult *result);

/* Caller frees the result. @change may be NULL. */
LampWhatifResult *lamp_outcomes_summarise(const LampOutcomes *outcomes,
                                          const LampTopology *topology,
                                          const LampChange *change);
