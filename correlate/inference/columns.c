/* columns.c — which values steps and their candidates share, and how rare these are
 *
 * In: a field with candidates, the values of its calls. Out: the columns, and for each of them
 * and each candidate edge whose request bears a value there whether the step shares one, shares
 * none, or has none. Of several values in one place each is as likely to be the one that a step
 * shares with its request; what counts is the rarest that is shared.
 *
 * Limits: 16 columns of a kind of step; 16 values of a call in one place, 256 in all. */
#include "correlate/inference/columns.h"

#include <math.h>
#include <stdlib.h>

#define THREAD_SLOT G_MAXUINT32
#define MOST_VALUES 256u /* of one call */
#define MOST_OF_SLOT 16u /* of one call in one place */
#define MOST_COLUMNS 16u /* of one kind of step */
#define MOST_MEMORY ((gsize) 1 << 28)

typedef struct {
    guint32 slot;
    guint64 hash;
} Value;

typedef struct {
    Value at[MOST_VALUES];
    guint32 n;
} Values;

static void
add_value(Values *to, guint32 slot, guint64 hash)
{
    if (to->n < MOST_VALUES)
        to->at[to->n++] = (Value){slot, hash};
}

static void
add_side(Values *to, const LampInferenceInput *input, const LampInferenceCall *c,
         LampValueSide side)
{
    for (guint32 k = 0; k < c->value_count; k++) {
        const LampInferenceValue *v = &input->values[c->first_value + k];
        if (v->side == side)
            add_value(to, v->slot, v->hash);
    }
}

/* What a request was asked with: where it was fetched, the reply. */
static void
read_request(const LampColumnTable *self, const LampRequest *r, Values *out)
{
    const LampInferenceCall *c = &self->input->calls[r->call];
    gboolean is_fetched = c->server_process != r->process;
    guint32 thread = is_fetched ? c->client_thread : c->server_thread;
    out->n = 0;
    if (self->columns == LAMP_COLUMNS_VALUES)
        add_side(out, self->input, c, is_fetched ? LAMP_VALUE_RESPONSE : LAMP_VALUE_REQUEST);
    else if (thread != 0)
        add_value(out, THREAD_SLOT, thread);
}

static void
read_step(const LampColumnTable *self, const LampStep *s, Values *out)
{
    const LampInferenceCall *c = &self->input->calls[s->call];
    out->n = 0;
    if (self->columns == LAMP_COLUMNS_VALUES)
        add_side(out, self->input, c, LAMP_VALUE_REQUEST);
    else if (c->client_thread != 0)
        add_value(out, THREAD_SLOT, c->client_thread);
}

/* The count of requests of a process that bear a value, or any in this slot. */
static guint64 *
bearers_of(LampKeyedMap *map, guint32 process, guint32 slot, const Value *value, gboolean add)
{
    guint64 key[3] = {(guint64) process << 32 | slot, value != NULL, value ? value->hash : 0};
    LampBytes bytes = lamp_bytes((const guint8 *) key, sizeof key);
    return add ? lamp_keyed_map_add(map, bytes, NULL) : lamp_keyed_map_find(map, bytes);
}

static void
count_bearers(LampColumnTable *self)
{
    Values values;
    for (guint32 i = 0; i < self->field->n_requests; i++) {
        const LampRequest *r = &self->field->requests[i];
        read_request(self, r, &values);
        for (guint32 k = 0; k < values.n; k++) {
            gboolean is_first = k == 0 || values.at[k].slot != values.at[k - 1].slot;
            guint64 *n =
                bearers_of(self->bearers, r->process, values.at[k].slot, &values.at[k], TRUE);
            *(n ? n : &(guint64){0}) += 1;
            n = is_first ? bearers_of(self->bearers, r->process, values.at[k].slot, NULL, TRUE)
                         : NULL;
            *(n ? n : &(guint64){0}) += 1;
        }
    }
}

static double
chance_of(const LampColumnTable *self, guint32 process, guint32 slot, const Value *value)
{
    const guint64 *n = bearers_of(self->bearers, process, slot, value, FALSE);
    const guint64 *all = bearers_of(self->bearers, process, slot, NULL, FALSE);
    return ((n ? (double) *n : 0) + 0.5) / ((all ? (double) *all : 0) + 1);
}

/* Columns in which some step shares a value with a candidate. */
static void
note_matches(LampColumnTable *self, LampKeyedMap *numbers, const LampStep *s, guint32 edge,
             const Values *of_step, const Values *of_request)
{
    for (guint32 i = 0; i < of_step->n; i++)
        for (guint32 j = 0; j < of_request->n; j++) {
            const Value *v = &of_step->at[i], *w = &of_request->at[j];
            guint32 key[3] = {s->kind, v->slot, w->slot};
            gboolean is_new;
            if (v->hash != w->hash)
                continue;
            guint64 *at = lamp_keyed_map_add(
                numbers, lamp_bytes((const guint8 *) key, sizeof key), &is_new);
            if (at == NULL)
                continue;
            if (is_new) {
                LampColumn column = {
                    .step_kind = s->kind, .slot = v->slot, .request_slot = w->slot};
                *at = self->found->len;
                g_array_append_val(self->found, column);
            }
            g_array_index(self->found, LampColumn, *at).promise -=
                (double) self->shares[edge] * log(chance_of(self, s->process, w->slot, v));
        }
}

static gint
compare_columns(gconstpointer left, gconstpointer right)
{
    const LampColumn *a = left, *b = right;
    if (a->step_kind != b->step_kind)
        return a->step_kind < b->step_kind ? -1 : 1;
    if (a->promise != b->promise)
        return a->promise > b->promise ? -1 : 1;
    if (a->slot != b->slot)
        return a->slot < b->slot ? -1 : 1;
    return a->request_slot < b->request_slot ? -1 : a->request_slot > b->request_slot;
}

/* Calls @visit for each candidate edge whose request has values (and its step, for @numbers).
 */
typedef void (*Visit)(LampColumnTable *self, LampKeyedMap *numbers, const LampStep *s,
                      guint32 edge, const Values *of_step, const Values *of_request);

static void
visit_edges(LampColumnTable *self, LampKeyedMap *numbers, Visit visit)
{
    const LampField *f = self->field;
    Values of_step, of_request;
    for (guint32 i = 0; i < f->n_steps; i++) {
        const LampStep *s = &f->steps[i];
        read_step(self, self->other ? &f->steps[self->other[i]] : s, &of_step);
        for (guint32 j = 0; j < s->n_candidates && (of_step.n > 0 || !numbers); j++) {
            read_request(self, &f->requests[f->candidates[s->first_candidate + j]],
                         &of_request);
            if (of_request.n > 0)
                visit(self, numbers, s, s->first_candidate + j, &of_step, &of_request);
        }
    }
}

static void
find_columns(LampColumnTable *self)
{
    g_autoptr(LampKeyedMap) numbers = lamp_keyed_map_new(MOST_MEMORY);
    visit_edges(self, numbers, note_matches);
    g_array_sort(self->found, compare_columns);
    guint32 kept = 0, of_kind = 0;
    for (guint32 i = 0; i < self->found->len; i++) {
        LampColumn column = g_array_index(self->found, LampColumn, i);
        gboolean is_other =
            kept == 0 ||
            g_array_index(self->found, LampColumn, kept - 1).step_kind != column.step_kind;
        of_kind = is_other ? 1 : of_kind + 1;
        if (of_kind <= MOST_COLUMNS)
            g_array_index(self->found, LampColumn, kept++) = column;
    }
    g_array_set_size(self->found, kept);
    for (guint32 i = 0; i < kept; i++) {
        LampColumn *column = &g_array_index(self->found, LampColumn, i);
        column->sightings = g_array_new(FALSE, FALSE, sizeof(LampSighting));
        column->p = g_new(double, (gsize) self->field->n_base_kinds + 1);
        column->absent = g_new(double, (gsize) self->field->n_base_kinds + 1);
    }
    for (guint32 kind = 0, i = 0; kind <= self->field->n_step_kinds; kind++) {
        while (i < kept && g_array_index(self->found, LampColumn, i).step_kind < kind)
            i++;
        self->first[kind] = i;
    }
}

static gboolean
bears(const Values *values, guint32 slot, const Value *value)
{
    for (guint32 k = 0; k < values->n; k++)
        if (values->at[k].slot == slot && (!value || values->at[k].hash == value->hash))
            return TRUE;
    return FALSE;
}

/* One value of a step: the share of requests that bear it, and whether this one does. */
typedef struct {
    float share;
    gboolean is_shared;
} Chance;

static int
compare_chances(const void *a, const void *b)
{
    const Chance *x = a, *y = b;
    return x->share < y->share ? -1 : x->share > y->share;
}

/* The step's values in the column, from the rarest on. */
static guint32
list_chances(const LampColumnTable *self, const LampColumn *column, const LampStep *s,
             const Values *of_step, const Values *of_request, Chance *out)
{
    guint32 n = 0;
    for (guint32 i = 0; i < of_step->n && n < MOST_OF_SLOT; i++) {
        const Value *v = &of_step->at[i];
        if (v->slot == column->slot)
            out[n++] = (Chance){(float) chance_of(self, s->process, column->request_slot, v),
                                bears(of_request, column->request_slot, v)};
    }
    qsort(out, n, sizeof *out, compare_chances);
    return n;
}

/* Of several values each is as likely to be the one that the step shares with its request; what
 * counts is the rarest that is shared. */
static void
see(const LampColumnTable *self, LampColumn *column, const LampStep *s, guint32 edge,
    const Values *of_step, const Values *of_request)
{
    Chance chances[MOST_OF_SLOT];
    float none = 1;
    if (!bears(of_request, column->request_slot, NULL))
        return;
    guint32 n = list_chances(self, column, s, of_step, of_request, chances);
    LampSighting seen = {edge, 1, 1, n == 0 ? LAMP_ABSENT : LAMP_MISMATCH};
    for (guint32 k = 0; k < n; k++) {
        if (seen.outcome == LAMP_MISMATCH && chances[k].is_shared) {
            seen.outcome = LAMP_MATCH;
            seen.chance = chances[k].share * none * (float) n;
        }
        none *= 1 - chances[k].share;
    }
    seen.any = 1 - none;
    g_array_append_val(column->sightings, seen);
}

static void
see_edge(LampColumnTable *self, LampKeyedMap *numbers, const LampStep *s, guint32 edge,
         const Values *of_step, const Values *of_request)
{
    (void) numbers;
    self->step_of[edge] = (guint32) (s - self->field->steps);
    for (guint32 i = self->first[s->kind]; i < self->first[s->kind + 1]; i++)
        see(self, &g_array_index(self->found, LampColumn, i), s, edge, of_step, of_request);
}

static void
clear_column(gpointer data)
{
    LampColumn *column = data;
    if (column->sightings)
        g_array_unref(column->sightings);
    g_free(column->p);
    g_free(column->absent);
}

void
lamp_columns_open(LampColumnTable *out, const LampField *field, const LampInferenceInput *input,
                  LampColumns columns, const float *shares)
{
    *out = (LampColumnTable){.field = field,
                             .input = input,
                             .columns = columns,
                             .shares = shares,
                             .bearers = lamp_keyed_map_new(MOST_MEMORY),
                             .found = g_array_new(FALSE, FALSE, sizeof(LampColumn)),
                             .first = g_new0(guint32, (gsize) field->n_step_kinds + 2),
                             .step_of = g_new0(guint32, (gsize) field->n_candidates + 1)};
    g_array_set_clear_func(out->found, clear_column);
    count_bearers(out);
    if (lamp_keyed_map_size(out->bearers) > 0)
        find_columns(out);
}

void
lamp_columns_close(LampColumnTable *self)
{
    lamp_keyed_map_free(self->bearers);
    g_array_unref(self->found);
    g_free(self->first);
    g_free(self->step_of);
}

void
lamp_columns_see(LampColumnTable *self, const guint32 *other)
{
    for (guint32 i = 0; i < self->found->len; i++)
        g_array_set_size(g_array_index(self->found, LampColumn, i).sightings, 0);
    self->other = other;
    visit_edges(self, NULL, see_edge);
    self->other = NULL;
}
