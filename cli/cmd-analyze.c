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

static const Section services = {"Services", &lamp_command_services};
static const Section dependencies = {"Who depends on whom", &lamp_command_dependencies};

/* Columns of the view `totals`. */
enum {
    CALLS,
    LEFT_OUT,
    REQUESTS,
    BACKGROUND,
    LINKS,
    ACCURACY,
    CLOCKS,
    VIOLATIONS,
    NOT_ALIGNED,
    ONE_ADDRESS, /* and not of the view: */
    UNNAMED,
};

/* Requests of which no record says who made them, at several services or at a store behind
 * others; 0 if all are at one. */
#define UNNAMED_SQL                                                                        \
    "(SELECT iif(count(DISTINCT i.service_id) > 1 OR max(p.text IN ('postgresql', "        \
    "'mysql', 'redis', 'memcached')) AND (SELECT count(DISTINCT server_instance_id) > 1"   \
    " FROM calls), count(*), 0) FROM trace_roots r JOIN calls c ON c.call_id = r.trace_id" \
    " JOIN instances i ON i.instance_id = c.server_instance_id LEFT JOIN strings p ON"     \
    " p.string_id = c.protocol_id WHERE NOT r.is_background AND c.client_instance_id IS"   \
    " NULL)"

static LampStatement *
read_totals(LampStore *store, GError **error)
{
    g_autoptr(LampStatement) totals = lamp_statement_new(
        store,
        "SELECT calls, calls_left_out, requests, background_activities, links,"
        " expected_accuracy, clocks_aligned, order_violations, clocks_not_aligned,"
        " (SELECT count(DISTINCT address) = 1 FROM endpoints) AND EXISTS (SELECT 1 FROM"
        " connections), " UNNAMED_SQL " FROM totals",
        error);
    gboolean has_row = FALSE;
    if (totals == NULL || !lamp_statement_step(totals, &has_row, error))
        return NULL;
    return g_steal_pointer(&totals);
}

static void
append_totals(GString *out, LampStatement *totals, int column, const char *what)
{
    g_autofree char *count = lamp_count_format((guint64) lamp_statement_int(totals, column));
    g_string_append_printf(out, "%s %s", count, what);
}

/* The same with @one for a single one of them. */
static void
append_counted(GString *out, LampStatement *totals, int column, const char *one,
               const char *many)
{
    append_totals(out, totals, column, lamp_statement_int(totals, column) == 1 ? one : many);
}

/* One clock, the reference's own, is nothing that was aligned. */
static void
append_clocks(GString *out, LampStatement *totals)
{
    gboolean has_left = lamp_statement_int(totals, NOT_ALIGNED) > 0;
    if (lamp_statement_int(totals, CLOCKS) > 1) {
        g_string_append(out, "Clocks of ");
        append_totals(out, totals, CLOCKS, has_left ? "hosts aligned, " : "hosts aligned; ");
        if (has_left)
            append_totals(
                out, totals, NOT_ALIGNED,
                "cannot be (neither traffic in both directions with another nor log lines of "
                "captured calls); ");
    } else {
        g_string_append(out, has_left
                                 ? "No clocks were aligned: no two hosts' records show the "
                                   "same messages in both directions; "
                                 : "All times are taken as of one clock; ");
    }
}

/* Where the input cannot tell who called. */
static void
append_callers(GString *out, LampStatement *totals)
{
    if (lamp_statement_int(totals, ONE_ADDRESS) != 0)
        g_string_append(out,
                        "All connections are of one address to itself: which of its "
                        "programs opened each was inferred from what they were serving.\n");
    if (lamp_statement_int(totals, UNNAMED) > 0)
        append_totals(out, totals, UNNAMED,
                      "requests name no caller: some may be calls of another of the "
                      "services.\n");
}

/* How much was found and how sure it is. */
static void
append_overview(LampStatement *totals, GString *out)
{
    append_counted(out, totals, CALLS, "call in ", "calls in ");
    append_counted(out, totals, REQUESTS, "request and ", "requests and ");
    append_counted(out, totals, BACKGROUND, "background activity.\n",
                   "background activities.\n");
    if (lamp_statement_int(totals, LEFT_OUT) > 0)
        append_counted(
            out, totals, LEFT_OUT,
            "more call has no begin (a push, or a reply whose request was not captured or "
            "could not be read) and is left out below.\n",
            "more calls have no begin (pushes, replies whose request was not captured "
            "or could not be read) and are left out below.\n");
    if (lamp_statement_int(totals, LINKS) > 0) {
        g_string_append(out, "Causes were inferred for ");
        append_counted(out, totals, LINKS, "call; ", "calls; ");
        g_string_append_printf(out, "expected to be right: %.1f%%.\n",
                               100 * lamp_statement_real(totals, ACCURACY));
    }
    append_callers(out, totals);
    append_clocks(out, totals);
    append_counted(out, totals, VIOLATIONS, "call still received before it was sent.\n",
                   "calls still received before they were sent.\n");
}

static gboolean
print_section(LampCli *cli, const Section *section, GError **error)
{
    char *arguments[] = {(char *) lamp_store_path(cli->store), NULL};
    g_autoptr(GString) title = g_string_new(NULL);
    g_string_printf(title, "\n== %s (lamplight %s %s)\n", section->title,
                    section->command->name, lamp_store_path(cli->store));
    return lamp_print(title, error) && section->command->run(cli, arguments, error) >= 0;
}

static gboolean
print_summary(LampCli *cli, LampStatement *totals, GError **error)
{
    g_autoptr(GString) overview = g_string_new(NULL);
    append_overview(totals, overview);
    if (!lamp_print(overview, error))
        return FALSE;
    gboolean is_ok = TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(sections) && is_ok; i++)
        is_ok = print_section(cli, &sections[i], error);
    return is_ok;
}

static gboolean
has_rows(LampCli *cli, const char *sql, gboolean *out_has_rows, GError **error)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(cli->store, sql, error);
    return rows != NULL && lamp_statement_step(rows, out_has_rows, error);
}

/* Flow records show no calls, but who speaks with whom. Log records without durations show that
 * something was done, not how long it took or for whom. */
static gboolean
print_without_calls(LampCli *cli, GError **error)
{
    gboolean has_flows = FALSE, has_events = FALSE;
    if (!has_rows(cli, "SELECT 1 FROM flow_records LIMIT 1", &has_flows, error) ||
        !has_rows(cli, "SELECT 1 FROM events LIMIT 1", &has_events, error))
        return FALSE;
    if (has_flows) {
        lamp_log(LAMP_LOG_NOTE, "analyze",
                 "no calls were found; flow records tell who depends on whom");
        return print_section(cli, &services, error) && print_section(cli, &dependencies, error);
    }
    if (has_events)
        lamp_log(
            LAMP_LOG_WARNING, "analyze",
            "no calls were found: no record tells how long a request took (nginx logs it as "
            "$request_time, Apache as %%D), and no chains of lines show requests");
    lamp_log(LAMP_LOG_WARNING, "analyze", "%s%s holds what was read (lamplight sql)",
             has_events ? "" : "no calls were found: ", lamp_store_path(cli->store));
    return TRUE;
}

static int
run(LampCli *cli, char **arguments, GError **error)
{
    LampIngestCounts counts;
    cli->store = lamp_ingest_run(cli, arguments, &counts, error);
    if (cli->store == NULL)
        return -1;
    if (!lamp_ingest_report(cli, cli->store, &counts, error))
        return -1;
    int status = lamp_ingest_status(cli->store, &counts, error);
    if (status < 0 || !lamp_correlate_run(cli, cli->store, error))
        return -1;
    g_autoptr(LampStatement) totals = read_totals(cli->store, error);
    if (totals == NULL)
        return -1;
    g_autoptr(GError) failure = NULL;
    gboolean has_calls = lamp_statement_int(totals, CALLS) > 0;
    if ((has_calls ? print_summary(cli, totals, &failure)
                   : print_without_calls(cli, &failure)) ||
        g_error_matches(failure, LAMP_CLI_ERROR, LAMP_CLI_ERROR_CLOSED))
        return status;
    g_propagate_error(error, g_steal_pointer(&failure));
    return -1;
}

const LampCommand lamp_command_analyze = {
    .name = "analyze",
    .arguments = "PATH...",
    .summary = "Read logs and captures, find the request flows, show them",
    .examples = "lamplight analyze pcap/ logs/ -o shop.db\n"
                "lamplight analyze --keylog tls.keys lo.pcap -o lo.db",
    .description =
        "Does `ingest`, `correlate` and then shows `services`, `flows` and one `gantt`. PATH "
        "is a file, a\n"
        "folder (walked), or - for standard input. Nothing is changed but the database.",
    .options = lamp_ingest_option_entries,
    .more_options = lamp_correlate_option_entries,
    .least_arguments = 1,
    .run = run,
};
