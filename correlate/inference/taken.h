/* taken.h — which scripts took something out of a queue, and who had put it in? */
#ifndef LAMP_CORRELATE_INFERENCE_TAKEN_H
#define LAMP_CORRELATE_INFERENCE_TAKEN_H

#include "correlate/inference/inference.h"

/* For every call with LAMP_CALL_SCRIPT whose reply hands out what an earlier call put in, that
 * call; LAMP_INFERENCE_NO_CALL for all others. NULL if no call is a script's. O(n log n) in the
 * values. Free with g_free(). */
guint32 *lamp_taken_find(const LampInferenceInput *input);

#endif
