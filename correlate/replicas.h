/*
 * Replicas: hosts that serve the same, and are called alike.
 */
#pragma once

#include "correlate/correlation.h"

/* @name without the number of a replica, also before a container's or a log's own name:
 * `web1/app` gives `web/app`. Caller frees. */
char *lamp_replica_stem(const char *name);

/* Is @name that of a pod of a Kubernetes deployment? */
gboolean lamp_is_pod_name(const char *name);

/* For each host the first of its replicas: hosts with names of one stem that serve a good part
 * of each other's operations. Caller frees. */
guint32 *lamp_replica_groups(LampCorrelation *c);

/* By host: does it serve calls of stores only, as all its replicas of @group do? Caller frees.
 */
gboolean *lamp_replica_stores(LampCorrelation *c, const guint32 *group);
