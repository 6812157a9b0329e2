/*
 * A page arena: allocations of one phase, freed together.
 *
 * lamp_arena_new() makes one with a byte budget; lamp_arena_take() hands out zeroed, 16-byte
 * aligned memory that lives until lamp_arena_clear() (the pages are kept for reuse) or
 * lamp_arena_free(). When the budget is used up lamp_arena_take() returns NULL: sizes that come
 * from input must be able to fail without ending the program.
 */
#pragma once

#include "base/bytes.h"

typedef struct LampArena LampArena;

/* @budget_bytes bounds the sum of all pages. Caller frees with lamp_arena_free(). */
LampArena *lamp_arena_new(gsize budget_bytes);

/* Frees the arena and all it handed out; NULL is fine. */
void lamp_arena_free(LampArena *arena);

/* Takes back all that was handed out, keeps the first page. */
void lamp_arena_clear(LampArena *arena);

/* @size zeroed bytes, or NULL when the budget is used up. O(1) amortised. */
gpointer lamp_arena_take(LampArena *arena, gsize size) G_GNUC_WARN_UNUSED_RESULT;

/* A copy of @bytes that lives as long as the arena's contents; {NULL, 0} when it does not fit.
 */
LampBytes lamp_arena_copy(LampArena *arena, LampBytes bytes);

/* Bytes of all pages. */
gsize lamp_arena_size(const LampArena *arena);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampArena, lamp_arena_free)
