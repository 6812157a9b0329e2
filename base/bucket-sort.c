/*
 * A bucket for every few elements, by ranges of equal width of their keys; each element is put
 * into the next free place of its bucket, and the one that stood there is the next to be put
 * ("American flag sort", McIlroy, Bostic and McIlroy, 1993). Buckets are few at a time, so that
 * the places where elements go stay in the cache, and what is in a bucket is sorted in the same
 * way, down to a few elements, which are sorted by insertion. Many elements of one key, as of a
 * value that comes again and again, are left to qsort().
 */
#include "base/bucket-sort.h"

#include <stdlib.h>

enum { FEW = 24, LARGEST = 64, COMMON_SIZE = 32, MOST_BUCKETS = 256 };

/* Elements between two places, and the buckets for them. */
typedef struct {
    const LampBucketOrder *order;
    guint8 *elements;
    gsize count;
    guint64 first; /* lowest key */
    guint shift;   /* of a key's distance from it, to the number of the bucket */
    gsize buckets;
    guint32 next[MOST_BUCKETS], ends[MOST_BUCKETS];
} Sort;

static guint8 *
element(const Sort *s, gsize i)
{
    return s->elements + i * s->order->size;
}

static guint64
key_of(const Sort *s, const guint8 *at)
{
    guint64 key;
    memcpy(&key, at + s->order->key_offset, sizeof key);
    return key;
}

static gsize
bucket_of(const Sort *s, const guint8 *at)
{
    return (gsize) ((key_of(s, at) - s->first) >> s->shift);
}

/* About an element for a bucket. FALSE: all keys are equal. */
static gboolean
choose_buckets(Sort *s)
{
    guint64 last = 0, most = MIN(s->count, (gsize) MOST_BUCKETS);
    s->first = G_MAXUINT64;
    for (gsize i = 0; i < s->count; i++) {
        guint64 key = key_of(s, element(s, i));
        s->first = MIN(s->first, key);
        last = MAX(last, key);
    }
    s->shift = 0;
    while ((last - s->first) >> s->shift >= most)
        s->shift++;
    s->buckets = (gsize) ((last - s->first) >> s->shift) + 1;
    return s->buckets > 1;
}

/* Moves the element at @at home, the one that stood there too, and so on, until one comes whose
 * bucket is @bucket, in which @at is. @size is the order's: inlined for the usual one. */
static inline void
follow(Sort *s, guint8 *at, gsize bucket, gsize size)
{
    guint8 moved[LARGEST], other[LARGEST];
    memcpy(moved, at, size);
    for (gsize home = bucket_of(s, moved); home != bucket; home = bucket_of(s, moved)) {
        guint8 *place = s->elements + s->next[home]++ * size;
        memcpy(other, place, size);
        memcpy(place, moved, size);
        memcpy(moved, other, size);
    }
    memcpy(at, moved, size);
}

static inline void
move_home(Sort *s, gsize size)
{
    for (gsize b = 0; b < s->buckets; b++)
        for (; s->next[b] < s->ends[b]; s->next[b]++)
            if (bucket_of(s, s->elements + s->next[b] * size) != b)
                follow(s, s->elements + s->next[b] * size, b, size);
}

static void
distribute(Sort *s)
{
    memset(s->ends, 0, s->buckets * sizeof s->ends[0]);
    for (gsize i = 0; i < s->count; i++)
        s->ends[bucket_of(s, element(s, i))]++;
    for (gsize b = 0, sum = 0; b < s->buckets; b++) {
        s->next[b] = (guint32) sum;
        sum += s->ends[b];
        s->ends[b] = (guint32) sum;
    }
    if (s->order->size == COMMON_SIZE)
        move_home(s, COMMON_SIZE);
    else
        move_home(s, s->order->size);
}

static void
sort_few(guint8 *elements, gsize count, const LampBucketOrder *order)
{
    guint8 moved[LARGEST];
    gsize size = order->size;
    for (gsize i = 1; i < count; i++) {
        guint8 *at = elements + i * size;
        if (order->compare(at - size, at) <= 0)
            continue;
        memcpy(moved, at, size);
        for (; at > elements && order->compare(moved, at - size) < 0; at -= size)
            memcpy(at, at - size, size);
        memcpy(at, moved, size);
    }
}

/* No deeper than the bits of keys allow: each level takes four of them off at least. */
/* NOLINTNEXTLINE(misc-no-recursion) */
static void
sort_many(guint8 *elements, gsize count, const LampBucketOrder *order)
{
    Sort s; /* its tables are filled as far as there are buckets */
    s.order = order;
    s.elements = elements;
    s.count = count;
    if (!choose_buckets(&s)) {
        qsort(elements, count, order->size, order->compare);
        return;
    }
    distribute(&s);
    for (gsize b = 0, begin = 0; b < s.buckets; begin = s.ends[b++])
        if (s.ends[b] - begin > FEW)
            sort_many(element(&s, begin), s.ends[b] - begin, order);
        else
            sort_few(element(&s, begin), s.ends[b] - begin, order);
}

void
lamp_bucket_sort(gpointer elements, gsize count, const LampBucketOrder *order)
{
    g_return_if_fail(order->size <= LARGEST && count < G_MAXUINT32);
    if (count > FEW)
        sort_many(elements, count, order);
    else
        sort_few(elements, count, order);
}
