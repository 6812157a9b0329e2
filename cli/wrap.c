/*
 * Breaking of sentences below tables. In: text with lines of any length. Out: the same, its
 * long lines broken at the last space that fits. Characters count as one column each.
 */
#include "cli/wrap.h"

#include <string.h>

/* Where to break a line of @length bytes: a space, or 0 if none fits. */
static gsize
find_break(const char *line, gsize length, glong width, gsize indent)
{
    gsize best = 0;
    glong column = 0;
    for (gsize i = 0; i < length && (column <= width || best == 0); i++) {
        if (i > indent && line[i] == ' ')
            best = i;
        column += ((guchar) line[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    return best;
}

static void
wrap_line(GString *to, const char *line, gsize length, glong width, gsize hang)
{
    gsize indent = 0, added = 0;
    while (indent < length && line[indent] == ' ')
        indent++;
    while (g_utf8_strlen(line, (gssize) length) + (glong) added > width) {
        gsize at = find_break(line, length, width - (glong) added, added > 0 ? 0 : indent);
        if (at == 0)
            break;
        g_string_append_len(to, line, (gssize) at);
        added = hang > 0 ? hang : indent > 0 ? indent + 2 : 0;
        g_string_append_printf(to, "\n%*s", (int) added, "");
        line += at + 1;
        length -= at + 1;
    }
    g_string_append_len(to, line, (gssize) length);
}

void
lamp_wrap_hanging(const LampCli *cli, GString *out, gsize from, guint hang)
{
    glong width = cli->table_width;
    if (width <= 0 || from >= out->len)
        return;
    g_autofree char *text = g_strdup(out->str + from);
    g_string_truncate(out, from);
    for (const char *line = text; *line != '\0';) {
        const char *end = strchr(line, '\n');
        gsize length = end != NULL ? (gsize) (end - line) : strlen(line);
        wrap_line(out, line, length, width, hang);
        if (end != NULL)
            g_string_append_c(out, '\n');
        line += length + (end != NULL ? 1 : 0);
    }
}

void
lamp_wrap(const LampCli *cli, GString *out, gsize from)
{
    lamp_wrap_hanging(cli, out, from, 0);
}
