/*
 * Scenario files: one change a line, with a name.
 *
 *   # comment
 *   db20: postgresql/SELECT* +20ms
 *   pay2_down: down pay2; limit pay 2
 */
#pragma once

#include <glib.h>

typedef struct {
    char *name;
    char *change;
} LampScenario;

/* Scenarios (LampScenario) in the order of the file; caller unrefs. Errors are of
 * LAMP_CLI_ERROR and name file and line. */
GArray *lamp_scenarios_read(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Expands "TARGET *A..B" into eight changes from A to B in equal ratios; others stay as they
 * are. Appends to @scenarios (named by the change). */
void lamp_scenarios_add_grid(GArray *scenarios, const char *change);

GArray *lamp_scenarios_new(void);
