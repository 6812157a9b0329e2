/*
 * Progress on the terminal: a line on standard error that is rewritten in place.
 */
#pragma once

#include "base/progress.h"

/* Begins to show progress through *@out_progress where standard error is a terminal and @quiet
 * is not set; otherwise the progress does nothing. Nothing is shown in the first second. */
void lamp_progress_show(LampProgress *out_progress, gboolean quiet);

/* Removes the line. */
void lamp_progress_clear(void);
