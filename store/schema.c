/*
 * The schema's two faces from its one source, store/schema.sql: SQL for SQLite, Markdown for
 * people.
 *
 * Lines that begin with `---` are prose; a table's prose stands before it; a column's comment
 * stands behind it. Markdown shows tables and views with one row for each column.
 */
#include "store/schema-text.h"
#include "store/store.h"

const char *
lamp_store_schema(void)
{
    return schema_text;
}

typedef struct {
    GString *out;
    GString *prose;
    gboolean in_table; /* among the columns of a table or view */
    gboolean is_view;
} Renderer;

static void
begin_object(Renderer *r, const char *line, const char *kind)
{
    const char *name = line + strlen("CREATE ") + strlen(kind) + 1;
    gsize length = strcspn(name, " (");
    g_string_append_printf(r->out, "\n## %.*s%s\n\n%s\n", (int) length, name,
                           g_str_equal(kind, "VIEW") ? " (view)" : "", r->prose->str);
    g_string_truncate(r->prose, 0);
    r->is_view = g_str_equal(kind, "VIEW");
    r->in_table = TRUE;
    g_string_append(r->out, r->is_view ? "\n| column | meaning |\n|---|---|\n"
                                       : "\n| column | type | meaning |\n|---|---|---|\n");
}

static void
render_column(Renderer *r, char *line)
{
    g_strstrip(line);
    if (g_str_has_prefix(line, "PRIMARY KEY"))
        return;
    char *comment = strstr(line, "-- ");
    if (comment != NULL)
        *comment = '\0';
    g_auto(GStrv) words = g_strsplit(g_strstrip(line), " ", 3);
    if (words[0] != NULL && r->is_view) {
        g_strdelimit(words[0], ",", '\0');
        g_string_append_printf(r->out, "| `%s` | %s |\n", words[0],
                               comment != NULL ? comment + 3 : "");
        return;
    }
    if (words[0] == NULL || words[1] == NULL)
        return;
    gboolean required = strstr(line, "NOT NULL") != NULL || strstr(line, "PRIMARY KEY") != NULL;
    g_strdelimit(words[1], ",", '\0');
    g_string_append_printf(r->out, "| `%s` | %s%s | %s |\n", words[0], words[1],
                           required ? "" : ", may be NULL", comment != NULL ? comment + 3 : "");
}

static void
render_line(Renderer *r, char *line)
{
    if (g_str_has_prefix(line, "--- ")) {
        g_string_append_printf(r->prose, "%s%s", r->prose->len > 0 ? "\n" : "", line + 4);
    } else if (g_str_has_prefix(line, "CREATE TABLE ")) {
        begin_object(r, line, "TABLE");
    } else if (g_str_has_prefix(line, "CREATE VIEW ")) {
        begin_object(r, line, "VIEW");
    } else if (g_str_has_prefix(line, ")")) {
        r->in_table = FALSE;
    } else if (r->in_table) {
        render_column(r, line);
    } else if (line[0] == '\0' && r->prose->len > 0) {
        g_string_append_printf(r->out, "%s\n", r->prose->str);
        g_string_truncate(r->prose, 0);
    }
}

char *
lamp_store_schema_markdown(void)
{
    g_auto(GStrv) lines = g_strsplit(schema_text, "\n", -1);
    Renderer r = {
        .out = g_string_new(
            "<!-- Made by `lamplight schema --markdown` from store/schema.sql. -->\n"),
        .prose = g_string_new(NULL)};
    for (gsize i = 0; lines[i] != NULL; i++)
        render_line(&r, lines[i]);
    g_string_free(r.prose, TRUE);
    return g_string_free(r.out, FALSE);
}
