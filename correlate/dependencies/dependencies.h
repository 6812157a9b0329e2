/*
 * Which service depends on which, from flow records or connections alone.
 *
 * lamp_dependencies_find() reads, fits and judges; lamp_dependencies_write() keeps the rows in
 * the table `dependencies`. A row says what was measured and ends in a verdict, of which
 * "cannot tell" is one.
 */
#pragma once

#include "correlate/dependencies/biflows.h"

typedef enum {
    LAMP_VERDICT_CANNOT_TELL,
    LAMP_VERDICT_DEPENDENT,
    LAMP_VERDICT_INDEPENDENT,
} LampVerdict;

typedef struct {
    char *caller, *callee;        /* parties by name */
    guint64 caller_flows;         /* flows that the caller served on the hosts that call */
    guint64 flows;                /* flows from those hosts to the callee */
    double bytes;                 /* of these, both directions */
    double packets_per_flow;      /* median */
    gint64 flow_duration;         /* median, ns */
    double nested, nested_chance; /* share of flows inside a caller's flow; same, shifted */
    guint64 unique_links;         /* flows inside exactly one */
    double share, share_low, share_high;
    double per_request, per_request_low, per_request_high;
    double attributed_bytes; /* share of the bytes */
    gint64 lag;              /* ns; -1 unknown */
    double p, q;             /* of the best test, and after Benjamini-Hochberg; 1 untested */
    const char *method;      /* `opener`, `starts`, `nested`, `volume` or `none` */
    LampVerdict verdict;
    char *reason;
} LampDependency;

typedef struct {
    GPtrArray *rows; /* LampDependency* by caller, callee */
    guint64 records, ignored, flows;
    guint64 blocked;    /* of the ignored: not let through by a firewall */
    guint64 unanswered; /* of the flows: never established, and no sign of a dependence */
    gint64 duration, resolution;
    gboolean are_records, is_sampled;
} LampDependencies;

/* Caller frees. About 200 fits for each pair that can be tested, each linear in its flows. */
LampDependencies *lamp_dependencies_find(LampStore *store,
                                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_dependencies_free(LampDependencies *dependencies);

/* Replaces the rows of the table; begins and ends its own transaction. */
gboolean lamp_dependencies_write(LampStore *store, const LampDependencies *dependencies,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;

const char *lamp_verdict_name(LampVerdict verdict);

/* How found pairs compare with true ones. */
typedef struct {
    guint true_pairs;                 /* caller and callee of the truth's calls */
    guint seen, seen_right;           /* rows, and those in the truth */
    guint dependent, dependent_right; /* rows judged dependent */
    guint driven, driven_found;       /* pairs of the truth in which a served request made the
                                         call; of these, judged dependent by a test */
    guint independent, independent_right;
    guint cannot_tell;
} LampDependencyScore;

/* Compares with spans.csv of a captured system in @folder. */
gboolean lamp_dependencies_score(LampStore *store, const LampDependencies *dependencies,
                                 const char *folder, LampDependencyScore *out_score,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampDependencies, lamp_dependencies_free)
