/* queue.h — does a service take its requests in order? */
#ifndef LAMP_CORRELATE_INFERENCE_QUEUE_H
#define LAMP_CORRELATE_INFERENCE_QUEUE_H

#include "correlate/inference/sample.h"

/* What all services together show: a system of event loops is one in every service, and one
 * service alone may have too few overlapping requests to tell. */
typedef struct {
    double changes, expected;           /* of the round before */
    double next_changes, next_expected; /* being counted */
} LampQueuePool;

/* Learns for every event of every kind of request how often overlapping requests change places
 * there, against what independent delays would do, from the sampler's present state. */
void lamp_queue_learn(LampSampler *sampler, LampQueuePool *pool);

#endif
