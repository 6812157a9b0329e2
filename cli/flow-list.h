/*
 * Every request by itself with the shape it belongs to, in the order of their begin.
 */
#pragma once

#include "cli/flow-options.h"
#include "model/shape.h"

/* Appends a table, or with @as_json an array, of the flows that pass lamp_flow_filter. */
gboolean lamp_flow_list_append(LampCli *cli, const LampModelView *view, LampShapes *shapes,
                               gboolean as_json, GString *out,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;
