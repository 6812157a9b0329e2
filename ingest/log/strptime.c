/*
 * Forms of time in the notation of strptime(3), as users and lnav write them, in that of
 * timestamp-forms.c. In: the text. Out: a form, or NULL where a part is not known.
 */
#include "ingest/log/user-rules.h"

#include <string.h>

/* One part behind `%`, in the notation of timestamp-forms.c; NULL: not known. */
static const char *
part_of(char letter)
{
    static const struct {
        char letter;
        const char *form;
    } parts[] = {{'Y', "Y"}, {'y', "y"},     {'m', "o"},     {'d', "e"},   {'e', "e"},
                 {'b', "b"}, {'B', "b"},     {'h', "b"},     {'j', "j"},   {'a', "a"},
                 {'A', "a"}, {'H', "h"},     {'k', "h"},     {'I', "h"},   {'l', "h"},
                 {'M', "M"}, {'S', "S"},     {'p', "p"},     {'P', "p"},   {'z', "z"},
                 {'Z', "z"}, {'f', "n"},     {'L', "n"},     {'N', "n"},   {'s', "t"},
                 {'i', "t"}, {'6', "t"},     {'T', "H:M:S"}, {'R', "H:M"}, {'F', "Y-m-d"},
                 {'n', " "}, {'D', "m/d/y"}, {'t', "\\\t"},  {'%', "\\%"}};
    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++)
        if (parts[i].letter == letter)
            return parts[i].form;
    return NULL;
}

/* Does a digit follow, so that days and months must have two? */
static gboolean
is_joined(const char *behind)
{
    return behind[0] == '%' && behind[1] != '\0' && strchr("YymdHMSjfLN", behind[1]) != NULL;
}

/* The part for @letter, which @behind follows. */
static const char *
choose_part(char letter, const char *behind)
{
    if (is_joined(behind) && strchr("mdHk", letter) != NULL)
        return letter == 'm' ? "m" : letter == 'd' ? "d" : "H";
    return part_of(letter);
}

/* A fraction behind a point is optional, as the scanner's own are. */
static void
append_part(GString *form, const char *part)
{
    gboolean is_optional =
        *part == 'n' && form->len > 1 && strchr(".,", form->str[form->len - 1]) != NULL;
    if (is_optional)
        g_string_truncate(form, form->len - 2);
    g_string_append(form, is_optional ? "f" : part);
}

char *
lamp_form_of_strptime(const char *text)
{
    g_autoptr(GString) form = g_string_new(NULL);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c != '%') {
            g_string_append_printf(form, "\\%c", *c);
            continue;
        }
        c += c[1] != '\0' && strchr("-_EO", c[1]) != NULL ? 2 : 1;
        const char *part = *c != '\0' ? choose_part(*c, c + 1) : NULL;
        if (part == NULL)
            return NULL;
        append_part(form, part);
    }
    return g_strdup(form->str);
}
