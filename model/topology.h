/*
 * Services, instances and operations of a database, as small numbers.
 *
 * lamp_topology_load() reads the services and instances; operations are added as calls are
 * read. Number 0 of services and of instances stands for "unknown". A *label* is what a call
 * asks of whom: (service, protocol, operation). Its hash depends on the texts alone, so it is
 * the same in every database.
 */
#pragma once

#include "store/store.h"

typedef struct {
    gint64 id; /* service_id; 0 for the unknown one */
    const char *name;
    const char *protocol; /* may be NULL */
    gboolean is_external;
} LampService;

typedef struct {
    gint64 id;
    guint32 service;
    const char *name;
} LampInstance;

typedef struct {
    guint32 service;
    const char *protocol;  /* "" if unknown */
    const char *operation; /* "?" if unknown */
    gboolean waits;        /* for work: its time is nobody's work (base/fetch.h) */
    guint64 hash;          /* of the three texts, equal in every run and database */
} LampLabel;

typedef struct LampTopology LampTopology;

/* Caller frees; @store must outlive it. */
LampTopology *lamp_topology_load(LampStore *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_topology_free(LampTopology *topology);

/* What it was loaded from; borrowed. */
LampStore *lamp_topology_store(const LampTopology *topology);

guint lamp_topology_service_count(const LampTopology *topology);
guint lamp_topology_instance_count(const LampTopology *topology);
guint lamp_topology_label_count(const LampTopology *topology);

/* Borrowed, valid as long as the topology (labels: until the next one is added). */
const LampService *lamp_topology_service(const LampTopology *topology, guint32 index);
const LampInstance *lamp_topology_instance(const LampTopology *topology, guint32 index);
const LampLabel *lamp_topology_label(const LampTopology *topology, guint32 index);

/* Service name of a label. */
const char *lamp_topology_label_service(const LampTopology *topology, guint32 label);

/* Index of the instance with this database id; 0 where it is unknown. O(1). */
guint32 lamp_topology_find_instance(const LampTopology *topology, gint64 instance_id);

/* Index of the label, added where new. Ids are string ids, 0 for unknown. O(1). */
guint32 lamp_topology_add_label(LampTopology *topology, guint32 service, gint64 protocol_id,
                                gint64 operation_id);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampTopology, lamp_topology_free)
