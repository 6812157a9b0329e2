/*
 * Sentences that fit a narrow terminal.
 */
#pragma once

#include <glib.h>

/* Breaks the lines of @out that begin at byte @from or later and are longer than @width columns
 * (0: none is), at spaces; what follows an indented
 * begin is indented by two more. A word is never broken. */
void lamp_wrap(GString *out, gsize from, gint width);
