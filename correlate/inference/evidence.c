/* evidence.c — shared identifiers and threads as log likelihood ratios
 *
 * A step that shares a value with a request: log(p / c), where p is how often steps of this
 * kind share one with their true request (learnt with the assignment) and c the chance that any
 * request of this process bears the value (so rare values weigh more, and a session id that
 * half of all requests bear next to nothing). A step that has values and shares none: log((1 -
 * p) / (1 - q)), q the share of accidental matches. Threads likewise, with the number of
 * threads in place of rarity. Nothing depends on names; explicit request ids are just very rare
 * values whose p turns out to be near one. */
#include "correlate/inference/evidence.h"

#include <math.h>

#define MAX_WEIGHT 14.0 /* nats; no single value proves more */
#define LEAN 1.0        /* links' worth of p = 1/2 */

/* Log ratios by pair of kinds: [request kind x step kind]. */
typedef struct {
    double links, matches, others, accidents;
} Tally;

static gboolean
is_asked(const LampInferenceInput *input, const LampRequest *r, const LampInferenceValue *v)
{
    gboolean fetched = input->calls[r->call].server_process != r->process;
    return (v->side == LAMP_VALUE_RESPONSE) == fetched;
}

/* How many requests of each process bear a value: keyed by both. */
static guint64
key_of(guint32 process, guint64 hash)
{
    guint64 state = hash + process;
    return lamp_random(&state);
}

static GHashTable *
count_bearers(const LampField *field, const LampInferenceInput *input, GHashTable *totals)
{
    GHashTable *bearers = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (guint32 i = 0; i < field->n_requests; i++) {
        const LampRequest *r = &field->requests[i];
        const LampInferenceCall *c = &input->calls[r->call];
        gpointer process = GUINT_TO_POINTER(r->process);
        guint32 total = GPOINTER_TO_UINT(g_hash_table_lookup(totals, process)) + 1;
        g_hash_table_insert(totals, process, GUINT_TO_POINTER(total));
        for (guint32 k = 0; k < c->value_count; k++) {
            const LampInferenceValue *v = &input->values[c->first_value + k];
            if (!is_asked(input, r, v))
                continue;
            guint64 key = key_of(r->process, v->hash);
            guint32 n = GPOINTER_TO_UINT(g_hash_table_lookup(bearers, &key)) + 1;
            g_hash_table_insert(bearers, g_memdup2(&key, sizeof key), GUINT_TO_POINTER(n));
        }
    }
    return bearers;
}

/* Log rarity of the rarest value shared; -1 when there is none. */
static float
match(const LampInferenceInput *input, const LampRequest *r, const LampStep *s,
      GHashTable *bearers, double total)
{
    const LampInferenceCall *a = &input->calls[r->call], *b = &input->calls[s->call];
    double best = -1;
    for (guint32 i = 0; i < a->value_count; i++) {
        const LampInferenceValue *v = &input->values[a->first_value + i];
        if (!is_asked(input, r, v))
            continue;
        for (guint32 j = 0; j < b->value_count; j++) {
            const LampInferenceValue *w = &input->values[b->first_value + j];
            if (w->hash != v->hash || w->side != LAMP_VALUE_REQUEST)
                continue;
            guint64 key = key_of(r->process, v->hash);
            double n = GPOINTER_TO_UINT(g_hash_table_lookup(bearers, &key));
            best = MAX(best, log((total + 1) / MAX(n, 1)));
        }
    }
    return (float) MIN(best, MAX_WEIGHT);
}

static gboolean
find_matches(LampLinkEvidence *self, const LampInferenceInput *input)
{
    const LampField *f = self->field;
    g_autoptr(GHashTable) totals = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) bearers = count_bearers(f, input, totals);
    gboolean found = FALSE;
    for (guint32 s = 0; s < f->n_steps; s++) {
        const LampStep *step = &f->steps[s];
        double total =
            GPOINTER_TO_UINT(g_hash_table_lookup(totals, GUINT_TO_POINTER(step->process)));
        for (guint32 j = 0; j < step->n_candidates; j++) {
            guint32 at = step->first_candidate + j;
            const LampRequest *r = &f->requests[f->candidates[at]];
            guint32 a = input->calls[r->call].server_thread;
            guint32 b = input->calls[step->call].client_thread;
            self->rarity[at] = match(input, r, step, bearers, total);
            self->thread[at] = a && b ? (a == b ? 2 : 1) : 0;
            found |= self->rarity[at] >= 0 || self->thread[at];
        }
    }
    return found;
}

LampLinkEvidence *
lamp_link_evidence_new(const LampField *field, const LampInferenceInput *input,
                       guint32 evidence)
{
    LampLinkEvidence *self = g_new0(LampLinkEvidence, 1);
    self->field = field;
    self->rarity = g_new0(float, field->n_candidates + 1);
    self->thread = g_new0(guint8, field->n_candidates + 1);
    self->values = g_new0(float, field->n_candidates + 1);
    self->bonus = g_new0(float, field->n_candidates + 1);
    gboolean found = find_matches(self, input);
    for (guint32 i = 0; i < field->n_candidates; i++) {
        if (!(evidence & LAMP_EVIDENCE_VALUES))
            self->rarity[i] = -1;
        if (!(evidence & LAMP_EVIDENCE_THREAD))
            self->thread[i] = 0;
    }
    if (evidence & LAMP_EVIDENCE_CONNECTION)
        self->affinity = lamp_affinity_new(field, input);
    if (!found && !self->affinity)
        g_clear_pointer(&self, lamp_link_evidence_free);
    return self;
}

void
lamp_link_evidence_free(LampLinkEvidence *self)
{
    if (!self)
        return;
    g_free(self->rarity);
    g_free(self->thread);
    g_free(self->values);
    g_free(self->bonus);
    lamp_affinity_free(self->affinity);
    g_free(self);
}

static void
count(Tally *tally, gboolean is_match, gboolean is_link, double weight)
{
    *(is_link ? &tally->links : &tally->others) += weight;
    if (is_match)
        *(is_link ? &tally->matches : &tally->accidents) += weight;
}

static double
share(double part, double all)
{
    return CLAMP((part + LEAN / 2) / (all + LEAN), 1e-4, 1 - 1e-4);
}

static double
ratio(const Tally *tally, gboolean is_match, double rarity)
{
    double p = share(tally->matches, tally->links);
    double q = share(tally->accidents, tally->others + tally->links);
    if (is_match)
        return log(p) + rarity;
    return log((1 - p) / (1 - MIN(q, p)));
}

/* Steps with few candidates tell most about true links. */
void
lamp_link_evidence_learn(LampLinkEvidence *self, const LampState *state)
{
    const LampField *f = self->field;
    guint32 n = f->n_request_kinds * f->n_step_kinds;
    g_autofree Tally *values = g_new0(Tally, n + 1);
    g_autofree Tally *threads = g_new0(Tally, n + 1);
    for (int pass = 0; pass < 2; pass++)
        for (guint32 s = 0; s < f->n_steps; s++) {
            const LampStep *step = &f->steps[s];
            double weight = 1.0 / step->n_candidates;
            for (guint32 j = 0; j < step->n_candidates; j++) {
                guint32 at = step->first_candidate + j, r = f->candidates[at];
                guint32 pair = f->requests[r].kind * f->n_step_kinds + step->kind;
                gboolean is_link = state->owner[s] == r;
                if (pass == 0) {
                    count(&values[pair], self->rarity[at] >= 0, is_link, weight);
                    if (self->thread[at])
                        count(&threads[pair], self->thread[at] == 2, is_link, weight);
                    continue;
                }
                self->values[at] = (float) ratio(&values[pair], self->rarity[at] >= 0,
                                                 (double) self->rarity[at]);
                self->bonus[at] = self->values[at];
                if (self->thread[at])
                    self->bonus[at] += (float) ratio(
                        &threads[pair], self->thread[at] == 2,
                        -log(share(threads[pair].accidents, threads[pair].others)));
            }
        }
    if (self->affinity)
        lamp_affinity_add(self->affinity, state, self->bonus);
}
