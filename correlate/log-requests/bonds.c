/*
 * Which values are identifiers of requests, and which lines they bind together.
 *
 * A slot is a component and a name (the word before a value). A slot is the place of an
 * identifier of requests if
 *
 * - the first or the last kind of line of its values does not come again for the same value: a
 *   session, a user, an object is met by one request after the other, which begin and end
 *   alike;
 * - it does not rest while nothing is written, to be met again by what others begin;
 * - nearly all lines of the component have it, as a logger with a context writes them.
 *
 * Slots of one name are taken together, by the time their values live, the shortest first.
 * Further ones may join requests bound before if these overlap in time (spans of one trace); if
 * they come one after the other (a session), they identify no requests. The values of other
 * slots go on the chain of identifiers (request to order to payment) if their lines touch no
 * two requests bound before. All else is left to the evidence of shared-values.c.
 */
#include "correlate/log-requests/state.h"

#include "base/union-find.h"

#include <string.h>

#define LEAST_VALUES 8
#define MOST_RECURRING 0.02 /* of a slot's values */
#define SPREAD_RECURRING 0.1
#define HOME_COVER 0.9     /* of the lines of a component */
#define MOST_TOUCHING 0.02 /* of the values: join requests that do not overlap */
#define MOST_SILENCE 0.2   /* of the time that a value lives: between the requests it joins */
#define LEAST_CHAINED 0.5  /* of the values: touch one request */
#define MOST_CHAINS 4      /* identifiers in a chain */
#define MOST_TORN 0.3      /* of the values of requests: rest where nothing goes on */
#define LEAST_WOKEN 0.1    /* of their rests */
#define COMMON_SHARE 0.1   /* of all lines: no request has more of a value's lines */
#define THREAD G_MAXUINT32 /* name of threads: they are used again */

typedef struct {
    guint32 name, component;
    guint32 values, again_first, again_last; /* values that stand in two lines or more */
    guint32 covered, latest;                 /* lines that have it; the latest of them + 1 */
    guint32 torn;                            /* values with silences between their lines */
    LampRests rests;
    guint32 first_member; /* in `members` */
    gint64 life_ns;       /* sum */
    gboolean is_covering, is_home, is_done, is_taken;
} Slot;

/* A value: its uses in `uses`. */
typedef struct {
    guint32 first, end;
    gboolean is_again_first, is_again_last;
} Value;

typedef struct {
    guint32 slot, value;
} Member;

typedef struct {
    LampGroupState *s;
    GArray *uses;    /* LampValueUse: by hash, then by line */
    GArray *values;  /* Value */
    GArray *slots;   /* Slot */
    GArray *members; /* Member: by slot, then by value */
    GHashTable *index;
    guint32 *slot_of;             /* beside the input's values */
    guint32 *parents;             /* union-find over lines */
    gint64 *first_time, *last_ns; /* of the request of each root */
    gboolean *is_bound;
} Bonds;

static const LampValueUse *
use_at(const Bonds *b, guint32 i)
{
    return &g_array_index(b->uses, LampValueUse, i);
}

static const LampLogLine *
line_of(const Bonds *b, guint32 use)
{
    return &b->s->input->lines[use_at(b, use)->line];
}

static Slot *
slot_at(const Bonds *b, guint32 number)
{
    return &g_array_index(b->slots, Slot, number);
}

static const Value *
value_at(const Bonds *b, guint32 number)
{
    return &g_array_index(b->values, Value, number);
}

static guint32
slot_number(Bonds *b, guint32 component, guint32 name)
{
    guint64 key = (guint64) name << 32 | component;
    gpointer known = g_hash_table_lookup(b->index, &key);
    if (known != NULL)
        return GPOINTER_TO_UINT(known) - 1;
    Slot slot = {.name = name, .component = component};
    g_array_append_val(b->slots, slot);
    guint64 *copy = g_new(guint64, 1);
    *copy = key;
    g_hash_table_insert(b->index, copy, GUINT_TO_POINTER(b->slots->len));
    return b->slots->len - 1;
}

/* Slots of all values, and how many lines have each. */
static void
number_slots(Bonds *b)
{
    const LampLogInput *in = b->s->input;
    for (guint32 i = 0; i < in->n_lines; i++) {
        const LampLogLine *l = &in->lines[i];
        for (guint32 v = l->first_value; v < l->first_value + l->value_count; v++) {
            b->slot_of[v] = slot_number(b, l->component, in->values[v].key);
            Slot *slot = slot_at(b, b->slot_of[v]);
            slot->covered += slot->latest != i + 1 ? 1 : 0;
            slot->latest = i + 1;
        }
    }
}

static gboolean
is_single(const Bonds *b, const Value *v)
{
    return use_at(b, v->first)->line == use_at(b, v->end - 1)->line;
}

/* Does the kind of the line of use @at come again for the value? */
static gboolean
comes_again(const Bonds *b, const Value *v, guint32 at)
{
    for (guint32 i = v->first; i < v->end; i++)
        if (use_at(b, i)->line != use_at(b, at)->line &&
            line_of(b, i)->template == line_of(b, at)->template)
            return TRUE;
    return FALSE;
}

static int
compare_members(gconstpointer left, gconstpointer right)
{
    const Member *a = left;
    const Member *b = right;
    if (a->slot != b->slot)
        return a->slot < b->slot ? -1 : 1;
    return a->value < b->value ? -1 : a->value > b->value;
}

/* All values with their slots; a value may be a member of a slot several times. */
static void
number_values(Bonds *b)
{
    for (guint32 first = 0, end = 0; first < b->uses->len; first = end) {
        while (end < b->uses->len && use_at(b, end)->hash == use_at(b, first)->hash) {
            Member member = {b->slot_of[use_at(b, end)->value], b->values->len};
            g_array_append_val(b->members, member);
            end++;
        }
        Value v = {.first = first, .end = end};
        gboolean is_common = end - first > MAX(16, COMMON_SHARE * b->s->input->n_lines);
        v.is_again_first = is_common || comes_again(b, &v, first);
        v.is_again_last = is_common || comes_again(b, &v, end - 1);
        g_array_append_val(b->values, v);
    }
    g_array_sort(b->members, compare_members);
}

/* The next value of a slot, each once, from the member @at on; NULL behind the last. */
static const Value *
next_member(const Bonds *b, guint32 slot, guint32 *at)
{
    guint32 i = *at;
    if (i >= b->members->len || g_array_index(b->members, Member, i).slot != slot)
        return NULL;
    const Member *member = &g_array_index(b->members, Member, i);
    while (i < b->members->len &&
           compare_members(&g_array_index(b->members, Member, i), member) == 0)
        i++;
    *at = i;
    return value_at(b, member->value);
}

static void
count_values(Bonds *b)
{
    for (guint32 at = 0; at < b->members->len;) {
        guint32 number = g_array_index(b->members, Member, at).slot;
        Slot *slot = slot_at(b, number);
        slot->first_member = at;
        const Value *v;
        while ((v = next_member(b, number, &at)) != NULL) {
            if (is_single(b, v))
                continue;
            slot->values++;
            slot->again_first += v->is_again_first ? 1 : 0;
            slot->again_last += v->is_again_last ? 1 : 0;
            const LampValueUse *uses = use_at(b, v->first);
            slot->torn +=
                lamp_idle_rests(b->s, uses, v->end - v->first, number, &slot->rests) ? 1 : 0;
            slot->life_ns += line_of(b, v->end - 1)->time_ns - line_of(b, v->first)->time_ns;
        }
    }
}

static gboolean
is_once(const Slot *slot, double most)
{
    gboolean is_object = slot->torn > MOST_TORN * slot->values &&
                         slot->rests.woken < LEAST_WOKEN * slot->rests.all;
    return slot->name != THREAD && slot->values >= LEAST_VALUES && !is_object &&
           MIN(slot->again_first, slot->again_last) <= most * slot->values;
}

/* A name that has a home is at home in other components that it covers, too: in these its
 * values may be few, stand in one line each, or have more exceptions. */
static void
spread_homes(Bonds *b)
{
    g_autoptr(GHashTable) names = g_hash_table_new(NULL, NULL);
    for (guint32 i = 0; i < b->slots->len; i++)
        if (slot_at(b, i)->is_home)
            g_hash_table_add(names, GUINT_TO_POINTER(slot_at(b, i)->name));
    for (guint32 i = 0; i < b->slots->len; i++) {
        Slot *slot = slot_at(b, i);
        if (slot->is_covering && g_hash_table_contains(names, GUINT_TO_POINTER(slot->name)))
            slot->is_home = slot->values < LEAST_VALUES || is_once(slot, SPREAD_RECURRING);
    }
}

static void
find_homes(Bonds *b)
{
    const LampLogInput *in = b->s->input;
    g_autoptr(GHashTable) lines = g_hash_table_new(NULL, NULL);
    for (guint32 i = 0; i < in->n_lines; i++) {
        gpointer component = GUINT_TO_POINTER(in->lines[i].component);
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(lines, component));
        g_hash_table_insert(lines, component, GUINT_TO_POINTER(n + 1));
    }
    for (guint32 i = 0; i < b->slots->len; i++) {
        Slot *slot = slot_at(b, i);
        gpointer component = GUINT_TO_POINTER(slot->component);
        guint all = GPOINTER_TO_UINT(g_hash_table_lookup(lines, component));
        slot->is_covering = slot->name != THREAD && slot->covered > HOME_COVER * all;
        slot->is_home = is_once(slot, MOST_RECURRING) && slot->is_covering;
    }
    spread_homes(b);
}

/* Does the value join bound requests that come one after the other? */
static gboolean
joins_successors(Bonds *b, const Value *v, guint *out_touched)
{
    gint64 end = G_MININT64;
    gint64 silence = 0;
    guint32 before = LAMP_LOG_NONE;
    *out_touched = 0;
    for (guint32 i = v->first; i < v->end; i++) {
        guint32 line = use_at(b, i)->line;
        guint32 root = lamp_union_find_root(b->parents, line);
        if (!b->is_bound[line] || root == before)
            continue;
        if (*out_touched > 0)
            silence += MAX(0, b->first_time[root] - end);
        end = MAX(end, b->last_ns[root]);
        before = root;
        ++*out_touched;
    }
    gint64 life = line_of(b, v->end - 1)->time_ns - line_of(b, v->first)->time_ns;
    return *out_touched > 1 && (double) silence > MOST_SILENCE * (double) life;
}

static void
bind_value(Bonds *b, const Value *v)
{
    for (guint32 i = v->first; i < v->end; i++) {
        guint32 x = lamp_union_find_root(b->parents, use_at(b, v->first)->line);
        guint32 y = lamp_union_find_root(b->parents, use_at(b, i)->line);
        guint32 root = MIN(x, y);
        b->parents[MAX(x, y)] = root;
        b->first_time[root] = MIN(b->first_time[x], b->first_time[y]);
        b->last_ns[root] = MAX(b->last_ns[x], b->last_ns[y]);
        b->is_bound[use_at(b, i)->line] = TRUE;
    }
}

/* How the values of a slot touch the requests that are bound: two or more that do not follow
 * one another as they may, or one. */
static void
touch(Bonds *b, guint32 number, guint32 *out_joining, guint32 *out_chained)
{
    const Slot *slot = slot_at(b, number);
    guint32 at = slot->first_member;
    const Value *v;
    *out_joining = *out_chained = 0;
    while ((v = next_member(b, number, &at)) != NULL) {
        guint touched = 0;
        if (is_single(b, v))
            continue;
        gboolean is_joining = joins_successors(b, v, &touched);
        *out_joining += is_joining || (!slot->is_home && touched > 1) ? 1 : 0;
        *out_chained += touched == 1 ? 1 : 0;
    }
}

/* Binds the values of a slot but those that do not behave as most of them do. */
static void
take_slot(Bonds *b, guint32 number)
{
    Slot *slot = slot_at(b, number);
    guint32 at = slot->first_member;
    const Value *v;
    slot->is_taken = TRUE;
    while ((v = next_member(b, number, &at)) != NULL) {
        guint touched = 0;
        if (!is_single(b, v) && !(v->is_again_first && v->is_again_last) &&
            !joins_successors(b, v, &touched) && (slot->is_home || touched < 2))
            bind_value(b, v);
    }
}

/* The name whose values live shortest, of the homes that were not looked at yet. FALSE if
 * there is none. */
static gboolean
next_name(const Bonds *b, guint32 *out_name)
{
    g_autoptr(GHashTable) first = g_hash_table_new(NULL, NULL);
    g_autoptr(GArray) sums = g_array_new(FALSE, TRUE, sizeof(Slot));
    for (guint32 i = 0; i < b->slots->len; i++) {
        const Slot *slot = slot_at(b, i);
        if (!slot->is_home || slot->is_done)
            continue;
        gpointer name = GUINT_TO_POINTER(slot->name);
        guint at = GPOINTER_TO_UINT(g_hash_table_lookup(first, name));
        if (at == 0) {
            g_array_append_vals(sums, slot, 1);
            g_hash_table_insert(first, name, GUINT_TO_POINTER(sums->len));
            continue;
        }
        g_array_index(sums, Slot, at - 1).values += slot->values;
        g_array_index(sums, Slot, at - 1).life_ns += slot->life_ns;
    }
    double least = 0;
    for (guint i = 0; i < sums->len; i++) {
        const Slot *sum = &g_array_index(sums, Slot, i);
        double life = (double) sum->life_ns / MAX(1, sum->values);
        if (i == 0 || life < least)
            *out_name = sum->name;
        least = i == 0 ? life : MIN(least, life);
    }
    return sums->len > 0;
}

static void
take_homes(Bonds *b)
{
    guint32 name;
    while (next_name(b, &name)) {
        guint32 joining = 0;
        guint32 values = 0;
        for (guint32 i = 0; i < b->slots->len; i++) {
            Slot *slot = slot_at(b, i);
            guint32 more = 0;
            guint32 chained;
            if (slot->name != name || !slot->is_home)
                continue;
            slot->is_done = TRUE;
            touch(b, i, &more, &chained);
            joining += more;
            values += slot->values;
        }
        for (guint32 i = 0; i < b->slots->len && joining <= MOST_TOUCHING * values; i++)
            if (slot_at(b, i)->name == name && slot_at(b, i)->is_home)
                take_slot(b, i);
    }
}

static gboolean
take_chained(Bonds *b)
{
    gboolean is_any = FALSE;
    for (guint32 i = 0; i < b->slots->len; i++) {
        const Slot *slot = slot_at(b, i);
        guint32 joining;
        guint32 chained;
        if (!is_once(slot, MOST_RECURRING) || slot->is_home || slot->is_taken)
            continue;
        touch(b, i, &joining, &chained);
        if (joining > MOST_TOUCHING * slot->values || chained <= LEAST_CHAINED * slot->values)
            continue;
        take_slot(b, i);
        is_any = TRUE;
    }
    return is_any;
}

/* At last, values that do come again (of a task that keeps its identifier) if they touch no two
 * requests; and an identifier of its own parts a line from all others that have one. */
static void
take_rest(Bonds *b)
{
    for (guint32 i = 0; i < b->slots->len; i++) {
        guint32 at = slot_at(b, i)->first_member;
        const Value *v;
        while (slot_at(b, i)->is_taken && (v = next_member(b, i, &at)) != NULL) {
            guint touched = 0;
            joins_successors(b, v, &touched);
            if (is_single(b, v))
                b->is_bound[use_at(b, v->first)->line] = TRUE;
            else if (v->is_again_first && v->is_again_last && touched < 2)
                bind_value(b, v);
        }
    }
}

static void
begin(Bonds *b, LampGroupState *s)
{
    gsize n = (gsize) s->input->n_lines + 1;
    *b = (Bonds){.s = s, .uses = lamp_values_sort(s->input)};
    b->values = g_array_new(FALSE, FALSE, sizeof(Value));
    b->slots = g_array_new(FALSE, FALSE, sizeof(Slot));
    b->members = g_array_new(FALSE, FALSE, sizeof(Member));
    b->index = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    b->slot_of = g_new0(guint32, (gsize) s->input->n_values + 1);
    b->parents = g_new(guint32, n);
    b->first_time = g_new(gint64, n);
    b->last_ns = g_new(gint64, n);
    b->is_bound = g_new0(gboolean, n);
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        b->parents[i] = i;
        b->first_time[i] = b->last_ns[i] = s->input->lines[i].time_ns;
    }
}

static void
end(Bonds *b)
{
    g_array_unref(b->uses);
    g_array_unref(b->values);
    g_array_unref(b->slots);
    g_array_unref(b->members);
    g_hash_table_unref(b->index);
    g_free(b->slot_of);
    g_free(b->parents);
    g_free(b->first_time);
    g_free(b->last_ns);
    g_free(b->is_bound);
}

void
lamp_bonds_find(LampGroupState *s)
{
    Bonds b;
    begin(&b, s);
    number_slots(&b);
    number_values(&b);
    count_values(&b);
    find_homes(&b);
    take_homes(&b);
    for (guint k = 1; k < MOST_CHAINS && take_chained(&b); k++)
        continue;
    take_rest(&b);
    guint32 bound = 0;
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        s->bound[i] = b.is_bound[i] ? lamp_union_find_root(b.parents, i) : LAMP_LOG_NONE;
        bound += b.is_bound[i] ? 1 : 0;
    }
    s->has_bonds = bound > 0;
    g_debug("%u lines bound by identifiers", bound);
    end(&b);
}
