/*
 * Which zone the times of a log are of that names none.
 *
 * In: the sample of values, each with its time and record. Out: by how many quarters of an hour
 * a log without zones is ahead of logs with them. For each value and each log the earliest time
 * counts; where a value stands in a log with a zone (or one that was settled so before) and in
 * one without, the difference of the two, if it is within SLACK of a whole number of quarters,
 * is a vote. A request's lines are written within seconds, so those of a log in another zone
 * agree; objects that live for hours (an order, a customer) give differences of all sizes,
 * which do not. A log of which too few values are known goes with the others of its folder.
 *
 * Limit: a log that is always written a whole hour after another of the same values is taken
 * for one in another zone; the finding names it.
 *
 * Two logs without zones that disagree are told of, and not moved: nothing says which is right.
 * Nor is a log whose values vote for two shifts (clocks were put back or forward in it).
 */
#include "ingest/log/zone-shifts.h"

#include "store/statement.h"

enum { MOST_QUARTERS = 14 * 4, LEAST = 6, WIDEST = 16, ROUNDS = 4 };
#define QUARTER_NS (900 * LAMP_NS_PER_SECOND)
#define SLACK_NS (10 * LAMP_NS_PER_SECOND)

typedef struct {
    guint64 value;
    gint64 time;
    guint32 log;
} Use;

typedef struct {
    guint32 votes[2 * MOST_QUARTERS + 1];
    guint32 seen;
    gint64 other; /* that voted last for something else than 0 */
} Votes;

static int
compare_uses(gconstpointer x, gconstpointer y)
{
    const Use *a = x, *b = y;
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    if (a->log != b->log)
        return a->log < b->log ? -1 : 1;
    return (a->time > b->time) - (a->time < b->time);
}

/* The log that holds @event; @logs->len if none does. */
static guint
log_of(const GArray *logs, gint64 event)
{
    guint low = 0, high = logs->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (g_array_index(logs, LampZoneLog, middle).first_event <= event)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? low - 1 : logs->len;
}

/* The values in logs, the earliest use in each log alone, in their order. */
static GArray *
list_uses(const GArray *logs, const GArray *occurrences)
{
    GArray *uses = g_array_new(FALSE, FALSE, sizeof(Use));
    for (guint i = 0; i < occurrences->len; i++) {
        const LampOccurrence *o = &g_array_index(occurrences, LampOccurrence, i);
        guint log = o->record % 2 == 0 ? log_of(logs, (gint64) (o->record / 2)) : logs->len;
        if (log < logs->len && o->time != LAMP_TIME_NONE && !o->is_weak) {
            Use use = {o->value, o->time, log};
            g_array_append_val(uses, use);
        }
    }
    g_array_sort(uses, compare_uses);
    Use *all = (Use *) (gpointer) uses->data;
    guint kept = 0;
    for (guint i = 0; i < uses->len; i++)
        if (kept == 0 || all[kept - 1].value != all[i].value || all[kept - 1].log != all[i].log)
            all[kept++] = all[i];
    g_array_set_size(uses, kept);
    return uses;
}

static gboolean
is_assumed(const LampZoneLog *log)
{
    return log->assumed > log->events / 2;
}

/* A log whose times are known to be right. */
static gboolean
is_anchor(const LampZoneLog *log)
{
    return !is_assumed(log) || log->is_sure;
}

/* Offsets that clocks have: whole hours, and the few of half and quarter hours. Other
 * differences are delays: of timers, queues, retries. */
static gboolean
is_zone(gint64 quarters)
{
    static const gint8 odd[] = {-38, -14, -10, 14, 18, 22, 23, 26, 35, 38, 42, 51, 55};
    for (gsize i = 0; i < G_N_ELEMENTS(odd); i++)
        if (quarters == odd[i])
            return TRUE;
    return quarters % 4 == 0;
}

static void
vote(Votes *votes, gint64 difference, gint64 other)
{
    gint64 half = difference < 0 ? -QUARTER_NS / 2 : QUARTER_NS / 2;
    gint64 quarters = (difference + half) / QUARTER_NS;
    votes->seen++;
    if (ABS(quarters) > MOST_QUARTERS || !is_zone(quarters) ||
        ABS(difference - quarters * QUARTER_NS) > SLACK_NS)
        return;
    votes->votes[quarters + MOST_QUARTERS]++;
    if (quarters != 0)
        votes->other = other;
}

/* Lets the uses of one value vote. @anchored: against logs that are right; else against each
 * other. */
static void
vote_value(const GArray *logs, const Use *uses, gsize n, gboolean anchored, Votes *votes)
{
    for (gsize i = 0; i < n; i++) {
        const LampZoneLog *log = &g_array_index(logs, LampZoneLog, uses[i].log);
        for (gsize k = 0; k < n && !is_anchor(log); k++) {
            const LampZoneLog *other = &g_array_index(logs, LampZoneLog, uses[k].log);
            gint64 difference;
            if (k == i || (anchored ? !is_anchor(other) : k > i) ||
                __builtin_sub_overflow(uses[i].time, uses[k].time, &difference) ||
                __builtin_add_overflow(difference, other->shift_ns, &difference) ||
                difference > G_MAXINT64 / 2 || difference < -(G_MAXINT64 / 2))
                continue;
            vote(&votes[uses[i].log], difference, uses[k].log);
        }
    }
}

static void
vote_all(const GArray *logs, const GArray *uses, gboolean anchored, Votes *votes)
{
    const Use *all = (const Use *) (gconstpointer) uses->data;
    memset(votes, 0, logs->len * sizeof *votes);
    for (guint i = 0, n; i < uses->len; i += n) {
        for (n = 1; i + n < uses->len && all[i + n].value == all[i].value; n++)
            continue;
        if (n > 1 && n <= WIDEST)
            vote_value(logs, all + i, n, anchored, votes);
    }
}

/* The shift that most voted for; FALSE if no such number agrees. */
static gboolean
elect(const Votes *votes, LampZoneLog *log)
{
    guint best = 0;
    for (guint k = 1; k < G_N_ELEMENTS(votes->votes); k++)
        if (votes->votes[k] > votes->votes[best])
            best = k;
    guint32 most = votes->votes[best];
    if (most < LEAST || (guint64) most * 5 < (guint64) votes->seen * 4)
        return FALSE;
    log->shift_ns = ((gint64) best - MOST_QUARTERS) * QUARTER_NS;
    log->agreeing = most;
    log->seen = votes->seen;
    log->other = votes->other;
    return TRUE;
}

void
lamp_zone_shifts_find(GArray *logs, const GArray *occurrences)
{
    LampZoneLog *all = (LampZoneLog *) (gpointer) logs->data;
    guint assumed = 0;
    for (guint i = 0; i < logs->len; i++)
        assumed += is_assumed(&all[i]) ? 1 : 0;
    if (assumed == 0 || logs->len < 2)
        return;
    g_autoptr(GArray) uses = list_uses(logs, occurrences);
    g_autofree Votes *votes = g_new(Votes, logs->len);
    gboolean has_changed = TRUE;
    for (guint round = 0; round < ROUNDS && has_changed; round++) {
        has_changed = FALSE;
        vote_all(logs, uses, TRUE, votes);
        for (guint i = 0; i < logs->len; i++)
            if (!is_anchor(&all[i]) && elect(&votes[i], &all[i]))
                has_changed = all[i].is_sure = TRUE;
    }
    vote_all(logs, uses, FALSE, votes);
    for (guint i = 0; i < logs->len; i++)
        if (!is_anchor(&all[i]))
            (void) elect(&votes[i], &all[i]);
}

/* ---- what is stored */

static char *
path_of(LampStore *store, gint64 source_id)
{
    g_autoptr(LampStatement) query =
        lamp_statement_new(store, "SELECT path FROM sources WHERE source_id = ?", NULL);
    gboolean has_row = FALSE;
    if (query == NULL)
        return g_strdup("");
    lamp_statement_bind_int(query, 1, source_id);
    return g_strdup(lamp_statement_step(query, &has_row, NULL) && has_row
                        ? lamp_statement_text(query, 0)
                        : "");
}

/* Logs of one folder with too few values go with those of it that were settled alike. */
static void
follow_folder(LampStore *store, GArray *logs)
{
    g_autoptr(GPtrArray) folders = g_ptr_array_new_with_free_func(g_free);
    LampZoneLog *all = (LampZoneLog *) (gpointer) logs->data;
    for (guint i = 0; i < logs->len; i++) {
        g_autofree char *path = path_of(store, all[i].source_id);
        g_ptr_array_add(folders, g_path_get_dirname(path));
    }
    for (guint i = 0; i < logs->len; i++) {
        gint64 settled = -1;
        gboolean differ = is_anchor(&all[i]) || all[i].seen > 0;
        for (guint k = i > WIDEST ? i - WIDEST : 0; k < logs->len && k < i + WIDEST; k++) {
            if (!all[k].is_sure || all[k].agreeing == 0 ||
                !g_str_equal(folders->pdata[k], folders->pdata[i]))
                continue;
            differ = differ || (settled >= 0 && all[k].shift_ns != all[settled].shift_ns);
            settled = k;
        }
        if (!differ && settled >= 0 && all[settled].shift_ns != 0) {
            all[i].shift_ns = all[settled].shift_ns;
            all[i].other = settled;
            all[i].is_sure = TRUE;
        }
    }
}

/* `+02:00`; caller frees. */
static char *
zone_of_shift(gint64 shift_ns)
{
    gint64 minutes = ABS(shift_ns) / (60 * LAMP_NS_PER_SECOND);
    return g_strdup_printf("%c%02d:%02d", shift_ns < 0 ? '-' : '+', (gint) (minutes / 60),
                           (gint) (minutes % 60));
}

static gboolean
moves(const LampZoneLog *log)
{
    return log->is_sure && log->shift_ns != 0;
}

/* Notes for the database what moves; one pass over each table moves all then. */
static gboolean
note_moves(LampStore *store, const GArray *logs, GError **error)
{
    g_autoptr(LampStatement) insert =
        lamp_statement_new(store, "INSERT INTO temp.zone_moves VALUES (?1, ?2, ?3)", error);
    for (guint i = 0; insert != NULL && i < logs->len; i++) {
        const LampZoneLog *log = &g_array_index(logs, LampZoneLog, i);
        if (!moves(log))
            continue;
        g_autofree char *zone = zone_of_shift(log->shift_ns);
        g_autofree char *found = g_strdup_printf("%s found", zone);
        lamp_statement_bind_int(insert, 1, log->source_id);
        lamp_statement_bind_int(insert, 2, log->shift_ns);
        lamp_statement_bind_string(insert, 3, found);
        if (!lamp_statement_run(insert, error))
            return FALSE;
    }
    return insert != NULL;
}

#define SHIFT "(SELECT shift_ns FROM temp.zone_moves m WHERE m.source_id = t.source_id)"
#define MOVED " WHERE source_id IN (SELECT source_id FROM temp.zone_moves)"

static gboolean
move_rows(LampStore *store, const GArray *logs, GError **error)
{
    static const char begin[] = "CREATE TEMP TABLE zone_moves (source_id INTEGER PRIMARY KEY, "
                                "shift_ns INTEGER, zone TEXT)";
    static const char events[] = "UPDATE events AS t SET time_ns = time_ns - " SHIFT MOVED;
    static const char calls[] =
        "UPDATE observations AS t SET request_first_ns = request_first_ns - " SHIFT
        ", request_last_ns = request_last_ns - " SHIFT
        ", response_first_ns = response_first_ns - " SHIFT
        ", response_last_ns = response_last_ns - " SHIFT MOVED;
    static const char sources[] =
        "UPDATE sources AS t SET first_time_ns = first_time_ns - " SHIFT
        ", last_time_ns = last_time_ns - " SHIFT
        ", zone = (SELECT zone FROM temp.zone_moves m WHERE m.source_id = t.source_id)" MOVED;
    static const char end[] = "DROP TABLE temp.zone_moves";
    return lamp_store_run(store, begin, error) && note_moves(store, logs, error) &&
           lamp_store_run(store, events, error) && lamp_store_run(store, calls, error) &&
           lamp_store_run(store, sources, error) && lamp_store_run(store, end, error);
}

static void
move_sample(const GArray *logs, LampOccurrences *seen)
{
    for (guint i = 0; i < seen->occurrences->len; i++) {
        LampOccurrence *o = &g_array_index(seen->occurrences, LampOccurrence, i);
        if (o->record % 2 != 0 || o->time == LAMP_TIME_NONE)
            continue;
        guint number = log_of(logs, (gint64) (o->record / 2));
        if (number < logs->len && moves(&g_array_index(logs, LampZoneLog, number)))
            o->time -= g_array_index(logs, LampZoneLog, number).shift_ns;
    }
}

static char *
describe(LampStore *store, const GArray *logs, const LampZoneLog *log)
{
    const LampZoneLog *other = &g_array_index(logs, LampZoneLog, MAX(log->other, 0));
    g_autofree char *path = path_of(store, other->source_id);
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *zone = zone_of_shift(log->shift_ns);
    if (log->is_sure && log->agreeing == 0)
        return g_strdup_printf("no zone in its times; taken as %s, as those of %s in the same "
                               "folder (`--tz HOST=ZONE` tells another)",
                               zone, name);
    return g_strdup_printf(
        "no zone in its times; for %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
        " identifiers that stand in %s, too, they are %s off if they are UTC: %s",
        log->agreeing, log->seen, name, zone,
        log->is_sure ? "taken as that zone (`--tz HOST=ZONE` tells another)"
                     : "neither log names a zone, so give it for one with `--tz HOST=ZONE`");
}

static gboolean
tell(LampStore *store, const GArray *logs, const LampZoneLog *log, GError **error)
{
    g_autoptr(LampStatement) insert =
        lamp_statement_new(store,
                           "INSERT INTO findings VALUES (NULL, ?1, 'note', 'time.zone', NULL, "
                           "NULL, 1, ?2)",
                           error);
    if (insert == NULL)
        return FALSE;
    g_autofree char *text = describe(store, logs, log);
    lamp_statement_bind_int(insert, 1, log->source_id);
    lamp_statement_bind_string(insert, 2, text);
    return lamp_statement_run(insert, error);
}

static gboolean
settle(LampStore *store, const GArray *logs, LampOccurrences *seen, GError **error)
{
    if (!move_rows(store, logs, error))
        return FALSE;
    move_sample(logs, seen);
    lamp_template_values_forget_times(seen->templates);
    for (guint i = 0; i < logs->len; i++) {
        const LampZoneLog *log = &g_array_index(logs, LampZoneLog, i);
        if (log->shift_ns != 0 && !tell(store, logs, log, error))
            return FALSE;
    }
    return TRUE;
}

/* Has the operator said in a table of hosts what the zones are? */
static gboolean
is_told_by_table(LampStore *store)
{
    g_autoptr(LampStatement) query = lamp_statement_new(
        store, "SELECT 1 FROM host_names WHERE zone_minutes IS NOT NULL LIMIT 1", NULL);
    gboolean has_row = FALSE;
    return query == NULL || !lamp_statement_step(query, &has_row, NULL) || has_row;
}

gboolean
lamp_zone_shifts_settle(LampStore *store, GArray *logs, LampOccurrences *seen,
                        guint64 *findings, GError **error)
{
    guint64 moved = 0;
    if (seen == NULL || logs->len < 2 || is_told_by_table(store))
        return TRUE;
    lamp_zone_shifts_find(logs, seen->occurrences);
    follow_folder(store, logs);
    for (guint i = 0; i < logs->len; i++)
        moved += g_array_index(logs, LampZoneLog, i).shift_ns != 0 ? 1 : 0;
    if (moved == 0)
        return TRUE;
    *findings += moved;
    if (!lamp_store_begin(store, error))
        return FALSE;
    if (settle(store, logs, seen, error) && lamp_store_commit(store, error))
        return TRUE;
    lamp_store_rollback(store);
    return FALSE;
}
