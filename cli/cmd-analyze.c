/*
 * lamplight analyze: ingest, correlate and summarise in one go.
 *
 * The summary is what the commands for the single views print with their defaults, one after
 * the other, so that a user learns their names on the way.
 */
#include "base/log.h"
#include "cli/commands.h"
#include "cli/correlate-run.h"
#include "cli/ingest-options.h"
#include "cli/print.h"
#include "store/statement.h"

typedef struct {
    const char *title;
    const LampCommand *command;
} Section;

static const Section sections[] = {
    {"Services", &lamp_command_services},
    {"Request flows by shape", &lamp_command_flows},
    {"A typical request", &lamp_command_gantt},
};

static gint64
query_int(LampStore *store, const char *sql)
{
    g_autoptr(LampStatement) query = lamp_statement_new(store, sql, NULL);
    gboolean has_row = FALSE;
    if (query == NULL || !lamp_statement_step(query, &has_row, NULL) || !has_row)
        return 0;
    return lamp_statement_int(query, 0);
}

static double
query_real(LampStore *store, const char *sql)
{
    g_autoptr(LampStatement) query = lamp_statement_new(store, sql, NULL);
    gboolean has_row = FALSE;
    if (query == NULL || !lamp_statement_step(query, &has_row, NULL) || !has_row)
        return 0;
    return lamp_statement_real(query, 0);
}

/* How much was found and how sure it is. */
static void
append_overview(LampStore *store, GString *out)
{
    g_autofree char *calls =
        lamp_count_format((guint64) query_int(store, "SELECT count(*) FROM calls"));
    g_autofree char *requests = lamp_count_format(
        (guint64) query_int(store, "SELECT count(*) FROM trace_roots WHERE NOT is_background"));
    g_autofree char *background = lamp_count_format(
        (guint64) query_int(store, "SELECT count(*) FROM trace_roots WHERE is_background"));
    gint64 links = query_int(store, "SELECT count(*) FROM call_links WHERE rank = 1");
    gint64 violations =
        query_int(store, "SELECT count(*) FROM calls WHERE order_violation_ns > 0");
    double sure = query_real(store, "SELECT avg(confidence) FROM call_links WHERE rank = 1");
    g_string_append_printf(out, "%s calls in %s requests and %s background activities.\n",
                           calls, requests, background);
    if (links > 0)
        g_string_append_printf(out,
                               "Causes were inferred for %" G_GINT64_FORMAT
                               " calls; expected to be right: %.1f%%.\n",
                               links, 100 * sure);
    g_string_append_printf(
        out,
        "Clocks of %" G_GINT64_FORMAT " hosts aligned; %" G_GINT64_FORMAT
        " calls still received before they were sent.\n",
        query_int(store, "SELECT count(*) FROM hosts WHERE offset_ns IS NOT NULL"), violations);
}

static gboolean
print_summary(LampCli *cli, GError **error)
{
    g_autoptr(GString) overview = g_string_new(NULL);
    append_overview(cli->store, overview);
    if (!lamp_print(overview, error))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(sections); i++) {
        char *arguments[] = {(char *) lamp_store_path(cli->store), NULL};
        g_autoptr(GString) title = g_string_new(NULL);
        g_string_printf(title, "\n== %s (lamplight %s %s)\n", sections[i].title,
                        sections[i].command->name, lamp_store_path(cli->store));
        if (!lamp_print(title, error) || sections[i].command->run(cli, arguments, error) < 0)
            return FALSE;
    }
    return TRUE;
}

static int
run(LampCli *cli, char **arguments, GError **error)
{
    LampIngestCounts counts;
    cli->store = lamp_ingest_run(cli, arguments, &counts, error);
    if (cli->store == NULL)
        return -1;
    lamp_ingest_report(cli, cli->store, &counts);
    int status = lamp_ingest_status(&counts, error);
    if (status < 0 || !lamp_correlate_run(cli, cli->store, error))
        return -1;
    if (query_int(cli->store, "SELECT count(*) FROM trace_roots") == 0) {
        lamp_log(LAMP_LOG_WARNING, "analyze",
                 "no calls were found: %s holds what was read (lamplight sql)",
                 lamp_store_path(cli->store));
        return status;
    }
    return print_summary(cli, error) ? status : -1;
}

const LampCommand lamp_command_analyze = {
    .name = "analyze",
    .arguments = "PATH...",
    .summary = "Read logs and captures, find the request flows, show them",
    .description =
        "Does `ingest`, `correlate` and then shows `services`, `flows` and one `gantt`. PATH "
        "is a file, a\n"
        "folder (walked), or - for standard input. Nothing is changed but the database.",
    .options = lamp_ingest_option_entries,
    .least_arguments = 1,
    .run = run,
};
