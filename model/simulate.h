/*
 * Running a batch of compiled flows, all together, on one clock.
 *
 * Stations limit how many calls an instance serves at once, pools how many connections a caller
 * has to a callee; calls beyond that wait in the order of their arrival. Timeouts cut calls
 * short for their callers. Nothing is random: the same batch gives the same result.
 */
#pragma once

#include "model/connections.h"
#include "model/replay.h"

typedef struct {
    guint32 *limits; /* by instance: calls served at once; 0 unlimited; owned */
    guint instances;
    LampPool *pools;  /* from 1 on; owned; NULL: none */
    guint pool_count; /* with the empty first one */
} LampStations;

void lamp_stations_clear(LampStations *stations);

typedef struct {
    gint64 duration; /* of the flow as the client sees it */
    guint8 is_cut;   /* a timeout struck somewhere on it */
    guint8 fails;    /* and it fails by that */
} LampOutcome;

typedef struct {
    gint64 *busy;    /* by instance: time with all places taken, ns; owned */
    gint64 *work;    /* by instance: sum of times in service by weight of flow, ns; owned */
    gint64 *waits;   /* by instance: sum of waits for a place, ns; owned */
    guint64 *calls;  /* by instance: owned */
    guint32 *peaks;  /* by instance: most calls there at once; owned */
    gint64 *held;    /* by pool: sum of times that connections were in use, ns; owned */
    gint64 span;     /* first start to last event, ns */
    gint64 arriving; /* first start to last start, ns */
} LampLoadReport;

void lamp_load_report_clear(LampLoadReport *report);

/* Runs @replay (sorted). @out gets replay->flows->len outcomes; @out_report may be NULL.
 * O(calls log(calls open at once)). */
void lamp_simulate(const LampReplay *replay, const LampStations *stations, LampOutcome *out,
                   LampLoadReport *out_report);
