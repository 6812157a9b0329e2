/*
 * Summarising what a what-if gave: figures with intervals for each endpoint, what saturates,
 * and what the change did not reach.
 *
 * Intervals come from a block bootstrap over time: the requests are cut into blocks of
 * neighbours (load, stalls and caches make neighbours alike), blocks are drawn with
 * replacement, and each block's part of the distribution is kept as a sketch, so a draw costs
 * the same for a thousand or a million requests.
 *
 * An instance with a limit is full when the work that arrives in a second fills all its places
 * for a second. Where no limit was visible none is invented: the result names the instance that
 * would have to serve most more calls at once than the capture shows.
 */
#include "model/index-map.h"
#include "model/quantiles.h"
#include "model/what-if-outcomes.h"

#include <math.h>

#define BLOCKS 40u
#define DRAWS 200u

const char *const lamp_metric_names[LAMP_METRICS] = {"mean", "p50", "p90", "p95", "p99"};

const double lamp_whatif_edges_ms[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000};

static double
sketch_value(LampMetric metric, const LampQuantiles *sketch)
{
    static const double shares[] = {0.0, 0.5, 0.9, 0.95, 0.99};
    return metric == LAMP_METRIC_MEAN ? lamp_quantiles_mean(sketch)
                                      : (double) lamp_quantiles_at(sketch, shares[metric]);
}

static gint
compare_real(gconstpointer a, gconstpointer b)
{
    double x = *(const double *) a, y = *(const double *) b;
    return x < y ? -1 : x > y;
}

/* Intervals of all metrics from sketches of @count blocks. Both sides draw the same blocks. */
static void
bootstrap(const LampQuantiles *blocks, guint count, LampEstimate *estimates)
{
    g_autofree double *values = g_new(double, LAMP_METRICS *DRAWS);
    guint64 random = 42;
    for (guint draw = 0; draw < DRAWS; draw++) {
        g_auto(LampQuantiles) sum;
        lamp_quantiles_init(&sum);
        for (guint b = 0; b < count; b++) {
            random += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
            lamp_quantiles_merge(&sum, &blocks[lamp_mix64(random) % count], 1);
        }
        for (guint m = 0; m < LAMP_METRICS; m++)
            values[m * DRAWS + draw] = sketch_value((LampMetric) m, &sum);
    }
    for (guint m = 0; m < LAMP_METRICS; m++) {
        double *of_metric = values + m * DRAWS;
        qsort(of_metric, DRAWS, sizeof *of_metric, compare_real);
        estimates[m].low = MIN(of_metric[DRAWS / 40], estimates[m].value);
        estimates[m].high = MAX(of_metric[DRAWS - 1 - DRAWS / 40], estimates[m].value);
    }
}

/* @durations in the order of time, each counted by its weight; all of them are counted in @all,
 * too. */
static void
summarise(const GArray *durations, const GArray *weights, LampQuantiles *all, LampEstimate *out)
{
    LampQuantiles blocks[BLOCKS];
    guint count = MIN(BLOCKS, durations->len); /* none is empty */
    for (guint b = 0; b < count; b++)
        lamp_quantiles_init(&blocks[b]);
    for (gsize i = 0; i < durations->len; i++)
        lamp_quantiles_add(&blocks[i * count / durations->len],
                           g_array_index(durations, gint64, i),
                           g_array_index(weights, guint32, i));
    for (guint b = 0; b < count; b++)
        lamp_quantiles_merge(all, &blocks[b], 1);
    for (guint m = 0; m < LAMP_METRICS; m++)
        out[m].value = sketch_value((LampMetric) m, all);
    bootstrap(blocks, count, out);
    for (guint b = 0; b < count; b++)
        lamp_quantiles_clear(&blocks[b]);
}

/* Mean of one drawing of blocks; @sums are of changes, @weights of requests. */
static double
draw_mean(const double *sums, const double *weights, guint count, guint64 *random)
{
    double sum = 0.0, weight = 0.0;
    for (guint b = 0; b < count; b++) {
        *random += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
        guint at = (guint) (lamp_mix64(*random) % count);
        sum += sums[at];
        weight += weights[at];
    }
    return weight > 0.0 ? sum / weight : 0.0;
}

LampEstimate
lamp_outcomes_gain(const LampOutcomes *outcomes)
{
    double sums[BLOCKS] = {0}, weights[BLOCKS] = {0}, draws[DRAWS], sum = 0.0;
    guint n = outcomes->after->len, count = MIN(BLOCKS, n);
    guint64 random = 42;
    for (gsize i = 0; i < n; i++) {
        double weight = g_array_index(outcomes->weights, guint32, i);
        double later = weight * (double) (g_array_index(outcomes->after, gint64, i) -
                                          g_array_index(outcomes->before, gint64, i));
        sums[i * count / n] += later;
        weights[i * count / n] += weight;
        sum += later;
    }
    if (n == 0)
        return (LampEstimate){0.0, 0.0, 0.0};
    for (guint draw = 0; draw < DRAWS; draw++)
        draws[draw] = draw_mean(sums, weights, count, &random);
    qsort(draws, DRAWS, sizeof *draws, compare_real);
    double value = sum / (double) outcomes->weight;
    return (LampEstimate){value, MIN(draws[DRAWS / 40], value),
                          MAX(draws[DRAWS - 1 - DRAWS / 40], value)};
}

static void
clear_row(gpointer pointer)
{
    LampWhatifRow *row = pointer;
    lamp_quantiles_clear(&row->durations_before);
    lamp_quantiles_clear(&row->durations_after);
}

static void
count_bin(LampWhatifRow *row, gint64 duration, guint32 weight)
{
    guint bin = 0;
    while (bin + 1 < LAMP_WHATIF_BINS && (double) duration > lamp_whatif_edges_ms[bin] * 1e6)
        bin++;
    row->histogram[bin] += weight;
}

static void
count_marks(LampWhatifRow *row, guint8 marks, guint32 weight)
{
    row->cut += (marks & LAMP_MARK_CUT) != 0 ? weight : 0;
    row->errors_before += (marks & LAMP_MARK_ERROR_BEFORE) != 0 ? weight : 0;
    row->errors_after += (marks & LAMP_MARK_ERROR_AFTER) != 0 ? weight : 0;
}

/* Row of the requests with @label (LAMP_FLOW_NONE: all). */
static void
add_row(const LampOutcomes *outcomes, guint32 label, GArray *rows)
{
    g_autoptr(GArray) before = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autoptr(GArray) after = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autoptr(GArray) weights = g_array_new(FALSE, FALSE, sizeof(guint32));
    guint all = outcomes->before->len;
    LampWhatifRow row = {.label = label};
    for (guint i = 0; i < all; i++) {
        if (label != LAMP_FLOW_NONE && g_array_index(outcomes->labels, guint32, i) != label)
            continue;
        guint32 weight = g_array_index(outcomes->weights, guint32, i);
        g_array_append_val(before, g_array_index(outcomes->before, gint64, i));
        g_array_append_val(after, g_array_index(outcomes->after, gint64, i));
        g_array_append_val(weights, weight);
        count_bin(&row, g_array_index(outcomes->after, gint64, i), weight);
        count_marks(&row, g_array_index(outcomes->marks, guint8, i), weight);
        row.confidence += weight * (double) g_array_index(outcomes->confidences, gfloat, i);
        row.requests += weight;
    }
    if (before->len == 0)
        return;
    row.confidence /= (double) row.requests;
    summarise(before, weights, &row.durations_before, row.before);
    summarise(after, weights, &row.durations_after, row.after);
    g_array_append_val(rows, row);
}

/* One row for each label that a request begins with. */
static void
add_rows(const LampTopology *topology, const LampOutcomes *outcomes, GArray *rows)
{
    guint labels = lamp_topology_label_count(topology);
    g_autofree guint8 *is_root = g_new0(guint8, labels + 1);
    for (guint i = 0; i < outcomes->labels->len; i++)
        is_root[g_array_index(outcomes->labels, guint32, i)] = 1;
    add_row(outcomes, LAMP_FLOW_NONE, rows);
    for (guint32 label = 0; label < labels; label++)
        if (is_root[label])
            add_row(outcomes, label, rows);
}

static gint
compare_rows(gconstpointer a, gconstpointer b)
{
    const LampWhatifRow *x = a, *y = b;
    if ((x->label == LAMP_FLOW_NONE) != (y->label == LAMP_FLOW_NONE))
        return x->label == LAMP_FLOW_NONE ? -1 : 1;
    if (x->requests != y->requests)
        return x->requests > y->requests ? -1 : 1;
    return x->label < y->label ? -1 : x->label > y->label;
}

static const char *
instance_name(const LampTopology *topology, guint32 instance)
{
    return instance < lamp_topology_instance_count(topology)
               ? lamp_topology_instance(topology, instance)->name
               : "an added replica";
}

/* Something with a limit: first the instances, then the pools. */
typedef struct {
    guint32 limit; /* 0: none */
    double use;    /* work that arrives, as share of what it can do */
} Limited;

static guint
count_limited(const LampStations *stations)
{
    return stations->instances + stations->pool_count;
}

/* Requests that one replayed stands for. */
static double
mean_weight(const LampOutcomes *outcomes)
{
    return (double) outcomes->weight / (double) MAX(outcomes->before->len, 1);
}

static Limited
limited_at(const LampOutcomes *outcomes, guint at)
{
    const LampStations *stations = &outcomes->stations;
    gboolean is_pool = at >= stations->instances;
    guint pool = is_pool ? at - stations->instances : 0;
    if (at == 0 || (is_pool && pool == 0))
        return (Limited){0, 0.0};
    guint32 limit = is_pool ? stations->pools[pool].connections : stations->limits[at];
    double work = is_pool ? (double) outcomes->report.held[pool] * mean_weight(outcomes)
                          : (double) outcomes->report.work[at];
    double could = (double) MAX(outcomes->report.arriving, 1) * limit;
    return (Limited){limit, limit == 0 ? 0.0 : work / could};
}

/* "catalog" or "the pool of connections from cart to pg"; caller frees. */
static char *
limited_name(const LampOutcomes *outcomes, const LampTopology *topology, guint at)
{
    const LampStations *stations = &outcomes->stations;
    if (at < stations->instances)
        return g_strdup(instance_name(topology, at));
    const LampPool *pool = &stations->pools[at - stations->instances];
    return g_strdup_printf("the pool of connections from %s to %s",
                           instance_name(topology, pool->client),
                           instance_name(topology, pool->server));
}

/* Returns which it is (see limited_at()); 0: nothing has a limit and work. */
static guint
find_busiest(const LampOutcomes *outcomes, const LampTopology *topology,
             LampWhatifResult *result)
{
    double requests = (double) outcomes->weight;
    guint best = 0;
    result->throughput = requests * 1e9 / (double) MAX(outcomes->report.arriving, 1);
    for (guint i = 1; i < count_limited(&outcomes->stations); i++)
        if (limited_at(outcomes, i).use > limited_at(outcomes, best).use)
            best = i;
    if (best == 0)
        return 0;
    Limited limited = limited_at(outcomes, best);
    result->busiest = limited_name(outcomes, topology, best);
    result->busiest_places = limited.limit;
    result->busiest_use = limited.use;
    result->throughput_limit = result->throughput / MAX(limited.use, 1e-9);
    result->load_limit = result->throughput_limit * (double) outcomes->arriving_before /
                         MAX(requests * 1e9, 1.0);
    return best;
}

/* The instance without a limit that has to serve most more calls at once than was seen. */
static void
find_stretched(const LampOutcomes *outcomes, LampWhatifResult *result)
{
    double most = LAMP_WHATIF_STRETCHED;
    for (guint i = 1; i < MIN(outcomes->stations.instances, outcomes->instances_before); i++) {
        guint32 seen = outcomes->observed->peaks[i], now = outcomes->report.peaks[i];
        double ratio = (double) now / MAX(seen, 1);
        if (outcomes->stations.limits[i] > 0 || seen == 0 || now < 10 || ratio <= most)
            continue;
        most = ratio;
        result->stretched = i;
        result->stretched_calls = now;
        result->stretched_seen = seen;
    }
}

/* The busiest is told by itself; here the others that are full, too. */
static void
add_saturation_notes(const LampOutcomes *outcomes, const LampTopology *topology, guint busiest,
                     LampWhatifResult *result)
{
    gboolean has_limit = FALSE;
    for (guint i = 1; i < count_limited(&outcomes->stations); i++) {
        Limited limited = limited_at(outcomes, i);
        has_limit = has_limit || limited.limit > 0;
        if (i == busiest || limited.use < 1.0)
            continue;
        g_autofree char *name = limited_name(outcomes, topology, i);
        g_ptr_array_add(
            result->notes,
            g_strdup_printf("%s saturates, too: %.0f %% of what its %u places can do arrives",
                            name, limited.use * 100.0, limited.limit));
    }
    gboolean is_denser =
        (double) outcomes->report.arriving < 0.999 * (double) outcomes->arriving_before;
    if (is_denser && !has_limit)
        g_ptr_array_add(result->notes,
                        g_strdup("no limit on calls at once is visible in the capture, so more "
                                 "load meets no wait here and nothing saturates; state the "
                                 "limits that are known: 'limit TARGET N'"));
}

LampWhatifResult *
lamp_outcomes_summarise(const LampOutcomes *outcomes, const LampTopology *topology,
                        const LampChange *change)
{
    LampWhatifResult *result = g_new0(LampWhatifResult, 1);
    result->rows = g_array_new(FALSE, TRUE, sizeof(LampWhatifRow));
    g_array_set_clear_func(result->rows, clear_row);
    result->notes = g_ptr_array_new_with_free_func(g_free);
    add_rows(topology, outcomes, result->rows);
    g_array_sort(result->rows, compare_rows);
    guint busiest = find_busiest(outcomes, topology, result);
    find_stretched(outcomes, result);
    result->places = lamp_outcomes_places(outcomes, topology, change);
    result->span_before = (double) outcomes->arriving_before;
    result->span_after = (double) outcomes->report.arriving;
    add_saturation_notes(outcomes, topology, busiest, result);
    lamp_outcomes_add_notes(outcomes, topology, change, result);
    return result;
}

void
lamp_whatif_result_free(LampWhatifResult *result)
{
    if (result == NULL)
        return;
    g_array_unref(result->rows);
    g_array_unref(result->places);
    g_ptr_array_unref(result->notes);
    g_free(result->busiest);
    g_free(result);
}
