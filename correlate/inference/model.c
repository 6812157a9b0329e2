/* model.c — the score of one request with a set of steps
 *
 * log p(steps, response | kind) = log p(pattern) + sum over events of log f(gap | event waited
 * for)
 * + log p(ends within). The pattern (which slots are there) has its observed frequency, leaning
 * on independent slots: log((n_pattern + a p_independent) / (N + a)). This is the inner loop of
 * the engine: a table look-up for each event. */
#include "correlate/inference/model.h"

#include <math.h>

#define FEW_UNUSUAL \
    0.5             /* calls seen in all of a kind that such requests are not known to make */
#define SMALL 1e-25 /* of a product of shares: far enough above the least float */

void
lamp_view_fill(const LampKind *kind, const LampRequest *request, const LampStep *const *steps,
               guint32 n, LampView *out)
{
    out->request = request;
    out->steps = steps;
    out->n = n;
    for (guint32 i = 0; i < n; i++) {
        guint32 occurrence = 0, step_kind = steps[i]->kind;
        for (guint32 j = 0; j < i; j++)
            occurrence += steps[j]->kind == step_kind;
        occurrence = MIN(occurrence, LAMP_OCCURRENCES - 1);
        out->slots[i] = kind->slot_of[step_kind * LAMP_OCCURRENCES + occurrence];
    }
}

static gint64
gap_to_last_end(const LampView *view, guint32 at, gint64 time, guint32 n_slots,
                guint32 *out_key)
{
    gint64 latest = view->request->start;
    *out_key = n_slots;
    for (guint32 j = at; j-- > 0;) {
        gint64 end = view->steps[j]->end;
        if (end > time || end <= latest)
            continue;
        latest = end;
        *out_key = view->slots[j];
    }
    if (view->request->end < time && view->request->end > latest) { /* begun after the reply */
        latest = view->request->end;
        *out_key = n_slots;
    }
    return time - latest;
}

static gint64
gap_to_slot(const LampView *view, LampRule rule, guint32 at, gint64 time, guint32 n_slots,
            guint32 *out_key)
{
    for (guint32 j = 0; j < view->n; j++) {
        if (view->slots[j] != rule.slot || j == at)
            continue;
        *out_key = rule.slot;
        const LampStep *s = view->steps[j];
        return time - (rule.wait == LAMP_WAIT_CALL_END ? s->end : s->start);
    }
    return gap_to_last_end(view, at, time, n_slots, out_key);
}

gint64
lamp_view_gap(const LampView *view, LampRule rule, guint32 at, guint32 n_slots,
              guint32 *out_key)
{
    gint64 time = at < view->n ? view->steps[at]->start : view->request->end;
    switch (rule.wait) {
    case LAMP_WAIT_START:
        break;
    case LAMP_WAIT_LAST_END:
        return gap_to_last_end(view, at, time, n_slots, out_key);
    case LAMP_WAIT_LAST_START:
        if (at == 0)
            break;
        *out_key = view->slots[at - 1];
        return time - view->steps[at - 1]->start;
    default:
        return gap_to_slot(view, rule, at, time, n_slots, out_key);
    }
    *out_key = n_slots;
    return time - view->request->start;
}

/* Notes the event. Steps that set each other going as they start have one cause: that of the
 * first of them. */
static void
note_event(LampEvents *events, LampRule rule, guint32 x, guint32 key, gint64 time, gint64 gap)
{
    gint64 cause = time - gap;
    if (rule.wait == LAMP_WAIT_LAST_START || rule.wait == LAMP_WAIT_CALL_START)
        for (guint32 i = events->n; i-- > 0;)
            if (events->slots[i] == key && events->times[i] == cause) {
                cause = events->causes[i];
                break;
            }
    events->slots[events->n] = (guint16) x;
    events->times[events->n] = time;
    events->causes[events->n++] = cause;
}

gboolean
lamp_view_follows(const LampKind *kind, const LampView *view, guint32 at)
{
    guint32 x = view->slots[at];
    return x < kind->n_slots && kind->rules[x].wait == LAMP_WAIT_LAST_START;
}

/* Share of what comes next among all that might. */
static inline double
share_next(const LampKind *kind, const LampView *view, guint32 at, const float *readiness)
{
    guint32 side = kind->n_slots + 1, key = at ? view->slots[at - 1] : kind->n_slots;
    if (key > kind->n_slots)
        return 1;
    float own = readiness[view->slots[at] * side + key], sum = own;
    for (guint32 j = at + 1; j < view->n; j++)
        if (lamp_view_follows(kind, view, j))
            sum += readiness[view->slots[j] * side + key];
    return (double) (own / sum);
}

/* Log share of each start that waits for that of another, among all that might have come next:
 * the log of a product is one log instead of many. */
static double
score_follows(const LampKind *kind, const LampView *view)
{
    guint32 side = kind->n_slots + 1;
    const float *readiness = kind->follows + view->request->fold * side * side;
    double share = 1, sum = 0;
    for (guint32 at = 0; at + 1 < view->n; at++) {
        if (!lamp_view_follows(kind, view, at))
            continue;
        share *= share_next(kind, view, at, readiness);
        if (share > SMALL)
            continue;
        sum += (double) lamp_log((float) share);
        share = 1;
    }
    return share < 1 ? sum + (double) lamp_log((float) share) : sum;
}

static inline double
score_event(const LampModel *self, const LampKind *kind, const LampView *view, guint32 at,
            guint32 x, LampEvents *out_events)
{
    guint32 key;
    gint64 gap = lamp_view_gap(view, kind->rules[x], at, kind->n_slots, &key);
    guint32 side = kind->n_slots + 1, row = view->request->fold * side + x;
    const float *table = key < side ? kind->tables[row * side + key] : NULL;
    if (!table)
        table = kind->any[row];
    if (out_events) {
        gint64 time = at < view->n ? view->steps[at]->start : view->request->end;
        note_event(out_events, kind->rules[x], x, key, time, gap);
    }
    return (double) table[lamp_density_bin(gap, self->scale)];
}

static double
score_pattern(const LampKind *kind, guint64 pattern, double independent)
{
    guint32 mask = kind->n_patterns - 1;
    pattern += pattern == G_MAXUINT64 ? 2u : 1u;
    for (guint32 i = (guint32) pattern & mask; kind->pattern_keys[i]; i = (i + 1) & mask)
        if (kind->pattern_keys[i] == pattern)
            return (double) kind->pattern_logs[i];
    return kind->pattern_rest + independent;
}

/* It may be anywhere in the request. */
static double
score_unusual(const LampModel *self, const LampRequest *request)
{
    return self->log_unusual - log((double) MAX(request->end - request->start, 1000));
}

double
lamp_model_score(const LampModel *self, const LampRequest *request,
                 const LampStep *const *steps, guint32 n, LampEvents *out_events)
{
    const LampKind *kind = &self->kinds[request->kind];
    guint64 pattern = 0;
    double score = 0, independent = kind->presence_base;
    LampView view;
    if (out_events)
        out_events->n = 0;
    lamp_view_fill(kind, request, steps, n, &view);
    for (guint32 i = 0; i < n; i++) {
        if (view.slots[i] == LAMP_NO_SLOT) {
            score += score_unusual(self, request);
            continue;
        }
        const LampSlot *slot = &kind->slots[view.slots[i]];
        pattern += slot->hash;
        independent += (double) slot->presence;
        score += score_event(self, kind, &view, i, view.slots[i], out_events);
        score +=
            (double) (steps[i]->end <= request->end ? slot->log_within : slot->log_overrun);
    }
    if (n > 1)
        score += score_follows(kind, &view);
    if (self->evidence & LAMP_EVIDENCE_END)
        score += score_event(self, kind, &view, n, kind->n_slots, out_events);
    return score + ((self->evidence & LAMP_EVIDENCE_PATTERN)
                        ? score_pattern(kind, pattern, independent)
                        : independent);
}

void
lamp_tally_add(const LampModel *self, const LampKind *kind, guint32 step_kind, guint32 before,
               LampTally *tally)
{
    guint32 occurrence = MIN(before, LAMP_OCCURRENCES - 1);
    guint16 x = kind->slot_of[step_kind * LAMP_OCCURRENCES + occurrence];
    if (x == LAMP_NO_SLOT) {
        tally->unusual += self->log_unusual;
        return;
    }
    tally->pattern += kind->slots[x].hash;
    tally->independent += (double) kind->slots[x].presence;
}

double
lamp_tally_score(const LampModel *self, const LampKind *kind, const LampTally *tally)
{
    double independent = kind->presence_base + tally->independent;
    return tally->unusual + ((self->evidence & LAMP_EVIDENCE_PATTERN)
                                 ? score_pattern(kind, tally->pattern, independent)
                                 : independent);
}

double
lamp_model_presence(const LampModel *self, const LampRequest *request,
                    const LampStep *const *steps, guint32 n)
{
    const LampKind *kind = &self->kinds[request->kind];
    LampTally tally = {0};
    for (guint32 i = 0; i < n; i++) {
        guint32 before = 0;
        for (guint32 j = 0; j < i; j++)
            before += steps[j]->kind == steps[i]->kind;
        lamp_tally_add(self, kind, steps[i]->kind, before, &tally);
    }
    return lamp_tally_score(self, kind, &tally);
}

LampModel *
lamp_model_new(const LampField *field, guint32 evidence)
{
    LampModel *self = g_new0(LampModel, 1);
    self->n_kinds = field->n_request_kinds;
    self->n_step_kinds = field->n_step_kinds;
    self->kinds = g_new0(LampKind, self->n_kinds + 1);
    self->log_orphan = g_new0(float, self->n_step_kinds + 1);
    self->scale = 1.0f / (float) field->resolution;
    self->log_unusual = log(FEW_UNUSUAL / (field->n_requests + 1));
    self->log_new_orphan = (float) (log(FEW_UNUSUAL) - log((double) field->span));
    self->evidence = evidence;
    return self;
}

void
lamp_model_grow(LampModel *self, guint32 n_kinds, guint32 n_step_kinds)
{
    guint32 before = self->n_step_kinds * LAMP_OCCURRENCES;
    guint32 after = n_step_kinds * LAMP_OCCURRENCES;
    for (guint32 k = 0; k < self->n_kinds && after > before; k++) {
        LampKind *kind = &self->kinds[k];
        if (!kind->slot_of)
            continue;
        kind->slot_of = g_renew(guint16, kind->slot_of, after + 1);
        memset(kind->slot_of + before, 0xff, (after - before) * sizeof *kind->slot_of);
    }
    if (after > before) {
        self->log_orphan = g_renew(float, self->log_orphan, n_step_kinds + 1);
        for (guint32 k = self->n_step_kinds; k < n_step_kinds; k++)
            self->log_orphan[k] = self->log_new_orphan;
        self->n_step_kinds = n_step_kinds;
    }
    if (n_kinds <= self->n_kinds)
        return;
    self->kinds = g_renew(LampKind, self->kinds, n_kinds);
    memset(self->kinds + self->n_kinds, 0, (n_kinds - self->n_kinds) * sizeof(LampKind));
    self->n_kinds = n_kinds;
}

void
lamp_kind_clear(LampKind *kind)
{
    guint32 side = kind->n_slots + 1;
    for (guint32 i = 0; kind->tables && i < LAMP_FOLDS * side * side; i++)
        g_free(kind->tables[i]);
    for (guint32 i = 0; kind->any && i < LAMP_FOLDS * side; i++)
        g_free(kind->any[i]);
    g_free(kind->tables);
    g_free(kind->any);
    g_free(kind->slots);
    g_free(kind->slot_of);
    g_free(kind->rules);
    g_free(kind->histograms_any);
    g_free(kind->follows);
    g_free(kind->pattern_keys);
    g_free(kind->pattern_logs);
    g_free(kind->in_order);
    g_free(kind->out_of_order);
    *kind = (LampKind){0};
}

void
lamp_model_free(LampModel *self)
{
    if (!self)
        return;
    for (guint32 k = 0; k < self->n_kinds; k++)
        lamp_kind_clear(&self->kinds[k]);
    g_free(self->kinds);
    g_free(self->log_orphan);
    g_free(self);
}
