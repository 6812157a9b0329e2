/*
 * The program: finds the command, parses its options, opens the database it asks for, runs it
 * and turns errors into text and an exit status. The only place that ends the process.
 */
#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/flow-options.h"
#include "cli/help.h"
#include "cli/print.h"
#include "correlate/correlate.h"
#include "correlate/eval/eval.h"
#include "ingest/packets.h"
#include "ingest/source.h"
#include "model/change.h"
#include "model/whatif-eval.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The command that runs, for messages. */
static const char *running = "command";

#define NARROWEST 40
#define WIDEST 10000

/* Columns as the environment says, else as the terminal says; 0 where neither does. */
static gint
find_width(void)
{
    guint64 columns;
    const char *wish = g_getenv("COLUMNS");
    if (wish != NULL && lamp_text_parse_u64(lamp_bytes_text(wish), &columns) && columns > 0)
        return (gint) CLAMP(columns, NARROWEST, WIDEST);
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return MAX(size.ws_col, NARROWEST);
    return 0;
}

static gboolean
check_ranges(const LampCommand *command, GError **error)
{
    const LampOptionRange *range = command->ranges;
    for (; range != NULL && range->name != NULL; range++) {
        double value = range->count != NULL ? (double) *range->count : *range->real;
        if (value >= range->least && value <= range->most)
            continue;
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
                    "--%s takes a number from %.10g to %.10g, not %.10g", range->name,
                    range->least, range->most, value);
        return FALSE;
    }
    return TRUE;
}

static gboolean
check_arguments(const LampCommand *command, guint count, GError **error)
{
    if (count >= command->least_arguments &&
        (command->most_arguments == 0 || count <= command->most_arguments ||
         command->least_arguments > command->most_arguments))
        return TRUE;
    g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
                "usage: lamplight %s [OPTION...] %s", command->name, command->arguments);
    return FALSE;
}

static gboolean
open_store(const LampCommand *command, LampCli *cli, const char *path, GError **error)
{
    if (!(command->flags & LAMP_COMMAND_STORE))
        return TRUE;
    cli->store = lamp_store_open(
        path, command->flags & LAMP_COMMAND_WRITES ? LAMP_STORE_WRITE : LAMP_STORE_READ, error);
    if (cli->store == NULL)
        return FALSE;
    if (command->flags & (LAMP_COMMAND_INGESTED | LAMP_COMMAND_CORRELATED) &&
        !lamp_store_stage_require(cli->store, "ingest", error))
        return FALSE;
    return !(command->flags & LAMP_COMMAND_CORRELATED) ||
           lamp_store_stage_require(cli->store, "correlate", error);
}

/* Exit status of each kind of error; the first row that fits. */
static int
status_of(const GError *error)
{
    enum { ANY = -1 };
    const struct {
        GQuark domain;
        int code, status;
    } rows[] = {
        {LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE, LAMP_EXIT_USAGE},
        {LAMP_CLI_ERROR, LAMP_CLI_ERROR_INPUT, LAMP_EXIT_INPUT},
        {LAMP_CLI_ERROR, LAMP_CLI_ERROR_OUTPUT, LAMP_EXIT_OUTPUT},
        {G_OPTION_ERROR, ANY, LAMP_EXIT_USAGE},
        {LAMP_STORE_ERROR, LAMP_STORE_ERROR_QUERY, LAMP_EXIT_USAGE},
        {LAMP_STORE_ERROR, LAMP_STORE_ERROR_FULL, LAMP_EXIT_OUTPUT},
        {LAMP_STORE_ERROR, ANY, LAMP_EXIT_STORE},
        {LAMP_SOURCE_ERROR, LAMP_SOURCE_ERROR_INTERRUPT, LAMP_EXIT_INTERRUPTED},
        {LAMP_SOURCE_ERROR, LAMP_SOURCE_ERROR_OPTION, LAMP_EXIT_USAGE},
        {LAMP_SOURCE_ERROR, ANY, LAMP_EXIT_INPUT},
        {LAMP_PACKETS_ERROR, ANY, LAMP_EXIT_USAGE},
        {LAMP_CORRELATE_ERROR, LAMP_CORRELATE_ERROR_INTERRUPTED, LAMP_EXIT_INTERRUPTED},
        {LAMP_EVAL_ERROR, ANY, LAMP_EXIT_INPUT},
        {LAMP_WHATIF_EVAL_ERROR, ANY, LAMP_EXIT_INPUT},
        {LAMP_CHANGE_ERROR, ANY, LAMP_EXIT_USAGE},
        {G_FILE_ERROR, ANY, LAMP_EXIT_INPUT},
        {G_SPAWN_ERROR, ANY, LAMP_EXIT_OUTPUT},
        {G_SPAWN_EXIT_ERROR, ANY, LAMP_EXIT_OUTPUT},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (error->domain == rows[i].domain &&
            (rows[i].code == ANY || rows[i].code == error->code))
            return rows[i].status;
    return LAMP_EXIT_INTERNAL;
}

/* As https://no-color.org has it: present and not empty. */
static gboolean
is_set(const char *variable)
{
    const char *value = g_getenv(variable);
    return value != NULL && *value != '\0';
}

static int
run_with_options(const LampCommand *command, char **arguments, GError **error)
{
    gint width = find_width();
    LampCli cli = {.quiet = lamp_option_quiet,
                   .verbose = lamp_option_verbose,
                   .color = isatty(STDOUT_FILENO) && !is_set("NO_COLOR"),
                   .width = width > 0 ? width : 100,
                   .table_width = width};
    int status = -1;
    if (check_arguments(command, g_strv_length(arguments), error) &&
        open_store(command, &cli, arguments[0], error) &&
        lamp_flow_filter_check(cli.store, error))
        status = command->run(&cli, arguments, error);
    lamp_store_close(cli.store);
    return status;
}

static int
run_command(const char *name, int argc, char **argv, GError **error)
{
    const LampCommand *command = lamp_command_find(name, error);
    g_autoptr(GString) help = NULL;
    if (command == NULL || !lamp_options_parse(command, &argc, &argv, &help, error))
        return -1;
    running = command->name;
    if (help != NULL)
        return lamp_print(help, error) ? LAMP_EXIT_OK : -1;
    if (!check_ranges(command, error))
        return -1;
    if (lamp_option_quiet || lamp_option_verbose)
        lamp_log_set_level(lamp_option_quiet ? LAMP_LOG_ERROR : LAMP_LOG_DEBUG);
    char **arguments = argv + 1;
    if (argc > 1 && g_str_equal(arguments[0], "--"))
        arguments++;
    return run_with_options(command, arguments, error);
}

static gboolean
is_one_of(const char *word, const char *a, const char *b)
{
    return g_str_equal(word, a) || g_str_equal(word, b);
}

/* What the first word asks for: help, version, or a command. */
static int
run_words(int argc, char **argv, GError **error)
{
    if (argc >= 2 && g_str_equal(argv[1], "--version")) {
        g_autoptr(GString) version = g_string_new("lamplight " LAMP_VERSION "\n");
        return lamp_print(version, error) ? LAMP_EXIT_OK : -1;
    }
    gboolean wants_help =
        argc < 2 || g_str_equal(argv[1], "help") || is_one_of(argv[1], "--help", "-h");
    if (!wants_help)
        return run_command(argv[1], argc - 1, argv + 1, error);
    if (argc > 2) {
        char *words[] = {argv[2], (char *) "--help", NULL};
        return run_command(argv[2], 2, words, error);
    }
    g_autoptr(GString) help = lamp_help_overview();
    if (argc < 2) {
        fputs(help->str, stderr);
        return LAMP_EXIT_USAGE;
    }
    return lamp_print(help, error) ? LAMP_EXIT_OK : -1;
}

int
main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    signal(SIGPIPE, SIG_IGN);
    g_autoptr(GError) error = NULL;
    int status = run_words(argc, argv, &error);
    if (g_error_matches(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_CLOSED))
        return LAMP_EXIT_OK;
    if (error != NULL) {
        lamp_log(LAMP_LOG_ERROR, running, "%s", error->message);
        status = status_of(error);
    }
    return status;
}
