/*
 * Segments from flows and from logs.
 *
 * A call's confidence is that of all links from the root down to it. A call is stamped where
 * its caller is seen, so calls of one instance share a clock. In logs a
 * segment is what a line says to have taken its time, up to it, or lies between two lines that
 * follow each other in one log, of one service and one id; both on the reference clock where it
 * is known; lines whose stamps are coarser than a millisecond
 * have no order and are left out.
 */
#include "model/causal-segments.h"

#include "base/limits.h"
#include "store/statement.h"

/* Slots are given as one text, with commas between and around them. */
#define LINES                                                                                 \
    "SELECT v.value, e.time_ns - coalesce(h.offset_ns, 0), coalesce(iif(e.is_logger, NULL,"   \
    " s.text), h.name, o.text, r.host, r.path), t.text, e.source_id,"                         \
    " coalesce(e.duration_ns, 0) FROM event_values v JOIN events e USING (event_id) JOIN"     \
    " sources r USING (source_id) JOIN strings t ON t.string_id = e.template_id LEFT JOIN"    \
    " strings s ON s.string_id = e.service_id LEFT JOIN strings o ON o.string_id = e.host_id" \
    " LEFT JOIN source_hosts m ON m.source_id = e.source_id LEFT JOIN hosts h ON h.host_id =" \
    " m.host_id WHERE instr(?1, ',' || v.slot || ',') > 0 AND e.time_ns IS NOT NULL AND"      \
    " e.resolution_ns <= 1000000 GROUP BY v.value, e.event_id ORDER BY v.value, 2, e.event_id"

/* Log sources that one request passes; lines of later ones are left out. */
#define MOST_SOURCES 64u

static char *
label_name(const LampTopology *topology, guint32 label)
{
    return g_strconcat(lamp_topology_label_service(topology, label), " ",
                       lamp_topology_label(topology, label)->operation, NULL);
}

void
lamp_causal_add_flow(LampCausalModel *model, const LampTopology *topology, const LampFlow *flow)
{
    g_autofree char *root = label_name(topology, flow->calls[0].label);
    guint class_number = lamp_causal_model_class(model, root);
    g_autofree guint32 *types = g_new(guint32, flow->count);
    g_autofree double *confidence = g_new(double, flow->count);
    g_autofree LampSegment *segments = g_new(LampSegment, flow->count);
    gsize count = 0;
    types[0] = LAMP_CAUSAL_NO_PARENT;
    confidence[0] = 1;
    for (guint32 i = 1; i < flow->count; i++) {
        const LampFlowCall *call = &flow->calls[i];
        types[i] = LAMP_CAUSAL_NO_PARENT;
        confidence[i] = confidence[call->parent] * (double) call->confidence;
        if (call->parent != 0 && types[call->parent] == LAMP_CAUSAL_NO_PARENT)
            continue;
        g_autofree char *name = label_name(topology, call->label);
        types[i] = lamp_causal_model_type(model, class_number, types[call->parent], name);
        if (types[i] != LAMP_CAUSAL_NO_PARENT && !call->is_open)
            segments[count++] = (LampSegment){types[i], call->client_start, call->client_end,
                                              confidence[i], call->client_instance};
    }
    lamp_causal_model_add(model, class_number, segments, count);
}

/* The latest line of one service in one log. */
typedef struct {
    gint64 source, time;
    char *service, *text;
} LastLine;

/* Lines of one id. */
typedef struct {
    LampCausalModel *model;
    GArray *segments;
    char *value;
    guint class_number;
    LastLine last[MOST_SOURCES];
    guint last_count;
} Group;

static void
finish_group(Group *group)
{
    if (group->value != NULL)
        lamp_causal_model_add(group->model, group->class_number,
                              (LampSegment *) (gpointer) group->segments->data,
                              group->segments->len);
    g_array_set_size(group->segments, 0);
    g_clear_pointer(&group->value, g_free);
    for (; group->last_count > 0; group->last_count--) {
        g_free(group->last[group->last_count - 1].service);
        g_free(group->last[group->last_count - 1].text);
    }
}

/* The service's latest line in the same log, or a free place; NULL if there are too many. */
static LastLine *
find_last(Group *group, gint64 source, const char *service)
{
    for (guint i = 0; i < group->last_count; i++)
        if (group->last[i].source == source && g_str_equal(group->last[i].service, service))
            return &group->last[i];
    if (group->last_count == MOST_SOURCES)
        return NULL;
    LastLine *last = &group->last[group->last_count++];
    *last = (LastLine){.source = source, .service = g_strdup(service)};
    return last;
}

/* A segment of @service, with @text for what it is. */
static void
add_segment(Group *group, const LastLine *last, const char *text, gint64 start, gint64 end)
{
    g_autofree char *name = g_strconcat(last->service, ": ", text, NULL);
    LampSegment segment = {
        .type = lamp_causal_model_type(group->model, group->class_number, LAMP_CAUSAL_NO_PARENT,
                                       name),
        .start = start,
        .end = end,
        .confidence = 1,
        .clock = (guint32) last->source,
    };
    if (segment.type != LAMP_CAUSAL_NO_PARENT)
        g_array_append_val(group->segments, segment);
}

/* What lies between @last and a line with @text, if it does not tell itself how long it took.
 */
static void
add_line(Group *group, const LastLine *last, LampStatement *row, const char *text)
{
    gint64 time = lamp_statement_int(row, 1), duration = lamp_statement_int(row, 5);
    if (duration > 0) {
        add_segment(group, last, text, time - duration, time);
    } else if (last->text != NULL) {
        g_autofree char *between = g_strconcat(last->text, " … ", text, NULL);
        add_segment(group, last, between, last->time, time);
    }
}

static void
take_line(Group *group, LampStatement *row)
{
    const char *value = lamp_statement_text(row, 0), *service = lamp_statement_text(row, 2);
    const char *text = lamp_statement_text(row, 3);
    gint64 time = lamp_statement_int(row, 1);
    if (group->value == NULL || g_strcmp0(group->value, value) != 0) {
        finish_group(group);
        group->value = g_strdup(value);
        g_autofree char *name = g_strconcat(service, ": ", text, NULL);
        group->class_number = lamp_causal_model_class(group->model, name);
    }
    LastLine *last = find_last(group, lamp_statement_int(row, 4), service);
    if (last == NULL)
        return;
    add_line(group, last, row, text);
    g_free(last->text);
    last->text = g_strdup(text);
    last->time = time;
}

gboolean
lamp_causal_add_logs(LampCausalModel *model, LampStore *store, const char *slots,
                     GError **error)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(store, LINES, error);
    if (rows == NULL)
        return FALSE;
    g_autofree char *list = g_strconcat(",", slots, ",", NULL);
    lamp_statement_bind_string(rows, 1, list);
    g_autoptr(GArray) segments = g_array_new(FALSE, FALSE, sizeof(LampSegment));
    Group group = {.model = model, .segments = segments};
    gboolean more = TRUE, ok = TRUE;
    while (more && (ok = lamp_statement_step(rows, &more, error)))
        if (more)
            take_line(&group, rows);
    finish_group(&group);
    return ok;
}

gint64
lamp_causal_clock_error(LampStore *store)
{
    g_autoptr(LampStatement) row = lamp_statement_new(
        store,
        "SELECT uncertainty_ns FROM hosts WHERE uncertainty_ns IS NOT NULL AND is_reference = 0"
        " ORDER BY 1 LIMIT 1 OFFSET (SELECT count(*) / 2 FROM hosts WHERE uncertainty_ns IS NOT"
        " NULL AND is_reference = 0)",
        NULL);
    gboolean has_row = FALSE;
    if (row == NULL || !lamp_statement_step(row, &has_row, NULL) || !has_row)
        return 0;
    return lamp_statement_int(row, 0);
}
