/*
 * Numbers with commas, by the groups of digits between them. In: a number's text. Out: the
 * same with a point before its decimals and nothing else. What a comma means follows from
 * groups that are not of three digits, from a point beside it, from a leading zero, or from
 * several commas; `1,234` alone tells nothing.
 */
#include "ingest/log/comma-number.h"

#include <string.h>

typedef struct {
    guint groups;          /* of digits */
    gboolean are_threes;   /* all groups but the first, and but the one behind `decimal` */
    gsize first, last;     /* their digits */
    const guint8 *decimal; /* the mark that differs from those before it, or NULL */
    guint8 mark;           /* the first one */
} Groups;

static gboolean
split(LampBytes number, Groups *g)
{
    gsize digits = 0;
    *g = (Groups){.groups = 1, .are_threes = TRUE};
    for (gsize i = 0; i <= number.len; i++) {
        gboolean is_end = i == number.len;
        if (!is_end && g_ascii_isdigit((char) number.at[i])) {
            digits++;
            continue;
        }
        if (digits == 0)
            return FALSE;
        if (g->groups == 1)
            g->first = digits;
        else if (g->decimal == NULL)
            g->are_threes = g->are_threes && digits == 3;
        g->last = digits;
        digits = 0;
        if (is_end)
            break;
        if (g->decimal != NULL)
            return FALSE; /* a mark behind the decimals */
        if (g->mark == 0)
            g->mark = number.at[i];
        else if (number.at[i] != g->mark)
            g->decimal = number.at + i;
        g->groups++;
    }
    return TRUE;
}

/* The digits, with a point where @decimal is. */
static gsize
write_number(LampBytes number, const guint8 *decimal, char out[LAMP_COMMA_NUMBER])
{
    gsize n = 0;
    if (number.len >= LAMP_COMMA_NUMBER)
        return 0;
    for (gsize i = 0; i < number.len; i++)
        if (g_ascii_isdigit((char) number.at[i]))
            out[n++] = (char) number.at[i];
        else if (number.at + i == decimal)
            out[n++] = '.';
    out[n] = '\0';
    return n;
}

/* One comma and no point: is it before decimals? */
static gboolean
is_decimal(LampBytes number, const Groups *g, gboolean is_small, LampCommaStyle *style)
{
    if (g->last != 3 || g->first > 3 || number.at[0] == '0') {
        *style = LAMP_COMMA_DECIMAL;
        return TRUE;
    }
    return *style == LAMP_COMMA_UNKNOWN ? !is_small : *style == LAMP_COMMA_DECIMAL;
}

gsize
lamp_comma_number(LampBytes number, gboolean is_small, LampCommaStyle *style,
                  char out[LAMP_COMMA_NUMBER])
{
    Groups g;
    if (!split(number, &g))
        return 0;
    if (g.decimal != NULL || g.groups > 2) {
        if (!g.are_threes || g.first > 3)
            return 0;
        *style = g.mark == ',' ? LAMP_COMMA_THOUSANDS : LAMP_COMMA_DECIMAL;
        return write_number(number, g.decimal, out);
    }
    const guint8 *mark = g.groups == 2 ? memchr(number.at, g.mark, number.len) : NULL;
    if (g.mark == ',' && !is_decimal(number, &g, is_small, style))
        mark = NULL;
    return write_number(number, mark, out);
}
