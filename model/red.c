/*
 * Rate, errors and duration (Wilkie's RED) by label, in one array indexed by label.
 */
#include "model/red.h"

struct LampRed {
    GArray *rows;   /* LampRedRow by label */
    GArray *seen;   /* flow number that touched the label last */
    guint64 flows;  /* by weight */
    guint64 number; /* of the flow at hand */
    gint64 total_duration;
    LampTime from, to;
};

static const LampRedRow empty_row;

static void
clear_row(gpointer pointer)
{
    LampRedRow *row = pointer;
    lamp_quantiles_clear(&row->server);
    lamp_quantiles_clear(&row->client);
}

LampRed *
lamp_red_new(void)
{
    LampRed *red = g_new0(LampRed, 1);
    red->rows = g_array_new(FALSE, TRUE, sizeof(LampRedRow));
    g_array_set_clear_func(red->rows, clear_row);
    red->seen = g_array_new(FALSE, TRUE, sizeof(guint64));
    return red;
}

void
lamp_red_free(LampRed *red)
{
    if (red == NULL)
        return;
    g_array_unref(red->rows);
    g_array_unref(red->seen);
    g_free(red);
}

static void
count_call(LampRedRow *row, const LampFlowCall *call)
{
    guint32 weight = call->weight;
    row->calls += weight;
    row->errors += call->is_error * weight;
    row->request_bytes += (guint64) call->request_bytes * weight;
    row->response_bytes += (guint64) call->response_bytes * weight;
    row->confidence += (double) call->confidence * weight;
    if (call->is_open) {
        row->unanswered += weight;
        return;
    }
    if (!lamp_flow_call_has_duration(call))
        return;
    lamp_quantiles_add(&row->server, call->server_end - call->server_start, weight);
    lamp_quantiles_add(&row->client, call->client_end - call->client_start, weight);
}

/* Marks the label as touched by the flow at hand; TRUE for the first time. */
static gboolean
touch(LampRed *red, guint32 label)
{
    guint64 *seen = &g_array_index(red->seen, guint64, label);
    gboolean is_first = *seen != red->number;
    *seen = red->number;
    return is_first;
}

void
lamp_red_add(LampRed *red, const LampFlow *flow, const LampCritical *critical)
{
    red->number++;
    red->flows += flow->weight;
    gboolean is_foreground = !flow->is_background;
    red->total_duration += is_foreground ? lamp_flow_duration(flow) * flow->weight : 0;
    for (guint32 i = 0; i < flow->count; i++) {
        const LampFlowCall *call = &flow->calls[i];
        if (call->label >= red->rows->len) {
            g_array_set_size(red->rows, call->label + 1);
            g_array_set_size(red->seen, call->label + 1);
        }
        LampRedRow *row = &g_array_index(red->rows, LampRedRow, call->label);
        gboolean is_empty = red->number == 1 && i == 0;
        red->from = is_empty ? call->client_start : MIN(red->from, call->client_start);
        red->to = is_empty ? call->client_end : MAX(red->to, call->client_end);
        count_call(row, call);
        row->critical_own += is_foreground ? critical[i].own * call->weight : 0;
        row->critical_network += is_foreground ? critical[i].network * call->weight : 0;
        if (touch(red, call->label))
            row->requests += flow->weight;
        if (is_foreground && critical[i].own > 0)
            row->critical_calls += call->weight;
    }
}

const LampRedRow *
lamp_red_row(const LampRed *red, guint32 label)
{
    return label < red->rows->len ? &g_array_index(red->rows, LampRedRow, label) : &empty_row;
}

gint64
lamp_red_total_duration(const LampRed *red)
{
    return red->total_duration;
}

void
lamp_red_period(const LampRed *red, LampTime *out_from, LampTime *out_to)
{
    *out_from = red->from;
    *out_to = red->to;
}
