/*
 * From what masked texts had in their places to templates with typed places.
 *
 * In: a record for each masked text, and the template that each became part of. Out: a row of
 * `templates` for each, with the types of its places in the text, a row of `template_variables`
 * for each place. Merging replaces words by `<*>` and keeps their number, so texts correspond
 * word by word: where the template has `<*>` a text has a place of its own, whose values are
 * merged, or a word, which is then a value.
 *
 * The stable id is a hash of the template's text under a fixed key: equal texts have equal ids
 * in every run and on every machine.
 */
#include "ingest/log/template-table.h"
#include "base/keyed-map.h"
#include "base/limits.h"
#include "base/text.h"
#include "ingest/log/template-merge.h"
#include "ingest/log/template-value.h"
#include "store/fields.h"
#include "store/statement.h"

enum { GROUP_BUDGET = 1024 * 1024, PLACES = LAMP_TEMPLATE_VARIABLES, LONGEST_NAME = 40 };

/* A masked text and its template. */
typedef struct {
    gint64 target, source;
} Member;

/* One template while its rows are made. */
typedef struct {
    gint64 id;
    LampBytes text;
    gint64 events, first_event;
    LampTime first_time, last_time;
    guint place_count;
    LampPlace places[PLACES];
    char *types[PLACES];
    LampBytes names[PLACES];
} Group;

typedef struct {
    LampStore *store;
    const LampTemplateValues *values;
    const LampTemplates *templates;
    LampStatement *template_row, *variable_row;
    LampArena *arena; /* of the group */
    LampOut out;
    Group group;
} Writer;

/* ---- what the texts of a template have in common */

static gboolean
is_place(LampBytes word)
{
    return lamp_bytes_equal(word, lamp_bytes("<*>", 3));
}

static void
add_word(Writer *w, LampPlace *place, LampBytes word)
{
    LampVariable variable = {.kind = lamp_variable_kind(word), .value = word};
    lamp_place_add(place, word, &variable, 1, w->arena);
}

/* The values of one text, which is @record's, word by word beside the template's. */
static void
add_values(Writer *w, LampBytes text, const LampTemplateRecord *record)
{
    LampCursor template = lamp_cursor(w->group.text), own = lamp_cursor(text);
    guint place = 0, own_place = 0;
    while (place < PLACES && template.at < template.end && own.at < own.end) {
        gboolean is_common = is_place(lamp_template_take_word(&template));
        LampBytes word = lamp_template_take_word(&own);
        guint number = is_place(word) ? own_place++ : G_MAXUINT;
        if (!is_common)
            continue;
        LampPlace *at = &w->group.places[place++];
        if (number < record->place_count)
            lamp_place_merge(at, &record->places[number], w->arena);
        else if (is_place(word))
            lamp_place_add_unknown(at); /* its values were not kept */
        else
            add_word(w, at, word);
    }
}

static void
add_member(Writer *w, const LampTemplateRecord *record)
{
    Group *group = &w->group;
    if (group->events == 0 || record->first_event < group->first_event)
        group->first_event = record->first_event;
    group->events += record->events;
    if (record->first_time == LAMP_TIME_NONE)
        return;
    if (group->first_time == LAMP_TIME_NONE || record->first_time < group->first_time)
        group->first_time = record->first_time;
    if (group->last_time == LAMP_TIME_NONE || record->last_time > group->last_time)
        group->last_time = record->last_time;
}

/* The next place, behind the word @name. */
static void
name_place(Writer *w, LampBytes behind, LampBytes name)
{
    guint n = w->group.place_count++;
    GString *type = g_string_new(NULL);
    lamp_place_type(&w->group.places[n], behind, TRUE, type);
    lamp_out_add(&w->out, lamp_bytes(type->str, type->len));
    g_string_truncate(type, 0);
    lamp_place_type(&w->group.places[n], behind, FALSE, type);
    w->group.types[n] = g_string_free(type, FALSE);
    w->group.names[n] = name;
}

/* Types and names of the places; the text with types goes to @out. */
static void
name_places(Writer *w)
{
    Group *group = &w->group;
    LampCursor at = lamp_cursor(group->text);
    LampBytes name = lamp_bytes(NULL, 0);
    group->place_count = 0;
    while (at.at < at.end) {
        LampBytes word = lamp_template_take_word(&at);
        if (is_place(word) && group->place_count < PLACES) {
            name_place(w, lamp_cursor_rest(&at), name);
            continue;
        }
        lamp_out_add(&w->out, word);
        if (g_ascii_isalpha((char) word.at[0]) && word.len <= LONGEST_NAME)
            name = word;
    }
}

/* ---- rows */

static gboolean
write_template(Writer *w, GError **error)
{
    const Group *group = &w->group;
    LampStatement *row = w->template_row;
    char stable_id[17];
    g_snprintf(stable_id, sizeof stable_id, "%016" G_GINT64_MODIFIER "x",
               lamp_content_hash(group->text));
    lamp_statement_reset(row);
    lamp_statement_bind_int(row, 1, group->id);
    lamp_statement_bind_string(row, 2, stable_id);
    lamp_statement_bind_text(row, 3, lamp_bytes(w->out.at, w->out.len));
    lamp_statement_bind_int(row, 4, group->events);
    lamp_statement_bind_int(row, 5, group->first_event);
    lamp_statement_bind_int_or_null(row, 6, group->first_time, LAMP_TIME_NONE);
    lamp_statement_bind_int_or_null(row, 7, group->last_time, LAMP_TIME_NONE);
    return lamp_statement_run(row, error);
}

/* A JSON array of the sampled values. */
static void
put_samples(LampOut *out, const LampPlace *place)
{
    out->len = 0;
    for (guint i = 0; i < place->sample_count; i++) {
        const LampPlaceSample *sample = &place->samples[i];
        g_autofree char *text = lamp_text_to_utf8(lamp_bytes(sample->text, sample->length),
                                                  LAMP_PLACE_SAMPLE_BYTES);
        lamp_out_add(out, lamp_bytes(i == 0 ? "[" : ",", 1));
        lamp_fields_quote(out, lamp_bytes_text(text));
        out->len--; /* a name without its colon is a text */
    }
    if (out->len > 0)
        lamp_out_add(out, lamp_bytes("]", 1));
}

static void
bind_number(LampStatement *row, int parameter, const LampPlace *place, double number)
{
    const double exact = 9007199254740992.0; /* 2^53 */
    gboolean is_decimal;
    if (!lamp_place_is_number(place, &is_decimal))
        lamp_statement_bind_null(row, parameter);
    else if (!is_decimal && number < exact && number > -exact)
        lamp_statement_bind_int(row, parameter, (gint64) number);
    else
        lamp_statement_bind_real(row, parameter, number);
}

static gboolean
write_variable(Writer *w, guint number, GError **error)
{
    const LampPlace *place = &w->group.places[number];
    LampStatement *row = w->variable_row;
    put_samples(&w->out, place);
    lamp_statement_reset(row);
    lamp_statement_bind_int(row, 1, w->group.id);
    lamp_statement_bind_int(row, 2, number + 1);
    lamp_statement_bind_text(row, 3, w->group.names[number]);
    lamp_statement_bind_string(row, 4, w->group.types[number]);
    lamp_statement_bind_int(row, 5, (gint64) lamp_place_distinct(place));
    bind_number(row, 6, place, place->least);
    bind_number(row, 7, place, place->greatest);
    lamp_statement_bind_text(row, 8, lamp_bytes(w->out.at, w->out.len));
    return lamp_statement_run(row, error);
}

static gboolean
write_group(Writer *w, GError **error)
{
    w->out.len = 0;
    name_places(w);
    gboolean ok = write_template(w, error);
    for (guint i = 0; ok && i < w->group.place_count; i++)
        ok = write_variable(w, i, error);
    for (guint i = 0; i < w->group.place_count; i++)
        g_clear_pointer(&w->group.types[i], g_free);
    return ok;
}

/* ---- all templates */

static gint
compare_members(gconstpointer x, gconstpointer y)
{
    const Member *a = x, *b = y;
    if (a->target != b->target)
        return a->target < b->target ? -1 : 1;
    return (a->source > b->source) - (a->source < b->source);
}

static GArray *
find_members(const Writer *w, const GArray *ids)
{
    GArray *members = g_array_new(FALSE, FALSE, sizeof(Member));
    for (guint i = 0; i < ids->len; i++) {
        gint64 id = g_array_index(ids, gint64, i);
        const char *text = lamp_store_text(w->store, id);
        if (text == NULL || lamp_template_values_find(w->values, id) == NULL)
            continue;
        LampBytes final = lamp_templates_final(w->templates, lamp_bytes_text(text));
        Member member = {lamp_store_find(w->store, final), id};
        g_array_append_val(members, member);
    }
    g_array_sort(members, compare_members);
    return members;
}

/* The template of the members from @first on; the number of them. */
static guint
gather(Writer *w, const GArray *members, guint first)
{
    const Member *all = (const Member *) (gconstpointer) members->data;
    LampBytes masked = lamp_bytes_text(lamp_store_text(w->store, all[first].source));
    guint n = 0;
    lamp_arena_clear(w->arena);
    w->group = (Group){.id = all[first].target,
                       .text = lamp_templates_final(w->templates, masked),
                       .first_time = LAMP_TIME_NONE,
                       .last_time = LAMP_TIME_NONE};
    for (; first + n < members->len && all[first + n].target == w->group.id; n++) {
        gint64 id = all[first + n].source;
        const LampTemplateRecord *record = lamp_template_values_find(w->values, id);
        add_member(w, record);
        add_values(w, lamp_bytes_text(lamp_store_text(w->store, id)), record);
    }
    return n;
}

/* The events that @values do not tell of: templates without types. */
static gboolean
write_others(Writer *w, GError **error)
{
    gboolean has_row = FALSE;
    g_autoptr(LampStatement) rows = lamp_statement_new(
        w->store,
        "SELECT template_id, text, count(*), min(event_id), min(time_ns), max(time_ns) FROM "
        "events JOIN strings ON string_id = template_id WHERE template_id NOT IN (SELECT "
        "template_id FROM templates) GROUP BY template_id",
        error);
    while (rows != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        w->group = (Group){.id = lamp_statement_int(rows, 0),
                           .text = lamp_bytes_text(lamp_statement_text(rows, 1)),
                           .events = lamp_statement_int(rows, 2),
                           .first_event = lamp_statement_int(rows, 3),
                           .first_time = lamp_statement_int_or(rows, 4, LAMP_TIME_NONE),
                           .last_time = lamp_statement_int_or(rows, 5, LAMP_TIME_NONE)};
        if (!write_group(w, error))
            return FALSE;
    }
    return FALSE;
}

/* Counts and times from the events themselves. */
static gboolean
count_again(Writer *w, GError **error)
{
    return lamp_store_run(
        w->store,
        "UPDATE templates SET events = e.n, first_event_id = e.id, first_time_ns = e.first, "
        "last_time_ns = e.last FROM (SELECT template_id, count(*) AS n, min(event_id) AS id, "
        "min(time_ns) AS first, max(time_ns) AS last FROM events WHERE template_id IS NOT NULL "
        "GROUP BY template_id) AS e WHERE e.template_id = templates.template_id",
        error);
}

static gboolean
write_all(Writer *w, const GArray *ids, GError **error)
{
    g_autoptr(GArray) members = find_members(w, ids);
    for (guint i = 0; i < members->len;) {
        i += gather(w, members, i);
        if (!write_group(w, error))
            return FALSE;
    }
    gboolean is_whole = lamp_template_values_is_whole(w->values);
    if (!is_whole && !write_others(w, error))
        return FALSE;
    return (is_whole && lamp_template_values_has_times(w->values)) || count_again(w, error);
}

gboolean
lamp_template_table_write(LampStore *store, const LampTemplateValues *values, const GArray *ids,
                          const LampTemplates *templates, GError **error)
{
    Writer *w = g_new0(Writer, 1);
    *w = (Writer){.store = store, .values = values, .templates = templates};
    gboolean ok =
        lamp_store_run(store, "DELETE FROM template_variables; DELETE FROM templates", error);
    w->arena = lamp_arena_new(GROUP_BUDGET);
    if (ok)
        w->template_row =
            lamp_statement_new(store, "INSERT INTO templates VALUES (?,?,?,?,?,?,?)", error);
    if (w->template_row != NULL)
        w->variable_row = lamp_statement_new(
            store, "INSERT INTO template_variables VALUES (?,?,?,?,?,?,?,?)", error);
    ok = w->variable_row != NULL && write_all(w, ids, error);
    lamp_statement_free(w->template_row);
    lamp_statement_free(w->variable_row);
    lamp_arena_free(w->arena);
    lamp_out_clear(&w->out);
    g_free(w);
    return ok;
}
