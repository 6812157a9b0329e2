/*
 * Densities of gaps in time that are learnt from few and weighted examples.
 *
 * A histogram over the logarithm of the gap, 16 bins an octave, smoothed by a kernel whose
 * width follows from the spread and the number of examples (Silverman 1986), and read without
 * the example that is asked about, which otherwise would speak for itself.
 */
#pragma once

#include <glib.h>

#define LAMP_OWNED_GAP_BINS (27u * 16u) /* from 1 us to two minutes */

typedef struct {
    float smooth[LAMP_OWNED_GAP_BINS]; /* probability of each bin */
    float count[LAMP_OWNED_GAP_BINS];  /* weights since the last lamp_owned_gaps_settle() */
    double total;                      /* weight that `smooth` was made of */
    double peak;                       /* height that one example has in its own bin */
} LampOwnedGaps;

guint16 lamp_owned_gap_bin(gint64 gap);

void lamp_owned_gaps_add(LampOwnedGaps *gaps, guint16 bin, double weight);

/* Makes `smooth` of `count`, which is emptied. O(bins). */
void lamp_owned_gaps_settle(LampOwnedGaps *gaps);

/* Probability of @bin, were it not for an example there of weight @own. */
double lamp_owned_gaps_mass(const LampOwnedGaps *gaps, guint16 bin, double own);

/* In ns. */
double lamp_owned_gap_width(guint16 bin);

/* Weight of what `smooth` was made of, of gaps shorter than @gap. */
double lamp_owned_gaps_below(const LampOwnedGaps *gaps, gint64 gap);
