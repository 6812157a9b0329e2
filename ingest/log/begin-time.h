/* When a log begins whose own times do not tell it whole: they lack the year, or count from the
 * boot. */
#pragma once

#include "ingest/reader.h"

/* @head: the first bytes of the source. 0 where its first times have a year, where `modified`
 * of
 * @context gives them the right one, or where nothing in @head tells. O(n) for n bytes of
 * @head. */
LampTime lamp_log_begin_time(LampBytes head, const LampSourceContext *context);

/* When the system booted whose kernel's log, in seconds since then, is @text: by the line of
 * its real-time clock or the times in audit's messages. 0 where @text is none such, or has
 * neither. O(n). */
LampTime lamp_log_boot_time(LampBytes text);

/* Uptimes of lines go back by less than this within one boot. */
#define LAMP_LOG_UPTIME_SLACK_NS (2 * LAMP_NS_PER_SECOND)

/* The time of day that a line of the kernel tells, in ns; -1 where it tells none.
 * @out_is_audit: audit told it, finer than the real-time clock's line. */
gint64 lamp_log_kernel_clock(LampBytes line, gboolean *out_is_audit);
