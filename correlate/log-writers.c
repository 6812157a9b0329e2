/*
 * Who wrote each record of a log that several wrote to: a central syslog, JSON lines of all
 * containers in one file.
 *
 * In: log observations with the program and host that their records name (`cart`, `nginx@web1`,
 * `@web1`). Out: a source of its own for each of them, part of the file's, so that hosts,
 * clocks and services are told apart; a log with one writer keeps its source, which takes the
 * program's name. What a record does not name is the file's.
 */
#include "base/keyed-map.h"
#include "correlate/passes.h"

#include <string.h>

#define MAP_BUDGET ((gsize) 256 << 20)

/* More are those of a field that names no program. */
enum { MOST_WRITERS = 4096 };

/* Splits `program@host`; parts that it does not name stay NULL. The caller frees. */
static void
split_writer(const char *text, char **out_program, char **out_machine)
{
    const char *at = strrchr(text, '@');
    gsize length = at != NULL ? (gsize) (at - text) : strlen(text);
    *out_program = length > 0 ? g_strndup(text, length) : NULL;
    *out_machine = at != NULL && at[1] != '\0' ? g_strdup(at + 1) : NULL;
}

static gboolean
is_written(const LampObservation *seen)
{
    return seen->origin == LAMP_FROM_LOG && seen->process != 0 &&
           seen->source != LAMP_INDEX_NONE;
}

/* How many writers each source has; those of the last budget count as one. */
static guint32 *
count_writers(LampCorrelation *c, LampKeyedMap *writers)
{
    guint32 *counts = g_new0(guint32, (gsize) c->sources->len + 1);
    guint32 last[2] = {LAMP_INDEX_NONE, 0};
    for (guint i = 0; i < c->observations->len; i++) {
        const LampObservation *seen = lamp_observation(c, i);
        guint32 key[2] = {seen->source, seen->process};
        gboolean is_new = FALSE;
        if (!is_written(seen) || memcmp(key, last, sizeof key) == 0)
            continue;
        memcpy(last, key, sizeof last);
        (void) lamp_keyed_map_add(writers, lamp_bytes(key, sizeof key), &is_new);
        counts[seen->source] += is_new ? 1 : 0;
    }
    return counts;
}

static void
add_part(LampCorrelation *c, guint32 whole, guint32 process)
{
    const LampSource *file = lamp_source(c, whole);
    const char *text = lamp_store_text(c->store, process);
    LampSource part = {
        .id = file->id,
        .kind = file->kind,
        .label = g_strdup(file->label),
        .path = g_strdup(file->path),
        .is_told = file->is_told,
        .host = LAMP_INDEX_NONE,
        .part_of = whole,
    };
    split_writer(text != NULL ? text : "", &part.program, &part.machine);
    g_array_append_val(c->sources, part);
}

/* The source of what @seen's writer wrote. */
static guint32
source_of(LampCorrelation *c, LampKeyedMap *writers, const LampObservation *seen)
{
    guint32 key[2] = {seen->source, seen->process};
    guint64 *number = lamp_keyed_map_find(writers, lamp_bytes(key, sizeof key));
    if (number == NULL)
        return seen->source;
    if (*number == 0) {
        add_part(c, seen->source, seen->process);
        *number = c->sources->len;
    }
    return (guint32) (*number - 1);
}

/* A program that runs on several hosts is named with its host. */
static void
label_parts(LampCorrelation *c, guint32 first)
{
    g_autoptr(LampKeyedMap) firsts = lamp_keyed_map_new(MAP_BUDGET);
    g_autofree guint8 *has_more = g_new0(guint8, (gsize) c->sources->len + 1);
    g_autofree guint32 *first_of = g_new0(guint32, (gsize) c->sources->len + 1);
    for (guint32 i = first; i < c->sources->len; i++) {
        LampSource *part = lamp_source(c, i);
        gboolean is_new = FALSE;
        guint64 *known =
            part->program != NULL
                ? lamp_keyed_map_add(firsts, lamp_bytes_text(part->program), &is_new)
                : NULL;
        if (known != NULL && is_new)
            *known = i;
        first_of[i] = known != NULL ? (guint32) *known : i;
        has_more[first_of[i]] |=
            g_strcmp0(lamp_source(c, first_of[i])->machine, part->machine) != 0;
    }
    for (guint32 i = first; i < c->sources->len; i++) {
        LampSource *part = lamp_source(c, i);
        gboolean has_both =
            part->program != NULL && part->machine != NULL && has_more[first_of[i]];
        const char *name = part->program != NULL ? part->program : part->machine;
        if (part->is_told || name == NULL)
            continue;
        g_free(part->label);
        part->label =
            has_both ? g_strdup_printf("%s@%s", part->program, part->machine) : g_strdup(name);
    }
}

/* Logs of which no call is left that is not a part's. */
static void
mark_split(LampCorrelation *c, guint32 first)
{
    for (guint32 i = first; i < c->sources->len; i++)
        lamp_source(c, lamp_source(c, i)->part_of)->is_split = TRUE;
    for (guint i = 0; i < c->observations->len; i++) {
        guint32 source = lamp_observation(c, i)->source;
        if (source < first)
            lamp_source(c, source)->is_split = FALSE;
    }
}

static void
name_only_writer(LampCorrelation *c, const LampObservation *seen)
{
    LampSource *source = lamp_source(c, seen->source);
    const char *text = lamp_store_text(c->store, seen->process);
    if (source->program == NULL && source->machine == NULL && text != NULL)
        split_writer(text, &source->program, &source->machine);
}

gboolean
lamp_pass_writers(LampCorrelation *c, G_GNUC_UNUSED GError **error)
{
    g_autoptr(LampKeyedMap) writers = lamp_keyed_map_new(MAP_BUDGET);
    g_autofree guint32 *counts = count_writers(c, writers);
    guint32 first = c->sources->len;
    for (guint i = 0; i < c->observations->len; i++) {
        LampObservation *seen = lamp_observation(c, i);
        if (!is_written(seen) || counts[seen->source] > MOST_WRITERS)
            continue;
        if (counts[seen->source] == 1)
            name_only_writer(c, seen);
        else
            seen->source = source_of(c, writers, seen);
    }
    label_parts(c, first);
    mark_split(c, first);
    return TRUE;
}
