/*
 * Looking for costly patterns.
 *
 * Rules (what must be seen; how it could be wrong):
 * - batch: three or more calls with the same label under one parent, each starting after the
 * one before has ended, in at least five requests. Wrong where a call needs the answer of the
 * last.
 * - parallel: two neighbours with different labels where the second always waits for the first,
 *   starts soon after it (gap below a fifth of both durations), and both take a good part of
 * the request. Whether the second needs the first's answer is not known: the text says so.
 * - retry: the same label again under one parent after an error or no answer.
 * - timeout: a call that failed while a call below it went on.
 * - uneven: mean durations of two instances that differ by half and more, each with 30 calls.
 * - chatty: five or more calls, not all the same, to one service below one parent, whose ways
 *   there and back take a twentieth of the parent's time and more.
 * - stream: a response of 256 KiB and more whose caller answers with at least half as much, and
 *   only ends after it. Wrong where the caller needs all of it before it can begin.
 * - cache, churn: asked of the database (model/advice-queries.c).
 */
#include "model/advice-queries.h"

#include "model/index-map.h"
#include "store/rows.h"

#include <string.h>

#define LEAST_REQUESTS 5u
#define LEAST_REPEATS 3u
#define LEAST_CHATTER 5u
#define LARGE_BYTES (256u << 10)
/* Services that one call is looked at for talking to. */
#define MOST_CALLEES 16u

const char *const lamp_advice_names[] = {"batch",  "parallel", "cache",  "retry", "timeout",
                                         "uneven", "churn",    "chatty", "stream"};

/* One pattern at one place. */
typedef struct {
    LampAdviceKind kind;
    guint32 parent, first, second; /* labels; chatty: `first` is a service */
    guint64 requests, repeats;
    gint64 example, time;
    double confidence;
    gint64 last_flow;
} Pattern;

typedef struct {
    guint64 calls;
    gint64 time;
} Load;

struct LampAdvisor {
    const LampTopology *topology;
    const LampStructure *structure;
    LampIndexMap index;
    GArray *patterns;
    GArray *loads;   /* Load by instance */
    GString *traces; /* that were looked at: a JSON array, its end missing */
    guint64 calls;   /* in these */
};

LampAdvisor *
lamp_advisor_new(const LampTopology *topology, const LampStructure *structure)
{
    LampAdvisor *advisor = g_new0(LampAdvisor, 1);
    advisor->topology = topology;
    advisor->structure = structure;
    lamp_index_map_init(&advisor->index);
    advisor->patterns = g_array_new(FALSE, TRUE, sizeof(Pattern));
    advisor->loads = g_array_new(FALSE, TRUE, sizeof(Load));
    g_array_set_size(advisor->loads, lamp_topology_instance_count(topology));
    advisor->traces = g_string_new("[0");
    return advisor;
}

void
lamp_advisor_free(LampAdvisor *advisor)
{
    if (advisor == NULL)
        return;
    lamp_index_map_clear(&advisor->index);
    g_array_unref(advisor->patterns);
    g_array_unref(advisor->loads);
    g_string_free(advisor->traces, TRUE);
    g_free(advisor);
}

static void
note(LampAdvisor *advisor, const LampFlow *flow, const Pattern *seen)
{
    guint64 key = lamp_mix64(((guint64) seen->kind << 56) + ((guint64) seen->parent << 28) +
                             seen->first) +
                  seen->second;
    gboolean is_new;
    guint32 i = lamp_index_map_add(&advisor->index, key, advisor->patterns->len, &is_new);
    if (is_new) {
        Pattern fresh = *seen;
        fresh.repeats = 0;
        fresh.time = 0;
        fresh.confidence = 0.0;
        fresh.example = flow->trace_id;
        g_array_append_val(advisor->patterns, fresh);
    }
    Pattern *pattern = &g_array_index(advisor->patterns, Pattern, i);
    if (pattern->requests == 0 || pattern->last_flow != flow->trace_id)
        pattern->requests++;
    pattern->last_flow = flow->trace_id;
    pattern->repeats += seen->repeats;
    pattern->time += seen->time;
    pattern->confidence += seen->confidence;
}

/* Runs of the same label, one after the other. */
static void
look_for_repeats(LampAdvisor *advisor, const LampFlow *flow, guint32 parent)
{
    const LampFlowCall *c = flow->calls;
    guint32 i = lamp_flow_first_child(flow, parent);
    while (i != LAMP_FLOW_NONE) {
        double confidence = (double) c[i].confidence;
        guint32 run = 1, last = i, next = lamp_flow_next_sibling(flow, i);
        while (next != LAMP_FLOW_NONE && c[next].label == c[i].label && !c[last].is_open &&
               c[next].client_start >= c[last].client_end) {
            run++;
            confidence += (double) c[next].confidence;
            last = next;
            next = lamp_flow_next_sibling(flow, next);
        }
        if (run >= LEAST_REPEATS && !c[i].waits) {
            Pattern seen = {.kind = LAMP_ADVICE_BATCH,
                            .parent = c[parent].label,
                            .first = c[i].label,
                            .repeats = run,
                            .time = c[last].client_end - c[i].client_start,
                            .confidence = confidence / run};
            note(advisor, flow, &seen);
        }
        i = next;
    }
}

/* Statements of one database session are in order for a reason. */
static gboolean
share_a_session(const LampAdvisor *advisor, const LampFlowCall *a, const LampFlowCall *b)
{
    const LampLabel *first = lamp_topology_label(advisor->topology, a->label);
    return a->server_instance == b->server_instance &&
           (g_str_equal(first->protocol, "postgresql") ||
            g_str_equal(first->protocol, "mysql"));
}

static void
look_for_sequence(LampAdvisor *advisor, const LampFlow *flow, guint32 parent)
{
    const LampFlowCall *c = flow->calls;
    gint64 whole = c[parent].server_end - c[parent].server_start;
    for (guint32 a = lamp_flow_first_child(flow, parent), b; a != LAMP_FLOW_NONE; a = b) {
        b = lamp_flow_next_sibling(flow, a);
        if (b == LAMP_FLOW_NONE || c[a].label == c[b].label || c[a].is_asynchronous ||
            c[b].is_asynchronous || c[a].waits || c[b].waits || c[a].is_open || c[b].is_open ||
            share_a_session(advisor, &c[a], &c[b]))
            continue;
        gint64 gap = c[b].client_start - c[a].client_end;
        gint64 shorter =
            MIN(c[a].client_end - c[a].client_start, c[b].client_end - c[b].client_start);
        if (gap < 0 || gap * 5 > shorter || shorter * 10 < whole ||
            !lamp_structure_is_before(advisor->structure, c[parent].label, c[a].label,
                                      c[b].label))
            continue;
        Pattern seen = {.kind = LAMP_ADVICE_PARALLEL,
                        .parent = c[parent].label,
                        .first = c[a].label,
                        .second = c[b].label,
                        .repeats = 1,
                        .time = shorter,
                        .confidence = (double) (c[a].confidence + c[b].confidence) / 2.0};
        note(advisor, flow, &seen);
    }
}

static void
look_for_retries(LampAdvisor *advisor, const LampFlow *flow, guint32 parent)
{
    const LampFlowCall *c = flow->calls;
    for (guint32 a = lamp_flow_first_child(flow, parent), b; a != LAMP_FLOW_NONE; a = b) {
        b = lamp_flow_next_sibling(flow, a);
        gboolean failed =
            c[a].is_error || c[a].is_open || (c[a].flags & LAMP_CALL_NO_RESPONSE) != 0;
        if (b == LAMP_FLOW_NONE || !failed || c[b].label != c[a].label ||
            c[b].client_start < c[a].client_end)
            continue;
        Pattern seen = {.kind = LAMP_ADVICE_RETRY,
                        .parent = c[parent].label,
                        .first = c[a].label,
                        .repeats = 1,
                        .time = c[b].client_start - c[a].client_start,
                        .confidence = (double) (c[a].confidence + c[b].confidence) / 2.0};
        note(advisor, flow, &seen);
    }
}

static void
look_for_timeouts(LampAdvisor *advisor, const LampFlow *flow, guint32 call)
{
    const LampFlowCall *c = flow->calls;
    if (!c[call].is_error || c[call].parent == LAMP_FLOW_NONE)
        return;
    for (guint32 i = lamp_flow_first_child(flow, call); i != LAMP_FLOW_NONE;
         i = lamp_flow_next_sibling(flow, i)) {
        if (c[i].is_asynchronous || c[i].is_open || c[i].client_end <= c[call].client_end)
            continue;
        Pattern seen = {.kind = LAMP_ADVICE_TIMEOUT,
                        .parent = c[c[call].parent].label,
                        .first = c[call].label,
                        .second = c[i].label,
                        .repeats = 1,
                        .time = c[i].client_end - c[call].client_end,
                        .confidence = (double) c[i].confidence};
        note(advisor, flow, &seen);
    }
}

typedef struct {
    guint32 service, calls, label;
    gboolean is_mixed; /* not all have the label */
    gint64 network;
} Callee;

/* What call @parent asks of each service; returns how many services. */
static guint
sum_callees(const LampAdvisor *advisor, const LampFlow *flow, guint32 parent, Callee *callees)
{
    const LampFlowCall *c = flow->calls;
    guint n = 0;
    for (guint32 i = lamp_flow_first_child(flow, parent); i != LAMP_FLOW_NONE;
         i = lamp_flow_next_sibling(flow, i)) {
        guint32 service = lamp_topology_label(advisor->topology, c[i].label)->service;
        guint at = 0;
        while (at < n && callees[at].service != service)
            at++;
        if (at == MOST_CALLEES || c[i].is_asynchronous)
            continue;
        if (at == n)
            callees[n++] = (Callee){.service = service, .label = c[i].label};
        callees[at].calls++;
        callees[at].is_mixed = callees[at].is_mixed || callees[at].label != c[i].label;
        callees[at].network +=
            c[i].client_end - c[i].client_start - (c[i].server_end - c[i].server_start);
    }
    return n;
}

static void
look_for_chatter(LampAdvisor *advisor, const LampFlow *flow, guint32 parent)
{
    const LampFlowCall *call = &flow->calls[parent];
    Callee callees[MOST_CALLEES];
    guint n = sum_callees(advisor, flow, parent, callees);
    for (guint i = 0; i < n; i++) {
        if (callees[i].calls < LEAST_CHATTER || !callees[i].is_mixed ||
            callees[i].network * 20 < call->server_end - call->server_start)
            continue;
        Pattern seen = {.kind = LAMP_ADVICE_CHATTY,
                        .parent = call->label,
                        .first = callees[i].service,
                        .repeats = callees[i].calls,
                        .time = callees[i].network,
                        .confidence = (double) call->confidence};
        note(advisor, flow, &seen);
    }
}

static void
look_for_large(LampAdvisor *advisor, const LampFlow *flow, guint32 call)
{
    const LampFlowCall *c = &flow->calls[call];
    if (c->response_bytes < LARGE_BYTES || c->parent == LAMP_FLOW_NONE || c->is_open)
        return;
    const LampFlowCall *parent = &flow->calls[c->parent];
    if (parent->response_bytes < c->response_bytes / 2 || parent->server_end < c->client_end)
        return;
    Pattern seen = {.kind = LAMP_ADVICE_STREAM,
                    .parent = parent->label,
                    .first = c->label,
                    .repeats = c->response_bytes >> 10,
                    .time = c->client_end - c->client_start,
                    .confidence = (double) c->confidence};
    note(advisor, flow, &seen);
}

void
lamp_advisor_add(LampAdvisor *advisor, const LampFlow *flow)
{
    g_string_append_printf(advisor->traces, ",%" G_GINT64_FORMAT, flow->trace_id);
    advisor->calls += flow->count;
    for (guint32 i = 0; i < flow->count; i++) {
        const LampFlowCall *call = &flow->calls[i];
        Load *load = &g_array_index(advisor->loads, Load, call->server_instance);
        if (!call->waits && !call->is_open) {
            load->calls++;
            load->time += call->server_end - call->server_start;
        }
        look_for_timeouts(advisor, flow, i);
        look_for_large(advisor, flow, i);
        if (call->end_index <= i + 2)
            continue;
        look_for_repeats(advisor, flow, i);
        look_for_sequence(advisor, flow, i);
        look_for_retries(advisor, flow, i);
        look_for_chatter(advisor, flow, i);
    }
}

static void
clear_advice(gpointer pointer)
{
    LampAdvice *advice = pointer;
    g_free(advice->text);
    g_free(advice->change);
}

static char *
label_name(const LampAdvisor *advisor, guint32 label)
{
    return g_strconcat(lamp_topology_label_service(advisor->topology, label), " ",
                       lamp_topology_label(advisor->topology, label)->operation, NULL);
}

/* "service/operation" for a change; what has a meaning there becomes '?'. */
char *
lamp_advice_target(const char *service, const char *operation)
{
    g_autofree char *name = g_strdelimit(g_strdup(service), "/|;:,", '?');
    g_autofree char *pattern = g_strdelimit(g_strdup(operation), "|;*:,", '?');
    return g_strconcat(name, "/", pattern, NULL);
}

static char *
label_target(const LampAdvisor *advisor, guint32 label)
{
    return lamp_advice_target(lamp_topology_label_service(advisor->topology, label),
                              lamp_topology_label(advisor->topology, label)->operation);
}

static char *
describe_chatter(const LampAdvisor *advisor, const Pattern *p)
{
    g_autofree char *parent = label_name(advisor, p->parent);
    double n = (double) MAX(p->requests, 1);
    return g_strdup_printf("%s makes %.1f calls to %s, %.1f ms of each request are the ways "
                           "there and back: ask for more at once, or send the requests "
                           "without waiting for the answers",
                           parent, (double) p->repeats / n,
                           lamp_topology_service(advisor->topology, p->first)->name,
                           (double) p->time / 1e6 / n);
}

static char *
describe(const LampAdvisor *advisor, const Pattern *p)
{
    if (p->kind == LAMP_ADVICE_CHATTY)
        return describe_chatter(advisor, p);
    g_autofree char *parent = label_name(advisor, p->parent);
    g_autofree char *first = label_name(advisor, p->first);
    g_autofree char *second = label_name(advisor, p->second);
    double times = (double) p->repeats / (double) MAX(p->requests, 1);
    double ms = (double) p->time / 1e6 / (double) MAX(p->requests, 1);
    switch (p->kind) {
    case LAMP_ADVICE_BATCH:
        return g_strdup_printf(
            "%s asks %s %.1f times in turn (%.1f ms a request): ask once for "
            "all",
            parent, first, times, ms);
    case LAMP_ADVICE_PARALLEL:
        return g_strdup_printf(
            "%s asks %s, then %s: start both at once, if the second does not "
            "need the first's answer (%.1f ms a request are the shorter one)",
            parent, first, second, ms);
    case LAMP_ADVICE_STREAM:
        return g_strdup_printf(
            "%s passes on %.0f KiB from %s when all of it is there (%.1f ms): "
            "stream it, or hand it out in pages",
            parent, times, first, ms);
    case LAMP_ADVICE_RETRY:
        return g_strdup_printf("%s asks %s again after a failure (%.1f ms lost, and load on a "
                               "callee that fails)",
                               parent, first, ms);
    default:
        return g_strdup_printf("%s gives up on %s while %s works on for %.1f ms: shorten the "
                               "inner timeout or pass the deadline on",
                               parent, first, second, ms);
    }
}

/* As if one round trip did for all: only the network between the two takes less. */
static char *
change_for_chatter(const LampAdvisor *advisor, const Pattern *p)
{
    g_autofree char *from = g_strdelimit(
        g_strdup(lamp_topology_label_service(advisor->topology, p->parent)), "/|;:, ", '?');
    g_autofree char *to = g_strdelimit(
        g_strdup(lamp_topology_service(advisor->topology, p->first)->name), "/|;:, ", '?');
    return g_strdup_printf("%s->%s *%.3f", from, to,
                           (double) p->requests / (double) MAX(p->repeats, 1));
}

static char *
change_for(const LampAdvisor *advisor, const Pattern *p)
{
    if (p->kind == LAMP_ADVICE_CHATTY)
        return change_for_chatter(advisor, p);
    g_autofree char *parent = label_target(advisor, p->parent);
    g_autofree char *first = label_target(advisor, p->first);
    g_autofree char *second = label_target(advisor, p->second);
    if (p->kind == LAMP_ADVICE_BATCH)
        return g_strdup_printf("batch %s", first);
    if (p->kind == LAMP_ADVICE_PARALLEL)
        return g_strdup_printf("parallel %s: %s, %s", parent, first, second);
    return NULL;
}

static void
list_patterns(const LampAdvisor *advisor, GArray *list)
{
    for (guint i = 0; i < advisor->patterns->len; i++) {
        const Pattern *p = &g_array_index(advisor->patterns, Pattern, i);
        guint64 least = p->kind == LAMP_ADVICE_TIMEOUT ? 1 : LEAST_REQUESTS;
        if (p->requests < least)
            continue;
        LampAdvice advice = {.kind = p->kind,
                             .text = describe(advisor, p),
                             .change = change_for(advisor, p),
                             .requests = p->requests,
                             .example = p->example,
                             .confidence = p->confidence / (double) MAX(p->requests, 1)};
        advice.confidence = MIN(advice.confidence, 1.0);
        g_array_append_val(list, advice);
    }
}

static double
mean_ms(const Load *load)
{
    return (double) load->time / 1e6 / (double) MAX(load->calls, 1);
}

static void
list_uneven(const LampAdvisor *advisor, GArray *list)
{
    const LampTopology *topology = advisor->topology;
    for (guint32 i = 1; i < advisor->loads->len; i++)
        for (guint32 k = 1; k < advisor->loads->len; k++) {
            const Load *a = &g_array_index(advisor->loads, Load, i);
            const Load *b = &g_array_index(advisor->loads, Load, k);
            const LampInstance *slow = lamp_topology_instance(topology, i);
            const LampInstance *fast = lamp_topology_instance(topology, k);
            if (i == k || slow->service != fast->service || a->calls < 30 || b->calls < 30 ||
                mean_ms(a) < 1.5 * mean_ms(b))
                continue;
            LampAdvice advice = {.kind = LAMP_ADVICE_UNEVEN, .requests = a->calls};
            advice.confidence = -1.0;
            advice.text = g_strdup_printf("%s takes %.1f ms a call, its sibling %s %.1f ms",
                                          slow->name, mean_ms(a), fast->name, mean_ms(b));
            advice.change = g_strdup_printf("%s *%.3f", slow->name, mean_ms(b) / mean_ms(a));
            g_array_append_val(list, advice);
        }
}

static gint
compare_advice(gconstpointer a, gconstpointer b)
{
    const LampAdvice *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->requests != y->requests)
        return x->requests > y->requests ? -1 : 1;
    return strcmp(x->text, y->text);
}

GArray *
lamp_advisor_list(LampAdvisor *advisor, LampStore *store, GError **error)
{
    g_autoptr(GArray) list = g_array_new(FALSE, TRUE, sizeof(LampAdvice));
    g_array_set_clear_func(list, clear_advice);
    list_patterns(advisor, list);
    list_uneven(advisor, list);
    g_autofree char *traces = g_strconcat(advisor->traces->str, "]", NULL);
    LampAdviceScope scope = {traces, advisor->calls};
    if (!lamp_advice_query(store, &scope, list, error))
        return NULL;
    g_array_sort(list, compare_advice);
    return g_steal_pointer(&list);
}
