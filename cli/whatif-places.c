/*
 * Who serves what where a what-if takes instances away or adds some, as a table and in JSON.
 */
#include "cli/whatif-places.h"

#include "cli/print.h"

/* "0.85 → 1.70"; caller frees. */
static char *
format_moved(int digits, double before, double after)
{
    return g_strdup_printf("%.*f → %.*f", digits, before, digits, after);
}

static char *
format_calls(guint64 before, guint64 after)
{
    g_autofree char *left = lamp_count_format(before);
    g_autofree char *right = lamp_count_format(after);
    return g_strdup_printf("%s → %s", left, right);
}

void
lamp_whatif_places(LampCli *cli, const LampWhatifResult *result, GString *out)
{
    static const char *const titles[] = {
        "instance", ">calls", ">~per s", ">at work (mean)", ">most at once", ">places", NULL};
    g_autoptr(LampTable) table = lamp_table_new(titles);
    for (guint i = 0; i < result->places->len; i++) {
        const LampWhatifPlace *place = &g_array_index(result->places, LampWhatifPlace, i);
        double before = 1e9 / MAX(result->span_before, 1.0),
               after = 1e9 / MAX(result->span_after, 1.0);
        char *cells[] = {g_strdup(place->name),
                         format_calls(place->calls_before, place->calls_after),
                         format_moved(1, before * (double) place->calls_before,
                                      after * (double) place->calls_after),
                         format_moved(2, place->work_before, place->work_after),
                         format_calls(place->peak_before, place->peak_after),
                         place->limit > 0 ? g_strdup_printf("%u", place->limit)
                                          : g_strdup("no limit seen")};
        lamp_table_take(table, cells);
    }
    if (result->places->len == 0)
        return;
    g_string_append_c(out, '\n');
    lamp_table_render(table, out, cli->table_width);
}

void
lamp_whatif_places_json(const LampWhatifResult *result, GString *out)
{
    g_string_append(out, "], \"places\": [");
    for (guint i = 0; i < result->places->len; i++) {
        const LampWhatifPlace *place = &g_array_index(result->places, LampWhatifPlace, i);
        g_string_append(out, i == 0 ? "{\"instance\": " : ", {\"instance\": ");
        lamp_json_append_string(out, place->name);
        g_string_append_printf(
            out,
            ", \"calls_before\": %" G_GUINT64_FORMAT ", \"calls_after\": %" G_GUINT64_FORMAT
            ", \"most_before\": %u, \"most_after\": %u, \"limit\": ",
            place->calls_before, place->calls_after, place->peak_before, place->peak_after);
        g_string_append_printf(out, place->limit > 0 ? "%u" : "null", place->limit);
        g_string_append(out, ", \"work_before\": ");
        lamp_json_append_real(out, place->work_before);
        g_string_append(out, ", \"work_after\": ");
        lamp_json_append_real(out, place->work_after);
        g_string_append_c(out, '}');
    }
}
