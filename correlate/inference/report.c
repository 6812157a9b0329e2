/* report.c — decides each link by its marginal, and writes down candidates and structure
 *
 * The most probable parent of each step is the decision that gets most links right. The
 * probability that all links of a request are right is taken as the product of its links'
 * probabilities: errors come in pairs (two requests exchange steps), so the product errs on the
 * low side. */
#include "correlate/inference/report.h"

#include "correlate/inference/messages.h"

#include <math.h>
#include <stdlib.h>

#define MOST_CANDIDATES 8
#define IMPROBABLE 0.002f /* below that only the two best candidates are told */

LampReport *
lamp_report_new(const LampInferenceInput *input, const LampInferenceOptions *options)
{
    LampReport *self = g_new0(LampReport, 1);
    self->input = input;
    self->options = options;
    self->answer = g_new0(LampInference, 1);
    self->answer->n_calls = input->n_calls;
    self->answer->links = g_new(LampInferenceLink, input->n_calls + 1);
    self->senders = lamp_messages_find(input);
    self->answer->n_samples = options->samples;
    if (options->samples > 0)
        self->answer->samples = g_new(guint32, (gsize) options->samples * input->n_calls + 1);
    for (gsize i = 0; i < (gsize) options->samples * input->n_calls; i++)
        self->answer->samples[i] = LAMP_INFERENCE_NO_CALL;
    self->candidates = g_array_new(FALSE, TRUE, sizeof(LampInferenceCandidate));
    self->services = g_array_new(FALSE, TRUE, sizeof(LampInferenceService));
    self->slots = g_array_new(FALSE, TRUE, sizeof(LampInferenceSlot));
    for (gsize i = 0; i < input->n_calls; i++)
        self->answer->links[i] = (LampInferenceLink){.parent = LAMP_INFERENCE_NO_CALL,
                                                     .via = LAMP_INFERENCE_NO_CALL,
                                                     .runner_up = LAMP_INFERENCE_NO_CALL,
                                                     .retry_of = LAMP_INFERENCE_NO_CALL,
                                                     .probability = 1,
                                                     .tree_probability = 1};
    return self;
}

/* A candidate of one step while ranking; candidates name requests, the answer names calls. */
typedef struct {
    float probability;
    guint32 request; /* LAMP_NONE: no request */
} Ranked;

static int
compare_ranked(const void *a, const void *b)
{
    const Ranked *x = a, *y = b;
    if (x->probability != y->probability)
        return x->probability > y->probability ? -1 : 1;
    return x->request < y->request ? -1 : x->request > y->request;
}

/* The decision goes before what is more probable by itself. */
static void
put_first(Ranked *ranked, guint32 n, guint32 request)
{
    guint32 at = 0;
    while (at + 1 < n && ranked[at].request != request)
        at++;
    Ranked decided = ranked[at];
    for (; at > 0; at--)
        ranked[at] = ranked[at - 1];
    ranked[0] = decided;
}

/* Marginals of one step, best first; where none was recorded, the present owner is certain. */
static guint32
rank(const LampField *f, const LampSampler *sampler, guint32 step, Ranked *out)
{
    const LampStep *s = &f->steps[step];
    guint32 visits = sampler->visits[step], n = 0;
    for (guint32 j = 0; j < s->n_candidates; j++) {
        guint32 r = f->candidates[s->first_candidate + j];
        float share = visits ? sampler->share[s->first_candidate + j] / (float) visits
                             : (float) (sampler->state->owner[step] == r);
        out[n++] = (Ranked){share, r};
    }
    float none = visits ? sampler->no_share[step] / (float) visits
                        : (float) (sampler->state->owner[step] == LAMP_NONE);
    out[n++] = (Ranked){none, LAMP_NONE};
    qsort(out, n, sizeof *out, compare_ranked);
    put_first(out, n, sampler->state->owner[step]);
    return n;
}

/* The call that stands for a request: what it serves, or for fetched work who sent it. */
static guint32
call_of(const LampReport *self, const LampField *f, guint32 request, guint32 *out_via)
{
    *out_via = LAMP_INFERENCE_NO_CALL;
    if (request == LAMP_NONE)
        return LAMP_INFERENCE_NO_CALL;
    const LampRequest *r = &f->requests[request];
    if (!r->is_fetched)
        return r->call;
    *out_via = r->call;
    return self->senders[r->call] != LAMP_INFERENCE_NO_CALL ? self->senders[r->call] : r->call;
}

static void
add_candidates(LampReport *self, const LampField *f, LampSampler *sampler, guint32 step,
               const Ranked *ranked, guint32 n)
{
    for (guint32 i = 0; i < n; i++) {
        guint32 via;
        LampInferenceCandidate c = {.parent = call_of(self, f, ranked[i].request, &via),
                                    .probability = ranked[i].probability};
        if (ranked[i].request != LAMP_NONE) {
            LampParts parts = lamp_sampler_parts(sampler, step, ranked[i].request);
            c.delay = (float) parts.delay;
            c.presence = (float) parts.presence;
            c.values = (float) parts.values;
            c.affinity = (float) parts.affinity;
        } else {
            c.delay = sampler->model->log_orphan[f->steps[step].kind];
        }
        g_array_append_val(self->candidates, c);
    }
}

/* How many of the ranked candidates are told: the two best, and what is not improbable; having
 * no request is told in any case, as the last. */
static guint32
choose_told(Ranked *ranked, guint32 n, guint32 most)
{
    guint32 none = 0, told = n;
    while (ranked[none].request != LAMP_NONE)
        none++;
    while (told > 1 && ranked[told - 1].probability <= (told > 2 ? IMPROBABLE : 0))
        told--;
    told = MIN(told, most);
    if (none >= told) {
        ranked[told] = ranked[none];
        told++;
    }
    return told;
}

static guint8
kind_of_link(const LampField *f, const LampStep *step, guint32 request)
{
    if (request == LAMP_NONE)
        return LAMP_LINK_NONE;
    if (f->requests[request].is_fetched)
        return LAMP_LINK_MESSAGE;
    return step->end <= f->requests[request].end ? LAMP_LINK_SYNCHRONOUS
                                                 : LAMP_LINK_ASYNCHRONOUS;
}

static void
report_step(LampReport *self, const LampField *f, LampSampler *sampler, guint32 step,
            LampInferenceService *service)
{
    Ranked ranked[LAMP_MAX_CANDIDATES + 1];
    guint32 n = rank(f, sampler, step, ranked), via;
    guint32 keep = self->options->candidates ? self->options->candidates : MOST_CANDIDATES;
    LampInferenceLink *link = &self->answer->links[f->steps[step].call];
    link->possible = f->steps[step].n_candidates;
    link->parent = call_of(self, f, ranked[0].request, &link->via);
    link->probability = ranked[0].probability;
    if (n > 1 && ranked[1].probability > 0) {
        link->runner_up = call_of(self, f, ranked[1].request, &via);
        link->runner_up_probability = ranked[1].probability;
    }
    link->kind = kind_of_link(f, &f->steps[step], ranked[0].request);
    link->first_candidate = self->candidates->len;
    link->candidate_count = choose_told(ranked, n, keep);
    add_candidates(self, f, sampler, step, ranked, link->candidate_count);
    if (link->parent == LAMP_INFERENCE_NO_CALL)
        return;
    self->answer->links[link->parent].tree_probability *= link->probability;
    service->links++;
    service->ambiguous += f->steps[step].n_candidates > 1;
    service->expected_accuracy += (double) link->probability;
}

static gboolean
has_failed(const LampInferenceCall *c)
{
    return (c->flags & (LAMP_CALL_ERROR | LAMP_CALL_TIMEOUT | LAMP_CALL_NO_RESPONSE)) != 0;
}

/* A call is a retry where its parent made the same kind of call before and that one failed. */
static void
mark_retries(const LampReport *self, const LampField *f)
{
    const LampInferenceCall *calls = self->input->calls;
    LampInferenceLink *links = self->answer->links;
    g_autoptr(GHashTable) last =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (guint32 s = 0; s < f->n_steps; s++) {
        LampInferenceLink *link = &links[f->steps[s].call];
        if (link->parent == LAMP_INFERENCE_NO_CALL)
            continue;
        guint64 key = (guint64) link->parent << 32 | f->steps[s].kind;
        key = lamp_random(&key); /* GLib hashes only the low half */
        gpointer before = g_hash_table_lookup(last, &key);
        if (before && has_failed(&calls[GPOINTER_TO_UINT(before) - 1])) {
            link->kind = LAMP_LINK_RETRY;
            link->retry_of = GPOINTER_TO_UINT(before) - 1;
        }
        g_hash_table_insert(last, g_memdup2(&key, sizeof key),
                            GUINT_TO_POINTER(f->steps[s].call + 1));
    }
}

void
lamp_report_sample(LampReport *self, const LampField *field, const LampState *state,
                   guint32 row)
{
    guint32 *to = self->answer->samples + (gsize) row * self->answer->n_calls, via;
    for (guint32 s = 0; s < field->n_steps; s++)
        to[field->steps[s].call] = call_of(self, field, state->owner[s], &via);
}

static void
report_kind(LampReport *self, const LampField *f, const LampModel *model, guint32 kind)
{
    static const double at[5] = {.05, .25, .5, .75, .95};
    const LampKind *k = &model->kinds[kind];
    guint32 base = self->slots->len;
    for (guint32 x = 0; x <= k->n_slots; x++) {
        LampInferenceSlot slot = {.service = f->service,
                                  .parent_operation = f->request_kind_operation[kind],
                                  .presence = 1,
                                  .requests = k->weight};
        LampRule rule = k->rules[x];
        if (x < k->n_slots) {
            slot.child_service = f->step_kind_service[k->slots[x].step_kind];
            slot.child_operation = f->step_kind_operation[k->slots[x].step_kind];
            slot.occurrence = k->slots[x].occurrence;
            slot.presence = MIN(1, k->slots[x].weight / MAX(k->weight, 1e-9));
            slot.asynchronous = exp((double) k->slots[x].log_overrun);
        }
        slot.waits_for = rule.wait == LAMP_WAIT_START        ? LAMP_EVENT_REQUEST_START
                         : rule.wait == LAMP_WAIT_LAST_END   ? LAMP_EVENT_LAST_END
                         : rule.wait == LAMP_WAIT_CALL_END   ? LAMP_EVENT_CALL_END
                         : rule.wait == LAMP_WAIT_CALL_START ? LAMP_EVENT_CALL_START
                                                             : LAMP_EVENT_LAST_START;
        slot.waits_for_slot = base + rule.slot;
        for (int q = 0; q < 5; q++)
            slot.delay_ns[q] = lamp_histogram_quantile(
                k->histograms_any + (gsize) x * LAMP_BINS, model->scale, at[q]);
        g_array_append_val(self->slots, slot);
    }
}

void
lamp_report_field(LampReport *self, const LampField *field, LampSampler *sampler,
                  double in_order)
{
    LampInferenceService service = {.service = field->service, .in_order = in_order};
    for (guint32 s = 0; s < field->n_steps; s++)
        report_step(self, field, sampler, s, &service);
    mark_retries(self, field);
    self->sum += service.expected_accuracy;
    self->links += service.links;
    if (service.links)
        service.expected_accuracy /= (double) service.links;
    g_array_append_val(self->services, service);
    for (guint32 k = 0; k < field->n_base_kinds; k++)
        if (sampler->model->kinds[k].rules)
            report_kind(self, field, sampler->model, k);
}

/* Trace probabilities: a parent's product is handed up from its children; calls in order of end
 * would not be safe with overruns, so each chain is walked once, with memory. */
static void
multiply_traces(const LampReport *self, const guint32 *leaders)
{
    LampInference *a = self->answer;
    g_autofree float *product = g_new(float, a->n_calls + 1);
    for (gsize i = 0; i < a->n_calls; i++)
        a->links[i].trace_probability = 0;
    for (gsize i = 0; i < a->n_calls; i++)
        product[i] = 1;
    for (gsize i = 0; i < a->n_calls; i++) {
        guint32 root = (guint32) i;
        for (int depth = 0; depth < 256 && a->links[root].parent != LAMP_INFERENCE_NO_CALL;
             depth++)
            root = a->links[root].parent;
        if (leaders[i] == LAMP_INFERENCE_NO_CALL)
            product[root] *= a->links[i].probability;
    }
    for (gsize i = 0; i < a->n_calls; i++)
        if (a->links[i].parent == LAMP_INFERENCE_NO_CALL)
            a->links[i].trace_probability = product[i];
}

static void
follow_leaders(LampInference *answer, const guint32 *leaders)
{
    for (gsize i = 0; i < answer->n_calls; i++) {
        if (leaders[i] == LAMP_INFERENCE_NO_CALL)
            continue;
        float below = answer->links[i].tree_probability;
        answer->links[i] = answer->links[leaders[i]];
        answer->links[i].tree_probability = below;
        for (guint32 k = 0; k < answer->n_samples; k++) {
            guint32 *row = answer->samples + (gsize) k * answer->n_calls;
            row[i] = row[leaders[i]];
        }
    }
}

LampInference *
lamp_report_finish(LampReport *self, const guint32 *leaders)
{
    LampInference *answer = self->answer;
    follow_leaders(answer, leaders);
    multiply_traces(self, leaders);
    answer->n_candidates = self->candidates->len;
    answer->candidates =
        (LampInferenceCandidate *) (void *) g_array_free(self->candidates, FALSE);
    answer->n_services = self->services->len;
    answer->services = (LampInferenceService *) (void *) g_array_free(self->services, FALSE);
    answer->n_slots = self->slots->len;
    answer->slots = (LampInferenceSlot *) (void *) g_array_free(self->slots, FALSE);
    answer->expected_accuracy = self->links ? self->sum / (double) self->links : 1;
    g_free(self->senders);
    g_free(self);
    return answer;
}

void
lamp_inference_free(LampInference *self)
{
    if (!self)
        return;
    g_free(self->links);
    g_free(self->candidates);
    g_free(self->services);
    g_free(self->slots);
    g_free(self->samples);
    g_free(self);
}
