/*
 * How many connections an instance really had to another.
 *
 * Calls that happen to be under way together are no pool: more connections than that, each of
 * them used before and after, say that the caller was free to make more calls. In: the calls'
 * own ends of connections in the database. Connections of few calls (a health check, a session
 * of an operator) do not count; an address and port that is taken again is one connection.
 */
#include "model/pools.h"

#include "model/ticks.h"

#include "store/statement.h"

/* Connections with fewer calls than this share of the mean are something else. */
#define FEW 0.1

guint
lamp_pools_open_at_once(const LampTopology *topology, guint32 client, guint32 server)
{
    g_autoptr(GArray) ticks = lamp_ticks_new(0);
    g_autoptr(LampStatement) rows = lamp_statement_new(
        lamp_topology_store(topology),
        "WITH used AS (SELECT count(*) AS calls,"
        " min(coalesce(client_start_ns, server_start_ns)) AS first,"
        " max(coalesce(client_end_ns, server_end_ns, client_start_ns, server_start_ns)) AS last"
        " FROM calls WHERE client_instance_id = ?1 AND server_instance_id = ?2"
        " AND client_endpoint_id IS NOT NULL GROUP BY client_endpoint_id)"
        " SELECT first, last FROM used"
        " WHERE first < last AND calls >= ?3 * (SELECT avg(calls) FROM used)",
        NULL);
    gboolean has_row = rows != NULL;
    if (rows == NULL)
        return 0;
    lamp_statement_bind_int(rows, 1, lamp_topology_instance(topology, client)->id);
    lamp_statement_bind_int(rows, 2, lamp_topology_instance(topology, server)->id);
    lamp_statement_bind_real(rows, 3, FEW);
    while (lamp_statement_step(rows, &has_row, NULL) && has_row)
        lamp_ticks_add(ticks, 0, lamp_statement_int(rows, 0), lamp_statement_int(rows, 1));
    return lamp_ticks_sort(ticks);
}
