/*
 * lamplight clock: every host's clock against the reference, and what remains out of order.
 */
#include "base/time.h"
#include "cli/commands.h"
#include "cli/log-clocks.h"
#include "cli/print.h"
#include "cli/wrap.h"
#include "store/statement.h"

#include <math.h>

static gboolean as_json;

static const GOptionEntry options[] = {
    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "one JSON object", NULL},
    {NULL},
};

/* Calls whose receives lie before their sends by more than the stamps' resolution: corrected,
 * and by the captures' own clocks. */
typedef struct {
    gint64 calls, violations, worst_ns, raw_violations, aligned /* hosts */, captures;
} Order;

/* A host whose clock was set has a row for each part of its time, from first_ns on. */
static const char hosts_sql[] =
    "SELECT h.name, h.method, coalesce(c.offset_ns, h.offset_ns),"
    " coalesce(c.drift_ppm, h.drift_ppm), CASE WHEN c.host_id IS NULL THEN h.uncertainty_ns"
    " ELSE c.uncertainty_ns END, coalesce(c.samples, h.samples), h.is_reference,"
    " c.statistical_ns, c.part, c.first_ns, c.last_ns"
    " FROM hosts h LEFT JOIN clocks c USING (host_id)"
    " WHERE h.method <> 'unknown' OR host_id IN (SELECT host_id FROM source_hosts)"
    " ORDER BY h.is_reference DESC, h.name, c.part";

/* What the resolution of the two stamps leaves open (1 ns: nothing). */
#define OPEN                                                              \
    "iif(a.resolution_ns > 1, a.resolution_ns, 0) + iif(b.resolution_ns " \
    "> 1, b.resolution_ns, 0)"

static const char order_sql[] =
    "SELECT count(*), total(c.order_violation_ns > 0), coalesce(max(c.order_violation_ns), 0),"
    " total(coalesce(b.request_last_ns, b.request_first_ns) + " OPEN " < a.request_first_ns"
    " OR a.response_last_ns + " OPEN " < b.response_last_ns),"
    " (SELECT count(*) FROM hosts WHERE offset_ns IS NOT NULL),"
    " (SELECT count(*) FROM sources WHERE kind = 'capture')"
    " FROM calls c LEFT JOIN observations a ON a.observation_id = c.client_observation_id"
    " LEFT JOIN observations b ON b.observation_id = c.server_observation_id"
    " WHERE c.trace_id IS NOT NULL";

static gboolean
read_order(LampStore *store, Order *out_order, GError **error)
{
    g_autoptr(LampStatement) query = lamp_statement_new(store, order_sql, error);
    gboolean has_row;
    if (query == NULL || !lamp_statement_step(query, &has_row, error))
        return FALSE;
    *out_order = (Order){
        lamp_statement_int(query, 0), lamp_statement_int(query, 1),
        lamp_statement_int(query, 2), lamp_statement_int(query, 3),
        lamp_statement_int(query, 4), lamp_statement_int(query, 5),
    };
    return TRUE;
}

static const char *
method_text(const char *method)
{
    return g_strcmp0(method, "unknown") == 0 ? "cannot be aligned" : method;
}

/* The method, and from when to when this part of the host's time reaches. */
static char *
part_method(LampStatement *row)
{
    g_autofree char *from = lamp_time_format(lamp_statement_int(row, 9));
    return g_strdup_printf("%s, from %s", lamp_statement_text(row, 1), from);
}

static void
add_row(LampTable *table, LampStatement *row)
{
    gboolean is_known = lamp_statement_column_type(row, 2) != LAMP_COLUMN_NULL;
    gboolean is_bounded = lamp_statement_column_type(row, 4) != LAMP_COLUMN_NULL;
    gboolean is_reference = lamp_statement_int(row, 6) != 0;
    gboolean has_error =
        is_known && !is_reference && lamp_statement_column_type(row, 7) != LAMP_COLUMN_NULL;
    gboolean is_part = lamp_statement_column_type(row, 9) != LAMP_COLUMN_NULL;
    char *cells[] = {
        g_strdup(lamp_statement_int_or(row, 8, 1) > 1 ? "" : lamp_statement_text(row, 0)),
        is_known ? lamp_duration_format(lamp_statement_int(row, 2)) : NULL,
        is_known ? g_strdup_printf("%+.2f", lamp_statement_real(row, 3)) : NULL,
        is_bounded && !is_reference ? lamp_duration_format(lamp_statement_int(row, 4)) : NULL,
        has_error ? lamp_duration_format(lamp_statement_int(row, 7)) : NULL,
        lamp_count_format((guint64) lamp_statement_int(row, 5)),
        is_part ? part_method(row) : g_strdup(method_text(lamp_statement_text(row, 1))),
    };
    lamp_table_take(table, cells);
}

static void
describe_order(const Order *order, GString *out)
{
    g_autofree char *calls = lamp_count_format((guint64) order->calls);
    g_autofree char *raw = lamp_count_format((guint64) order->raw_violations);
    g_autofree char *left = lamp_count_format((guint64) order->violations);
    g_autofree char *worst = lamp_duration_format(order->worst_ns);
    g_string_append_printf(out,
                           "\n%s calls; received before they were sent: %s by the hosts' own "
                           "clocks, %s after correction",
                           calls, raw, left);
    if (order->violations > 0)
        g_string_append_printf(out, " (worst %s)", worst);
    g_string_append(out, order->aligned == 0 && order->captures > 0
                             ? "; no clock could be aligned\n"
                             : "\n");
    if (order->aligned == 0 && order->captures == 0)
        g_string_append(
            out, "There is no capture: no message was seen at both of its ends, so these "
                 "clocks cannot be set against each other, and times stand as they were "
                 "written. What ties calls of several hosts together rests on clocks "
                 "that agree; a capture on hosts that talk to each other aligns them.\n");
}

static const char zones_sql[] =
    "SELECT path, f.text, f.count FROM findings f JOIN sources USING (source_id)"
    " WHERE f.code = 'clock.zone' ORDER BY path";

/* Logs whose times were moved by whole quarters of an hour. */
static gboolean
describe_zones(LampStore *store, GString *out, GError **error)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(store, zones_sql, error);
    gboolean has_row;
    while (rows != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        g_autofree char *count = lamp_count_format((guint64) lamp_statement_int(rows, 2));
        g_string_append_printf(out, "%s: %s (%s records)\n", lamp_statement_text(rows, 0),
                               lamp_statement_text(rows, 1), count);
    }
    return FALSE;
}

static gboolean
render_table(LampCli *cli, LampStatement *rows, const Order *order, GString *out,
             GError **error)
{
    static const char *const titles[] = {
        "host",         ">offset",   ">drift ppm", ">uncertainty",
        ">statistical", ">messages", "method",     NULL};
    g_autoptr(LampTable) table = lamp_table_new(titles);
    gboolean has_row;
    while (lamp_statement_step(rows, &has_row, error)) {
        if (has_row) {
            add_row(table, rows);
            continue;
        }
        if (lamp_table_rows(table) > 0)
            lamp_table_render(table, out, cli->table_width);
        gsize below = out->len;
        if (lamp_table_rows(table) == 0 && order->calls == 0)
            g_string_append(out, "No calls: clocks are aligned by messages that captures of "
                                 "two hosts show.\n");
        else
            describe_order(order, out);
        lamp_wrap(cli, out, below);
        if (!lamp_log_clocks_append(cli, out, error))
            return FALSE;
        below = out->len;
        gboolean ok = describe_zones(cli->store, out, error);
        lamp_wrap(cli, out, below);
        return ok;
    }
    return FALSE;
}

static void
append_number(GString *out, const char *key, LampStatement *row, int column)
{
    g_string_append_printf(out, ", \"%s\": ", key);
    lamp_json_append_real(out, lamp_statement_column_type(row, column) == LAMP_COLUMN_NULL
                                   ? (double) NAN
                                   : lamp_statement_real(row, column));
}

static gboolean
render_json(LampCli *cli, LampStatement *rows, const Order *order, GString *out, GError **error)
{
    gboolean has_row;
    const char *separator = "{\"hosts\": [{\"name\": ";
    while (lamp_statement_step(rows, &has_row, error)) {
        if (!has_row) {
            g_string_append_printf(out,
                                   "%s, \"calls\": %" G_GINT64_FORMAT
                                   ", \"violations_before\": %" G_GINT64_FORMAT
                                   ", \"violations\": %" G_GINT64_FORMAT
                                   ", \"worst_violation_ns\": %" G_GINT64_FORMAT,
                                   out->len == 0 ? "{\"hosts\": []" : "]", order->calls,
                                   order->raw_violations, order->violations, order->worst_ns);
            gboolean ok = lamp_log_clocks_append_json(cli, out, error);
            g_string_append(out, "}\n");
            return ok;
        }
        g_string_append(out, separator);
        separator = ", {\"name\": ";
        lamp_json_append_string(out, lamp_statement_text(rows, 0));
        g_string_append(out, ", \"method\": ");
        lamp_json_append_string(out, lamp_statement_text(rows, 1));
        lamp_json_append_time(out, "offset_ns", lamp_statement_int_or(rows, 2, LAMP_TIME_NONE));
        append_number(out, "drift_ppm", rows, 3);
        lamp_json_append_time(out, "uncertainty_ns",
                              lamp_statement_int_or(rows, 4, LAMP_TIME_NONE));
        lamp_json_append_time(out, "statistical_ns",
                              lamp_statement_int_or(rows, 7, LAMP_TIME_NONE));
        append_number(out, "part", rows, 8);
        lamp_json_append_time(out, "first_ns", lamp_statement_int_or(rows, 9, LAMP_TIME_NONE));
        lamp_json_append_time(out, "last_ns", lamp_statement_int_or(rows, 10, LAMP_TIME_NONE));
        append_number(out, "messages", rows, 5);
        g_string_append(out, "}");
    }
    return FALSE;
}

static int
run(LampCli *cli, G_GNUC_UNUSED char **arguments, GError **error)
{
    Order order;
    g_autoptr(LampStatement) rows = lamp_statement_new(cli->store, hosts_sql, error);
    if (rows == NULL || !read_order(cli->store, &order, error))
        return -1;
    g_autoptr(GString) out = g_string_new(NULL);
    gboolean ok = as_json ? render_json(cli, rows, &order, out, error)
                          : render_table(cli, rows, &order, out, error);
    return ok && lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_clock = {
    .name = "clock",
    .arguments = "FILE.db",
    .summary = "Show each host's clock error, and what is still out of order",
    .examples = "lamplight clock shop.db",
    .description =
        "Offset is the host's clock minus the reference's in the middle of the time; the "
        "true value lies\n"
        "within the uncertainty, the unknown asymmetry of delays included; statistical is the "
        "standard error\n"
        "without it. A clock that was set has a row for each part of its time. A host that no "
        "other one\n"
        "exchanged messages with in both directions cannot be aligned. Times of calls are on "
        "the "
        "reference's\n"
        "clock. Below: how fine the times of log files are, and whether they name their zone; "
        "times without\n"
        "one are read as UTC, or as --tz of `lamplight ingest` tells.",
    .options = options,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_CORRELATED,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
