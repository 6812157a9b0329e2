/*
 * lamplight dependencies: which service depends on which, from flow records or connections
 * alone.
 */
#include "base/text.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/flow-options.h"
#include "cli/flow-services.h"
#include "cli/print.h"
#include "cli/wrap.h"
#include "correlate/dependencies/dependencies.h"
#include "store/statement.h"

#include <math.h>

static gboolean as_json, as_dot;
static char *truth;

static const GOptionEntry options[] = {
    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "a JSON object", NULL},
    {"dot", 0, 0, G_OPTION_ARG_NONE, &as_dot, "a graph for Graphviz", NULL},
    {"truth", 0, 0, G_OPTION_ARG_FILENAME, &truth,
     "compare with spans.csv of a captured system in FOLDER", "FOLDER"},
    {NULL},
};

static char *
format_range(int digits, double value, double low, double high)
{
    return g_strdup_printf("%.*f (%.*f–%.*f)", digits, value, digits, low, digits, high);
}

static void
add_row(LampTable *table, const LampDependency *row)
{
    gboolean is_known = row->verdict == LAMP_VERDICT_DEPENDENT;
    gboolean is_tested = is_known && row->caller_flows > 0;
    char *cells[] = {
        g_strdup(row->caller),
        g_strdup(row->callee),
        lamp_count_format(row->flows),
        lamp_size_format((guint64) row->bytes),
        is_tested
            ? format_range(0, 100 * row->share, 100 * row->share_low, 100 * row->share_high)
            : g_strdup("-"),
        is_tested && row->per_request > 0
            ? format_range(2, row->per_request, row->per_request_low, row->per_request_high)
            : g_strdup("-"),
        is_known && row->lag >= 0 ? lamp_ms_format((double) row->lag) : g_strdup("-"),
        row->q < 1 ? g_strdup_printf("%.2g", row->q) : g_strdup("-"),
        g_strdup(row->method),
        g_strdup(lamp_verdict_name(row->verdict)),
        g_strdup(row->reason),
    };
    lamp_table_take(table, cells);
}

/* Connections hide what calls show, where packets or logs were read, too. */
static void
append_calls(LampStore *store, GString *out)
{
    g_autoptr(LampStatement) query =
        lamp_statement_new(store, "SELECT calls FROM totals", NULL);
    gboolean has_row = FALSE;
    if (query == NULL || !lamp_statement_step(query, &has_row, NULL) || !has_row ||
        lamp_statement_int(query, 0) == 0)
        return;
    g_autofree char *calls = lamp_count_format((guint64) lamp_statement_int(query, 0));
    g_string_append_printf(out,
                           "This database holds calls, too (%s): where flows cannot tell, "
                           "`lamplight costs` and `lamplight graph` do, request by request.\n",
                           calls);
}

static void
append_table(const LampCli *cli, const LampDependencies *found, GString *out)
{
    static const char *const titles[] = {"caller",    "callee",  ">flows",  ">bytes",
                                         ">~share %", ">~each",  ">~delay", ">~q",
                                         "~method",   "verdict", "why",     NULL};
    g_autoptr(LampTable) table = lamp_table_new(titles);
    for (guint i = 0; i < found->rows->len; i++)
        add_row(table, g_ptr_array_index(found->rows, i));
    lamp_table_render(table, out, cli->table_width);
    gsize below = out->len;
    g_string_append_printf(
        out,
        "\n%" G_GUINT64_FORMAT " %s (%" G_GUINT64_FORMAT " not used) make %" G_GUINT64_FORMAT
        " two-way flows in %.1f s, stamps to %g ms%s.\n\"share\": of the callee's flows, or "
        "traffic, that the caller's explain; \"each\": flows for each of the caller's; both "
        "with 95 %% intervals.\n",
        found->records, found->are_records ? "flow records" : "connections", found->ignored,
        found->flows, (double) found->duration / 1e9, (double) found->resolution / 1e6,
        found->is_sampled ? ", packets sampled" : "");
    if (found->blocked + found->unanswered > 0)
        g_string_append_printf(out,
                               "Not counted as dependences: %" G_GUINT64_FORMAT
                               " records of what a firewall blocked, %" G_GUINT64_FORMAT
                               " flows that were never established.\n",
                               found->blocked, found->unanswered);
    g_string_append(out, LAMP_LIMITS_OF_FLOWS);
    append_calls(cli->store, out);
    lamp_wrap(cli, out, below);
}

static void
append_json_row(GString *out, const LampDependency *row)
{
    g_string_append(out, "{\"caller\": ");
    lamp_json_append_string(out, row->caller);
    g_string_append(out, ", \"callee\": ");
    lamp_json_append_string(out, row->callee);
    const struct {
        const char *key;
        double value;
    } figures[] = {
        {"caller_flows", (double) row->caller_flows},
        {"flows", (double) row->flows},
        {"bytes", row->bytes},
        {"packets_per_flow", row->packets_per_flow},
        {"nested", row->nested},
        {"nested_by_chance", row->nested_chance},
        {"unique_links", (double) row->unique_links},
        {"share", row->share},
        {"share_low", row->share_low},
        {"share_high", row->share_high},
        {"per_request", row->per_request},
        {"per_request_low", row->per_request_low},
        {"per_request_high", row->per_request_high},
        {"attributed_bytes", row->attributed_bytes},
        {"p", row->p},
        {"q", row->q},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++) {
        g_string_append_printf(out, ", \"%s\": ", figures[i].key);
        lamp_json_append_real(out, figures[i].value);
    }
    lamp_json_append_ns(out, "lag_ns", row->lag >= 0 ? (double) row->lag : (double) NAN);
    g_string_append_printf(out, ", \"method\": \"%s\", \"verdict\": \"%s\", \"reason\": ",
                           row->method, lamp_verdict_name(row->verdict));
    lamp_json_append_string(out, row->reason);
    g_string_append(out, "}");
}

static void
append_json(const LampDependencies *found, GString *out)
{
    g_string_append_printf(out,
                           "{\"records\": %" G_GUINT64_FORMAT ", \"flows\": %" G_GUINT64_FORMAT
                           ", \"seconds\": ",
                           found->records, found->flows);
    lamp_json_append_real(out, (double) found->duration / 1e9);
    g_string_append(out, ", \"cannot_show\": ");
    lamp_json_append_string(out, LAMP_LIMITS_OF_FLOWS);
    g_string_append(out, ", \"dependencies\": [");
    for (guint i = 0; i < found->rows->len; i++) {
        g_string_append(out, i == 0 ? "\n  " : ",\n  ");
        append_json_row(out, g_ptr_array_index(found->rows, i));
    }
    g_string_append(out, "\n]}\n");
}

/* Solid: dependent; dashed: cannot tell; dotted: independent. */
static void
append_dot(const LampDependencies *found, GString *out)
{
    static const char *const styles[] = {"dashed", "solid", "dotted"};
    g_string_append(out, "digraph dependencies {\n  rankdir=LR;\n  node [shape=box];\n");
    for (guint i = 0; i < found->rows->len; i++) {
        const LampDependency *row = g_ptr_array_index(found->rows, i);
        g_string_append(out, "  ");
        lamp_json_append_string(out, row->caller);
        g_string_append(out, " -> ");
        lamp_json_append_string(out, row->callee);
        g_string_append_printf(out,
                               " [style=%s, label=\"%" G_GUINT64_FORMAT " flows\", "
                               "tooltip=\"%s\"];\n",
                               styles[row->verdict], row->flows,
                               lamp_verdict_name(row->verdict));
    }
    g_string_append(out, "}\n");
}

static gboolean
append_score(LampCli *cli, const LampDependencies *found, GString *out, GError **error)
{
    LampDependencyScore s;
    if (!lamp_dependencies_score(cli->store, found, truth, &s, error))
        return FALSE;
    g_string_append_printf(
        out,
        "\nAgainst the truth (%u pairs of services that call):\n"
        "  pairs seen to talk     %u of %u right, %u of %u found\n"
        "  judged dependent       %u of %u right, %u of %u found\n"
        "  of these by a test     %u of %u pairs in which served requests call\n"
        "  judged independent     %u of %u right\n"
        "  cannot tell            %u\n",
        s.true_pairs, s.seen_right, s.seen, s.seen_right, s.true_pairs, s.dependent_right,
        s.dependent, s.dependent_right, s.true_pairs, s.driven_found, s.driven,
        s.independent_right, s.independent, s.cannot_tell);
    return TRUE;
}

static int
run(LampCli *cli, char **arguments G_GNUC_UNUSED, GError **error)
{
    g_autoptr(LampDependencies) found = lamp_dependencies_find(cli->store, error);
    if (found == NULL || !lamp_dependencies_write(cli->store, found, error))
        return -1;
    if (found->records == 0) {
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_INPUT,
                    "there are neither flow records nor connections; see `lamplight sql %s "
                    "'SELECT * FROM source_coverage'`",
                    lamp_store_path(cli->store));
        return -1;
    }
    g_autoptr(GString) out = g_string_new(NULL);
    if (as_json)
        append_json(found, out);
    else if (as_dot)
        append_dot(found, out);
    else
        append_table(cli, found, out);
    if (truth != NULL && !append_score(cli, found, out, error))
        return -1;
    return lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_dependencies = {
    .name = "dependencies",
    .arguments = "FILE.db",
    .summary = "Dependencies between services from flow records or connections alone",
    .examples = "lamplight dependencies records.db",
    .description =
        "Needs no packets and no logs: NetFlow, IPFIX, sFlow or conntrack records will do. "
        "Where\n"
        "there are none, the connections of the captures are used. Results are kept in the\n"
        "table `dependencies`. Method and limits: docs/dependencies.md.",
    .options = options,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_WRITES | LAMP_COMMAND_INGESTED,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
