/*
 * The calling context tree: flows merged by their path of labels from the root.
 *
 * lamp_cct_new() makes an empty tree, lamp_cct_add() merges flows into it. Contexts are
 * numbered in the order in which they first occur; 0 is the common root without a label.
 */
#pragma once

#include "model/critical-path.h"

typedef struct {
    guint32 label;  /* LAMP_FLOW_NONE for context 0 */
    guint32 parent; /* context; 0 for the roots of flows, 0 for context 0 itself */
    guint32 depth;  /* 1 for the roots of flows */
    guint64 count;
    gint64 inclusive; /* caller's view of the calls, added up, ns */
    gint64 exclusive; /* of that, outside of all calls made below, ns */
    gint64 critical;  /* of that, on critical paths, ns */
    guint64 errors;
    guint64 unanswered; /* calls without a response: only what they caused counts as time */
    guint64 request_bytes, response_bytes;
    double confidence; /* sum over calls of the confidence of their whole path to the root */
} LampContext;

typedef struct LampCct LampCct;

/* Whose context asynchronous work stands in: the request that submitted it, or none but its
 * own, as the service that runs it triggers it. */
typedef enum { LAMP_CCT_SUBMITTER, LAMP_CCT_TRIGGER } LampCctView;

/* Caller frees. At most @most_contexts contexts are made (0: LAMP_CCT_CONTEXTS); calls of
 * further ones are counted in lamp_cct_dropped(). */
LampCct *lamp_cct_new(guint most_contexts, LampCctView view);
void lamp_cct_free(LampCct *cct);

#define LAMP_CCT_CONTEXTS 1000000u

void lamp_cct_add(LampCct *cct, const LampFlow *flow);

guint lamp_cct_count(const LampCct *cct);
guint64 lamp_cct_dropped(const LampCct *cct);

/* Borrowed until the next lamp_cct_add(). */
const LampContext *lamp_cct_context(const LampCct *cct, guint32 index);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampCct, lamp_cct_free)
