/* Log formats as lnav defines them (https://docs.lnav.org/en/latest/formats.html). */
#pragma once

#include "base/bytes.h"

/* Does @text look like such a definition and not like a key file? */
gboolean lamp_lnav_is_format(LampBytes text);

/* Adds the formats of @json to @file, in the form that `--patterns` has: one group for each
 * regular expression, or one with `json = yes`. FALSE if it is no JSON object. O(length). */
gboolean lamp_lnav_add_formats(LampBytes json, GKeyFile *file) G_GNUC_WARN_UNUSED_RESULT;
