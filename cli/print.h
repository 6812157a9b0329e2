/*
 * Results on standard output: tables that line up, numbers that people read, text from input
 * made safe. Everything is gathered in a GString first and written once, so that a closed pipe
 * or a full disk is noticed.
 */
#pragma once

#include "base/bytes.h"
#include "base/time.h"

typedef struct LampTable LampTable;

/* A table with @columns; a title that begins with '>' is right-aligned (and loses the mark),
 * one with '~' (behind the '>') is left out where rows are too long, one with '?' where no row
 * has anything else than "0" or "-" in it. The titles are NULL-terminated and borrowed. Caller
 * frees. */
LampTable *lamp_table_new(const char *const *titles);
void lamp_table_free(LampTable *table);

/* One row, as many texts as there are titles; copied and escaped. NULL shows as "-". */
void lamp_table_add(LampTable *table, const char *const *cells);

/* The same from a format for each cell would be clumsy: cells are made with g_strdup_printf and
 * handed over here; each is freed. */
void lamp_table_take(LampTable *table, char **cells);

/* Rendered with two blanks between columns, widths in characters. Where rows would be longer
 * than @max_width (0: never) the widest left-aligned columns are cut with "…", optional columns
 * are left out, which a line below tells, and at last rows are cut. Appends to @out. */
void lamp_table_render(const LampTable *table, GString *out, gint max_width);

guint lamp_table_rows(const LampTable *table);

/* "12,345", "1.2 MB"; caller frees. */
char *lamp_count_format(guint64 count);
char *lamp_size_format(guint64 bytes);

/* JSON string with quotes, control bytes escaped, invalid UTF-8 replaced; NULL gives null. */
void lamp_json_append_string(GString *out, const char *text);

/* JSON number that reads back as the same double; null for NaN and infinities. */
void lamp_json_append_real(GString *out, double value);

/* ", \"KEY\": 1234": whole nanoseconds, null for NaN. All durations in JSON are written so;
 * their keys end in _ns. */
void lamp_json_append_ns(GString *out, const char *key, double ns);

/* The same of a point in time, exactly; null for LAMP_TIME_NONE. */
void lamp_json_append_time(GString *out, const char *key, LampTime time);

/* Where results go: a file that is written anew, or standard output for NULL and "-". A
 * database is not written over. Closing frees; what a full disk had no room for shows at the
 * latest then. Errors: LAMP_CLI_ERROR_OUTPUT; _CLOSED where the reader of the pipe has seen
 * enough and gone. */
typedef struct LampOutput LampOutput;
LampOutput *lamp_output_open(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean lamp_output_write(LampOutput *to, const GString *text,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean lamp_output_close(LampOutput *to, GError **error);

/* Writes @text to standard output and flushes; errors as above. */
gboolean lamp_print(const GString *text, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Writes @text to @path, or to standard output for NULL or "-". */
gboolean lamp_print_to(const GString *text, const char *path,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampTable, lamp_table_free)
