/* Merging of masked texts into templates; used by template.c alone. */
#pragma once

#include "base/arena.h"

/* For each of @count different @texts, in sorted order, the template it belongs to: one of
 * @texts, or a new text in @arena. A pure function of the set. O(rounds * n log n) in the
 * number n of all words; at most eight rounds. */
void lamp_template_merge(const LampBytes *texts, guint count, LampArena *arena,
                         LampBytes *out_templates);
