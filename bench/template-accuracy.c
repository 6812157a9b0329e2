/*
 * template-accuracy — grouping accuracy of the template miner
 *
 * template-accuracy FILE_structured.csv[.xz] …
 * In: tables with a header and the columns Content and EventId. Out: for each file the share of
 * lines whose predicted group of lines equals their true group, the number of templates found
 * and true, the rate; last the mean. With -v the groups that are wrong.
 */
#include "ingest/input.h"
#include "ingest/log/csv.h"
#include "ingest/log/template.h"

#include <stdio.h>
#include <time.h>

enum { COLUMNS = 64 };

typedef struct {
    GPtrArray *messages, *truth, *found;
} Table;

static GString *
read_all(const char *path)
{
    GString *all = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(LampInput) input = lamp_input_open(path, &error);
    const char *name;
    static guint8 buffer[65536];
    gssize n = 0;
    if (input != NULL && lamp_input_next(input, &name, &error))
        while ((n = lamp_input_read(input, buffer, sizeof buffer, &error)) > 0)
            g_string_append_len(all, (const char *) buffer, n);
    if (error != NULL)
        fprintf(stderr, "%s: %s\n", path, error->message);
    return all;
}

static char *
copy(LampBytes text)
{
    return g_strndup((const char *) text.at, text.len);
}

static void
read_table(const char *path, Table *table)
{
    GString *all = read_all(path);
    LampCursor at = lamp_cursor(lamp_bytes(all->str, all->len));
    LampBytes line, fields[COLUMNS];
    gsize content = COLUMNS, event = COLUMNS;
    LampLogRecord *record = g_new0(LampLogRecord, 1);
    for (gboolean header = TRUE; lamp_cursor_line(&at, &line); header = FALSE) {
        lamp_log_record_clear(record, line.len);
        if (line.len > 0 && line.at[line.len - 1] == '\r')
            line.len--;
        gsize n = lamp_csv_split(line, ',', record, fields, COLUMNS);
        for (gsize i = 0; header && i < n; i++) {
            content = lamp_bytes_equal(fields[i], lamp_bytes_text("Content")) ? i : content;
            event = lamp_bytes_equal(fields[i], lamp_bytes_text("EventId")) ? i : event;
        }
        if (header || content >= n || event >= n)
            continue;
        g_ptr_array_add(table->messages, copy(fields[content]));
        g_ptr_array_add(table->truth, copy(fields[event]));
    }
    lamp_log_record_release(record);
    g_free(record);
    g_string_free(all, TRUE);
}

/* Lines by group: group name -> GArray of line numbers. */
static GHashTable *
group_lines(const GPtrArray *names)
{
    GHashTable *groups =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify) g_array_unref);
    for (guint i = 0; i < names->len; i++) {
        GArray *lines = g_hash_table_lookup(groups, names->pdata[i]);
        if (lines == NULL) {
            lines = g_array_new(FALSE, FALSE, sizeof(guint));
            g_hash_table_insert(groups, names->pdata[i], lines);
        }
        g_array_append_val(lines, i);
    }
    return groups;
}

static double
accuracy(const Table *table, gboolean verbose, guint *out_found, guint *out_true)
{
    g_autoptr(GHashTable) found = group_lines(table->found), truth = group_lines(table->truth);
    guint right = 0;
    GHashTableIter iter;
    gpointer key, value;
    g_hash_table_iter_init(&iter, found);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const GArray *lines = value;
        guint first = g_array_index(lines, guint, 0);
        const GArray *other = g_hash_table_lookup(truth, table->truth->pdata[first]);
        if (other->len == lines->len &&
            memcmp(other->data, lines->data, lines->len * sizeof(guint)) == 0)
            right += lines->len;
        else if (verbose)
            printf("  %5u of %5u  %s  %s\n", lines->len, other->len, (const char *) key,
                   (const char *) table->messages->pdata[first]);
    }
    *out_found = g_hash_table_size(found);
    *out_true = g_hash_table_size(truth);
    return table->messages->len == 0 ? 0 : (double) right / table->messages->len;
}

static double
score(const char *path, gboolean verbose)
{
    Table table = {g_ptr_array_new_with_free_func(g_free),
                   g_ptr_array_new_with_free_func(g_free),
                   g_ptr_array_new_with_free_func(g_free)};
    g_autoptr(LampTemplates) templates = lamp_templates_new();
    read_table(path, &table);
    clock_t begin = clock();
    for (guint i = 0; i < table.messages->len; i++)
        g_ptr_array_add(
            table.found,
            copy(lamp_templates_mask(templates, lamp_bytes_text(table.messages->pdata[i]))));
    lamp_templates_merge(templates);
    double seconds = (double) (clock() - begin) / CLOCKS_PER_SEC;
    for (guint i = 0; i < table.found->len; i++) {
        char *text =
            copy(lamp_templates_final(templates, lamp_bytes_text(table.found->pdata[i])));
        g_free(table.found->pdata[i]);
        table.found->pdata[i] = text;
    }
    guint found, truth;
    double share = accuracy(&table, verbose, &found, &truth);
    g_autofree char *name = g_path_get_basename(path);
    printf("%-36s accuracy %.4f  found %4u  true %4u  %.0f lines/s\n", name, share, found,
           truth, table.messages->len / MAX(seconds, 1e-6));
    g_ptr_array_free(table.messages, TRUE);
    g_ptr_array_free(table.truth, TRUE);
    g_ptr_array_free(table.found, TRUE);
    return share;
}

int
main(int argc, char **argv)
{
    double sum = 0;
    guint files = 0;
    gboolean verbose = FALSE;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-v") == 0) {
            verbose = TRUE;
            continue;
        }
        sum += score(argv[i], verbose);
        files++;
    }
    if (files > 0)
        printf("%-36s accuracy %.4f\n", "mean", sum / files);
    return files > 0 ? 0 : 2;
}
