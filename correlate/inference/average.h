/* average.h — the mean of two runs of the engine that began differently
 *
 * Where far more requests are open than most delays tell apart (a saturated event loop), a run
 * can settle on a consistent story that is wrong, and be sure of it. A second run that begins
 * with everything in order of arrival settles on another; where they differ, neither is to be
 * trusted alone. */
#ifndef LAMP_CORRELATE_INFERENCE_AVERAGE_H
#define LAMP_CORRELATE_INFERENCE_AVERAGE_H

#include "correlate/inference/inference.h"

G_BEGIN_DECLS

/* As lamp_inference_run(), twice where some service is that crowded and in doubt. */
LampInference *lamp_inference_run_averaged(const LampInferenceInput *input,
                                           const LampInferenceOptions *options, GError **error);

/* By service (`out_n`): is it worth a second run? NULL if none is. Caller frees. O(calls). */
guint8 *lamp_average_needed(const LampInference *self, const LampInferenceInput *input,
                            guint32 *out_n);

/* Replaces the links of the calls of these services in @self by the mean of both runs. */
void lamp_average_links(LampInference *self, const LampInference *other,
                        const LampInferenceInput *input, const guint8 *services, guint32 n);

G_END_DECLS

#endif
