/*
 * From the loose calls of one trace to a flow in preorder with consistent times.
 */
#pragma once

#include "model/flow.h"

/* A call as read: `parent` of the call is not yet an index, see parent_call_id. */
typedef struct {
    LampFlowCall call;
    gint64 parent_call_id; /* 0: none */
} LampFlowCallRow;

/* Memory that is used again for every flow; zeroed to begin with. */
typedef struct {
    GArray *calls; /* LampFlowCall */
    GArray *heads, *nexts, *stack;
    GArray *moved; /* gint64: by how much times at each server were moved */
} LampFlowBuilder;

void lamp_flow_builder_clear(LampFlowBuilder *builder);

/* Builds the flow of @rows (LampFlowCallRow, sorted by call id) whose root has @trace_id.
 * *out_flow borrows from @builder. Returns the number of rows that could not be placed; if the
 * root is missing, that is all of them and out_flow->count is 0. O(n log n). */
guint lamp_flow_build(LampFlowBuilder *builder, const GArray *rows, gint64 trace_id,
                      LampFlow *out_flow);
