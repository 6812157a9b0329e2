/*
 * Which calls are of one request, by the values that their records bear.
 *
 * A value may stand in any field. Whether the values of a field name requests, the data say: a
 * request has one call that all others begin in, or at least one first call, while a session, a
 * user or an object is met by one request after the other. Fields of which a tenth of the
 * values are met so join nothing, nor does such a value of another field.
 */
#include "correlate/request-calls.h"

#define MOST 256      /* calls of one request */
#define RECURRING 0.1 /* of a field's values: more are met by several requests */
#define MAP_BUDGET ((gsize) 256 << 20)

/* A field of a component's records: how many shared values, and how many of these are no
 * request's. */
typedef struct {
    guint32 values, recurring;
} Field;

typedef struct {
    LampRequestCalls *calls;
    GArray *fields; /* Field */
} Grouping;

guint32
lamp_number_of(LampKeyedMap *map, const guint32 key[4])
{
    gboolean is_new;
    guint64 *number = lamp_keyed_map_add(map, lamp_bytes(key, 4 * sizeof *key), &is_new);
    if (number == NULL)
        return 0;
    if (is_new)
        *number = lamp_keyed_map_size(map);
    return (guint32) *number;
}

static void
number_call(Grouping *self, guint32 index)
{
    const LampCall *call = lamp_call(self->calls->c, index);
    guint32 seen = call->server_seen;
    guint32 process =
        seen != LAMP_INDEX_NONE ? lamp_observation(self->calls->c, seen)->process : 0;
    guint32 component[4] = {1, call->server_host, process, call->protocol};
    self->calls->components[index] = lamp_number_of(self->calls->numbers, component);
    guint32 kind[4] = {2, self->calls->components[index], call->operation, 0};
    self->calls->kinds[index] = lamp_number_of(self->calls->numbers, kind);
}

/* Which call each observation went into. Caller frees. */
static guint32 *
calls_of_observations(LampCorrelation *c)
{
    guint32 *calls = g_new(guint32, (gsize) c->observations->len + 1);
    for (guint32 i = 0; i < c->observations->len; i++)
        calls[i] = LAMP_INDEX_NONE;
    for (guint32 k = 0; k < c->calls->len; k++) {
        const LampCall *call = lamp_call(c, k);
        for (guint32 i = 0; i < call->member_count; i++)
            calls[g_array_index(c->members, guint32, call->first_member + i)] = k;
        for (guint32 e = call->first_evidence; e != LAMP_INDEX_NONE;) {
            const LampEvidenceLine *line = &g_array_index(c->evidence, LampEvidenceLine, e);
            calls[line->observation] = k;
            e = line->next;
        }
    }
    return calls;
}

static gint
compare_members(gconstpointer left, gconstpointer right)
{
    const LampRequestCall *a = left;
    const LampRequestCall *b = right;
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    if (a->call != b->call)
        return a->call < b->call ? -1 : 1;
    return a->field < b->field ? -1 : a->field > b->field;
}

static void
list_members(Grouping *self, const GArray *uses)
{
    g_autofree guint32 *calls = calls_of_observations(self->calls->c);
    for (guint i = 0; i < uses->len; i++) {
        const LampIdUse *use = &g_array_index(uses, LampIdUse, i);
        guint32 call = calls[use->observation];
        if (call == LAMP_INDEX_NONE ||
            lamp_work_start(lamp_call(self->calls->c, call)) == LAMP_TIME_NONE)
            continue;
        if (self->calls->kinds[call] == 0)
            number_call(self, call);
        guint32 field[4] = {3, self->calls->components[call], use->name, 0};
        LampRequestCall member = {use->value, call,
                                  lamp_number_of(self->calls->numbers, field)};
        g_array_append_val(self->calls->members, member);
    }
    g_array_sort(self->calls->members, compare_members);
    g_array_set_size(self->fields, lamp_keyed_map_size(self->calls->numbers) + 1);
}

guint
lamp_request_calls_end(const LampRequestCalls *self, guint from)
{
    guint end = from + 1;
    while (end < self->members->len &&
           lamp_request_call(self, end)->value == lamp_request_call(self, from)->value)
        end++;
    return end;
}

gint64
lamp_work_start(const LampCall *call)
{
    return call->server_start != LAMP_TIME_NONE ? call->server_start : call->client_start;
}

gint64
lamp_work_end(const LampCall *call)
{
    gint64 end = call->server_start != LAMP_TIME_NONE ? call->server_end : call->client_end;
    return end != LAMP_TIME_NONE ? end : lamp_work_start(call);
}

gint64
lamp_work_slack(const LampCall *call)
{
    return call->server_start != LAMP_TIME_NONE ? call->server_uncertainty
                                                : call->client_uncertainty;
}

gboolean
lamp_work_begins_in(const LampCall *inner, const LampCall *outer)
{
    gint64 slack = lamp_work_slack(inner) + lamp_work_slack(outer) + LAMP_ROUNDING_NS;
    return lamp_work_start(inner) >= lamp_work_start(outer) - slack &&
           lamp_work_start(inner) <= lamp_work_end(outer) + slack;
}

gboolean
lamp_work_lies_in(const LampCall *inner, const LampCall *outer)
{
    gint64 slack = lamp_work_slack(inner) + lamp_work_slack(outer) + LAMP_ROUNDING_NS;
    return lamp_work_begins_in(inner, outer) &&
           lamp_work_end(inner) <= lamp_work_end(outer) + slack &&
           lamp_work_end(inner) - lamp_work_start(inner) <=
               lamp_work_end(outer) - lamp_work_start(outer) + slack;
}

/* Is the value met by one request after the other: does the first call, or the longest, not
 * cover all, while there are several of its component? */
static gboolean
is_recurring(const Grouping *self, guint from, guint to)
{
    LampCorrelation *c = self->calls->c;
    guint32 first = lamp_request_call(self->calls, from)->call, longest = first;
    gboolean is_covered = TRUE, is_again = FALSE;
    for (guint i = from; i < to; i++) {
        const LampCall *call = lamp_call(c, lamp_request_call(self->calls, i)->call);
        const LampCall *most = lamp_call(c, longest);
        if (lamp_work_start(call) < lamp_work_start(lamp_call(c, first)))
            first = lamp_request_call(self->calls, i)->call;
        if (lamp_work_end(call) - lamp_work_start(call) >
            lamp_work_end(most) - lamp_work_start(most))
            longest = lamp_request_call(self->calls, i)->call;
    }
    for (guint i = from; i < to; i++) {
        guint32 call = lamp_request_call(self->calls, i)->call;
        is_covered =
            is_covered && lamp_work_begins_in(lamp_call(c, call), lamp_call(c, longest));
        is_again =
            is_again ||
            (call != first && self->calls->components[call] == self->calls->components[first] &&
             !lamp_work_lies_in(lamp_call(c, call), lamp_call(c, first)));
    }
    return !is_covered && is_again;
}

/* Counts for the fields that hold the value what kind of value it is. */
static void
judge_value(Grouping *self, guint from, guint to)
{
    gboolean is_again = is_recurring(self, from, to);
    for (guint i = from; i < to; i++) {
        Field *field =
            &g_array_index(self->fields, Field, lamp_request_call(self->calls, i)->field);
        field->values++;
        field->recurring += is_again ? 1 : 0;
    }
}

static gboolean
is_shared(const Grouping *self, guint from, guint to)
{
    return lamp_request_call(self->calls, from)->call !=
           lamp_request_call(self->calls, to - 1)->call;
}

/* Lets go what names no request, and calls that stand twice for a value. */
static void
keep_requests(Grouping *self)
{
    guint kept = 0;
    for (guint i = 0, end; i < self->calls->members->len; i = end) {
        end = lamp_request_calls_end(self->calls, i);
        guint from = kept;
        gboolean is_again = is_shared(self, i, end) && is_recurring(self, i, end);
        for (guint k = i; k < end && !is_again && end - i <= MOST; k++) {
            LampRequestCall member = *lamp_request_call(self->calls, k);
            const Field *field = &g_array_index(self->fields, Field, member.field);
            if (field->recurring > RECURRING * field->values ||
                (kept > from && lamp_request_call(self->calls, kept - 1)->call == member.call))
                continue;
            g_array_index(self->calls->members, LampRequestCall, kept++) = member;
        }
        if (kept == from + 1)
            kept = from;
    }
    g_array_set_size(self->calls->members, kept);
}

LampRequestCalls *
lamp_request_calls_new(LampCorrelation *c, const GArray *uses)
{
    gsize n = (gsize) c->calls->len + 1;
    LampRequestCalls *calls = g_new0(LampRequestCalls, 1);
    g_autoptr(GArray) fields = g_array_new(FALSE, TRUE, sizeof(Field));
    *calls = (LampRequestCalls){c, g_array_new(FALSE, FALSE, sizeof(LampRequestCall)),
                                g_new0(guint32, n), g_new0(guint32, n),
                                lamp_keyed_map_new(MAP_BUDGET)};
    Grouping self = {calls, fields};
    list_members(&self, uses);
    for (guint i = 0, end; i < calls->members->len; i = end) {
        end = lamp_request_calls_end(calls, i);
        if (is_shared(&self, i, end))
            judge_value(&self, i, end);
    }
    keep_requests(&self);
    return calls;
}

void
lamp_request_calls_free(LampRequestCalls *self)
{
    g_array_unref(self->members);
    g_free(self->components);
    g_free(self->kinds);
    lamp_keyed_map_free(self->numbers);
    g_free(self);
}
