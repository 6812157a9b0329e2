/*
 * Where the change of a what-if comes from: from which of its parts, in which requests, and
 * which limits were found that requests may wait for.
 */
#pragma once

#include "model/what-if.h"

typedef struct {
    const LampTopology *topology;
    LampWhatif *whatif;
    const LampChange *change;
    const LampWhatifResult *result; /* of all of it */
} LampExplained;

/* Lines of text. FALSE if a part cannot be told by itself. Runs each part once. */
gboolean lamp_whatif_explain(const LampExplained *explained, GString *out,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same as members of a JSON object, with a comma before: "parts", "shares", "limits" and
 * "pools". */
gboolean lamp_whatif_explain_json(const LampExplained *explained, GString *out,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;
