/*
 * What limits calls: how many an instance serves at once, and how long callers wait for an
 * answer; learnt from a batch of compiled flows.
 */
#pragma once

#include "model/simulate.h"

/* What speaks for the limit of one instance. */
typedef struct {
    guint32 instance, limit;
    guint32 most_open;  /* calls at the instance at once */
    guint32 queued;     /* calls that then had to wait */
    double evidence;    /* log-likelihood ratio against no limit */
    gboolean is_shared; /* it is that of all instances of the service together */
} LampStationLimit;

/* Finds the limits (@service_of: by instance) and splits the waits of @replay's calls off their
 * lags, so that a simulation with *out_stations repeats the observed times. *out_limits (may be
 * NULL) gets the limits found; caller unrefs. O(n log n) for each limit tried, at most 64. */
void lamp_stations_learn(LampReplay *replay, const guint32 *service_of, guint instances,
                         LampStations *out_stations, GArray **out_limits);

/* Splits the waits off another batch under the limits of @stations. */
void lamp_stations_split(LampReplay *replay, const LampStations *stations);

/* Finds calls that callers gave up on, the timeouts of their kind, and sets the timeouts of all
 * calls between the same two services. @service_of: by instance. */
void lamp_timeouts_learn(LampReplay *replay, const guint32 *service_of, guint instances);
