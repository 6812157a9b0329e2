/*
 * Scores links, traces, calibration against truth.
 *
 * In: units of the truth with the parent that is expected and the one that was inferred. A
 * wrong link spoils the trace of the parent that it names, a missing one the trace of the
 * parent that lacks it. Calibration: ten bins of equal width over the confidence of inferred
 * links; the error is the mean distance between claimed and measured shares, weighted by bin
 * size.
 */
#include "correlate/eval/truth.h"

#include <math.h>

G_DEFINE_QUARK(lamp - eval - error - quark, lamp_eval_error)

#define BINS 10
#define MAP_BUDGET ((gsize) 1 << 30)

guint32
lamp_eval_number(LampKeyedMap *map, const char *key)
{
    gboolean is_new = FALSE;
    guint64 *value = lamp_keyed_map_add(map, lamp_bytes_text(key), &is_new);
    if (value == NULL)
        return LAMP_EVAL_NONE;
    if (is_new)
        *value = lamp_keyed_map_size(map) - 1;
    return (guint32) *value;
}

typedef struct {
    double claimed;
    guint64 right, n;
} Bin;

static LampEvalUnit *
unit_at(const LampEvalTruth *truth, guint32 i)
{
    return &g_array_index(truth->units, LampEvalUnit, i);
}

static void
count_unit(LampEvalReport *report, const LampEvalUnit *unit)
{
    gboolean is_link = unit->expected != LAMP_EVAL_NONE;
    gboolean is_right = is_link && unit->predicted == unit->expected;
    report->spans_truth++;
    report->spans_found += unit->is_found ? 1 : 0;
    report->links_truth += is_link ? 1 : 0;
    report->links_inferred += unit->predicted != LAMP_EVAL_NONE ? 1 : 0;
    report->links_right += is_right ? 1 : 0;
    report->ambiguous += is_link && unit->is_ambiguous ? 1 : 0;
    report->ambiguous_right += is_right && unit->is_ambiguous ? 1 : 0;
    if (unit->protocol >= report->protocols->len)
        return;
    LampEvalProtocol *protocol =
        &g_array_index(report->protocols, LampEvalProtocol, unit->protocol);
    protocol->truth++;
    protocol->found += unit->is_found ? 1 : 0;
    protocol->links += is_link ? 1 : 0;
    protocol->right += is_right ? 1 : 0;
}

/* Traces that have links at all, and those of them without a wrong or missing one. */
static void
count_traces(const LampEvalTruth *truth)
{
    enum { HAS_LINK = 1, IS_WRONG = 2 };
    g_autofree guint8 *traces = g_new0(guint8, (gsize) truth->traces + 1);
    for (guint32 i = 0; i < truth->units->len; i++) {
        const LampEvalUnit *unit = unit_at(truth, i);
        if (unit->expected != LAMP_EVAL_NONE)
            traces[unit->trace] |= HAS_LINK;
        if (unit->predicted == unit->expected)
            continue;
        if (unit->expected != LAMP_EVAL_NONE)
            traces[unit->trace] |= IS_WRONG;
        if (unit->predicted < truth->units->len)
            traces[unit_at(truth, unit->predicted)->trace] |= IS_WRONG;
    }
    for (guint32 t = 0; t < truth->traces; t++) {
        truth->report->traces_truth += (traces[t] & HAS_LINK) != 0 ? 1 : 0;
        truth->report->traces_right += traces[t] == HAS_LINK ? 1 : 0;
    }
}

static gint
compare_confidence(gconstpointer left, gconstpointer right)
{
    const LampEvalUnit *a = *(LampEvalUnit *const *) left;
    const LampEvalUnit *b = *(LampEvalUnit *const *) right;
    return a->confidence > b->confidence ? -1 : a->confidence < b->confidence;
}

static void
score_confidence(const LampEvalTruth *truth)
{
    Bin bins[BINS] = {0};
    g_autoptr(GPtrArray) links = g_ptr_array_new();
    for (guint32 i = 0; i < truth->units->len; i++) {
        LampEvalUnit *unit = unit_at(truth, i);
        if (unit->predicted == LAMP_EVAL_NONE)
            continue;
        Bin *bin = &bins[CLAMP((gint) (unit->confidence * BINS), 0, BINS - 1)];
        bin->claimed += (double) unit->confidence;
        bin->right += unit->predicted == unit->expected ? 1 : 0;
        bin->n++;
        g_ptr_array_add(links, unit);
    }
    if (links->len == 0)
        return;
    double distance = 0;
    for (guint b = 0; b < BINS; b++)
        distance += fabs(bins[b].claimed - (double) bins[b].right);
    truth->report->ece = distance / links->len;
    g_ptr_array_sort(links, compare_confidence);
    guint top = MAX(1, links->len * 9 / 10);
    guint right = 0;
    for (guint i = 0; i < top; i++) {
        const LampEvalUnit *unit = g_ptr_array_index(links, i);
        right += unit->predicted == unit->expected ? 1 : 0;
    }
    truth->report->top_accuracy = (double) right / top;
}

static double
share(guint64 part, guint64 whole)
{
    return whole > 0 ? (double) part / (double) whole : 0;
}

static gboolean
read_expected_accuracy(LampStore *store, LampEvalReport *report, GError **error)
{
    g_autoptr(LampStatement) sum = lamp_statement_new(
        store, "SELECT avg(confidence) FROM call_links WHERE rank = 1 AND pass = 'inference'",
        error);
    gboolean has_row;
    if (sum == NULL || !lamp_statement_step(sum, &has_row, error))
        return FALSE;
    report->expected_accuracy = has_row ? lamp_statement_real(sum, 0) : 0;
    return TRUE;
}

static gint
compare_protocols(gconstpointer left, gconstpointer right)
{
    return g_strcmp0(((const LampEvalProtocol *) left)->name,
                     ((const LampEvalProtocol *) right)->name);
}

static void
score(LampEvalTruth *truth)
{
    LampEvalReport *report = truth->report;
    for (guint32 i = 0; i < truth->units->len; i++)
        count_unit(report, unit_at(truth, i));
    count_traces(truth);
    score_confidence(truth);
    report->link_accuracy = share(report->links_right, report->links_truth);
    report->recall = report->link_accuracy;
    report->precision = share(report->links_right, report->links_inferred);
    report->trace_accuracy = share(report->traces_right, report->traces_truth);
    g_array_sort(report->protocols, compare_protocols);
}

gboolean
lamp_eval_require_match(const LampEvalTruth *truth, const char *what, LampStore *store,
                        const char *sql, GError **error)
{
    gboolean has_row = FALSE;
    for (guint32 i = 0; i < truth->units->len; i++)
        if (unit_at(truth, i)->is_found)
            return TRUE;
    g_autoptr(LampStatement) first = lamp_statement_new(store, sql, error);
    if (first == NULL || !lamp_statement_step(first, &has_row, error))
        return FALSE;
    const char *name = has_row ? lamp_statement_text(first, 0) : NULL;
    if (truth->example == NULL)
        g_set_error(error, LAMP_EVAL_ERROR, LAMP_EVAL_ERROR_NOTHING,
                    "nothing could be compared: the truth names no %s", what);
    else if (name == NULL)
        g_set_error(error, LAMP_EVAL_ERROR, LAMP_EVAL_ERROR_NOTHING,
                    "nothing could be compared: the database names no %s; the truth's %u are "
                    "like '%s'",
                    what, truth->units->len, truth->example);
    else
        g_set_error(error, LAMP_EVAL_ERROR, LAMP_EVAL_ERROR_NOTHING,
                    "nothing could be compared: none of the truth's %u %s is in the database; "
                    "the truth's are like '%s', the database's like '%s'",
                    truth->units->len, what, truth->example, name);
    return FALSE;
}

static void
clear_protocol(gpointer data)
{
    g_free(((LampEvalProtocol *) data)->name);
}

static gboolean
read_truth(LampStore *store, const char *path, LampEvalTruth *truth, GError **error)
{
    if (!g_file_test(path, G_FILE_TEST_IS_DIR))
        return lamp_eval_spans(store, path, truth, error);
    g_autofree char *inner = g_build_filename(path, "truth", NULL);
    return lamp_eval_testbed(store, g_file_test(inner, G_FILE_TEST_IS_DIR) ? inner : path,
                             truth, error);
}

LampEvalReport *
lamp_eval(LampStore *store, const char *path, GError **error)
{
    g_autoptr(LampEvalReport) report = g_new0(LampEvalReport, 1);
    report->protocols = g_array_new(FALSE, TRUE, sizeof(LampEvalProtocol));
    g_array_set_clear_func(report->protocols, clear_protocol);
    g_autoptr(GArray) units = g_array_new(FALSE, TRUE, sizeof(LampEvalUnit));
    LampEvalTruth truth = {.units = units, .report = report};
    gboolean ok =
        read_truth(store, path, &truth, error) && read_expected_accuracy(store, report, error);
    g_free(truth.example);
    if (!ok)
        return NULL;
    score(&truth);
    return g_steal_pointer(&report);
}

void
lamp_eval_report_free(LampEvalReport *report)
{
    if (report == NULL)
        return;
    g_array_unref(report->protocols);
    g_free(report);
}

static void
append_real(GString *out, const char *key, double value)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append_printf(
        out, ", \"%s\": %s", key,
        isfinite(value) ? g_ascii_formatd(number, sizeof number, "%.6f", value) : "null");
}

static void
append_count(GString *out, const char *key, guint64 value)
{
    g_string_append_printf(out, ", \"%s\": %" G_GUINT64_FORMAT, key, value);
}

static void
append_protocols(GString *out, const LampEvalReport *report)
{
    g_string_append(out, ", \"protocols\": {");
    for (guint i = 0; i < report->protocols->len; i++) {
        const LampEvalProtocol *p = &g_array_index(report->protocols, LampEvalProtocol, i);
        g_autofree char *name = g_strescape(p->name, NULL);
        g_string_append_printf(out, "%s\"%s\": {\"truth\": %" G_GUINT64_FORMAT,
                               i > 0 ? ", " : "", name, p->truth);
        append_count(out, "found", p->found);
        append_count(out, "links", p->links);
        append_real(out, "link_accuracy", share(p->right, p->links));
        g_string_append_c(out, '}');
    }
    g_string_append_c(out, '}');
}

void
lamp_eval_report_json(const LampEvalReport *report, GString *out)
{
    g_string_append_printf(out, "{\"spans_truth\": %" G_GUINT64_FORMAT, report->spans_truth);
    append_count(out, "spans_found", report->spans_found);
    append_real(out, "link_accuracy", report->link_accuracy);
    append_real(out, "trace_accuracy", report->trace_accuracy);
    append_real(out, "precision", report->precision);
    append_real(out, "recall", report->recall);
    append_real(out, "ece", report->ece);
    append_real(out, "expected_accuracy", report->expected_accuracy);
    append_real(out, "clock_error_ms_max",
                report->has_clocks ? report->clock_error_ms_max : (double) NAN);
    append_real(out, "drift_error_ppm_max",
                report->has_clocks ? report->drift_error_ppm_max : (double) NAN);
    append_real(out, "top90_accuracy", report->top_accuracy);
    append_count(out, "links_truth", report->links_truth);
    append_count(out, "links_inferred", report->links_inferred);
    append_count(out, "links_right", report->links_right);
    append_count(out, "traces_truth", report->traces_truth);
    append_count(out, "traces_right", report->traces_right);
    append_count(out, "ambiguous_links", report->ambiguous);
    append_real(out, "ambiguous_link_accuracy",
                share(report->ambiguous_right, report->ambiguous));
    append_protocols(out, report);
    g_string_append(out, "}\n");
}
