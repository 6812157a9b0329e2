/* learn.c — slots, patterns and delays of each kind of request from samples of the assignment
 *
 * In: examples (requests with the steps that a sample of the posterior gave them) with weights.
 * Out: the tables that model.c scores with. Delay densities given the event waited for lean on
 * the density of all delays of that event (a few observations' worth), patterns lean on
 * independent slots: rare cases borrow from common ones. */
#include "correlate/inference/learn.h"

#include <math.h>

#define LEAN_ORPHANS 3.0  /* calls' weight of the share of orphans among all other kinds */
#define FEW_ORPHANS 0.002 /* share of the steps of a kind, where none has been seen */
#define MAX_FEW_ORPHANS 0.2
#define MIN_SLOT_WEIGHT 1.5
#define USUAL 0.1     /* share of the requests that make such a step */
#define OWN_SHARE 0.1 /* of all calls of a kind, that makes it a rare but known one */

LampExamples *
lamp_examples_new(const LampField *field)
{
    LampExamples *self = g_new0(LampExamples, 1);
    self->list = g_array_new(FALSE, FALSE, sizeof(LampExample));
    self->steps = g_array_new(FALSE, FALSE, sizeof(guint32));
    self->orphans = g_new0(double, field->n_step_kinds + 1);
    return self;
}

void
lamp_examples_free(LampExamples *self)
{
    if (!self)
        return;
    g_array_free(self->list, TRUE);
    g_array_free(self->steps, TRUE);
    g_free(self->orphans);
    g_free(self);
}

void
lamp_examples_add(LampExamples *self, const LampState *state, const float *weights)
{
    const LampField *f = state->field;
    for (guint32 r = 0; r < f->n_requests; r++) {
        const LampKids *kids = &state->kids[r];
        LampExample e = {r, self->steps->len, MIN(kids->n, LAMP_MAX_KIDS),
                         weights ? weights[r] : 1};
        if (e.n > 0)
            g_array_append_vals(self->steps, kids->at, e.n);
        g_array_append_val(self->list, e);
    }
    for (guint32 s = 0; s < f->n_steps; s++)
        self->orphans[f->steps[s].kind] += state->owner[s] == LAMP_NONE;
    self->n_snapshots++;
}

void
lamp_example_view(const LampExample *example, const LampExamples *all, const LampField *field,
                  const LampKind *kind, const LampStep **buffer, LampView *out)
{
    const guint32 *steps = (const guint32 *) (void *) all->steps->data + example->first;
    for (guint32 i = 0; i < example->n; i++)
        buffer[i] = &field->steps[steps[i]];
    lamp_view_fill(kind, &field->requests[example->request], buffer, example->n, out);
}

static guint64
hash_slot(guint32 step_kind, guint32 occurrence)
{
    guint64 state = (guint64) step_kind * LAMP_OCCURRENCES + occurrence + 1;
    return lamp_random(&state);
}

typedef struct {
    double seen, overrun; /* weight */
    guint32 times;
} Sight;

/* Is it more than a slip? What such requests make often enough, and what they make seldom but
 * hardly anyone else does (a cache that is filled once a minute). */
static gboolean
is_slot(const LampKind *kind, const Sight *sight, double made)
{
    return sight->seen > 0 && (sight->seen >= MIN(MIN_SLOT_WEIGHT, 0.02 * kind->weight) ||
                               sight->times >= MAX(OWN_SHARE * made, 1));
}

/* `wanted` (or NULL): slots that it is to have in any case. */
static void
find_slots(LampKind *kind, const LampField *field, const LampExamples *all,
           const LampExample *list, guint32 n, const guint8 *wanted)
{
    guint32 room = field->n_step_kinds * LAMP_OCCURRENCES;
    g_autofree Sight *sights = g_new0(Sight, room + 1);
    g_autofree double *made = g_new0(double, field->n_step_kinds + 1);
    g_autofree guint32 *count = g_new0(guint32, field->n_step_kinds + 1);
    const guint32 *steps = (const guint32 *) (void *) all->steps->data;
    for (guint32 i = 0; i < n; i++) {
        const LampRequest *r = &field->requests[list[i].request];
        kind->weight += (double) list[i].weight;
        for (guint32 j = 0; j < list[i].n; j++) {
            const LampStep *s = &field->steps[steps[list[i].first + j]];
            guint32 at = s->kind * LAMP_OCCURRENCES + MIN(count[s->kind], LAMP_OCCURRENCES - 1);
            count[s->kind]++;
            sights[at].times++;
            sights[at].seen += (double) list[i].weight;
            sights[at].overrun += s->end > r->end ? (double) list[i].weight : 0;
        }
        for (guint32 j = 0; j < list[i].n; j++)
            count[field->steps[steps[list[i].first + j]].kind] = 0;
    }
    for (guint32 s = 0; s < field->n_steps; s++)
        made[field->steps[s].kind] += all->n_snapshots;
    kind->slot_of = g_new(guint16, room + 1);
    kind->slots = g_new0(LampSlot, LAMP_MAX_SLOTS);
    for (guint32 at = 0; at < room; at++) {
        const Sight *sight = &sights[at];
        kind->slot_of[at] = LAMP_NO_SLOT;
        if (kind->n_slots == LAMP_MAX_SLOTS ||
            !((wanted && wanted[at]) || is_slot(kind, sight, made[at / LAMP_OCCURRENCES])))
            continue;
        guint32 step_kind = at / LAMP_OCCURRENCES, occurrence = at % LAMP_OCCURRENCES;
        LampSlot *slot = &kind->slots[kind->n_slots];
        *slot = (LampSlot){.step_kind = step_kind,
                           .occurrence = occurrence,
                           .hash = hash_slot(step_kind, occurrence),
                           .weight = sight->seen,
                           .own = sight->seen * MIN(1, all->n_snapshots / sight->times)};
        slot->log_overrun = (float) log((sight->overrun + 0.01) / (sight->seen + 1));
        slot->log_within =
            (float) log((sight->seen - sight->overrun + 0.99) / (sight->seen + 1));
        kind->slot_of[at] = (guint16) kind->n_slots++;
    }
}

/* Slots stand in order of step and time, but the time before may have been left out for its
 * rarity. */
static gboolean
has_time_before(const LampKind *kind, guint32 at)
{
    const LampSlot *slot = &kind->slots[at];
    return at > 0 && slot->occurrence > 0 && slot[-1].step_kind == slot->step_kind &&
           slot[-1].occurrence + 1 == slot->occurrence;
}

/* Share of the requests that have it; of the last time told apart, which stands for all further
 * ones, the share of such times after which one more comes. */
static double
share_with(const LampKind *kind, guint32 at)
{
    const LampSlot *slot = &kind->slots[at];
    double before = has_time_before(kind, at) ? kind->slots[at - 1].weight : kind->weight;
    double with = slot->weight - slot->own;
    double of = lamp_slot_repeats(slot) ? before + with : before;
    return CLAMP((MIN(with, of) + 0.1) / (of + 0.2), 1e-6, 1 - 1e-6);
}

/* Presence of the n-th time is conditional on the time before it; the last that is told apart
 * comes as often as it likes (a geometric law), each time at its price. As with delays, a
 * request is not scored with what it taught itself: what was seen once is as good as never
 * seen. */
static void
learn_presence(LampKind *kind)
{
    kind->presence_base = 0;
    for (guint32 i = 0; i < kind->n_slots; i++) {
        LampSlot *slot = &kind->slots[i];
        double p = share_with(kind, i), absent = log(1 - p);
        slot->presence = (float) (lamp_slot_repeats(slot) ? log(p) : log(p) - absent);
        if (has_time_before(kind, i))
            slot[-1].presence += (float) absent;
        else
            kind->presence_base += absent;
    }
}

/* What survives a change of slots: rules by name (the default waits for the last end), and how
 * far the odds are to be trusted. */
static void
keep_rules(const LampKind *old, LampKind *kind)
{
    kind->temper = old->temper;
    kind->rules = g_new0(LampRule, kind->n_slots + 1);
    for (guint32 x = 0; x <= kind->n_slots; x++)
        kind->rules[x].wait = LAMP_WAIT_LAST_END;
    if (!old->rules)
        return;
    kind->rules[kind->n_slots] = old->rules[old->n_slots];
    for (guint32 x = 0; x <= old->n_slots; x++) {
        LampRule rule = old->rules[x];
        guint32 to = kind->n_slots;
        if (rule.wait >= LAMP_WAIT_CALL_END) {
            const LampSlot *s = &old->slots[rule.slot];
            rule.slot = kind->slot_of[s->step_kind * LAMP_OCCURRENCES + s->occurrence];
            if (rule.slot == LAMP_NO_SLOT)
                rule = (LampRule){LAMP_WAIT_LAST_END, 0};
        }
        if (x < old->n_slots)
            to = kind->slot_of[old->slots[x].step_kind * LAMP_OCCURRENCES +
                               old->slots[x].occurrence];
        if (to != LAMP_NO_SLOT)
            kind->rules[to] = rule;
    }
}

/* The examples of one kind of request: a run in the sorted list. */
typedef struct {
    guint32 first, n;
    guint64 slots, core; /* what its slots are, and what the usual ones; 0: no examples */
    guint64 signature;   /* of its family; 0 once it has been dealt with */
} Run;

static void
learn_slots(LampKind *kind, const LampField *field, const LampExamples *all,
            const LampExample *list, Run *run, const guint8 *wanted)
{
    LampKind old = *kind;
    *kind = (LampKind){0};
    find_slots(kind, field, all, list, run->n, wanted);
    learn_presence(kind);
    lamp_learn_patterns(kind, field, all, list, run->n);
    keep_rules(&old, kind);
    lamp_kind_clear(&old);
    run->slots = run->core = 1;
    for (guint32 i = 0; i < kind->n_slots; i++) {
        run->slots += kind->slots[i].hash;
        run->core += kind->slots[i].weight > USUAL * kind->weight ? kind->slots[i].hash : 0;
    }
    run->core += run->core == 0;
}

/* Gives kinds whose usual slots are the same all slots of each other, so that a rare one, come
 * or gone with a sample, does not part a family. */
static void
join_slots(LampModel *self, const LampField *field, const LampExamples *all,
           const LampExample *sorted, Run *runs, guint32 from)
{
    g_autofree guint8 *wanted = g_new0(guint8, field->n_step_kinds * LAMP_OCCURRENCES + 1);
    guint64 core = runs[from].core, joint = 1;
    guint32 n_wanted = 0;
    for (guint32 k = from; k < self->n_kinds; k++)
        for (guint32 i = 0; runs[k].core == core && i < self->kinds[k].n_slots; i++) {
            const LampSlot *s = &self->kinds[k].slots[i];
            guint8 *is_wanted = &wanted[s->step_kind * LAMP_OCCURRENCES + s->occurrence];
            joint += *is_wanted ? 0 : s->hash;
            n_wanted += !*is_wanted;
            *is_wanted = TRUE;
        }
    for (guint32 k = from; k < self->n_kinds; k++) {
        if (runs[k].core != core)
            continue;
        if (runs[k].slots != joint && n_wanted <= LAMP_MAX_SLOTS)
            learn_slots(&self->kinds[k], field, all, sorted + runs[k].first, &runs[k], wanted);
        runs[k].signature = 3 * core + runs[k].slots;
        runs[k].signature += runs[k].signature == 0;
        runs[k].core = 0;
    }
}

/* Kinds of requests with the same slots form a family: they share the rules, and their delays
 * lean on those of all of them. */
static void
learn_family(LampModel *self, const LampField *field, const LampExamples *examples,
             const LampExample *sorted, Run *runs, guint32 from, gboolean order)
{
    g_autoptr(GArray) members = g_array_new(FALSE, FALSE, sizeof(guint32));
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(LampExample));
    guint64 signature = runs[from].signature;
    guint32 most = from;
    for (guint32 k = from; k < self->n_kinds; k++) {
        if (runs[k].signature != signature)
            continue;
        most = runs[k].n > runs[most].n ? k : most;
        g_array_append_val(members, k);
        if (runs[k].n > 0)
            g_array_append_vals(list, sorted + runs[k].first, runs[k].n);
        runs[k].signature = 0;
    }
    LampKind *first = &self->kinds[most]; /* its rules hold for all */
    LampKind family = {.n_slots = first->n_slots,
                       .slots = first->slots,
                       .slot_of = first->slot_of,
                       .rules = first->rules};
    const LampExample *all = (const LampExample *) (void *) list->data;
    if (order)
        lamp_learn_order(&family, field, examples, all, list->len, self->scale);
    if (members->len > 1)
        lamp_learn_delays(&family, NULL, field, examples, all, list->len, self->scale);
    for (guint i = 0; i < members->len; i++) {
        guint32 k = g_array_index(members, guint32, i);
        LampKind *kind = &self->kinds[k];
        if (k != most)
            memcpy(kind->rules, first->rules, (first->n_slots + 1) * sizeof *first->rules);
        lamp_learn_delays(kind, members->len > 1 ? &family : NULL, field, examples,
                          sorted + runs[k].first, runs[k].n, self->scale);
    }
    family.slots = NULL;
    family.slot_of = NULL;
    family.rules = NULL;
    lamp_kind_clear(&family);
}

/* Sorts examples by kind of request, otherwise in their order. */
static Run *
sort_examples(const LampModel *self, const LampField *field, const LampExamples *examples,
              LampExample *sorted)
{
    const LampExample *all = (const LampExample *) (void *) examples->list->data;
    Run *runs = g_new0(Run, self->n_kinds + 1);
    for (guint32 i = 0; i < examples->list->len; i++)
        runs[field->requests[all[i].request].kind].n++;
    for (guint32 k = 1; k < self->n_kinds; k++)
        runs[k].first = runs[k - 1].first + runs[k - 1].n;
    g_autofree guint32 *at = g_new(guint32, self->n_kinds + 1);
    for (guint32 k = 0; k < self->n_kinds; k++)
        at[k] = runs[k].first;
    for (guint32 i = 0; i < examples->list->len; i++)
        sorted[at[field->requests[all[i].request].kind]++] = all[i];
    return runs;
}

static void
learn_orphans(LampModel *self, const LampField *field, const LampExamples *examples)
{
    g_autofree double *steps = g_new0(double, self->n_step_kinds + 1);
    double total = 0;
    for (guint32 s = 0; s < field->n_steps; s++)
        steps[field->steps[s].kind]++;
    for (guint32 k = 0; k < self->n_step_kinds; k++)
        total += examples->orphans[k] / MAX(1, examples->n_snapshots);
    for (guint32 k = 0; k < self->n_step_kinds; k++) {
        double seen = examples->orphans[k] / MAX(1, examples->n_snapshots);
        double usual = MAX(total - seen, FEW_ORPHANS) / MAX(field->n_steps - steps[k], 1);
        seen = steps[k] * (MAX(seen - 1, 0) + LEAN_ORPHANS * MIN(usual, 1)) /
               (MAX(steps[k] - 1, 0) + LEAN_ORPHANS);
        seen += (double) field->background[k] * MAX(steps[k] - seen, 0);
        double few = MIN(FEW_ORPHANS * steps[k], MAX_FEW_ORPHANS);
        self->log_orphan[k] =
            (float) log((seen + MAX(few, FEW_ORPHANS)) / (double) field->span) +
            field->strange[k];
    }
}

void
lamp_model_learn(LampModel *self, const LampField *field, const LampExamples *examples,
                 gboolean order)
{
    g_autofree LampExample *sorted = g_new(LampExample, examples->list->len + 1);
    g_autofree Run *runs = sort_examples(self, field, examples, sorted);
    order = order && (self->evidence & LAMP_EVIDENCE_ORDER);
    for (guint32 k = 0; k < self->n_kinds; k++)
        if (runs[k].n > 0 || !self->kinds[k].slot_of)
            learn_slots(&self->kinds[k], field, examples, sorted + runs[k].first, &runs[k],
                        NULL);
    for (guint32 k = 0; k < self->n_kinds; k++)
        if (runs[k].core)
            join_slots(self, field, examples, sorted, runs, k);
    for (guint32 k = 0; k < self->n_kinds; k++)
        if (runs[k].signature)
            learn_family(self, field, examples, sorted, runs, k, order);
    learn_orphans(self, field, examples);
}
