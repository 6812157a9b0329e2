/* order.c — which event does each event of a request wait for?
 *
 * For each event (start of a step, response) choose the event that makes its delay most
 * predictable: least cross-entropy of the gap under its own smoothed density, summed over the
 * examples, plus a price for each density learnt. Choices: the request's start, the last end so
 * far (a join), the last start, the end or the start of a certain step that comes before in at
 * least 90 % of the cases where both are there. After Chow and Liu's trees; taking the end of a
 * certain step only where it comes before keeps the choice free of cycles. */
#include "correlate/inference/learn.h"

#include <math.h>

#define MAX_EXAMPLES 3000
#define PRICE 4.0 /* nats for each density */
#define BEFORE 0.9
#define MAX_SLOTS_FOR_CALLS 24

typedef struct {
    LampKind *kind;
    guint32 side; /* n_slots + 1 */
    guint32 x;    /* the event looked at */
    float scale;
    float **by_key;   /* histograms of the present rule */
    double *best;     /* per event */
    LampRule *chosen; /* per event */
} Search;

static void
clear(Search *self)
{
    for (guint32 key = 0; key <= self->side; key++)
        if (self->by_key[key])
            memset(self->by_key[key], 0, LAMP_BINS * sizeof(float));
}

static void
add(Search *self, guint32 key, gint64 gap, float weight)
{
    key = MIN(key, self->side);
    if (!self->by_key[key])
        self->by_key[key] = g_new0(float, LAMP_BINS);
    lamp_histogram_add(self->by_key[key], gap, self->scale, weight);
}

/* The price in nats of the gaps gathered in by_key. */
static double
price_of(Search *self)
{
    double sum = 0, weight;
    for (guint32 key = 0; key <= self->side; key++) {
        if (!self->by_key[key])
            continue;
        double cost = lamp_density_cost(self->by_key[key], self->scale, &weight);
        sum += weight > 0 ? cost + PRICE : 0;
    }
    return sum;
}

static void
try_rule(Search *self, const LampView *views, const LampExample *list, guint32 n, LampRule rule)
{
    clear(self);
    for (guint32 i = 0; i < n; i++)
        for (guint32 j = 0; j <= views[i].n; j++) {
            guint32 key;
            if ((j < views[i].n ? views[i].slots[j] : self->side - 1) != self->x)
                continue;
            gint64 gap = lamp_view_gap(&views[i], rule, j, self->side - 1, &key);
            add(self, key, gap, list[i].weight);
        }
    double price = price_of(self);
    if (price < self->best[self->x]) {
        self->best[self->x] = price;
        self->chosen[self->x] = rule;
    }
}

/* Share of the examples with both in which `slot` has ended (or started) before event x. */
static gboolean
comes_before(const Search *self, const LampView *views, const LampExample *list, guint32 n,
             guint32 slot, LampWait wait)
{
    double both = 0, before = 0, all = 0;
    for (guint32 i = 0; i < n; i++) {
        gint64 time = self->x == self->side - 1 ? views[i].request->end : G_MININT64;
        gint64 other = G_MININT64;
        for (guint32 j = 0; j < views[i].n; j++) {
            const LampStep *s = views[i].steps[j];
            if (views[i].slots[j] == self->x)
                time = s->start;
            if (views[i].slots[j] == slot)
                other = wait == LAMP_WAIT_CALL_END ? s->end : s->start;
        }
        if (time == G_MININT64)
            continue;
        all += (double) list[i].weight;
        if (other == G_MININT64)
            continue;
        both += (double) list[i].weight;
        before += other <= time ? (double) list[i].weight : 0;
    }
    return both > 0.3 * all && before >= BEFORE * both;
}

static void
search_event(Search *self, const LampView *views, const LampExample *list, guint32 n)
{
    self->best[self->x] = INFINITY;
    self->chosen[self->x] = (LampRule){LAMP_WAIT_LAST_END, 0};
    try_rule(self, views, list, n, (LampRule){LAMP_WAIT_LAST_END, 0});
    try_rule(self, views, list, n, (LampRule){LAMP_WAIT_START, 0});
    if (self->x < self->side - 1)
        try_rule(self, views, list, n, (LampRule){LAMP_WAIT_LAST_START, 0});
    if (self->side > MAX_SLOTS_FOR_CALLS)
        return;
    for (guint32 slot = 0; slot + 1 < self->side; slot++)
        for (int wait = LAMP_WAIT_CALL_END; wait <= LAMP_WAIT_CALL_START; wait++)
            if (slot != self->x && comes_before(self, views, list, n, slot, (LampWait) wait))
                try_rule(self, views, list, n, (LampRule){(guint8) wait, (guint16) slot});
}

void
lamp_learn_order(LampKind *kind, const LampField *field, const LampExamples *examples,
                 const LampExample *list, guint32 n, float scale)
{
    guint32 side = kind->n_slots + 1, total = 0;
    n = MIN(n, MAX_EXAMPLES);
    for (guint32 i = 0; i < n; i++)
        total += list[i].n;
    g_autofree LampView *views = g_new(LampView, n + 1);
    g_autofree const LampStep **steps = g_new(const LampStep *, total + 1);
    g_autofree float **by_key = g_new0(float *, side + 1);
    g_autofree double *best = g_new(double, side);
    Search self = {kind, side, 0, scale, by_key, best, kind->rules};
    total = 0;
    for (guint32 i = 0; i < n; i++) {
        lamp_example_view(&list[i], examples, field, kind, steps + total, &views[i]);
        total += list[i].n;
    }
    for (self.x = 0; self.x < side; self.x++)
        search_event(&self, views, list, n);
    for (guint32 key = 0; key <= side; key++)
        g_free(by_key[key]);
}
