/*
 * What each program was serving while a call was made. Private to correlate/ownership/.
 */
#pragma once

#include "correlate/ownership/ownership.h"

/* Calls that have one cause: one call, or all of a connection that lives for one request. */
typedef struct {
    guint32 connection;
    gint64 start, end;
} LampOwnedUnit;

/* A request that encloses a unit. */
typedef struct {
    guint32 request;
    guint16 from, to; /* bins of the gaps between the begins and between the ends */
    guint16 after;    /* bin of the gap since the call that the request may be waiting for */
    float waiting;    /* probability that it waits for a reply meanwhile */
    float likeliest;  /* of this, that it is the reply to the call of `after` */
    float share;      /* probability that the request made the unit */
    float started, beside, ended; /* what it taught of `from`, `after` and `to` */
} LampOwnedNote;

typedef struct {
    const LampOwnershipInput *input;
    GArray *units;                              /* LampOwnedUnit, by connection */
    guint32 *first_unit;                        /* by connection, and one more */
    GArray *notes;                              /* LampOwnedNote, by unit and owner */
    guint32 *first_note;                        /* by unit and owner, and one more */
    guint32 *unit_of_call, *connection_of_call; /* by call; units NONE: not used */
} LampOwnershipNotes;

/* NULL where they would take too much room. */
LampOwnershipNotes *lamp_ownership_notes_new(const LampOwnershipInput *input);
void lamp_ownership_notes_free(LampOwnershipNotes *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampOwnershipNotes, lamp_ownership_notes_free)

static inline LampOwnedUnit *
lamp_owned_unit(const LampOwnershipNotes *n, guint32 unit)
{
    return &g_array_index(n->units, LampOwnedUnit, unit);
}

/* The notes of @unit for @owner. */
static inline LampOwnedNote *
lamp_owned_notes(const LampOwnershipNotes *n, guint32 unit, guint owner, guint *out_count)
{
    const guint32 *first = &n->first_note[(gsize) unit * n->input->owners + owner];
    *out_count = first[1] - first[0];
    return &g_array_index(n->notes, LampOwnedNote, first[0]);
}
