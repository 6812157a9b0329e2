/*
 * Changes to a system, as text, and what they do to compiled flows.
 *
 *   TARGET *F | +T | -T | =T     the target's own work takes F times as long, T more or less, T
 *   A->B *F | +T | -T | =T       the network round trip of calls from A to B
 *   ... =exp(T), =normal(T,T), =lognormal(T,SIGMA), =uniform(T,T), =file(PATH), =like(TARGET)
 *                                drawn for each call: from a distribution that is given or in
 *                                a file, or from the work of another target in this capture
 *   parallel TARGET: P, P, ...   calls to P, P made by TARGET start together, not in turn
 *   sequential TARGET            calls made by TARGET wait for each other
 *   cache TARGET hit SHARE       the cache TARGET answers this share of its lookups
 *   cache TARGET hit SHARE in T  a new cache before TARGET answers this share of its calls
 *                                in T; the others take T longer
 *   cache TARGET off             the cache is not asked
 *   batch TARGET                 repeated calls to TARGET from one request become one
 *   remove TARGET                calls to TARGET are not made
 *   down INSTANCE                the instance is gone, its calls go to its siblings
 *   replicas SERVICE N           calls are spread evenly over N instances
 *   limit TARGET N | none        instances serve at most N calls at once, or have no limit
 *   limit A->B N | none          A has at most N connections to B, or as many as it wants
 *   retries A->B N               failed calls are tried again at most N times
 *   timeout A->B T               callers wait at most T
 *   failover SERVICE +T [*F] [limit N]
 *                                another site: round trip T longer, work F times as long, each
 *                                instance serves N calls at once
 *   load *F                      arrivals F times as fast
 *
 * TARGET is NAME or NAME/OPERATION; NAME is a service, an instance or a protocol (postgres,
 * postgresql, pg, pgsql and so on are one), OPERATION may hold `*` and `?`. Several names are
 * written with `|` between them. Times: 20ms, 1.5s, 300us. A change may list several, with `;`
 * between them.
 */
#pragma once

#include "model/rewrite.h"

#define LAMP_CHANGE_ERROR (lamp_change_error_quark())
GQuark lamp_change_error_quark(void);

typedef enum { LAMP_CHANGE_ERROR_SYNTAX, LAMP_CHANGE_ERROR_NO_MATCH } LampChangeError;

/* One or more changes, in the order in which they apply. */
typedef struct LampChange LampChange;

/* Caller frees. The error text names the part that is wrong. */
LampChange *lamp_change_parse(const char *text, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_change_free(LampChange *change);

/* FALSE with LAMP_CHANGE_ERROR_NO_MATCH if a target occurs nowhere in @topology. */
gboolean lamp_change_resolve(LampChange *change, const LampTopology *topology,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Rewrites the calls of @replay (which may be replaced inside) and the limits of @stations. To
 * be called once for each batch, after lamp_change_resolve(). @seed decides what is drawn
 * (caches). What each part reached is added to @touched, which has room for all parts. */
void lamp_change_apply(const LampChange *change, const LampTopology *topology,
                       LampReplay *replay, LampStations *stations, guint64 seed,
                       LampTouched *touched);

/* Number of parts; one of them (borrowed), and its text (caller frees), for explaining a
 * result. */
guint lamp_change_parts(const LampChange *change);
const LampRewrite *lamp_change_part(const LampChange *change, guint index);
char *lamp_change_part_text(const LampChange *change, guint index);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampChange, lamp_change_free)
