/*
 * Compares what logs and captures say a call was, and keeps the values that may name requests:
 * those of fields made for that, and of a log's other fields all that look drawn at random.
 */
#include "base/keyed-map.h"
#include "correlate/logs.h"
#include "correlate/passes.h"
#include "correlate/request-ids.h"
#include "store/fields.h"

#include <string.h>

#define LEAST_ID 8 /* characters of a value that may name a request */

struct LampTexts {
    LampCorrelation *c;
    guint64 *paths; /* beside the observations */
    guint64 *ids;   /* likewise: hash of the first request id, 0 none */
    GArray *uses;   /* LampIdUse */
};

/* Letters and digits, mixed, and more than a few. */
static gboolean
may_name_request(const char *value)
{
    gsize letters = 0, digits = 0;
    for (const char *p = value; *p != '\0'; p++) {
        letters += g_ascii_isalpha(*p) ? 1 : 0;
        digits += g_ascii_isdigit(*p) ? 1 : 0;
        if (!g_ascii_isalnum(*p) && strchr("-_:;.", *p) == NULL)
            return FALSE;
    }
    return letters > 0 && digits > 0 && letters + digits >= LEAST_ID;
}

static void
add_value(LampTexts *texts, guint32 observation, guint32 slot, const char *value,
          gboolean is_path)
{
    guint64 hash = lamp_content_hash(lamp_request_id_shared_part(value));
    LampIdUse use = {hash, observation, slot};
    if (is_path) /* a sum: order does not matter */
        texts->paths[observation] +=
            lamp_content_hash(lamp_bytes_text(value)) * (2 * (guint64) slot + 1);
    else
        g_array_append_val(texts->uses, use);
}

/* Values of one side of an observation. */
static void
add_values(LampTexts *texts, GHashTable *id_slots, LampFieldScan *scan, guint32 observation,
           gboolean is_request)
{
    const char *name, *value;
    gboolean is_line = lamp_observation(texts->c, observation)->origin == LAMP_FROM_LOG;
    while (lamp_field_scan_next(scan, &name, &value)) {
        guint32 slot = (guint32) lamp_store_find(texts->c->store, lamp_bytes_text(name));
        gboolean is_id = g_hash_table_contains(id_slots, GUINT_TO_POINTER(slot));
        gboolean is_path = !is_id && g_str_has_prefix(name, "path.");
        if (is_id && texts->ids[observation] == 0)
            texts->ids[observation] = lamp_content_hash(lamp_request_id_shared_part(value));
        if (is_path ? is_request : is_id || (is_line && may_name_request(value)))
            add_value(texts, observation, slot, value, is_path);
    }
}

static gint
compare_uses(gconstpointer left, gconstpointer right)
{
    const LampIdUse *a = left;
    const LampIdUse *b = right;
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    if (a->observation != b->observation)
        return a->observation < b->observation ? -1 : 1;
    return a->name < b->name ? -1 : a->name > b->name;
}

/* Sorts the uses and lets go those of values that one observation alone has. */
static void
keep_shared(GArray *uses)
{
    guint kept = 0;
    g_array_sort(uses, compare_uses);
    for (guint i = 0, end; i < uses->len; i = end) {
        const LampIdUse *first = &g_array_index(uses, LampIdUse, i);
        for (end = i + 1; end < uses->len; end++)
            if (g_array_index(uses, LampIdUse, end).value != first->value)
                break;
        if (g_array_index(uses, LampIdUse, end - 1).observation == first->observation)
            continue;
        for (guint k = i; k < end; k++)
            g_array_index(uses, LampIdUse, kept++) = g_array_index(uses, LampIdUse, k);
    }
    g_array_set_size(uses, kept);
}

LampTexts *
lamp_texts_new(LampCorrelation *c, GError **error)
{
    g_autoptr(GHashTable) id_slots = lamp_request_id_slots(c->store, error);
    if (id_slots == NULL)
        return NULL;
    g_autoptr(LampTexts) texts = g_new0(LampTexts, 1);
    texts->c = c;
    texts->paths = g_new0(guint64, (gsize) c->observations->len + 1);
    texts->ids = g_new0(guint64, (gsize) c->observations->len + 1);
    texts->uses = g_array_new(FALSE, FALSE, sizeof(LampIdUse));
    g_autoptr(LampStatement) rows = lamp_statement_new(
        c->store, "SELECT observation_id, request_values, response_values FROM observations",
        error);
    g_auto(LampFieldScan) scan = {NULL, NULL};
    gboolean has_row;
    while (rows != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row) {
            keep_shared(texts->uses);
            return g_steal_pointer(&texts);
        }
        guint32 observation = lamp_find_observation(c, lamp_statement_int(rows, 0));
        for (int side = 1; side <= 2 && observation != LAMP_INDEX_NONE; side++) {
            lamp_field_scan_start(&scan, lamp_statement_text(rows, side));
            add_values(texts, id_slots, &scan, observation, side == 1);
        }
    }
    return NULL;
}

void
lamp_texts_free(LampTexts *texts)
{
    if (texts == NULL)
        return;
    g_free(texts->paths);
    g_free(texts->ids);
    g_array_unref(texts->uses);
    g_free(texts);
}

const GArray *
lamp_texts_uses(const LampTexts *texts)
{
    return texts->uses;
}

gboolean
lamp_texts_ids_differ(const LampTexts *texts, guint32 a, guint32 b)
{
    return a != LAMP_INDEX_NONE && b != LAMP_INDEX_NONE && texts->ids[a] != 0 &&
           texts->ids[b] != 0 && texts->ids[a] != texts->ids[b];
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
