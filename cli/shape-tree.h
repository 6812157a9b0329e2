/*
 * A flow as an indented tree for people: equal neighbours written once with their number,
 * parallel calls marked.
 */
#pragma once

#include "model/shape.h"

/* Appends the tree of @flow, one line a call, each begun with @margin. @ascii: no characters
 * outside of ASCII. At most @most lines. */
void lamp_shape_tree_append(GString *out, const LampTopology *topology,
                            const LampStructure *structure, const LampFlow *flow,
                            const char *margin, gboolean ascii, guint most);
