/*
 * What values say of parts of requests. Private to this folder.
 */
#pragma once

#include "correlate/log-requests/state.h"

#define LAMP_PART_VALUES 24 /* values of a part that are compared */
#define LAMP_MARKS 4096

/* A set of hashes that is emptied by raising its stamp. */
typedef struct {
    guint64 hashes[LAMP_MARKS];
    guint32 stamps[LAMP_MARKS];
    guint32 stamp;
} LampMarks;

typedef struct {
    const LampGroupState *s;
    LampMarks before, behind; /* values of the part before a cut, and behind it */
} LampPartValues;

/* Values of the lines from @line to @last in their chain (or to its end: LAMP_LOG_NONE), each
 * once; LAMP_PART_VALUES at most. Returns their number. */
guint lamp_part_values(LampPartValues *r, guint32 line, guint32 last, guint32 *values);

/* Marks the values of @line and the lines before it. */
void lamp_part_mark(LampPartValues *r, guint32 line);

/* What values say of their lines following the lines marked. */
double lamp_part_shared(const LampPartValues *r, const guint32 *values, guint n);

/* What values say of @part, and of the lines from @behind, following @line: with @part between
 * them less without it. */
double lamp_part_worth(LampPartValues *r, guint32 line, guint32 behind, const guint32 *part,
                       guint n);
