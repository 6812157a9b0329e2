/*
 * Causal relations between the segments of requests, mined from many traces by refutation.
 *
 * A segment is a part of a request with a begin and an end: a call in its context, or a log
 * line. lamp_causal_model_new() makes an empty model; lamp_causal_model_type() names segment
 * types of a request class; lamp_causal_model_add() takes the segments of one trace;
 * lamp_causal_model_relations() says what no trace refuted. After Chow et al., The Mystery
 * Machine (OSDI 2014); what differs is told in docs/causal-model.md.
 */
#pragma once

#include <glib.h>

/* Types of one class beyond these are left out and counted. */
#define LAMP_CAUSAL_TYPES 96u
#define LAMP_CAUSAL_NO_PARENT G_MAXUINT32

#define LAMP_CAUSAL_LEAST_TRACES 30u

typedef struct {
    guint32 type;
    gint64 start, end; /* ns */
    double confidence; /* that it belongs to this trace */
    guint32 clock;     /* segments of one clock have no clock error between them */
} LampSegment;

typedef enum {
    LAMP_RELATION_BEFORE,    /* first ends before second begins, always */
    LAMP_RELATION_EXCLUSIVE, /* never at one time, in either order */
    LAMP_RELATION_PIPELINE,  /* n-th first ends before n-th second begins; items overlap */
} LampRelationKind;

typedef struct {
    LampRelationKind kind;
    guint32 first, second;
    double traces;       /* weight of the traces that have both */
    double counter;      /* weight of counterexamples */
    double allowed;      /* that wrong links may cause */
    double chance;       /* share of traces that would refute it with durations shuffled */
    gboolean is_proven;  /* chance is enough: the order could have been seen broken */
    gboolean is_implied; /* follows from other proven relations */
} LampRelation;

typedef struct {
    char *name;
    guint32 parent; /* type whose segment encloses it, or LAMP_CAUSAL_NO_PARENT */
    guint64 traces; /* that have it */
    guint64 occurrences;
    double duration_sum; /* ns */
} LampSegmentType;

typedef struct {
    double error_rate;   /* counterexamples that are forgiven at least; 0 means 0.01 */
    double least_traces; /* 0 means LAMP_CAUSAL_LEAST_TRACES */
    double least_chance; /* 0 means 0.05 */
    gint64 clock_error;  /* ns, standard deviation between two clocks */
} LampCausalOptions;

typedef struct LampCausalModel LampCausalModel;

/* Caller frees. @options may be NULL. */
LampCausalModel *lamp_causal_model_new(const LampCausalOptions *options);
void lamp_causal_model_free(LampCausalModel *model);

/* Number of the request class @name. O(1) expected. */
guint lamp_causal_model_class(LampCausalModel *model, const char *name);

/* Number of the segment type (@parent, @name) in the class; LAMP_CAUSAL_NO_PARENT where the
 * class is full. O(1) expected. */
guint32 lamp_causal_model_type(LampCausalModel *model, guint class_number, guint32 parent,
                               const char *name);

/* Takes one trace; @segments are sorted in place. O(n log n + types present squared). */
void lamp_causal_model_add(LampCausalModel *model, guint class_number, LampSegment *segments,
                           gsize count);

guint lamp_causal_model_classes(const LampCausalModel *model);
const char *lamp_causal_model_class_name(const LampCausalModel *model, guint class_number);
guint64 lamp_causal_model_traces(const LampCausalModel *model, guint class_number);
guint64 lamp_causal_model_left_out(const LampCausalModel *model, guint class_number);
guint lamp_causal_model_types(const LampCausalModel *model, guint class_number);
const LampSegmentType *lamp_causal_model_segment(const LampCausalModel *model,
                                                 guint class_number, guint32 type);

/* Relations that were not refuted: array of LampRelation by (kind, first, second). Caller
 * frees. O(types^3 / 64). */
GArray *lamp_causal_model_relations(const LampCausalModel *model, guint class_number);

/* The most of @traces that wrong links of rate @error make counterexamples, at 99 %. */
double lamp_causal_allowed(double traces, double error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampCausalModel, lamp_causal_model_free)
