/*
 * Putting IP fragments together.
 */
#pragma once

#include "base/time.h"
#include "ingest/packet/layers.h"

typedef struct LampDefrag LampDefrag;

LampDefrag *lamp_defrag_new(void);
void lamp_defrag_free(LampDefrag *defrag);

/* Takes the fragment at which @layers stands. When it completes its packet, @layers goes on
 * with the whole one, in memory that is valid until the next call; otherwise `next` is none.
 * O(1) for fragments in order. */
void lamp_defrag_add(LampDefrag *defrag, LampLayers *layers, LampTime now);

/* Packets given up so far, because parts were missing for too long or memory was short. */
guint64 lamp_defrag_lost(const LampDefrag *defrag);

/* Packets that still wait for parts. */
guint64 lamp_defrag_waiting(const LampDefrag *defrag);
