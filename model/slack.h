/*
 * Slack: by how much a call could take longer without its request being felt to be slower.
 */
#pragma once

#include "model/structure.h"

/* Fills @out (flow->count places, ns). 0 for calls that decide; G_MAXINT64 for calls that
 * nothing waits for. Relations come from @structure. O(n times siblings, at most 32). */
void lamp_slack_find(const LampFlow *flow, const LampStructure *structure, gint64 *out);
