/*
 * Unusual paths: shapes that few requests to an operation take, or that fail, and how they
 * differ from the shape that its requests usually have.
 */
#pragma once

#include "model/shape.h"

typedef struct {
    guint shape, usual;      /* numbers of lamp_shapes_get() */
    guint64 count, requests; /* of this shape; to the operation, all shapes */
    guint64 errors;
    gboolean is_rare; /* below one in a hundred of the operation's requests */
    GArray *more;     /* guint32 labels called oftener than in the usual shape, each once */
    GArray *fewer;    /* guint32 labels called less often */
} LampUnusual;

/* LampUnusual of the shapes that are rare or answered with an error, failing ones first, then
 * rarest first. Background shapes are left out. Caller unrefs. */
GArray *lamp_unusual_find(const LampShapes *shapes);
