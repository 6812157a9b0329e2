/*
 * Requests that only log lines show.
 *
 * Where a database holds no call that a capture or a span shows, log lines are grouped to
 * requests (correlate/log-requests/), the answer is written line by line, and each request of
 * lines without any call becomes a tree of calls, so that all commands show it: a component
 * that comes into the request is called by the component before it, and works until its last
 * line before another that had called it goes on. A component that never goes on after others
 * is no caller: what follows it is called by whoever called it.
 */
#include "correlate/log-lines.h"

#include <string.h>

#define DEEPEST 64
#define LONGEST_NAME 100 /* bytes */
#define CALLER_SHARE 0.2 /* of its operations, in which a caller goes on after a call */

/* One component's work within one request: from its first line to its last. */
typedef struct {
    guint32 request, first, last; /* lines */
    guint32 parent;               /* operation, or LAMP_INDEX_NONE */
    guint32 component, kind;
    gboolean goes_on; /* has lines after an operation below it */
    float confidence;
} Operation;

typedef struct {
    LampCorrelation *c;
    LampLogLines *lines;
    LampLogGrouping *grouping;
    GArray *operations; /* Operation, in the order of first lines */
} Requests;

/* How often operations of a kind came, and how often one went on after a call. */
typedef struct {
    guint32 seen, went_on;
} KindCount;

static const LampLogLine *
line_at(const Requests *r, guint32 i)
{
    return &g_array_index(r->lines->lines, LampLogLine, i);
}

/* Open operations of one request, the innermost last. */
typedef struct {
    guint32 open[DEEPEST];
    guint depth;
} Stack;

static gint
find_open(const Requests *r, const Stack *stack, guint32 component)
{
    for (guint k = stack->depth; k > 0; k--)
        if (g_array_index(r->operations, Operation, stack->open[k - 1]).component == component)
            return (gint) k - 1;
    return -1;
}

static gboolean
may_call(const Requests *r, const KindCount *kinds, guint32 operation)
{
    if (kinds == NULL)
        return TRUE;
    const KindCount *kind = &kinds[g_array_index(r->operations, Operation, operation).kind];
    return kind->went_on > CALLER_SHARE * kind->seen;
}

static void
open_operation(Requests *r, Stack *stack, guint32 i, const KindCount *kinds)
{
    while (stack->depth > 1 && !may_call(r, kinds, stack->open[stack->depth - 1]))
        stack->depth--;
    const LampLogPlace *place = &r->grouping->places[i];
    Operation operation = {
        .request = place->request,
        .first = i,
        .last = i,
        .parent = stack->depth > 0 ? stack->open[stack->depth - 1] : LAMP_INDEX_NONE,
        .component = line_at(r, i)->component,
        .kind = line_at(r, i)->template,
        .confidence = place->confidence,
    };
    if (stack->depth < DEEPEST)
        stack->open[stack->depth++] = r->operations->len;
    g_array_append_val(r->operations, operation);
}

/* Puts one line of a request into the operation that it goes on, or opens one. */
static void
place_line(Requests *r, Stack *stack, guint32 i, const KindCount *kinds, const gboolean *opens)
{
    gint at = find_open(r, stack, line_at(r, i)->component);
    gboolean is_same = at >= 0 && (guint) at + 1 == stack->depth;
    if (at < 0 || (!is_same && opens != NULL && opens[line_at(r, i)->template])) {
        open_operation(r, stack, i, kinds);
        return;
    }
    Operation *operation = &g_array_index(r->operations, Operation, stack->open[at]);
    operation->goes_on = operation->goes_on || !is_same;
    operation->last = i;
    stack->depth = (guint) at + 1;
}

/* Walks through all lines, request by request, and makes operations. */
static void
make_operations(Requests *r, const KindCount *kinds, const gboolean *opens)
{
    g_array_set_size(r->operations, 0);
    g_autofree Stack **stacks = g_new0(Stack *, (gsize) r->grouping->n_requests + 1);
    g_autofree guint32 *left = g_new0(guint32, (gsize) r->grouping->n_requests + 1);
    for (guint32 i = 0; i < r->lines->lines->len; i++)
        left[r->grouping->places[i].request]++;
    for (guint32 i = 0; i < r->lines->lines->len; i++) {
        guint32 request = r->grouping->places[i].request;
        if (stacks[request] == NULL)
            stacks[request] = g_new0(Stack, 1);
        place_line(r, stacks[request], i, kinds, opens);
        if (--left[request] == 0)
            g_clear_pointer(&stacks[request], g_free);
    }
}

/* Learns from a first reading which operations call, and which kinds of line open operations;
 * reads again with that. */
static void
find_operations(Requests *r)
{
    guint32 most = 0;
    for (guint32 i = 0; i < r->lines->lines->len; i++)
        most = MAX(most, line_at(r, i)->template);
    g_autofree KindCount *kinds = g_new0(KindCount, (gsize) most + 1);
    g_autofree guint32 *uses = g_new0(guint32, (gsize) most + 1);
    g_autofree gboolean *opens = g_new0(gboolean, (gsize) most + 1);
    make_operations(r, NULL, NULL);
    for (guint32 i = 0; i < r->lines->lines->len; i++)
        uses[line_at(r, i)->template]++;
    for (guint i = 0; i < r->operations->len; i++) {
        const Operation *operation = &g_array_index(r->operations, Operation, i);
        kinds[operation->kind].seen++;
        kinds[operation->kind].went_on += operation->goes_on ? 1 : 0;
    }
    for (guint32 k = 0; k <= most; k++)
        opens[k] = kinds[k].seen > 0.5 * uses[k];
    make_operations(r, kinds, opens);
}

/* The message within a record that is JSON as a whole: behind the last key that names one. */
static const char *
find_message(const char *text)
{
    static const char *const keys[] = {
        "\"message\":", "\\\"message\\\":", "\"msg\":", "\"log\":"};
    for (guint k = 0; k < G_N_ELEMENTS(keys); k++) {
        const char *at = strstr(text, keys[k]);
        if (at != NULL)
            return at + strlen(keys[k]) + strspn(at + strlen(keys[k]), " \\\"");
    }
    return text;
}

/* Name of an operation: what its first line says, in short. Returns a string id. */
static guint32
name_operation(LampCorrelation *c, guint32 template)
{
    const char *text = lamp_store_text(c->store, template);
    if (text == NULL)
        return template;
    const char *from = text[0] == '{' ? find_message(text) : text;
    while (g_str_has_prefix(from, "<*> "))
        from += strlen("<*> ");
    gsize length = 0;
    while (from[length] != '\0' && length < LONGEST_NAME &&
           (text[0] != '{' || (from[length] != '"' && from[length] != '\\')))
        length++;
    while (length > 0 && ((guint8) from[length] & 0xc0) == 0x80)
        length--; /* not within a character */
    gint64 id = lamp_store_intern(c->store, lamp_bytes(from, length));
    return id > 0 ? (guint32) id : template;
}

static void
add_call(Requests *r, guint32 index)
{
    LampCorrelation *c = r->c;
    const Operation *operation = &g_array_index(r->operations, Operation, index);
    guint32 parent = operation->parent;
    LampObservation seen = {
        .request_first = line_at(r, operation->first)->time_ns,
        .request_last = line_at(r, operation->first)->time_ns,
        .response_first = line_at(r, operation->last)->time_ns,
        .response_last = line_at(r, operation->last)->time_ns,
        .resolution = line_at(r, operation->first)->resolution_ns,
        .request_sequence = -1,
        .response_sequence = -1,
        .source = LAMP_INDEX_NONE,
        .connection = LAMP_INDEX_NONE,
        .client = LAMP_INDEX_NONE,
        .server = LAMP_INDEX_NONE,
        .origin = LAMP_FROM_SPAN,
        .role = LAMP_SEEN_BY_SERVER,
        .operation =
            name_operation(c, g_array_index(r->lines->operations, guint32, operation->first)),
        .process = g_array_index(r->lines->components, guint32, operation->component),
    };
    if (parent != LAMP_INDEX_NONE)
        seen.peer = g_array_index(r->lines->components, guint32,
                                  g_array_index(r->operations, Operation, parent).component);
    guint32 none = LAMP_INDEX_NONE;
    g_array_append_val(c->observations, seen);
    g_array_append_val(c->partners, none);
    guint32 before = c->calls->len;
    lamp_add_single(c, c->observations->len - 1);
    LampCall *call = lamp_call(c, before);
    lamp_set_times(c, call);
    call->log_operation = index + 1;
}

/* Where the parent and confidence of each call come from, once calls are in their order. */
static void
keep_parents(Requests *r)
{
    LampCorrelation *c = r->c;
    c->log_operations = g_array_new(FALSE, FALSE, sizeof(LampLogOperation));
    for (guint i = 0; i < r->operations->len; i++) {
        const Operation *operation = &g_array_index(r->operations, Operation, i);
        LampLogOperation kept = {operation->parent, LAMP_INDEX_NONE, operation->confidence};
        g_array_append_val(c->log_operations, kept);
    }
}

static gboolean
write_place(LampStatement *insert, gint64 event, const Requests *r, guint32 line,
            GError **error)
{
    const LampLogPlace *place = &r->grouping->places[line];
    lamp_statement_bind_int(insert, 1, event);
    lamp_statement_bind_int(insert, 2, (gint64) place->request + 1);
    lamp_statement_bind_int_or_null(
        insert, 3,
        place->previous != LAMP_LOG_NONE
            ? g_array_index(r->lines->events, gint64, place->previous)
            : -1,
        -1);
    lamp_statement_bind_real(insert, 4, (double) place->confidence);
    lamp_statement_bind_int_or_null(
        insert, 5, place->runner_up != LAMP_LOG_NONE ? (gint64) place->runner_up + 1 : -1, -1);
    lamp_statement_bind_real(insert, 6, (double) place->other);
    return lamp_statement_run(insert, error);
}

static gboolean
write_places(const Requests *r, GError **error)
{
    g_autoptr(LampStatement) insert = lamp_statement_new(
        r->c->store, "INSERT OR REPLACE INTO event_requests VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        error);
    for (guint32 i = 0; insert != NULL && i < r->lines->events->len; i++)
        if (!write_place(insert, g_array_index(r->lines->events, gint64, i), r, i, error))
            return FALSE;
    for (guint i = 0; insert != NULL && i < r->lines->repeats->len; i++) {
        const LampLogRepeat *repeat = &g_array_index(r->lines->repeats, LampLogRepeat, i);
        if (!write_place(insert, repeat->event, r, repeat->line, error))
            return FALSE;
    }
    return insert != NULL;
}

/* Nothing but log lines in the database, and lines among them that are no calls? */
static gboolean
is_needed(LampCorrelation *c, gboolean *out_is_needed, GError **error)
{
    *out_is_needed = FALSE;
    for (guint32 i = 0; i < c->observations->len; i++)
        if (lamp_observation(c, i)->origin != LAMP_FROM_LOG)
            return TRUE;
    g_autoptr(LampStatement) rows = lamp_statement_new(
        c->store,
        "SELECT EXISTS (SELECT 1 FROM events e WHERE time_ns IS NOT NULL AND template_id IS "
        "NOT "
        "NULL AND NOT EXISTS (SELECT 1 FROM sources s WHERE s.source_id = e.source_id AND"
        " s.kind <> 'log') AND event_id NOT IN (SELECT event_id FROM flow_records WHERE"
        " event_id IS NOT NULL))",
        error);
    gboolean has_row = FALSE;
    if (rows == NULL || !lamp_statement_step(rows, &has_row, error))
        return FALSE;
    *out_is_needed = has_row && lamp_statement_int(rows, 0) != 0;
    return TRUE;
}

static gboolean
run(Requests *r, GError **error)
{
    LampLogInput input = {
        .lines = (const LampLogLine *) (gpointer) r->lines->lines->data,
        .n_lines = r->lines->lines->len,
        .values = (const LampLogValue *) (gpointer) r->lines->values->data,
        .n_values = r->lines->values->len,
    };
    r->grouping = lamp_log_group(&input);
    if (!write_places(r, error))
        return FALSE;
    if (r->c->calls->len > 0)
        return TRUE; /* the causal engine ties the calls that log lines show by themselves */
    find_operations(r);
    for (guint32 i = 0; i < r->operations->len; i++) {
        const Operation *operation = &g_array_index(r->operations, Operation, i);
        if (g_array_index(r->lines->components, guint32, operation->component) != 0)
            add_call(r, i);
    }
    keep_parents(r);
    return TRUE;
}

gboolean
lamp_pass_log_requests(LampCorrelation *c, GError **error)
{
    gboolean is_wanted;
    if (!lamp_store_run(c->store, "DELETE FROM event_requests", error) ||
        !is_needed(c, &is_wanted, error))
        return FALSE;
    if (!is_wanted)
        return TRUE;
    g_autoptr(LampLogLines) lines = lamp_log_lines_read(c, error);
    if (lines == NULL)
        return FALSE;
    Requests requests = {
        .c = c,
        .lines = lines,
        .operations = g_array_new(FALSE, FALSE, sizeof(Operation)),
    };
    gboolean is_ok = run(&requests, error);
    g_array_unref(requests.operations);
    lamp_log_grouping_free(requests.grouping);
    return is_ok;
}

gboolean
lamp_pass_log_links(LampCorrelation *c, G_GNUC_UNUSED GError **error)
{
    if (c->log_operations == NULL)
        return TRUE;
    for (guint32 i = 0; i < c->calls->len; i++)
        if (lamp_call(c, i)->log_operation != 0)
            g_array_index(c->log_operations, LampLogOperation,
                          lamp_call(c, i)->log_operation - 1)
                .call = i;
    for (guint32 i = 0; i < c->calls->len; i++) {
        LampCall *call = lamp_call(c, i);
        if (call->log_operation == 0)
            continue;
        const LampLogOperation *operation =
            &g_array_index(c->log_operations, LampLogOperation, call->log_operation - 1);
        call->confidence = operation->confidence;
        call->tree_confidence = operation->confidence;
        call->parent =
            operation->parent == LAMP_INDEX_NONE
                ? LAMP_INDEX_NONE
                : g_array_index(c->log_operations, LampLogOperation, operation->parent).call;
    }
    return TRUE;
}
