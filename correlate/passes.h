/* The passes of the correlate stage in a table. Private to correlate/. */
#pragma once

#include "correlate/correlation.h"

/* One pass: its work, and the work it rests on. */
typedef struct {
    const char *name;
    const char *basis; /* paper or rule */
    gboolean (*run)(LampCorrelation *c, GError **error);
} LampPass;

/* In the order in which they run; ends with a row without name (correlate/passes.c). */
extern const LampPass lamp_passes[];

/* The passes, one file each. */
gboolean lamp_pass_load(LampCorrelation *c, GError **error);
gboolean lamp_pass_fold_keys(LampCorrelation *c, GError **error);
gboolean lamp_pass_writers(LampCorrelation *c, GError **error);
gboolean lamp_pass_hosts(LampCorrelation *c, GError **error);
gboolean lamp_pass_join(LampCorrelation *c, GError **error);
gboolean lamp_pass_merge(LampCorrelation *c, GError **error);
gboolean lamp_pass_clocks(LampCorrelation *c, GError **error);
gboolean lamp_pass_times(LampCorrelation *c, GError **error);
gboolean lamp_pass_logs(LampCorrelation *c, GError **error);
gboolean lamp_pass_sort(LampCorrelation *c, GError **error);
gboolean lamp_pass_services(LampCorrelation *c, GError **error);
gboolean lamp_pass_owners(LampCorrelation *c, GError **error);
gboolean lamp_pass_links(LampCorrelation *c, GError **error);
gboolean lamp_pass_shared_traces(LampCorrelation *c, GError **error);
gboolean lamp_pass_callers(LampCorrelation *c, GError **error);
gboolean lamp_pass_traces(LampCorrelation *c, GError **error);
gboolean lamp_pass_write(LampCorrelation *c, GError **error);
gboolean lamp_pass_flow_spans(LampCorrelation *c, GError **error);

/* Part of the links: gives calls of which only the callee's log tells their times at the
 * caller, and the doubt in their callers (correlate/caller-times.c). Near-linear. */
void lamp_caller_times_fit(LampCorrelation *c, LampInferenceCall *fed);

/* Part of the merge: connections that are one get one `same_as`, their views in one source get
 * numbers, and their observations the addresses of the lowest (correlate/same-connections.c).
 * O(n log n). */
void lamp_join_connections(LampCorrelation *c);

/* Index of the observation with @id, or LAMP_INDEX_NONE; both are in one order, O(log n)
 * (load.c). */
guint32 lamp_find_observation(const LampCorrelation *c, gint64 id);

/* Lets requests that are passed on before they are whole begin with their first byte, and says
 * so in them; O(n log n) (streamed.c). */
void lamp_streamed_find(LampCorrelation *c);
