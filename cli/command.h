/*
 * A command: one file cli/cmd-NAME.c with one LampCommand, one row in cli/commands.c. Help,
 * usage and the opening of the database come from the row; the command's function is what is
 * left.
 *
 * A command with LAMP_COMMAND_STORE gets the database named by its first argument (or by -o)
 * opened and checked that the stages it needs are done. Results go to standard output through
 * cli/print.h, text for the person to standard error (base/log.h). No command ends the process.
 */
#pragma once

#include "store/store.h"

#define LAMP_CLI_ERROR (lamp_cli_error_quark())
GQuark lamp_cli_error_quark(void);

typedef enum {
    LAMP_CLI_ERROR_USAGE,  /* exit status 2 */
    LAMP_CLI_ERROR_INPUT,  /* nothing to work on: exit status 3 */
    LAMP_CLI_ERROR_OUTPUT, /* cannot be written: exit status 5 */
    LAMP_CLI_ERROR_CLOSED, /* the reader of the output has gone: no error to show, status 0 */
} LampCliError;

/* Exit statuses; the text for users is in cli/help.c and README.md. */
enum {
    LAMP_EXIT_OK = 0,
    LAMP_EXIT_LOSSES = 1, /* done, but some input is lost: see the view source_coverage */
    LAMP_EXIT_USAGE = 2,
    LAMP_EXIT_INPUT = 3,
    LAMP_EXIT_STORE = 4,
    LAMP_EXIT_OUTPUT = 5,
    LAMP_EXIT_INTERNAL = 70,
    LAMP_EXIT_INTERRUPTED = 130, /* as shells say of Ctrl-C */
};

typedef enum {
    LAMP_COMMAND_STORE =
        1, /* first argument is a database: opened for reading, given as cli->store */
    LAMP_COMMAND_WRITES = 2,     /* with STORE: opened for writing */
    LAMP_COMMAND_INGESTED = 4,   /* needs the ingest stage done */
    LAMP_COMMAND_CORRELATED = 8, /* needs both stages done */
} LampCommandFlags;

/* What main prepared. */
typedef struct {
    LampStore *store; /* with LAMP_COMMAND_STORE; owned by main */
    gboolean quiet;
    gboolean verbose;
    gboolean color;   /* standard output is a terminal and NO_COLOR is not set */
    gint width;       /* columns for drawings; 100 where neither terminal nor COLUMNS say */
    gint table_width; /* columns that tables must fit, for lamp_table_render(); 0: any */
} LampCli;

/* What a number given as an option may be; main refuses others. */
typedef struct {
    const char *name; /* of the option, NULL ends a table */
    const int *count; /* its variable, one of the two */
    const double *real;
    double least, most;
} LampOptionRange;

typedef struct {
    const char *name;
    const char *arguments;   /* for the usage line: "FILE.db [TRACE]" */
    const char *summary;     /* one line, no full stop */
    const char *examples;    /* command lines, one a line; shown below the description */
    const char *description; /* further help, shown below the options; may be NULL */
    const GOptionEntry
        *options; /* parsed by main into the command's static variables; may be NULL */
    const GOptionEntry *more_options; /* the same of another stage; may be NULL */
    const LampOptionRange *ranges;    /* may be NULL */
    LampCommandFlags flags;
    guint least_arguments, most_arguments; /* without the command's name; most 0: any number */
    /* @arguments: NULL-terminated, options removed, the database's name first where there is
     * one. Returns an exit status; -1 with @error set: main shows it and chooses the status. */
    int (*run)(LampCli *cli, char **arguments, GError **error);
} LampCommand;

/* All commands in the order in which help shows them, NULL-terminated (cli/commands.c). */
extern const LampCommand *const lamp_commands[];
