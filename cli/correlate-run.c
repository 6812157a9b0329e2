/*
 * Options of the correlate stage.
 */
#include "cli/correlate-run.h"

#include "base/text.h"
#include "cli/progress.h"
#include "correlate/correlate.h"

#include <unistd.h>

static double effort = 1;
static gint threads = 2;

const GOptionEntry lamp_correlate_option_entries[] = {
    {"effort", 0, 0, G_OPTION_ARG_DOUBLE, &effort,
     "sampling effort of the causal engine: 0.1 quick, 1 default, 10 thorough", "FACTOR"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &threads, "threads of the causal engine (default 2)",
     "N"},
    {NULL},
};

gboolean
lamp_correlate_run(LampCli *cli, LampStore *store, GError **error)
{
    LampProgress progress;
    if (effort < 0.01 || effort > 100 || threads < 1 || threads > 64) {
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
                    "--effort is 0.01 to 100, --threads 1 to 64");
        return FALSE;
    }
    LampCorrelateOptions options = {.effort = effort, .threads = (guint) threads};
    lamp_progress_show(&progress, cli->quiet);
    g_autofree char *path = lamp_text_escape(lamp_bytes_text(lamp_store_path(store)));
    g_autofree char *last_words =
        g_strdup_printf("%slamplight: correlate: interrupted: what was read is kept; to go on: "
                        "lamplight correlate %s\n",
                        isatty(STDERR_FILENO) ? "\r\033[K" : "", path);
    lamp_interrupt_ends(last_words);
    gboolean ok = lamp_correlate(store, &options, &progress, error);
    lamp_interrupt_ends(NULL);
    lamp_progress_clear();
    return ok;
}
