/*
 * Who wrote a log line.
 *
 * In: rows of events. Out: two numbers for each. The component is the finest place that the
 * line names, which is a logger (a class, a module) in many logs: kinds of lines and places of
 * identifiers are told apart by it. The writer is what runs and serves requests: a program, or
 * where the line names none, what its file stands for.
 */
#include "correlate/line-writers.h"

static guint32
number_of(LampKeyedMap *map, const gint64 key[4])
{
    guint64 *number = lamp_keyed_map_add(map, lamp_bytes(key, 4 * sizeof *key), NULL);
    if (number == NULL)
        return 0;
    if (*number == 0)
        *number = lamp_keyed_map_size(map);
    return (guint32) *number;
}

void
lamp_line_writers_begin(LampLineWriters *writers, LampCorrelation *c, GArray *services)
{
    const gsize budget = (gsize) 256 << 20;
    *writers =
        (LampLineWriters){c, g_hash_table_new(g_int64_hash, g_int64_equal),
                          lamp_keyed_map_new(budget), lamp_keyed_map_new(budget), services};
    for (guint32 i = 0; i < c->sources->len; i++)
        if (lamp_source(c, i)->part_of == LAMP_INDEX_NONE)
            g_hash_table_insert(writers->sources, &lamp_source(c, i)->id,
                                GUINT_TO_POINTER(i + 1));
    guint32 none = 0;
    g_array_append_val(services, none);
}

void
lamp_line_writers_end(LampLineWriters *writers)
{
    g_hash_table_unref(writers->sources);
    lamp_keyed_map_free(writers->components);
    lamp_keyed_map_free(writers->names);
}

guint32
lamp_line_file(const LampLineWriters *writers, LampStatement *row, int first_column)
{
    gint64 source = lamp_statement_int(row, first_column + 3);
    return GPOINTER_TO_UINT(g_hash_table_lookup(writers->sources, &source));
}

/* Fills in the file's host, or the file, for what the line does not name. */
static void
add_file(const LampLineWriters *writers, LampStatement *row, int first_column, gint64 key[4])
{
    guint32 file = lamp_line_file(writers, row, first_column);
    guint32 host =
        file != 0 ? lamp_source(writers->c, file - 1)->host : (guint32) LAMP_INDEX_NONE;
    if (host != LAMP_INDEX_NONE)
        key[2] = (gint64) host + 1;
    else
        key[3] = lamp_statement_int(row, first_column + 3);
}

guint32
lamp_line_component(LampLineWriters *writers, LampStatement *row, int first_column)
{
    gint64 key[4] = {lamp_statement_int_or(row, first_column, 0),
                     lamp_statement_int_or(row, first_column + 1, 0), 0, 0};
    if (key[0] == 0 && key[1] == 0)
        add_file(writers, row, first_column, key);
    return number_of(writers->components, key);
}

/* String id of the name of the writer with @key. */
static guint32
name_of(const LampLineWriters *writers, const gint64 key[4])
{
    if (key[1] != 0 || key[2] == 0)
        return (guint32) (key[1] != 0 ? key[1] : key[0]);
    const char *name = lamp_host(writers->c, (guint32) (key[2] - 1))->name;
    return (guint32) MAX(0, lamp_store_intern(writers->c->store, lamp_bytes_text(name)));
}

guint32
lamp_line_writer(LampLineWriters *writers, LampStatement *row, int first_column)
{
    gint64 key[4] = {lamp_statement_int_or(row, first_column, 0), 0, 0, 0};
    if (lamp_statement_int(row, first_column + 2) == 0)
        key[1] = lamp_statement_int_or(row, first_column + 1, 0);
    if (key[1] == 0)
        add_file(writers, row, first_column, key);
    guint32 number = number_of(writers->names, key);
    if (number >= writers->services->len) {
        guint32 name = name_of(writers, key);
        g_array_append_val(writers->services, name);
    }
    return number;
}
