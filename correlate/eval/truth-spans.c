/*
 * Truth of imported spans: NAME.truth.csv with span_id, trace_id, parent_span_id.
 *
 * Only causal links count: parent and child seen in one process, one as server and one as
 * client. Which those are is known from the imported spans' own process and kind.
 */
#include "correlate/eval/truth.h"

#define MAP_BUDGET ((gsize) 1 << 30)

typedef struct {
    LampStore *store;
    LampEvalTruth *truth;
    LampKeyedMap *units;  /* span id to number, in the order of the truth */
    LampKeyedMap *traces; /* trace id to number */
    GPtrArray *parents;   /* texts beside the units */
    GArray *processes;    /* gint64 beside the units: process * 2 + (is client); 0 unknown */
} Reading;

static gboolean
read_truth(Reading *r, const char *path, GError **error)
{
    g_autoptr(LampCsv) csv = lamp_csv_read(path, error);
    if (csv == NULL)
        return FALSE;
    gint span = lamp_csv_column(csv, "span_id");
    gint trace = lamp_csv_column(csv, "trace_id");
    gint parent = lamp_csv_column(csv, "parent_span_id");
    if (span < 0 || trace < 0 || parent < 0) {
        g_set_error(error, LAMP_EVAL_ERROR, LAMP_EVAL_ERROR_TRUTH,
                    "'%s' is no truth: columns span_id, trace_id, parent_span_id are needed",
                    path);
        return FALSE;
    }
    while (lamp_csv_next(csv)) {
        if (lamp_eval_number(r->units, lamp_csv_field(csv, span)) != r->truth->units->len)
            continue; /* the same id again */
        LampEvalUnit unit = {
            .trace = lamp_eval_number(r->traces, lamp_csv_field(csv, trace)),
            .expected = LAMP_EVAL_NONE,
            .predicted = LAMP_EVAL_NONE,
            .protocol = LAMP_EVAL_NONE,
        };
        gint64 unknown = 0;
        if (r->truth->example == NULL)
            r->truth->example = g_strdup(lamp_csv_field(csv, span));
        g_array_append_val(r->truth->units, unit);
        g_array_append_val(r->processes, unknown);
        g_ptr_array_add(r->parents, g_strdup(lamp_csv_field(csv, parent)));
    }
    r->truth->traces = lamp_keyed_map_size(r->traces);
    return TRUE;
}

static guint32
find_unit(const Reading *r, const char *id)
{
    const guint64 *number =
        id != NULL ? lamp_keyed_map_find(r->units, lamp_bytes_text(id)) : NULL;
    return number != NULL ? (guint32) *number : LAMP_EVAL_NONE;
}

static LampEvalUnit *
unit_at(const Reading *r, guint32 i)
{
    return &g_array_index(r->truth->units, LampEvalUnit, i);
}

static gboolean
read_processes(Reading *r, GError **error)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(
        r->store,
        "SELECT external_id, process_id * 2 + (role = 'client') FROM observations"
        " WHERE external_id IS NOT NULL",
        error);
    gboolean has_row;
    while (rows != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        guint32 unit = find_unit(r, lamp_statement_text(rows, 0));
        if (unit == LAMP_EVAL_NONE)
            continue;
        g_array_index(r->processes, gint64, unit) = lamp_statement_int(rows, 1);
        unit_at(r, unit)->is_found = TRUE;
    }
    return FALSE;
}

/* Same process, one end each. */
static gboolean
is_causal(const Reading *r, guint32 parent, guint32 child)
{
    gint64 a = g_array_index(r->processes, gint64, parent);
    gint64 b = g_array_index(r->processes, gint64, child);
    return a / 2 == b / 2 && a % 2 != b % 2;
}

static void
keep_causal_links(Reading *r)
{
    for (guint32 i = 0; i < r->truth->units->len; i++) {
        guint32 parent = find_unit(r, g_ptr_array_index(r->parents, i));
        if (parent != LAMP_EVAL_NONE && is_causal(r, parent, i))
            unit_at(r, i)->expected = parent;
    }
}

static gboolean
read_links(Reading *r, GError **error)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(
        r->store,
        "SELECT child_span_id, parent_span_id, confidence,"
        " json_extract(evidence, '$.candidates') > 1 FROM links WHERE relation = 'causal'",
        error);
    gboolean has_row;
    while (rows != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        guint32 child = find_unit(r, lamp_statement_text(rows, 0));
        guint32 parent = find_unit(r, lamp_statement_text(rows, 1));
        if (child == LAMP_EVAL_NONE || parent == LAMP_EVAL_NONE || !is_causal(r, parent, child))
            continue;
        LampEvalUnit *unit = unit_at(r, child);
        unit->predicted = parent;
        unit->confidence = (float) lamp_statement_real(rows, 2);
        unit->is_ambiguous = lamp_statement_int_or(rows, 3, 0) != 0;
    }
    return FALSE;
}

static const char first_span[] = "SELECT external_id FROM observations WHERE external_id IS NOT"
                                 " NULL ORDER BY observation_id LIMIT 1";

gboolean
lamp_eval_spans(LampStore *store, const char *path, LampEvalTruth *truth, GError **error)
{
    g_autoptr(LampKeyedMap) units = lamp_keyed_map_new(MAP_BUDGET);
    g_autoptr(LampKeyedMap) traces = lamp_keyed_map_new(MAP_BUDGET);
    g_autoptr(GPtrArray) parents = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GArray) processes = g_array_new(FALSE, TRUE, sizeof(gint64));
    Reading r = {store, truth, units, traces, parents, processes};
    if (!read_truth(&r, path, error) || !read_processes(&r, error) ||
        !lamp_eval_require_match(truth, "spans by the id that the input gave them", store,
                                 first_span, error))
        return FALSE;
    keep_causal_links(&r);
    return read_links(&r, error);
}
