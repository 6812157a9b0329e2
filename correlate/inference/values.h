/* values.h — what the values that calls bear say about single links */
#ifndef LAMP_CORRELATE_INFERENCE_VALUES_H
#define LAMP_CORRELATE_INFERENCE_VALUES_H

#include "correlate/inference/problem.h"

typedef enum { LAMP_COLUMNS_VALUES, LAMP_COLUMNS_THREADS } LampColumns;

/* For each candidate edge the log likelihood ratio of the columns (or of the threads) that
 * stand the test against chance; NULL where none does. @shares: per candidate edge, how
 * probable it is by its times alone. Caller frees. O(candidates x values of a call x columns).
 */
float *lamp_values_weigh(const LampField *field, const LampInferenceInput *input,
                         LampColumns columns, const float *shares);

#endif
