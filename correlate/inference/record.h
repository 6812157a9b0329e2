/* record.h — what the sampler notes of the blocks it looks at */
#ifndef LAMP_CORRELATE_INFERENCE_RECORD_H
#define LAMP_CORRELATE_INFERENCE_RECORD_H

#include "correlate/inference/block.h"
#include "correlate/inference/sample.h"

/* Notes all ways of a block with the probability of each. */
void lamp_record_ways(LampSampler *sampler, const LampBlock *block, const LampWays *list,
                      const double *probabilities);

/* One look at a block through changes that are taken or not: `lamp_record_change` once for
 * each, in which `in_b` would become the block's sides with `probability`, `tries` in all. */
void lamp_record_look(LampSampler *sampler, const LampBlock *block);
void lamp_record_change(LampSampler *sampler, const LampBlock *block, const guint8 *in_b,
                        double probability, guint32 tries);

#endif
