/*
 * Which template stands directly before which, always: no line is assigned to any request.
 *
 * In: pairs of templates of which each line of the one is followed by one of the other in the
 * same request (template-order.c), matched in order. Nothing says yet whether other lines of
 * the request stand between. Where little goes on, they tell: if nothing at all was written
 * between the two lines, the one follows the other directly, and as lines of one template come
 * from one place of a program, so do all. What others write meanwhile only makes that rarer; a
 * step that the request makes between is never missing.
 *
 * A pair may be two kinds of step in one, however: directly in some requests, by way of further
 * lines in all the others. Then these lines stand between the two and nowhere else.
 */
#include "correlate/log-requests/state.h"

#define LEAST_DIRECT 3
#define DIRECT_SHARE 0.05 /* of the pairs: with nothing between */
#define DETOUR_SHARE 0.9  /* of the others: with lines of one template between */
#define INSIDE_SHARE 0.95 /* of the lines of that template */
#define LONGEST_LOOK 256  /* lines that are looked through between two */

/* The template whose lines stand between most of the pairs; how many of these. */
static guint32
find_detour(const LampGroupState *s, const LampLinePairs *pairs, guint32 *out_count)
{
    const LampLogLine *lines = s->input->lines;
    g_autofree guint32 *counts = g_new0(guint32, (gsize) s->n_templates + 1);
    g_autofree guint32 *counted = g_new0(guint32, (gsize) s->n_templates + 1);
    guint32 best = 0;
    for (guint32 k = 0; k < pairs->n; k++) {
        guint32 last = MIN(pairs->after[k], pairs->before[k] + LONGEST_LOOK);
        for (guint32 i = pairs->before[k] + 1; i < last; i++) {
            guint32 template = lines[i].template;
            if (template == pairs->from || template == pairs->to || counted[template] == k + 1)
                continue;
            counted[template] = k + 1;
            counts[template]++;
            best = counts[template] > counts[best] ? template : best;
        }
    }
    *out_count = counts[best];
    return best;
}

/* Do nearly all lines of @template stand between the lines of pairs? */
static gboolean
is_inside(const LampGroupState *s, const LampLinePairs *pairs, guint32 template)
{
    guint32 begun = 0;
    guint32 ended = 0;
    double inside = 0;
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        begun += begun < pairs->n && pairs->before[begun] == i ? 1 : 0;
        ended += ended < pairs->n && pairs->after[ended] == i ? 1 : 0;
        if (s->input->lines[i].template == template && begun > ended)
            inside += 1;
    }
    return inside > INSIDE_SHARE * s->template_count[template];
}

void
lamp_neighbours_judge(LampGroupState *s, const LampLinePairs *pairs)
{
    guint32 direct = 0;
    guint32 others = 0;
    for (guint32 k = 0; k < pairs->n; k++) {
        direct += pairs->before[k] + 1 == pairs->after[k] ? 1 : 0;
        others += pairs->before[k] + 1 < pairs->after[k] ? 1 : 0;
    }
    if (direct < LEAST_DIRECT || direct < DIRECT_SHARE * pairs->n)
        return;
    guint32 count;
    guint32 detour = find_detour(s, pairs, &count);
    if (count >= LEAST_DIRECT && count > DETOUR_SHARE * others && is_inside(s, pairs, detour))
        return;
    s->only_after[pairs->to] = pairs->from + 1;
    s->only_before[pairs->from] = pairs->to + 1;
}

gboolean
lamp_neighbours_forbid(const LampGroupState *s, guint32 from, guint32 to)
{
    if (s->label_template != NULL) {
        from = s->label_template[from];
        to = s->label_template[to];
    }
    guint32 before = s->only_after[to];
    guint32 behind = s->only_before[from];
    return (before != 0 && before != from + 1) || (behind != 0 && behind != to + 1);
}
