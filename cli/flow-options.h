/*
 * What the commands over request flows share: options that choose the flows, one loop over
 * them, and the texts for labels and durations.
 */
#pragma once

#include "cli/command.h"
#include "model/flow.h"
#include "model/quantiles.h"
#include "model/structure.h"

/* The chosen flows; set by the option parser. */
extern LampFlowFilter lamp_flow_filter;
extern char *lamp_flow_sample_by; /* text of --sample-by */

/* Rows for a command's table of options. */
#define LAMP_FLOW_OPTIONS                                                                  \
    {"service",                                                                            \
     0,                                                                                    \
     0,                                                                                    \
     G_OPTION_ARG_STRING,                                                                  \
     (gpointer) &lamp_flow_filter.service,                                                 \
     "only requests with a call to this service, instance or protocol (A|B: any), with "   \
     "their other calls, too",                                                             \
     "NAME"},                                                                              \
        {"root",                                                                           \
         0,                                                                                \
         0,                                                                                \
         G_OPTION_ARG_STRING,                                                              \
         (gpointer) &lamp_flow_filter.root,                                                \
         "only requests whose first call goes there",                                      \
         "NAME"},                                                                          \
        {"operation",                                                                      \
         0,                                                                                \
         0,                                                                                \
         G_OPTION_ARG_STRING,                                                              \
         (gpointer) &lamp_flow_filter.operation,                                           \
         "only requests whose first operation contains TEXT",                              \
         "TEXT"},                                                                          \
        {"errors",                                                                         \
         0,                                                                                \
         0,                                                                                \
         G_OPTION_ARG_NONE,                                                                \
         &lamp_flow_filter.only_errors,                                                    \
         "only requests that were answered with an error",                                 \
         NULL},                                                                            \
        {"errors-inside",                                                                  \
         0,                                                                                \
         0,                                                                                \
         G_OPTION_ARG_NONE,                                                                \
         &lamp_flow_filter.errors_inside,                                                  \
         "only requests in which some call was, even if they recovered from it",           \
         NULL},                                                                            \
        {"no-background",                                                                  \
         0,                                                                                \
         0,                                                                                \
         G_OPTION_ARG_NONE,                                                                \
         &lamp_flow_filter.skip_background,                                                \
         "leave out what began inside the system (timers, polls, health checks)",          \
         NULL},                                                                            \
        {"sample",                                                                         \
         0,                                                                                \
         0,                                                                                \
         G_OPTION_ARG_INT,                                                                 \
         &lamp_flow_filter.sample_one_in,                                                  \
         "take about one request in N, by a hash of its id; counts are estimates for all", \
         "N"},                                                                             \
        {"sample-by",                                                                      \
         0,                                                                                \
         0,                                                                                \
         G_OPTION_ARG_STRING,                                                              \
         &lamp_flow_sample_by,                                                             \
         "with --sample: request (default), tail (all that are slow, failed or rare, and " \
         "one in N of the others), call (each by itself)",                                 \
         "WHAT"},                                                                          \
    {                                                                                      \
        "sample-seed", 0, 0, G_OPTION_ARG_INT64, &lamp_flow_filter.sample_seed,            \
            "with --sample: another one", "SEED"                                           \
    }

/* Row for a command's table of ranges. */
#define LAMP_FLOW_RANGES                                                                    \
    {                                                                                       \
        "sample", (const int *) (gconstpointer) &lamp_flow_filter.sample_one_in, NULL, 0.0, \
            1e9                                                                             \
    }

/* Topology and learnt structure of the database of @cli. */
typedef struct {
    LampTopology *topology;
    LampStructure *structure;
} LampModelView;

gboolean lamp_model_view_open(LampCli *cli, LampModelView *out_view,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_model_view_clear(LampModelView *view);

/* What the last lamp_flow_each() handed out. */
typedef struct {
    guint64 requests, background, calls; /* by weight */
    guint64 unanswered;                  /* of these calls, without a response */
    guint64 read;                        /* flows */
} LampFlowCounts;
extern LampFlowCounts lamp_flow_counts;

/* Appends "110 requests and 15 background activities, 791 calls" of the last lamp_flow_each(),
 * how many of these had no response and so no duration, and, where the view `totals` has any,
 * how many calls are left out and why. */
void lamp_flow_counts_append(LampStore *store, GString *out);

/* Leaves the first @most of @rows (0: all); returns how many there were. */
guint lamp_top_cut(GArray *rows, int most);

/* " 10 of 84 lines are shown." where that is so, for lamp_top_cut()'s answer. */
void lamp_top_append(const GArray *rows, guint all, GString *out);

/* The latter two alone, as sentences with a blank before each. */
void lamp_left_out_append(LampStore *store, GString *out);

/* " 12 calls without a response are in no duration." where @calls is not 0. */
void lamp_unanswered_append(guint64 calls, GString *out);

/* Calls @each for all flows that pass @filter, until it returns FALSE. That there is none is an
 * error (lamp_set_no_flows_error()). */
gboolean lamp_flow_each(LampStore *store, LampTopology *topology, const LampFlowFilter *filter,
                        gboolean (*each)(const LampFlow *flow, gpointer payload),
                        gpointer payload, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* "catalog GET /items/{}", escaped; caller frees. */
char *lamp_label_format(const LampTopology *topology, guint32 label);

/* "12.34 ms", always in a unit that fits; caller frees. */
char *lamp_ms_format(double ns);

/* The same of a quantile, "-" where nothing was counted; caller frees. */
char *lamp_quantile_format(const LampQuantiles *sketch, double q);

/* As lamp_json_append_ns(), null where nothing was counted. */
void lamp_json_append_quantile(GString *out, const char *key, const LampQuantiles *sketch,
                               double q);

void lamp_json_append_mean(GString *out, const char *key, const LampQuantiles *sketch);

/* "97 %", "99.8 %"; caller frees. */
char *lamp_share_format(double share);

/* LAMP_CLI_ERROR_INPUT: the database has no flow, or none that passes the options. */
void lamp_set_no_flows_error(GError **error);

/* Sets the view of the chosen flows to "submitter" (also for NULL) or "trigger"; others are an
 * error. */
gboolean lamp_flow_view_choose(const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* FALSE with LAMP_CLI_ERROR_USAGE if the sample was asked for in a way beyond @most: commands
 * that look at whole requests take no single calls, those that test requests no weights. */
gboolean lamp_flow_sample_check(LampSampleBy most, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* FALSE with LAMP_CLI_ERROR_USAGE if --service or --root names nothing in @store, which may be
 * NULL.
 */
gboolean lamp_flow_filter_check(LampStore *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LampModelView, lamp_model_view_clear)
