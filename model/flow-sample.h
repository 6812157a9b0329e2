/*
 * Taking a part of the flows, and by how much what is taken counts.
 *
 * Every flow and call that is handed on has a weight, the inverse of the chance with which it
 * was taken, so weighted counts and sums estimate those of all flows without bias.
 */
#pragma once

#include "model/flow.h"

typedef struct LampFlowSampler LampFlowSampler;

/* Caller frees. @filter is copied. */
LampFlowSampler *lamp_flow_sampler_new(const LampFlowFilter *filter);
void lamp_flow_sampler_free(LampFlowSampler *sampler);

/* May the flow be taken, as far as its id tells? Others need not be read. */
gboolean lamp_flow_sampler_may_take(const LampFlowSampler *sampler, gint64 trace_id);

/* Sets the weights of @flow and its calls; FALSE if it is not taken. Flows must come in the
 * order of the reader. */
gboolean lamp_flow_sampler_take(LampFlowSampler *sampler, LampFlow *flow);
