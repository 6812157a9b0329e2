/*
 * Unusual paths as text and as JSON.
 */
#pragma once

#include "model/unusual.h"

/* Appends the first @most of @found (LampUnusual). */
void lamp_unusual_append(GString *out, const LampTopology *topology, const LampShapes *shapes,
                         const GArray *found, guint most);

/* The same, all of them, as a JSON array. */
void lamp_unusual_append_json(GString *out, const LampTopology *topology,
                              const LampShapes *shapes, const GArray *found);
