/*
 * A format for exporting request flows: one file cli/export/NAME.c with one LampExporter, one
 * row in cli/export/exporters.c.
 *
 * The command calls begin() once, flow() for each request and finish() once; each appends to
 * `out`, which the command writes and empties in between, so memory does not grow with the
 * number of requests. A flow becomes two spans a call: the caller's and the callee's, as far as
 * they were seen. Ids and parents are those of the views `spans` and `traces`.
 */
#pragma once

#include "model/flow.h"

typedef struct {
    GString *out;
    const LampTopology *topology;
    gpointer state; /* of the exporter; freed by its finish() */
    guint64 flows;  /* handed to flow() before this one */
} LampExport;

typedef struct {
    const char *name, *summary;
    void (*begin)(LampExport *to);
    void (*flow)(LampExport *to, const LampFlow *flow);
    void (*finish)(LampExport *to);
} LampExporter;

/* NULL-terminated. */
extern const LampExporter *const lamp_exporters[];

/* One span, as both ends of a call are shown. */
typedef struct {
    const LampFlowCall *call;
    gboolean is_client;
    guint64 id, parent_id; /* parent 0: none */
    guint32 service;       /* whose span it is */
    LampTime start, end;   /* without a response (call->is_open) the end is a lower bound */
} LampExportSpan;

/* Spans of a flow (LampExportSpan), the caller's before the callee's; caller unrefs. */
GArray *lamp_export_spans(const LampExport *to, const LampFlow *flow);

/* Operation of a span; borrowed. */
const char *lamp_export_name(const LampExport *to, const LampExportSpan *span);
