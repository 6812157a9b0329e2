/*
 * Statistics of one place, updated for each value.
 *
 * Different values are counted by their hashes: up to eight exactly, then by HyperLogLog (P.
 * Flajolet and others, 2007) with 256 registers; small counts by the empty registers (linear
 * counting). The sample is of the values with the least hashes, which is a random sample of the
 * different values and the same in any order of them.
 *
 * Limits: whoever chooses the values can make hashes meet, which blurs the count.
 */
#include "ingest/log/template-place.h"
#include "base/value-hash.h"

#include <math.h>

enum { REGISTER_BITS = 8, REGISTERS = 1 << REGISTER_BITS };

static void
count_in_registers(LampPlace *place, guint64 hash)
{
    if (place->registers == NULL)
        return;
    guint64 rest = hash >> REGISTER_BITS | (guint64) 1 << (64 - REGISTER_BITS);
    guint8 rank = (guint8) (__builtin_ctzll(rest) + 1);
    guint8 *of = &place->registers[hash & (REGISTERS - 1)];
    if (*of < rank)
        *of = rank;
}

static void
begin_registers(LampPlace *place, LampArena *arena)
{
    place->registers = lamp_arena_take(arena, REGISTERS);
    for (guint i = 0; i < LAMP_PLACE_EXACT; i++)
        count_in_registers(place, place->exact[i]);
}

static gboolean
is_exact(const LampPlace *place, guint64 hash)
{
    for (guint i = 0; i < place->exact_count; i++)
        if (place->exact[i] == hash)
            return TRUE;
    return FALSE;
}

static void
count(LampPlace *place, guint64 hash, LampArena *arena)
{
    if (place->registers == NULL) {
        if (is_exact(place, hash))
            return;
        if (place->exact_count < LAMP_PLACE_EXACT) {
            place->exact[place->exact_count++] = hash;
            return;
        }
        begin_registers(place, arena);
    }
    count_in_registers(place, hash);
}

/* Where a value with @hash belongs among the samples, or LAMP_PLACE_SAMPLES. */
static guint
sample_rank(const LampPlace *place, guint64 hash)
{
    guint i = 0;
    while (i < place->sample_count && place->samples[i].hash < hash)
        i++;
    return i < place->sample_count && place->samples[i].hash == hash ? LAMP_PLACE_SAMPLES : i;
}

static LampPlaceSample *
open_sample(LampPlace *place, guint64 hash)
{
    guint rank = sample_rank(place, hash);
    if (rank == LAMP_PLACE_SAMPLES)
        return NULL;
    place->sample_count = (guint8) MIN(place->sample_count + 1, LAMP_PLACE_SAMPLES);
    for (guint i = place->sample_count - 1u; i > rank; i--)
        place->samples[i] = place->samples[i - 1];
    place->samples[rank].hash = hash;
    return &place->samples[rank];
}

static void
sample(LampPlace *place, LampBytes value, guint64 hash)
{
    if (place->sample_count == LAMP_PLACE_SAMPLES &&
        hash >= place->samples[LAMP_PLACE_SAMPLES - 1].hash)
        return;
    LampPlaceSample *kept = open_sample(place, hash);
    if (kept == NULL)
        return;
    kept->length = (guint8) MIN(value.len, sizeof kept->text);
    memcpy(kept->text, value.at, kept->length);
}

static void
widen(LampPlace *place, double least, double greatest)
{
    if (!place->has_number || least < place->least)
        place->least = least;
    if (!place->has_number || greatest > place->greatest)
        place->greatest = greatest;
    place->has_number = TRUE;
}

/* ---- the shape of values */

enum { BLANK_BEFORE = 0x80, BLANK_BEHIND = 0x40 };

/* What stands between two parts: blanks and at most one `,` or `:`. */
static guint8
join_of(const guint8 *at, const guint8 *end)
{
    guint8 join = 0;
    for (; at < end; at++) {
        if (*at == ',' || *at == ':')
            join = (guint8) ((join != 0 ? BLANK_BEFORE : 0) | *at);
        else
            join |= BLANK_BEHIND;
    }
    return join;
}

static LampPlaceShape
shape_of(LampBytes value, const LampVariable *parts, guint count)
{
    LampPlaceShape shape = {.count = 1};
    guint16 joined = count > 1 ? lamp_joined_type(value) : 0;
    if (count == 1 || joined != 0) {
        shape.types[0] = joined != 0 ? joined : lamp_value_type(value, parts[0].kind);
        return shape;
    }
    shape.count = count <= LAMP_PLACE_PARTS ? (guint8) count : LAMP_PLACE_VARYING;
    for (guint i = 0; i < count; i++) {
        guint at = shape.count == LAMP_PLACE_VARYING ? 0 : i;
        shape.types[at] |= lamp_value_type(parts[i].value, parts[i].kind);
        if (i > 0 && shape.count != LAMP_PLACE_VARYING)
            shape.joins[i - 1] =
                join_of(parts[i - 1].value.at + parts[i - 1].value.len, parts[i].value.at);
    }
    if (count == 2 && shape.joins[0] == ':' && shape.types[0] == LAMP_TYPE_IP &&
        shape.types[1] == LAMP_TYPE_INTEGER)
        return (LampPlaceShape){.count = 1, .types = {LAMP_TYPE_IP_PORT}};
    return shape;
}

static void
add_shape(LampPlaceShape *to, const LampPlaceShape *from)
{
    gboolean is_alike =
        to->count == from->count && memcmp(to->joins, from->joins, sizeof to->joins) == 0;
    if (from->count == 0)
        return;
    if (to->count == 0) {
        *to = *from;
        return;
    }
    for (guint i = 0; i < LAMP_PLACE_PARTS; i++)
        to->types[i] |= from->types[i];
    if (is_alike)
        return;
    for (guint i = 1; i < LAMP_PLACE_PARTS; i++)
        to->types[0] |= to->types[i];
    *to = (LampPlaceShape){.count = LAMP_PLACE_VARYING, .types = {to->types[0]}};
}

/* ---- */

/* The type of a value that is one, which most are; 0 of others. */
static guint16
add_type(LampPlace *place, LampBytes value, const LampVariable *parts, guint part_count)
{
    if (part_count == 1 && place->shape.count == 1) {
        guint16 type = lamp_value_type(value, parts->kind);
        place->shape.types[0] |= type;
        return type;
    }
    LampPlaceShape shape = shape_of(value, parts, part_count);
    add_shape(&place->shape, &shape);
    return shape.count == 1 ? shape.types[0] : 0;
}

void
lamp_place_add(LampPlace *place, LampBytes value, const LampVariable *parts, guint part_count,
               LampArena *arena)
{
    double number;
    if (part_count == 0)
        return;
    guint64 hash = lamp_value_hash(value);
    if ((hash == place->last && place->exact_count > 0) ||
        (place->registers == NULL && is_exact(place, hash)))
        return;
    place->last = hash;
    guint16 type = add_type(place, value, parts, part_count);
    count(place, hash, arena);
    sample(place, value, hash);
    if ((type & (LAMP_TYPE_INTEGER | LAMP_TYPE_DECIMAL)) != 0 &&
        lamp_value_number(value, &number))
        widen(place, number, number);
}

void
lamp_place_add_unknown(LampPlace *place)
{
    place->shape = (LampPlaceShape){.count = LAMP_PLACE_VARYING, .types = {LAMP_TYPE_OTHER}};
}

void
lamp_place_merge(LampPlace *place, const LampPlace *from, LampArena *arena)
{
    add_shape(&place->shape, &from->shape);
    for (guint i = 0; i < from->exact_count; i++)
        count(place, from->exact[i], arena);
    if (from->registers != NULL && place->registers == NULL)
        begin_registers(place, arena);
    for (guint i = 0; i < REGISTERS && from->registers != NULL && place->registers != NULL; i++)
        place->registers[i] = MAX(place->registers[i], from->registers[i]);
    for (guint i = 0; i < from->sample_count; i++)
        sample(place, lamp_bytes(from->samples[i].text, from->samples[i].length),
               from->samples[i].hash);
    if (from->has_number)
        widen(place, from->least, from->greatest);
}

guint64
lamp_place_distinct(const LampPlace *place)
{
    const double alpha = 0.7213 / (1 + 1.079 / REGISTERS);
    double sum = 0;
    guint empty = 0;
    if (place->registers == NULL)
        return place->exact_count;
    for (guint i = 0; i < REGISTERS; i++) {
        sum += ldexp(1, -place->registers[i]);
        empty += place->registers[i] == 0 ? 1 : 0;
    }
    double estimate = alpha * REGISTERS * REGISTERS / sum;
    if (estimate <= 2.5 * REGISTERS && empty > 0)
        estimate = REGISTERS * log((double) REGISTERS / empty);
    return (guint64) MAX(llround(estimate), LAMP_PLACE_EXACT + 1);
}

static void
append_join(guint8 join, GString *out)
{
    char mark = (char) (join & ~(BLANK_BEFORE | BLANK_BEHIND));
    if ((join & BLANK_BEFORE) != 0)
        g_string_append_c(out, ' ');
    if (mark != 0)
        g_string_append_c(out, mark);
    if ((join & BLANK_BEHIND) != 0)
        g_string_append_c(out, ' ');
}

static void
append_type(const char *name, const char *more, gboolean in_brackets, GString *out)
{
    g_string_append(out, in_brackets ? "<" : "");
    g_string_append(out, name);
    g_string_append(out, name[0] == '*' ? "" : more);
    g_string_append(out, in_brackets ? ">" : "");
}

void
lamp_place_type(const LampPlace *place, LampBytes behind, gboolean in_brackets, GString *out)
{
    const LampPlaceShape *shape = &place->shape;
    const LampBytes nothing = lamp_bytes(NULL, 0);
    if (shape->count == LAMP_PLACE_VARYING) {
        append_type(lamp_types_name(shape->types[0], nothing), " list", in_brackets, out);
        return;
    }
    for (guint i = 0; i < MAX(shape->count, 1); i++) {
        gboolean is_last = i + 1 >= shape->count;
        if (i > 0)
            append_join(shape->joins[i - 1], out);
        append_type(lamp_types_name(shape->types[i], is_last ? behind : nothing), "",
                    in_brackets, out);
    }
}

gboolean
lamp_place_is_number(const LampPlace *place, gboolean *out_is_decimal)
{
    guint types = place->shape.types[0];
    *out_is_decimal = (types & LAMP_TYPE_DECIMAL) != 0;
    return place->shape.count == 1 && place->has_number &&
           (types & ~(guint) (LAMP_TYPE_INTEGER | LAMP_TYPE_DECIMAL)) == 0;
}
