/*
 * Words for the evidence of a link.
 */
#pragma once

#include <glib.h>

/* Three digits of odds below a million: "1.25", "233,000"; caller frees. */
char *lamp_explain_odds(double odds);

/* "55.3 %", "> 99.9 %": nothing that was inferred is certain; caller frees. */
char *lamp_explain_chance(double p);

/* Why nothing caused a call, as far as is known: does a record name its caller, is that outside
 * of the system? */
const char *lamp_explain_root(gboolean has_caller, gboolean is_outside);

/* How a link came about that was not inferred from times, by the pass that made it; NULL for
 * others. */
const char *lamp_explain_pass(const char *pass);
