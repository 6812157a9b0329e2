/* Calls for tests of the causal engine, seen alike from both ends. */
#pragma once

#include "correlate/inference/inference.h"

/* From @start to @end; a process is a service. */
static inline LampInferenceCall
inference_call(gint64 start, gint64 end, guint32 client, guint32 server, guint32 operation)
{
    return (LampInferenceCall){.client_start_ns = start,
                               .client_end_ns = end,
                               .server_start_ns = start,
                               .server_end_ns = end,
                               .client_process = client,
                               .client_service = client,
                               .server_process = server,
                               .server_service = server,
                               .operation = operation};
}
