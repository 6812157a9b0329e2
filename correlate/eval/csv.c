/*
 * CSV with a header, for truth files that the user names.
 *
 * Fields are unquoted in place in the file's own memory; quoted fields may hold commas, quotes
 * (doubled) and line ends. Cost: linear.
 */
#include "correlate/eval/csv.h"
#include "base/text.h"

struct LampCsv {
    char *content, *at;
    GPtrArray *header, *fields; /* char *, borrowed from content */
};

/* Unquotes one field in place; returns the byte that ended it. */
static char
take_field(char **at, char **out_field)
{
    char *read = *at;
    char *write = read;
    gboolean is_quoted = *read == '"';
    *out_field = read;
    read += is_quoted ? 1 : 0;
    for (; *read != '\0'; read++) {
        if (is_quoted && *read == '"') {
            if (read[1] != '"') {
                is_quoted = FALSE;
                continue;
            }
            read++;
        } else if (!is_quoted && (*read == ',' || *read == '\n' || *read == '\r')) {
            break;
        }
        *write++ = *read;
    }
    char end = *read;
    if (end == '\r' && read[1] == '\n')
        read++;
    *at = end != '\0' ? read + 1 : read;
    *write = '\0';
    return end;
}

static gboolean
take_record(LampCsv *csv, GPtrArray *fields)
{
    g_ptr_array_set_size(fields, 0);
    if (*csv->at == '\0')
        return FALSE;
    char end;
    do {
        char *field;
        end = take_field(&csv->at, &field);
        g_ptr_array_add(fields, field);
    } while (end == ',');
    return TRUE;
}

LampCsv *
lamp_csv_read(const char *path, GError **error)
{
    g_autoptr(LampCsv) csv = g_new0(LampCsv, 1);
    csv->header = g_ptr_array_new();
    csv->fields = g_ptr_array_new();
    if (!g_file_get_contents(path, &csv->content, NULL, error))
        return NULL;
    csv->at = csv->content;
    take_record(csv, csv->header);
    return g_steal_pointer(&csv);
}

void
lamp_csv_free(LampCsv *csv)
{
    if (csv == NULL)
        return;
    g_free(csv->content);
    g_ptr_array_unref(csv->header);
    g_ptr_array_unref(csv->fields);
    g_free(csv);
}

gboolean
lamp_csv_next(LampCsv *csv)
{
    return take_record(csv, csv->fields);
}

gint
lamp_csv_column(const LampCsv *csv, const char *name)
{
    for (guint i = 0; i < csv->header->len; i++)
        if (strcmp(g_ptr_array_index(csv->header, i), name) == 0)
            return (gint) i;
    return -1;
}

const char *
lamp_csv_field(const LampCsv *csv, gint column)
{
    return column >= 0 && (guint) column < csv->fields->len
               ? g_ptr_array_index(csv->fields, (guint) column)
               : "";
}
