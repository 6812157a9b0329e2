/*
 * What each service did in a request that only log lines show.
 *
 * In: lines with their requests. Out: operations with their callers. A service that comes into
 * a request is called by the service before it, and works until its last line before another
 * that had called it goes on. One that never goes on after others is no caller: what follows
 * it is called by whoever called it. A line that tells how long it took is a segment, which
 * begins that long before.
 *
 * A hypothesis holds until it is refuted (Chow et al., The Mystery Machine, OSDI 2014): a
 * caller begins before what it calls, and is not done before that is. Of two kinds of
 * operations that often come in either order, or overlap without one inside the other, none
 * calls the other. Read three times: which lines begin operations, which kinds refute each
 * other, what follows from both.
 */
#include "correlate/line-operations.h"

#include "base/keyed-map.h"

#include <string.h>

#define DEEPEST 64
#define CALLER_SHARE 0.2 /* of its operations, in which a caller goes on after a call */
#define FIRST_SHARE                                                                            \
    0.1                   /* of a line's uses: so often it is its service's first in a request \
                           */
#define REFUTED_SHARE 0.1 /* of the pairs of two kinds */
#define LEAST_PAIRS 5     /* that tell more than what one of the kinds does with others */
#define LOOK_BACK 64      /* operations of a request */
#define MAP_BUDGET ((gsize) 64 << 20)

/* A line, or the begin that a line tells. */
typedef struct {
    guint32 request, line;
    gint64 time;
    gboolean is_begin;
} Mark;

/* Open operations of one request, the innermost last; and its latest one. */
typedef struct {
    guint32 open[DEEPEST];
    guint depth;
    guint32 latest;
} Request;

/* How often operations of a kind came, one went on after a call, was its service's first. */
typedef struct {
    guint32 seen, went_on, first;
    gboolean opens; /* such a line begins an operation */
} Kind;

/* Two kinds of operations, one under the other: how often, how often the outer one went on when
 * the inner one was done, or was done before it. */
typedef struct {
    guint32 count, went_on, outlived;
} Pair;

typedef struct {
    const LampLogLines *lines;
    const LampLogGrouping *grouping;
    GArray *marks;              /* Mark, by request and time */
    GArray *operations;         /* LampLineOperation */
    guint32 *segments;          /* by line: operation that it tells the length of, plus one */
    Kind *kinds;                /* by template */
    LampKeyedMap *pair_numbers; /* two kinds, the outer first, to index in `pairs` + 1 */
    GArray *pairs;              /* Pair */
    guint reading;
} Reading;

static const LampLogLine *
line_at(const Reading *r, guint32 i)
{
    return &g_array_index(r->lines->lines, LampLogLine, i);
}

static LampLineOperation *
operation_at(const Reading *r, guint32 i)
{
    return &g_array_index(r->operations, LampLineOperation, i);
}

/* Lines come before begins of the same time, so that what follows is not inside; of begins,
 * the longer one first. */
static gint
compare_marks(gconstpointer left, gconstpointer right, gpointer user)
{
    const Reading *r = user;
    const Mark *a = left;
    const Mark *b = right;
    if (a->request != b->request)
        return a->request < b->request ? -1 : 1;
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    if (a->is_begin != b->is_begin)
        return a->is_begin ? 1 : -1;
    gint64 longer = line_at(r, b->line)->duration_ns - line_at(r, a->line)->duration_ns;
    if (a->is_begin && longer != 0)
        return longer > 0 ? 1 : -1;
    return a->line < b->line ? -1 : a->line > b->line;
}

/* Does the segment of @outer hold that of @inner, whose begin seems to lie before it by what
 * stamps leave open? */
static gboolean
holds_earlier(const Reading *r, const Mark *outer, const Mark *inner)
{
    const LampLogLine *a = line_at(r, outer->line);
    const LampLogLine *b = line_at(r, inner->line);
    return outer->is_begin && inner->is_begin && outer->request == inner->request &&
           outer->time - inner->time <= a->resolution_ns + b->resolution_ns &&
           a->time_ns > b->time_ns && a->duration_ns > b->duration_ns;
}

static void
list_marks(Reading *r)
{
    for (guint32 i = 0; i < r->lines->lines->len; i++) {
        const LampLogLine *line = line_at(r, i);
        Mark mark = {r->grouping->places[i].request, i, line->time_ns, FALSE};
        g_array_append_val(r->marks, mark);
        if (line->duration_ns <= 0)
            continue;
        mark.time -= line->duration_ns;
        mark.is_begin = TRUE;
        g_array_append_val(r->marks, mark);
    }
    g_array_sort_with_data(r->marks, compare_marks, r);
    for (guint i = 1; i < r->marks->len; i++) {
        Mark *inner = &g_array_index(r->marks, Mark, i - 1);
        Mark *outer = &g_array_index(r->marks, Mark, i);
        if (!holds_earlier(r, outer, inner))
            continue;
        Mark moved = *outer;
        *outer = *inner;
        *inner = moved;
    }
}

static gint
find_open(const Reading *r, const Request *request, guint32 writer)
{
    for (guint k = request->depth; k > 0; k--)
        if (operation_at(r, request->open[k - 1])->writer == writer)
            return (gint) k - 1;
    return -1;
}

/* The latest operation of @writer in the request, or NONE. */
static guint32
find_latest(const Reading *r, const Request *request, guint32 writer)
{
    guint32 at = request->latest;
    for (guint steps = 0; at != LAMP_INDEX_NONE && steps < LOOK_BACK; steps++) {
        if (operation_at(r, at)->writer == writer)
            return at;
        at = operation_at(r, at)->before;
    }
    return LAMP_INDEX_NONE;
}

static Pair *
find_pair(const Reading *r, guint32 outer, guint32 inner)
{
    guint32 key[2] = {outer, inner};
    const guint64 *number = lamp_keyed_map_find(r->pair_numbers, lamp_bytes(key, sizeof key));
    return number != NULL ? &g_array_index(r->pairs, Pair, *number - 1) : NULL;
}

static Pair *
add_pair(Reading *r, guint32 outer, guint32 inner)
{
    guint32 key[2] = {outer, inner};
    Pair none = {0};
    guint64 *number = lamp_keyed_map_add(r->pair_numbers, lamp_bytes(key, sizeof key), NULL);
    if (number == NULL)
        return NULL;
    if (*number == 0) {
        g_array_append_val(r->pairs, none);
        *number = r->pairs->len;
    }
    return &g_array_index(r->pairs, Pair, *number - 1);
}

/* Is it refuted that operations of kind @outer call those of kind @inner? */
static gboolean
is_refuted(const Reading *r, guint32 outer, guint32 inner)
{
    const Pair *pair = find_pair(r, outer, inner);
    const Pair *back = outer != inner ? find_pair(r, inner, outer) : NULL;
    if (pair == NULL)
        return FALSE;
    guint32 reversed = back != NULL ? back->count : 0;
    return pair->outlived + reversed > REFUTED_SHARE * (pair->count + reversed) ||
           (pair->count >= LEAST_PAIRS && pair->went_on <= CALLER_SHARE * pair->count);
}

static gboolean
may_call(const Reading *r, guint32 outer, guint32 inner_kind)
{
    if (r->reading == 0)
        return TRUE;
    const LampLineOperation *operation = operation_at(r, outer);
    const Kind *kind = &r->kinds[operation->kind];
    gboolean is_caller =
        operation->told_end != LAMP_TIME_NONE || kind->went_on > CALLER_SHARE * kind->seen;
    return is_caller && (r->reading == 1 || !is_refuted(r, operation->kind, inner_kind));
}

/* The innermost open operation that may call one of kind @kind: the first of a request may
 * anyhow. */
static guint32
find_caller(const Reading *r, Request *request, guint32 kind)
{
    guint depth = request->depth;
    while (depth > 1 && !may_call(r, request->open[depth - 1], kind))
        depth--;
    return depth > 0 ? request->open[depth - 1] : LAMP_INDEX_NONE;
}

static void
open_operation(Reading *r, Request *request, const Mark *mark)
{
    const LampLogLine *line = line_at(r, mark->line);
    const LampLogPlace *place = &r->grouping->places[mark->line];
    LampLineOperation operation = {
        .request = place->request,
        .first = mark->line,
        .last = mark->line,
        .parent = find_caller(r, request, line->template),
        .before = request->latest,
        .writer = line->writer,
        .kind = line->template,
        .start = mark->time,
        .end = mark->time,
        .told_end = mark->is_begin ? line->time_ns : LAMP_TIME_NONE,
        .confidence = place->confidence,
    };
    while (request->depth > 1 && r->reading > 0 &&
           operation_at(r, request->open[request->depth - 1])->told_end == LAMP_TIME_NONE &&
           !may_call(r, request->open[request->depth - 1], operation.kind))
        request->depth--;
    request->latest = r->operations->len;
    if (request->depth < DEEPEST)
        request->open[request->depth++] = r->operations->len;
    g_array_append_val(r->operations, operation);
}

/* A segment that its service's open operation does not hold is an operation. */
static void
begin_segment(Reading *r, Request *request, const Mark *mark)
{
    const LampLogLine *line = line_at(r, mark->line);
    gint at = find_open(r, request, line->writer);
    if (at >= 0) {
        const LampLineOperation *open = operation_at(r, request->open[at]);
        if (open->told_end == LAMP_TIME_NONE || open->told_end >= line->time_ns)
            return;
    }
    open_operation(r, request, mark);
    r->segments[mark->line] = r->operations->len;
}

/* Takes an operation out of the open ones. */
static void
close_operation(Request *request, guint32 operation)
{
    guint kept = 0;
    for (guint k = 0; k < request->depth; k++)
        if (request->open[k] != operation)
            request->open[kept++] = request->open[k];
    request->depth = kept;
}

static void
end_segment(Reading *r, Request *request, const Mark *mark)
{
    guint32 index = r->segments[mark->line] - 1;
    LampLineOperation *operation = operation_at(r, index);
    operation->last = mark->line;
    operation->end = mark->time;
    operation->goes_on = operation->goes_on || request->latest != index;
    if (operation->before != LAMP_INDEX_NONE)
        close_operation(request, index);
}

/* Goes on with an operation that is not open any more, as it worked beside others. */
static gboolean
resume_operation(Reading *r, const Request *request, const Mark *mark)
{
    const LampLogLine *line = line_at(r, mark->line);
    guint32 latest = r->reading > 0 && !r->kinds[line->template].opens
                         ? find_latest(r, request, line->writer)
                         : LAMP_INDEX_NONE;
    if (latest == LAMP_INDEX_NONE)
        return FALSE;
    operation_at(r, latest)->last = mark->line;
    operation_at(r, latest)->end = mark->time;
    return TRUE;
}

/* Puts one line of a request into the operation that it goes on, or opens one. */
static void
place_line(Reading *r, Request *request, const Mark *mark)
{
    const LampLogLine *line = line_at(r, mark->line);
    gint at = find_open(r, request, line->writer);
    gboolean is_top = at >= 0 && (guint) at + 1 == request->depth;
    gboolean opens = r->reading > 0 && r->kinds[line->template].opens;
    if (r->segments[mark->line] != 0) {
        end_segment(r, request, mark);
    } else if (at < 0 || (!is_top && opens)) {
        if (!resume_operation(r, request, mark))
            open_operation(r, request, mark);
    } else {
        LampLineOperation *operation = operation_at(r, request->open[at]);
        operation->goes_on = operation->goes_on || request->latest != request->open[at];
        operation->last = mark->line;
        operation->end = mark->time;
        request->depth = (guint) at + 1;
    }
}

/* Walks through all marks, request by request, and makes operations. */
static void
make_operations(Reading *r)
{
    Request request = {.latest = LAMP_INDEX_NONE};
    g_array_set_size(r->operations, 0);
    memset(r->segments, 0, r->lines->lines->len * sizeof *r->segments);
    for (guint i = 0; i < r->marks->len; i++) {
        const Mark *mark = &g_array_index(r->marks, Mark, i);
        if (i > 0 && mark->request != g_array_index(r->marks, Mark, i - 1).request)
            request = (Request){.latest = LAMP_INDEX_NONE};
        if (mark->is_begin)
            begin_segment(r, &request, mark);
        else
            place_line(r, &request, mark);
    }
}

/* Which operations call, and which kinds of line open operations. */
static void
learn_kinds(Reading *r, guint32 most)
{
    g_autofree guint32 *uses = g_new0(guint32, (gsize) most + 1);
    for (guint32 i = 0; i < r->lines->lines->len; i++)
        uses[line_at(r, i)->template]++;
    for (guint i = 0; i < r->operations->len; i++) {
        const LampLineOperation *operation = operation_at(r, i);
        Request before = {.latest = operation->before};
        Kind *kind = &r->kinds[operation->kind];
        kind->seen++;
        kind->went_on += operation->goes_on ? 1 : 0;
        kind->first += find_latest(r, &before, operation->writer) == LAMP_INDEX_NONE ? 1 : 0;
    }
    for (guint32 k = 0; k <= most; k++)
        r->kinds[k].opens =
            r->kinds[k].seen > 0.5 * uses[k] && r->kinds[k].first > FIRST_SHARE * uses[k];
}

/* Counts callers and what they called. */
static void
learn_pairs(Reading *r)
{
    for (guint i = 0; i < r->operations->len; i++) {
        const LampLineOperation *inner = operation_at(r, i);
        if (inner->parent == LAMP_INDEX_NONE)
            continue;
        const LampLineOperation *outer = operation_at(r, inner->parent);
        Pair *pair = add_pair(r, outer->kind, inner->kind);
        gint64 open = line_at(r, inner->last)->resolution_ns;
        if (pair == NULL)
            continue;
        pair->count++;
        if (outer->end >= inner->end - open)
            pair->went_on++;
        else if (outer->end > inner->start + open)
            pair->outlived++;
    }
}

GArray *
lamp_line_operations(const LampLogLines *lines, const LampLogGrouping *grouping)
{
    guint32 most = 0;
    for (guint32 i = 0; i < lines->lines->len; i++)
        most = MAX(most, g_array_index(lines->lines, LampLogLine, i).template);
    g_autoptr(GArray) marks = g_array_new(FALSE, FALSE, sizeof(Mark));
    g_autofree guint32 *segments = g_new0(guint32, (gsize) lines->lines->len + 1);
    g_autofree Kind *kinds = g_new0(Kind, (gsize) most + 1);
    g_autoptr(LampKeyedMap) pair_numbers = lamp_keyed_map_new(MAP_BUDGET);
    g_autoptr(GArray) pairs = g_array_new(FALSE, FALSE, sizeof(Pair));
    Reading reading = {
        .lines = lines,
        .grouping = grouping,
        .marks = marks,
        .operations = g_array_new(FALSE, FALSE, sizeof(LampLineOperation)),
        .segments = segments,
        .kinds = kinds,
        .pair_numbers = pair_numbers,
        .pairs = pairs,
    };
    list_marks(&reading);
    make_operations(&reading);
    learn_kinds(&reading, most);
    reading.reading = 1;
    make_operations(&reading);
    learn_pairs(&reading);
    reading.reading = 2;
    make_operations(&reading);
    return reading.operations;
}
