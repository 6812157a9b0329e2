/*
 * The trigger's point of view: asynchronous work as a flow of its own.
 */
#pragma once

#include "model/flow.h"

/* @flow in parts: what its caller waited for first, then each asynchronous call with all below
 * it, by their places in the flow. The later ones are background and have the id of their first
 * call. LampFlow *, freed with the array. O(n). */
GPtrArray *lamp_flow_split(const LampFlow *flow);
