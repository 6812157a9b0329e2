/*
 * The events to come of a simulation, soonest first: a binary heap in an array.
 *
 * Events at the same instant go by kind (a place becomes free before the next arrival looks for
 * one), then by flow and call, so that the order never depends on that of insertion. In a
 * header, as half of a simulation's time is spent here.
 */
#pragma once

#include "base/time.h"

typedef enum {
    LAMP_EVENT_LEAVE,
    LAMP_EVENT_END,
    LAMP_EVENT_JOIN,
    LAMP_EVENT_TIMEOUT,
    LAMP_EVENT_START,
    LAMP_EVENT_ARRIVE
} LampEventKind;

typedef struct {
    LampTime time;
    guint32 kind;
    guint32 flow, call; /* of the batch; call in the flow */
} LampEvent;

static inline gboolean
lamp_event_is_sooner(const LampEvent *a, const LampEvent *b)
{
    if (a->time != b->time)
        return a->time < b->time;
    if (a->kind != b->kind)
        return a->kind < b->kind;
    if (a->flow != b->flow)
        return a->flow < b->flow;
    return a->call < b->call;
}

/* O(log n). */
static inline void
lamp_event_push(GArray *events, LampEvent event)
{
    guint i = events->len;
    g_array_set_size(events, i + 1);
    LampEvent *heap = (LampEvent *) (gpointer) events->data;
    while (i > 0 && lamp_event_is_sooner(&event, &heap[(i - 1) / 2])) {
        heap[i] = heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap[i] = event;
}

/* Takes the soonest off; there must be one. O(log n). */
static inline LampEvent
lamp_event_pop(GArray *events)
{
    LampEvent *heap = (LampEvent *) (gpointer) events->data;
    LampEvent top = heap[0], last = heap[events->len - 1];
    guint n = events->len - 1, i = 0;
    g_array_set_size(events, n);
    for (;;) {
        guint child = 2 * i + 1;
        if (child >= n)
            break;
        if (child + 1 < n && lamp_event_is_sooner(&heap[child + 1], &heap[child]))
            child++;
        if (!lamp_event_is_sooner(&heap[child], &last))
            break;
        heap[i] = heap[child];
        i = child;
    }
    if (n > 0)
        heap[i] = last;
    return top;
}
