/*
 * When a program waits for a reply. Private to correlate/ownership/.
 */
#pragma once

#include "correlate/ownership/notes.h"

/* Sets `waiting` and `after` of all notes from @posterior, the probabilities of each
 * connection's owners (connections x (owners + 1)), and the notes' shares. */
void lamp_ownership_find_waiting(LampOwnershipNotes *n, const float *posterior);
