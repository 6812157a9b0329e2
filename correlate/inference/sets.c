/* sets.c — how often each request had which set of steps
 *
 * In: shares of sets, look by look. Out: their means. One open table for all requests, at most
 * half full; a set is known by the sum of its steps' random numbers, so two sets are mistaken
 * for each other once in 2^64. Cost: one look-up a share; memory grows with the sets that were
 * seen, which are few but for requests in doubt. */
#include "correlate/inference/sets.h"

#include "correlate/inference/state.h"

#define FIRST_ROOM 64

typedef struct {
    guint64 key; /* of request and set; 0: none */
    float share;
} Entry;

struct LampSets {
    Entry *at;
    guint32 room, used; /* room is a power of two */
    guint32 *looks;     /* per request */
};

LampSets *
lamp_sets_new(guint32 n_requests)
{
    LampSets *self = g_new(LampSets, 1);
    *self = (LampSets){g_new0(Entry, FIRST_ROOM), FIRST_ROOM, 0,
                       g_new0(guint32, (gsize) n_requests + 1)};
    return self;
}

void
lamp_sets_free(LampSets *self)
{
    if (!self)
        return;
    g_free(self->at);
    g_free(self->looks);
    g_free(self);
}

guint64
lamp_sets_name(guint32 step)
{
    guint64 state = step;
    return lamp_random(&state);
}

static guint64
key_of(guint32 request, guint64 set)
{
    guint64 state = set + G_GUINT64_CONSTANT(0xd1b54a32d192ed03) * request;
    return lamp_random(&state) | 1;
}

static Entry *
find_place(Entry *at, guint32 room, guint64 key)
{
    guint32 i = (guint32) (key >> 32) & (room - 1);
    while (at[i].key && at[i].key != key)
        i = (i + 1) & (room - 1);
    return &at[i];
}

static void
grow(LampSets *self)
{
    guint32 room = 2 * self->room;
    Entry *wider = g_new0(Entry, room);
    for (guint32 i = 0; i < self->room; i++)
        if (self->at[i].key)
            *find_place(wider, room, self->at[i].key) = self->at[i];
    g_free(self->at);
    self->at = wider;
    self->room = room;
}

void
lamp_sets_look(LampSets *self, guint32 request)
{
    self->looks[request]++;
}

void
lamp_sets_add(LampSets *self, guint32 request, guint64 set, float share)
{
    guint64 key = key_of(request, set);
    Entry *entry = find_place(self->at, self->room, key);
    if (!entry->key && self->used >= self->room / 2) {
        grow(self);
        entry = find_place(self->at, self->room, key);
    }
    self->used += !entry->key;
    entry->key = key;
    entry->share += share;
}

float
lamp_sets_share(const LampSets *self, guint32 request, guint64 set)
{
    if (!self->looks[request])
        return -1;
    const Entry *entry = find_place(self->at, self->room, key_of(request, set));
    return entry->share / (float) self->looks[request];
}
