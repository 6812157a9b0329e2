/*
 * Threads that work on one request at a time: their runs of lines are requests.
 *
 * In: lines of one service, most with a thread and few with an identifier. Out: the lines
 * from one begin of work to the next in a thread are bound together, as identifiers would.
 *
 * Nobody says whether a thread serves one request after the other (a pool of workers) or many
 * at once (an event loop), or whether a request goes from thread to thread. The order of
 * templates does: within a thread of the first kind it is far more regular than in the whole
 * log, whose entropy of one template after the other is compared with that of lines of one
 * thread. Work begins where threads were idle: with the templates that come after silences of
 * their thread, of eight times its median gap; in a busy system with what most threads began.
 * A request that two threads share is two. A step that often takes so long is known by the step
 * that it always follows; one that follows several is taken for a begin.
 */
#include "correlate/log-requests/state.h"

#include <math.h>
#include <string.h>

#define THREAD G_MAXUINT32
#define LEAST_LINES 100
#define LEAST_COVER 0.9   /* of the lines have a thread */
#define MOST_BOUND 0.5    /* of the lines, by identifiers: these are better */
#define MOST_ENTROPY 0.5  /* of the templates', within threads */
#define SILENCE 8         /* median gaps of a thread's lines */
#define SILENT_SHARE 0.25 /* of a begin's lines come after such a silence */
#define GLUED_SHARE 0.95  /* of the lines of two templates stand side by side */
#define FIRST_SHARE 0.8   /* of the threads began with one template */

typedef struct {
    LampGroupState *s;
    guint32 *before;  /* the line before it in its thread, NONE at the first */
    gboolean *begins; /* by template */
    guint32 threads;
    double trust;
} Runs;

static gboolean
is_one_writer(const LampLogInput *input)
{
    for (guint32 i = 1; i < input->n_lines; i++)
        if (input->lines[i].writer != input->lines[0].writer)
            return FALSE;
    return TRUE;
}

static const LampLogValue *
thread_of(const LampLogInput *input, guint32 line)
{
    const LampLogLine *l = &input->lines[line];
    for (guint32 v = l->first_value; v < l->first_value + l->value_count; v++)
        if (input->values[v].key == THREAD)
            return &input->values[v];
    return NULL;
}

/* Whose line came before each in its thread. Share of the lines that have one. */
static double
list_before(Runs *r)
{
    const LampLogInput *input = r->s->input;
    g_autoptr(GHashTable) latest = g_hash_table_new(g_int64_hash, g_int64_equal);
    guint32 named = 0;
    for (guint32 i = 0; i < input->n_lines; i++) {
        const LampLogValue *thread = thread_of(input, i);
        r->before[i] = LAMP_LOG_NONE;
        if (thread == NULL)
            continue;
        guint32 last = GPOINTER_TO_UINT(g_hash_table_lookup(latest, &thread->hash));
        r->before[i] = last > 0 ? last - 1 : LAMP_LOG_NONE;
        r->threads += last == 0 ? 1 : 0;
        g_hash_table_insert(latest, (gpointer) &thread->hash, GUINT_TO_POINTER(i + 1));
        named++;
    }
    return (double) named / input->n_lines;
}

static double
entropy_of(GHashTable *counts, double total)
{
    GHashTableIter iter;
    gpointer count;
    double sum = 0;
    g_hash_table_iter_init(&iter, counts);
    while (g_hash_table_iter_next(&iter, NULL, &count))
        sum -= GPOINTER_TO_UINT(count) / total * log(GPOINTER_TO_UINT(count) / total);
    return sum;
}

/* Keys are mixed, one to one: the table looks at the low half of a pointer only. */
static void
count_key(GHashTable *counts, guint64 key)
{
    key *= 0x9e3779b97f4a7c15u;
    gpointer place = GSIZE_TO_POINTER(key ^ key >> 32);
    g_hash_table_insert(
        counts, place,
        GUINT_TO_POINTER(GPOINTER_TO_UINT(g_hash_table_lookup(counts, place)) + 1));
}

/* Entropy of a template given the one before it: of the line before in its thread, or in the
 * log; @out_alone: of the templates alone. */
static double
conditional_entropy(const Runs *r, gboolean in_thread, double *out_alone)
{
    const LampLogLine *lines = r->s->input->lines;
    g_autoptr(GHashTable) pairs = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) firsts = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) seconds = g_hash_table_new(NULL, NULL);
    double total = 0;
    for (guint32 i = 1; i < r->s->input->n_lines; i++) {
        guint32 before = in_thread ? r->before[i] : i - 1;
        if (r->before[i] == LAMP_LOG_NONE)
            continue;
        count_key(pairs, (guint64) lines[before].template << 32 | lines[i].template);
        count_key(firsts, lines[before].template);
        count_key(seconds, lines[i].template);
        total += 1;
    }
    *out_alone = total > 0 ? entropy_of(seconds, total) : 0;
    return total > 0 ? entropy_of(pairs, total) - entropy_of(firsts, total) : 0;
}

/* What the threads leave unexplained of the order of templates is doubt. */
static gboolean
is_one_at_a_time(Runs *r)
{
    double alone;
    double within = conditional_entropy(r, TRUE, &alone);
    double whole = conditional_entropy(r, FALSE, &alone);
    g_debug("entropy of templates: %.2f, in the log %.2f, in threads %.2f", alone, whole,
            within);
    if (within > whole || within >= MOST_ENTROPY * alone)
        return FALSE;
    r->trust = 1 - within / alone;
    return TRUE;
}

static int
compare_gaps(gconstpointer left, gconstpointer right)
{
    gint64 a = *(const gint64 *) left, b = *(const gint64 *) right;
    return a < b ? -1 : a > b;
}

static gint64
median_gap(const Runs *r)
{
    g_autoptr(GArray) gaps = g_array_new(FALSE, FALSE, sizeof(gint64));
    for (guint32 i = 0; i < r->s->input->n_lines; i++) {
        if (r->before[i] == LAMP_LOG_NONE)
            continue;
        gint64 gap = r->s->input->lines[i].time_ns - r->s->input->lines[r->before[i]].time_ns;
        g_array_append_val(gaps, gap);
    }
    g_array_sort(gaps, compare_gaps);
    return gaps->len > 0 ? g_array_index(gaps, gint64, gaps->len / 2) : 0;
}

/* By template: the one that most of its lines come directly after, or before, in their thread,
 * and how many of them do (Boyer and Moore's majority, then counted). */
typedef struct {
    guint32 *other, *count;
} Glue;

static Glue
find_glue(const Runs *r, gboolean is_behind)
{
    const LampLogLine *lines = r->s->input->lines;
    gsize room = (gsize) r->s->n_templates + 1;
    Glue glue = {g_new0(guint32, room), g_new0(guint32, room)};
    for (guint pass = 0; pass < 2; pass++) {
        if (pass == 1)
            memset(glue.count, 0, room * sizeof *glue.count);
        for (guint32 i = 0; i < r->s->input->n_lines; i++) {
            if (r->before[i] == LAMP_LOG_NONE)
                continue;
            guint32 a = lines[r->before[i]].template, b = lines[i].template;
            guint32 of = is_behind ? a : b, other = is_behind ? b : a;
            if (pass == 0 && glue.count[of] == 0)
                glue.other[of] = other;
            if (glue.other[of] == other)
                glue.count[of]++;
            else if (pass == 0)
                glue.count[of]--;
        }
    }
    return glue;
}

/* Is each line of @t directly behind one of a template that has nothing else behind it? */
static gboolean
is_glued(const Runs *r, const Glue *before, const Glue *behind, guint32 t)
{
    const double *count = r->s->template_count;
    guint32 p = before->other[t];
    return before->count[t] > GLUED_SHARE * count[t] && behind->other[p] == t &&
           behind->count[p] > GLUED_SHARE * count[p];
}

/* A step that often takes long looks like a begin, but always comes behind the same step. If
 * all do, there is one kind of request, and the one that most often comes after silences begins
 * it.
 */
static void
drop_slow_steps(Runs *r, const guint32 *after)
{
    Glue before = find_glue(r, FALSE), behind = find_glue(r, TRUE);
    guint32 loose = 0, best = 0;
    double most = -1;
    for (guint32 t = 0; t < r->s->n_templates; t++) {
        double share = r->begins[t] ? after[t] / r->s->template_count[t] : -1;
        loose += r->begins[t] && !is_glued(r, &before, &behind, t) ? 1 : 0;
        best = share > most ? t : best;
        most = MAX(most, share);
    }
    for (guint32 t = 0; t < r->s->n_templates; t++)
        r->begins[t] =
            r->begins[t] && (loose > 0 ? !is_glued(r, &before, &behind, t) : t == best);
    g_free(before.other);
    g_free(before.count);
    g_free(behind.other);
    g_free(behind.count);
}

/* Templates that come after silences of their threads; FALSE if there is none. */
static gboolean
find_silent_begins(Runs *r)
{
    const LampLogLine *lines = r->s->input->lines;
    gint64 silence = SILENCE * MAX(median_gap(r), lines[0].resolution_ns);
    g_autofree guint32 *after = g_new0(guint32, (gsize) r->s->n_templates + 1);
    guint32 found = 0;
    for (guint32 i = 0; i < r->s->input->n_lines; i++)
        if (r->before[i] == LAMP_LOG_NONE ||
            lines[i].time_ns - lines[r->before[i]].time_ns > silence)
            after[lines[i].template]++;
    for (guint32 t = 0; t < r->s->n_templates; t++) {
        r->begins[t] = after[t] >= 3 && after[t] > SILENT_SHARE * r->s->template_count[t];
        found += r->begins[t] ? 1 : 0;
    }
    if (found > 1)
        drop_slow_steps(r, after);
    return found > 0;
}

/* The template that most threads began with; FALSE if there is none. */
static gboolean
find_first_begins(Runs *r)
{
    g_autofree guint32 *first = g_new0(guint32, (gsize) r->s->n_templates + 1);
    for (guint32 i = 0; i < r->s->input->n_lines; i++)
        first[r->s->input->lines[i].template] += r->before[i] == LAMP_LOG_NONE ? 1 : 0;
    for (guint32 t = 0; t < r->s->n_templates; t++) {
        r->begins[t] = r->threads >= 4 && first[t] >= FIRST_SHARE * r->threads;
        if (r->begins[t])
            return TRUE;
    }
    return FALSE;
}

static void
bind_runs(Runs *r)
{
    LampGroupState *s = r->s;
    guint32 runs = 0;
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        if (thread_of(s->input, i) == NULL)
            continue;
        gboolean is_first =
            r->before[i] == LAMP_LOG_NONE || r->begins[s->input->lines[i].template];
        s->bound[i] = is_first ? i : s->bound[r->before[i]];
        runs += is_first ? 1 : 0;
    }
    s->has_bonds = TRUE;
    s->thread_trust = r->trust;
    g_debug("%u runs of %u threads", runs, r->threads);
}

void
lamp_threads_bind(LampGroupState *s)
{
    guint32 bound = 0;
    for (guint32 i = 0; i < s->input->n_lines; i++)
        bound += s->bound[i] != LAMP_LOG_NONE ? 1 : 0;
    if (s->input->n_lines < LEAST_LINES || bound > MOST_BOUND * s->input->n_lines ||
        !is_one_writer(s->input))
        return;
    g_autofree guint32 *before = g_new(guint32, (gsize) s->input->n_lines + 1);
    g_autofree gboolean *begins = g_new0(gboolean, (gsize) s->n_templates + 1);
    Runs r = {.s = s, .before = before, .begins = begins};
    if (list_before(&r) > LEAST_COVER && r.threads > 1 && is_one_at_a_time(&r) &&
        (find_silent_begins(&r) || find_first_begins(&r)))
        bind_runs(&r);
}
