/*
 * From masked texts to templates, in the store.
 *
 * Readers give each event its masked message. When all files are read this looks at the
 * different ones among them, merges them (template-merge.c), rewrites `events.template_id`
 * where a text became part of a more general template, and tells what stood in the places
 * (template-table.c).
 */
#include "ingest/log/template-store.h"
#include "ingest/log/template-table.h"
#include "store/statement.h"

/* ---- events that were read before this run */

/* One event again: what its message told, and its masked text where it has another template. */
static gboolean
read_event(LampStore *store, LampTemplateValues *values, LampMasked *masked,
           LampStatement *event, LampStatement *reset, GError **error)
{
    gint64 event_id = lamp_statement_int(event, 0);
    const char *message = lamp_statement_text(event, 3);
    lamp_template_mask(message == NULL ? lamp_bytes(NULL, 0) : lamp_bytes_text(message),
                       masked);
    LampBytes text = lamp_bytes(masked->text, masked->length);
    gint64 id = lamp_store_intern(store, text);
    if (id == 0)
        return TRUE;
    lamp_template_values_add(values, id, text, masked, event_id,
                             lamp_statement_int_or(event, 2, LAMP_TIME_NONE));
    if (id == lamp_statement_int(event, 1))
        return TRUE;
    lamp_statement_bind_int(reset, 1, event_id);
    lamp_statement_bind_int(reset, 2, id);
    return lamp_statement_run(reset, error);
}

static gboolean
read_events(LampStore *store, LampTemplateValues *values, GError **error)
{
    gboolean has_row = FALSE;
    g_autofree LampMasked *masked = g_new0(LampMasked, 1);
    g_autoptr(LampStatement) reset =
        lamp_statement_new(store, "INSERT INTO temp.template_resets VALUES (?,?)", error);
    g_autoptr(LampStatement) rows = lamp_statement_new(
        store,
        "SELECT event_id, template_id, time_ns, message FROM events WHERE template_id IS NOT "
        "NULL ORDER BY event_id",
        error);
    while (rows != NULL && reset != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        if (!read_event(store, values, masked, rows, reset, error))
            return FALSE;
    }
    return FALSE;
}

/* Masks all messages again and takes back what earlier runs merged: templates depend on all
 * messages alone, not on how many runs read them. */
static gboolean
read_again(LampStore *store, LampTemplateValues *values, GError **error)
{
    return lamp_store_run(store,
                          "DROP TABLE IF EXISTS temp.template_resets; CREATE TEMP TABLE "
                          "template_resets (event_id INTEGER PRIMARY KEY, template_id INTEGER "
                          "NOT NULL)",
                          error) &&
           read_events(store, values, error) &&
           lamp_store_run(store,
                          "UPDATE events SET template_id = r.template_id FROM "
                          "temp.template_resets AS r WHERE r.event_id = events.event_id; DROP "
                          "TABLE temp.template_resets",
                          error);
}

/* ---- merging */

static gint
compare_texts(gconstpointer x, gconstpointer y, gpointer store)
{
    const char *a = lamp_store_text(store, *(const gint64 *) x);
    const char *b = lamp_store_text(store, *(const gint64 *) y);
    return g_strcmp0(a, b);
}

/* In the order of texts, so that new strings are numbered in it. */
static void
add_texts(LampStore *store, GArray *ids, LampTemplates *templates)
{
    g_array_sort_with_data(ids, compare_texts, store);
    for (guint i = 0; i < ids->len; i++) {
        const char *text = lamp_store_text(store, g_array_index(ids, gint64, i));
        if (text != NULL)
            lamp_templates_add(templates, lamp_bytes_text(text));
    }
    lamp_templates_merge(templates);
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

static gboolean
settle(LampStore *store, const LampTemplateValues *values, LampKnownTemplates *known,
       GError **error)
{
    g_autoptr(LampTemplates) templates = lamp_templates_new();
    g_autoptr(GArray) ids = lamp_template_values_ids(values);
    lamp_templates_know(templates, known);
    add_texts(store, ids, templates);
    return write_moves(store, templates, ids, error) &&
           lamp_template_table_write(store, values, ids, templates, error);
}

gboolean
lamp_templates_settle(LampStore *store, const LampTemplateValues *seen,
                      LampKnownTemplates *known, GError **error)
{
    g_autoptr(LampTemplateValues) own = seen == NULL ? lamp_template_values_new() : NULL;
    if (!lamp_store_run(store,
                        "DROP TABLE IF EXISTS temp.template_moves; CREATE TEMP TABLE "
                        "template_moves (source INTEGER PRIMARY KEY, target INTEGER NOT NULL)",
                        error) ||
        !lamp_store_begin(store, error))
        return FALSE;
    if ((own == NULL || read_again(store, own, error)) &&
        settle(store, own != NULL ? own : seen, known, error) &&
        lamp_store_commit(store, error))
        return TRUE;
    lamp_store_rollback(store);
    return FALSE;
}

/* ---- templates of another store */

static gboolean
add_known(LampStore *store, LampKnownTemplates *known, GError **error)
{
    gboolean has_row = FALSE;
    g_autoptr(LampStatement) rows = lamp_statement_new(
        store,
        "SELECT s.text, (SELECT coalesce(sum(1 << (v.position - 1)), 0) FROM "
        "template_variables "
        "v WHERE v.template_id = t.template_id AND v.type IN ('word', 'quoted', '*')) FROM "
        "templates t JOIN strings s ON s.string_id = t.template_id ORDER BY s.text",
        error);
    while (rows != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        lamp_known_templates_add(known, lamp_bytes_text(lamp_statement_text(rows, 0)),
                                 (guint64) lamp_statement_int(rows, 1));
    }
    return FALSE;
}

LampKnownTemplates *
lamp_known_templates_load(const char *path, GError **error)
{
    g_autoptr(LampStore) store = lamp_store_open(path, LAMP_STORE_READ, error);
    g_autoptr(LampKnownTemplates) known = lamp_known_templates_new();
    if (store == NULL || !lamp_store_stage_require(store, "ingest", error) ||
        !add_known(store, known, error))
        return NULL;
    return g_steal_pointer(&known);
}
