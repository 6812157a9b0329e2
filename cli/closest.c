/*
 * Edit distance with swaps of neighbours (optimal string alignment, after Damerau 1964), over
 * bytes: names of commands, options and services are nearly always ASCII.
 */
#include "cli/closest.h"

#include "cli/command.h"

#include <string.h>

#define LONGEST 40

static guint
least(guint a, guint b, guint c)
{
    return MIN(a, MIN(b, c));
}

static guint
distance(const char *a, const char *b)
{
    guint rows[3][LONGEST + 1];
    guint m = (guint) MIN(strlen(a), LONGEST), n = (guint) MIN(strlen(b), LONGEST);
    for (guint k = 0; k <= n; k++)
        rows[0][k] = rows[1][k] = rows[2][k] = k;
    for (guint i = 1; i <= m; i++) {
        guint *now = rows[i % 3];
        const guint *before = rows[(i - 1) % 3], *earlier = rows[(i + 1) % 3];
        now[0] = i;
        for (guint k = 1; k <= n; k++) {
            guint change = a[i - 1] == b[k - 1] ? 0 : 1;
            now[k] = least(before[k] + 1, now[k - 1] + 1, before[k - 1] + change);
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                now[k] = MIN(now[k], earlier[k - 2] + 1);
        }
    }
    return rows[m % 3][n];
}

const char *
lamp_closest(const char *text, const char *const *names)
{
    const char *best = NULL;
    guint least_distance = G_MAXUINT;
    for (gsize i = 0; names[i] != NULL; i++) {
        guint longer = (guint) MAX(strlen(text), strlen(names[i]));
        guint d = distance(text, names[i]);
        if (d < least_distance && d <= MAX(longer / 3, 1) && d < longer) {
            best = names[i];
            least_distance = d;
        }
    }
    return best;
}

char *
lamp_closest_hint(const char *text, const char *const *names)
{
    const char *name = lamp_closest(text, names);
    return name == NULL ? g_strdup("") : g_strdup_printf("; did you mean '%s'?", name);
}

gboolean
lamp_choose(const char *option, const char *value, const char *const *names, guint *out_index,
            GError **error)
{
    for (guint i = 0; names[i] != NULL; i++)
        if (value == NULL || g_str_equal(names[i], value)) {
            *out_index = i;
            return TRUE;
        }
    g_autofree char *hint = lamp_closest_hint(value, names);
    g_autofree char *list = g_strjoinv(", ", (char **) names);
    g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE, "--%s takes one of %s; not '%s'%s",
                option, list, value, hint);
    return FALSE;
}
