/*
 * Where a what-if moves load (model/what-if-places.c tells it).
 */
#pragma once

#include "cli/command.h"
#include "model/what-if.h"

/* Appends a blank line and a table of the instances that get more or less to do; nothing where
 * there is none. */
void lamp_whatif_places(LampCli *cli, const LampWhatifResult *result, GString *out);

/* Appends `], "places": [` and its objects, behind the notes. */
void lamp_whatif_places_json(const LampWhatifResult *result, GString *out);
