/* dialogs.h — connections that are opened for one request: their calls are one step */
#ifndef LAMP_CORRELATE_INFERENCE_DIALOGS_H
#define LAMP_CORRELATE_INFERENCE_DIALOGS_H

#include "correlate/inference/inference.h"

/* The input with every dialog as one call: its first, which lasts until the last of the others
 * ends and has the values of all; the others are no steps. */
typedef struct {
    LampInferenceInput input; /* borrows from the arrays below, or from the input given */
    LampInferenceCall *calls; /* NULL where there is no dialog */
    LampInferenceValue *values;
    guint32 *leaders; /* per call: the first of its dialog; NO_CALL: it is that, or in none */
} LampDialogs;

/* O(n log n). @input must outlive the result. Free with lamp_dialogs_free(). */
LampDialogs *lamp_dialogs_new(const LampInferenceInput *input);
void lamp_dialogs_free(LampDialogs *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampDialogs, lamp_dialogs_free)

#endif
