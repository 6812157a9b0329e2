/* dialogs.c — connections that are opened for one request: their calls are one step
 *
 * A mail is a connection with greeting, sender, recipients and text; a login binds, searches
 * and binds again; a program without a pool opens its database for each request. All calls on
 * such a connection have one cause. No protocol is asked: where the whole time from the first
 * call on a connection to the last lies within some request of the process, and that for nearly
 * all connections of a service to a callee, they are opened for one request each. A connection
 * of a pool lives longer than any request. The calls of such a connection are put to the engine
 * as one, from the first begin to the last end, with the values of all.
 *
 * Work that was fetched ends where the next is fetched; where nothing tells when it ends, it is
 * taken to last as long as the longest of its process. */
#include "correlate/inference/dialogs.h"

#include "correlate/inference/messages.h"

#include <stdlib.h>
#include <string.h>

#define FEWEST 10        /* connections with several calls, to call it a habit */
#define NEARLY_ALL 0.98  /* of them within a request */
#define MOST_VALUES 4096 /* of one dialog */

/* A request of a process, or the first @reach ends of all that began no later. */
typedef struct {
    guint32 process;
    gint64 start, reach;
} Open;

typedef struct {
    guint32 process, connection, service, callee;
    gint64 start, end;
    guint32 position, call;
} Step;

/* Calls [first, last) of the sorted steps are on one connection. */
typedef struct {
    guint32 service, callee;
    guint32 first, last;
    gboolean is_within;
} Dialog;

static gint64
first_known(gint64 a, gint64 b)
{
    return a != LAMP_INFERENCE_TIME_NONE ? a : b;
}

#define BY(field)             \
    if (x->field != y->field) \
        return x->field < y->field ? -1 : 1;

static int
compare_opens(const void *a, const void *b)
{
    const Open *x = a, *y = b;
    BY(process)
    BY(start)
    BY(reach)
    return 0;
}

static int
compare_steps(const void *a, const void *b)
{
    const Step *x = a, *y = b;
    BY(process)
    BY(connection)
    BY(callee)
    BY(start)
    BY(position)
    BY(call)
    return 0;
}

static int
compare_dialogs(const void *a, const void *b)
{
    const Dialog *x = a, *y = b;
    BY(service)
    BY(callee)
    BY(first)
    return 0;
}

static int
compare_values(const void *a, const void *b)
{
    const LampInferenceValue *x = a, *y = b;
    BY(side)
    BY(slot)
    BY(hash)
    return 0;
}

static void
add_open(GArray *opens, guint32 process, gint64 start, gint64 end)
{
    Open open = {process, start, end};
    if (process != 0 && start != LAMP_INFERENCE_TIME_NONE && end != LAMP_INFERENCE_TIME_NONE)
        g_array_append_val(opens, open);
}

/* Work that was fetched, bounded where nothing tells its end. */
static void
add_fetched(GArray *opens, const LampInferenceInput *input)
{
    g_autofree gint64 *ends = lamp_messages_ends(input);
    gint64 last = G_MININT64, longest = 0;
    for (gsize i = 0; i < input->n_calls; i++)
        last = MAX(last, ends[i]);
    for (gsize i = 0; i < input->n_calls; i++)
        if (ends[i] != G_MININT64 && ends[i] < last &&
            input->calls[i].client_end_ns != LAMP_INFERENCE_TIME_NONE)
            longest = MAX(longest, ends[i] - input->calls[i].client_end_ns);
    for (gsize i = 0; i < input->n_calls; i++) {
        const LampInferenceCall *c = &input->calls[i];
        if (ends[i] != G_MININT64 && c->client_end_ns != LAMP_INFERENCE_TIME_NONE)
            add_open(opens, c->client_process, c->client_end_ns,
                     MIN(ends[i], c->client_end_ns + longest));
    }
}

/* Sorted; `reach` is the latest end of those of the process that began no later. */
static GArray *
list_opens(const LampInferenceInput *input)
{
    GArray *opens = g_array_new(FALSE, FALSE, sizeof(Open));
    for (gsize i = 0; i < input->n_calls; i++) {
        const LampInferenceCall *c = &input->calls[i];
        add_open(opens, c->server_process, first_known(c->server_start_ns, c->client_start_ns),
                 first_known(c->server_end_ns, c->client_end_ns));
    }
    add_fetched(opens, input);
    g_array_sort(opens, compare_opens);
    Open *all = (Open *) (gpointer) opens->data;
    for (guint i = 1; i < opens->len; i++)
        if (all[i].process == all[i - 1].process)
            all[i].reach = MAX(all[i].reach, all[i - 1].reach);
    return opens;
}

static gboolean
is_within(const GArray *opens, guint32 process, gint64 start, gint64 end)
{
    Open key = {process, start, G_MAXINT64};
    guint low = 0, high = opens->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (compare_opens(&g_array_index(opens, Open, middle), &key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return FALSE;
    const Open *before = &g_array_index(opens, Open, low - 1);
    return before->process == process && before->reach >= end;
}

static GArray *
list_steps(const LampInferenceInput *input)
{
    GArray *steps = g_array_new(FALSE, FALSE, sizeof(Step));
    for (gsize i = 0; i < input->n_calls; i++) {
        const LampInferenceCall *c = &input->calls[i];
        Step step = {c->client_process, c->client_connection, c->client_service,
                     c->server_service, c->client_start_ns,   c->client_end_ns,
                     c->position,       (guint32) i};
        gboolean is_step = (c->flags & (LAMP_CALL_FETCH | LAMP_CALL_SCRIPT)) == 0;
        if (is_step && step.process != 0 && step.connection != 0 &&
            step.start != LAMP_INFERENCE_TIME_NONE)
            g_array_append_val(steps, step);
    }
    g_array_sort(steps, compare_steps);
    return steps;
}

/* Connections with several calls, by service and callee. */
static GArray *
list_dialogs(const GArray *steps, const GArray *opens)
{
    GArray *dialogs = g_array_new(FALSE, FALSE, sizeof(Dialog));
    const Step *all = (const Step *) (gconstpointer) steps->data;
    for (guint from = 0, to; from < steps->len; from = to) {
        const Step *one = &all[from];
        gint64 end = one->start;
        for (to = from; to < steps->len && all[to].process == one->process &&
                        all[to].connection == one->connection && all[to].callee == one->callee;
             to++)
            end = MAX(end, MAX(all[to].start, all[to].end));
        Dialog dialog = {one->service, one->callee, from, to,
                         is_within(opens, one->process, one->start, end)};
        if (to - from > 1)
            g_array_append_val(dialogs, dialog);
    }
    g_array_sort(dialogs, compare_dialogs);
    return dialogs;
}

/* The values of all calls of @dialog, one of each, appended to @values. */
static void
join_values(const LampDialogs *self, const Step *steps, const Dialog *dialog, GArray *values)
{
    LampInferenceCall *leader = &self->calls[steps[dialog->first].call];
    guint from = values->len;
    for (guint32 k = dialog->first; k < dialog->last; k++) {
        const LampInferenceCall *c = &self->calls[steps[k].call];
        if (c->value_count > 0 && values->len - from < MOST_VALUES)
            g_array_append_vals(values, &self->input.values[c->first_value], c->value_count);
    }
    guint kept = from;
    LampInferenceValue *all = (LampInferenceValue *) (gpointer) values->data;
    if (values->len > from)
        qsort(all + from, values->len - from, sizeof *all, compare_values);
    for (guint i = from; i < values->len; i++)
        if (kept == from || compare_values(&all[kept - 1], &all[i]) != 0)
            all[kept++] = all[i];
    g_array_set_size(values, kept);
    leader->first_value = from;
    leader->value_count = kept - from;
}

static void
fold_dialog(LampDialogs *self, const Step *steps, const Dialog *dialog, GArray *values)
{
    guint32 first = steps[dialog->first].call;
    LampInferenceCall *leader = &self->calls[first];
    join_values(self, steps, dialog, values);
    for (guint32 k = dialog->first; k < dialog->last; k++)
        leader->client_end_ns = MAX(leader->client_end_ns, MAX(steps[k].end, steps[k].start));
    for (guint32 k = dialog->first + 1; k < dialog->last; k++) {
        self->calls[steps[k].call].client_process = 0;
        self->leaders[steps[k].call] = first;
    }
}

/* Dialogs [@from, @to) are of one service to one callee. */
static gboolean
is_habit(const GArray *dialogs, guint from, guint to)
{
    guint within = 0;
    for (guint i = from; i < to; i++)
        within += g_array_index(dialogs, Dialog, i).is_within != 0;
    return to - from >= FEWEST && within >= NEARLY_ALL * (to - from);
}

static void
fold_all(LampDialogs *self, const GArray *steps, const GArray *dialogs, GArray *values)
{
    for (guint from = 0, to; from < dialogs->len; from = to) {
        const Dialog *one = &g_array_index(dialogs, Dialog, from);
        for (to = from; to < dialogs->len &&
                        g_array_index(dialogs, Dialog, to).service == one->service &&
                        g_array_index(dialogs, Dialog, to).callee == one->callee;)
            to++;
        gboolean are_opened_each = is_habit(dialogs, from, to);
        for (guint i = from; i < to && are_opened_each; i++) {
            const Dialog *dialog = &g_array_index(dialogs, Dialog, i);
            if (dialog->is_within)
                fold_dialog(self, (const Step *) (gconstpointer) steps->data, dialog, values);
        }
    }
}

/* A callee that makes calls of its own serves them within those made to it, one by one. */
static void
drop_callers(const LampInferenceInput *input, GArray *dialogs)
{
    g_autoptr(GHashTable) callers = g_hash_table_new(g_direct_hash, g_direct_equal);
    for (gsize i = 0; i < input->n_calls; i++)
        g_hash_table_add(callers, GUINT_TO_POINTER(input->calls[i].client_service));
    guint kept = 0;
    for (guint i = 0; i < dialogs->len; i++) {
        Dialog dialog = g_array_index(dialogs, Dialog, i);
        if (!g_hash_table_contains(callers, GUINT_TO_POINTER(dialog.callee)))
            g_array_index(dialogs, Dialog, kept++) = dialog;
    }
    g_array_set_size(dialogs, kept);
}

LampDialogs *
lamp_dialogs_new(const LampInferenceInput *input)
{
    LampDialogs *self = g_new0(LampDialogs, 1);
    g_autoptr(GArray) opens = list_opens(input);
    g_autoptr(GArray) steps = list_steps(input);
    g_autoptr(GArray) dialogs = list_dialogs(steps, opens);
    drop_callers(input, dialogs);
    self->input = *input;
    self->leaders = g_new(guint32, input->n_calls + 1);
    for (gsize i = 0; i <= input->n_calls; i++)
        self->leaders[i] = LAMP_INFERENCE_NO_CALL;
    if (dialogs->len < FEWEST)
        return self;
    self->calls = g_memdup2(input->calls, input->n_calls * sizeof *self->calls);
    self->input.calls = self->calls;
    GArray *values = g_array_new(FALSE, FALSE, sizeof(LampInferenceValue));
    if (input->n_values > 0)
        g_array_append_vals(values, input->values, (guint) input->n_values);
    fold_all(self, steps, dialogs, values);
    self->input.n_values = values->len;
    self->values = (LampInferenceValue *) (void *) g_array_free(values, FALSE);
    self->input.values = self->values;
    return self;
}

void
lamp_dialogs_free(LampDialogs *self)
{
    if (self == NULL)
        return;
    g_free(self->calls);
    g_free(self->values);
    g_free(self->leaders);
    g_free(self);
}
