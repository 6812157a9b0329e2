/*
 * Identifiers to the store: finds them in a sample of values and writes what was found. Counts
 * are those of the sample, times how many values each sampled one stands for.
 */
#include "ingest/log/identifier-store.h"
#include "store/statement.h"

/* The name of a component that has none but its file. */
static gint64
component_id(LampStore *store, LampStatement *path, gint64 component)
{
    gboolean has_row = FALSE;
    if (component > 0)
        return component;
    lamp_statement_bind_int(path, 1, -component);
    gint64 id = 0;
    if (lamp_statement_step(path, &has_row, NULL) && has_row) {
        g_autofree char *base = g_path_get_basename(lamp_statement_text(path, 0));
        id = lamp_store_intern(store, lamp_bytes_text(base));
    }
    lamp_statement_reset(path);
    return id;
}

static gboolean
write_columns(LampStore *store, const LampIdentifiers *ids, const LampOccurrences *seen,
              GError **error)
{
    g_autoptr(LampStatement) insert =
        lamp_statement_new(store, "INSERT INTO identifier_slots VALUES (?,?,?,?)", error);
    g_autoptr(LampStatement) path =
        insert == NULL
            ? NULL
            : lamp_statement_new(store, "SELECT path FROM sources WHERE source_id = ?", error);
    if (path == NULL)
        return FALSE;
    for (guint i = 0; i < seen->columns->len; i++) {
        const LampOccurrenceColumn *key =
            &g_array_index(seen->columns, LampOccurrenceColumn, i);
        if (ids->of_column[i] == LAMP_NO_IDENTIFIER)
            continue;
        lamp_statement_bind_int(insert, 1, ids->of_column[i] + 1);
        lamp_statement_bind_int_or_null(insert, 2, component_id(store, path, key->component),
                                        0);
        lamp_statement_bind_int_or_null(insert, 3, key->template_id, 0);
        lamp_statement_bind_int(insert, 4, key->slot);
        if (!lamp_statement_run(insert, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
write_identifiers(LampStore *store, const LampIdentifiers *ids, guint64 sample, GError **error)
{
    g_autoptr(LampStatement) insert =
        lamp_statement_new(store, "INSERT INTO identifiers VALUES (?,?,?,?,?)", error);
    for (guint i = 0; insert != NULL && i < ids->identifiers->len; i++) {
        const LampIdentifier *id = &g_array_index(ids->identifiers, LampIdentifier, i);
        lamp_statement_bind_int(insert, 1, i + 1);
        lamp_statement_bind_string(insert, 2, lamp_identifies_name(id->kind));
        lamp_statement_bind_int(insert, 3, (gint64) (id->values * sample));
        lamp_statement_bind_int(insert, 4, (gint64) (id->uses * sample));
        lamp_statement_bind_int(insert, 5, id->life_ns);
        if (!lamp_statement_run(insert, error))
            return FALSE;
    }
    return insert != NULL;
}

static gboolean
write_relations(LampStore *store, const LampIdentifiers *ids, guint64 sample, GError **error)
{
    g_autoptr(LampStatement) insert =
        lamp_statement_new(store, "INSERT INTO identifier_relations VALUES (?,?,?,?)", error);
    for (guint i = 0; insert != NULL && i < ids->relations->len; i++) {
        const LampIdentifierRelation *relation =
            &g_array_index(ids->relations, LampIdentifierRelation, i);
        lamp_statement_bind_int(insert, 1, relation->from + 1);
        lamp_statement_bind_int(insert, 2, relation->to + 1);
        lamp_statement_bind_string(insert, 3, lamp_relation_name(relation->relation));
        lamp_statement_bind_int(insert, 4, (gint64) (relation->records * sample));
        if (!lamp_statement_run(insert, error))
            return FALSE;
    }
    return insert != NULL;
}

static gboolean
write_all(LampStore *store, const LampIdentifiers *ids, const LampOccurrences *seen,
          GError **error)
{
    return lamp_store_run(store,
                          "DELETE FROM identifier_relations; DELETE FROM identifier_slots; "
                          "DELETE FROM identifiers",
                          error) &&
           write_identifiers(store, ids, seen->sample, error) &&
           write_columns(store, ids, seen, error) &&
           write_relations(store, ids, seen->sample, error);
}

gboolean
lamp_identifiers_settle(LampStore *store, LampOccurrences *seen, GError **error)
{
    g_autoptr(LampOccurrences) own = NULL;
    if (seen == NULL) {
        seen = own = lamp_occurrences_new(store);
        if (!lamp_occurrences_read(seen, error))
            return FALSE;
    }
    if (!lamp_occurrences_finish(seen, error))
        return FALSE;
    g_autoptr(LampIdentifiers) ids =
        lamp_identifiers_find((LampOccurrence *) (gpointer) seen->occurrences->data,
                              seen->occurrences->len, seen->columns->len);
    if (!lamp_store_begin(store, error))
        return FALSE;
    if (write_all(store, ids, seen, error) && lamp_store_commit(store, error))
        return TRUE;
    lamp_store_rollback(store);
    return FALSE;
}
