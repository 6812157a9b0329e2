/* columns.h — where steps and requests bear values, and which of them they share
 *
 * A column is a kind of step with a place that its values are seen in (a header, a field, the
 * thread) and such a place of requests, where some step shares a value with a candidate. */
#ifndef LAMP_CORRELATE_INFERENCE_COLUMNS_H
#define LAMP_CORRELATE_INFERENCE_COLUMNS_H

#include "base/keyed-map.h"
#include "correlate/inference/values.h"

typedef enum { LAMP_MATCH, LAMP_MISMATCH, LAMP_ABSENT } LampOutcome;

/* A candidate edge whose request has values in the column. */
typedef struct {
    guint32 edge;
    float chance; /* c */
    float any;    /* that a request shares any of the step's values */
    LampOutcome outcome;
} LampSighting;

typedef struct {
    guint32 step_kind, slot, request_slot;
    double promise;     /* nats that the matches would be worth at most */
    GArray *sightings;  /* LampSighting, by edge */
    double *p, *absent; /* per kind of request */
    double lift, all_absent;
    double gain; /* nats, more than by chance */
} LampColumn;

typedef struct {
    const LampField *field;
    const LampInferenceInput *input;
    LampColumns columns;
    const float *shares;
    LampKeyedMap *bearers; /* (process, slot, hash), and (process, slot) for all */
    GArray *found;         /* LampColumn, by step kind */
    guint32 *first;        /* per step kind: in `found` */
    guint32 *step_of;      /* per candidate edge */
    const guint32 *other;  /* per step: the step whose values it is given; NULL: its own */
} LampColumnTable;

/* Finds the columns, at most 16 for a kind of step: those with the most and rarest matches. The
 * field, input and shares are borrowed. */
void lamp_columns_open(LampColumnTable *out, const LampField *field,
                       const LampInferenceInput *input, LampColumns columns,
                       const float *shares);
void lamp_columns_close(LampColumnTable *self);

/* Fills in the sightings of all columns, where each step bears what the step `other` of it does
 * (NULL: what it bears itself). */
void lamp_columns_see(LampColumnTable *self, const guint32 *other);

#endif
