/*
 * Causal structure by refutation.
 *
 * After Chow et al., The Mystery Machine (OSDI 2014): all relations are hypotheses, refuted by
 * counterexample. Departures: the original needs certain ids and falls for a single wrong
 * record; here weights are confidences and a share of counterexamples is tolerated, because
 * links are inferred. Truly parallel calls overlap in nearly all flows and wrong links in a few
 * per cent, so the border between them (a fifth) is not delicate.
 */
#include "model/structure.h"

#include "model/index-map.h"
#include "store/rows.h"

/* Siblings further apart than this are not compared: a loop of thousands stays linear. */
#define MOST_SIBLINGS 32u
#define REFUTED_SHARE 0.2

typedef struct {
    double held, broken;
} Relation;

struct LampStructure {
    LampIndexMap index;
    GArray *relations;
};

/* Labels fit in 21 bits each: LAMP_LIMIT_OPERATIONS keeps them far below that. */
static guint64
pack(guint32 parent, guint32 first, guint32 second)
{
    return (guint64) (parent & 0x1fffff) << 42 | (guint64) (first & 0x1fffff) << 21 |
           (second & 0x1fffff);
}

/* Stands for the response in the place of a second call. */
#define RESPONSE 0x1fffffu

LampStructure *
lamp_structure_new(void)
{
    LampStructure *structure = g_new0(LampStructure, 1);
    lamp_index_map_init(&structure->index);
    structure->relations = g_array_new(FALSE, TRUE, sizeof(Relation));
    return structure;
}

void
lamp_structure_free(LampStructure *structure)
{
    if (structure == NULL)
        return;
    lamp_index_map_clear(&structure->index);
    g_array_unref(structure->relations);
    g_free(structure);
}

static void
count_relation(LampStructure *structure, guint64 key, double weight, gboolean holds)
{
    gboolean is_new;
    guint32 i = lamp_index_map_add(&structure->index, key, structure->relations->len, &is_new);
    if (is_new)
        g_array_set_size(structure->relations, structure->relations->len + 1);
    Relation *relation = &g_array_index(structure->relations, Relation, i);
    if (holds)
        relation->held += weight;
    else
        relation->broken += weight;
}

/* Did the caller go on to @b because it had given @a up? What @a's callee did afterwards
 * refutes nothing. */
static gboolean
is_given_up_for(const LampFlowCall *a, const LampFlowCall *b)
{
    return (a->flags & (LAMP_CALL_NO_RESPONSE | LAMP_CALL_ABORTED)) != 0 &&
           a->client_end > b->client_start;
}

static void
observe_pairs(LampStructure *structure, const LampFlow *flow, const guint32 *children, guint n)
{
    const LampFlowCall *calls = flow->calls;
    const LampFlowCall *parent = &calls[calls[children[0]].parent];
    for (guint j = 0; j < n; j++) {
        const LampFlowCall *b = &calls[children[j]];
        if (!b->is_open && !lamp_flow_is_given_up(flow, children[j]))
            count_relation(structure, pack(parent->label, b->label, RESPONSE), b->confidence,
                           b->client_end <= parent->server_end && !b->is_asynchronous);
        for (guint i = j > MOST_SIBLINGS ? j - MOST_SIBLINGS : 0; i < j; i++) {
            const LampFlowCall *a = &calls[children[i]];
            if (a->is_open || is_given_up_for(a, b))
                continue;
            count_relation(structure, pack(parent->label, a->label, b->label),
                           (double) (a->confidence * b->confidence),
                           a->client_end <= b->client_start);
        }
    }
}

void
lamp_structure_observe(LampStructure *structure, const LampFlow *flow)
{
    g_autoptr(GArray) children = g_array_new(FALSE, FALSE, sizeof(guint32));
    for (guint32 p = 0; p < flow->count; p++) {
        g_array_set_size(children, 0);
        for (guint32 c = lamp_flow_first_child(flow, p); c != LAMP_FLOW_NONE;
             c = lamp_flow_next_sibling(flow, c))
            g_array_append_val(children, c);
        if (children->len > 0)
            observe_pairs(structure, flow, (const guint32 *) (gpointer) children->data,
                          children->len);
    }
}

LampStructure *
lamp_structure_learn(LampStore *store, LampTopology *topology, const LampFlowFilter *filter,
                     guint most_flows, GError **error)
{
    g_autoptr(LampStructure) structure = lamp_structure_new();
    g_autoptr(LampFlowReader) reader = lamp_flow_reader_new(store, topology, filter, error);
    if (reader == NULL)
        return NULL;
    for (guint n = 0; most_flows == 0 || n < most_flows; n++) {
        const LampFlow *flow;
        if (!lamp_flow_reader_next(reader, &flow, error))
            return NULL;
        if (flow == NULL)
            break;
        lamp_structure_observe(structure, flow);
    }
    return g_steal_pointer(&structure);
}

static gboolean
holds(const LampStructure *structure, guint64 key)
{
    guint32 i = lamp_index_map_find(&structure->index, key);
    if (i == G_MAXUINT32)
        return TRUE;
    const Relation *relation = &g_array_index(structure->relations, Relation, i);
    return relation->broken <= REFUTED_SHARE * (relation->held + relation->broken);
}

gboolean
lamp_structure_is_before(const LampStructure *structure, guint32 parent, guint32 first,
                         guint32 second)
{
    return holds(structure, pack(parent, first, second));
}

gboolean
lamp_structure_is_awaited(const LampStructure *structure, guint32 parent, guint32 child)
{
    return holds(structure, pack(parent, child, RESPONSE));
}

gboolean
lamp_structure_was_awaited(const LampStructure *structure, const LampFlow *flow, guint32 call)
{
    const LampFlowCall *c = &flow->calls[call], *parent = &flow->calls[c->parent];
    return !c->is_asynchronous && !c->is_open && c->client_end <= parent->server_end &&
           lamp_structure_is_awaited(structure, parent->label, c->label);
}
