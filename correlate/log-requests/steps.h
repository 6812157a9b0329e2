/*
 * Prompt steps: what the search for them shares. Private to this folder.
 */
#pragma once

#include "correlate/log-requests/state.h"

#define LAMP_STEP_WAYS 24

/* Lines linked one to the next. */
typedef struct {
    guint32 first, last;             /* lines */
    guint32 first_bound, last_bound; /* of those that identifiers bind, or NONE */
    guint32 parent;                  /* union-find */
} LampRun;

typedef struct {
    LampGroupState *s;
    LampRun *runs;                        /* by number of chain */
    guint32 *next_bound, *previous_bound; /* by bound line: of its request */
    gboolean *is_serial;                  /* by component: works on one thing at a time */
    gint64 reach_ns;                      /* longest step */
    guint32 *ways; /* line before each line, as LAMP_STEP_WAYS draws have it; or NULL */
} LampSteps;

/* May @b's lines follow @a's in one request, as far as identifiers say? */
gboolean lamp_steps_may_join(const LampSteps *t, const LampRun *a, const LampRun *b);

/* Is the line of a component that works on one thing at a time? */
static inline gboolean
lamp_steps_is_serial(const LampSteps *t, guint32 line)
{
    return t->is_serial[t->s->input->lines[line].component];
}

/* steps-labels.c: a state of its own for @outer's lines, whose pairs of templates tell bound
 * lines apart by what their request does next and did before. Shares links and edges. */
void lamp_step_labels_begin(LampSteps *t, LampGroupState *inner, const LampGroupState *outer);
void lamp_step_labels_end(LampGroupState *inner);

/* steps-lists.c: values that one line lists and later lines go through, one by one. */
typedef struct {
    guint32 lister; /* line whose values are gone through, or NONE */
    guint32 at;     /* the first of these not met yet, or 0 */
} LampListing;

typedef struct LampStepLists LampStepLists;

/* Learns from the links as they are. Free with lamp_step_lists_free(). */
LampStepLists *lamp_step_lists_new(const LampSteps *t);
void lamp_step_lists_free(LampStepLists *lists);

/* What the values of @line say of its following a run that has come so far in its list: log
 * ratio. @out_after is how far it is then. */
double lamp_step_lists_worth(const LampStepLists *lists, const LampListing *listing,
                             guint32 line, LampListing *out_after);

/* How far a run is that begins with @line. */
LampListing lamp_step_lists_begin(const LampStepLists *lists, guint32 line);

/* steps-search.c: links all lines of components that are not serial anew, from what the
 * statistics and links say; edges hold the probabilities then. */
void lamp_steps_search(LampSteps *t);
