/*
 * The model by which a callee's connections are explained. Private to correlate/ownership/.
 */
#pragma once

#include "correlate/ownership/gaps.h"
#include "correlate/ownership/notes.h"

/* What is learnt of the calls of one program to one callee. */
typedef struct {
    LampOwnedGaps from, beside, to;
    double is_beside, is_awaited;       /* k, w */
    double beside_count, awaited_count; /* the same, being summed up */
    double count, in_turn_count;
} LampOwnedPair;

typedef struct {
    const LampOwnershipInput *input;
    LampOwnershipNotes *notes;
    double span;                           /* T */
    double per_width[LAMP_OWNED_GAP_BINS]; /* of the bins, per ns */
    float *usual_end;                      /* h, by request */
    LampOwnedPair **pair;                  /* by owner and callee; NULL: never */
    guint8 *may_own;                       /* by connection and owner */
    double *prior;                         /* by owner, and nobody; of the callee at hand */
    double *count;                         /* likewise, being summed up */
    double *scores;                        /* likewise, of the connection at hand */
    float *posterior;                      /* by connection, owner */
    guint32 *connections;                  /* by callee */
    guint32 *first_of;                     /* of these, by callee */
} LampOwnedSearch;

static inline LampOwnedPair *
lamp_owned_pair(const LampOwnedSearch *s, guint owner, guint callee)
{
    return s->pair[(gsize) owner * s->input->callees + callee];
}

/* By owner: do enough of its requests enclose calls of @connection? */
static inline const guint8 *
lamp_owned_may(const LampOwnedSearch *s, guint32 connection)
{
    return &s->may_own[(gsize) connection * s->input->owners];
}

/* Density per ns at @bin, were it not for an example there of weight @own. */
static inline double
lamp_owned_density(const LampOwnedSearch *s, const LampOwnedGaps *gaps, guint16 bin, float own)
{
    return lamp_owned_gaps_mass(gaps, bin, (double) own) * s->per_width[bin];
}

/* Explains the connections of @callee, beginning with @begin (posteriors by connection, owner)
 * or, where that is NULL, from nothing. Sets their posteriors and notes; returns how well they
 * are explained, in nats. O(rounds x notes). */
double lamp_owned_explain(LampOwnedSearch *s, guint callee, const float *begin);
