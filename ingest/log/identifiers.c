/*
 * Columns to identifiers, by the values that they share.
 *
 * In: occurrences of values in columns. Out: groups of columns, their kinds and relations.
 * Two columns meet when they share at least three values and a twentieth of the values of the
 * smaller one; where the shared values are short numbers, half of them, since such meet by
 * chance. A value that stands in very many columns says nothing and is left out. The idea that
 * values shared between templates tie lines together is lprof's (OSDI 2014) and Stitch's (OSDI
 * 2016), which need names or code; here only the values count.
 */
#include "ingest/log/identifiers.h"

#include "base/bucket-sort.h"

enum { WIDEST_VALUE = 128, LEAST_SHARED = 3, FEW_VALUES = 20, PAIRS_PER_RECORD = 64 };

typedef struct {
    guint32 a, b;
    guint32 shared, strong;
} Pair;

typedef struct {
    guint32 values; /* different ones */
    guint32 parent; /* of the union-find forest */
} Column;

static int
compare_occurrences(const void *x, const void *y)
{
    const LampOccurrence *a = x, *b = y;
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    return (a->record > b->record) - (a->record < b->record);
}

/* Values are hashes, spread evenly. */
static const LampBucketOrder by_value = {.size = sizeof(LampOccurrence),
                                         .key_offset = G_STRUCT_OFFSET(LampOccurrence, value),
                                         .compare = compare_occurrences};

static int
compare_pairs(const void *x, const void *y)
{
    const Pair *a = x, *b = y;
    if (a->a != b->a)
        return a->a < b->a ? -1 : 1;
    return (a->b > b->b) - (a->b < b->b);
}

static guint32
root_of(Column *columns, guint32 column)
{
    while (columns[column].parent != column) {
        columns[column].parent = columns[columns[column].parent].parent;
        column = columns[column].parent;
    }
    return column;
}

/* Number of occurrences of the value at @o. */
static gsize
value_run(const LampOccurrence *o, gsize left)
{
    gsize n = 1;
    while (n < left && o[n].value == o->value)
        n++;
    return n;
}

/* The different columns of one value; counts them too. */
static guint
columns_of(const LampOccurrence *o, gsize n, Column *columns, guint32 *out_columns)
{
    guint count = 0;
    for (gsize i = 0; i < n; i++) {
        if (i > 0 && o[i].column == o[i - 1].column)
            continue;
        columns[o[i].column].values++;
        if (count < WIDEST_VALUE)
            out_columns[count] = o[i].column;
        count++;
    }
    return count;
}

static void
merge_equal_pairs(GArray *pairs)
{
    guint used = 0;
    Pair *p = (Pair *) (gpointer) pairs->data;
    if (pairs->len == 0)
        return;
    qsort(p, pairs->len, sizeof *p, compare_pairs);
    for (guint i = 1; i < pairs->len; i++) {
        if (compare_pairs(&p[used], &p[i]) == 0) {
            p[used].shared += p[i].shared;
            p[used].strong += p[i].strong;
        } else {
            p[++used] = p[i];
        }
    }
    g_array_set_size(pairs, used + 1);
}

static GArray *
count_shared(const LampOccurrence *o, gsize count, Column *columns)
{
    enum { COMPACT_AT = 1 << 21 };
    GArray *pairs = g_array_new(FALSE, FALSE, sizeof(Pair));
    guint32 in[WIDEST_VALUE];
    guint compact_at = COMPACT_AT;
    for (gsize i = 0; i < count;) {
        gsize n = value_run(&o[i], count - i);
        guint k = columns_of(&o[i], n, columns, in);
        for (guint x = 0; k <= WIDEST_VALUE && x < k; x++)
            for (guint y = x + 1; y < k; y++) {
                Pair pair = {in[x], in[y], 1, o[i].is_weak ? 0 : 1};
                g_array_append_val(pairs, pair);
            }
        if (pairs->len > compact_at) {
            merge_equal_pairs(pairs);
            compact_at = pairs->len + COMPACT_AT;
        }
        i += n;
    }
    merge_equal_pairs(pairs);
    return pairs;
}

static gboolean
meet(const Pair *pair, const Column *columns)
{
    guint32 smaller = MIN(columns[pair->a].values, columns[pair->b].values);
    gboolean strong = pair->strong * 2 >= pair->shared;
    return pair->shared >= LEAST_SHARED &&
           (guint64) pair->shared * (strong ? 20 : 2) >= smaller;
}

static void
unite(GArray *pairs, Column *columns)
{
    for (guint i = 0; i < pairs->len; i++) {
        const Pair *pair = &g_array_index(pairs, Pair, i);
        guint32 a = root_of(columns, pair->a), b = root_of(columns, pair->b);
        if (a != b && meet(pair, columns))
            columns[MAX(a, b)].parent = MIN(a, b);
    }
}

static int
compare_lives(const void *x, const void *y)
{
    const gint64 *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

/* None is negative, so that they have the order of numbers without a sign. */
static const LampBucketOrder by_life = {.size = sizeof(gint64), .compare = compare_lives};

/* First and last use of each value of each identifier. */
static void
measure(const LampIdentifiers *ids, const LampOccurrence *o, gsize count, gint64 *out_span)
{
    guint n = ids->identifiers->len;
    GArray **lives = g_new(GArray *, MAX(n, 1));
    LampTime first = G_MAXINT64, last = G_MININT64 + 1;
    for (guint i = 0; i < n; i++)
        lives[i] = g_array_new(FALSE, FALSE, sizeof(gint64));
    for (gsize i = 0; i < count;) {
        gsize run = value_run(&o[i], count - i);
        LampTime begin = G_MAXINT64, end = G_MININT64 + 1;
        guint32 id = LAMP_NO_IDENTIFIER;
        for (gsize k = i; k < i + run; k++) {
            guint32 of = ids->of_column[o[k].column];
            if (of == LAMP_NO_IDENTIFIER || (id != LAMP_NO_IDENTIFIER && of != id))
                continue;
            id = of;
            g_array_index(ids->identifiers, LampIdentifier, id).uses += (guint64) 1
                                                                        << o[k].doubled;
            if (o[k].time != LAMP_TIME_NONE) {
                begin = MIN(begin, o[k].time);
                end = MAX(end, o[k].time);
            }
        }
        if (id != LAMP_NO_IDENTIFIER) {
            gint64 life = end >= begin ? end - begin : 0;
            g_array_append_val(lives[id], life);
            first = MIN(first, begin);
            last = MAX(last, end);
        }
        i += run;
    }
    for (guint i = 0; i < n; i++) {
        LampIdentifier *id = &g_array_index(ids->identifiers, LampIdentifier, i);
        id->values = lives[i]->len;
        if (lives[i]->len > 0) {
            lamp_bucket_sort(lives[i]->data, lives[i]->len, &by_life);
            id->life_ns = g_array_index(lives[i], gint64, lives[i]->len / 2);
        }
        g_array_free(lives[i], TRUE);
    }
    g_free(lives);
    *out_span = last > first ? last - first : 0;
}

/* A request's values live a small part of the whole; a session's longer; an object's for good.
 */
static LampIdentifies
kind_of(const LampIdentifier *id, gint64 span_ns)
{
    enum { REQUEST_SHARE = 50, SESSION_SHARE = 5 };
    if (id->values <= FEW_VALUES && id->uses > id->values * FEW_VALUES)
        return LAMP_IDENTIFIES_PARAMETER;
    if (id->life_ns <= MAX(span_ns / REQUEST_SHARE, LAMP_NS_PER_SECOND))
        return LAMP_IDENTIFIES_REQUEST;
    return id->life_ns <= span_ns / SESSION_SHARE ? LAMP_IDENTIFIES_SESSION
                                                  : LAMP_IDENTIFIES_OBJECT;
}

/* Only groups of several columns are identifiers; numbered by their first column. */
static void
number_groups(LampIdentifiers *ids, Column *columns, guint32 column_count)
{
    guint32 *sizes = g_new0(guint32, MAX(column_count, 1));
    guint32 *numbers = g_new0(guint32, MAX(column_count, 1));
    for (guint32 i = 0; i < column_count; i++)
        sizes[root_of(columns, i)]++;
    for (guint32 i = 0; i < column_count; i++) {
        guint32 root = root_of(columns, i);
        ids->of_column[i] = LAMP_NO_IDENTIFIER;
        if (sizes[root] < 2)
            continue;
        if (root == i) {
            LampIdentifier id = {.columns = sizes[root]};
            numbers[i] = ids->identifiers->len;
            g_array_append_val(ids->identifiers, id);
        }
        ids->of_column[i] = numbers[root];
    }
    g_free(sizes);
    g_free(numbers);
}

static int
compare_uses(const void *x, const void *y)
{
    const LampOccurrence *a = x, *b = y;
    if (a->record != b->record)
        return a->record < b->record ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    return (a->value > b->value) - (a->value < b->value);
}

/* Records are numbered in a row. */
static const LampBucketOrder by_record = {.size = sizeof(LampOccurrence),
                                          .key_offset = G_STRUCT_OFFSET(LampOccurrence, record),
                                          .compare = compare_uses};

/* Moves the occurrences of identifiers to the front, with their identifiers for columns, in the
 * order of records. Returns their number. */
static gsize
take_uses(const LampIdentifiers *ids, LampOccurrence *o, gsize count)
{
    gsize uses = 0;
    for (gsize i = 0; i < count; i++) {
        guint32 identifier = ids->of_column[o[i].column];
        if (identifier == LAMP_NO_IDENTIFIER)
            continue;
        o[uses] = o[i];
        o[uses++].column = identifier;
    }
    lamp_bucket_sort(o, uses, &by_record);
    return uses;
}

typedef struct {
    guint32 from, to;
    guint64 x, y;
} Link;

static int
compare_links(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(Link));
}

static int
compare_links_backwards(const void *a, const void *b)
{
    const Link *p = a, *q = b;
    Link x = {p->from, p->to, p->y, p->x}, y = {q->from, q->to, q->y, q->x};
    return memcmp(&x, &y, sizeof x);
}

static GArray *
collect_links(const LampOccurrence *u, gsize uses)
{
    GArray *links = g_array_new(FALSE, FALSE, sizeof(Link));
    for (gsize i = 0; i < uses; i++)
        for (gsize k = i + 1; k < uses && k < i + PAIRS_PER_RECORD; k++) {
            if (u[k].record != u[i].record)
                break;
            Link link = {u[i].column, u[k].column, u[i].value, u[k].value};
            if (link.from != link.to)
                g_array_append_val(links, link);
        }
    return links;
}

/* Sorted links of one pair of identifiers: how many different ones, and different first
 * members. */
static void
count_links(const Link *l, guint n, gboolean backwards, guint64 *out_pairs, guint64 *out_firsts)
{
    *out_pairs = *out_firsts = 0;
    for (guint i = 0; i < n; i++) {
        gboolean same = i > 0 && l[i].x == l[i - 1].x && l[i].y == l[i - 1].y;
        guint64 key = backwards ? l[i].y : l[i].x;
        gboolean same_key = i > 0 && key == (backwards ? l[i - 1].y : l[i - 1].x);
        *out_pairs += same ? 0 : 1;
        *out_firsts += same_key ? 0 : 1;
    }
}

static void
relate(LampIdentifiers *ids, LampOccurrence *o, gsize count)
{
    enum { TOLERANCE = 50 }; /* one in fifty may be an exception */
    GArray *links = collect_links(o, take_uses(ids, o, count));
    Link *l = (Link *) (gpointer) links->data;
    if (links->len > 0)
        qsort(l, links->len, sizeof *l, compare_links);
    for (guint i = 0; i < links->len;) {
        guint n = 1;
        guint64 pairs, xs, ys;
        while (i + n < links->len && l[i + n].from == l[i].from && l[i + n].to == l[i].to)
            n++;
        count_links(&l[i], n, FALSE, &pairs, &xs);
        qsort(&l[i], n, sizeof *l, compare_links_backwards);
        count_links(&l[i], n, TRUE, &pairs, &ys);
        gboolean one_y = pairs <= xs + xs / TOLERANCE, one_x = pairs <= ys + ys / TOLERANCE;
        LampIdentifierRelation relation = {l[i].from, l[i].to,
                                           one_x && one_y ? LAMP_ONE_TO_ONE
                                           : one_x        ? LAMP_ONE_TO_MANY
                                           : one_y        ? LAMP_MANY_TO_ONE
                                                          : LAMP_MANY_TO_MANY,
                                           n};
        g_array_append_val(ids->relations, relation);
        i += n;
    }
    g_array_free(links, TRUE);
}

/* The identifier of requests in the most records, or NONE. */
static guint32
find_requests(const LampIdentifiers *ids)
{
    guint64 most = 0;
    guint32 best = LAMP_NO_IDENTIFIER;
    for (guint32 i = 0; i < ids->identifiers->len; i++) {
        const LampIdentifier *id = &g_array_index(ids->identifiers, LampIdentifier, i);
        if (id->kind != LAMP_IDENTIFIES_REQUEST || id->uses <= most)
            continue;
        best = i;
        most = id->uses;
    }
    return best;
}

/* Is what the request's identifier stands in @relation to an object: made by one request, which
 * makes several of them, or is one of a few that make one? */
static gboolean
is_made_by_request(const LampIdentifiers *ids, const LampIdentifierRelation *relation,
                   guint32 request)
{
    enum { LEAST_RECORDS = 10 };
    guint32 other = relation->from == request ? relation->to : relation->from;
    LampRelation many = relation->from == request ? LAMP_ONE_TO_MANY : LAMP_MANY_TO_ONE;
    guint64 requests = g_array_index(ids->identifiers, LampIdentifier, request).values;
    guint64 others = g_array_index(ids->identifiers, LampIdentifier, other).values;
    return (relation->from == request || relation->to == request) &&
           relation->records >= LEAST_RECORDS &&
           (relation->relation == many ||
            (relation->relation == LAMP_ONE_TO_ONE && others < requests - requests / 4));
}

/* How long values live tells requests from what they meet again, but what one request makes
 * (an order) lives no longer than it. Identifiers that go one to one with such are, too. */
static void
find_made_objects(LampIdentifiers *ids)
{
    guint32 request = find_requests(ids);
    gboolean has_changed = request != LAMP_NO_IDENTIFIER;
    for (guint round = 0; has_changed && round < 4; round++) {
        has_changed = FALSE;
        for (guint i = 0; i < ids->relations->len; i++) {
            const LampIdentifierRelation *relation =
                &g_array_index(ids->relations, LampIdentifierRelation, i);
            LampIdentifier *from =
                &g_array_index(ids->identifiers, LampIdentifier, relation->from);
            LampIdentifier *to = &g_array_index(ids->identifiers, LampIdentifier, relation->to);
            LampIdentifier *made = NULL;
            if (is_made_by_request(ids, relation, request))
                made = relation->from == request ? to : from;
            else if (relation->relation == LAMP_ONE_TO_ONE && relation->from != request &&
                     relation->to != request)
                made = from->kind == LAMP_IDENTIFIES_OBJECT ? to
                       : to->kind == LAMP_IDENTIFIES_OBJECT ? from
                                                            : NULL;
            if (made == NULL || made->kind == LAMP_IDENTIFIES_OBJECT ||
                made->kind == LAMP_IDENTIFIES_PARAMETER)
                continue;
            made->kind = LAMP_IDENTIFIES_OBJECT;
            has_changed = TRUE;
        }
    }
}

LampIdentifiers *
lamp_identifiers_find(LampOccurrence *occurrences, gsize count, guint32 column_count)
{
    LampIdentifiers *ids = g_new0(LampIdentifiers, 1);
    Column *columns = g_new0(Column, MAX(column_count, 1));
    gint64 span;
    ids->of_column = g_new0(guint32, MAX(column_count, 1));
    ids->identifiers = g_array_new(FALSE, FALSE, sizeof(LampIdentifier));
    ids->relations = g_array_new(FALSE, FALSE, sizeof(LampIdentifierRelation));
    for (guint32 i = 0; i < column_count; i++)
        columns[i].parent = i;
    lamp_bucket_sort(occurrences, count, &by_value);
    GArray *pairs = count_shared(occurrences, count, columns);
    unite(pairs, columns);
    g_array_free(pairs, TRUE);
    number_groups(ids, columns, column_count);
    measure(ids, occurrences, count, &span);
    for (guint i = 0; i < ids->identifiers->len; i++) {
        LampIdentifier *id = &g_array_index(ids->identifiers, LampIdentifier, i);
        id->kind = kind_of(id, span);
    }
    relate(ids, occurrences, count);
    find_made_objects(ids);
    g_free(columns);
    return ids;
}

void
lamp_identifiers_free(LampIdentifiers *identifiers)
{
    if (identifiers == NULL)
        return;
    g_free(identifiers->of_column);
    g_array_free(identifiers->identifiers, TRUE);
    g_array_free(identifiers->relations, TRUE);
    g_free(identifiers);
}

const char *
lamp_identifies_name(LampIdentifies kind)
{
    static const char *const names[] = {"request", "session", "object", "parameter"};
    return names[kind];
}

const char *
lamp_relation_name(LampRelation relation)
{
    static const char *const names[] = {"1:1", "1:n", "n:1", "n:m"};
    return names[relation];
}
