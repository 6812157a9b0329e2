/*
 * How right is what was inferred, where the truth is known.
 *
 * Two forms of truth: a folder with spans.csv and clocks.csv (a captured system with exact
 * truth: calls are matched by their connection and position), and NAME.truth.csv (imported
 * spans, matched by their ids). The definitions are those of the tracing literature: a link is
 * right if the parent is; a trace is right if every request in it was given exactly its calls.
 */
#pragma once

#include "store/store.h"

/* A protocol's calls in truth and in the store. */
typedef struct {
    char *name;
    guint64 truth, found;
    guint64 links, right; /* links of such calls, and the right ones */
} LampEvalProtocol;

typedef struct {
    guint64 spans_truth, spans_found; /* calls (or spans) in truth, and those that were found */
    guint64 links_truth, links_inferred, links_right;
    guint64 traces_truth, traces_right;
    guint64 ambiguous, ambiguous_right; /* links with a runner-up, and the right ones of them */
    double link_accuracy;               /* right ones of all true links; so also the recall */
    double trace_accuracy;
    double precision, recall;
    double ece;               /* expected calibration error, ten bins */
    double expected_accuracy; /* what the inference says of itself, without truth */
    double top_accuracy;      /* of the most confident 90 % */
    gboolean has_clocks;
    double clock_error_ms_max, drift_error_ppm_max;
    GArray *protocols; /* LampEvalProtocol, by name */
} LampEvalReport;

#define LAMP_EVAL_ERROR (lamp_eval_error_quark())
GQuark lamp_eval_error_quark(void);

typedef enum {
    LAMP_EVAL_ERROR_TRUTH,   /* the truth is not of a form that is known */
    LAMP_EVAL_ERROR_NOTHING, /* nothing of the truth is in the store: no figure means anything
                              */
} LampEvalError;

/* Compares a correlated @store with the truth at @path: a folder (or one that holds `truth/`),
 * or a file. Caller frees. */
LampEvalReport *lamp_eval(LampStore *store, const char *path,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_eval_report_free(LampEvalReport *report);

/* One JSON object, shares from 0 to 1; appended to @out. */
void lamp_eval_report_json(const LampEvalReport *report, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampEvalReport, lamp_eval_report_free)
