/*
 * Services as flow records show them: connections and bytes instead of calls.
 */
#pragma once

#include "cli/commands.h"

#define LAMP_LIMITS_OF_FLOWS                                                                  \
    "What flows cannot show: the requests inside a connection, their operations and errors; " \
    "how long a request took, unless it is a flow of its own; which request caused which "    \
    "where flows overlap; whether two services on one host are tied by anything but time.\n"

/* Has the store flow records, and no calls? */
gboolean lamp_flow_services_are_all(LampStore *store);

/* Appends the table of the services of flow_spans, or a JSON object; the first @most (0: all).
 */
gboolean lamp_flow_services_append(LampCli *cli, gboolean as_json, int most, GString *out,
                                   GError **error) G_GNUC_WARN_UNUSED_RESULT;
