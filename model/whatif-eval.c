/*
 * Reading measured outcomes.
 *
 * The CSV is plain: no quotes are needed for what it holds, and a quote is an error.
 */
#include "model/whatif-eval.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

G_DEFINE_QUARK(lamp_whatif_eval_error, lamp_whatif_eval_error)

#define MOST_BYTES (16u << 20)

typedef enum {
    COLUMN_SCENARIO,
    COLUMN_OP,
    COLUMN_CAPTURED_AS,
    COLUMN_MACHINE,
    COLUMN_TOPO,
    COLUMN_LOAD,
    COLUMN_N,
    COLUMN_MEAN,
    COLUMN_P50,
    COLUMN_P90,
    COLUMN_P95,
    COLUMN_P99,
    COLUMNS
} Column;

static const char *const column_names[COLUMNS] = {"scenario", "op",   "captured_as", "machine",
                                                  "topo",     "load", "n",           "mean",
                                                  "p50",      "p90",  "p95",         "p99"};

typedef struct {
    char *scenario, *captured_as, *group;
    guint64 n;
    double ms[LAMP_METRICS];
} Run;

struct LampMeasured {
    GArray *runs; /* Run, op ALL only */
    const char *group;
};

static void
clear_run(gpointer pointer)
{
    Run *run = pointer;
    g_free(run->scenario);
    g_free(run->captured_as);
    g_free(run->group);
}

void
lamp_measured_free(LampMeasured *measured)
{
    if (measured == NULL)
        return;
    g_array_unref(measured->runs);
    g_free(measured);
}

static gboolean
find_columns(const char *header, gint *places, GError **error)
{
    g_auto(GStrv) names = g_strsplit(header, ",", 256);
    for (guint c = 0; c < COLUMNS; c++) {
        places[c] = -1;
        for (guint i = 0; names[i] != NULL; i++)
            if (g_str_equal(g_strstrip(names[i]), column_names[c]))
                places[c] = (gint) i;
    }
    if (places[COLUMN_SCENARIO] >= 0 && places[COLUMN_MEAN] >= 0 && places[COLUMN_P50] >= 0)
        return TRUE;
    g_set_error(error, LAMP_WHATIF_EVAL_ERROR, LAMP_WHATIF_EVAL_ERROR_FORMAT,
                "measurements need a header line with at least scenario, mean, p50");
    return FALSE;
}

static const char *
field(char **fields, guint count, const gint *places, Column column)
{
    gint place = places[column];
    return place >= 0 && (guint) place < count ? fields[place] : "";
}

static gboolean
parse_ms(const char *text, double *out_ms)
{
    gint64 scaled;
    if (text[0] == '\0') {
        *out_ms = NAN;
        return TRUE;
    }
    if (!lamp_text_parse_scaled(lamp_bytes_text(text), 6, &scaled))
        return FALSE;
    *out_ms = (double) scaled / 1e6;
    return TRUE;
}

/* "30.000000" is 30. */
static void
trim_zeros(char *number)
{
    gsize n = strlen(number);
    if (strchr(number, '.') == NULL)
        return;
    while (number[n - 1] == '0')
        n--;
    number[number[n - 1] == '.' ? n - 1 : n] = '\0';
}

static gboolean
add_line(LampMeasured *measured, const char *line, const gint *places, guint number,
         GError **error)
{
    static const Column metrics[LAMP_METRICS] = {COLUMN_MEAN, COLUMN_P50, COLUMN_P90,
                                                 COLUMN_P95, COLUMN_P99};
    g_auto(GStrv) fields = g_strsplit(line, ",", 256);
    guint count = g_strv_length(fields);
    const char *op = field(fields, count, places, COLUMN_OP);
    if (count <= 1 || (op[0] != '\0' && !g_str_equal(op, "ALL")))
        return TRUE;
    Run run = {.n = 0};
    gboolean ok = TRUE;
    for (guint m = 0; m < LAMP_METRICS; m++)
        ok = ok && parse_ms(field(fields, count, places, metrics[m]), &run.ms[m]);
    const char *n = field(fields, count, places, COLUMN_N);
    ok = ok && (n[0] == '\0' || lamp_text_parse_u64(lamp_bytes_text(n), &run.n));
    if (!ok) {
        g_set_error(error, LAMP_WHATIF_EVAL_ERROR, LAMP_WHATIF_EVAL_ERROR_FORMAT,
                    "measurements, line %u: a figure is no number", number);
        return FALSE;
    }
    run.scenario = g_strdup(field(fields, count, places, COLUMN_SCENARIO));
    run.captured_as = g_strdup(field(fields, count, places, COLUMN_CAPTURED_AS));
    g_autofree char *load = g_strdup(field(fields, count, places, COLUMN_LOAD));
    trim_zeros(load);
    run.group = g_strjoin(" ", field(fields, count, places, COLUMN_MACHINE),
                          field(fields, count, places, COLUMN_TOPO), load, NULL);
    g_array_append_val(measured->runs, run);
    return TRUE;
}

LampMeasured *
lamp_measured_read(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    gsize length;
    gint places[COLUMNS];
    if (!g_file_get_contents(path, &text, &length, error))
        return NULL;
    if (length > MOST_BYTES || memchr(text, '\0', length) != NULL) {
        g_set_error(error, LAMP_WHATIF_EVAL_ERROR, LAMP_WHATIF_EVAL_ERROR_FORMAT,
                    "'%s' is no CSV of measurements", path);
        return NULL;
    }
    g_auto(GStrv) lines = g_strsplit(g_strdelimit(text, "\r", ' '), "\n", -1);
    if (lines[0] == NULL || !find_columns(lines[0], places, error))
        return NULL;
    g_autoptr(LampMeasured) measured = g_new0(LampMeasured, 1);
    measured->runs = g_array_new(FALSE, TRUE, sizeof(Run));
    g_array_set_clear_func(measured->runs, clear_run);
    for (guint i = 1; lines[i] != NULL; i++)
        if (!add_line(measured, g_strchomp(lines[i]), places, i + 1, error))
            return NULL;
    return g_steal_pointer(&measured);
}

/* How far a baseline is from the database: wrong counts weigh more than any latency. */
static double
distance(const Run *run, guint64 requests, double mean_ms)
{
    double by_count =
        run->n == 0 ? 0.0 : fabs((double) requests / (double) run->n - 1.0) * 100.0;
    double by_mean = fabs(mean_ms / MAX(run->ms[LAMP_METRIC_MEAN], 1e-9) - 1.0);
    return by_count + by_mean + (run->captured_as[0] == '\0' ? 10.0 : 0.0);
}

gboolean
lamp_measured_choose(LampMeasured *measured, const char *capture, guint64 requests,
                     double mean_ms, GError **error)
{
    double best = INFINITY;
    measured->group = NULL;
    for (guint i = 0; i < measured->runs->len; i++) {
        const Run *run = &g_array_index(measured->runs, Run, i);
        if (!g_str_equal(run->scenario, "baseline") ||
            (capture != NULL && !g_str_equal(run->captured_as, capture)))
            continue;
        if (distance(run, requests, mean_ms) < best) {
            best = distance(run, requests, mean_ms);
            measured->group = run->group;
        }
    }
    if (measured->group != NULL)
        return TRUE;
    g_set_error(error, LAMP_WHATIF_EVAL_ERROR, LAMP_WHATIF_EVAL_ERROR_BASELINE,
                "the measurements have no run of scenario 'baseline'%s%s",
                capture != NULL ? " captured as " : "", capture != NULL ? capture : "");
    return FALSE;
}

const char *
lamp_measured_group(const LampMeasured *measured)
{
    return measured->group;
}

gboolean
lamp_measured_get(const LampMeasured *measured, const char *scenario, LampMetric metric,
                  double *out_ms)
{
    double sum = 0.0, count = 0.0;
    for (guint i = 0; i < measured->runs->len; i++) {
        const Run *run = &g_array_index(measured->runs, Run, i);
        if (!g_str_equal(run->scenario, scenario) ||
            !g_str_equal(run->group, measured->group) || isnan(run->ms[metric]))
            continue;
        sum += run->ms[metric];
        count += 1.0;
    }
    if (count == 0.0)
        return FALSE;
    *out_ms = sum / count;
    return TRUE;
}

double
lamp_measured_noise(const LampMeasured *measured, LampMetric metric)
{
    double low = INFINITY, high = -INFINITY, mean;
    for (guint i = 0; i < measured->runs->len; i++) {
        const Run *run = &g_array_index(measured->runs, Run, i);
        if (!g_str_equal(run->scenario, "baseline") ||
            !g_str_equal(run->group, measured->group) || isnan(run->ms[metric]))
            continue;
        low = MIN(low, run->ms[metric]);
        high = MAX(high, run->ms[metric]);
    }
    if (!lamp_measured_get(measured, "baseline", metric, &mean) || mean <= 0.0)
        return 0.0;
    return (high - low) / 2.0 / mean;
}
