/* Sorting in place of elements that have a number first in their order. */
#pragma once

#include "base/bytes.h"

typedef struct {
    gsize size;       /* of an element, at most 64 bytes */
    gsize key_offset; /* of a guint64, by which the order goes first */
    int (*compare)(const void *, const void *); /* the whole order, which is a total one */
} LampBucketOrder;

/* Sorts @count elements. O(n) where the keys are spread evenly, else O(n log n). Beside the
 * elements some kilobytes are held, and half of the elements that share one key. */
void lamp_bucket_sort(gpointer elements, gsize count, const LampBucketOrder *order);
