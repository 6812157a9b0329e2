/*
 * Whose log is it, as far as its path says.
 */
#pragma once

#include "base/keyed-map.h"
#include "correlate/correlation.h"

/* The name that a log's own path gives it: without what rotation appends, and of containers'
 * logs the pod's or the container's. The caller frees. O(length). */
char *lamp_log_name(const char *path);

/* The host of each log: one of @hosts, by what its records, its own name and its folders say;
 * else its label. Logs of one name in different folders (`web1/access.log`, `web2/access.log`)
 * are different programs' or hosts': their labels become what tells their folders apart, unless
 * their host was told or is known. By source, NULL for what is no log or is wholly in parts;
 * the caller frees all. O(n log n) in the lengths of paths. */
char **lamp_log_hosts(LampCorrelation *c, const LampKeyedMap *hosts);
