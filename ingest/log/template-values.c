/*
 * Records of masked texts, by the numbers that the store gave the texts.
 *
 * In: events as they are written. Out: one record for each text. A message may itself have
 * `<*>` in it; then places and values do not correspond, and of such a text no values are kept.
 *
 * Limits: LAMP_LIMIT_TEMPLATE_RECORDS texts have records, places take 64 MiB together: texts
 * that are new after that have no places, or no record.
 */
#include "ingest/log/template-values.h"
#include "base/limits.h"
#include "base/text.h"

enum { PLACE_BUDGET = 64 * 1024 * 1024, NO_RECORD = G_MAXUINT32 };

struct LampTemplateValues {
    guint32 *by_id; /* by string id: number of the record, from 1; NO_RECORD; 0: not met */
    gint64 id_count;
    GArray *records;
    LampArena *arena;
    gboolean is_whole, has_times;
};

LampTemplateValues *
lamp_template_values_new(void)
{
    LampTemplateValues *v = g_new0(LampTemplateValues, 1);
    v->records = g_array_new(FALSE, TRUE, sizeof(LampTemplateRecord));
    v->arena = lamp_arena_new(PLACE_BUDGET);
    v->is_whole = v->has_times = TRUE;
    return v;
}

void
lamp_template_values_free(LampTemplateValues *values)
{
    if (values == NULL)
        return;
    g_free(values->by_id);
    g_array_free(values->records, TRUE);
    lamp_arena_free(values->arena);
    g_free(values);
}

static guint
count_marks(LampBytes text)
{
    guint count = 0;
    for (gsize i = 0; i + 3 <= text.len; i++)
        count += memcmp(text.at + i, "<*>", 3) == 0 ? 1 : 0;
    return count;
}

static void
reserve(LampTemplateValues *v, gint64 id)
{
    if (id < v->id_count)
        return;
    gint64 size = id * 2 + 1;
    v->by_id = g_renew(guint32, v->by_id, (gsize) size);
    memset(v->by_id + v->id_count, 0, sizeof *v->by_id * (gsize) (size - v->id_count));
    v->id_count = size;
}

/* Number of the record of a text that was not met before. */
static guint32
add_record(LampTemplateValues *v, gint64 id, LampBytes text)
{
    if (v->records->len >= LAMP_LIMIT_TEMPLATE_RECORDS) {
        v->is_whole = FALSE;
        return NO_RECORD;
    }
    LampTemplateRecord record = {.string_id = id,
                                 .first_time = LAMP_TIME_NONE,
                                 .last_time = LAMP_TIME_NONE,
                                 .marks = count_marks(text)};
    g_array_append_val(v->records, record);
    return v->records->len;
}

static LampTemplateRecord *
record_of(LampTemplateValues *v, gint64 id, LampBytes text)
{
    reserve(v, id);
    if (v->by_id[id] == 0)
        v->by_id[id] = add_record(v, id, text);
    return v->by_id[id] == NO_RECORD
               ? NULL
               : &g_array_index(v->records, LampTemplateRecord, v->by_id[id] - 1);
}

static void
add_time(LampTemplateRecord *record, LampTime time)
{
    if (time == LAMP_TIME_NONE)
        return;
    if (record->first_time == LAMP_TIME_NONE || time < record->first_time)
        record->first_time = time;
    if (record->last_time == LAMP_TIME_NONE || time > record->last_time)
        record->last_time = time;
}

/* The values at the places, if the marks of the text are these places. */
static void
add_values(LampTemplateValues *v, LampTemplateRecord *record, const LampMasked *masked)
{
    if (masked->place_count != record->marks)
        return;
    guint places = MIN(record->marks, (guint) LAMP_TEMPLATE_VARIABLES);
    if (record->places == NULL && places > 0) {
        record->places = lamp_arena_take(v->arena, places * sizeof(LampPlace));
        record->place_count = record->places != NULL ? places : 0;
    }
    for (guint i = 0; i < record->place_count; i++) {
        const LampMaskedPlace *from = &masked->places[i];
        if (from->first + from->count <= masked->variable_count)
            lamp_place_add(&record->places[i], from->value, &masked->variables[from->first],
                           from->count, v->arena);
        else
            lamp_place_add_unknown(&record->places[i]);
    }
}

void
lamp_template_values_add(LampTemplateValues *values, gint64 string_id, LampBytes text,
                         const LampMasked *masked, gint64 event_id, LampTime time)
{
    LampTemplateRecord *record = record_of(values, string_id, text);
    if (record == NULL)
        return;
    if (record->events++ == 0 || event_id < record->first_event)
        record->first_event = event_id;
    add_time(record, time);
    if (masked != NULL)
        add_values(values, record, masked);
}

void
lamp_template_values_forget_times(LampTemplateValues *values)
{
    values->has_times = FALSE;
}

gboolean
lamp_template_values_has_times(const LampTemplateValues *values)
{
    return values->has_times;
}

gboolean
lamp_template_values_is_whole(const LampTemplateValues *values)
{
    return values->is_whole;
}

GArray *
lamp_template_values_ids(const LampTemplateValues *values)
{
    GArray *ids = g_array_new(FALSE, FALSE, sizeof(gint64));
    for (gint64 id = 0; id < values->id_count; id++)
        if (values->by_id[id] != 0)
            g_array_append_val(ids, id);
    return ids;
}

const LampTemplateRecord *
lamp_template_values_find(const LampTemplateValues *values, gint64 string_id)
{
    guint32 number = string_id < values->id_count ? values->by_id[string_id] : 0;
    return number == 0 || number == NO_RECORD
               ? NULL
               : &g_array_index(values->records, LampTemplateRecord, number - 1);
}
