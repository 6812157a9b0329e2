/*
 * Resolution of stamps, by call. A call's begin is that of its caller's observation where there
 * is one, else of its callee's.
 */
#include "cli/stamps.h"

LampStatement *
lamp_stamps_open(LampStore *store, GError **error)
{
    return lamp_statement_new(store,
                              "SELECT resolution_ns FROM calls JOIN observations ON "
                              "observation_id = coalesce(client_observation_id, "
                              "server_observation_id) WHERE call_id = ?1",
                              error);
}

gint64
lamp_stamps_resolution(LampStatement *stamps, gint64 call_id)
{
    gboolean has_row = FALSE;
    lamp_statement_reset(stamps);
    lamp_statement_bind_int(stamps, 1, call_id);
    if (!lamp_statement_step(stamps, &has_row, NULL) || !has_row)
        return 1;
    return MAX(lamp_statement_int(stamps, 0), 1);
}

char *
lamp_stamps_duration(gint64 duration, gint64 resolution)
{
    return duration == 0 ? lamp_duration_format_to(duration, resolution)
                         : lamp_duration_format(duration);
}
