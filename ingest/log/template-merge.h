/* Merging of masked texts into templates. Private to the template files. */
#pragma once

#include "base/arena.h"

/* For each of @count different @texts, in sorted order, the template it belongs to: one of
 * @texts, or a new text in @arena. A pure function of the set. O(rounds * n log n) in the
 * number n of all words; at most eight rounds. */
void lamp_template_merge(const LampBytes *texts, guint count, LampArena *arena,
                         LampBytes *out_templates);

/* The next word, `<*>` or run of delimiters of a masked text or template that has more bytes. A
 * text and the template that it was merged into have equally many. */
LampBytes lamp_template_take_word(LampCursor *at);
