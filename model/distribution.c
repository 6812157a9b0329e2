/*
 * Durations drawn from formulas or from what was measured.
 *
 * In: a text form and hashed random numbers, so a draw depends on nothing but its number. A
 * measured distribution hands out its own values, each as likely as it was frequent; nothing is
 * fitted to it. Limits: a file of at most 16 MiB.
 */
#include "model/distribution.h"

#include "base/text.h"
#include "model/index-map.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#define LONGEST_NS 86400e9
#define MOST_BYTES (16u << 20)

typedef enum { UNIFORM, NORMAL, LOGNORMAL, EXPONENTIAL, MEASURED } Kind;

struct LampDistribution {
    Kind kind;
    double first, second; /* ns; a lognormal's second has no unit */
    GArray *measured;     /* gint64 ns */
};

/* Nine decimals. */
gboolean
lamp_change_number_parse(const char *text, double *out_value)
{
    gint64 scaled;
    if (!lamp_text_parse_scaled(lamp_bytes_text(text), 9, &scaled))
        return FALSE;
    *out_value = (double) scaled / 1e9;
    return TRUE;
}

gboolean
lamp_change_duration_parse(const char *text, gint64 *out_ns)
{
    static const struct {
        const char *unit;
        double ns;
    } units[] = {{"ns", 1.0}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    for (gsize i = 0; i < G_N_ELEMENTS(units); i++) {
        double number;
        if (!g_str_has_suffix(text, units[i].unit))
            continue;
        g_autofree char *digits = g_strndup(text, strlen(text) - strlen(units[i].unit));
        if (lamp_change_number_parse(g_strstrip(digits), &number) && number >= 0.0 &&
            number * units[i].ns <= LONGEST_NS) {
            *out_ns = (gint64) llround(number * units[i].ns);
            return TRUE;
        }
    }
    return FALSE;
}

LampDistribution *
lamp_distribution_new(void)
{
    LampDistribution *distribution = g_new0(LampDistribution, 1);
    distribution->kind = MEASURED;
    distribution->measured = g_array_new(FALSE, FALSE, sizeof(gint64));
    return distribution;
}

void
lamp_distribution_add(LampDistribution *distribution, gint64 ns)
{
    g_array_append_val(distribution->measured, ns);
}

void
lamp_distribution_free(LampDistribution *distribution)
{
    if (distribution == NULL)
        return;
    g_clear_pointer(&distribution->measured, g_array_unref);
    g_free(distribution);
}

static gboolean
read_line(LampDistribution *distribution, char *line)
{
    double ms;
    gint64 ns;
    g_strstrip(line);
    if (line[0] == '\0' || line[0] == '#')
        return TRUE;
    if (lamp_change_number_parse(line, &ms) && ms >= 0.0 && ms * 1e6 <= LONGEST_NS)
        ns = (gint64) llround(ms * 1e6);
    else if (!lamp_change_duration_parse(line, &ns))
        return FALSE;
    lamp_distribution_add(distribution, ns);
    return TRUE;
}

static LampDistribution *
read_file(const char *path)
{
    g_autofree char *text = NULL;
    gsize length;
    GStatBuf about;
    if (g_stat(path, &about) != 0 || !S_ISREG(about.st_mode) || about.st_size > MOST_BYTES ||
        !g_file_get_contents(path, &text, &length, NULL) || memchr(text, '\0', length) != NULL)
        return NULL;
    LampDistribution *distribution = lamp_distribution_new();
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    gboolean ok = TRUE;
    for (guint i = 0; ok && lines[i] != NULL; i++)
        ok = read_line(distribution, lines[i]);
    if (!ok || distribution->measured->len == 0)
        g_clear_pointer(&distribution, lamp_distribution_free);
    return distribution;
}

/* Two arguments of @kind, the second of which a lognormal takes as a bare number. */
static gboolean
parse_arguments(LampDistribution *distribution, char **arguments)
{
    gint64 ns;
    guint n = g_strv_length(arguments);
    for (guint i = 0; i < n; i++)
        g_strstrip(arguments[i]);
    if (n != (distribution->kind == EXPONENTIAL ? 1u : 2u) ||
        !lamp_change_duration_parse(arguments[0], &ns))
        return FALSE;
    distribution->first = (double) ns;
    if (n == 1)
        return TRUE;
    if (distribution->kind == LOGNORMAL)
        return lamp_change_number_parse(arguments[1], &distribution->second) &&
               distribution->second >= 0.0 && distribution->second <= 10.0;
    if (!lamp_change_duration_parse(arguments[1], &ns))
        return FALSE;
    distribution->second = (double) ns;
    return distribution->kind != UNIFORM || distribution->second >= distribution->first;
}

LampDistribution *
lamp_distribution_parse(const char *text)
{
    static const char *const names[] = {"uniform(", "normal(", "lognormal(", "exp("};
    gsize length = strlen(text);
    if (length < 2 || text[length - 1] != ')')
        return NULL;
    if (g_str_has_prefix(text, "file(")) {
        g_autofree char *path = g_strndup(text + 5, length - 6);
        return read_file(path);
    }
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!g_str_has_prefix(text, names[i]))
            continue;
        gsize begin = strlen(names[i]);
        g_autofree char *inside = g_strndup(text + begin, length - begin - 1);
        g_auto(GStrv) arguments = g_strsplit(inside, ",", 3);
        LampDistribution *distribution = g_new0(LampDistribution, 1);
        distribution->kind = (Kind) i;
        if (!parse_arguments(distribution, arguments))
            g_clear_pointer(&distribution, lamp_distribution_free);
        return distribution;
    }
    return NULL;
}

/* Above 0, below 1. */
static double
fraction(guint64 random)
{
    return ((double) (lamp_mix64(random) >> 12) + 0.5) * 0x1p-52;
}

/* Box and Muller's transform. */
static double
normal(guint64 random)
{
    double radius = sqrt(-2.0 * log(fraction(random)));
    return radius * cos(2.0 * G_PI * fraction(random + G_GUINT64_CONSTANT(0x5851f42d4c957f2d)));
}

gint64
lamp_distribution_draw(const LampDistribution *distribution, guint64 random)
{
    double a = distribution->first, b = distribution->second, value = 0.0;
    switch (distribution->kind) {
    case UNIFORM:
        value = a + (b - a) * fraction(random);
        break;
    case NORMAL:
        value = a + b * normal(random);
        break;
    case LOGNORMAL:
        value = a * exp(b * normal(random));
        break;
    case EXPONENTIAL:
        value = -a * log(fraction(random));
        break;
    case MEASURED:
        if (distribution->measured->len == 0)
            return 0;
        return g_array_index(distribution->measured, gint64,
                             (guint) (fraction(random) * distribution->measured->len));
    }
    return (gint64) llround(CLAMP(value, 0.0, LONGEST_NS));
}
