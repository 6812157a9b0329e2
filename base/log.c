/*
 * Standard error output with levels and a limit on repetition. The repetition table is a small
 * array of hashes: exactness does not matter, a bound on memory does.
 */
#include "base/log.h"

#include "base/keyed-map.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

#define SHOWN_AT_MOST 5
#define REMEMBERED 256

static LampLogLevel shown_level = LAMP_LOG_NOTE;

void
lamp_log_set_level(LampLogLevel level)
{
    shown_level = level;
}

static gboolean
shown_too_often(const char *text)
{
    static struct {
        guint64 hash;
        guint count;
    } seen[REMEMBERED];
    guint64 hash = lamp_keyed_hash(lamp_bytes_text(text));
    gsize i = hash % REMEMBERED;
    if (seen[i].hash != hash) {
        seen[i].hash = hash;
        seen[i].count = 0;
    }
    return ++seen[i].count > SHOWN_AT_MOST;
}

void
lamp_log(LampLogLevel level, const char *domain, const char *format, ...)
{
    if (level > shown_level)
        return;
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    if (shown_too_often(text))
        return;
    g_autofree char *safe = lamp_text_escape(lamp_bytes_text(text));
    fprintf(stderr, "lamplight: %s: %s\n", domain, safe);
}
