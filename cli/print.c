/*
 * Tables, numbers and JSON pieces. Widths count Unicode characters (wide ones twice), as
 * terminals do.
 */
#include "cli/print.h"

#include "base/text.h"
#include "cli/command.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

G_DEFINE_QUARK(lamp_cli_error, lamp_cli_error)

#define COLUMNS_AT_MOST 64

struct LampTable {
    const char *const *titles;
    guint columns;
    GPtrArray *cells; /* row by row */
};

LampTable *
lamp_table_new(const char *const *titles)
{
    LampTable *table = g_new0(LampTable, 1);
    table->titles = titles;
    table->columns = MIN(g_strv_length((char **) titles), COLUMNS_AT_MOST);
    table->cells = g_ptr_array_new_with_free_func(g_free);
    return table;
}

void
lamp_table_free(LampTable *table)
{
    if (table == NULL)
        return;
    g_ptr_array_unref(table->cells);
    g_free(table);
}

void
lamp_table_add(LampTable *table, const char *const *cells)
{
    for (guint i = 0; i < table->columns; i++)
        g_ptr_array_add(table->cells,
                        lamp_text_escape(lamp_bytes_text(cells[i] != NULL ? cells[i] : "-")));
}

void
lamp_table_take(LampTable *table, char **cells)
{
    lamp_table_add(table, (const char *const *) cells);
    for (guint i = 0; i < table->columns; i++)
        g_free(cells[i]);
}

guint
lamp_table_rows(const LampTable *table)
{
    return table->columns == 0 ? 0 : table->cells->len / table->columns;
}

static guint
char_width(gunichar c)
{
    return g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
}

static guint
shown_width(const char *text)
{
    guint width = 0;
    for (; *text != '\0'; text = g_utf8_next_char(text))
        width += char_width(g_utf8_get_char(text));
    return width;
}

static gboolean
is_right_aligned(const LampTable *table, guint column)
{
    return table->titles[column][0] == '>';
}

static gboolean
is_optional(const LampTable *table, guint column)
{
    return table->titles[column][is_right_aligned(table, column) ? 1 : 0] == '~';
}

static gboolean
is_dispensable(const LampTable *table, guint column)
{
    return table->titles[column][is_right_aligned(table, column) ? 1 : 0] == '?';
}

static const char *
title_text(const LampTable *table, guint column)
{
    return table->titles[column] + (is_right_aligned(table, column) ? 1 : 0) +
           (is_optional(table, column) || is_dispensable(table, column) ? 1 : 0);
}

/* Does a row have something to say in @column? */
static gboolean
is_filled(const LampTable *table, guint column)
{
    for (guint i = column; i < table->cells->len; i += table->columns)
        if (!g_str_equal(table->cells->pdata[i], "0") &&
            !g_str_equal(table->cells->pdata[i], "-"))
            return TRUE;
    return FALSE;
}

static void
measure(const LampTable *table, guint *widths)
{
    for (guint i = 0; i < table->columns; i++)
        widths[i] = shown_width(title_text(table, i));
    for (guint i = 0; i < table->cells->len; i++) {
        guint column = i % MAX(table->columns, 1);
        /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
        widths[column] = MAX(widths[column], shown_width(table->cells->pdata[i]));
    }
    for (guint i = 0; i < table->columns; i++)
        if (is_dispensable(table, i) && !is_filled(table, i))
            widths[i] = 0;
}

#define READABLE_COLUMN 32u
#define NARROWEST_COLUMN 8u

/* Width of a row; a column of width 0 is left out. */
static guint
row_width(const LampTable *table, const guint *widths)
{
    guint total = 0;
    for (guint i = 0; i < table->columns; i++)
        total += widths[i] > 0 ? widths[i] + 2 : 0;
    return total > 2 ? total - 2 : 0;
}

/* The widest column of text above @least, or the number of columns. */
static guint
find_widest(const LampTable *table, const guint *widths, guint least)
{
    guint widest = table->columns;
    for (guint i = 0; i < table->columns; i++)
        if (!is_right_aligned(table, i) && widths[i] > least &&
            (widest == table->columns || widths[i] > widths[widest]))
            widest = i;
    return widest;
}

/* Takes from the widest column of text, one character at a time, until rows fit or all are down
 * to @least. */
static void
narrow(const LampTable *table, guint *widths, guint max_width, guint least)
{
    for (guint total = row_width(table, widths); total > max_width; total--) {
        guint widest = find_widest(table, widths, least);
        if (widest == table->columns)
            return;
        widths[widest]--;
    }
}

/* Text is cut to a readable length first, then optional columns go, the last one first, then
 * text is cut further. Returns how many columns are left out. */
static guint
fit(const LampTable *table, guint *widths, guint max_width)
{
    guint left_out = 0;
    narrow(table, widths, max_width, READABLE_COLUMN);
    for (guint i = table->columns; i-- > 0 && row_width(table, widths) > max_width;)
        if (is_optional(table, i) && widths[i] > 0) {
            widths[i] = 0;
            left_out++;
        }
    narrow(table, widths, max_width, NARROWEST_COLUMN);
    return left_out;
}

static void
append_left_out(const LampTable *table, GString *out, const guint *widths)
{
    const char *separator = "(too narrow for: ";
    for (guint i = 0; i < table->columns; i++)
        if (widths[i] == 0 && !is_dispensable(table, i) &&
            title_text(table, i)[strspn(title_text(table, i), " ")] != '\0') {
            g_string_append_printf(out, "%s%s", separator, title_text(table, i));
            separator = ", ";
        }
    g_string_append(out, ")\n");
}

/* @text cut at a character's border to @width columns, the last of them "…". */
static void
append_cut(GString *out, const char *text, guint width)
{
    guint used = 0;
    for (; *text != '\0'; text = g_utf8_next_char(text)) {
        guint more = char_width(g_utf8_get_char(text));
        if (used + more >= width)
            break;
        g_string_append_unichar(out, g_utf8_get_char(text));
        used += more;
    }
    g_string_append(out, "…");
    for (used++; used < width; used++)
        g_string_append_c(out, ' ');
}

static void
append_cell(GString *out, const char *text, guint width, gboolean right, gboolean is_last)
{
    guint shown = shown_width(text);
    if (shown > width) {
        append_cut(out, text, width);
        return;
    }
    if (right)
        g_string_append_printf(out, "%*s", (int) (width - shown), "");
    g_string_append(out, text);
    if (!right && !is_last)
        g_string_append_printf(out, "%*s", (int) (width - shown), "");
}

static void
append_row(const LampTable *table, GString *out, const guint *widths, gpointer *cells,
           gint max_width)
{
    g_autoptr(GString) row = g_string_new(NULL);
    for (guint i = 0; i < table->columns; i++) {
        const char *text = cells == NULL ? title_text(table, i) : cells[i];
        if (widths[i] == 0)
            continue;
        g_string_append(row, i == 0 ? "" : "  ");
        append_cell(row, text, widths[i], is_right_aligned(table, i), i + 1 == table->columns);
    }
    if (max_width > 0 && shown_width(row->str) > (guint) max_width)
        append_cut(out, row->str, (guint) max_width);
    else
        g_string_append_len(out, row->str, (gssize) row->len);
    g_string_append_c(out, '\n');
}

void
lamp_table_render(const LampTable *table, GString *out, gint max_width)
{
    guint widths[COLUMNS_AT_MOST] = {0};
    measure(table, widths);
    guint left_out = max_width > 0 ? fit(table, widths, (guint) max_width) : 0;
    append_row(table, out, widths, NULL, max_width);
    for (guint i = 0; i < table->cells->len; i += table->columns)
        append_row(table, out, widths, &table->cells->pdata[i], max_width);
    if (left_out > 0)
        append_left_out(table, out, widths);
}

char *
lamp_count_format(guint64 count)
{
    g_autofree char *digits = g_strdup_printf("%" G_GUINT64_FORMAT, count);
    gsize n = strlen(digits);
    GString *out = g_string_sized_new(n + n / 3 + 1);
    for (gsize i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            g_string_append_c(out, ',');
        g_string_append_c(out, digits[i]);
    }
    return g_string_free(out, FALSE);
}

char *
lamp_size_format(guint64 bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double value = (double) bytes;
    gsize unit = 0;
    for (; value >= 999.5 && unit + 1 < G_N_ELEMENTS(units); unit++)
        value /= 1000;
    return g_strdup_printf(unit == 0 || value >= 99.95 ? "%.0f %s" : "%.1f %s", value,
                           units[unit]);
}

void
lamp_json_append_string(GString *out, const char *text)
{
    if (text == NULL) {
        g_string_append(out, "null");
        return;
    }
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_string_append_c(out, '"');
    for (const char *c = valid; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            g_string_append_printf(out, "\\%c", *c);
        else if ((guchar) *c < 0x20 || *c == 0x7f)
            g_string_append_printf(out, "\\u%04x", (guint) (guchar) *c);
        else
            g_string_append_c(out, *c);
    }
    g_string_append_c(out, '"');
}

void
lamp_json_append_ns(GString *out, const char *key, double ns)
{
    g_string_append_printf(out, ", \"%s\": ", key);
    if (isfinite(ns))
        g_string_append_printf(out, "%" G_GINT64_FORMAT, (gint64) llround(ns));
    else
        g_string_append(out, "null");
}

void
lamp_json_append_time(GString *out, const char *key, LampTime time)
{
    g_string_append_printf(out, ", \"%s\": ", key);
    if (time == LAMP_TIME_NONE)
        g_string_append(out, "null");
    else
        g_string_append_printf(out, "%" G_GINT64_FORMAT, time);
}

void
lamp_json_append_real(GString *out, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    if (!isfinite(value))
        g_string_append(out, "null");
    else
        g_string_append(out, g_ascii_dtostr(text, sizeof text, value));
}

struct LampOutput {
    FILE *file;
    char *name;
};

static gboolean
fail(const LampOutput *to, GError **error)
{
    int number = errno;
    g_set_error(error, LAMP_CLI_ERROR,
                number == EPIPE ? LAMP_CLI_ERROR_CLOSED : LAMP_CLI_ERROR_OUTPUT,
                "cannot write %s: %s", to->name, g_strerror(number));
    return FALSE;
}

/* The one kind of file that nobody wants to lose to a mistyped -o. */
static gboolean
is_database(const char *path)
{
    char magic[16] = "";
    FILE *file = fopen(path, "re");
    gboolean is_one = file != NULL && fread(magic, 1, sizeof magic, file) == sizeof magic &&
                      memcmp(magic, "SQLite format 3", sizeof magic) == 0;
    if (file != NULL)
        fclose(file);
    return is_one;
}

LampOutput *
lamp_output_open(const char *path, GError **error)
{
    if (path == NULL)
        path = "-";
    gboolean is_standard = g_str_equal(path, "-");
    if (!is_standard && g_file_test(path, G_FILE_TEST_IS_REGULAR) && is_database(path)) {
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
                    "'%s' is a database; it is not written over", path);
        return NULL;
    }
    LampOutput *to = g_new0(LampOutput, 1);
    to->name = is_standard ? g_strdup("standard output") : g_strdup_printf("'%s'", path);
    to->file = is_standard ? stdout : fopen(path, "we");
    if (to->file != NULL)
        return to;
    fail(to, error);
    g_free(to->name);
    g_free(to);
    return NULL;
}

gboolean
lamp_output_write(LampOutput *to, const GString *text, GError **error)
{
    errno = 0;
    return (fwrite(text->str, 1, text->len, to->file) == text->len && fflush(to->file) == 0) ||
           fail(to, error);
}

gboolean
lamp_output_close(LampOutput *to, GError **error)
{
    gboolean ok = to->file == stdout || fclose(to->file) == 0 || fail(to, error);
    g_free(to->name);
    g_free(to);
    return ok;
}

gboolean
lamp_print(const GString *text, GError **error)
{
    return lamp_print_to(text, NULL, error);
}

gboolean
lamp_print_to(const GString *text, const char *path, GError **error)
{
    LampOutput *to = lamp_output_open(path, error);
    if (to == NULL)
        return FALSE;
    gboolean ok = lamp_output_write(to, text, error);
    return lamp_output_close(to, ok ? error : NULL) && ok;
}
