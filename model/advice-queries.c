/*
 * Advice asked of the database.
 *
 * - cache: calls whose request values all equal those of an earlier call to the same operation
 *   less than a second before. Left out are the calls of a store that is a cache itself, calls
 *   that are looked up in a cache by who serves them (the same key is read and set there),
 * calls that only pass on what their caller was asked, and those that a cache would not pay
 * for: hits save less than asking it costs all. Wrong where the answer depends on more than the
 *   values that were seen.
 * - churn: most calls have a connection of their own.
 */
#include "model/advice-queries.h"

#include "store/statement.h"

#define MOST_CALLS 200000
#define HIT_TIME "1ms" /* of a cache in front, as long as nothing better is known */
#define HIT_NS "1e6"

static const char cache_sql[] =
    "WITH named AS (SELECT c.call_id, c.trace_id, c.parent_call_id, c.server_instance_id,"
    "  c.operation_id, c.server_start_ns AS t, coalesce(p.text, '') AS protocol,"
    "  coalesce(c.server_end_ns, c.client_end_ns)"
    "  - coalesce(c.server_start_ns, c.client_start_ns) AS took,"
    "  coalesce(c.server_observation_id, c.client_observation_id) AS seen"
    "  FROM calls c LEFT JOIN strings p ON p.string_id = c.protocol_id"
    "  WHERE c.trace_id IN (SELECT value FROM json_each(?1))"
    "  ORDER BY c.call_id LIMIT " G_STRINGIFY(
        MOST_CALLS) "),"
                    " looked_up AS (SELECT a.server_instance_id AS instance, a.operation_id AS "
                    "operation"
                    "  FROM named c JOIN calls a ON a.call_id = c.parent_call_id"
                    "  JOIN strings o ON o.string_id = c.operation_id"
                    "  WHERE c.protocol IN ('redis', 'memcached')"
                    "  GROUP BY 1, 2, substr(o.text, instr(o.text, ' '))"
                    "  HAVING max(o.text LIKE 'get %') AND max(o.text LIKE 'set%')),"
                    " asked AS (SELECT n.*, v.request_values AS content FROM named n"
                    "  JOIN observations v ON v.observation_id = n.seen"
                    "  LEFT JOIN calls a ON a.call_id = n.parent_call_id"
                    "  WHERE protocol NOT IN ('redis', 'memcached')"
                    "  AND a.operation_id IS NOT n.operation_id"
                    "  AND (n.server_instance_id, n.operation_id) NOT IN (SELECT * FROM "
                    "looked_up)),"
                    " again AS (SELECT *, t - lag(t) OVER (PARTITION BY server_instance_id, "
                    "operation_id,"
                    "  content ORDER BY t) AS since FROM asked WHERE content IS NOT NULL)"
                    " SELECT s.name, o.text, avg(since IS NOT NULL AND since < 1000000000) AS "
                    "share, count(*),"
                    "  min(trace_id) FROM again JOIN instances i ON i.instance_id = "
                    "server_instance_id"
                    " JOIN services s USING (service_id) JOIN strings o ON o.string_id = "
                    "operation_id"
                    " WHERE o.text LIKE 'GET %' OR o.text LIKE 'SELECT%'"
                    " GROUP BY s.name, o.text HAVING share > 0.2 AND count(*) >= 50"
                    " AND share * avg(took) > " HIT_NS " ORDER BY 1, 2";

static const char churn_sql[] =
    "WITH used AS (SELECT server_instance_id, client_endpoint_id, server_endpoint_id,"
    "  count(*) AS n, min(trace_id) AS example FROM calls WHERE client_endpoint_id IS NOT NULL"
    "  AND trace_id IN (SELECT value FROM json_each(?1))"
    "  GROUP BY 1, 2, 3)"
    " SELECT s.name, '', 1.0 * count(*) / sum(n) AS share, sum(n), min(example) FROM used"
    " JOIN instances i ON i.instance_id = server_instance_id JOIN services s USING (service_id)"
    " GROUP BY s.name HAVING share > 0.5 AND sum(n) >= 50 ORDER BY 1";

static void
tell_cache(LampAdvice *advice, const char *service, const char *operation, double share)
{
    g_autofree char *target = lamp_advice_target(service, operation);
    advice->text = g_strdup_printf(
        "%.0f %% of the calls %s %s ask what was asked in the second before: a cache in front "
        "would answer them, if the answer depends on nothing else",
        share * 100.0, service, operation);
    advice->change = g_strdup_printf("cache %s hit %.2f in " HIT_TIME, target, share);
}

static void
tell_churn(LampAdvice *advice, const char *service, const char *operation, double share)
{
    (void) operation;
    advice->text = g_strdup_printf("callers of %s set up a connection for %.0f %% of their "
                                   "calls: keep connections open",
                                   service, share * 100.0);
}

typedef void (*Tell)(LampAdvice *advice, const char *service, const char *operation,
                     double share);

typedef struct {
    LampAdviceKind kind;
    const char *sql; /* ?1 the traces; rows: service, operation, share, count, example */
    Tell tell;
} Query;

static void
tell_limit(LampAdvice *advice)
{
    g_autofree char *text = g_steal_pointer(&advice->text);
    advice->text =
        g_strconcat(text, " (looked at: the first " G_STRINGIFY(MOST_CALLS) " calls)", NULL);
}

static gboolean
list_rows(LampStore *store, const Query *query, const LampAdviceScope *scope, GArray *list,
          GError **error)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(store, query->sql, error);
    gboolean more = rows != NULL;
    if (more)
        lamp_statement_bind_string(rows, 1, scope->traces);
    while (more) {
        if (!lamp_statement_step(rows, &more, error))
            return FALSE;
        if (!more)
            return TRUE;
        LampAdvice advice = {.kind = query->kind, .confidence = -1.0};
        advice.requests = (guint64) lamp_statement_int(rows, 3);
        advice.example = lamp_statement_int_or(rows, 4, 0);
        query->tell(&advice, lamp_statement_text(rows, 0), lamp_statement_text(rows, 1),
                    lamp_statement_real(rows, 2));
        if (query->kind == LAMP_ADVICE_CACHE && scope->calls > MOST_CALLS)
            tell_limit(&advice);
        g_array_append_val(list, advice);
    }
    return FALSE;
}

gboolean
lamp_advice_query(LampStore *store, const LampAdviceScope *scope, GArray *list, GError **error)
{
    static const Query queries[] = {
        {LAMP_ADVICE_CACHE, cache_sql, tell_cache},
        {LAMP_ADVICE_CHURN, churn_sql, tell_churn},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(queries); i++)
        if (!list_rows(store, &queries[i], scope, list, error))
            return FALSE;
    return TRUE;
}
