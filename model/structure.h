/*
 * Which calls of a request wait for which: happens-before relations learnt from many flows.
 *
 * For calls A and B made while serving the same operation, A starting first, "A before B" is
 * assumed until counterexamples refute it: flows in which B started while A was still open. And
 * "the response waits for A" until A often ends after the response; a caller that failed while
 * A went on has given up and counts for neither. Links are inferred, so one
 * counterexample is not enough: each counts by the confidence of its links, and a relation
 * falls when more than a fifth of the weight speaks against it.
 */
#pragma once

#include "model/flow.h"

typedef struct LampStructure LampStructure;

/* Caller frees. */
LampStructure *lamp_structure_new(void);
void lamp_structure_free(LampStructure *structure);

/* Learns from one flow. O(calls times siblings, of which at most 32 are compared). */
void lamp_structure_observe(LampStructure *structure, const LampFlow *flow);

/* Reads the first @most_flows flows (0: all) that pass @filter and learns from them. */
LampStructure *lamp_structure_learn(LampStore *store, LampTopology *topology,
                                    const LampFlowFilter *filter, guint most_flows,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Does serving @parent start @second only after @first has ended (labels)? Unknown pairs: TRUE.
 */
gboolean lamp_structure_is_before(const LampStructure *structure, guint32 parent, guint32 first,
                                  guint32 second);

/* Does the response of @parent wait for the end of @child? Unknown pairs: TRUE. */
gboolean lamp_structure_is_awaited(const LampStructure *structure, guint32 parent,
                                   guint32 child);

/* Did the response of its parent wait for call @call of @flow, which is not the root? */
gboolean lamp_structure_was_awaited(const LampStructure *structure, const LampFlow *flow,
                                    guint32 call);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampStructure, lamp_structure_free)
