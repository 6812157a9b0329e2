/*
 * Parents of imported spans that the input tells.
 *
 * In: `span_parents`. Out, before calls are made: the ends of calls (a server's span and the
 * client's span that is its parent, or has its id, as Zipkin shares one between both ends), and
 * the callers of server's spans whose parent is another span. After the engine: the parents of
 * their calls, which hold whatever it found likely. A span is found by its id within its trace;
 * where both ends of a call have one id, children are the server's. Cost: O(n log n).
 */
#include "correlate/span-parents.h"

#include "base/keyed-map.h"
#include "correlate/passes.h"

#include <string.h>

#define MAP_BUDGET ((gsize) 1 << 30)

typedef struct {
    LampCorrelation *c;
    LampKeyedMap *spans; /* role, trace and id to an index of `told`, + 1 */
    GByteArray *key;
} Reading;

/* Index + 1 of a span, 0 where it is not there. */
static guint64 *
place_of(Reading *r, LampObservationRole role, const char *trace, const char *id, gboolean add)
{
    guint8 first = (guint8) role;
    g_byte_array_set_size(r->key, 0);
    g_byte_array_append(r->key, &first, 1);
    g_byte_array_append(r->key, (const guint8 *) trace, (guint) strlen(trace) + 1);
    g_byte_array_append(r->key, (const guint8 *) id, (guint) strlen(id));
    LampBytes key = lamp_bytes(r->key->data, r->key->len);
    return add ? lamp_keyed_map_add(r->spans, key, NULL) : lamp_keyed_map_find(r->spans, key);
}

static guint32
find_span(Reading *r, LampObservationRole role, const char *trace, const char *id)
{
    const guint64 *place = place_of(r, role, trace, id, FALSE);
    return place != NULL ? (guint32) (*place - 1) : LAMP_INDEX_NONE;
}

static LampToldParent *
told_at(const LampCorrelation *c, guint32 i)
{
    return &g_array_index(c->told, LampToldParent, i);
}

static gint
compare_ids(gint64 a, gint64 b)
{
    return a < b ? -1 : a > b;
}

static void
take_span(Reading *r, LampStatement *row)
{
    LampToldParent told = {.observation = lamp_statement_int(row, 0),
                           .index = lamp_find_observation(r->c, lamp_statement_int(row, 0)),
                           .parent = LAMP_INDEX_NONE,
                           .shared = LAMP_INDEX_NONE};
    const char *trace = lamp_statement_text(row, 1), *id = lamp_statement_text(row, 2);
    if (told.index == LAMP_INDEX_NONE || trace == NULL || id == NULL)
        return;
    g_array_append_val(r->c->told, told);
    guint64 *place = place_of(r, lamp_observation(r->c, told.index)->role, trace, id, TRUE);
    if (place != NULL && *place == 0)
        *place = r->c->told->len;
}

static gboolean
for_each_span(Reading *r, void (*take)(Reading *r, LampStatement *row), GError **error)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(
        r->c->store,
        "SELECT observation_id, external_trace_id, external_id, external_parent_id"
        " FROM span_parents JOIN observations USING (observation_id) ORDER BY 1",
        error);
    gboolean has_row;
    while (rows != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        take(r, rows);
    }
    return FALSE;
}

/* Index into `told` of an observation, or NONE. */
static guint32
find_told(const LampCorrelation *c, gint64 observation)
{
    guint low = 0, high = c->told->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        gint order = compare_ids(told_at(c, middle)->observation, observation);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return LAMP_INDEX_NONE;
}

static void
find_parent(Reading *r, LampStatement *row)
{
    guint32 i = find_told(r->c, lamp_statement_int(row, 0));
    const char *trace = lamp_statement_text(row, 1), *id = lamp_statement_text(row, 2);
    const char *parent = lamp_statement_text(row, 3);
    if (i == LAMP_INDEX_NONE)
        return;
    LampToldParent *told = told_at(r->c, i);
    if (lamp_observation(r->c, told->index)->role == LAMP_SEEN_BY_SERVER)
        told->shared = find_span(r, LAMP_SEEN_BY_CLIENT, trace, id);
    if (parent == NULL)
        return;
    told->parent = find_span(r, LAMP_SEEN_BY_SERVER, trace, parent);
    if (told->parent == LAMP_INDEX_NONE || told->parent == i)
        told->parent = find_span(r, LAMP_SEEN_BY_CLIENT, trace, parent);
    if (told->parent == i)
        told->parent = LAMP_INDEX_NONE;
}

/* Joins a server's span with the client's span that it shares its id with, or that is its
 * parent, if that has no other end yet; else its caller is the process of its parent. */
static void
join_span(LampCorrelation *c, const LampToldParent *told)
{
    LampObservation *span = lamp_observation(c, told->index);
    if (span->role != LAMP_SEEN_BY_SERVER || span->peer == span->process)
        return;
    guint32 other = told->shared != LAMP_INDEX_NONE ? told->shared : told->parent;
    if (other == LAMP_INDEX_NONE)
        return;
    guint32 client = told_at(c, other)->index;
    guint32 *partners = (guint32 *) (gpointer) c->partners->data;
    if (lamp_observation(c, client)->role == LAMP_SEEN_BY_CLIENT &&
        partners[client] == LAMP_INDEX_NONE && partners[told->index] == LAMP_INDEX_NONE) {
        partners[client] = told->index;
        partners[told->index] = client;
    } else if (span->peer == 0) {
        span->peer = lamp_observation(c, client)->process;
    }
}

gboolean
lamp_read_told_parents(LampCorrelation *c, GError **error)
{
    Reading r = {.c = c, .spans = lamp_keyed_map_new(MAP_BUDGET), .key = g_byte_array_new()};
    gboolean is_ok =
        for_each_span(&r, take_span, error) && for_each_span(&r, find_parent, error);
    lamp_keyed_map_free(r.spans);
    g_byte_array_unref(r.key);
    for (guint32 i = 0; is_ok && i < c->told->len; i++)
        join_span(c, told_at(c, i));
    return is_ok;
}

gboolean
lamp_is_told(const LampCorrelation *c, gint64 observation)
{
    return c->told->len > 0 && find_told(c, observation) != LAMP_INDEX_NONE;
}

/* Which call each told span went into. */
static guint32 *
calls_of_told(LampCorrelation *c)
{
    guint32 *calls = g_new(guint32, c->told->len);
    for (guint32 i = 0; i < c->told->len; i++)
        calls[i] = LAMP_INDEX_NONE;
    for (guint32 k = 0; k < c->calls->len; k++) {
        gint64 ends[2] = {lamp_call(c, k)->client_id, lamp_call(c, k)->server_id};
        for (guint e = 0; e < 2; e++) {
            guint32 i = ends[e] != 0 ? find_told(c, ends[e]) : LAMP_INDEX_NONE;
            if (i != LAMP_INDEX_NONE)
                calls[i] = k;
        }
    }
    return calls;
}

gboolean
lamp_pass_told(LampCorrelation *c, G_GNUC_UNUSED GError **error)
{
    if (c->told->len == 0)
        return TRUE;
    g_autofree guint32 *calls = calls_of_told(c);
    for (guint32 k = 0; k < c->calls->len; k++) {
        LampCall *call = lamp_call(c, k);
        gint64 end = call->client_id != 0 ? call->client_id : call->server_id;
        guint32 i = find_told(c, end);
        if (i == LAMP_INDEX_NONE)
            continue;
        guint32 parent = told_at(c, i)->parent;
        call->is_told = TRUE;
        call->parent = parent != LAMP_INDEX_NONE ? calls[parent] : LAMP_INDEX_NONE;
        if (call->parent == k)
            call->parent = LAMP_INDEX_NONE;
        call->confidence = 1;
        call->tree_confidence = 1;
    }
    return TRUE;
}
