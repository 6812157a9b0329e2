/*
 * Writes the inferred links with their evidence, the roots of traces, and what was learnt.
 *
 * A link's evidence is a JSON object: how many parents were possible by time, and the natural
 * logarithms of the likelihood's parts for this parent (delay, presence, values, affinity),
 * which compare with those of the other candidates; `none` is the probability of having no
 * parent, and `none_delay` the logarithm that all the parts of a parent compare with. `via` is
 * the call that fetched the message of an asynchronous link, `retry_of` the attempt before.
 * Where several programs share an address, `owner` is the probability that the caller is the
 * one that is named, `other_owner` the instance that comes next and `other_owner_probability`
 * its probability.
 */
#include "correlate/write.h"

#include "base/fetch.h"

static const char *
kind_name(guint8 kind)
{
    switch (kind) {
    case LAMP_LINK_ASYNCHRONOUS:
    case LAMP_LINK_MESSAGE:
        return "asynchronous";
    case LAMP_LINK_RETRY:
        return "retry";
    default:
        return "synchronous";
    }
}

static void
append_number(GString *out, const char *key, double value)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    if (value != value || value > 1e30 || value < -1e30)
        g_string_append_printf(out, ",\"%s\":null", key);
    else
        g_string_append_printf(out, ",\"%s\":%s", key,
                               g_ascii_formatd(number, sizeof number, "%.4g", value));
}

static void
describe_owner(GString *out, const LampCall *call)
{
    if (call->other_owner == LAMP_INDEX_NONE)
        return;
    append_number(out, "owner", (double) call->owner_probability);
    g_string_append_printf(out, ",\"other_owner\":%u", call->other_owner + 1);
    append_number(out, "other_owner_probability", (double) call->other_owner_probability);
}

static void
describe_link(GString *out, LampCorrelation *c, guint32 child,
              const LampInferenceCandidate *candidate, guint32 parent)
{
    const LampInference *inference = c->inference;
    const LampInferenceLink *link = &inference->links[child];
    g_string_printf(out, "{\"candidates\":%u", link->possible);
    if (candidate != NULL) {
        append_number(out, "delay", candidate->delay);
        append_number(out, "presence", candidate->presence);
        append_number(out, "values", candidate->values);
        append_number(out, "affinity", candidate->affinity);
    }
    const LampInferenceCandidate *all = inference->candidates;
    for (guint32 i = 0; all != NULL && i < link->candidate_count; i++) {
        const LampInferenceCandidate *none = &all[link->first_candidate + i];
        if (none->parent != LAMP_INFERENCE_NO_CALL)
            continue;
        append_number(out, "none", none->probability);
        append_number(out, "none_delay", none->delay);
    }
    if (link->via != LAMP_INFERENCE_NO_CALL && parent == link->parent)
        g_string_append_printf(out, ",\"via\":%u", link->via + 1);
    if (link->retry_of != LAMP_INFERENCE_NO_CALL && parent == link->parent)
        g_string_append_printf(out, ",\"retry_of\":%u", link->retry_of + 1);
    describe_owner(out, lamp_call(c, child));
    g_string_append_c(out, '}');
}

static gboolean
write_link(LampStatement *insert, guint32 child, guint32 parent, gint rank, const char *kind,
           double confidence, const GString *evidence, GError **error)
{
    lamp_statement_bind_int(insert, 1, (gint64) child + 1);
    lamp_statement_bind_int(insert, 2, (gint64) parent + 1);
    lamp_statement_bind_int(insert, 3, rank);
    lamp_statement_bind_string(insert, 4, kind);
    lamp_statement_bind_real(insert, 5, CLAMP(confidence, 0, 1));
    lamp_statement_bind_string(insert, 6, evidence->str);
    return lamp_statement_run(insert, error);
}

/* Writes the candidates that are not the answer, best first, from rank 2 on. */
static gboolean
write_others(LampCorrelation *c, LampStatement *insert, guint32 child, GString *evidence,
             GError **error)
{
    const LampInferenceLink *link = &c->inference->links[child];
    guint32 parent = lamp_call(c, child)->parent;
    gint rank = 2;
    for (guint32 k = 0; k < link->candidate_count; k++) {
        const LampInferenceCandidate *other =
            &c->inference->candidates[link->first_candidate + k];
        if (other->parent >= c->calls->len || other->parent == parent)
            continue;
        describe_link(evidence, c, child, other, other->parent);
        if (!write_link(insert, child, other->parent, rank++, "synchronous", other->probability,
                        evidence, error))
            return FALSE;
    }
    return TRUE;
}

static const char *
pass_of(const LampCall *call)
{
    if (call->is_told)
        return "told";
    if (call->is_shared)
        return "shared-id";
    return call->log_operation != 0 ? "log-lines" : "inference";
}

/* The answer as rank 1, the other candidates from rank 2 on, also those of calls that were left
 * without a parent. */
gboolean
lamp_write_links(LampCorrelation *c, GError **error)
{
    g_autoptr(LampStatement) insert = lamp_statement_new(
        c->store, "INSERT INTO call_links VALUES (?1, ?2, ?3, ?4, ?7, ?5, ?6)", error);
    g_autoptr(GString) evidence = g_string_new(NULL);
    for (guint32 i = 0; insert != NULL && i < c->calls->len; i++) {
        const LampInferenceLink *link = &c->inference->links[i];
        guint32 parent = lamp_call(c, i)->parent;
        const LampInferenceCandidate *first =
            link->candidate_count > 0 ? &c->inference->candidates[link->first_candidate] : NULL;
        if (first != NULL && first->parent != parent)
            first = NULL;
        describe_link(evidence, c, i, first, parent);
        if (lamp_call(c, i)->is_told)
            g_string_assign(evidence, "{}");
        lamp_statement_bind_string(insert, 7, pass_of(lamp_call(c, i)));
        if (parent != LAMP_INDEX_NONE &&
            !write_link(insert, i, parent, 1, kind_name(link->kind),
                        (double) lamp_call(c, i)->confidence, evidence, error))
            return FALSE;
        if (!lamp_call(c, i)->is_told && !write_others(c, insert, i, evidence, error))
            return FALSE;
    }
    return insert != NULL;
}

/* Sums over one trace. */
typedef struct {
    gint64 start, end;
    guint32 calls, errors, depth;
} Extent;

static gint64
first_known(gint64 a, gint64 b)
{
    return a != LAMP_TIME_NONE ? a : b;
}

static guint32
depth_of(LampCorrelation *c, guint32 i, guint32 *depths)
{
    guint32 up = 0;
    guint32 at = i;
    while (depths[at] == 0 && lamp_call(c, at)->parent != LAMP_INDEX_NONE) {
        at = lamp_call(c, at)->parent;
        up++;
    }
    guint32 depth = MAX(depths[at], 1) + up;
    for (at = i; depths[at] == 0; at = lamp_call(c, at)->parent) {
        depths[at] = depth--;
        if (lamp_call(c, at)->parent == LAMP_INDEX_NONE)
            break;
    }
    return depths[i];
}

static Extent *
measure_traces(LampCorrelation *c)
{
    Extent *extents = g_new0(Extent, (gsize) c->calls->len + 1);
    g_autofree guint32 *depths = g_new0(guint32, (gsize) c->calls->len + 1);
    for (guint32 i = 0; i < c->calls->len; i++) {
        const LampCall *call = lamp_call(c, i);
        Extent *extent = &extents[call->root];
        gint64 start = first_known(call->client_start, call->server_start);
        gint64 end = MAX(MAX(call->client_end, call->server_end), start);
        extent->start = extent->calls == 0 ? start : MIN(extent->start, start);
        extent->end = extent->calls == 0 ? end : MAX(extent->end, end);
        extent->calls++;
        extent->errors += call->is_error;
        extent->depth = MAX(extent->depth, depth_of(c, i, depths));
    }
    return extents;
}

/* Waiting for work is no request of anybody, wherever the worker is. */
static gboolean
is_wait(LampCorrelation *c, const LampCall *call)
{
    return lamp_fetch_kind(lamp_store_text(c->store, call->protocol),
                           lamp_store_text(c->store, call->operation)) == LAMP_FETCH_WAITS;
}

/* Does the root come from inside: from a host that serves, or from a worker? */
static gboolean
is_background(LampCorrelation *c, const LampCall *call)
{
    if (is_wait(c, call))
        return TRUE;
    if (call->client_host != LAMP_INDEX_NONE && lamp_host(c, call->client_host)->serves > 0 &&
        !lamp_host(c, call->client_host)->is_shared)
        return TRUE;
    if (call->client_instance == LAMP_INDEX_NONE)
        return FALSE;
    const LampInstance *instance =
        &g_array_index(c->instances, LampInstance, call->client_instance);
    return !g_array_index(c->services, LampService, instance->service).is_external;
}

gboolean
lamp_is_in_trace(LampCorrelation *c, guint32 i)
{
    const LampCall *call = lamp_call(c, i);
    return call->root != i || call->client_start != LAMP_TIME_NONE ||
           call->server_start != LAMP_TIME_NONE;
}

gboolean
lamp_write_trace_roots(LampCorrelation *c, GError **error)
{
    g_autoptr(LampStatement) insert = lamp_statement_new(
        c->store, "INSERT INTO trace_roots VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", error);
    g_autofree Extent *extents = measure_traces(c);
    for (guint32 i = 0; insert != NULL && i < c->calls->len; i++) {
        const LampCall *call = lamp_call(c, i);
        const Extent *extent = &extents[i];
        if (extent->calls == 0 || !lamp_is_in_trace(c, i))
            continue;
        lamp_statement_bind_int(insert, 1, (gint64) i + 1);
        lamp_statement_bind_int(insert, 2, extent->start);
        lamp_statement_bind_int(insert, 3, extent->end);
        lamp_statement_bind_int(insert, 4, extent->calls);
        lamp_statement_bind_int(insert, 5, extent->errors);
        lamp_statement_bind_int(insert, 6, extent->depth);
        lamp_statement_bind_real(insert, 7, CLAMP((double) call->tree_confidence, 0, 1));
        lamp_statement_bind_int(insert, 8, is_background(c, call));
        if (!lamp_statement_run(insert, error))
            return FALSE;
    }
    return insert != NULL;
}
