/*
 * Parameters of PostgreSQL's statements in binary format, as texts.
 */
#pragma once

#include "base/bytes.h"

#include <glib.h>

enum { LAMP_PG_BINARY_TEXT = 40 };

/* The text that @value has where it is not binary: of integers that may count or identify,
 * UUIDs, and texts; @buffer may hold it. Length 0 for what is none of these. */
LampBytes lamp_pg_binary_text(LampBytes value, char buffer[LAMP_PG_BINARY_TEXT]);
