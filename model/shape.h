/*
 * Flow shapes: classes of request flows with the same causal structure.
 *
 * lamp_shapes_new() makes an empty set, lamp_shapes_add() puts a flow into its class,
 * lamp_shapes_rank() orders the classes. Two flows have the same shape if the same calls were
 * made by the same calls, in the same order where one waited for the other and in any order
 * where they ran in parallel; repeats of a call fall into buckets (1, 2, 3-5, 6-10, more). A
 * shape's id depends on texts alone, so it is the same in every database.
 */
#pragma once

#include "model/quantiles.h"
#include "model/structure.h"

typedef struct {
    guint64 id;
    guint64 count, errors; /* flows; of these, flows with an error in the root */
    guint64 calls;         /* calls of all its flows */
    guint64 unanswered;    /* flows whose root had no response: in no duration */
    double confidence;     /* sum over flows of the probability that the tree is right */
    LampQuantiles duration;
    LampFlow *example; /* the first flow of the class */
    GArray *members;   /* LampShapeMember, if kept */
    gboolean is_background;
} LampShape;

typedef struct {
    gint64 trace_id, duration; /* -1 without a response */
} LampShapeMember;

typedef struct {
    gboolean fold;         /* near-equal shapes too: order, repeats do not count */
    gboolean keep_members; /* remember each flow's trace id and duration: 16 bytes each */
} LampShapeOptions;

typedef struct LampShapes LampShapes;

/* @structure is borrowed and must outlive the set. Caller frees. */
LampShapes *lamp_shapes_new(const LampTopology *topology, const LampStructure *structure,
                            const LampShapeOptions *options);
void lamp_shapes_free(LampShapes *shapes);

/* Id of the shape of @flow. O(n log n). */
guint64 lamp_shapes_identify(LampShapes *shapes, const LampFlow *flow);

/* Puts @flow into its class and returns the class's number. */
guint lamp_shapes_add(LampShapes *shapes, const LampFlow *flow);

guint lamp_shapes_count(const LampShapes *shapes);

/* Borrowed until the next add. */
const LampShape *lamp_shapes_get(const LampShapes *shapes, guint number);

typedef enum {
    LAMP_SHAPES_BY_COUNT,
    LAMP_SHAPES_BY_LATENCY,  /* p95 */
    LAMP_SHAPES_BY_COST,     /* total time */
    LAMP_SHAPES_BY_VARIANCE, /* of the duration, times the count */
} LampShapeOrder;

/* Numbers of the classes, best first; caller frees. Ties are broken by id. */
guint *lamp_shapes_rank(const LampShapes *shapes, LampShapeOrder order);

/* Trace whose duration is the nearest to the median of the class (needs keep_members). O(n). */
gint64 lamp_shape_typical(const LampShape *shape);

/* Trace with the longest duration of the class (needs keep_members). O(n). */
gint64 lamp_shape_slowest(const LampShape *shape);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampShapes, lamp_shapes_free)
