/*
 * Units of calls, and the requests that enclose them.
 *
 * In: requests and calls by connection. Out: units, and for each unit and program the latest 16
 * requests that enclose it. Where nine tenths of a callee's connections of several calls lie
 * within some request from their first begin to their last end, such a connection is one unit:
 * its calls have one cause and say the same. Limits: at most 64 calls of a connection, fewer
 * where the notes would take more than 256 MiB.
 */
#include "correlate/ownership/notes.h"

#include "correlate/ownership/gaps.h"

#define MOST_ENCLOSING 16u
#define MOST_LOOKED_AT 256u
#define MOST_CALLS 64u
#define NOTE_BUDGET ((guint64) 256 << 20)
#define BYTES_OF_PAIR 16u /* of a call and a program, before any note */
#define DIALOGS_OF_TEN 9u

/* Longest requests of each program bound the search backwards. */
typedef struct {
    LampOwnershipNotes *notes;
    gint64 *longest;
    guint most_calls; /* of a connection that are used */
} Search;

/* The first of the requests of @owner that starts after @start. */
static guint
first_after(const LampOwnershipInput *in, guint owner, gint64 start)
{
    guint low = in->first_request[owner], high = in->first_request[owner + 1];
    while (low < high) {
        guint mid = low + (high - low) / 2;
        if (in->requests[mid].start <= start)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Finds the requests of @owner that enclose @time, latest first, and adds notes of them to
 * @to, if that is not NULL. Returns how many. */
static guint
find_enclosing(const Search *s, guint owner, const LampBusyTime *time, GArray *to)
{
    const LampOwnershipInput *in = s->notes->input;
    guint first = in->first_request[owner], next = first_after(in, owner, time->start);
    guint found = 0;
    for (guint i = next; i-- > first && next - i <= MOST_LOOKED_AT && found < MOST_ENCLOSING;) {
        const LampServedRequest *request = &in->requests[i];
        if (time->start - request->start > s->longest[owner])
            break;
        if (request->end < time->end)
            continue;
        LampOwnedNote note = {.request = i,
                              .from = lamp_owned_gap_bin(time->start - request->start),
                              .to = lamp_owned_gap_bin(request->end - time->end)};
        if (to != NULL)
            g_array_append_val(to, note);
        found++;
    }
    return found;
}

static gboolean
may_own(const LampOwnershipInput *in, guint owner, const LampCallerConnection *connection)
{
    return in->callee_of_owner[owner] != connection->callee;
}

static LampBusyTime
whole_time(const LampOwnershipInput *in, const LampCallerConnection *connection)
{
    LampBusyTime all = in->calls[connection->first];
    for (guint k = 1; k < connection->count; k++)
        all.end = MAX(all.end, in->calls[connection->first + k].end);
    return all;
}

static gboolean
lies_within_one(const Search *s, const LampCallerConnection *connection)
{
    const LampOwnershipInput *in = s->notes->input;
    LampBusyTime all = whole_time(in, connection);
    for (guint o = 0; o < in->owners; o++)
        if (may_own(in, o, connection) && find_enclosing(s, o, &all, NULL) > 0)
            return TRUE;
    return FALSE;
}

/* The @k-th of @used calls that are spread evenly over those of @connection. */
static guint32
nth_used(const LampCallerConnection *connection, guint k, guint used)
{
    used = MIN(used, connection->count);
    return connection->first + (guint32) ((guint64) k * connection->count / used);
}

/* By callee: do its connections live for one request? */
static guint8 *
find_dialogs(const Search *s)
{
    const LampOwnershipInput *in = s->notes->input;
    g_autofree guint32 *several = g_new0(guint32, (gsize) in->callees + 1);
    g_autofree guint32 *within = g_new0(guint32, (gsize) in->callees + 1);
    guint8 *are = g_new0(guint8, (gsize) in->callees + 1);
    for (guint i = 0; i < in->connections; i++) {
        const LampCallerConnection *connection = &in->connection[i];
        if (connection->count < 2)
            continue;
        several[connection->callee]++;
        within[connection->callee] += lies_within_one(s, connection) ? 1 : 0;
    }
    for (guint c = 0; c < in->callees; c++)
        are[c] =
            several[c] > 0 && 10 * (guint64) within[c] >= DIALOGS_OF_TEN * (guint64) several[c];
    return are;
}

static void
add_units(const Search *s, guint index, gboolean is_dialog)
{
    LampOwnershipNotes *n = s->notes;
    const LampOwnershipInput *in = n->input;
    const LampCallerConnection *connection = &in->connection[index];
    LampOwnedUnit unit = {.connection = index};
    if (is_dialog && connection->count > 1 && lies_within_one(s, connection)) {
        LampBusyTime all = whole_time(in, connection);
        unit.start = all.start;
        unit.end = all.end;
        for (guint k = 0; k < connection->count; k++)
            n->unit_of_call[connection->first + k] = n->units->len;
        g_array_append_val(n->units, unit);
        return;
    }
    guint used = MIN(connection->count, s->most_calls);
    for (guint k = 0; k < used; k++) {
        guint32 call = nth_used(connection, k, used);
        unit.start = in->calls[call].start;
        unit.end = in->calls[call].end;
        n->unit_of_call[call] = n->units->len;
        g_array_append_val(n->units, unit);
    }
}

static void
note_all(const Search *s)
{
    LampOwnershipNotes *n = s->notes;
    const LampOwnershipInput *in = n->input;
    n->first_note = g_new(guint32, (gsize) n->units->len * in->owners + 1);
    for (guint u = 0; u < n->units->len; u++)
        for (guint o = 0; o < in->owners; o++) {
            const LampOwnedUnit *unit = lamp_owned_unit(n, u);
            LampBusyTime time = {unit->start, unit->end};
            n->first_note[(gsize) u * in->owners + o] = n->notes->len;
            if (may_own(in, o, &in->connection[unit->connection]))
                find_enclosing(s, o, &time, n->notes);
        }
    n->first_note[(gsize) n->units->len * in->owners] = n->notes->len;
}

static gint64
longest_request(const LampOwnershipInput *in, guint owner)
{
    gint64 longest = 0;
    for (guint i = in->first_request[owner]; i < in->first_request[owner + 1]; i++)
        longest = MAX(longest, in->requests[i].end - in->requests[i].start);
    return longest;
}

/* Is there room for the notes of @k calls of each connection? */
static gboolean
has_room(const Search *s, guint k)
{
    const LampOwnershipInput *in = s->notes->input;
    guint64 pairs = 0, notes = 0;
    for (guint i = 0; i < in->connections; i++)
        pairs += (guint64) MIN(in->connection[i].count, k) * in->owners;
    for (guint i = 0; i < in->connections && pairs * BYTES_OF_PAIR <= NOTE_BUDGET; i++)
        for (guint n = 0; n < MIN(in->connection[i].count, k); n++)
            for (guint o = 0; o < in->owners; o++)
                notes +=
                    find_enclosing(s, o, &in->calls[nth_used(&in->connection[i], n, k)], NULL);
    return pairs * BYTES_OF_PAIR + notes * sizeof(LampOwnedNote) <= NOTE_BUDGET;
}

/* So many calls of each connection that what is noted of them stays within bounds; 0: even one
 * is too much. */
static guint
choose_most_calls(const Search *s)
{
    guint most = MOST_CALLS;
    while (most > 0 && !has_room(s, most))
        most /= 2;
    return most;
}

static guint
count_calls(const LampOwnershipInput *in)
{
    guint calls = 0;
    for (guint i = 0; i < in->connections; i++)
        calls = MAX(calls, in->connection[i].first + in->connection[i].count);
    return calls;
}

LampOwnershipNotes *
lamp_ownership_notes_new(const LampOwnershipInput *input)
{
    guint calls = count_calls(input);
    g_autoptr(LampOwnershipNotes) n = g_new0(LampOwnershipNotes, 1);
    n->input = input;
    n->units = g_array_new(FALSE, FALSE, sizeof(LampOwnedUnit));
    n->notes = g_array_new(FALSE, FALSE, sizeof(LampOwnedNote));
    n->first_unit = g_new(guint32, (gsize) input->connections + 1);
    n->unit_of_call = g_new(guint32, (gsize) calls + 1);
    n->connection_of_call = g_new(guint32, (gsize) calls + 1);
    for (guint i = 0; i < calls; i++)
        n->unit_of_call[i] = n->connection_of_call[i] = LAMP_OWNERSHIP_NONE;
    g_autofree gint64 *longest = g_new(gint64, (gsize) input->owners + 1);
    for (guint o = 0; o < input->owners; o++)
        longest[o] = longest_request(input, o);
    Search s = {n, longest, 0};
    s.most_calls = choose_most_calls(&s);
    if (s.most_calls == 0)
        return NULL;
    g_autofree guint8 *are_dialogs = find_dialogs(&s);
    for (guint i = 0; i < input->connections; i++) {
        n->first_unit[i] = n->units->len;
        for (guint k = 0; k < input->connection[i].count; k++)
            n->connection_of_call[input->connection[i].first + k] = i;
        add_units(&s, i, are_dialogs[input->connection[i].callee]);
    }
    n->first_unit[input->connections] = n->units->len;
    note_all(&s);
    return g_steal_pointer(&n);
}

void
lamp_ownership_notes_free(LampOwnershipNotes *self)
{
    if (self == NULL)
        return;
    g_array_unref(self->units);
    g_array_unref(self->notes);
    g_free(self->first_unit);
    g_free(self->first_note);
    g_free(self->unit_of_call);
    g_free(self->connection_of_call);
    g_free(self);
}
