/*
 * Header lines that said nothing, so that they need not be read again. Shared by nothing but
 * the reading of heads (http-head.c).
 */
#pragma once

#include "base/bytes.h"

/* Where in a head the next line is looked for; begins with one of these. */
typedef guint8 LampHttpPlace;
enum { LAMP_HTTP_IN_REQUEST = 0, LAMP_HTTP_IN_RESPONSE = 1 };

/* Moves the cursor behind the header at it if the same bytes said nothing lately, with the
 * lines that continue it. O(its length). */
gboolean lamp_http_skip_idle(LampCursor *c, LampHttpPlace *place);

/* Notes that the header @lines, with its ends of lines, said nothing, whatever stands around
 * it. */
void lamp_http_note_idle(LampBytes lines, LampHttpPlace *place);
