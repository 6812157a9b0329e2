/*
 * lamplight manual: the manual page and the completion of bash, both from the table of
 * commands, so that they cannot tell of anything else than the program does.
 */
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/print.h"

#include <string.h>

static gboolean for_bash;

static const GOptionEntry options[] = {
    {"bash", 0, 0, G_OPTION_ARG_NONE, &for_bash, "a file of completions for bash instead",
     NULL},
    {NULL},
};

/* Text for troff: no control lines, no escapes, minus signs that can be copied. */
static void
append_troff(GString *out, const char *text)
{
    for (gboolean is_begin = TRUE; *text != '\0'; text++) {
        if (is_begin && (*text == '.' || *text == '\''))
            g_string_append(out, "\\&");
        if (*text == '\\')
            g_string_append(out, "\\e");
        else if (*text == '-')
            g_string_append(out, "\\-");
        else
            g_string_append_c(out, *text);
        is_begin = *text == '\n';
    }
}

/* Lines that keep their breaks. */
static void
append_verbatim(GString *out, const char *text)
{
    g_string_append(out, ".nf\n");
    append_troff(out, text);
    g_string_append(out, g_str_has_suffix(text, "\n") ? ".fi\n" : "\n.fi\n");
}

static void
append_options(GString *out, const GOptionEntry *entries)
{
    for (; entries != NULL && entries->long_name != NULL; entries++) {
        if ((entries->flags & G_OPTION_FLAG_HIDDEN) != 0)
            continue;
        g_string_append(out, ".TP\n\\fB");
        if (entries->short_name != 0)
            g_string_append_printf(out, "\\-%c\\fR, \\fB", entries->short_name);
        g_string_append(out, "\\-\\-");
        append_troff(out, entries->long_name);
        g_string_append(out, "\\fR");
        if (entries->arg_description != NULL)
            g_string_append_printf(out, "=\\fI%s\\fR", entries->arg_description);
        g_string_append_c(out, '\n');
        append_troff(out, entries->description);
        g_string_append_c(out, '\n');
    }
}

static void
append_command(GString *out, const LampCommand *command)
{
    g_string_append_printf(out, ".SS lamplight %s ", command->name);
    append_troff(out, command->arguments);
    g_string_append_c(out, '\n');
    append_troff(out, command->summary);
    g_string_append(out, ".\n");
    if (command->description != NULL) {
        g_string_append(out, ".PP\n");
        append_verbatim(out, command->description);
    }
    append_options(out, command->options);
    append_options(out, command->more_options);
    if (command->examples != NULL) {
        g_string_append(out, ".PP\n");
        append_verbatim(out, command->examples);
    }
}

static void
append_page(GString *out)
{
    g_string_append(
        out, ".TH LAMPLIGHT 1 \"\" \"lamplight " LAMP_VERSION "\"\n"
             ".SH NAME\nlamplight \\- request flows of a running system from its logs and "
             "packet captures\n"
             ".SH SYNOPSIS\n.B lamplight\n\\fICOMMAND\\fR [\\fIOPTION\\fR...] "
             "[\\fIARGUMENT\\fR...]\n"
             ".SH DESCRIPTION\nTells of a system that was never instrumented which request "
             "caused which, where the time went, and what would happen if a part were "
             "faster, slower, cached or down. Start with\n.PP\n"
             ".B lamplight analyze\n\\fIPATH\\fR... \\-o \\fIFILE.db\\fR\n"
             ".SH OPTIONS\nof every command:\n");
    append_options(out, lamp_common_options);
    g_string_append(out, ".SH COMMANDS\n");
    for (gsize i = 0; lamp_commands[i] != NULL; i++)
        append_command(out, lamp_commands[i]);
    g_string_append(out, ".SH EXIT STATUS\n");
    append_verbatim(out, lamp_exit_statuses);
    g_string_append(out, ".SH ENVIRONMENT\n"
                         ".TP\n\\fBCOLUMNS\\fR\nwidth of tables, where it is no terminal's\n"
                         ".TP\n\\fBNO_COLOR\\fR\nno colours, if it is set and not empty\n");
}

static void
append_words(GString *out, const GOptionEntry *entries)
{
    for (; entries != NULL && entries->long_name != NULL; entries++)
        g_string_append_printf(out, " --%s", entries->long_name);
}

/* Commands first; then options where a dash is begun, files else. */
static void
append_completions(GString *out)
{
    g_string_append(out,
                    "# Completions of bash for lamplight, made by `lamplight manual --bash`.\n"
                    "_lamplight() {\n    local word=${COMP_WORDS[COMP_CWORD]} options=\n"
                    "    if [ \"$COMP_CWORD\" -eq 1 ] ||\n"
                    "        { [ \"$COMP_CWORD\" -eq 2 ] && [ \"${COMP_WORDS[1]}\" = help ]; "
                    "}; then\n        COMPREPLY=($(compgen -W \"help");
    for (gsize i = 0; lamp_commands[i] != NULL; i++)
        g_string_append_printf(out, " %s", lamp_commands[i]->name);
    g_string_append(out, "\" -- \"$word\"))\n        return\n    fi\n"
                         "    case ${COMP_WORDS[1]} in\n");
    for (gsize i = 0; lamp_commands[i] != NULL; i++) {
        g_string_append_printf(out, "    %s) options=\"", lamp_commands[i]->name);
        gsize begin = out->len;
        append_words(out, lamp_commands[i]->options);
        append_words(out, lamp_commands[i]->more_options);
        if (out->len > begin)
            g_string_erase(out, (gssize) begin, 1);
        g_string_append(out, "\" ;;\n");
    }
    g_string_append(out, "    esac\n    if [ \"${word:0:1}\" = - ]; then\n"
                         "        COMPREPLY=($(compgen -W \"$options");
    append_words(out, lamp_common_options);
    g_string_append(out, "\" -- \"$word\"))\n    else\n"
                         "        COMPREPLY=($(compgen -f -- \"$word\"))\n    fi\n}\n"
                         "complete -o filenames -F _lamplight lamplight\n");
}

static int
run(LampCli *cli, char **arguments, GError **error)
{
    (void) cli;
    (void) arguments;
    g_autoptr(GString) out = g_string_new(NULL);
    if (for_bash)
        append_completions(out);
    else
        append_page(out);
    return lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_manual = {
    .name = "manual",
    .arguments = "",
    .summary = "The manual page in troff, or completions for bash",
    .examples = "lamplight manual | man -l -\n"
                "source <(lamplight manual --bash)",
    .options = options,
    .run = run,
};
