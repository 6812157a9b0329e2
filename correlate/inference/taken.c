/* taken.c — which scripts took something out of a queue, and who had put it in?
 *
 * A job queue built of scripts (Lua in Redis) has no command of its own for taking: one script
 * puts a payload in, the reply of another hands it out. A cache does the same, but hands out
 * what was put in again and again. So the replies that bear one payload are matched with the
 * calls that put it in, first in, first out, under one name of value and at one server; a kind
 * of script whose replies nearly all find a put of their own takes work, any other does not.
 * Of several payloads in a reply the one that was put in most seldom tells. */
#include "correlate/inference/taken.h"

#include <stdlib.h>

#define NEARLY_ALL 0.9

typedef struct {
    guint64 hash;
    guint32 process, slot;
    gint64 time;
    guint32 call;
    guint32 is_reply;
} Move;

/* What the rarest payload of a reply says. */
typedef struct {
    guint32 puts; /* calls that put it in; 0: nothing known */
    guint32 sender;
} Find;

static int
compare_moves(const void *a, const void *b)
{
    const Move *x = a, *y = b;
#define BY(field)             \
    if (x->field != y->field) \
        return x->field < y->field ? -1 : 1;
    BY(hash)
    BY(process)
    BY(slot)
    BY(time)
    BY(is_reply)
    BY(call)
#undef BY
    return 0;
}

static gint64
first_known(gint64 a, gint64 b)
{
    return a != LAMP_INFERENCE_TIME_NONE ? a : b;
}

static gboolean
is_taker(const LampInferenceCall *c, const LampInferenceValue *v)
{
    return (c->flags & LAMP_CALL_SCRIPT) && v->side == LAMP_VALUE_RESPONSE;
}

/* The names under which scripts' replies have values. */
static GHashTable *
list_slots(const LampInferenceInput *input)
{
    GHashTable *slots = g_hash_table_new(g_direct_hash, g_direct_equal);
    for (gsize i = 0; i < input->n_calls; i++) {
        const LampInferenceCall *c = &input->calls[i];
        for (guint32 k = 0; k < c->value_count; k++)
            if (is_taker(c, &input->values[c->first_value + k]))
                g_hash_table_add(slots,
                                 GUINT_TO_POINTER(input->values[c->first_value + k].slot));
    }
    return slots;
}

static GArray *
list_moves(const LampInferenceInput *input, GHashTable *slots)
{
    GArray *moves = g_array_new(FALSE, FALSE, sizeof(Move));
    for (guint32 i = 0; i < input->n_calls; i++) {
        const LampInferenceCall *c = &input->calls[i];
        for (guint32 k = 0; k < c->value_count && !(c->flags & LAMP_CALL_FETCH); k++) {
            const LampInferenceValue *v = &input->values[c->first_value + k];
            gboolean is_reply = v->side == LAMP_VALUE_RESPONSE;
            Move move = {v->hash,
                         c->server_process,
                         v->slot,
                         is_reply ? first_known(c->server_end_ns, c->client_end_ns)
                                  : first_known(c->server_start_ns, c->client_start_ns),
                         i,
                         is_reply != 0};
            if (move.time != LAMP_INFERENCE_TIME_NONE && (!is_reply || is_taker(c, v)) &&
                g_hash_table_contains(slots, GUINT_TO_POINTER(v->slot)))
                g_array_append_val(moves, move);
        }
    }
    g_array_sort(moves, compare_moves);
    return moves;
}

/* Moves [@from, @to) bear one payload. */
static void
match_payload(const Move *moves, guint from, guint to, Find *finds)
{
    guint32 puts = 0;
    for (guint i = from; i < to; i++)
        puts += !moves[i].is_reply;
    for (guint i = from, next = from; i < to && puts > 0; i++) {
        Find *find = &finds[moves[i].call];
        if (!moves[i].is_reply)
            continue;
        while (next < i && moves[next].is_reply)
            next++;
        gboolean is_found = next < i && moves[next].call != moves[i].call;
        if (find->puts == 0 || puts < find->puts)
            *find = (Find){puts, is_found ? moves[next].call : LAMP_INFERENCE_NO_CALL};
        next += is_found ? 1 : 0;
    }
}

/* Replies of each operation that found a put, and that bore what was handed out before. */
static void
drop_what_is_kept(const LampInferenceInput *input, const Find *finds, guint32 *senders)
{
    guint32 operations = 0;
    for (gsize i = 0; i < input->n_calls; i++)
        operations = MAX(operations, input->calls[i].operation);
    g_autofree guint32 *found = g_new0(guint32, (gsize) operations + 1);
    g_autofree guint32 *all = g_new0(guint32, (gsize) operations + 1);
    for (gsize i = 0; i < input->n_calls; i++) {
        all[input->calls[i].operation] += finds[i].puts > 0;
        found[input->calls[i].operation] +=
            finds[i].puts > 0 && finds[i].sender != LAMP_INFERENCE_NO_CALL;
    }
    for (gsize i = 0; i < input->n_calls; i++) {
        guint32 operation = input->calls[i].operation;
        if (finds[i].puts > 0 && found[operation] >= NEARLY_ALL * all[operation])
            senders[i] = finds[i].sender;
    }
}

guint32 *
lamp_taken_find(const LampInferenceInput *input)
{
    g_autoptr(GHashTable) slots = list_slots(input);
    if (g_hash_table_size(slots) == 0)
        return NULL;
    g_autoptr(GArray) list = list_moves(input, slots);
    const Move *moves = (const Move *) (gconstpointer) list->data;
    g_autofree Find *finds = g_new0(Find, input->n_calls + 1);
    guint32 *senders = g_new(guint32, input->n_calls + 1);
    for (gsize i = 0; i <= input->n_calls; i++)
        senders[i] = LAMP_INFERENCE_NO_CALL;
    for (guint from = 0, to; from < list->len; from = to) {
        for (to = from; to < list->len && moves[to].hash == moves[from].hash &&
                        moves[to].process == moves[from].process &&
                        moves[to].slot == moves[from].slot;)
            to++;
        match_payload(moves, from, to, finds);
    }
    drop_what_is_kept(input, finds, senders);
    return senders;
}
