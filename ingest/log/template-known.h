/*
 * Templates that are known beforehand, from another store: a masked text that fits one is of
 * it, whatever other texts there are.
 */
#pragma once

#include "base/bytes.h"

typedef struct LampKnownTemplates LampKnownTemplates;

/* Caller frees. Memory is bounded: 64 MiB of texts, LAMP_LIMIT_TEMPLATES of them. */
LampKnownTemplates *lamp_known_templates_new(void);
void lamp_known_templates_free(LampKnownTemplates *known);

/* Adds the text of a template, copied; what is too much is left out. @word_places has a bit for
 * each of the first 64 `<*>` at which words stood, too. */
void lamp_known_templates_add(LampKnownTemplates *known, LampBytes text, guint64 word_places);

/* The known template that @masked fits: the same, but for words at its word places; of several
 * the one with the fewest of these. Empty if it fits none. Valid as long as @known is not
 * changed. O(n) for each of the sets of places that templates of so many words have, at most
 * 256. */
LampBytes lamp_known_templates_fit(LampKnownTemplates *known, LampBytes masked);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampKnownTemplates, lamp_known_templates_free)
