/* messages.c — who sent the message that was fetched?
 *
 * A fetch's reply carries values that an earlier call to the same server carried in its
 * request: the payload, or an id in it. The rarest shared value decides, and among its bearers
 * the latest one before the fetch was answered. */
#include "correlate/inference/messages.h"

#include "correlate/inference/taken.h"

#include <stdlib.h>

#define PUSHED 16 /* messages of one connection under way at most */

typedef struct {
    guint64 hash;
    guint32 process;
    gint64 time;
    guint32 call;
} Bearer;

static int
compare_bearers(const void *a, const void *b)
{
    const Bearer *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    if (x->process != y->process)
        return x->process < y->process ? -1 : 1;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return x->call < y->call ? -1 : x->call > y->call;
}

static gint64
first_known(gint64 a, gint64 b)
{
    return a != LAMP_INFERENCE_TIME_NONE ? a : b;
}

static GArray *
list_bearers(const LampInferenceInput *input)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(Bearer));
    for (gsize i = 0; i < input->n_calls; i++) {
        const LampInferenceCall *c = &input->calls[i];
        for (guint32 k = 0; k < c->value_count && !(c->flags & LAMP_CALL_FETCH); k++) {
            const LampInferenceValue *v = &input->values[c->first_value + k];
            Bearer b = {v->hash, c->server_process,
                        first_known(c->server_start_ns, c->client_start_ns), (guint32) i};
            if (v->side == LAMP_VALUE_REQUEST)
                g_array_append_val(list, b);
        }
    }
    g_array_sort(list, compare_bearers);
    return list;
}

/* First bearer not before (hash, process, time). */
static guint
lower_bound(const GArray *list, guint64 hash, guint32 process, gint64 time)
{
    Bearer key = {hash, process, time, 0};
    guint low = 0, high = list->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (compare_bearers(&g_array_index(list, Bearer, middle), &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static guint32
find_sender(const LampInferenceInput *input, const GArray *list, const LampInferenceCall *fetch)
{
    gint64 end = first_known(fetch->server_end_ns, fetch->client_end_ns);
    guint32 sender = LAMP_INFERENCE_NO_CALL;
    guint fewest = G_MAXUINT;
    for (guint32 k = 0; k < fetch->value_count && end != LAMP_INFERENCE_TIME_NONE; k++) {
        const LampInferenceValue *v = &input->values[fetch->first_value + k];
        if (v->side != LAMP_VALUE_RESPONSE)
            continue;
        guint first = lower_bound(list, v->hash, fetch->server_process, G_MININT64);
        guint after = lower_bound(list, v->hash, fetch->server_process, end);
        if (after == first || after - first >= fewest)
            continue;
        fewest = after - first;
        sender = g_array_index(list, Bearer, after - 1).call;
    }
    return sender;
}

guint32 *
lamp_messages_find(const LampInferenceInput *input)
{
    guint32 *senders = g_new(guint32, input->n_calls + 1);
    g_autofree guint32 *taken = lamp_taken_find(input);
    GArray *list = NULL;
    for (gsize i = 0; i < input->n_calls; i++) {
        senders[i] = taken ? taken[i] : LAMP_INFERENCE_NO_CALL;
        if (!(input->calls[i].flags & LAMP_CALL_FETCH))
            continue;
        if (!list)
            list = list_bearers(input);
        senders[i] = find_sender(input, list, &input->calls[i]);
    }
    if (list)
        g_array_free(list, TRUE);
    return senders;
}

typedef struct {
    guint32 process, connection, call;
    gint64 start;
    gboolean is_push; /* sent unasked, or taken by a script */
} Fetch;

static int
compare_fetches(const void *a, const void *b)
{
    const Fetch *x = a, *y = b;
    if (x->process != y->process)
        return x->process < y->process ? -1 : 1;
    if (x->connection != y->connection)
        return x->connection < y->connection ? -1 : 1;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return x->call < y->call ? -1 : x->call > y->call;
}

/* When the next fetch begins. A broker that pushes does not wait until the work is done, nor
 * does a script that takes: the consumer may have several messages under way. */
static gint64
end_of_work(const GArray *fetches, guint at, gint64 last)
{
    const Fetch *fetch = &g_array_index(fetches, Fetch, at);
    guint next = at + (fetch->is_push ? PUSHED : 1);
    if (next >= fetches->len)
        return last;
    const Fetch *then = &g_array_index(fetches, Fetch, next);
    return then->process == fetch->process && then->connection == fetch->connection
               ? then->start
               : last;
}

gint64 *
lamp_messages_ends(const LampInferenceInput *input)
{
    gint64 *ends = g_new(gint64, input->n_calls + 1), last = G_MININT64;
    g_autofree guint32 *taken = lamp_taken_find(input);
    GArray *list = g_array_new(FALSE, FALSE, sizeof(Fetch));
    for (gsize i = 0; i < input->n_calls; i++) {
        const LampInferenceCall *c = &input->calls[i];
        gboolean is_taken = taken && taken[i] != LAMP_INFERENCE_NO_CALL;
        Fetch fetch = {c->client_process, c->client_connection, (guint32) i,
                       first_known(c->client_start_ns, c->client_end_ns),
                       is_taken || c->client_start_ns == LAMP_INFERENCE_TIME_NONE};
        ends[i] = G_MININT64;
        last = MAX(last, MAX(MAX(c->client_start_ns, c->client_end_ns),
                             MAX(c->server_start_ns, c->server_end_ns)));
        if ((c->flags & LAMP_CALL_FETCH) || is_taken)
            g_array_append_val(list, fetch);
    }
    g_array_sort(list, compare_fetches);
    for (guint i = 0; i < list->len; i++)
        ends[g_array_index(list, Fetch, i).call] = end_of_work(list, i, last);
    g_array_free(list, TRUE);
    return ends;
}
