/* problem.c — sorts the calls into one field for each service
 *
 * In: calls in any order. Out: fields with requests and steps sorted by content. A call seen at
 * one end only stands in for the other end where nothing better is known (a step without client
 * times uses the callee's). The resolution of a field is the largest power of ten that divides
 * all its times: 1 ms stamps are intervals of 1 ms, whatever the unit they are written in. */
#include "correlate/inference/problem.h"

#include "correlate/inference/memory.h"
#include "correlate/inference/messages.h"
#include "correlate/inference/state.h"

#include <stdlib.h>

#define MIN_RESOLUTION 1000
#define MAX_RESOLUTION 1000000000

/* One end of a call while sorting. */
typedef struct {
    gint64 start, end;
    guint32 service, process, call, partner; /* partner: the service at the other end */
    guint32 operation;
    guint32 ranks[4]; /* of service, process, operation, partner; see rank_names */
    guint32 connection;
    guint8 is_step;
} End;

static int
compare_ends(const void *a, const void *b)
{
    const End *x = a, *y = b;
#define BY(field)             \
    if (x->field != y->field) \
        return x->field < y->field ? -1 : 1;
    BY(ranks[0])
    BY(is_step)
    BY(ranks[1])
    BY(start)
    BY(end)
    BY(ranks[2])
    BY(ranks[3])
    BY(call)
#undef BY
    return 0;
}

static gint64
known(gint64 first, gint64 second)
{
    return first != LAMP_INFERENCE_TIME_NONE ? first : second;
}

/* Of a request only where its caller may be the process that serves it: the other way round, a
 * server calls its client back. */
static guint32
connection_of(const LampInferenceCall *c, gboolean is_step)
{
    if (is_step)
        return c->client_connection;
    return c->client_process == c->server_process ? c->server_connection : 0;
}

static gboolean
make_end(const LampInferenceCall *c, guint32 call, gboolean is_step, End *out)
{
    gint64 start = is_step ? known(c->client_start_ns, c->server_start_ns)
                           : known(c->server_start_ns, c->client_start_ns);
    gint64 end = is_step ? known(c->client_end_ns, c->server_end_ns)
                         : known(c->server_end_ns, c->client_end_ns);
    guint32 process = is_step ? c->client_process : c->server_process;
    if (process == 0 || start == LAMP_INFERENCE_TIME_NONE)
        return FALSE;
    if (is_step && (c->flags & LAMP_CALL_FETCH))
        return FALSE; /* waiting for work is not part of work */
    *out = (End){.start = start,
                 .end = end == LAMP_INFERENCE_TIME_NONE || end < start ? start : end,
                 .service = is_step ? c->client_service : c->server_service,
                 .process = process,
                 .call = call,
                 .partner = is_step ? c->server_service : 0,
                 .operation = c->operation,
                 .connection = connection_of(c, is_step),
                 .is_step = is_step != 0};
    return TRUE;
}

static gint64
find_resolution(const End *ends, gsize n)
{
    gint64 resolution = MAX_RESOLUTION, origin = ends[0].start;
    for (gsize i = 0; i < n && resolution > MIN_RESOLUTION; i++) {
        while (resolution > MIN_RESOLUTION && ((ends[i].start - origin) % resolution != 0 ||
                                               (ends[i].end - origin) % resolution != 0))
            resolution /= 10;
    }
    return resolution;
}

/* Dense numbers in order of first appearance in canonical order. What is learnt of pairs of
 * kinds grows with their square, so the kinds of a service are bounded: later ones are one for
 * each partner, and at last one for all. */
static guint32
number_kind(GHashTable *kinds, guint32 partner, guint32 operation)
{
    enum { MOST_KINDS = 512, MOST_PARTNERS = 64 };
    const guint32 unknown = 0, rest = G_MAXUINT32 - 1;
    guint64 key = (guint64) partner << 32 | operation;
    gpointer value = g_hash_table_lookup(kinds, &key);
    if (value)
        return GPOINTER_TO_UINT(value) - 1;
    if (g_hash_table_size(kinds) >= MOST_KINDS && operation != unknown)
        return number_kind(kinds, partner, unknown);
    if (g_hash_table_size(kinds) >= MOST_KINDS + MOST_PARTNERS && partner != rest)
        return number_kind(kinds, rest, unknown);
    guint64 *copy = g_new(guint64, 1);
    *copy = key;
    guint32 number = g_hash_table_size(kinds);
    g_hash_table_insert(kinds, copy, GUINT_TO_POINTER(number + 1));
    return number;
}

static void
name_kinds(GHashTable *kinds, guint32 **out_partner, guint32 **out_operation)
{
    GHashTableIter iter;
    gpointer key, value;
    *out_operation = g_new0(guint32, g_hash_table_size(kinds) + 1);
    *out_partner = g_new0(guint32, g_hash_table_size(kinds) + 1);
    g_hash_table_iter_init(&iter, kinds);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        guint64 k = *(guint64 *) key;
        (*out_operation)[GPOINTER_TO_UINT(value) - 1] = (guint32) k;
        (*out_partner)[GPOINTER_TO_UINT(value) - 1] = (guint32) (k >> 32);
    }
}

static void
fill_field(LampField *field, const End *ends, gsize n, const LampServiceMemory *memory)
{
    g_autoptr(GHashTable) requests =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    g_autoptr(GHashTable) steps =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    gint64 first = G_MAXINT64, last = G_MININT64;
    for (guint32 k = 0; memory && k < memory->n_request_kinds; k++)
        number_kind(requests, memory->request_kind_partner[k],
                    memory->request_kind_operation[k]);
    for (guint32 k = 0; memory && k < memory->n_step_kinds; k++)
        number_kind(steps, memory->step_kind_service[k], memory->step_kind_operation[k]);
    gsize n_requests = 0;
    while (n_requests < n && !ends[n_requests].is_step)
        n_requests++;
    field->service = ends[0].service;
    field->requests = g_new0(LampRequest, n_requests + 1);
    field->steps = g_new0(LampStep, n - n_requests + 1);
    for (gsize i = 0; i < n; i++) {
        const End *e = &ends[i];
        first = MIN(first, e->start);
        last = MAX(last, e->end);
        if (e->is_step)
            field->steps[field->n_steps++] =
                (LampStep){.start = e->start,
                           .end = e->end,
                           .call = e->call,
                           .process = e->process,
                           .rank = e->ranks[1],
                           .connection = e->connection,
                           .kind = number_kind(steps, e->partner, e->operation)};
        else
            field->requests[field->n_requests++] =
                (LampRequest){.start = e->start,
                              .end = e->end,
                              .call = e->call,
                              .process = e->process,
                              .rank = e->ranks[1],
                              .connection = e->connection,
                              .is_fetched = e->partner == G_MAXUINT32,
                              .kind = number_kind(requests, e->partner, e->operation)};
    }
    field->n_request_kinds = field->n_base_kinds = g_hash_table_size(requests);
    for (guint32 r = 0; r < field->n_requests; r++)
        field->requests[r].base_kind = field->requests[r].kind,
        field->requests[r].fold = r % LAMP_FOLDS;
    field->n_step_kinds = g_hash_table_size(steps);
    name_kinds(requests, &field->request_kind_partner, &field->request_kind_operation);
    name_kinds(steps, &field->step_kind_service, &field->step_kind_operation);
    field->overruns = g_new0(guint8, field->n_step_kinds + 1);
    field->resolution = find_resolution(ends, n);
    field->span = last - first + 1;
}

static void
cut_fields(LampProblem *self, const End *ends, gsize n, const LampInferenceMemory *memory)
{
    GArray *fields = g_array_new(FALSE, TRUE, sizeof(LampField));
    for (gsize from = 0, to; from < n; from = to) {
        for (to = from; to < n && ends[to].service == ends[from].service;)
            to++;
        if (!ends[to - 1].is_step)
            continue; /* a service that calls nobody */
        LampField field = {0};
        fill_field(&field, ends + from, to - from, lamp_memory_of(memory, ends[from].service));
        g_array_append_val(fields, field);
    }
    self->n_fields = fields->len;
    self->fields = (LampField *) (void *) g_array_free(fields, FALSE);
}

/* What a fetch brought, which is worked on until @end, is a request too, to the process that
 * fetched it. */
static gboolean
make_fetched(const LampInferenceCall *c, guint32 call, gint64 end, End *out)
{
    if (end == G_MININT64 || c->client_process == 0 ||
        c->client_end_ns == LAMP_INFERENCE_TIME_NONE)
        return FALSE;
    *out = (End){.start = c->client_end_ns,
                 .end = MAX(end, c->client_end_ns),
                 .service = c->client_service,
                 .process = c->client_process,
                 .call = call,
                 .partner = G_MAXUINT32,
                 .operation = c->operation};
    return TRUE;
}

/* A service, process or operation by when it was busy, since its number is the caller's. */
typedef struct {
    guint32 number;
    gint64 first;      /* start of its first end */
    guint64 signature; /* of all its ends */
} Name;

static int
compare_names(const void *a, const void *b)
{
    const Name *x = *(Name *const *) a, *y = *(Name *const *) b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    if (x->signature != y->signature)
        return x->signature < y->signature ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static guint32
name_of(const End *end, int which)
{
    return which == 0   ? end->service
           : which == 1 ? end->process
           : which == 2 ? end->operation
                        : end->partner;
}

static void
note_name(GHashTable *names, GPtrArray *all, const End *end, int which, gint64 origin)
{
    guint32 number = name_of(end, which);
    Name *name = g_hash_table_lookup(names, GUINT_TO_POINTER(number));
    if (!name) {
        name = g_new0(Name, 1);
        *name = (Name){number, end->start, 0};
        g_hash_table_insert(names, GUINT_TO_POINTER(number), name);
        g_ptr_array_add(all, name);
    }
    guint64 state = (guint64) (end->start - origin) * 3 + end->is_step;
    state = lamp_random(&state) + (guint64) (end->end - end->start);
    name->first = MIN(name->first, end->start);
    name->signature += lamp_random(&state);
}

/* Ranks in order of the first event, so that the same calls under other numbers give the same
 * answer. */
static void
rank_names(End *ends, gsize n, int which)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_direct_hash, g_direct_equal);
    g_autoptr(GPtrArray) sorted = g_ptr_array_new_with_free_func(g_free);
    gint64 origin = G_MAXINT64;
    for (gsize i = 0; i < n; i++)
        origin = MIN(origin, ends[i].start);
    for (gsize i = 0; i < n; i++)
        note_name(names, sorted, &ends[i], which, origin);
    g_ptr_array_sort(sorted, compare_names);
    for (guint32 i = 0; i < sorted->len; i++)
        ((Name *) sorted->pdata[i])->signature = i;
    for (gsize i = 0; i < n; i++) {
        const Name *name =
            g_hash_table_lookup(names, GUINT_TO_POINTER(name_of(&ends[i], which)));
        ends[i].ranks[which] = (guint32) name->signature;
    }
}

LampProblem *
lamp_problem_new(const LampInferenceInput *input, const LampInferenceMemory *memory)
{
    LampProblem *self = g_new0(LampProblem, 1);
    g_autofree End *ends = g_new(End, 3 * input->n_calls + 1);
    g_autofree gint64 *fetched_until = lamp_messages_ends(input);
    gsize n = 0;
    self->input = input;
    for (gsize i = 0; i < input->n_calls; i++) {
        n += make_end(&input->calls[i], (guint32) i, FALSE, &ends[n]) ? 1 : 0;
        n += make_end(&input->calls[i], (guint32) i, TRUE, &ends[n]) ? 1 : 0;
        n += make_fetched(&input->calls[i], (guint32) i, fetched_until[i], &ends[n]) ? 1 : 0;
    }
    for (int which = 0; which < 4; which++)
        rank_names(ends, n, which);
    qsort(ends, n, sizeof *ends, compare_ends);
    cut_fields(self, ends, n, memory);
    return self;
}

void
lamp_problem_free(LampProblem *self)
{
    if (!self)
        return;
    for (guint32 i = 0; i < self->n_fields; i++) {
        LampField *f = &self->fields[i];
        g_free(f->requests);
        g_free(f->steps);
        g_free(f->candidates);
        g_free(f->step_kind_service);
        g_free(f->step_kind_operation);
        g_free(f->request_kind_partner);
        g_free(f->request_kind_operation);
        g_free(f->overruns);
        g_free(f->reach);
        g_free(f->causes_late);
        g_free(f->lone);
        g_free(f->background);
        g_free(f->strange);
    }
    g_free(self->fields);
    g_free(self);
}
