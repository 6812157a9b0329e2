/*
 * Which templates begin requests, from silences: no line is assigned to any request.
 *
 * Where nothing at all was written for a while, nothing was going on, and what comes next was
 * asked for from outside (or by a clock): it begins a request. A template that often stands
 * there begins requests wherever it stands, also where one request follows the other at once
 * and their order is as regular as that within a request. A busy system has no such silences,
 * and nothing is found. A step that takes longer than the silence, with nothing else going on,
 * is taken for a request of its own.
 */
#include "correlate/log-requests/state.h"

#define SILENCE_NS (500 * LAMP_NS_PER_MS)
#define LEAST_AFTER 3   /* lines of a template that come after a silence */
#define AFTER_SHARE 0.1 /* of its lines */
#define MOST_KINDS 32   /* templates of a component */
#define LED_SHARE 0.8   /* of the lines of a template that leads another */
#define WORK_SHARE 0.03 /* of its lines: after silences of the component alone */

void
lamp_idle_begins_find(LampGroupState *s)
{
    const LampLogLine *lines = s->input->lines;
    g_autofree double *after = g_new0(double, (gsize) s->n_templates + 1);
    s->rested = g_new0(guint32, (gsize) s->input->n_lines + 1);
    s->wake = g_new0(guint32, (gsize) s->input->n_lines + 1);
    for (guint32 i = 1; i < s->input->n_lines; i++) {
        gboolean is_silent = lines[i].time_ns - lines[i - 1].time_ns > SILENCE_NS;
        s->wake[i] = is_silent ? i : s->wake[i - 1];
        after[lines[i].template] += is_silent ? 1 : 0;
    }
    guint32 found = 0;
    for (guint32 t = 0; t < s->n_templates; t++) {
        s->is_begin[t] =
            after[t] >= LEAST_AFTER && after[t] > AFTER_SHARE * s->template_count[t];
        s->is_root[t] = s->is_begin[t];
        found += s->is_begin[t] ? 1 : 0;
    }
    g_debug("%u templates come after silences", found);
}

/* Templates of one component, and which never was written more often than which. */
typedef struct {
    guint32 templates[MOST_KINDS];
    guint32 counts[MOST_KINDS];
    gboolean leads[MOST_KINDS][MOST_KINDS];
    guint n;
    gboolean is_judged; /* or has begins, or too many templates */
} Kinds;

static guint
kind_at(Kinds *k, guint32 template)
{
    guint at = 0;
    while (at < k->n && k->templates[at] != template)
        at++;
    if (at == k->n && at < MOST_KINDS) {
        k->templates[k->n++] = template;
        for (guint m = 0; m < k->n; m++)
            k->leads[m][at] = TRUE; /* any that was there before */
    }
    return at;
}

static void
count_kind(Kinds *k, guint32 template)
{
    guint at = kind_at(k, template);
    if (at == MOST_KINDS) {
        k->is_judged = TRUE;
        return;
    }
    k->counts[at]++;
    for (guint m = 0; m < k->n; m++)
        if (k->counts[at] > k->counts[m])
            k->leads[m][at] = FALSE;
}

/* A component that is never idle: what each of its lines of a template has one of another
 * before it does not begin its work; the rest does. */
static void
judge_kinds(LampGroupState *s, const Kinds *k)
{
    gboolean is_led[MOST_KINDS] = {FALSE};
    gboolean is_any = FALSE;
    for (guint at = 0; at < k->n; at++)
        for (guint m = 0; m < k->n; m++)
            if (m != at && k->leads[m][at] && k->counts[at] > LED_SHARE * k->counts[m])
                is_any = is_led[at] = TRUE;
    for (guint at = 0; is_any && at < k->n; at++)
        s->is_work_begin[k->templates[at]] = !is_led[at];
}

static void
judge_busy(LampGroupState *s, guint32 n_components)
{
    const LampLogLine *lines = s->input->lines;
    g_autofree Kinds *kinds = g_new0(Kinds, (gsize) n_components + 1);
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        Kinds *k = &kinds[lines[i].component];
        k->is_judged = k->is_judged || s->is_work_begin[lines[i].template];
    }
    for (guint32 i = 0; i < s->input->n_lines; i++)
        if (!kinds[lines[i].component].is_judged && s->bound[i] == LAMP_LOG_NONE)
            count_kind(&kinds[lines[i].component], lines[i].template);
    for (guint32 c = 0; c < n_components; c++)
        if (!kinds[c].is_judged)
            judge_kinds(s, &kinds[c]);
}

void
lamp_work_begins_find(LampGroupState *s)
{
    const LampLogLine *lines = s->input->lines;
    guint32 n_components = 0;
    for (guint32 i = 0; i < s->input->n_lines; i++)
        n_components = MAX(n_components, lines[i].component + 1);
    g_autofree guint32 *latest = g_new0(guint32, (gsize) n_components + 1); /* line + 1 */
    g_autofree double *after = g_new0(double, (gsize) s->n_templates + 1);
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        guint32 last = latest[lines[i].component];
        if (last == 0 || lines[i].time_ns - lines[last - 1].time_ns > SILENCE_NS)
            after[lines[i].template] += 1;
        latest[lines[i].component] = i + 1;
    }
    for (guint32 t = 0; t < s->n_templates; t++)
        s->is_work_begin[t] =
            after[t] >= LEAST_AFTER && after[t] > WORK_SHARE * s->template_count[t];
    judge_busy(s, n_components);
}

/* A request that waits goes on by itself in the end; an object that rests is met again by a
 * request that others asked for. */
gboolean
lamp_idle_rests(LampGroupState *s, const LampValueUse *uses, guint32 n, guint32 slot,
                LampRests *rests)
{
    gboolean has_rest = FALSE;
    for (guint32 i = 1; i < n; i++) {
        guint32 wake = s->wake[uses[i].line];
        if (wake <= uses[i - 1].line)
            continue;
        has_rest = TRUE;
        rests->woken += wake == uses[i].line ? 1 : 0;
        rests->all += s->rested[wake] != slot + 1 ? 1 : 0;
        s->rested[wake] = slot + 1;
    }
    return has_rest;
}
