/*
 * The second name is a row of the schema's table that points at the same root page. It is
 * added, read by SQLite with the rest of the schema, and taken away again in one transaction:
 * what this connection holds in memory knows it, the file never has it. A schema that changes
 * under way is read again, without the names; then whoever uses them is told by SQLite that
 * there is no such table.
 *
 * An index or a trigger would not see what is appended, so tables that have one get no name.
 */
#include "store/append-names.h"

#include "store/store-private.h"

char *
lamp_append_name_sql(const char *condition)
{
    return g_strdup_printf(
        "PRAGMA writable_schema=ON;"
        "INSERT INTO sqlite_schema SELECT 'table', '" LAMP_APPEND_PREFIX "' || name, "
        "'" LAMP_APPEND_PREFIX "' || name, rootpage, replace(replace(sql, "
        "'CREATE TABLE ' || name, 'CREATE TABLE " LAMP_APPEND_PREFIX "' || name), "
        "' INTEGER PRIMARY KEY,', ' INTEGER,') FROM sqlite_schema s WHERE type = 'table' AND "
        "sql LIKE '%% INTEGER PRIMARY KEY,%%' AND %s;",
        condition);
}

void
lamp_append_names_add(LampStore *store, const char *const tables[], gsize count)
{
    static const char forget[] =
        "PRAGMA writable_schema=RESET; SELECT count(*) FROM sqlite_schema;"
        "PRAGMA writable_schema=ON;"
        "DELETE FROM sqlite_schema WHERE substr(name, 1, 12) = '" LAMP_APPEND_PREFIX "';"
        "PRAGMA writable_schema=OFF";
    g_autoptr(GString) names = g_string_new("");
    for (gsize i = 0; i < count; i++)
        g_string_append_printf(names, "%s'%s'", i > 0 ? "," : "", tables[i]);
    g_autofree char *condition = g_strdup_printf(
        "name IN (%s) AND NOT EXISTS (SELECT 1 FROM sqlite_schema o WHERE o.tbl_name = s.name "
        "AND o.type <> 'table')",
        names->str);
    g_autofree char *add = lamp_append_name_sql(condition);
    G_STATIC_ASSERT(sizeof LAMP_APPEND_PREFIX - 1 == 12);
    if (!lamp_store_begin(store, NULL))
        return;
    if (!lamp_store_run(store, add, NULL) || !lamp_store_run(store, forget, NULL) ||
        !lamp_store_commit(store, NULL))
        lamp_store_rollback(store);
}
