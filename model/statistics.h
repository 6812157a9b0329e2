/*
 * The few tests that comparing needs.
 */
#pragma once

#include "model/quantiles.h"

/* Two-sample Kolmogorov-Smirnov: largest distance of the two distributions (0 to 1), and the
 * probability of at least that if they were equal. 1.0 where one is empty. */
double lamp_ks_distance(const LampQuantiles *a, const LampQuantiles *b);
double lamp_ks_probability(double distance, double n_a, double n_b);

/* G-test with one degree of freedom: are k_a of n_a and k_b of n_b equal shares? */
double lamp_share_probability(double k_a, double n_a, double k_b, double n_b);

/* G-test of counts: are k_a in n_a and k_b in n_b of one rate? Where things come several at a
 * time, @clump is how many on average (seen from one of them), else 1. */
double lamp_rate_probability(double k_a, double n_a, double k_b, double n_b, double clump);

/* Benjamini and Hochberg (1995): turns @n probabilities into false discovery rates, in place.
 */
void lamp_adjust_probabilities(double *p, guint n);
