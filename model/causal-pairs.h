/* What the traces of a class say of one pair of segment types. Private to causal-model. */
#pragma once

#include "model/causal-model.h"

#define LAMP_CAUSAL_KEPT 128u

/* One trace's outlines of both types, from the begin of the earlier one. */
typedef struct {
    gint64 start[2], end[2];
} LampPairSample;

typedef struct {
    double traces, doubt;  /* sum of weights w, and of 1 - w */
    double before[2];      /* counterexamples to lower before upper, upper before lower */
    double overlap;        /* counterexamples to exclusion */
    double order[2];       /* weight of traces in which lower, upper began first */
    double items;          /* weight of traces with as many items of both, at least two */
    double item_before[2]; /* counterexamples to the pipeline */
    guint64 seen;
    LampPairSample *kept; /* LAMP_CAUSAL_KEPT at most, by reservoir sampling */
} LampCausalPair;

/* All segments of one type in one trace, ascending by start. */
typedef struct {
    const LampSegment *items;
    gsize count;
    gint64 first_start, last_end;
    double confidence; /* least of the items */
} LampSegmentGroup;

/* @a is of the lower type. @clock_error: between the two; 0 on one clock. */
void lamp_causal_pair_add(LampCausalPair *pair, const LampSegmentGroup *a,
                          const LampSegmentGroup *b, gint64 clock_error);

/* Relations of the pair that stand; appended to @out. */
void lamp_causal_pair_judge(const LampCausalPair *pair, guint32 lower, guint32 upper,
                            const LampCausalOptions *options, GArray *out);
