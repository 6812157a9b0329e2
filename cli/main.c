/*
 * The program: finds the command, parses its options, opens the database it asks for, runs it
 * and turns errors into text and an exit status. The only place that ends the process.
 */
#include "base/log.h"
#include "cli/command.h"
#include "ingest/source.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static gboolean quiet, verbose;

static const GOptionEntry common_options[] = {
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "errors only, no progress", NULL},
    {"verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose, "say more", NULL},
    {NULL},
};

static void
print_help(FILE *to)
{
    fprintf(
        to,
        "lamplight %s: request flows of a running system from its logs and packet captures\n\n"
        "usage: lamplight COMMAND [OPTION...] [ARGUMENT...]\n\n",
        LAMP_VERSION);
    for (gsize i = 0; lamp_commands[i] != NULL; i++)
        fprintf(to, "  %-11s %s\n", lamp_commands[i]->name, lamp_commands[i]->summary);
    fprintf(to, "\n`lamplight COMMAND --help` tells the options of a command. Start with\n"
                "  lamplight analyze PATH... -o FILE.db\n"
                "Exit status: 0 done, 1 done but some input could not be read, 2 usage, 3 no "
                "input could be\n"
                "read, 4 database, 5 no space, 70 internal.\n");
}

static const LampCommand *
find_command(const char *name)
{
    for (gsize i = 0; lamp_commands[i] != NULL; i++)
        if (g_str_equal(lamp_commands[i]->name, name))
            return lamp_commands[i];
    return NULL;
}

static gint
terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        return size.ws_col;
    return 100;
}

static gboolean
parse_options(const LampCommand *command, int *argc, char ***argv, GError **error)
{
    g_autofree char *program = g_strdup_printf("lamplight %s", command->name);
    g_autofree char *usage = g_strdup_printf("%s\n\n%s", command->arguments, command->summary);
    g_set_prgname(program);
    g_autoptr(GOptionContext) context = g_option_context_new(usage);
    if (command->description != NULL)
        g_option_context_set_description(context, command->description);
    if (command->options != NULL)
        g_option_context_add_main_entries(context, command->options, NULL);
    g_option_context_add_main_entries(context, common_options, NULL);
    return g_option_context_parse(context, argc, argv, error);
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

static int
status_of(const GError *error)
{
    if (error->domain == G_OPTION_ERROR ||
        g_error_matches(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE) ||
        g_error_matches(error, LAMP_STORE_ERROR, LAMP_STORE_ERROR_QUERY))
        return LAMP_EXIT_USAGE;
    if (g_error_matches(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_INPUT) ||
        error->domain == LAMP_SOURCE_ERROR)
        return LAMP_EXIT_INPUT;
    if (g_error_matches(error, LAMP_STORE_ERROR, LAMP_STORE_ERROR_FULL))
        return LAMP_EXIT_SPACE;
    return error->domain == LAMP_STORE_ERROR ? LAMP_EXIT_STORE : LAMP_EXIT_INTERNAL;
}

static int
run_command(const LampCommand *command, int argc, char **argv, GError **error)
{
    if (!parse_options(command, &argc, &argv, error) || !check_ranges(command, error))
        return -1;
    if (quiet || verbose)
        lamp_log_set_level(quiet ? LAMP_LOG_ERROR : LAMP_LOG_DEBUG);
    LampCli cli = {.quiet = quiet,
                   .verbose = verbose,
                   .is_terminal = isatty(STDOUT_FILENO) != 0,
                   .color = isatty(STDOUT_FILENO) && g_getenv("NO_COLOR") == NULL,
                   .width = terminal_width()};
    char **arguments = argv + 1;
    if (argc > 1 && g_str_equal(arguments[0], "--"))
        arguments++;
    int status = -1;
    if (check_arguments(command, g_strv_length(arguments), error) &&
        open_store(command, &cli, arguments[0], error))
        status = command->run(&cli, arguments, error);
    lamp_store_close(cli.store);
    return status;
}

int
main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2 || g_str_equal(argv[1], "--help") || g_str_equal(argv[1], "-h") ||
        g_str_equal(argv[1], "help")) {
        print_help(argc < 2 ? stderr : stdout);
        return argc < 2 ? LAMP_EXIT_USAGE : LAMP_EXIT_OK;
    }
    if (g_str_equal(argv[1], "--version")) {
        printf("lamplight %s\n", LAMP_VERSION);
        return LAMP_EXIT_OK;
    }
    const LampCommand *command = find_command(argv[1]);
    if (command == NULL) {
        lamp_log(LAMP_LOG_ERROR, "command",
                 "there is no command '%s'; `lamplight help` lists them", argv[1]);
        return LAMP_EXIT_USAGE;
    }
    g_autoptr(GError) error = NULL;
    int status = run_command(command, argc - 1, argv + 1, &error);
    if (error != NULL) {
        lamp_log(LAMP_LOG_ERROR, command->name, "%s", error->message);
        status = status_of(error);
    }
    return status;
}
