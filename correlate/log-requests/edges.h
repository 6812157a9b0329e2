/*
 * Candidates for the line before each one, and their probabilities. Private to this folder.
 */
#pragma once

#include "correlate/log-requests/state.h"

/* The latest @most lines within @reach_ns that each line without a predecessor may follow. */
void lamp_edges_find(LampGroupState *s, guint most, gint64 reach_ns);

/* candidates.c: the same of every line, linked or not. */
void lamp_edges_all(LampGroupState *s, guint most);

/* Probabilities of the edges. @is_first: nothing is learnt yet. */
void lamp_edges_solve(LampGroupState *s, gboolean is_first);

/* The edges of a probability of @surest and more, the surest first. Caller frees. */
GArray *lamp_edges_sure(const LampGroupState *s, float surest);
