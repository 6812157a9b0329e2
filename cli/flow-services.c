/*
 * Services from flow records alone.
 *
 * In: table flow_spans (correlate/flow-spans.c). Out: a line for each service and transport
 * with clients, connections, bytes of both directions and the connections' durations. What was
 * never answered, and what only a firewall's log tells, is counted beside the connections.
 */
#include "cli/flow-services.h"

#include "base/text.h"
#include "base/time.h"
#include "cli/flow-options.h"
#include "cli/print.h"
#include "cli/wrap.h"
#include "model/quantiles.h"
#include "store/statement.h"

typedef struct {
    char *service;
    gint64 transport;
    guint64 clients, connections, unanswered, logged, packets, request_bytes, response_bytes;
    LampQuantiles durations;
} Line;

typedef struct {
    GArray *lines; /* Line */
    char *client;  /* of the row before */
    LampTime from, to;
    guint all; /* lines, with those that are not shown */
} Services;

static void
clear_line(gpointer payload)
{
    Line *line = payload;
    g_free(line->service);
    lamp_quantiles_clear(&line->durations);
}

static Line *
line_of(Services *s, const char *service, gint64 transport)
{
    Line *last = s->lines->len > 0 ? &g_array_index(s->lines, Line, s->lines->len - 1) : NULL;
    if (last != NULL && last->transport == transport && g_str_equal(last->service, service))
        return last;
    Line fresh = {.service = g_strdup(service), .transport = transport};
    g_array_append_val(s->lines, fresh);
    g_clear_pointer(&s->client, g_free);
    return &g_array_index(s->lines, Line, s->lines->len - 1);
}

/* Columns: server, transport, client, state, start, end, packets, bytes of both directions. */
static void
add_row(Services *s, LampStatement *row)
{
    Line *line = line_of(s, lamp_statement_text(row, 0), lamp_statement_int(row, 1));
    const char *client = lamp_statement_text(row, 2), *state = lamp_statement_text(row, 3);
    LampTime start = lamp_statement_int(row, 4), end = lamp_statement_int(row, 5);
    s->from = MIN(s->from, start);
    s->to = MAX(s->to, end);
    if (s->client == NULL || !g_str_equal(s->client, client)) {
        g_free(s->client);
        s->client = g_strdup(client);
        line->clients++;
    }
    line->packets += (guint64) lamp_statement_int(row, 6);
    line->request_bytes += (guint64) lamp_statement_int(row, 7);
    line->response_bytes += (guint64) lamp_statement_int(row, 8);
    if (g_str_equal(state, "unanswered")) {
        line->unanswered++;
    } else if (g_str_equal(state, "logged")) {
        line->logged++;
    } else {
        line->connections++;
        lamp_quantiles_add(&line->durations, end - start, 1);
    }
}

static gint
compare_lines(gconstpointer a, gconstpointer b)
{
    const Line *x = a, *y = b;
    if (x->connections != y->connections)
        return x->connections > y->connections ? -1 : 1;
    int by_name = strcmp(x->service, y->service);
    return by_name != 0 ? by_name
                        : (x->transport > y->transport) - (x->transport < y->transport);
}

static gboolean
load(Services *s, LampStore *store, GError **error)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(
        store,
        "SELECT server, transport, client, state, start_ns, end_ns, packets, request_bytes, "
        "response_bytes FROM flow_spans ORDER BY server, transport, client, flow_span_id",
        error);
    gboolean has_row = FALSE;
    while (rows != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row) {
            g_array_sort(s->lines, compare_lines);
            return TRUE;
        }
        add_row(s, rows);
    }
    return FALSE;
}

static const char *
transport_name(gint64 transport)
{
    return transport == 6 ? "tcp" : transport == 17 ? "udp" : "sctp";
}

static double
seconds_of(const Services *s)
{
    return MAX(s->lines->len == 0 ? 0
                                  : (double) (s->to - s->from) / (double) LAMP_NS_PER_SECOND,
               1e-9);
}

static void
append_table(const LampCli *cli, const Services *s, GString *out)
{
    static const char *const titles[] = {
        "service",       "~transport", ">clients", ">connections", ">~per s", ">sent",
        ">received",     ">~packets",  ">p50",     ">~p95",        ">~p99",   ">?unanswered",
        ">?only logged", NULL};
    g_autoptr(LampTable) table = lamp_table_new(titles);
    guint64 connections = 0;
    for (guint i = 0; i < s->lines->len; i++) {
        const Line *line = &g_array_index(s->lines, Line, i);
        connections += line->connections;
        char *cells[] = {
            g_strdup(line->service),
            g_strdup(transport_name(line->transport)),
            lamp_count_format(line->clients),
            lamp_count_format(line->connections),
            g_strdup_printf("%.2f", (double) line->connections / seconds_of(s)),
            lamp_size_format(line->request_bytes),
            lamp_size_format(line->response_bytes),
            lamp_count_format(line->packets),
            lamp_quantile_format(&line->durations, 0.5),
            lamp_quantile_format(&line->durations, 0.95),
            lamp_quantile_format(&line->durations, 0.99),
            lamp_count_format(line->unanswered),
            lamp_count_format(line->logged),
        };
        lamp_table_take(table, cells);
    }
    lamp_table_render(table, out, cli->table_width);
    gsize below = out->len;
    g_autofree char *count = lamp_count_format(connections);
    g_string_append_printf(
        out,
        "\n%.1f s: %s connections, from flow records (not counted: what a firewall blocked). "
        "\"sent\": by the clients; durations are "
        "the connections'; \"unanswered\": asked for and never established (scans, refusals, "
        "losses); \"only logged\": a firewall wrote them down without saying what it did. Each "
        "is a row of `flow_spans`.\n",
        seconds_of(s), count);
    if (s->lines->len < s->all) {
        lamp_top_append(s->lines, s->all, out);
        g_string_append_c(out, '\n');
    }
    g_string_append(out, LAMP_LIMITS_OF_FLOWS);
    lamp_wrap(cli, out, below);
}

static void
append_json_line(GString *out, const Services *s, const Line *line)
{
    const struct {
        const char *key;
        guint64 value;
    } figures[] = {
        {"clients", line->clients},
        {"connections", line->connections},
        {"unanswered", line->unanswered},
        {"only_logged", line->logged},
        {"packets", line->packets},
        {"request_bytes", line->request_bytes},
        {"response_bytes", line->response_bytes},
    };
    g_string_append(out, "{\"service\": ");
    lamp_json_append_string(out, line->service);
    g_string_append_printf(out, ", \"transport\": \"%s\"", transport_name(line->transport));
    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++)
        g_string_append_printf(out, ", \"%s\": %" G_GUINT64_FORMAT, figures[i].key,
                               figures[i].value);
    g_string_append(out, ", \"per_second\": ");
    lamp_json_append_real(out, (double) line->connections / seconds_of(s));
    lamp_json_append_quantile(out, "p50_ns", &line->durations, 0.5);
    lamp_json_append_quantile(out, "p95_ns", &line->durations, 0.95);
    lamp_json_append_quantile(out, "p99_ns", &line->durations, 0.99);
    g_string_append(out, "}");
}

static void
append_json(const Services *s, GString *out)
{
    g_string_append(out, "{\"seconds\": ");
    lamp_json_append_real(out, seconds_of(s));
    g_string_append(out, ", \"cannot_show\": ");
    lamp_json_append_string(out, LAMP_LIMITS_OF_FLOWS);
    g_string_append(out, ", \"services\": [");
    for (guint i = 0; i < s->lines->len; i++) {
        g_string_append(out, i == 0 ? "\n  " : ",\n  ");
        append_json_line(out, s, &g_array_index(s->lines, Line, i));
    }
    g_string_append(out, "\n]}\n");
}

gboolean
lamp_flow_services_are_all(LampStore *store)
{
    gboolean has = FALSE;
    g_autoptr(LampStatement) rows =
        lamp_statement_new(store,
                           "SELECT 1 WHERE EXISTS (SELECT 1 FROM flow_records)"
                           " AND NOT EXISTS (SELECT 1 FROM calls)",
                           NULL);
    return rows != NULL && lamp_statement_step(rows, &has, NULL) && has;
}

gboolean
lamp_flow_services_append(LampCli *cli, gboolean as_json, int most, GString *out,
                          GError **error)
{
    Services s = {.lines = g_array_new(FALSE, FALSE, sizeof(Line)),
                  .from = G_MAXINT64,
                  .to = G_MININT64 + 1};
    g_array_set_clear_func(s.lines, clear_line);
    gboolean ok = load(&s, cli->store, error);
    s.all = lamp_top_cut(s.lines, most);
    if (ok && as_json)
        append_json(&s, out);
    else if (ok)
        append_table(cli, &s, out);
    g_array_free(s.lines, TRUE);
    g_free(s.client);
    return ok;
}
