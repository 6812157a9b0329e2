/*
 * The sample of values, and the columns in which they stand.
 *
 * A component is the service of an event, or its host, or its file; for calls on the wire the
 * protocol. A column is a field of one template (or operation) of a component: the first
 * parameter of one statement has nothing to do with that of another. Values that cannot
 * identify (no digit, shorter than three bytes, decimals) are left out.
 *
 * Limits: when MOST_OCCURRENCES are held, half of the values are dropped, and from then on that
 * half is not taken. A value that stands in very many records would leave no room for others;
 * of each about ALL_USES are taken (counted in cells that some values share), then every second
 * until twice as many came, every fourth until four times as many, and so on, so that they
 * still spread over all columns and times.
 */
#include "ingest/log/occurrences.h"
#include "base/keyed-map.h"
#include "base/value-hash.h"
#include "ingest/log/template.h"
#include "store/fields.h"
#include "store/statement.h"

enum {
    MOST_OCCURRENCES = 1 << 17,
    ALL_USES = 256,
    USE_CELLS = 1 << 14,
    RECENT_COLUMNS = 256,
    WEAK_DIGITS = 6,
    LONGEST_VALUE = 128
};
#define SPARSEST_SAMPLE ((guint64) 1 << 32)

/* A column that was met not long ago. */
typedef struct {
    LampOccurrenceColumn column;
    guint32 number; /* from 1; 0: none */
} RecentColumn;

typedef struct LampOccurrencesState {
    LampStore *store;
    LampKeyedMap *column_of;
    RecentColumn recent[RECENT_COLUMNS];
    guint32 uses[USE_CELLS];
} State;

/* A record whose values are being added; the column is looked up when one is kept. */
typedef struct {
    LampOccurrence occurrence;
    LampOccurrenceColumn column;
} Record;

LampOccurrences *
lamp_occurrences_new(LampStore *store)
{
    LampOccurrences *o = g_new0(LampOccurrences, 1);
    o->occurrences = g_array_new(FALSE, FALSE, sizeof(LampOccurrence));
    o->columns = g_array_new(FALSE, FALSE, sizeof(LampOccurrenceColumn));
    o->templates = lamp_template_values_new();
    o->sample = 1;
    o->state = g_new0(State, 1);
    o->state->store = store;
    o->state->column_of = lamp_keyed_map_new((gsize) 64 << 20);
    return o;
}

void
lamp_occurrences_free(LampOccurrences *o)
{
    if (o == NULL)
        return;
    g_array_free(o->occurrences, TRUE);
    g_array_free(o->columns, TRUE);
    lamp_template_values_free(o->templates);
    lamp_keyed_map_free(o->state->column_of);
    g_free(o->state);
    g_free(o);
}

/* Of eight bytes: is there a digit (@digits), a blank or `=` (@stops)? The top bit of a byte
 * tells; for stops also that of one above such, which changes nothing. */
static void
mark_bytes(guint64 word, guint64 *digits, guint64 *stops)
{
    const guint64 ones = G_GUINT64_CONSTANT(0x0101010101010101), tops = ones << 7;
    guint64 blank = word ^ ones * ' ', equals = word ^ ones * '=', digit = word ^ ones * '0';
    *stops |= ((blank - ones) & ~blank) | ((equals - ones) & ~equals);
    *digits |= ~((digit | tops) - ones * 10) & ~digit;
}

/* One word with a digit in it? The last eight bytes overlap those before. */
static gboolean
is_one_word(LampBytes value)
{
    const guint64 tops = G_GUINT64_CONSTANT(0x8080808080808080);
    guint64 digits = 0, stops = 0, word;
    if (value.len < 8) {
        mark_bytes(lamp_value_hash_short(value), &digits, &stops);
        return (stops & tops) == 0 && (digits & tops) != 0;
    }
    for (gsize i = 0; i + 8 < value.len; i += 8) {
        memcpy(&word, value.at + i, 8);
        mark_bytes(word, &digits, &stops);
    }
    memcpy(&word, value.at + value.len - 8, 8);
    mark_bytes(word, &digits, &stops);
    return (stops & tops) == 0 && (digits & tops) != 0;
}

static gboolean
may_identify(LampBytes value, gboolean *out_weak)
{
    LampVariableKind kind = lamp_variable_kind(value);
    *out_weak = kind == LAMP_VARIABLE_INTEGER && value.len < WEAK_DIGITS;
    return kind != LAMP_VARIABLE_DECIMAL && kind != LAMP_VARIABLE_DURATION &&
           kind != LAMP_VARIABLE_SIZE && kind != LAMP_VARIABLE_TIME &&
           kind != LAMP_VARIABLE_PATH && kind != LAMP_VARIABLE_URL;
}

static gboolean
column_number(LampOccurrences *o, const LampOccurrenceColumn *column, guint32 *out_number)
{
    gboolean is_new = FALSE;
    guint64 *place =
        lamp_keyed_map_add(o->state->column_of, lamp_bytes(column, sizeof *column), &is_new);
    if (place == NULL)
        return FALSE;
    if (is_new) {
        g_array_append_val(o->columns, *column);
        *place = o->columns->len - 1;
    }
    *out_number = (guint32) *place;
    return TRUE;
}

static gint
compare_columns(gconstpointer x, gconstpointer y)
{
    const LampOccurrenceColumn *a = x, *b = y;
    if (a->component != b->component)
        return a->component < b->component ? -1 : 1;
    if (a->template_id != b->template_id)
        return a->template_id < b->template_id ? -1 : 1;
    return (a->slot > b->slot) - (a->slot < b->slot);
}

/* The same, of a column that most likely was met before. */
static gboolean
recent_number(LampOccurrences *o, const LampOccurrenceColumn *column, guint32 *out_number)
{
    guint64 place = (guint64) column->slot + 7 * (guint64) column->template_id +
                    61 * (guint64) column->component;
    RecentColumn *recent = &o->state->recent[place % RECENT_COLUMNS];
    guint32 number;
    if (recent->number == 0 || compare_columns(&recent->column, column) != 0) {
        if (!column_number(o, column, &number))
            return FALSE;
        *recent = (RecentColumn){*column, number + 1};
    }
    *out_number = recent->number - 1;
    return TRUE;
}

static gboolean
is_sampled(const LampOccurrences *o, guint64 value)
{
    return (value & (o->sample - 1)) == 0;
}

static void
thin_out(LampOccurrences *o)
{
    LampOccurrence *all = (LampOccurrence *) (gpointer) o->occurrences->data;
    guint kept = 0;
    o->sample *= 2;
    for (guint i = 0; i < o->occurrences->len; i++)
        if (is_sampled(o, all[i].value))
            all[kept++] = all[i];
    g_array_set_size(o->occurrences, kept);
}

/* One more use of a value: is it to be taken? Then also for how many it stands. */
static gboolean
take_use(guint32 *uses, guint16 *out_doubled)
{
    guint32 count = *uses, above = count / ALL_USES;
    if (count < G_MAXUINT32)
        *uses = count + 1;
    *out_doubled = above == 0 ? 0 : (guint16) (32 - __builtin_clz(above));
    return (count & ((1u << *out_doubled) - 1)) == 0;
}

/* Is the value to be kept? Then its hash. */
static gboolean
is_wanted(LampOccurrences *o, LampBytes text, LampOccurrence *occurrence)
{
    gboolean is_weak = FALSE;
    if (text.len < 3 || text.len > LONGEST_VALUE || !is_one_word(text))
        return FALSE;
    guint64 value = lamp_value_hash(text);
    if (!is_sampled(o, value) || !may_identify(text, &is_weak) ||
        !take_use(&o->state->uses[value >> 50], &occurrence->doubled))
        return FALSE;
    occurrence->value = value;
    occurrence->is_weak = is_weak ? 1 : 0;
    return TRUE;
}

static void
keep(LampOccurrences *o, Record *record, LampBytes slot)
{
    record->column.slot = lamp_store_find(o->state->store, slot);
    if (!recent_number(o, &record->column, &record->occurrence.column))
        return;
    g_array_append_val(o->occurrences, record->occurrence);
    if (o->occurrences->len >= MOST_OCCURRENCES && o->sample < SPARSEST_SAMPLE)
        thin_out(o);
}

static gint64
find(const LampOccurrences *o, LampBytes text)
{
    return lamp_store_find(o->state->store, text);
}

/* Records of events have even numbers, those of calls odd ones. */
void
lamp_occurrences_event(LampOccurrences *o, gint64 event_id, gint64 source_id,
                       const LampEventRow *event)
{
    Record record = {{.record = (guint64) event_id * 2, .time = event->time},
                     {.template_id = find(o, event->message_template)}};
    if (record.column.template_id > 0)
        lamp_template_values_add(o->templates, record.column.template_id,
                                 event->message_template, event->masked, event_id, event->time);
    for (gsize i = 0; i < event->field_count; i++) {
        if (!is_wanted(o, event->fields[i].value, &record.occurrence))
            continue;
        if (record.column.component == 0) {
            gint64 name = find(o, event->service.len > 0 ? event->service : event->host);
            record.column.component = name != 0 ? name : -source_id;
        }
        keep(o, &record, event->fields[i].slot);
    }
}

void
lamp_occurrences_call(LampOccurrences *o, gint64 observation_id, const LampObservationRow *call,
                      const LampWriterNames *names)
{
    Record record = {{.record = (guint64) observation_id * 2 + 1, .time = call->request_first},
                     {names->protocol_id, names->operation_id, 0}};
    if (call->origin != LAMP_ORIGIN_WIRE)
        return;
    for (gsize i = 0; i < call->value_count; i++)
        if (is_wanted(o, call->values[i].value, &record.occurrence))
            keep(o, &record, call->values[i].slot);
}

/* Columns: record, component, time, template, texts of values. */
static void
add_row(LampOccurrences *o, LampFieldScan *scan, LampStatement *row)
{
    const char *slot, *text;
    Record record = {{.record = (guint64) lamp_statement_int(row, 0),
                      .time = lamp_statement_int_or(row, 2, LAMP_TIME_NONE)},
                     {.component = lamp_statement_int(row, 1),
                      .template_id = lamp_statement_int_or(row, 3, 0)}};
    for (int column = 4; column < lamp_statement_column_count(row); column++) {
        lamp_field_scan_start(scan, lamp_statement_text(row, column));
        while (lamp_field_scan_next(scan, &slot, &text))
            if (is_wanted(o, lamp_bytes_text(text), &record.occurrence))
                keep(o, &record, lamp_bytes_text(slot));
    }
}

static gboolean
read_rows(LampOccurrences *o, const char *sql, GError **error)
{
    gboolean has_row = FALSE;
    g_autoptr(LampStatement) rows = lamp_statement_new(o->state->store, sql, error);
    g_auto(LampFieldScan) scan = {NULL, NULL};
    if (rows == NULL)
        return FALSE;
    while (lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        add_row(o, &scan, rows);
    }
    return FALSE;
}

gboolean
lamp_occurrences_read(LampOccurrences *o, GError **error)
{
    return read_rows(o,
                     "SELECT event_id * 2, coalesce(service_id, host_id, -source_id), "
                     "time_ns, template_id, fields FROM events WHERE fields IS NOT NULL",
                     error) &&
           read_rows(o,
                     "SELECT observation_id * 2 + 1, coalesce(protocol_id, 0), "
                     "request_first_ns, operation_id, request_values, response_values FROM "
                     "observations WHERE origin = 'wire'",
                     error);
}

static gboolean
follow_templates(LampOccurrences *o, GError **error)
{
    g_autoptr(GHashTable) moves =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    g_autoptr(LampStatement) rows = lamp_statement_new(
        o->state->store, "SELECT source, target FROM temp.template_moves", error);
    gboolean has_row = TRUE;
    while (rows != NULL && lamp_statement_step(rows, &has_row, error) && has_row) {
        gint64 *from = g_new(gint64, 1);
        *from = lamp_statement_int(rows, 0);
        g_hash_table_insert(moves, from, GSIZE_TO_POINTER((gsize) lamp_statement_int(rows, 1)));
    }
    for (guint i = 0; i < o->columns->len && !has_row; i++) {
        LampOccurrenceColumn *column = &g_array_index(o->columns, LampOccurrenceColumn, i);
        gpointer to = g_hash_table_lookup(moves, &column->template_id);
        if (to != NULL)
            column->template_id = (gint64) GPOINTER_TO_SIZE(to);
    }
    return !has_row;
}

/* The columns that still occur, sorted, each once. */
static GArray *
used_columns(const LampOccurrences *o)
{
    GArray *used = g_array_new(FALSE, FALSE, sizeof(LampOccurrenceColumn));
    g_autofree gboolean *occurs = g_new0(gboolean, (gsize) o->columns->len + 1);
    guint kept = 0;
    for (guint i = 0; i < o->occurrences->len; i++)
        occurs[g_array_index(o->occurrences, LampOccurrence, i).column] = TRUE;
    for (guint i = 0; i < o->columns->len; i++)
        if (occurs[i])
            g_array_append_val(used, g_array_index(o->columns, LampOccurrenceColumn, i));
    g_array_sort(used, compare_columns);
    LampOccurrenceColumn *all = (LampOccurrenceColumn *) (gpointer) used->data;
    for (guint i = 0; i < used->len; i++)
        if (kept == 0 || compare_columns(&all[kept - 1], &all[i]) != 0)
            all[kept++] = all[i];
    g_array_set_size(used, kept);
    return used;
}

gboolean
lamp_occurrences_finish(LampOccurrences *o, GError **error)
{
    if (!follow_templates(o, error))
        return FALSE;
    GArray *used = used_columns(o);
    g_autofree guint *numbers = g_new0(guint, (gsize) o->columns->len + 1);
    for (guint i = 0; i < o->columns->len; i++)
        (void) g_array_binary_search(used, &g_array_index(o->columns, LampOccurrenceColumn, i),
                                     compare_columns, &numbers[i]);
    for (guint i = 0; i < o->occurrences->len; i++) {
        LampOccurrence *occurrence = &g_array_index(o->occurrences, LampOccurrence, i);
        occurrence->column = numbers[occurrence->column];
    }
    g_array_free(o->columns, TRUE);
    o->columns = used;
    return TRUE;
}
