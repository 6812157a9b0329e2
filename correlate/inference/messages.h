/* messages.h — work that comes through a queue */
#ifndef LAMP_CORRELATE_INFERENCE_MESSAGES_H
#define LAMP_CORRELATE_INFERENCE_MESSAGES_H

#include "correlate/inference/inference.h"

/* For every call with LAMP_CALL_FETCH, and every script that took, the call that put in what it
 * brought, LAMP_INFERENCE_NO_CALL for all others and where no value tells. The caller frees. */
guint32 *lamp_messages_find(const LampInferenceInput *input);

/* For every fetch the moment until which what it fetched is worked on: the next fetch on the
 * same connection (the sixteenth next of pushes and scripts), else the last moment in the
 * input. G_MININT64 for other calls. The caller frees. */
gint64 *lamp_messages_ends(const LampInferenceInput *input);

#endif
