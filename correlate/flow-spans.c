/*
 * Flow records as spans: one for each two-way flow.
 *
 * In: table flow_records, and the names that the passes before found. Out: table flow_spans.
 * Records that an active timeout cut are one span again, the two directions are one, and what
 * was never answered, or a firewall stopped, is told from connections
 * (correlate/dependencies/biflows.h). Where there are no flow records the table stays empty:
 * captures have connections and calls.
 */
#include "correlate/dependencies/parties.h"
#include "correlate/passes.h"
#include "store/statement.h"

static gboolean
has_records(LampStore *store, gboolean *out_has, GError **error)
{
    g_autoptr(LampStatement) rows =
        lamp_statement_new(store, "SELECT 1 FROM flow_records LIMIT 1", error);
    return rows != NULL && lamp_statement_step(rows, out_has, error);
}

static const char *
party_name(const LampParties *parties, guint32 party)
{
    return g_array_index(parties->parties, LampParty, party).name;
}

/* Caller frees. */
static char *
name_of(const LampBiflows *b, const LampParties *p, guint32 endpoint, gboolean is_server)
{
    const LampFlowEndpoint *e = lamp_flow_endpoint(b, endpoint);
    guint32 party = is_server ? p->served_by[endpoint] : p->of_host[e->address];
    const char *address = g_ptr_array_index(b->addresses, e->address);
    if (party != LAMP_PARTY_NONE)
        return g_strdup(party_name(p, party));
    return is_server ? g_strdup_printf("%s:%u", address, e->port) : g_strdup(address);
}

static const char *
state_of(const LampBiflow *flow)
{
    if (flow->is_logged)
        return "logged";
    return flow->is_unanswered ? "unanswered" : "connected";
}

static gboolean
insert_flow(LampStatement *row, const LampBiflows *b, const LampParties *p, guint i,
            GError **error)
{
    const LampBiflow *f = lamp_biflow(b, i);
    g_autofree char *client = name_of(b, p, f->client, FALSE);
    g_autofree char *server = name_of(b, p, f->server, TRUE);
    lamp_statement_bind_int(row, 1, (gint64) i + 1);
    lamp_statement_bind_text(row, 2, lamp_bytes_text(client));
    lamp_statement_bind_text(row, 3, lamp_bytes_text(server));
    lamp_statement_bind_int(row, 4, lamp_flow_endpoint(b, f->client)->endpoint_id);
    lamp_statement_bind_int(row, 5, lamp_flow_endpoint(b, f->server)->endpoint_id);
    lamp_statement_bind_int(row, 6, f->transport);
    lamp_statement_bind_int(row, 7, f->first);
    lamp_statement_bind_int(row, 8, f->last);
    lamp_statement_bind_int(row, 9, (gint64) f->packets);
    lamp_statement_bind_int(row, 10, (gint64) f->client_bytes);
    lamp_statement_bind_int(row, 11, (gint64) (f->bytes - f->client_bytes));
    lamp_statement_bind_int(row, 12, f->pieces);
    lamp_statement_bind_string(row, 13, state_of(f));
    return lamp_statement_run(row, error);
}

gboolean
lamp_pass_flow_spans(LampCorrelation *c, GError **error)
{
    gboolean has = FALSE;
    if (!lamp_store_run(c->store, "DELETE FROM flow_spans", error) ||
        !has_records(c->store, &has, error))
        return FALSE;
    if (!has)
        return TRUE;
    g_autoptr(LampBiflows) biflows = lamp_biflows_load(c->store, error);
    g_autoptr(LampParties) parties =
        biflows != NULL ? lamp_parties_new(c->store, biflows, error) : NULL;
    if (parties == NULL)
        return FALSE;
    g_autoptr(LampStatement) row = lamp_statement_new(
        c->store, "INSERT INTO flow_spans VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", error);
    gboolean ok = row != NULL;
    for (guint i = 0; ok && i < biflows->flows->len; i++)
        ok = insert_flow(row, biflows, parties, i, error);
    return ok;
}
