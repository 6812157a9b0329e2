/*
 * The second stage: from observations to calls, clocks, services, causal links and traces.
 *
 * lamp_correlate() reads what ingest stored and fills `hosts` to `inference_services` of
 * store/schema.sql. All of it happens in one transaction: a run that is killed leaves nothing
 * of itself, and running again replaces the earlier result. The passes are rows of the table in
 * correlate/passes.c, each with the work that it rests on.
 */
#pragma once

#include "base/progress.h"
#include "store/store.h"

typedef enum {
    LAMP_CORRELATE_ERROR_LIMIT,       /* more observations than one run can hold (2^32 - 2) */
    LAMP_CORRELATE_ERROR_INTERRUPTED, /* the user asked for an end; nothing was changed */
} LampCorrelateError;

#define LAMP_CORRELATE_ERROR (lamp_correlate_error_quark())
GQuark lamp_correlate_error_quark(void);

typedef struct {
    double effort;  /* multiplies the sampling of the causal engine; 0 means 1 */
    guint threads;  /* 0 or 1: the calling thread only */
    guint evidence; /* LampEvidence bits of the causal engine; 0 means all */
} LampCorrelateOptions;

/* Runs all passes on @store, opened for writing, whose ingest is done. @options and @progress
 * may be NULL. About linear in observations; about 500 bytes of memory for each. */
gboolean lamp_correlate(LampStore *store, const LampCorrelateOptions *options,
                        const LampProgress *progress, GError **error) G_GNUC_WARN_UNUSED_RESULT;
