/*
 * From masked texts to templates, in the store.
 *
 * Readers give each event its masked message. When all files are read this looks at the
 * different ones among them, merges them (template-merge.c) and rewrites `events.template_id`
 * where a text became part of a more general template.
 */
#include "ingest/log/template-store.h"
#include "ingest/log/template.h"
#include "store/statement.h"

static gboolean
read_ids(LampStore *store, GArray *ids, GError **error)
{
    gboolean has_row = FALSE;
    g_autoptr(LampStatement) rows = lamp_statement_new(
        store, "SELECT DISTINCT template_id FROM events WHERE template_id IS NOT NULL", error);
    if (rows == NULL)
        return FALSE;
    while (lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        gint64 id = lamp_statement_int(rows, 0);
        g_array_append_val(ids, id);
    }
    return FALSE;
}

static void
collect_ids(const GByteArray *seen, GArray *ids)
{
    for (gint64 id = 0; id < (gint64) seen->len; id++)
        if (seen->data[id] != 0)
            g_array_append_val(ids, id);
}

static gint
compare_texts(gconstpointer x, gconstpointer y, gpointer store)
{
    const char *a = lamp_store_text(store, *(const gint64 *) x);
    const char *b = lamp_store_text(store, *(const gint64 *) y);
    return g_strcmp0(a, b);
}

/* The masked texts of all events, in the order of texts, so that new strings are numbered in
 * it. */
static gboolean
read_masked(LampStore *store, const GByteArray *seen, LampTemplates *templates, GArray *ids,
            GError **error)
{
    if (seen != NULL)
        collect_ids(seen, ids);
    else if (!read_ids(store, ids, error))
        return FALSE;
    g_array_sort_with_data(ids, compare_texts, store);
    for (guint i = 0; i < ids->len; i++) {
        const char *text = lamp_store_text(store, g_array_index(ids, gint64, i));
        if (text != NULL)
            lamp_templates_add(templates, lamp_bytes_text(text));
    }
    return TRUE;
}

static gboolean
write_move(LampStore *store, LampStatement *insert, const LampTemplates *templates, gint64 id,
           guint *moves, GError **error)
{
    const char *text = lamp_store_text(store, id);
    if (text == NULL)
        return TRUE;
    LampBytes masked = lamp_bytes_text(text);
    LampBytes final = lamp_templates_final(templates, masked);
    if (lamp_bytes_equal(masked, final))
        return TRUE;
    lamp_statement_bind_int(insert, 1, id);
    lamp_statement_bind_int(insert, 2, lamp_store_intern(store, final));
    *moves += 1;
    return lamp_statement_run(insert, error);
}

static gboolean
write_moves(LampStore *store, const LampTemplates *templates, const GArray *ids, GError **error)
{
    guint moves = 0;
    g_autoptr(LampStatement) insert =
        lamp_statement_new(store, "INSERT INTO temp.template_moves VALUES (?,?)", error);
    if (insert == NULL)
        return FALSE;
    for (guint i = 0; i < ids->len; i++)
        if (!write_move(store, insert, templates, g_array_index(ids, gint64, i), &moves, error))
            return FALSE;
    return moves == 0 ||
           lamp_store_run(
               store,
               "UPDATE events SET template_id = (SELECT target FROM "
               "temp.template_moves WHERE source = template_id) WHERE template_id IN "
               "(SELECT source FROM temp.template_moves)",
               error);
}

gboolean
lamp_templates_settle(LampStore *store, const GByteArray *seen, GError **error)
{
    g_autoptr(LampTemplates) templates = lamp_templates_new();
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(gint64));
    if (!read_masked(store, seen, templates, ids, error) ||
        !lamp_store_run(store,
                        "DROP TABLE IF EXISTS temp.template_moves; CREATE TEMP TABLE "
                        "template_moves (source INTEGER PRIMARY KEY, target INTEGER NOT NULL)",
                        error) ||
        !lamp_store_begin(store, error))
        return FALSE;
    lamp_templates_merge(templates);
    if (!write_moves(store, templates, ids, error) || !lamp_store_commit(store, error)) {
        lamp_store_rollback(store);
        return FALSE;
    }
    return TRUE;
}
