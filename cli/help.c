/*
 * Help and options. GLib parses; what it says of an unknown option is completed by the nearest
 * one that exists.
 */
#include "cli/help.h"

#include "cli/closest.h"

gboolean lamp_option_quiet, lamp_option_verbose;
static gboolean help;

const GOptionEntry lamp_common_options[] = {
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &lamp_option_quiet, "errors only, no progress", NULL},
    {"verbose", 'v', 0, G_OPTION_ARG_NONE, &lamp_option_verbose, "say more", NULL},
    {"help", 'h', 0, G_OPTION_ARG_NONE, &help, "show this", NULL},
    {NULL},
};

const char lamp_exit_statuses[] =
    "  0    done\n"
    "  1    done, but some of the input could not be read or understood (ingest, analyze),\n"
    "       or some calls are not allowed (audit)\n"
    "  2    wrong use: command, option, value, query, or a name that does not occur\n"
    "  3    nothing to work on: no input could be read, no request flow passes\n"
    "  4    the database is missing, foreign, damaged or not finished\n"
    "  5    output could not be written: disk full, device failed\n"
    "  70   internal error\n"
    "  130  interrupted; the same command goes on\n";

GString *
lamp_help_overview(void)
{
    GString *out = g_string_new(NULL);
    g_string_append_printf(
        out,
        "lamplight %s: request flows of a running system from its logs and packet captures\n\n"
        "usage: lamplight COMMAND [OPTION...] [ARGUMENT...]\n\n",
        LAMP_VERSION);
    for (gsize i = 0; lamp_commands[i] != NULL; i++)
        g_string_append_printf(out, "  %-13s %s\n", lamp_commands[i]->name,
                               lamp_commands[i]->summary);
    g_string_append_printf(out,
                           "\n`lamplight help COMMAND` tells the options of a command. Start "
                           "with\n"
                           "  lamplight analyze PATH... -o FILE.db\n\nExit status:\n%s",
                           lamp_exit_statuses);
    return out;
}

const LampCommand *
lamp_command_find(const char *name, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (gsize i = 0; lamp_commands[i] != NULL; i++) {
        if (g_str_equal(lamp_commands[i]->name, name))
            return lamp_commands[i];
        g_ptr_array_add(names, (gpointer) lamp_commands[i]->name);
    }
    g_ptr_array_add(names, NULL);
    g_autofree char *hint = lamp_closest_hint(name, (const char *const *) names->pdata);
    if (*hint == '\0' && g_file_test(name, G_FILE_TEST_EXISTS))
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
                    "there is no command '%s'; to analyse that file: lamplight analyze %s",
                    name, name);
    else
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE, "there is no command '%s'%s%s",
                    name, hint, *hint == '\0' ? "; `lamplight help` lists them" : "");
    return NULL;
}

static void
add_names(GPtrArray *names, const GOptionEntry *entries)
{
    for (gsize i = 0; entries != NULL && entries[i].long_name != NULL; i++)
        g_ptr_array_add(names, (gpointer) entries[i].long_name);
}

/* GLib's message ends with the option as it was typed. */
static void
advise(const LampCommand *command, GError *error)
{
    const char *typed = strrchr(error->message, '-');
    g_autofree char *hint = NULL;
    if (g_error_matches(error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION) &&
        (typed = strstr(error->message, " --")) != NULL) {
        g_autoptr(GPtrArray) names = g_ptr_array_new();
        add_names(names, command->options);
        add_names(names, command->more_options);
        add_names(names, lamp_common_options);
        g_ptr_array_add(names, NULL);
        g_auto(GStrv) words = g_strsplit(typed + 3, "=", 2);
        const char *near = lamp_closest(words[0], (const char *const *) names->pdata);
        hint = near == NULL ? NULL : g_strdup_printf("; did you mean '--%s'?", near);
    }
    char *message = hint != NULL ? g_strconcat(error->message, hint, NULL)
                                 : g_strdup_printf("%s; `lamplight help %s` lists the options",
                                                   error->message, command->name);
    g_free(error->message);
    error->message = message;
}

/* What stands below the options: the description, then the examples. */
static char *
describe(const LampCommand *command)
{
    GString *out = g_string_new(command->description);
    if (command->examples == NULL)
        return g_string_free(out, FALSE);
    if (out->len > 0)
        g_string_append(out, g_str_has_suffix(out->str, "\n") ? "\n" : "\n\n");
    g_auto(GStrv) lines = g_strsplit(command->examples, "\n", -1);
    g_string_append(out, lines[0] != NULL && lines[1] != NULL ? "Examples:" : "Example:");
    for (guint i = 0; lines[i] != NULL; i++)
        g_string_append_printf(out, "\n  %s", lines[i]);
    return g_string_free(out, FALSE);
}

gboolean
lamp_options_parse(const LampCommand *command, int *argc, char ***argv, GString **out_help,
                   GError **error)
{
    g_autofree char *program = g_strdup_printf("lamplight %s", command->name);
    g_autofree char *usage = g_strdup_printf("%s\n\n%s", command->arguments, command->summary);
    g_set_prgname(program);
    g_autoptr(GOptionContext) context = g_option_context_new(usage);
    g_autofree char *below = describe(command);
    g_option_context_set_description(context, below);
    if (command->options != NULL)
        g_option_context_add_main_entries(context, command->options, NULL);
    if (command->more_options != NULL)
        g_option_context_add_main_entries(context, command->more_options, NULL);
    g_option_context_add_main_entries(context, lamp_common_options, NULL);
    g_option_context_set_help_enabled(context, FALSE);
    g_autoptr(GError) wrong = NULL;
    if (!g_option_context_parse(context, argc, argv, &wrong)) {
        advise(command, wrong);
        g_propagate_error(error, g_steal_pointer(&wrong));
        return FALSE;
    }
    *out_help = NULL;
    if (help) {
        g_autofree char *text = g_option_context_get_help(context, TRUE, NULL);
        *out_help = g_string_new(text);
    }
    return TRUE;
}
