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
shown_width(const char *text)
{
    guint width = 0;
    for (; *text != '\0'; text = g_utf8_next_char(text)) {
        gunichar c = g_utf8_get_char(text);
        width += g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
    }
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

static const char *
title_text(const LampTable *table, guint column)
{
    return table->titles[column] + (is_right_aligned(table, column) ? 1 : 0) +
           (is_optional(table, column) ? 1 : 0);
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
}

/* Width of a row; a column of width 0 is left out. */
static guint
row_width(const LampTable *table, const guint *widths)
{
    guint total = 0;
    for (guint i = 0; i < table->columns; i++)
        total += widths[i] > 0 ? widths[i] + 2 : 0;
    return total > 2 ? total - 2 : 0;
}

/* Cuts the widest column of text where rows are longer than @max_width, down to @least. */
static void
narrow_widest(const LampTable *table, guint *widths, guint max_width, guint least)
{
    guint widest = 0, total = row_width(table, widths);
    for (guint i = 1; i < table->columns; i++)
        if (!is_right_aligned(table, i) &&
            (is_right_aligned(table, widest) || widths[i] > widths[widest]))
            widest = i;
    if (total > max_width && widths[widest] > least)
        widths[widest] = MAX(least, widths[widest] - MIN(widths[widest], total - max_width));
}

/* Text is cut to a readable length first, then optional columns go, the last one first, then
 * text is cut further. Returns how many columns are left out. */
static guint
fit(const LampTable *table, guint *widths, guint max_width)
{
    guint left_out = 0;
    narrow_widest(table, widths, max_width, 32);
    for (guint i = table->columns; i-- > 0 && row_width(table, widths) > max_width;)
        if (is_optional(table, i) && widths[i] > 0) {
            widths[i] = 0;
            left_out++;
        }
    narrow_widest(table, widths, max_width, 12);
    return left_out;
}

static void
append_left_out(const LampTable *table, GString *out, const guint *widths)
{
    const char *separator = "(too narrow for: ";
    for (guint i = 0; i < table->columns; i++)
        if (widths[i] == 0 && title_text(table, i)[0] != '\0') {
            g_string_append_printf(out, "%s%s", separator, title_text(table, i));
            separator = ", ";
        }
    g_string_append(out, ")\n");
}

static void
append_cut(GString *out, const char *text, guint width)
{
    guint used = 0;
    for (; *text != '\0' && used + 1 < width; text = g_utf8_next_char(text)) {
        g_string_append_unichar(out, g_utf8_get_char(text));
        used += g_unichar_iswide(g_utf8_get_char(text)) ? 2 : 1;
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
append_row(const LampTable *table, GString *out, const guint *widths, gpointer *cells)
{
    for (guint i = 0; i < table->columns; i++) {
        const char *text = cells == NULL ? title_text(table, i) : cells[i];
        if (widths[i] == 0)
            continue;
        g_string_append(out, i == 0 ? "" : "  ");
        append_cell(out, text, widths[i], is_right_aligned(table, i), i + 1 == table->columns);
    }
    g_string_append_c(out, '\n');
}

void
lamp_table_render(const LampTable *table, GString *out, gint max_width)
{
    guint widths[COLUMNS_AT_MOST] = {0};
    measure(table, widths);
    guint left_out = max_width > 0 ? fit(table, widths, (guint) max_width) : 0;
    append_row(table, out, widths, NULL);
    for (guint i = 0; i < table->cells->len; i += table->columns)
        append_row(table, out, widths, &table->cells->pdata[i]);
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
lamp_json_append_real(GString *out, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    if (!isfinite(value))
        g_string_append(out, "null");
    else
        g_string_append(out, g_ascii_dtostr(text, sizeof text, value));
}

static gboolean
write_all(const GString *text, FILE *file, const char *name, GError **error)
{
    gboolean ok = fwrite(text->str, 1, text->len, file) == text->len;
    if ((fflush(file) == 0 && ok) || errno == EPIPE)
        return TRUE;
    g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_OUTPUT, "cannot write %s: %s", name,
                g_strerror(errno));
    return FALSE;
}

gboolean
lamp_print(const GString *text, GError **error)
{
    return write_all(text, stdout, "standard output", error);
}

gboolean
lamp_print_to(const GString *text, const char *path, GError **error)
{
    if (path == NULL || g_str_equal(path, "-"))
        return lamp_print(text, error);
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_OUTPUT, "cannot write '%s': %s", path,
                    g_strerror(errno));
        return FALSE;
    }
    gboolean ok = write_all(text, file, path, error);
    if (fclose(file) != 0 && ok) {
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_OUTPUT, "cannot write '%s': %s", path,
                    g_strerror(errno));
        ok = FALSE;
    }
    return ok;
}
