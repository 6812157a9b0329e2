/* patterns.c — how often which slots of a kind of request occur together
 *
 * In: examples with weights, slots with their presences. Out: the log frequency of every
 * pattern that was seen, leaning on independent slots. A pattern is the sum of its slots'
 * hashes. Most kinds have a handful, some have thousands: the table grows with them. Limit:
 * beyond 4096 of them those that come first are kept. */
#include "correlate/inference/learn.h"

#include <math.h>

#define LEAN_PATTERN 2.0 /* of independent slots in the frequency of a pattern */
#define FIRST_ROOM 16
#define MOST_ROOM 8192

typedef struct {
    guint64 key; /* 0: none */
    double weight, independent;
    guint32 times;
} Pattern;

/* An open table, at most half full. */
typedef struct {
    Pattern *at;
    guint32 room, used; /* room is a power of two */
} Patterns;

static Pattern *
find_place(const Patterns *self, guint64 key)
{
    guint32 mask = self->room - 1, at = (guint32) key & mask;
    while (self->at[at].key && self->at[at].key != key)
        at = (at + 1) & mask;
    return &self->at[at];
}

static void
grow(Patterns *self)
{
    Patterns wider = {g_new0(Pattern, 2 * self->room), 2 * self->room, self->used};
    for (guint32 i = 0; i < self->room; i++)
        if (self->at[i].key)
            *find_place(&wider, self->at[i].key) = self->at[i];
    g_free(self->at);
    *self = wider;
}

static void
count(Patterns *self, guint64 key, double independent, double weight)
{
    Pattern *pattern = find_place(self, key);
    if (!pattern->key && self->used >= self->room / 2) {
        if (self->room >= MOST_ROOM)
            return;
        grow(self);
        pattern = find_place(self, key);
    }
    self->used += !pattern->key;
    pattern->key = key;
    pattern->times++;
    pattern->weight += weight;
    pattern->independent = independent;
}

static void
count_example(Patterns *self, const LampKind *kind, const LampView *view, double weight)
{
    guint64 key = 0;
    double independent = kind->presence_base;
    for (guint32 i = 0; i < view->n; i++) {
        if (view->slots[i] == LAMP_NO_SLOT)
            continue;
        key += kind->slots[view->slots[i]].hash;
        independent += (double) kind->slots[view->slots[i]].presence;
    }
    count(self, key + (key == G_MAXUINT64 ? 2u : 1u), independent, weight);
}

void
lamp_learn_patterns(LampKind *kind, const LampField *field, const LampExamples *all,
                    const LampExample *list, guint32 n)
{
    const LampStep *buffer[LAMP_MAX_KIDS];
    Patterns patterns = {g_new0(Pattern, FIRST_ROOM), FIRST_ROOM, 0};
    for (guint32 i = 0; i < n; i++) {
        LampView view;
        lamp_example_view(&list[i], all, field, kind, buffer, &view);
        count_example(&patterns, kind, &view, (double) list[i].weight);
    }
    kind->n_patterns = patterns.room;
    kind->pattern_keys = g_new0(guint64, patterns.room);
    kind->pattern_logs = g_new0(float, patterns.room);
    for (guint32 i = 0; i < patterns.room; i++) {
        const Pattern *p = &patterns.at[i];
        if (!p->key)
            continue;
        double others = p->weight * MAX(0, 1 - all->n_snapshots / p->times);
        kind->pattern_keys[i] = p->key;
        kind->pattern_logs[i] = (float) log((others + LEAN_PATTERN * exp(p->independent)) /
                                            (kind->weight + LEAN_PATTERN));
    }
    kind->pattern_rest = log(LEAN_PATTERN / (kind->weight + LEAN_PATTERN));
    g_free(patterns.at);
}
