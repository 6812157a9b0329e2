/*
 * Which requests were waiting for a reply while a call was made.
 *
 * A request q within a request r of another program may be a call that r made: as probable as
 * that its connection belongs to r's program, times r's share in it. Whoever waits for q seldom
 * calls somebody else meanwhile; so a call that lies within q is q's rather than r's.
 */
#include "correlate/ownership/waiting.h"

#include "correlate/ownership/gaps.h"

#define LEAST_PROBABLE 0.02

typedef struct {
    LampOwnershipNotes *notes;
    const float *posterior;
    guint32 *note_of_request; /* of the unit at hand; else NONE */
} Waiting;

static void
mark(Waiting *w, guint32 unit, gboolean on)
{
    for (guint o = 0; o < w->notes->input->owners; o++) {
        guint count;
        LampOwnedNote *note = lamp_owned_notes(w->notes, unit, o, &count);
        gsize first = (gsize) (note - (LampOwnedNote *) (gpointer) w->notes->notes->data);
        for (guint i = 0; i < count; i++)
            w->note_of_request[note[i].request] =
                on ? (guint32) (first + i) : LAMP_OWNERSHIP_NONE;
    }
}

static void
note_waiting(LampOwnedNote *note, double probability, guint16 after)
{
    if (probability > (double) note->likeliest) {
        note->likeliest = (float) probability;
        note->after = after;
    }
    note->waiting = (float) (1 - (1 - (double) note->waiting) * (1 - probability));
}

/* @inner encloses @unit; what @owner served meanwhile waits for it if it made it. */
static void
look_around(Waiting *w, guint32 unit, const LampServedRequest *inner, guint owner,
            double probability)
{
    LampOwnershipNotes *n = w->notes;
    guint count;
    guint16 after = lamp_owned_gap_bin(lamp_owned_unit(n, unit)->start - inner->start);
    guint32 its_unit = n->unit_of_call[inner->call];
    if (its_unit != LAMP_OWNERSHIP_NONE) {
        const LampOwnedNote *cause = lamp_owned_notes(n, its_unit, owner, &count);
        for (guint i = 0; i < count; i++) {
            guint32 at = w->note_of_request[cause[i].request];
            double p = probability * (double) cause[i].share;
            if (at != LAMP_OWNERSHIP_NONE && p > LEAST_PROBABLE)
                note_waiting(&g_array_index(n->notes, LampOwnedNote, at), p, after);
        }
        return;
    }
    LampOwnedNote *note = lamp_owned_notes(n, unit, owner, &count);
    guint around = 0;
    for (guint pass = 0; pass < 2; pass++)
        for (guint i = 0; i < count; i++) {
            const LampServedRequest *outer = &n->input->requests[note[i].request];
            gboolean is_around = outer->start <= inner->start && outer->end >= inner->end;
            if (is_around && pass == 1)
                note_waiting(&note[i], probability / around, after);
            around += is_around && pass == 0;
        }
}

static void
look_at_unit(Waiting *w, guint32 unit)
{
    const LampOwnershipInput *in = w->notes->input;
    guint32 connection = lamp_owned_unit(w->notes, unit)->connection;
    for (guint o = 0; o < in->owners; o++) {
        guint count;
        const LampOwnedNote *note = lamp_owned_notes(w->notes, unit, o, &count);
        for (guint i = 0; i < count; i++) {
            const LampServedRequest *inner = &in->requests[note[i].request];
            guint32 its = inner->call != LAMP_OWNERSHIP_NONE
                              ? w->notes->connection_of_call[inner->call]
                              : LAMP_OWNERSHIP_NONE;
            if (its == LAMP_OWNERSHIP_NONE || its == connection)
                continue;
            const float *owner_of = &w->posterior[(gsize) its * (in->owners + 1)];
            for (guint p = 0; p < in->owners; p++)
                if (p != o && (double) owner_of[p] > LEAST_PROBABLE)
                    look_around(w, unit, inner, p, (double) owner_of[p]);
        }
    }
}

void
lamp_ownership_find_waiting(LampOwnershipNotes *n, const float *posterior)
{
    guint32 requests = n->input->first_request[n->input->owners];
    Waiting w = {n, posterior, g_new(guint32, (gsize) requests + 1)};
    for (guint32 i = 0; i < requests; i++)
        w.note_of_request[i] = LAMP_OWNERSHIP_NONE;
    for (guint i = 0; i < n->notes->len; i++) {
        LampOwnedNote *note = &g_array_index(n->notes, LampOwnedNote, i);
        note->waiting = note->likeliest = 0;
    }
    for (guint32 u = 0; u < n->units->len; u++) {
        mark(&w, u, TRUE);
        look_at_unit(&w, u);
        mark(&w, u, FALSE);
    }
    g_free(w.note_of_request);
}
