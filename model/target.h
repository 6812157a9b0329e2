/*
 * What a change is aimed at: services, instances or protocols, and operations.
 */
#pragma once

#include "model/replay.h"

typedef struct LampTarget LampTarget;

/* Parses "NAME", "NAME/OPERATION", "A|B"; "*" is everything. Caller frees. */
LampTarget *lamp_target_parse(const char *text);
void lamp_target_free(LampTarget *target);

/* Looks all labels and instances up once. FALSE if none matches. */
gboolean lamp_target_resolve(LampTarget *target, const LampTopology *topology);

/* Is a call with this label, served by this instance, meant? O(1). */
gboolean lamp_target_matches(const LampTarget *target, guint32 label, guint32 instance);

/* Is the instance (or its service) meant, whatever the operation? O(1). */
gboolean lamp_target_matches_instance(const LampTarget *target, guint32 instance);

const char *lamp_target_text(const LampTarget *target);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampTarget, lamp_target_free)
