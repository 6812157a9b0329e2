/*
 * What is known of the values at one variable place of a template: types, how many different
 * ones, range of numbers, a sample. Places that become one are merged; the result depends on
 * the set of values alone, not on their order.
 */
#pragma once

#include "base/arena.h"
#include "ingest/log/template-type.h"

enum {
    LAMP_PLACE_EXACT = 8,
    LAMP_PLACE_SAMPLES = 3,
    LAMP_PLACE_SAMPLE_BYTES = 47,
    LAMP_PLACE_PARTS = 4,
    LAMP_PLACE_VARYING = 255
};

typedef struct {
    guint64 hash;
    guint8 length;
    char text[LAMP_PLACE_SAMPLE_BYTES];
} LampPlaceSample;

/* Of how many parts all values are, what joins them, and what these are. */
typedef struct {
    guint8
        count; /* 0: no value yet; LAMP_PLACE_VARYING: not all alike, types[0] has them all */
    guint8 joins[LAMP_PLACE_PARTS - 1]; /* `,`, `:` or 0, and the blanks around it */
    guint16 types[LAMP_PLACE_PARTS];    /* LAMP_TYPE_… */
} LampPlaceShape;

/* Zeroed at first. */
typedef struct {
    LampPlaceShape shape;
    guint8 exact_count, sample_count;
    gboolean has_number;
    double least, greatest;
    guint64 last; /* hash of the value before */
    guint64 exact[LAMP_PLACE_EXACT];
    guint8 *registers; /* in the arena, where there are more values than that */
    LampPlaceSample samples[LAMP_PLACE_SAMPLES];
} LampPlace;

/* One more value: @value holds @count variables from @parts on; none is an empty value. O(n) in
 * its length. The arena keeps what grows; when that is full, values are no longer counted. */
void lamp_place_add(LampPlace *place, LampBytes value, const LampVariable *parts, guint count,
                    LampArena *arena);

/* A value of which nothing is known. */
void lamp_place_add_unknown(LampPlace *place);

/* Adds what is known of @from. */
void lamp_place_merge(LampPlace *place, const LampPlace *from, LampArena *arena);

/* Number of different values: exact up to LAMP_PLACE_EXACT, then within 6.5 % (one standard
 * error). */
guint64 lamp_place_distinct(const LampPlace *place);

/* The type of the place, before the constant text @behind: `integer`; `ip: integer` where each
 * value has two parts; `word list` where the number of parts differs. Appended to @out, each
 * part @in_brackets: `<ip>: <integer>`. */
void lamp_place_type(const LampPlace *place, LampBytes behind, gboolean in_brackets,
                     GString *out);

/* Are all values integers, or (@out_is_decimal) numbers? */
gboolean lamp_place_is_number(const LampPlace *place, gboolean *out_is_decimal);
