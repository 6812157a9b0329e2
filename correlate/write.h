/*
 * Parts of the write pass that tell of the inference: links, traces, what was learnt.
 */
#pragma once

#include "correlate/correlation.h"

gboolean lamp_write_links(LampCorrelation *c, GError **error);

/* FALSE for a call alone in its trace without a begin: it is in no trace. */
gboolean lamp_is_in_trace(LampCorrelation *c, guint32 i);

gboolean lamp_write_trace_roots(LampCorrelation *c, GError **error);
gboolean lamp_write_inference(LampCorrelation *c, GError **error);
