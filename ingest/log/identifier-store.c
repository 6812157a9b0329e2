/*
 * Identifiers from and to the store: reads values as occurrences, writes what was found.
 *
 * A component is the service of an event, or its host, or its file; for calls on the wire the
 * protocol. A column is a field of one template (or operation) of a component: the first
 * parameter of one statement has nothing to do with that of another. Values that cannot
 * identify (no digit, shorter than three bytes, decimals) are left out.
 */
#include "ingest/log/identifier-store.h"
#include "base/keyed-map.h"
#include "ingest/log/identifiers.h"
#include "ingest/log/template.h"
#include "store/fields.h"
#include "store/statement.h"

enum { MOST_OCCURRENCES = 4000000, WEAK_DIGITS = 6, SLOTS = 64 };

typedef struct {
    gint64 component, slot, template_id;
} ColumnKey;

typedef struct {
    GArray *occurrences;
    GArray *columns; /* ColumnKey */
    LampKeyedMap *column_of;
    guint64 sample; /* one value in so many; a power of two */
    LampStore *store;
    struct {
        GString *name;
        gint64 id;
    } slots[SLOTS]; /* what stood at this place of the record before */
} Reading;

static gboolean
may_identify(LampBytes value, gboolean *out_weak)
{
    LampVariableKind kind;
    gboolean digit = FALSE;
    for (gsize i = 0; i < value.len; i++) {
        digit = digit || g_ascii_isdigit((char) value.at[i]);
        if (value.at[i] == ' ' || value.at[i] == '=')
            return FALSE;
    }
    if (!digit || value.len < 3 || value.len > 128)
        return FALSE;
    kind = lamp_variable_kind(value);
    *out_weak = kind == LAMP_VARIABLE_INTEGER && value.len < WEAK_DIGITS;
    return kind != LAMP_VARIABLE_DECIMAL && kind != LAMP_VARIABLE_DURATION &&
           kind != LAMP_VARIABLE_SIZE && kind != LAMP_VARIABLE_TIME &&
           kind != LAMP_VARIABLE_PATH && kind != LAMP_VARIABLE_URL;
}

static gboolean
column_number(Reading *r, ColumnKey key, guint32 *out_column)
{
    gboolean is_new = FALSE;
    guint64 *place = lamp_keyed_map_add(r->column_of, lamp_bytes(&key, sizeof key), &is_new);
    if (place == NULL)
        return FALSE;
    if (is_new) {
        g_array_append_val(r->columns, key);
        *place = r->columns->len - 1;
    }
    *out_column = (guint32) *place;
    return TRUE;
}

/* One value in `sample`, chosen by the value, so that all uses of one are kept or none. */
static gboolean
is_sampled(const Reading *r, guint64 value)
{
    return value % r->sample == 0;
}

/* There are more values than are looked at: from now on half as many. */
static void
thin_out(Reading *r)
{
    LampOccurrence *o = (LampOccurrence *) (gpointer) r->occurrences->data;
    guint kept = 0;
    r->sample *= 2;
    for (guint i = 0; i < r->occurrences->len; i++)
        if (is_sampled(r, o[i].value))
            o[kept++] = o[i];
    g_array_set_size(r->occurrences, kept);
}

static gint64
slot_id(Reading *r, gsize place, const char *slot)
{
    if (place >= SLOTS)
        return lamp_store_find(r->store, lamp_bytes_text(slot));
    if (strcmp(r->slots[place].name->str, slot) != 0) {
        g_string_assign(r->slots[place].name, slot);
        r->slots[place].id = lamp_store_find(r->store, lamp_bytes_text(slot));
    }
    return r->slots[place].id;
}

static void
add_value(Reading *r, const LampOccurrence *record, ColumnKey key, const char *text)
{
    gboolean weak = FALSE;
    guint32 column;
    guint64 value = lamp_content_hash(lamp_bytes_text(text));
    if (!is_sampled(r, value) || !may_identify(lamp_bytes_text(text), &weak) ||
        !column_number(r, key, &column))
        return;
    LampOccurrence occurrence = *record;
    occurrence.value = value;
    occurrence.column = column;
    occurrence.is_weak = weak ? 1 : 0;
    g_array_append_val(r->occurrences, occurrence);
    if (r->occurrences->len >= MOST_OCCURRENCES)
        thin_out(r);
}

/* Columns: record, component, time, template, texts of values. */
static void
add_record(Reading *r, LampFieldScan *scan, LampStatement *row)
{
    const char *slot, *text;
    LampOccurrence record = {.record = (guint64) lamp_statement_int(row, 0),
                             .time = lamp_statement_int_or(row, 2, LAMP_TIME_NONE)};
    ColumnKey key = {.component = lamp_statement_int(row, 1),
                     .template_id = lamp_statement_int_or(row, 3, 0)};
    gsize place = 0;
    for (int column = 4; column < lamp_statement_column_count(row); column++) {
        lamp_field_scan_start(scan, lamp_statement_text(row, column));
        for (; lamp_field_scan_next(scan, &slot, &text); place++) {
            key.slot = slot_id(r, place, slot);
            add_value(r, &record, key, text);
        }
    }
}

static gboolean
read_values(Reading *r, const char *sql, GError **error)
{
    gboolean has_row = FALSE;
    g_autoptr(LampStatement) rows = lamp_statement_new(r->store, sql, error);
    g_auto(LampFieldScan) scan = {NULL, NULL};
    if (rows == NULL)
        return FALSE;
    while (lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        add_record(r, &scan, rows);
    }
    return FALSE;
}

/* Records of events have even numbers, those of calls odd ones. */
static gboolean
read_all(Reading *r, GError **error)
{
    return read_values(r,
                       "SELECT event_id * 2, coalesce(service_id, host_id, -source_id), "
                       "time_ns, template_id, fields FROM events WHERE fields IS NOT NULL",
                       error) &&
           read_values(r,
                       "SELECT observation_id * 2 + 1, coalesce(protocol_id, 0), "
                       "request_first_ns, operation_id, request_values, response_values FROM "
                       "observations WHERE origin = 'wire'",
                       error);
}

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
write_columns(LampStore *store, const LampIdentifiers *ids, const Reading *r, GError **error)
{
    g_autoptr(LampStatement) insert =
        lamp_statement_new(store, "INSERT INTO identifier_slots VALUES (?,?,?,?)", error);
    g_autoptr(LampStatement) path =
        insert == NULL
            ? NULL
            : lamp_statement_new(store, "SELECT path FROM sources WHERE source_id = ?", error);
    if (path == NULL)
        return FALSE;
    for (guint i = 0; i < r->columns->len; i++) {
        const ColumnKey *key = &g_array_index(r->columns, ColumnKey, i);
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
write_identifiers(LampStore *store, const LampIdentifiers *ids, GError **error)
{
    g_autoptr(LampStatement) insert =
        lamp_statement_new(store, "INSERT INTO identifiers VALUES (?,?,?,?,?)", error);
    for (guint i = 0; insert != NULL && i < ids->identifiers->len; i++) {
        const LampIdentifier *id = &g_array_index(ids->identifiers, LampIdentifier, i);
        lamp_statement_bind_int(insert, 1, i + 1);
        lamp_statement_bind_string(insert, 2, lamp_identifies_name(id->kind));
        lamp_statement_bind_int(insert, 3, (gint64) id->values);
        lamp_statement_bind_int(insert, 4, (gint64) id->uses);
        lamp_statement_bind_int(insert, 5, id->life_ns);
        if (!lamp_statement_run(insert, error))
            return FALSE;
    }
    return insert != NULL;
}

static gboolean
write_relations(LampStore *store, const LampIdentifiers *ids, GError **error)
{
    g_autoptr(LampStatement) insert =
        lamp_statement_new(store, "INSERT INTO identifier_relations VALUES (?,?,?,?)", error);
    for (guint i = 0; insert != NULL && i < ids->relations->len; i++) {
        const LampIdentifierRelation *relation =
            &g_array_index(ids->relations, LampIdentifierRelation, i);
        lamp_statement_bind_int(insert, 1, relation->from + 1);
        lamp_statement_bind_int(insert, 2, relation->to + 1);
        lamp_statement_bind_string(insert, 3, lamp_relation_name(relation->relation));
        lamp_statement_bind_int(insert, 4, (gint64) relation->records);
        if (!lamp_statement_run(insert, error))
            return FALSE;
    }
    return insert != NULL;
}

static void
release(Reading *r)
{
    for (gsize i = 0; i < SLOTS; i++)
        g_string_free(r->slots[i].name, TRUE);
    g_array_free(r->occurrences, TRUE);
    g_array_free(r->columns, TRUE);
    lamp_keyed_map_free(r->column_of);
}

gboolean
lamp_identifiers_settle(LampStore *store, GError **error)
{
    Reading r = {.occurrences = g_array_new(FALSE, FALSE, sizeof(LampOccurrence)),
                 .columns = g_array_new(FALSE, FALSE, sizeof(ColumnKey)),
                 .column_of = lamp_keyed_map_new(64 * 1024 * 1024),
                 .sample = 1,
                 .store = store};
    for (gsize i = 0; i < SLOTS; i++)
        r.slots[i].name = g_string_new(NULL);
    g_autoptr(LampIdentifiers) ids = NULL;
    gboolean ok = read_all(&r, error);
    if (ok)
        ids = lamp_identifiers_find((LampOccurrence *) (gpointer) r.occurrences->data,
                                    r.occurrences->len, r.columns->len);
    ok = ok && lamp_store_begin(store, error);
    gboolean begun = ok;
    ok =
        ok &&
        lamp_store_run(store,
                       "DELETE FROM identifier_relations; DELETE FROM identifier_slots; DELETE "
                       "FROM identifiers",
                       error) &&
        write_identifiers(store, ids, error) && write_columns(store, ids, &r, error) &&
        write_relations(store, ids, error) && lamp_store_commit(store, error);
    if (begun && !ok)
        lamp_store_rollback(store);
    release(&r);
    return ok;
}
