/*
 * Who may be a part of the system.
 */
#pragma once

#include "correlate/correlation.h"

/* By host: whether it serves, or has a log or capture. Caller frees. */
guint8 *lamp_hosts_inside(LampCorrelation *c);

/* Is @place a private address (RFC 1918, RFC 4193)? */
gboolean lamp_place_is_private(const LampPlace *place);
