/*
 * One whole reading of a source: reader, packet layer and dissectors into rendered rows.
 */
#pragma once

#include "tests/support/feed.h"
#include "tests/support/render.h"

/* Reads @content in @chunks. Frames go on to the packet layer. Caller frees. */
LampRender *lamp_reading(const LampReader *reader, LampBytes content, LampChunks chunks,
                         const LampSourceContext *context);
