/*
 * Truth of a captured system: spans.csv (one row for each call, with its connection and
 * position) and clocks.csv (each host's clock against true time).
 *
 * A call is found where the store has one with the same addresses, ports and position; where a
 * port was used again, the truth's positions go on counting. Of a call that a queue's worker
 * made, the cause is the call that put the message into the queue, so the truth's `job` rows
 * are looked through. Work that a timer began has no cause. Calls from before the capture are
 * left out. Clock errors are differences to the reference, whose own error is taken out.
 */
#include "base/text.h"
#include "correlate/eval/truth.h"

#include <math.h>

#define MAP_BUDGET ((gsize) 1 << 30)
#define MAX_JOBS 8

/* One row of spans.csv. */
typedef struct {
    guint32 parent; /* row, or NONE */
    guint32 unit;   /* NONE for rows that are not calls */
    gboolean is_job;
} Row;

typedef struct {
    LampStore *store;
    LampEvalTruth *truth;
    LampKeyedMap *rows;   /* span id to row */
    LampKeyedMap *traces; /* trace id to number */
    LampKeyedMap *keys;   /* connection and position to unit */
    LampKeyedMap *protocols;
    GArray *table;        /* Row */
    GArray *unit_of_call; /* guint32 by call id */
} Reading;

static Row *
row_at(Reading *r, guint32 i)
{
    if (i >= r->table->len) {
        guint old = r->table->len;
        g_array_set_size(r->table, i + 1);
        for (guint k = old; k <= i; k++)
            g_array_index(r->table, Row, k) = (Row){LAMP_EVAL_NONE, LAMP_EVAL_NONE, FALSE};
    }
    return &g_array_index(r->table, Row, i);
}

static guint32
protocol_number(Reading *r, const char *name)
{
    guint32 number = lamp_eval_number(r->protocols, name);
    if (number == r->truth->report->protocols->len) {
        LampEvalProtocol protocol = {.name = g_strdup(name)};
        g_array_append_val(r->truth->report->protocols, protocol);
    }
    return number;
}

static guint32
add_unit(Reading *r, const LampCsv *csv, guint32 trace)
{
    const char *columns[] = {"client_ip", "client_port", "server_ip", "server_port", "n"};
    g_autoptr(GString) key = g_string_new(NULL);
    for (guint i = 0; i < G_N_ELEMENTS(columns); i++)
        g_string_append_printf(key, "%s ",
                               lamp_csv_field(csv, lamp_csv_column(csv, columns[i])));
    LampEvalUnit unit = {
        .trace = trace,
        .expected = LAMP_EVAL_NONE,
        .predicted = LAMP_EVAL_NONE,
        .protocol = protocol_number(r, lamp_csv_field(csv, lamp_csv_column(csv, "proto"))),
    };
    guint64 *place = lamp_keyed_map_add(r->keys, lamp_bytes(key->str, key->len), NULL);
    if (place != NULL)
        *place = r->truth->units->len;
    if (r->truth->example == NULL)
        r->truth->example = g_strchomp(g_strdup(key->str));
    g_array_append_val(r->truth->units, unit);
    return r->truth->units->len - 1;
}

static void
take_row(Reading *r, const LampCsv *csv)
{
    const char *kind = lamp_csv_field(csv, lamp_csv_column(csv, "kind"));
    const char *flags = lamp_csv_field(csv, lamp_csv_column(csv, "flags"));
    const char *parent = lamp_csv_field(csv, lamp_csv_column(csv, "parent_span_id"));
    guint32 trace =
        lamp_eval_number(r->traces, lamp_csv_field(csv, lamp_csv_column(csv, "trace_id")));
    guint32 index =
        lamp_eval_number(r->rows, lamp_csv_field(csv, lamp_csv_column(csv, "span_id")));
    guint32 parent_row = *parent != '\0' ? lamp_eval_number(r->rows, parent) : LAMP_EVAL_NONE;
    Row *row = row_at(r, index);
    row->parent = parent_row;
    row->is_job = strcmp(kind, "job") == 0;
    if (strcmp(kind, "rpc") == 0 && strstr(flags, "precapture") == NULL)
        row->unit = add_unit(r, csv, trace);
}

/* The call that caused @row: jobs are looked through. */
static guint32
cause_of(Reading *r, const Row *row)
{
    guint32 parent = row->parent;
    for (guint i = 0; parent != LAMP_EVAL_NONE && i < MAX_JOBS; i++) {
        const Row *above = row_at(r, parent);
        if (!above->is_job)
            return above->unit;
        parent = above->parent;
    }
    return LAMP_EVAL_NONE;
}

static gboolean
read_spans(Reading *r, const char *folder, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "spans.csv", NULL);
    g_autoptr(LampCsv) csv = lamp_csv_read(path, error);
    if (csv == NULL)
        return FALSE;
    if (lamp_csv_column(csv, "client_port") < 0 || lamp_csv_column(csv, "n") < 0) {
        g_set_error(error, LAMP_EVAL_ERROR, LAMP_EVAL_ERROR_TRUTH,
                    "'%s' is no truth of captured calls: columns client_port and n are needed",
                    path);
        return FALSE;
    }
    while (lamp_csv_next(csv))
        take_row(r, csv);
    r->truth->traces = lamp_keyed_map_size(r->traces);
    for (guint32 i = 0; i < r->table->len; i++) {
        const Row *row = row_at(r, i);
        if (row->unit != LAMP_EVAL_NONE)
            g_array_index(r->truth->units, LampEvalUnit, row->unit).expected = cause_of(r, row);
    }
    return TRUE;
}

static void
match_call(Reading *r, gint64 call, const char *connection, gint64 position)
{
    g_autofree char *key = g_strdup_printf("%s%" G_GINT64_FORMAT " ", connection, position);
    const guint64 *unit = lamp_keyed_map_find(r->keys, lamp_bytes_text(key));
    if (unit == NULL)
        return;
    if (call >= r->unit_of_call->len) {
        guint old = r->unit_of_call->len;
        g_array_set_size(r->unit_of_call, (guint) call + 1);
        memset(&g_array_index(r->unit_of_call, guint32, old), 0xff,
               ((gsize) call + 1 - old) * sizeof(guint32));
    }
    LampEvalUnit *found = &g_array_index(r->truth->units, LampEvalUnit, *unit);
    if (found->is_found)
        return;
    found->is_found = TRUE;
    g_array_index(r->unit_of_call, guint32, (guint) call) = (guint32) *unit;
}

/* Calls by connection and time: a position that does not rise belongs to a new connection on
 * the same ports. */
static gboolean
match_calls(Reading *r, GError **error)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(
        r->store,
        "SELECT c.call_id, a.address || ' ' || a.port || ' ' || b.address || ' ' || b.port ||"
        " ' ', c.position FROM calls c JOIN endpoints a ON a.endpoint_id = c.client_endpoint_id"
        " JOIN endpoints b ON b.endpoint_id = c.server_endpoint_id ORDER BY 2, c.call_id",
        error);
    g_autofree char *last = g_strdup("");
    gint64 before = 0;
    gint64 highest = 0;
    gboolean has_row;
    while (rows != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        const char *connection = lamp_statement_text(rows, 1);
        gint64 position = lamp_statement_int(rows, 2);
        if (g_strcmp0(connection, last) != 0) {
            g_free(last);
            last = g_strdup(connection);
            before = highest = 0;
        }
        if (before + position <= highest && position == 1)
            before = highest;
        highest = MAX(highest, before + position);
        match_call(r, lamp_statement_int(rows, 0), connection, before + position);
    }
    return FALSE;
}

static guint32
unit_of(const Reading *r, gint64 call)
{
    return call > 0 && call < r->unit_of_call->len
               ? g_array_index(r->unit_of_call, guint32, (guint) call)
               : LAMP_EVAL_NONE;
}

static gboolean
read_links(Reading *r, GError **error)
{
    g_autoptr(LampStatement) rows = lamp_statement_new(
        r->store,
        "SELECT l.child_call_id, l.parent_call_id, l.confidence,"
        " json_extract(l.evidence, '$.candidates') > 1 FROM call_links l WHERE l.rank = 1",
        error);
    gboolean has_row;
    while (rows != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        guint32 child = unit_of(r, lamp_statement_int(rows, 0));
        guint32 parent = unit_of(r, lamp_statement_int(rows, 1));
        if (child == LAMP_EVAL_NONE)
            continue;
        LampEvalUnit *unit = &g_array_index(r->truth->units, LampEvalUnit, child);
        unit->predicted = parent != LAMP_EVAL_NONE ? parent : LAMP_EVAL_FOREIGN;
        unit->confidence = (float) lamp_statement_real(rows, 2);
        unit->is_ambiguous = lamp_statement_int_or(rows, 3, 0) != 0;
    }
    return FALSE;
}

/* A host's true clock: offset (s), drift (1) at t0 (s). */
typedef struct {
    double offset, drift, start;
} TrueClock;

static double
number_in(const LampCsv *csv, const char *column)
{
    return g_ascii_strtod(lamp_csv_field(csv, lamp_csv_column(csv, column)), NULL);
}

static gboolean
find_clock(const char *path, const char *host, TrueClock *out_clock)
{
    g_autoptr(LampCsv) csv = lamp_csv_read(path, NULL);
    while (csv != NULL && lamp_csv_next(csv)) {
        if (strcmp(lamp_csv_field(csv, lamp_csv_column(csv, "host")), host) != 0)
            continue;
        *out_clock = (TrueClock){number_in(csv, "offset_s"), number_in(csv, "drift_ppm") * 1e-6,
                                 number_in(csv, "t0")};
        return TRUE;
    }
    return FALSE;
}

/* Compares one row of `hosts` with the truth. */
static void
compare_clock(LampEvalReport *report, LampStatement *row, const TrueClock *clock,
              const TrueClock *reference)
{
    double epoch = (double) lamp_statement_int(row, 3) / 1e9;
    double since = (epoch - reference->offset - reference->start) / (1 + reference->drift);
    double expected = clock->offset + clock->drift * (since + reference->start - clock->start) -
                      reference->offset - reference->drift * since;
    double error_ms = fabs((double) lamp_statement_int(row, 1) / 1e9 - expected) * 1e3;
    double error_ppm =
        fabs(lamp_statement_real(row, 2) - (clock->drift - reference->drift) * 1e6);
    report->has_clocks = TRUE;
    report->clock_error_ms_max = fmax(report->clock_error_ms_max, error_ms);
    report->drift_error_ppm_max = fmax(report->drift_error_ppm_max, error_ppm);
}

static gboolean
compare_clocks(Reading *r, const char *folder, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "clocks.csv", NULL);
    g_autoptr(LampStatement) rows = lamp_statement_new(
        r->store,
        "SELECT name, offset_ns, drift_ppm, epoch_ns FROM hosts WHERE method IN ('two-way',"
        " 'reference') ORDER BY is_reference DESC, host_id",
        error);
    TrueClock reference = {0};
    gboolean has_reference = FALSE;
    gboolean has_row;
    while (rows != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        TrueClock clock;
        if (!find_clock(path, lamp_statement_text(rows, 0), &clock))
            continue;
        if (!has_reference)
            reference = clock;
        has_reference = TRUE;
        compare_clock(r->truth->report, rows, &clock, &reference);
    }
    return FALSE;
}

static const char first_call[] =
    "SELECT a.address || ' ' || a.port || ' ' || b.address || ' ' || b.port || ' ' || "
    "c.position"
    " FROM calls c JOIN endpoints a ON a.endpoint_id = c.client_endpoint_id"
    " JOIN endpoints b ON b.endpoint_id = c.server_endpoint_id ORDER BY c.call_id LIMIT 1";

gboolean
lamp_eval_testbed(LampStore *store, const char *folder, LampEvalTruth *truth, GError **error)
{
    g_autoptr(LampKeyedMap) rows = lamp_keyed_map_new(MAP_BUDGET);
    g_autoptr(LampKeyedMap) traces = lamp_keyed_map_new(MAP_BUDGET);
    g_autoptr(LampKeyedMap) keys = lamp_keyed_map_new(MAP_BUDGET);
    g_autoptr(LampKeyedMap) protocols = lamp_keyed_map_new(MAP_BUDGET);
    g_autoptr(GArray) table = g_array_new(FALSE, TRUE, sizeof(Row));
    g_autoptr(GArray) unit_of_call = g_array_new(FALSE, TRUE, sizeof(guint32));
    Reading r = {store, truth, rows, traces, keys, protocols, table, unit_of_call};
    return read_spans(&r, folder, error) && match_calls(&r, error) &&
           lamp_eval_require_match(truth, "calls (client, port, server, port, position)", store,
                                   first_call, error) &&
           read_links(&r, error) && compare_clocks(&r, folder, error);
}
