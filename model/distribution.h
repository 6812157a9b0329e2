/*
 * Distributions of durations that a change may give: by formula or measured.
 *
 *   uniform(5ms,10ms)    between the two
 *   normal(20ms,5ms)     mean and standard deviation, cut at 0
 *   lognormal(20ms,0.5)  median, and standard deviation of the logarithm
 *   exp(20ms)            mean
 *   file(PATH)           measured: one duration a line ("12.5ms"; a bare number is ms)
 */
#pragma once

#include <glib.h>

typedef struct LampDistribution LampDistribution;

/* NULL if @text is none, or the file cannot be read. Caller frees. */
LampDistribution *lamp_distribution_parse(const char *text);

/* Empty and measured, to be filled by lamp_distribution_add(). Caller frees. */
LampDistribution *lamp_distribution_new(void);
void lamp_distribution_add(LampDistribution *distribution, gint64 ns);

void lamp_distribution_free(LampDistribution *distribution);

/* A value for the random number @random: the same for the same number. ns, never negative; 0
 * where nothing was measured. */
gint64 lamp_distribution_draw(const LampDistribution *distribution, guint64 random);

/* "20ms", "1.5s", "300us", "10ns" to ns, from 0 to a day. */
gboolean lamp_change_duration_parse(const char *text, gint64 *out_ns) G_GNUC_WARN_UNUSED_RESULT;

/* Decimal number without a unit. */
gboolean lamp_change_number_parse(const char *text,
                                  double *out_value) G_GNUC_WARN_UNUSED_RESULT;
