/*
 * Text for the person at the terminal, on standard error. Folders below cli/ use debug only;
 * results and findings travel as values. Levels: quiet shows errors, normal adds warnings and
 * notes, verbose adds debug text. The same text is shown at most five times.
 */
#pragma once

#include <glib.h>

typedef enum {
    LAMP_LOG_ERROR,
    LAMP_LOG_WARNING,
    LAMP_LOG_NOTE,
    LAMP_LOG_DEBUG,
} LampLogLevel;

/* Messages above @level are not shown; LAMP_LOG_NOTE at the start. */
void lamp_log_set_level(LampLogLevel level);

/* "lamplight: DOMAIN: TEXT" with the control bytes of the text made visible. */
void lamp_log(LampLogLevel level, const char *domain, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
