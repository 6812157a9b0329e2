/*
 * Logical clocks: the order of events that does not rest on physical clocks alone.
 *
 * Each call has up to four events: request sent and received, response sent and received.
 * Within a trace, events of one process follow each other, and a receive follows its send.
 * Lamport's clock (1978) is one more than the greatest of what precedes; the vector clock
 * (Fidge, Mattern 1988) counts each process' events. A receive that its clocks put before its
 * send is moved to the send's time first (as hybrid logical clocks do: Kulkarni et al. 2014),
 * so that sorting the events by time is a topological order and one sweep is enough. Vector
 * clocks are left out of traces with more than 64 instances. Cost: O(n log n) in the calls of a
 * trace.
 */
#include "correlate/logical-clocks.h"

#include <string.h>

enum { REQUEST_SENT, REQUEST_RECEIVED, RESPONSE_SENT, RESPONSE_RECEIVED };

#define MAX_VECTOR 64
#define MAX_VECTOR_CELLS 4000000

typedef struct {
    gint64 time;
    guint32 order; /* among events of the same time: down the tree, then up */
    guint32 call;  /* number in the trace */
    guint8 kind;
} Event;

typedef struct {
    LampCorrelation *c;
    const guint32 *calls; /* of this trace */
    guint n;
    GArray *events;      /* Event */
    GArray *processes;   /* guint32: instances that take part, ascending */
    gint64 *lamport;     /* of each process */
    guint32 *vectors;    /* of each process; NULL: too many */
    guint32 *sent[2];    /* vectors that travel with request and response of each call */
    LampVectorSink sink; /* told the vector of each request's sending */
    gpointer user;
} Trace;

static guint32
depth_of(LampCorrelation *c, guint32 index)
{
    guint32 depth = 0;
    while (lamp_call(c, index)->parent != LAMP_INDEX_NONE && depth < G_MAXUINT16) {
        index = lamp_call(c, index)->parent;
        depth++;
    }
    return depth;
}

/* Times of the four events, each not before the one that it follows from. */
static void
monotone_times(const LampCall *call, gint64 times[4])
{
    times[REQUEST_SENT] = call->client_start;
    times[REQUEST_RECEIVED] = call->server_start;
    times[RESPONSE_SENT] = call->server_end;
    times[RESPONSE_RECEIVED] = call->client_end;
    gint64 last = LAMP_TIME_NONE;
    for (guint i = 0; i < 4; i++) {
        if (times[i] == LAMP_TIME_NONE)
            continue;
        times[i] = MAX(times[i], last);
        last = times[i];
    }
}

static void
add_events(Trace *trace, guint32 number)
{
    guint32 index = trace->calls[number];
    gint64 times[4];
    monotone_times(lamp_call(trace->c, index), times);
    guint32 depth = depth_of(trace->c, index);
    for (guint8 kind = 0; kind < 4; kind++) {
        guint32 down = 2 * depth + kind;
        guint32 up = G_MAXUINT32 - 2 * depth + kind - 4;
        Event event = {times[kind], kind <= REQUEST_RECEIVED ? down : up, number, kind};
        if (times[kind] != LAMP_TIME_NONE)
            g_array_append_val(trace->events, event);
    }
}

static gint
compare_events(gconstpointer left, gconstpointer right)
{
    const Event *a = left;
    const Event *b = right;
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    if (a->order != b->order)
        return a->order < b->order ? -1 : 1;
    return a->call < b->call ? -1 : a->call > b->call;
}

static gint
compare_u32(gconstpointer left, gconstpointer right)
{
    guint32 a = *(const guint32 *) left;
    guint32 b = *(const guint32 *) right;
    return a < b ? -1 : a > b;
}

static guint32
process_of_event(const LampCall *call, guint8 kind)
{
    return kind == REQUEST_SENT || kind == RESPONSE_RECEIVED ? call->client_instance
                                                             : call->server_instance;
}

static void
find_processes(Trace *trace)
{
    for (guint i = 0; i < trace->n; i++) {
        const LampCall *call = lamp_call(trace->c, trace->calls[i]);
        g_array_append_val(trace->processes, call->client_instance);
        g_array_append_val(trace->processes, call->server_instance);
    }
    g_array_sort(trace->processes, compare_u32);
    guint kept = 0;
    for (guint i = 0; i < trace->processes->len; i++) {
        guint32 process = g_array_index(trace->processes, guint32, i);
        if (kept == 0 || g_array_index(trace->processes, guint32, kept - 1) != process)
            g_array_index(trace->processes, guint32, kept++) = process;
    }
    g_array_set_size(trace->processes, kept);
}

static guint
process_number(const Trace *trace, guint32 process)
{
    guint low = 0;
    guint high = trace->processes->len - 1;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (g_array_index(trace->processes, guint32, middle) < process)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void
merge_vector(guint32 *into, const guint32 *from, guint k)
{
    for (guint i = 0; i < k; i++)
        into[i] = MAX(into[i], from[i]);
}

/* One event: after its process' last and, for a receive, after its send. */
static void
advance(Trace *trace, const Event *event)
{
    LampCall *call = lamp_call(trace->c, trace->calls[event->call]);
    guint p = process_number(trace, process_of_event(call, event->kind));
    guint k = trace->processes->len;
    gboolean is_receive = event->kind == REQUEST_RECEIVED || event->kind == RESPONSE_RECEIVED;
    gint64 before = trace->lamport[p];
    if (is_receive)
        before = MAX(before, call->lamport[event->kind - 1]);
    trace->lamport[p] = call->lamport[event->kind] = before + 1;
    if (trace->vectors == NULL)
        return;
    guint32 *vector = trace->vectors + (gsize) p * k;
    guint32 *travelling = trace->sent[event->kind >= RESPONSE_SENT] + (gsize) event->call * k;
    if (is_receive)
        merge_vector(vector, travelling, k);
    vector[p]++;
    if (!is_receive)
        memcpy(travelling, vector, k * sizeof *vector);
    if (event->kind == REQUEST_SENT && trace->sink != NULL)
        trace->sink(trace->user, trace->calls[event->call],
                    (const guint32 *) (gpointer) trace->processes->data, vector, k);
}

void
lamp_logical_clocks(LampCorrelation *c, const guint32 *calls, guint n, LampVectorSink sink,
                    gpointer user)
{
    g_autoptr(GArray) events = g_array_new(FALSE, FALSE, sizeof(Event));
    g_autoptr(GArray) processes = g_array_new(FALSE, FALSE, sizeof(guint32));
    Trace trace = {
        .c = c,
        .calls = calls,
        .n = n,
        .events = events,
        .processes = processes,
        .sink = sink,
        .user = user,
    };
    for (guint i = 0; i < n; i++)
        add_events(&trace, i);
    g_array_sort(events, compare_events);
    find_processes(&trace);
    gsize k = processes->len;
    gsize cells = k <= MAX_VECTOR && k * n <= MAX_VECTOR_CELLS ? k : 0;
    g_autofree gint64 *lamport = g_new0(gint64, k + 1);
    g_autofree guint32 *vectors = cells > 0 ? g_new0(guint32, k * (k + 2 * (gsize) n)) : NULL;
    trace.lamport = lamport;
    trace.vectors = vectors;
    if (vectors != NULL) {
        trace.sent[0] = vectors + k * k;
        trace.sent[1] = trace.sent[0] + k * n;
    }
    for (guint i = 0; i < events->len; i++)
        advance(&trace, &g_array_index(events, Event, i));
}
