/*
 * template-stability — do parts of a log give its lines the template ids of the whole?
 *
 * template-stability [-v] FILE_structured.csv[.xz] …
 * In: tables with a header and the column Content. Out: for each file the share of lines that
 * have the same template text, and therefore the same stable id, as in the whole table: with
 * the lines in reverse order; in the half or quarter that they are in, cut in a row or dealt
 * out line by line. With -v the lines that differ.
 */
#include "ingest/input.h"
#include "ingest/log/csv.h"
#include "ingest/log/template-merge.h"
#include "ingest/log/template.h"

#include <stdio.h>

enum { COLUMNS = 64 };

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

static GPtrArray *
read_messages(const char *path)
{
    GPtrArray *messages = g_ptr_array_new_with_free_func(g_free);
    GString *all = read_all(path);
    LampCursor at = lamp_cursor(lamp_bytes(all->str, all->len));
    LampBytes line, fields[COLUMNS];
    gsize content = COLUMNS;
    LampLogRecord *record = g_new0(LampLogRecord, 1);
    for (gboolean header = TRUE; lamp_cursor_line(&at, &line); header = FALSE) {
        lamp_log_record_clear(record, line.len);
        if (line.len > 0 && line.at[line.len - 1] == '\r')
            line.len--;
        gsize n = lamp_csv_split(line, ',', record, fields, COLUMNS);
        for (gsize i = 0; header && i < n; i++)
            content = lamp_bytes_equal(fields[i], lamp_bytes_text("Content")) ? i : content;
        if (!header && content < n)
            g_ptr_array_add(messages, copy(fields[content]));
    }
    lamp_log_record_release(record);
    g_free(record);
    g_string_free(all, TRUE);
    return messages;
}

/* Which part of @parts a line is in. */
static guint
part_of(guint line, guint lines, guint parts, gboolean dealt)
{
    return dealt ? line % parts : (guint) ((guint64) line * parts / lines);
}

/* The template of each line of one part, NULL for lines of others; owned texts. */
static void
find_templates(const GPtrArray *messages, guint part, guint parts, gboolean dealt,
               LampKnownTemplates *known, char **out)
{
    g_autoptr(LampTemplates) templates = lamp_templates_new();
    lamp_templates_know(templates, known);
    g_autoptr(GPtrArray) masked = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < messages->len; i++)
        g_ptr_array_add(masked, part_of(i, messages->len, parts, dealt) != part
                                    ? NULL
                                    : copy(lamp_templates_mask(
                                          templates, lamp_bytes_text(messages->pdata[i]))));
    lamp_templates_merge(templates);
    for (guint i = 0; i < messages->len; i++)
        if (masked->pdata[i] != NULL)
            out[i] = copy(lamp_templates_final(templates, lamp_bytes_text(masked->pdata[i])));
}

static guint
count_same(const GPtrArray *messages, char **whole, char **found, const char *verbose)
{
    guint same = 0;
    for (guint i = 0; i < messages->len; i++) {
        gboolean is_same = g_str_equal(whole[i], found[i]);
        same += is_same ? 1 : 0;
        if (verbose != NULL && !is_same)
            printf("  %s: %s | %s\n", verbose, whole[i], found[i]);
    }
    return same;
}

static void
free_all(char **texts, guint count)
{
    for (guint i = 0; i < count; i++)
        g_free(texts[i]);
    g_free(texts);
}

static guint
same_in_parts(const GPtrArray *messages, char **whole, guint parts, gboolean dealt,
              LampKnownTemplates *known, gboolean verbose)
{
    char **found = g_new0(char *, messages->len + 1);
    const char *how = dealt ? "dealt out" : "in a row";
    for (guint part = 0; part < parts; part++)
        find_templates(messages, part, parts, dealt, known, found);
    guint same = count_same(messages, whole, found, verbose ? how : NULL);
    free_all(found, messages->len);
    return same;
}

static guint
same_in_reverse(const GPtrArray *messages, char **whole)
{
    g_autoptr(GPtrArray) reversed = g_ptr_array_new();
    char **found = g_new0(char *, messages->len + 1);
    for (guint i = messages->len; i > 0; i--)
        g_ptr_array_add(reversed, messages->pdata[i - 1]);
    find_templates(reversed, 0, 1, FALSE, NULL, found);
    for (guint i = 0; i < messages->len / 2; i++) {
        char *other = found[i];
        found[i] = found[messages->len - 1 - i];
        found[messages->len - 1 - i] = other;
    }
    guint same = count_same(messages, whole, found, NULL);
    free_all(found, messages->len);
    return same;
}

/* Places of @template at which @masked has a word. */
static guint64
word_places(LampBytes template, LampBytes masked)
{
    const LampBytes mark = lamp_bytes("<*>", 3);
    LampCursor to = lamp_cursor(template), from = lamp_cursor(masked);
    guint64 places = 0;
    for (guint place = 0; place < 64 && to.at < to.end && from.at < from.end;) {
        gboolean is_place = lamp_bytes_equal(lamp_template_take_word(&to), mark);
        gboolean is_word = !lamp_bytes_equal(lamp_template_take_word(&from), mark);
        places |= (guint64) (is_place && is_word ? 1 : 0) << place;
        place += is_place ? 1 : 0;
    }
    return places;
}

/* The templates of the whole, with the places of words. */
static LampKnownTemplates *
know_whole(const GPtrArray *messages, char **whole)
{
    LampKnownTemplates *known = lamp_known_templates_new();
    g_autofree LampMasked *masked = g_new0(LampMasked, 1);
    g_autoptr(GHashTable) places = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < messages->len; i++) {
        lamp_template_mask(lamp_bytes_text(messages->pdata[i]), masked);
        guint64 seen = GPOINTER_TO_SIZE(g_hash_table_lookup(places, whole[i]));
        seen |=
            word_places(lamp_bytes_text(whole[i]), lamp_bytes(masked->text, masked->length));
        g_hash_table_insert(places, whole[i], GSIZE_TO_POINTER(seen));
    }
    GHashTableIter iter;
    gpointer text, seen;
    g_hash_table_iter_init(&iter, places);
    while (g_hash_table_iter_next(&iter, &text, &seen))
        lamp_known_templates_add(known, lamp_bytes_text(text), GPOINTER_TO_SIZE(seen));
    return known;
}

enum { WAYS = 6 };

static void
measure(const char *path, gboolean verbose, double *sums)
{
    g_autoptr(GPtrArray) messages = read_messages(path);
    char **whole = g_new0(char *, messages->len + 1);
    g_autofree char *name = g_path_get_basename(path);
    find_templates(messages, 0, 1, FALSE, NULL, whole);
    g_autoptr(LampKnownTemplates) known = know_whole(messages, whole);
    guint same[WAYS] = {same_in_reverse(messages, whole)};
    for (guint i = 1; i < WAYS - 1; i++)
        same[i] = same_in_parts(messages, whole, i % 2 == 1 ? 2 : 4, i > 2, NULL, verbose);
    same[WAYS - 1] = same_in_parts(messages, whole, 4, FALSE, known, verbose);
    printf("%-36s", name);
    for (guint i = 0; i < WAYS; i++) {
        double share = (double) same[i] / MAX(messages->len, 1);
        printf(" %9.4f", share);
        sums[i] += share;
    }
    printf("\n");
    free_all(whole, messages->len);
}

int
main(int argc, char **argv)
{
    double sums[WAYS] = {0};
    guint files = 0;
    gboolean verbose = FALSE;
    printf("%-36s %9s %9s %9s %9s %9s %9s\n", "lines with the same id", "reversed", "halves",
           "quarters", "2 dealt", "4 dealt", "known");
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-v") == 0) {
            verbose = TRUE;
            continue;
        }
        measure(argv[i], verbose, sums);
        files++;
    }
    printf("%-36s", "mean");
    for (guint i = 0; i < WAYS; i++)
        printf(" %9.4f", files > 0 ? sums[i] / files : 0);
    printf("\n");
    return files > 0 ? 0 : 2;
}
