/*
 * Where the segments of a causal model come from: request flows, or log lines tied by an id.
 */
#pragma once

#include "model/causal-model.h"
#include "model/flow.h"

/* Takes @flow: its class is what the root asks of whom, its segments are the calls below the
 * root, each in its context. */
void lamp_causal_add_flow(LampCausalModel *model, const LampTopology *topology,
                          const LampFlow *flow);

/* Takes all log lines that have a value of one of the fields @slots (names with commas between
 * them), grouped by that value: a class is named by a trace's first line, a segment lies
 * between two consecutive lines of one service. */
gboolean lamp_causal_add_logs(LampCausalModel *model, LampStore *store, const char *slots,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Median uncertainty of the clocks that were compared, ns; 0 where there is none. */
gint64 lamp_causal_clock_error(LampStore *store);
