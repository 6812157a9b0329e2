/*
 * Words that the user chooses from a list, and "did you mean" for those that are not in it.
 */
#pragma once

#include <glib.h>

/* Index of @value in @names (NULL-terminated). NULL stands for the first name. FALSE with
 * LAMP_CLI_ERROR_USAGE that lists the names, as what `--OPTION` takes. */
gboolean lamp_choose(const char *option, const char *value, const char *const *names,
                     guint *out_index, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The one of @names (NULL-terminated) with the least edit distance to @text, the first of
 * several, or NULL if none is near enough to be meant: at most a third of the longer one's
 * letters differ. Swapped neighbours count as one. O(names * letters²), letters cut at 40. */
const char *lamp_closest(const char *text, const char *const *names);

/* "; did you mean 'NAME'?", or an empty text; caller frees. */
char *lamp_closest_hint(const char *text, const char *const *names);
