/* What the steps of the grouping share. Private to this folder. */
#pragma once

#include "correlate/log-requests/grouping.h"

#define GAP_BINS 96 /* half octaves of nanoseconds */

/* "Template b follows template a": how often, and after how long. */
typedef struct {
    guint32 from, to;
    gboolean is_across; /* from one component to another */
    double count;
    float bins[GAP_BINS];
    float gains[GAP_BINS]; /* by gap, as of `learnt` */
    guint learnt;
} LampFollow;

/* One way in which a line may go on a request: after the last line so far of it. */
typedef struct {
    guint32 from, to; /* lines */
    guint32 follow;   /* number of the pair of templates */
    guint8 bin;       /* of the gap */
    guint8 rank;      /* how many open ends lie between */
    float gain;       /* of taking it, against an end and a new start */
    float probability;
    double weight, asked, reply; /* exp(gain); messages of belief propagation */
} LampEdge;

/* Evidence of values: by template and key. */
typedef struct {
    double uses, known; /* of all lines: of these, values that stood in some line before */
    double brought; /* of all lines: values that stood in none before, and in others later */
    double seen, matched; /* of lines with a predecessor: values that its request has */
} LampValueKind;

/* One use of a value. */
typedef struct {
    guint64 hash;
    guint32 line, value;
} LampValueUse;

typedef struct {
    const LampLogInput *input;
    guint32 *previous, *next; /* lines, or NONE */
    float *link;              /* probability of `previous` */
    guint32 *chain;           /* chain of each line */
    guint32 *bound;           /* request that identifiers bind each line to, or NONE */
    guint32 *group;           /* likewise, of its chain */
    gboolean has_bonds;
    double trust;        /* share of the lines with identifiers that are found without */
    double thread_trust; /* that runs of threads are requests; 0: they were not taken so */
    gboolean is_framed;  /* frames.c says where the others are */
    float *sure;         /* of lines that steps bind: probability; NULL: none are */
    guint32 n_chains;
    guint64 *chain_values; /* sorted within each chain */
    guint32 *chain_first;  /* first value of each chain; n_chains + 1 */

    GArray *edges;            /* LampEdge, by `to` */
    guint32 *edge_first;      /* first edge of each line; n_lines + 1 */
    GArray *seeds;            /* likewise: pairs of lines that tell of their templates */
    GArray *follows;          /* LampFollow */
    GHashTable *follow_index; /* pair of templates to number + 1 */
    GArray *value_kinds;      /* LampValueKind */
    float *chance;            /* beside the values: share of the candidates that bear it */
    guint32 *wake;            /* of each line: the first line after the latest silence */
    guint32 *rested;          /* of such lines: the latest slot whose rests it ended, + 1 */
    guint8 *is_telling;       /* likewise: may tell requests apart */
    guint32 *kind_of_value;   /* beside the values */
    double *weight_from, *weight_to; /* of lines, by belief propagation */

    guint32 n_templates;
    double *template_count, *template_ends, *template_starts; /* by template */
    gboolean *is_entry;      /* templates that begin requests */
    gboolean *is_closing;    /* templates after which other components begin requests */
    gboolean *is_root;       /* templates that never stand but at the begin of a request */
    gboolean *is_begin;      /* templates that come after silences */
    gboolean *brings;        /* templates that bring ids that later lines bear */
    gboolean *is_work_begin; /* templates that come after silences of their component */
    guint32 *from_label, *to_label, *label_template; /* instead of templates; NULL: none */
    gboolean is_unit_only; /* links inside components alone, of lines without identifier */
    guint32 *only_after;   /* by template: the one directly before it always, + 1; 0: several */
    guint32 *only_before;  /* likewise: directly behind it */
    float *is_new;         /* by template: share of its lines that bring in a component */
    double log_width[GAP_BINS]; /* of the bins, in ns */
    guint learnt;               /* how often statistics were learnt */
    double active_ns;           /* time in which something happens */
} LampGroupState;

/* statistics.c: counts of which template follows which. */
guint32 lamp_follow_number(LampGroupState *s, guint32 from, guint32 to); /* lines */
guint8 lamp_gap_bin(gint64 gap_ns);
void lamp_statistics_learn(LampGroupState *s);
void lamp_statistics_judge(LampGroupState *s);
double lamp_statistics_gain(const LampGroupState *s, const LampEdge *edge);

/* template-order.c: which template follows which, from counts alone. */
void lamp_order_find(LampGroupState *s);

/* Lines of two templates, matched in order: the k-th of the one, the k-th of the other. */
typedef struct {
    guint32 from, to; /* templates */
    const guint32 *before, *after;
    guint32 n;
} LampLinePairs;

/* neighbours.c: judges whether one always follows the other directly. */
void lamp_neighbours_judge(LampGroupState *s, const LampLinePairs *pairs);

/* Does a template always have another directly behind it, or before? */
gboolean lamp_neighbours_forbid(const LampGroupState *s, guint32 from, guint32 to);

/* idle-begins.c: templates that begin requests, from silences. */
void lamp_idle_begins_find(LampGroupState *s);

/* Templates that begin a unit of work of their component, likewise. */
void lamp_work_begins_find(LampGroupState *s);

/* Silences between the lines of values of a slot, each once; those that such a line ended. */
typedef struct {
    guint32 all, woken;
} LampRests;

/* Adds those of one value, with @n uses. TRUE if it has any. */
gboolean lamp_idle_rests(LampGroupState *s, const LampValueUse *uses, guint32 n, guint32 slot,
                         LampRests *rests);

/* shared-values.c: what the values of lines say. */
void lamp_values_prepare(LampGroupState *s);
void lamp_values_of_chains(LampGroupState *s);
void lamp_values_learn(LampGroupState *s);
void lamp_values_chances(LampGroupState *s, guint32 line);
void lamp_values_ratio(const LampGroupState *s, guint32 value, double *out_match,
                       double *out_miss);
void lamp_values_tell(LampGroupState *s);

/* All values by their hashes, each in the order of lines. Caller frees. */
GArray *lamp_values_sort(const LampLogInput *input);

/* A number from 0 to 1, the same ones in each run. */
static inline double
lamp_random_unit(guint64 *state)
{
    *state += 0x9e3779b97f4a7c15U;
    guint64 z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return (double) ((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

/* Would a link part two requests that identifiers bind? */
static inline gboolean
lamp_is_conflict(guint32 group, guint32 other)
{
    return group != LAMP_LOG_NONE && other != LAMP_LOG_NONE && group != other;
}

/* bonds.c: which lines are one request by their identifiers. */
void lamp_bonds_find(LampGroupState *s);

/* thread-runs.c: binds the lines of workers, from one begin of work to the next. */
void lamp_threads_bind(LampGroupState *s);

/* enclosed.c: binds lines of sessions that fall into one bound request's time. */
void lamp_enclosed_bind(LampGroupState *s);

/* regularity.c: weighs the confidence of the places of a slice, whose @n requests are numbered
 * from @first, by how alike they are. */
void lamp_regularity_weigh(const LampGroupState *s, LampLogPlace *places, guint32 first,
                           guint32 n);

/* grouping.c: statistics from the links as they are. */
void lamp_groups_relearn(LampGroupState *s);

/* refine.c: exchanges between requests; what the samples say of each line. */
#define LAMP_VOTES 4
typedef struct {
    guint32 root[LAMP_VOTES]; /* first lines of requests */
    guint32 count[LAMP_VOTES];
} LampVotes;

/* steps.c: does a service keep requests waiting? @units: the line before each line in its unit
 * of work. */
gboolean lamp_steps_are_needed(const LampGroupState *s, const guint32 *units);

/* Binds lines that follow bound ones promptly, or go before them, where a busy service
 * keeps requests waiting; says in @s how sure these are. Nothing is done if there is none. */
void lamp_steps_bind(LampGroupState *s);

/* frames.c: do requests that identifiers bind enclose the lines without? */
gboolean lamp_frames_cover(const LampGroupState *s);

/* Places these, linked to units of work, between the bound ones. */
void lamp_frames_place(LampGroupState *s, LampVotes *votes);

void lamp_refine(LampGroupState *s, LampVotes *votes);
