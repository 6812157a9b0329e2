/*
 * Reading scenario files and expanding grids.
 */
#include "cli/scenario-file.h"

#include "base/text.h"
#include "cli/command.h"

#include <math.h>
#include <string.h>

#define GRID_STEPS 8
#define MOST_BYTES (1 << 20)

static void
clear_scenario(gpointer pointer)
{
    LampScenario *scenario = pointer;
    g_free(scenario->name);
    g_free(scenario->change);
}

GArray *
lamp_scenarios_new(void)
{
    GArray *scenarios = g_array_new(FALSE, TRUE, sizeof(LampScenario));
    g_array_set_clear_func(scenarios, clear_scenario);
    return scenarios;
}

static gboolean
add_line(GArray *scenarios, char *line, const char *path, guint number, GError **error)
{
    g_strstrip(line);
    if (line[0] == '\0' || line[0] == '#')
        return TRUE;
    char *colon = strchr(line, ':');
    if (colon == NULL || colon == line) {
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
                    "%s:%u: a scenario is written 'NAME: CHANGE'", path, number);
        return FALSE;
    }
    *colon = '\0';
    LampScenario scenario = {g_strdup(g_strchomp(line)), g_strdup(g_strchug(colon + 1))};
    g_array_append_val(scenarios, scenario);
    return TRUE;
}

GArray *
lamp_scenarios_read(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    gsize length;
    if (!g_file_get_contents(path, &text, &length, error))
        return NULL;
    if (length > MOST_BYTES || !g_utf8_validate(text, (gssize) length, NULL)) {
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
                    "%s: no scenario file (not UTF-8, or larger than 1 MiB)", path);
        return NULL;
    }
    g_autoptr(GArray) scenarios = lamp_scenarios_new();
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++)
        if (!add_line(scenarios, lines[i], path, i + 1, error))
            return NULL;
    return g_steal_pointer(&scenarios);
}

static gboolean
parse_range(const char *text, double *out_from, double *out_to)
{
    const char *dots = strstr(text, "..");
    gint64 from, to;
    if (dots == NULL)
        return FALSE;
    gboolean ok = lamp_text_parse_scaled(lamp_bytes(text, (gsize) (dots - text)), 6, &from) &&
                  lamp_text_parse_scaled(lamp_bytes_text(dots + 2), 6, &to) && from > 0 &&
                  to > 0;
    if (ok) {
        *out_from = (double) from / 1e6;
        *out_to = (double) to / 1e6;
    }
    return ok;
}

void
lamp_scenarios_add_grid(GArray *scenarios, const char *change)
{
    const char *star = strrchr(change, '*');
    double from, to;
    if (star == NULL || !parse_range(star + 1, &from, &to)) {
        LampScenario one = {g_strdup(change), g_strdup(change)};
        g_array_append_val(scenarios, one);
        return;
    }
    for (gint i = 0; i < GRID_STEPS; i++) {
        double factor = from * pow(to / from, i / (double) (GRID_STEPS - 1));
        char *text = g_strdup_printf("%.*s*%.4g", (int) (star - change), change, factor);
        LampScenario one = {text, g_strdup(text)};
        g_array_append_val(scenarios, one);
    }
}
