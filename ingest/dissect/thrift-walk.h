/*
 * Finds where a Thrift message without a length ends.
 *
 * Such messages are read value by value. What was read stays noted, so that a message which
 * arrives in many pieces is walked once.
 */
#pragma once

#include "base/bytes.h"

enum { LAMP_THRIFT_DEPTH = 32 };

/* A struct, list or map whose end is still to come. */
typedef struct {
    guint8 kind;     /* thrift-walk.c's */
    guint8 types[2]; /* of a list's elements; of a map's keys and values */
    guint64 left;    /* values */
} LampThriftLevel;

typedef struct {
    gsize at; /* bytes of the message that were walked */
    guint8 depth;
    gboolean is_compact;
    LampThriftLevel levels[LAMP_THRIFT_DEPTH];
} LampThriftWalk;

typedef enum { LAMP_THRIFT_MORE, LAMP_THRIFT_END, LAMP_THRIFT_BAD } LampThriftResult;

/* Begins with the struct that follows a message header of @head bytes. */
void lamp_thrift_walk_begin(LampThriftWalk *walk, gsize head, gboolean is_compact);

/* Goes on in @message, which holds at least what it held before. At the end walk->at is its
 * length. O(new bytes). */
LampThriftResult lamp_thrift_walk(LampThriftWalk *walk, LampBytes message);

/* Unsigned number of up to 32 bits in groups of seven. */
gboolean lamp_thrift_varint(LampCursor *c, guint32 *out_value);
