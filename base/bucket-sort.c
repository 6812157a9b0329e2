/*
 * A bucket for every few elements, by ranges of equal width of their keys; each element is put
 * into the next free place of its bucket, and the one that stood there is the next to be put
 * ("American flag sort", McIlroy, Bostic and McIlroy, 1993). What is in a bucket is then sorted
 * by itself: a few by insertion, many, as of one value that comes again and again, by qsort().
 */
#include "base/bucket-sort.h"

#include <stdlib.h>

enum { FEW = 24, LARGEST = 64, MOST_BUCKETS = 1 << 16 };

typedef struct {
    const LampBucketOrder *order;
    guint8 *elements;
    gsize count;
    guint64 first; /* lowest key */
    guint shift;   /* of a key's distance from it, to the number of the bucket */
    gsize buckets;
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

static void
choose_buckets(Sort *s)
{
    guint64 last = 0, most = MIN(s->count, (gsize) MOST_BUCKETS);
    s->first = G_MAXUINT64;
    for (gsize i = 0; i < s->count; i++) {
        guint64 key = key_of(s, element(s, i));
        s->first = MIN(s->first, key);
        last = MAX(last, key);
    }
    while ((last - s->first) >> s->shift >= most)
        s->shift++;
    s->buckets = (gsize) ((last - s->first) >> s->shift) + 1;
}

/* Moves the element at @at home, the one that stood there too, and so on, until one comes whose
 * bucket is @bucket, in which @at is. @next: where the next elements of the buckets go. */
static void
follow(const Sort *s, guint8 *at, gsize bucket, guint32 *next)
{
    guint8 moved[LARGEST], other[LARGEST];
    gsize size = s->order->size;
    memcpy(moved, at, size);
    for (gsize home = bucket_of(s, moved); home != bucket; home = bucket_of(s, moved)) {
        guint8 *place = element(s, next[home]++);
        memcpy(other, place, size);
        memcpy(place, moved, size);
        memcpy(moved, other, size);
    }
    memcpy(at, moved, size);
}

static void
distribute(const Sort *s, guint32 *next, const guint32 *ends)
{
    for (gsize b = 0; b < s->buckets; b++)
        for (; next[b] < ends[b]; next[b]++)
            if (bucket_of(s, element(s, next[b])) != b)
                follow(s, element(s, next[b]), b, next);
}

static void
sort_few(const Sort *s, gsize begin, gsize end)
{
    guint8 moved[LARGEST];
    gsize size = s->order->size;
    for (gsize i = begin + 1; i < end; i++) {
        gsize k = i;
        if (s->order->compare(element(s, i - 1), element(s, i)) <= 0)
            continue;
        memcpy(moved, element(s, i), size);
        for (; k > begin && s->order->compare(moved, element(s, k - 1)) < 0; k--)
            memcpy(element(s, k), element(s, k - 1), size);
        memcpy(element(s, k), moved, size);
    }
}

void
lamp_bucket_sort(gpointer elements, gsize count, const LampBucketOrder *order)
{
    Sort s = {.order = order, .elements = elements, .count = count};
    g_return_if_fail(order->size <= LARGEST && count < G_MAXUINT32);
    if (count < 2)
        return;
    choose_buckets(&s);
    guint32 *ends = g_new0(guint32, s.buckets), *next = g_new(guint32, s.buckets);
    for (gsize i = 0; i < count; i++)
        ends[bucket_of(&s, element(&s, i))]++;
    for (gsize b = 0, sum = 0; b < s.buckets; b++) {
        next[b] = (guint32) sum;
        sum += ends[b];
        ends[b] = (guint32) sum;
    }
    distribute(&s, next, ends);
    for (gsize b = 0, begin = 0; b < s.buckets; begin = ends[b++])
        if (ends[b] - begin <= FEW)
            sort_few(&s, begin, ends[b]);
        else
            qsort(element(&s, begin), ends[b] - begin, order->size, order->compare);
    g_free(ends);
    g_free(next);
}
