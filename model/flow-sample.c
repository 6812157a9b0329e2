/*
 * Sampling of flows by request, by outcome, or call by call.
 *
 * Ids are hashed with the seed, so the same seed takes the same sample whatever the machine.
 * Head: one request in N, decided before anything is known of it. Tail: requests that failed,
 * that are among the slowest twentieth of their operation so far, or of whose operation fewer
 * than twenty came so far are all taken with weight 1; of the others one in N with weight N.
 * Which group a request is in does not depend on chance, so the estimates stay unbiased. By
 * call: every call by itself one in N; flows are handed on whole for their structure, calls
 * that are not in the sample have weight 0, and the flow has the weight of its root.
 */
#include "model/flow-sample.h"

#include "model/quantiles.h"

#define RARE_BELOW 20u
#define SLOW_QUANTILE 0.95
/* The threshold of slowness is looked up anew after so many requests. */
#define REFRESH 32u

typedef struct {
    LampQuantiles durations;
    gint64 slow; /* from here on */
} Operation;

struct LampFlowSampler {
    guint32 one_in;
    guint64 seed;
    LampSampleBy by;
    GArray *operations; /* Operation by label of the root */
};

static void
clear_operation(gpointer pointer)
{
    lamp_quantiles_clear(&((Operation *) pointer)->durations);
}

LampFlowSampler *
lamp_flow_sampler_new(const LampFlowFilter *filter)
{
    LampFlowSampler *sampler = g_new0(LampFlowSampler, 1);
    sampler->one_in = MAX(filter->sample_one_in, 1);
    sampler->seed = filter->sample_seed;
    sampler->by = filter->sample_by;
    sampler->operations = g_array_new(FALSE, TRUE, sizeof(Operation));
    g_array_set_clear_func(sampler->operations, clear_operation);
    return sampler;
}

void
lamp_flow_sampler_free(LampFlowSampler *sampler)
{
    if (sampler == NULL)
        return;
    g_array_unref(sampler->operations);
    g_free(sampler);
}

static gboolean
is_drawn(const LampFlowSampler *sampler, gint64 id)
{
    guint64 h = ((guint64) id + sampler->seed) * 0x9e3779b97f4a7c15u;
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
    return (h >> 11) % sampler->one_in == 0;
}

gboolean
lamp_flow_sampler_may_take(const LampFlowSampler *sampler, gint64 trace_id)
{
    return sampler->one_in == 1 || sampler->by != LAMP_SAMPLE_HEAD ||
           is_drawn(sampler, trace_id);
}

/* Failed, slow or rare; counts the flow. */
static gboolean
is_special(LampFlowSampler *sampler, const LampFlow *flow)
{
    guint32 label = flow->calls[0].label;
    gint64 duration = lamp_flow_duration(flow);
    if (label >= sampler->operations->len)
        g_array_set_size(sampler->operations, label + 1);
    Operation *operation = &g_array_index(sampler->operations, Operation, label);
    guint64 before = operation->durations.count;
    if (before % REFRESH == 0 || before == RARE_BELOW)
        operation->slow = lamp_quantiles_at(&operation->durations, SLOW_QUANTILE);
    if (!lamp_flow_is_open(flow))
        lamp_quantiles_add(&operation->durations, duration, 1);
    return flow->errors > 0 || lamp_flow_is_open(flow) || before < RARE_BELOW ||
           duration > operation->slow;
}

static void
weigh(LampFlow *flow, guint32 weight)
{
    flow->weight = weight;
    for (guint32 i = 0; i < flow->count; i++)
        flow->calls[i].weight = weight;
}

gboolean
lamp_flow_sampler_take(LampFlowSampler *sampler, LampFlow *flow)
{
    gboolean is_taken = FALSE;
    if (sampler->one_in == 1 || sampler->by == LAMP_SAMPLE_HEAD) {
        weigh(flow, sampler->one_in);
        return TRUE;
    }
    if (sampler->by == LAMP_SAMPLE_TAIL) {
        gboolean special = is_special(sampler, flow);
        weigh(flow, special ? 1 : sampler->one_in);
        return special || is_drawn(sampler, flow->trace_id);
    }
    for (guint32 i = 0; i < flow->count; i++) {
        gboolean is_in = is_drawn(sampler, flow->calls[i].call_id);
        flow->calls[i].weight = is_in ? sampler->one_in : 0;
        is_taken = is_taken || is_in;
    }
    flow->weight = flow->calls[0].weight;
    return is_taken;
}
