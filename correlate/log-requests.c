/*
 * Requests that only log lines show.
 *
 * Where a database holds no call that a capture or a span shows, log lines are grouped to
 * requests (correlate/log-requests/), the answer is written line by line, and each request of
 * lines without any call becomes a tree of calls (correlate/line-operations.c), so that all
 * commands show it.
 */
#include "correlate/line-operations.h"

#include <string.h>

#define LONGEST_NAME 100 /* bytes */

typedef struct {
    LampCorrelation *c;
    LampLogLines *lines;
    LampLogGrouping *grouping;
    GArray *operations; /* LampLineOperation */
} Requests;

static const LampLogLine *
line_at(const Requests *r, guint32 i)
{
    return &g_array_index(r->lines->lines, LampLogLine, i);
}

static const LampLineOperation *
operation_at(const Requests *r, guint32 i)
{
    return &g_array_index(r->operations, LampLineOperation, i);
}

static guint32
name_of_writer(const Requests *r, const LampLineOperation *operation)
{
    return g_array_index(r->lines->services, guint32, operation->writer);
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
    const LampLineOperation *operation = operation_at(r, index);
    guint32 parent = operation->parent;
    LampObservation seen = {
        .request_first = operation->start,
        .request_last = operation->start,
        .response_first = operation->end,
        .response_last = operation->end,
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
        .process = name_of_writer(r, operation),
    };
    if (parent != LAMP_INDEX_NONE)
        seen.peer = name_of_writer(r, operation_at(r, parent));
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
        const LampLineOperation *operation = operation_at(r, i);
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
    r->operations = lamp_line_operations(r->lines, r->grouping);
    for (guint32 i = 0; i < r->operations->len; i++)
        if (name_of_writer(r, operation_at(r, i)) != 0)
            add_call(r, i);
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
    };
    gboolean is_ok = run(&requests, error);
    if (requests.operations != NULL)
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
