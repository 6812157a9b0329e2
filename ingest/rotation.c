/*
 * Rotation as logrotate, savelog, log4j, logback and container runtimes do it.
 *
 * In: paths. Out: the family of a path (folder and name without what rotation appended) and an
 * order: numbers count down (`app.log.2`, `app.log.1`), days count up, and the file that has
 * neither is the newest. Endings of compression are passed over. What looks like a number or a
 * day of rotation is no part of the family, even if it was one of the name: then files of
 * different logs are read one after the other, which does no harm.
 */
#include "ingest/rotation.h"

#include <string.h>

typedef enum { NUMBERED, DATED, NEWEST } Kind;

typedef struct {
    char *family; /* owned */
    char *date;   /* owned, or NULL */
    Kind kind;
    guint number;
} Rotation;

/* Cuts the last of @endings (NULL-terminated) that @name has; what was cut, or NULL. */
static const char *
cut_ending(char *name, const char *const *endings)
{
    for (; *endings != NULL; endings++)
        if (g_str_has_suffix(name, *endings) && strlen(name) > strlen(*endings)) {
            name[strlen(name) - strlen(*endings)] = '\0';
            return *endings;
        }
    return NULL;
}

/* `.3`: at most four digits. */
static gboolean
cut_number(char *name, guint *out_number)
{
    enum { DIGITS = 4 };
    gsize end = strlen(name), at = end;
    guint number = 0, unit = 1;
    for (; at > 0 && end - at < DIGITS && g_ascii_isdigit(name[at - 1]); at--, unit *= 10)
        number += unit * (guint) (name[at - 1] - '0');
    if (at == end || at < 2 || name[at - 1] != '.')
        return FALSE;
    name[at - 1] = '\0';
    *out_number = number;
    return TRUE;
}

/* `-20261121`, `.2026-11-21`, `_2026-11-21T09`: a year of this century and what follows it. */
static gboolean
cut_date(char *name, char **out_date)
{
    enum { LEAST = 7 };
    gsize end = strlen(name), at = end;
    while (at > 0 && (g_ascii_isdigit(name[at - 1]) || strchr("-_.T", name[at - 1]) != NULL))
        at--;
    for (; at > 0 && at + LEAST <= end; at++) {
        if (strchr("-_.", name[at]) == NULL || name[at + 1] != '2' || name[at + 2] != '0' ||
            !g_ascii_isdigit(name[at + 3]) || !g_ascii_isdigit(name[at + 4]))
            continue;
        *out_date = g_strdup(name + at + 1);
        name[at] = '\0';
        return TRUE;
    }
    return FALSE;
}

static void
read_rotation(const char *path, Rotation *out)
{
    static const char *const packed[] = {".gz", ".xz", ".zst", ".bz2", ".lz4", ".Z", NULL};
    static const char *const kinds[] = {".log", ".json", ".txt", ".out", ".err", ".csv", NULL};
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    g_autofree char *folder = g_strndup(path, (gsize) (base - path));
    g_autofree char *name = g_strdup(base);
    *out = (Rotation){.kind = NEWEST};
    (void) cut_ending(name, packed);
    g_autofree char *whole = g_strdup(name);
    gboolean has_number = cut_number(name, &out->number);
    gboolean has_date = cut_date(name, &out->date);
    const char *ending = NULL;
    if (!has_date && (ending = cut_ending(name, kinds)) != NULL) {
        guint number;
        gboolean counts = cut_number(name, &number);
        has_date = cut_date(name, &out->date);
        if (has_date && counts)
            out->number = number;
        else if (!has_date && counts) { /* a part of the name */
            g_free(name);
            name = g_strdup(whole);
            ending = NULL;
            (void) (has_number && cut_number(name, &out->number));
        }
    }
    if (has_date || has_number)
        out->kind = has_date ? DATED : NUMBERED;
    out->family = g_strconcat(folder, name, ending, NULL);
}

static void
clear_rotation(Rotation *rotation)
{
    g_free(rotation->family);
    g_free(rotation->date);
}

char *
lamp_rotation_family(const char *path)
{
    Rotation rotation;
    read_rotation(path, &rotation);
    g_free(rotation.date);
    return rotation.family;
}

gint
lamp_rotation_compare(const char *a, const char *b)
{
    Rotation x, y;
    read_rotation(a, &x);
    read_rotation(b, &y);
    gint order = strcmp(x.family, y.family);
    if (order == 0)
        order = (gint) x.kind - (gint) y.kind;
    if (order == 0)
        order = g_strcmp0(x.date, y.date);
    if (order == 0 && x.number != y.number) /* of one day they count up */
        order = (x.number < y.number) == (x.kind == DATED) ? -1 : 1;
    clear_rotation(&x);
    clear_rotation(&y);
    return order != 0 ? order : strcmp(a, b);
}
