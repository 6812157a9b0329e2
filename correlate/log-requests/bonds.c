/*
 * Which values are identifiers of requests, and which lines they bind together.
 *
 * The values of one name (the word before them) that stand in two lines or more are a family. A
 * component is at home in a family if the first or the last kind of line of such a value does
 * not come again for the same value (a session, a user, an object is met by one request after
 * the other, which begin and end alike), and nearly all of the component's lines bear a value
 * of the family, as a logger with a context writes them. A family that most of its values are
 * at home in identifies requests. Families are taken by the time their values live, the
 * shortest first: a further one may join requests bound before if these overlap in time (spans
 * of one trace), and is no identifier of requests if they come one after the other (a session).
 *
 * Values of other names go on the chain of identifiers (request to order to payment) if their
 * lines touch no two requests bound before. All else is left to the evidence of
 * shared-values.c.
 */
#include "correlate/log-requests/state.h"

#include <string.h>

#define LEAST_BROUGHT 4
#define MOST_RECURRING 0.02 /* of a family's values */
#define HOME_COVER 0.9      /* of the lines of a component */
#define HOME_SHARE 0.5      /* of a family's values */
#define MOST_TOUCHING 0.02  /* of the values: join requests that do not overlap */
#define MOST_SILENCE 0.2    /* of the time that a value lives: between the requests it joins */
#define LEAST_CHAINED 0.5   /* of the values: touch one request */
#define MOST_CHAINS 4       /* identifiers in a chain */
#define COMMON_SHARE 0.1    /* of all lines: no request has more of a value's lines */
#define MOST_NAMES 64       /* of the values in a line */
#define THREAD G_MAXUINT32  /* name of threads: they are used again */

/* Values of one name that one component brings. */
typedef struct {
    guint32 name, component;
    guint32 brought, again_first, again_last, covered;
} Home;

typedef struct {
    guint32 name;
    guint32 brought, at_home, touching, chained;
    gint64 life_ns; /* sum */
    gboolean is_taken, is_candidate;
} Family;

/* A value: its uses in `uses`, the request it belongs to. */
typedef struct {
    guint32 first, end;
    guint32 family, home;
} Value;

typedef struct {
    LampGroupState *s;
    GArray *uses;     /* LampValueUse: by hash, then by line */
    GArray *values;   /* Value */
    GArray *homes;    /* Home */
    GArray *families; /* Family */
    GHashTable *home_index, *family_index;
    guint32 *value_of;            /* beside the input's values: number in `values` */
    guint32 *parents;             /* union-find over lines */
    gint64 *first_time, *last_ns; /* of the request of each root */
    gboolean *is_bound;
} Bonds;

static guint32
find_root(guint32 *parents, guint32 line)
{
    while (parents[line] != line) {
        parents[line] = parents[parents[line]];
        line = parents[line];
    }
    return line;
}

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

/* Number of the entry of @key, which is added if it is new. */
static guint32
number_of(GHashTable *index, guint64 key, GArray *entries, gconstpointer fresh)
{
    gpointer known = g_hash_table_lookup(index, &key);
    if (known != NULL)
        return GPOINTER_TO_UINT(known) - 1;
    g_array_append_vals(entries, fresh, 1);
    guint64 *copy = g_new(guint64, 1);
    *copy = key;
    g_hash_table_insert(index, copy, GUINT_TO_POINTER(entries->len));
    return entries->len - 1;
}

static void
number_value(Bonds *b, guint32 first, guint32 end)
{
    guint32 component = line_of(b, first)->component;
    guint32 name = b->s->input->values[use_at(b, first)->value].key;
    Home home = {.name = name, .component = component};
    Family family = {.name = name};
    Value value = {.first = first, .end = end};
    value.family = number_of(b->family_index, name, b->families, &family);
    value.home = number_of(b->home_index, (guint64) name << 32 | component, b->homes, &home);
    for (guint32 i = first; i < end; i++)
        b->value_of[use_at(b, i)->value] = b->values->len;
    g_array_append_val(b->values, value);
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

static void
count_value(Bonds *b, const Value *v)
{
    if (is_single(b, v))
        return;
    Home *home = &g_array_index(b->homes, Home, v->home);
    Family *family = &g_array_index(b->families, Family, v->family);
    gboolean is_common = v->end - v->first > MAX(16, COMMON_SHARE * b->s->input->n_lines);
    home->brought++;
    home->again_first += is_common || comes_again(b, v, v->first) ? 1 : 0;
    home->again_last += is_common || comes_again(b, v, v->end - 1) ? 1 : 0;
    family->brought++;
    family->life_ns += line_of(b, v->end - 1)->time_ns - line_of(b, v->first)->time_ns;
}

/* Counts the lines of each component that bear a value of each family. */
static void
count_covered(Bonds *b)
{
    const LampLogInput *in = b->s->input;
    for (guint32 i = 0; i < in->n_lines; i++) {
        guint32 seen[MOST_NAMES];
        guint n = 0;
        guint32 end = in->lines[i].first_value + in->lines[i].value_count;
        for (guint32 v = in->lines[i].first_value; v < end && n < MOST_NAMES; v++) {
            const Value *value = &g_array_index(b->values, Value, b->value_of[v]);
            gboolean is_seen = FALSE;
            for (guint k = 0; k < n && !is_seen; k++)
                is_seen = seen[k] == value->family;
            if (is_seen)
                continue;
            seen[n++] = value->family;
            guint32 name = g_array_index(b->families, Family, value->family).name;
            Home home = {.name = name, .component = in->lines[i].component};
            guint32 number = number_of(b->home_index, (guint64) name << 32 | home.component,
                                       b->homes, &home);
            g_array_index(b->homes, Home, number).covered++;
        }
    }
}

static gboolean
is_once(const Home *home)
{
    return home->brought >= LEAST_BROUGHT &&
           MIN(home->again_first, home->again_last) <= MOST_RECURRING * home->brought;
}

static void
judge_families(Bonds *b)
{
    const LampLogInput *in = b->s->input;
    g_autoptr(GHashTable) lines = g_hash_table_new(NULL, NULL);
    for (guint32 i = 0; i < in->n_lines; i++) {
        gpointer component = GUINT_TO_POINTER(in->lines[i].component);
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(lines, component));
        g_hash_table_insert(lines, component, GUINT_TO_POINTER(n + 1));
    }
    for (guint i = 0; i < b->homes->len; i++) {
        const Home *home = &g_array_index(b->homes, Home, i);
        guint64 name = home->name;
        gpointer number = g_hash_table_lookup(b->family_index, &name);
        Family *family = &g_array_index(b->families, Family, GPOINTER_TO_UINT(number) - 1);
        guint all =
            GPOINTER_TO_UINT(g_hash_table_lookup(lines, GUINT_TO_POINTER(home->component)));
        if (!is_once(home) || home->name == THREAD)
            continue;
        family->is_candidate = TRUE;
        family->at_home += home->covered > HOME_COVER * all ? home->brought : 0;
    }
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
        guint32 root = find_root(b->parents, line);
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
        guint32 x = find_root(b->parents, use_at(b, v->first)->line);
        guint32 y = find_root(b->parents, use_at(b, i)->line);
        guint32 root = MIN(x, y);
        b->parents[MAX(x, y)] = root;
        b->first_time[root] = MIN(b->first_time[x], b->first_time[y]);
        b->last_ns[root] = MAX(b->last_ns[x], b->last_ns[y]);
        b->is_bound[use_at(b, i)->line] = TRUE;
    }
}

/* How the values of each family touch the requests that are bound. */
static void
count_touching(Bonds *b)
{
    for (guint i = 0; i < b->families->len; i++) {
        Family *family = &g_array_index(b->families, Family, i);
        family->touching = family->chained = 0;
    }
    for (guint i = 0; i < b->values->len; i++) {
        const Value *v = &g_array_index(b->values, Value, i);
        Family *family = &g_array_index(b->families, Family, v->family);
        guint touched = 0;
        if (is_single(b, v))
            continue;
        gboolean is_joining = joins_successors(b, v, &touched);
        family->touching += is_joining || (!family->at_home && touched > 1) ? 1 : 0;
        family->chained += touched == 1 ? 1 : 0;
    }
}

static void
take_family(Bonds *b, guint32 number)
{
    g_array_index(b->families, Family, number).is_taken = TRUE;
    for (guint i = 0; i < b->values->len; i++)
        if (g_array_index(b->values, Value, i).family == number &&
            !is_single(b, &g_array_index(b->values, Value, i)))
            bind_value(b, &g_array_index(b->values, Value, i));
}

/* The family whose values live shortest, of those at home that were not looked at yet. */
static guint32
next_at_home(const Bonds *b, const gboolean *is_done)
{
    guint32 best = LAMP_LOG_NONE;
    double least = 0;
    for (guint i = 0; i < b->families->len; i++) {
        const Family *f = &g_array_index(b->families, Family, i);
        if (is_done[i] || f->at_home == 0 || f->at_home < HOME_SHARE * f->brought)
            continue;
        double life = (double) f->life_ns / f->brought;
        if (best != LAMP_LOG_NONE && life >= least)
            continue;
        best = i;
        least = life;
    }
    return best;
}

/* An identifier of its own parts a line from all others that have one. */
static void
take_singles(Bonds *b)
{
    for (guint i = 0; i < b->values->len; i++) {
        const Value *v = &g_array_index(b->values, Value, i);
        if (g_array_index(b->families, Family, v->family).is_taken)
            bind_value(b, v);
    }
}

static void
take_at_home(Bonds *b)
{
    g_autofree gboolean *is_done = g_new0(gboolean, (gsize) b->families->len + 1);
    guint32 next;
    while ((next = next_at_home(b, is_done)) != LAMP_LOG_NONE) {
        is_done[next] = TRUE;
        count_touching(b);
        const Family *family = &g_array_index(b->families, Family, next);
        if (family->touching <= MOST_TOUCHING * family->brought)
            take_family(b, next);
    }
}

static gboolean
take_chained(Bonds *b)
{
    gboolean is_any = FALSE;
    count_touching(b);
    for (guint i = 0; i < b->families->len; i++) {
        const Family *f = &g_array_index(b->families, Family, i);
        if (!f->is_candidate || f->is_taken || f->at_home > 0 ||
            f->touching > MOST_TOUCHING * f->brought ||
            f->chained <= LEAST_CHAINED * f->brought)
            continue;
        take_family(b, i);
        is_any = TRUE;
    }
    return is_any;
}

static void
begin(Bonds *b, LampGroupState *s)
{
    gsize n = (gsize) s->input->n_lines + 1;
    *b = (Bonds){.s = s, .uses = lamp_values_sort(s->input)};
    b->values = g_array_new(FALSE, FALSE, sizeof(Value));
    b->homes = g_array_new(FALSE, FALSE, sizeof(Home));
    b->families = g_array_new(FALSE, FALSE, sizeof(Family));
    b->home_index = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    b->family_index = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    b->value_of = g_new0(guint32, (gsize) s->input->n_values + 1);
    b->parents = g_new(guint32, n);
    b->first_time = g_new(gint64, n);
    b->last_ns = g_new(gint64, n);
    b->is_bound = g_new0(gboolean, n);
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        b->parents[i] = i;
        b->first_time[i] = b->last_ns[i] = s->input->lines[i].time_ns;
    }
    for (guint32 first = 0, end = 0; first < b->uses->len; first = end) {
        while (end < b->uses->len && use_at(b, end)->hash == use_at(b, first)->hash)
            end++;
        number_value(b, first, end);
    }
}

static void
end(Bonds *b)
{
    g_array_unref(b->uses);
    g_array_unref(b->values);
    g_array_unref(b->homes);
    g_array_unref(b->families);
    g_hash_table_unref(b->home_index);
    g_hash_table_unref(b->family_index);
    g_free(b->value_of);
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
    for (guint i = 0; i < b.values->len; i++)
        count_value(&b, &g_array_index(b.values, Value, i));
    count_covered(&b);
    judge_families(&b);
    take_at_home(&b);
    for (guint k = 1; k < MOST_CHAINS && take_chained(&b); k++)
        continue;
    take_singles(&b);
    guint32 bound = 0;
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        s->bound[i] = b.is_bound[i] ? find_root(b.parents, i) : LAMP_LOG_NONE;
        bound += b.is_bound[i] ? 1 : 0;
    }
    s->has_bonds = bound > 0;
    g_debug("%u lines bound by identifiers", bound);
    end(&b);
}
