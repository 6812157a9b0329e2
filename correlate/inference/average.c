/* average.c — two runs of the engine in one answer
 *
 * The probability of a parent is the mean of what both runs give it; the likeliest is the
 * answer. A trace is right only if its links are, so what a link loses its trace loses, too.
 * Runs that began differently and agree say that the beginning did not matter.
 *
 * Limits: that a request makes each of its usual calls once is not asked again for links on
 * which the runs differ. */
#include "correlate/inference/average.h"

#include <string.h>

#define CROWDED 6.0  /* possible parents of a call, on average */
#define DOUBTED 0.97 /* mean probability of the links, below which it is looked at again */
#define FEWEST 50u   /* links of a service */
#define MOST_UP 64u  /* steps up to the root */

typedef struct {
    double links, possible, probability;
} Crowd;

guint8 *
lamp_average_needed(const LampInference *self, const LampInferenceInput *input, guint32 *out_n)
{
    guint32 n = 0;
    for (gsize i = 0; i < input->n_calls; i++)
        n = MAX(n, input->calls[i].client_service + 1);
    g_autofree Crowd *crowds = g_new0(Crowd, n + 1);
    g_autofree guint8 *needed = g_new0(guint8, n + 1);
    gboolean any = FALSE;
    for (gsize i = 0; i < self->n_calls; i++) {
        const LampInferenceLink *link = &self->links[i];
        Crowd *crowd = &crowds[input->calls[i].client_service];
        if (link->parent == LAMP_INFERENCE_NO_CALL)
            continue;
        crowd->links += 1;
        crowd->possible += link->possible;
        crowd->probability += (double) link->probability;
    }
    for (guint32 s = 1; s < n; s++) {
        needed[s] = crowds[s].links >= FEWEST &&
                    crowds[s].possible >= CROWDED * crowds[s].links &&
                    crowds[s].probability < DOUBTED * crowds[s].links;
        any = any || needed[s];
    }
    *out_n = n;
    return any ? g_steal_pointer(&needed) : NULL;
}

static gint
compare_candidates(gconstpointer left, gconstpointer right)
{
    const LampInferenceCandidate *a = left, *b = right;
    if (a->probability != b->probability)
        return a->probability > b->probability ? -1 : 1;
    return a->parent < b->parent ? -1 : a->parent > b->parent;
}

/* Adds half of what a run says of a call's candidates to @to, from @first on. */
static void
add_half(GArray *to, guint first, const LampInference *run, gsize call)
{
    const LampInferenceLink *link = &run->links[call];
    for (guint32 k = 0; k < link->candidate_count; k++) {
        LampInferenceCandidate half = run->candidates[link->first_candidate + k];
        half.probability /= 2;
        guint at = first;
        while (at < to->len &&
               g_array_index(to, LampInferenceCandidate, at).parent != half.parent)
            at++;
        if (at < to->len)
            g_array_index(to, LampInferenceCandidate, at).probability += half.probability;
        else
            g_array_append_val(to, half);
    }
}

/* The link of @call by its @candidates, best first; what else is known of it comes from the run
 * that gave it the same parent. */
static void
choose_link(LampInferenceLink *link, const LampInferenceLink *other,
            const LampInferenceCandidate *candidates, guint32 count)
{
    LampInferenceLink chosen = *link;
    if (candidates[0].parent != link->parent) {
        chosen.kind = other->kind;
        chosen.via = other->via;
        chosen.retry_of = other->retry_of;
    }
    chosen.parent = candidates[0].parent;
    chosen.probability = candidates[0].probability;
    chosen.runner_up = count > 1 ? candidates[1].parent : LAMP_INFERENCE_NO_CALL;
    chosen.runner_up_probability = count > 1 ? candidates[1].probability : 0;
    chosen.tree_probability = (link->tree_probability + other->tree_probability) / 2;
    *link = chosen;
}

static gsize
root_of(const LampInference *self, gsize call)
{
    for (guint up = 0; up < MOST_UP && self->links[call].parent < self->n_calls; up++)
        call = self->links[call].parent;
    return call;
}

/* Whatever a link's probability has lost. */
static void
doubt_traces(LampInference *self, const float *before)
{
    for (gsize i = 0; i < self->n_calls; i++)
        if (before[i] > 0 && self->links[i].probability < before[i])
            self->links[root_of(self, i)].trace_probability *=
                self->links[i].probability / before[i];
}

static void
average_services(LampInference *self, const LampInferenceInput *input, const guint8 *services,
                 guint32 count)
{
    for (gsize s = 0; s < self->n_services; s++) {
        LampInferenceService *service = &self->services[s];
        double sum = 0, n = 0;
        gboolean is_averaged = service->service < count && services[service->service];
        for (gsize i = 0; is_averaged && i < self->n_calls; i++)
            if (input->calls[i].client_service == service->service &&
                self->links[i].candidate_count > 0) {
                sum += (double) self->links[i].probability;
                n += 1;
            }
        if (n > 0)
            service->expected_accuracy = sum / n;
    }
}

void
lamp_average_links(LampInference *self, const LampInference *other,
                   const LampInferenceInput *input, const guint8 *services, guint32 n)
{
    GArray *all = g_array_new(FALSE, FALSE, sizeof(LampInferenceCandidate));
    g_autofree float *before = g_new0(float, self->n_calls + 1);
    for (gsize i = 0; i < self->n_calls; i++) {
        LampInferenceLink *link = &self->links[i];
        guint32 service = input->calls[i].client_service;
        guint first = all->len;
        if (service < n && services[service] && link->candidate_count > 0 &&
            other->links[i].candidate_count > 0) {
            before[i] = link->probability;
            add_half(all, first, self, i);
            add_half(all, first, other, i);
            LampInferenceCandidate *mean = &g_array_index(all, LampInferenceCandidate, first);
            qsort(mean, all->len - first, sizeof *mean, compare_candidates);
            choose_link(link, &other->links[i], mean, all->len - first);
        } else if (link->candidate_count > 0) {
            g_array_append_vals(all, &self->candidates[link->first_candidate],
                                link->candidate_count);
        }
        link->first_candidate = first;
        link->candidate_count = all->len - first;
    }
    g_free(self->candidates);
    self->n_candidates = all->len;
    self->candidates = (LampInferenceCandidate *) (gpointer) g_array_free(all, FALSE);
    doubt_traces(self, before);
    average_services(self, input, services, n);
}

LampInference *
lamp_inference_run_averaged(const LampInferenceInput *input,
                            const LampInferenceOptions *options, GError **error)
{
    g_autoptr(LampInference) first = lamp_inference_run(input, options, error);
    guint32 n = 0;
    g_autofree guint8 *services = first != NULL ? lamp_average_needed(first, input, &n) : NULL;
    if (services == NULL)
        return g_steal_pointer(&first);
    LampInferenceOptions again = options != NULL ? *options : (LampInferenceOptions){0};
    again.begins_in_order = TRUE;
    g_autoptr(LampInference) second = lamp_inference_run(input, &again, error);
    if (second == NULL)
        return NULL;
    lamp_average_links(first, second, input, services, n);
    return g_steal_pointer(&first);
}
