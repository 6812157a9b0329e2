/*
 * Compares what logs and captures say a call was.
 */
#include "base/keyed-map.h"
#include "correlate/logs.h"

#include <string.h>

struct LampTexts {
    LampCorrelation *c;
    guint64 *paths; /* beside the observations */
};

static void
add_path_value(LampTexts *texts, gint64 observation, guint32 slot, const char *value)
{
    LampCorrelation *c = texts->c;
    guint low = 0;
    guint high = c->observations->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (lamp_observation(c, middle)->id < observation)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == c->observations->len || lamp_observation(c, low)->id != observation ||
        value == NULL)
        return;
    guint64 hash = lamp_content_hash(lamp_bytes_text(value));
    texts->paths[low] += hash * (2 * (guint64) slot + 1); /* a sum: order does not matter */
}

LampTexts *
lamp_texts_new(LampCorrelation *c, GError **error)
{
    g_autoptr(LampTexts) texts = g_new0(LampTexts, 1);
    texts->c = c;
    texts->paths = g_new0(guint64, (gsize) c->observations->len + 1);
    g_autoptr(LampStatement) rows = lamp_statement_new(
        c->store,
        "SELECT observation_id, slot_id, value FROM observation_values WHERE slot_id IN"
        " (SELECT string_id FROM strings WHERE text GLOB 'path.*') AND side = 1",
        error);
    gboolean has_row;
    while (rows != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return g_steal_pointer(&texts);
        add_path_value(texts, lamp_statement_int(rows, 0),
                       (guint32) lamp_statement_int(rows, 1), lamp_statement_text(rows, 2));
    }
    return NULL;
}

void
lamp_texts_free(LampTexts *texts)
{
    if (texts == NULL)
        return;
    g_free(texts->paths);
    g_free(texts);
}

guint64
lamp_texts_path(const LampTexts *texts, guint32 observation)
{
    return observation != LAMP_INDEX_NONE ? texts->paths[observation] : 0;
}

static const char *
last_part(const char *text)
{
    const char *slash = strrchr(text, '/');
    const char *dot = strrchr(text, '.');
    const char *last = slash > dot ? slash : dot;
    return last != NULL ? last + 1 : text;
}

gboolean
lamp_texts_same_operation(const LampTexts *texts, guint32 a, guint32 b)
{
    if (a == b || a == 0 || b == 0)
        return TRUE;
    const char *x = lamp_store_text(texts->c->store, a);
    const char *y = lamp_store_text(texts->c->store, b);
    if (x == NULL || y == NULL)
        return TRUE;
    gboolean x_is_word = strpbrk(x, " /.") == NULL;
    gboolean y_is_word = strpbrk(y, " /.") == NULL;
    return x_is_word != y_is_word && strcmp(last_part(x), last_part(y)) == 0;
}
