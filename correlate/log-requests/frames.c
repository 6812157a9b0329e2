/*
 * Lines without an identifier placed between the lines that identifiers bind.
 *
 * The lines that identifiers bind to a request are its frame; two of them, one after the other,
 * enclose a segment. What a request does in a segment of one kind (the templates at its ends)
 * it does alike: so many lines of a template, so long after its begin, so long before its end.
 * This is learnt without following any request from line to line, by expectation maximisation
 * (Dempster, Laird, Rubin 1977): each unit of work (lines of one component that surely follow
 * each other) stands in one of the segments around it; what it stands in with which probability
 * and what segments of a kind hold are learnt from each other. How many units of a kind a
 * segment has is nearly fixed, so the probabilities are scaled to both sums (Sinkhorn).
 *
 * A service that is busy all the time goes on with the next request promptly after the last.
 * Links from line to line cannot tell that from a step of one request; frames can.
 *
 * In: bound lines, units as links. Out: votes. Cost: linear in lines times open segments, of
 * which the latest MOST_SEGMENTS are looked at.
 */
#include "correlate/log-requests/state.h"

#include <math.h>
#include <string.h>

#define LEAST_FRAMES 20
#define LEAST_COVER 0.998 /* of the lines without identifier: inside some frame */
#define LEAST_FREE 0.5    /* of all lines: without identifier */
#define MOST_SEGMENTS 32
#define STEPS 40
#define FIRST_STEPS 8 /* by counts alone */
#define SCALINGS 4
#define EVEN 0.3 /* units: leeway of a segment's sum */
#define PLACES 20
#define WAYS                                                                                   \
    3            /* to say where a unit stands: after the begin, before the end, at which part \
                  */
#define VOTES 24 /* of each line */

typedef struct {
    guint32 first, last;  /* lines that enclose it */
    guint32 kind;         /* pair of templates */
    guint32 newer, older; /* among the open ones */
} Segment;

typedef struct {
    guint32 first, last;      /* lines */
    guint32 most[LAMP_VOTES]; /* its likeliest places + 1 */
} Unit;

/* A segment that a unit may stand in. */
typedef struct {
    guint32 kind, template, segment, unit;
    guint8 bins[WAYS];
    double probability;
    float parts[WAYS]; /* of the density: what each way says of it */
} Candidate;

typedef struct {
    LampGroupState *s;
    GArray *segments, *units, *candidates;
    guint32 *next_bound; /* by line */
    guint32 *unit_at;    /* by its first line */
    guint32 *kind_count; /* segments, by kind */
    double *row;         /* sums by unit */
} Frames;

static void
find_next_bound(Frames *f)
{
    const LampGroupState *s = f->s;
    guint32 n = s->input->n_lines;
    g_autofree guint32 *later = g_new(guint32, (gsize) n + 1);
    memset(later, 0xff, ((gsize) n + 1) * sizeof(guint32));
    for (guint32 i = n; i-- > 0;) {
        f->next_bound[i] = LAMP_LOG_NONE;
        if (s->bound[i] == LAMP_LOG_NONE)
            continue;
        f->next_bound[i] = later[s->bound[i]];
        later[s->bound[i]] = i;
    }
}

gboolean
lamp_frames_cover(const LampGroupState *s)
{
    guint32 n = s->input->n_lines;
    g_autofree guint32 *left = g_new0(guint32, (gsize) n + 1); /* lines of each frame */
    guint32 frames = 0;
    guint32 bound = 0;
    for (guint32 i = 0; i < n; i++)
        if (s->bound[i] != LAMP_LOG_NONE) {
            frames += left[s->bound[i]]++ == 0 ? 1 : 0;
            bound++;
        }
    if (frames < LEAST_FRAMES || n - bound < LEAST_FREE * n)
        return FALSE;
    g_autofree gboolean *is_open = g_new0(gboolean, (gsize) n + 1);
    guint32 open = 0;
    guint32 covered = 0;
    for (guint32 i = 0; i < n; i++) {
        guint32 frame = s->bound[i];
        if (frame == LAMP_LOG_NONE) {
            covered += open > 0 ? 1 : 0;
            continue;
        }
        open += is_open[frame] ? 0 : 1;
        is_open[frame] = TRUE;
        open -= --left[frame] == 0 ? 1 : 0;
    }
    g_debug("%u of %u lines without identifier inside %u frames", covered, n - bound, frames);
    return covered >= LEAST_COVER * (n - bound);
}

static void
add_unit(Frames *f, guint32 first, guint32 last)
{
    Unit unit = {.first = first, .last = last};
    f->unit_at[first] = f->units->len;
    g_array_append_val(f->units, unit);
}

/* A chain of lines without identifier is a unit; one that fits between no two bound lines of a
 * request is not, but each of its lines. */
static void
find_units(Frames *f)
{
    const LampGroupState *s = f->s;
    guint32 reach = 0; /* latest end of what is open */
    memset(f->unit_at, 0xff, s->input->n_lines * sizeof(guint32));
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        if (f->next_bound[i] != LAMP_LOG_NONE)
            reach = MAX(reach, f->next_bound[i]);
        if (s->bound[i] != LAMP_LOG_NONE || s->previous[i] != LAMP_LOG_NONE)
            continue;
        guint32 last = i;
        while (s->next[last] != LAMP_LOG_NONE)
            last = s->next[last];
        if (last < reach)
            add_unit(f, i, last);
        for (guint32 k = i; last >= reach && k != LAMP_LOG_NONE; k = s->next[k])
            add_unit(f, k, k);
    }
}

static gint64
time_between(const Frames *f, guint32 from, guint32 to)
{
    const LampLogLine *lines = f->s->input->lines;
    return MAX(lines[to].time_ns - lines[from].time_ns, 1);
}

/* Adds the open segments that a unit fits into, the latest first. */
static void
add_candidates(Frames *f, guint32 number, guint32 newest)
{
    const Unit *unit = &g_array_index(f->units, Unit, number);
    guint looked = 0;
    for (guint32 k = newest; k != LAMP_LOG_NONE && looked < MOST_SEGMENTS; looked++) {
        const Segment *segment = &g_array_index(f->segments, Segment, k);
        if (segment->last > unit->last) {
            gint64 after = time_between(f, segment->first, unit->first);
            gint64 all = time_between(f, segment->first, segment->last);
            Candidate c = {segment->kind, f->s->input->lines[unit->first].template, k, number,
                           .probability = 1};
            c.bins[0] = lamp_gap_bin(after);
            c.bins[1] = lamp_gap_bin(time_between(f, unit->last, segment->last));
            double part = (double) after / (double) all;
            c.bins[2] = (guint8) CLAMP(part * PLACES, 0, PLACES - 1);
            g_array_append_val(f->candidates, c);
        }
        k = segment->older;
    }
}

/* Takes a segment out of the open ones. */
static void
close_segment(Frames *f, guint32 number, guint32 *newest)
{
    const Segment *segment = &g_array_index(f->segments, Segment, number);
    if (segment->newer != LAMP_LOG_NONE)
        g_array_index(f->segments, Segment, segment->newer).older = segment->older;
    else
        *newest = segment->older;
    if (segment->older != LAMP_LOG_NONE)
        g_array_index(f->segments, Segment, segment->older).newer = segment->newer;
}

/* The segment from a bound line to the next of its request; its number or NONE. */
static guint32
open_segment(Frames *f, guint32 line, guint32 *newest)
{
    guint32 last = f->next_bound[line];
    if (last == LAMP_LOG_NONE || last == line + 1)
        return LAMP_LOG_NONE;
    Segment segment = {line, last, lamp_follow_number(f->s, line, last), LAMP_LOG_NONE,
                       *newest};
    guint32 number = f->segments->len;
    if (*newest != LAMP_LOG_NONE)
        g_array_index(f->segments, Segment, *newest).newer = number;
    *newest = number;
    g_array_append_val(f->segments, segment);
    return number;
}

static void
find_candidates(Frames *f)
{
    const LampGroupState *s = f->s;
    g_autofree guint32 *open = g_new(guint32, (gsize) s->input->n_lines + 1);
    memset(open, 0xff, ((gsize) s->input->n_lines + 1) * sizeof(guint32));
    guint32 newest = LAMP_LOG_NONE;
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        guint32 frame = s->bound[i];
        if (frame != LAMP_LOG_NONE) {
            if (open[frame] != LAMP_LOG_NONE)
                close_segment(f, open[frame], &newest);
            open[frame] = open_segment(f, i, &newest);
        } else if (f->unit_at[i] != LAMP_LOG_NONE) {
            add_candidates(f, f->unit_at[i], newest);
        }
    }
}

static gint
compare_candidates(gconstpointer left, gconstpointer right)
{
    const Candidate *a = left;
    const Candidate *b = right;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->template != b->template)
        return a->template <b->template ? -1 : 1;
    if (a->segment != b->segment)
        return a->segment < b->segment ? -1 : 1;
    return a->unit < b->unit ? -1 : a->unit > b->unit;
}

/* Scales the probabilities so that each unit stands somewhere. */
static void
scale_units(Frames *f)
{
    Candidate *c = (Candidate *) (gpointer) f->candidates->data;
    memset(f->row, 0, f->units->len * sizeof(double));
    for (guint i = 0; i < f->candidates->len; i++)
        f->row[c[i].unit] += c[i].probability;
    for (guint i = 0; i < f->candidates->len; i++)
        c[i].probability /= MAX(f->row[c[i].unit], 1e-300);
}

/* Candidates of one kind of unit in segments of one kind. */
typedef struct {
    Candidate *c;
    guint n;
    double all, expected; /* units; in each segment */
} Kind;

static Kind
kind_at(const Frames *f, guint first)
{
    Candidate *c = &g_array_index(f->candidates, Candidate, first);
    Kind kind = {.c = c};
    while (first + kind.n < f->candidates->len && c[kind.n].kind == c->kind &&
           c[kind.n].template == c->template)
        kind.all += c[kind.n++].probability;
    kind.expected = (kind.all + 0.1) / (f->kind_count[c->kind] + 0.5);
    return kind;
}

/* What one way says of where the units of a kind stand: by bin, smoothed. */
typedef struct {
    double bins[GAP_BINS];
    double sum, scale, share;
    guint n_bins;
} Places;

static Places
learn_places(const Kind *kind, guint way)
{
    Places p = {.n_bins = way == 2 ? PLACES : GAP_BINS};
    double raw[GAP_BINS] = {0};
    double smooth = 0;
    for (guint i = 0; i < kind->n; i++)
        raw[kind->c[i].bins[way]] += kind->c[i].probability * (double) kind->c[i].parts[way];
    for (guint b = 0; b < p.n_bins; b++) {
        p.bins[b] =
            raw[b] + (b > 0 ? raw[b - 1] / 2 : 0) + (b + 1 < p.n_bins ? raw[b + 1] / 2 : 0);
        p.sum += raw[b];
        smooth += p.bins[b];
    }
    p.share = (p.sum + 0.1) / (kind->all + 0.1 * WAYS);
    p.scale = smooth > 0 ? p.sum / smooth : 0;
    return p;
}

/* Probability of a candidate's bin, by all others: what it brought itself would speak for it
 * the more, the fewer there are. */
static double
density_without(const Candidate *c, guint way, const Places *p)
{
    double own = c->probability * (double) c->parts[way];
    double others = MAX(0, p->bins[c->bins[way]] - own) * p->scale;
    return p->share * (others + 0.5 / p->n_bins) / (MAX(0, p->sum - own) + 0.5);
}

/* How likely the units of a kind stand where they do. */
static void
judge_kind(const Frames *f, const Kind *kind, gboolean is_first)
{
    Places places[WAYS];
    for (guint way = 0; way < WAYS; way++)
        places[way] = learn_places(kind, way);
    for (guint i = 0; i < kind->n; i++) {
        Candidate *c = &kind->c[i];
        const Segment *segment = &g_array_index(f->segments, Segment, c->segment);
        double all = (double) time_between(f, segment->first, segment->last);
        double density[WAYS] = {1 / all, 1 / all, 1 / all};
        double sum = 0;
        for (guint way = 0; way < WAYS; way++) {
            double width = way == 2 ? all / PLACES : exp(f->s->log_width[c->bins[way]]);
            if (!is_first)
                density[way] = density_without(c, way, &places[way]) / width;
            sum += density[way];
        }
        c->probability = kind->expected * sum;
        for (guint way = 0; way < WAYS; way++)
            c->parts[way] = (float) (density[way] / MAX(sum, 1e-300));
    }
}

/* Scales the probabilities of a kind towards the number of units that its segments have. */
static void
scale_segments(const Kind *kind, double expected)
{
    for (guint first = 0, i = 0; first < kind->n; first = i) {
        double sum = 0;
        for (i = first; i < kind->n && kind->c[i].segment == kind->c[first].segment; i++)
            sum += kind->c[i].probability;
        for (guint k = first; k < i; k++)
            kind->c[k].probability *= (expected + EVEN) / (sum + EVEN);
    }
}

static void
learn(Frames *f)
{
    g_autofree double *expected = g_new(double, (gsize) f->candidates->len + 1);
    scale_units(f);
    for (guint step = 0; step < STEPS; step++) {
        for (guint i = 0; i < f->candidates->len;) {
            Kind kind = kind_at(f, i);
            judge_kind(f, &kind, step < FIRST_STEPS);
            expected[i] = kind.expected;
            i += kind.n;
        }
        scale_units(f);
        for (guint k = 0; k < SCALINGS && step >= FIRST_STEPS; k++) {
            for (guint i = 0; i < f->candidates->len;) {
                Kind kind = kind_at(f, i);
                scale_segments(&kind, expected[i]);
                i += kind.n;
            }
            scale_units(f);
        }
    }
}

/* Keeps the likeliest places of each unit. */
static void
choose(Frames *f)
{
    for (guint i = 0; i < f->candidates->len; i++) {
        const Candidate *c = &g_array_index(f->candidates, Candidate, i);
        guint32 *most = g_array_index(f->units, Unit, c->unit).most;
        guint at = LAMP_VOTES;
        while (at > 0 &&
               (most[at - 1] == 0 ||
                g_array_index(f->candidates, Candidate, most[at - 1] - 1).probability <
                    c->probability))
            at--;
        if (at == LAMP_VOTES)
            continue;
        memmove(&most[at + 1], &most[at], (LAMP_VOTES - 1 - at) * sizeof *most);
        most[at] = i + 1;
    }
}

/* What the places of a unit say of the request of its lines. */
static LampVotes
votes_of(const Frames *f, const Unit *unit, const guint32 *root)
{
    LampVotes votes = {.root = {unit->first}, .count = {VOTES}};
    for (guint k = 0; k < LAMP_VOTES && unit->most[k] > 0; k++) {
        const Candidate *c = &g_array_index(f->candidates, Candidate, unit->most[k] - 1);
        guint32 line = g_array_index(f->segments, Segment, c->segment).first;
        votes.root[k] = root[f->s->bound[line]];
        votes.count[k] = (guint32) (VOTES * c->probability + (k == 0 ? 1 : 0.5));
    }
    return votes;
}

static void
vote(const Frames *f, LampVotes *votes)
{
    const LampGroupState *s = f->s;
    g_autofree guint32 *root = g_new(guint32, (gsize) s->input->n_lines + 1);
    memset(root, 0xff, ((gsize) s->input->n_lines + 1) * sizeof(guint32));
    for (guint32 i = 0; i < s->input->n_lines; i++) {
        if (s->bound[i] == LAMP_LOG_NONE)
            continue;
        root[s->bound[i]] = MIN(root[s->bound[i]], i);
        votes[i] = (LampVotes){.root = {root[s->bound[i]]}, .count = {VOTES}};
    }
    for (guint k = 0; k < f->units->len; k++) {
        const Unit *unit = &g_array_index(f->units, Unit, k);
        LampVotes of_unit = votes_of(f, unit, root);
        votes[unit->last] = of_unit;
        for (guint32 i = unit->first; i != unit->last; i = s->next[i])
            votes[i] = of_unit;
    }
}

void
lamp_frames_place(LampGroupState *s, LampVotes *votes)
{
    Frames f = {.s = s};
    f.next_bound = g_new(guint32, (gsize) s->input->n_lines + 1);
    f.unit_at = g_new(guint32, (gsize) s->input->n_lines + 1);
    f.segments = g_array_new(FALSE, FALSE, sizeof(Segment));
    f.units = g_array_new(FALSE, FALSE, sizeof(Unit));
    f.candidates = g_array_new(FALSE, FALSE, sizeof(Candidate));
    find_next_bound(&f);
    find_units(&f);
    find_candidates(&f);
    f.kind_count = g_new0(guint32, (gsize) s->follows->len + 1);
    for (guint i = 0; i < f.segments->len; i++)
        f.kind_count[g_array_index(f.segments, Segment, i).kind]++;
    f.row = g_new0(double, (gsize) f.units->len + 1);
    g_array_sort(f.candidates, compare_candidates);
    learn(&f);
    choose(&f);
    vote(&f, votes);
    g_debug("%u units in %u segments", f.units->len, f.segments->len);
    g_free(f.next_bound);
    g_free(f.unit_at);
    g_free(f.kind_count);
    g_free(f.row);
    g_array_unref(f.segments);
    g_array_unref(f.units);
    g_array_unref(f.candidates);
}
