/*
 * Do events of one kind cause events of another? A Hawkes-like regression of two series of
 * points in time, tested against shifts in time.
 *
 * Deterministic: the shifts and the bootstrap use fixed sequences.
 */
#pragma once

#include <glib.h>

/* The series of one host: times in ns, ascending, borrowed. */
typedef struct {
    const gint64 *causes, *others, *effects;
    gsize cause_count, other_count, effect_count;
    gint64 from, to; /* the time that was watched */
} LampPanel;

typedef struct {
    gint64 resolution; /* ns: stamps nearer than this have no order */
    gint64 max_lag;    /* ns: longer delays are not looked for */
    guint shifts;      /* of the test */
} LampPointOptions;

typedef struct {
    gint64 max_lag;   /* that was used: the rate of the causes may have cut it */
    double statistic; /* log-likelihood gained by the causes */
    double p;         /* chance of as much by shifted causes */
    double share;     /* of the effects that the causes explain, chance taken out */
    double share_low; /* 95 % interval by block bootstrap */
    double share_high;
    double per_cause; /* effects caused by one cause */
    double per_cause_low, per_cause_high;
    double detectable; /* share that chance alone reaches in 5 % of the shifts */
    gint64 lag;        /* most frequent delay, -1 where no delay stands out */
} LampPointFit;

/* FALSE where there is nothing to fit: no causes, no effects, or no lag that the rate of the
 * causes leaves distinguishable. O(shifts * (causes + effects) * bins); beyond 2000 effects a
 * regular sample of them is used. */
gboolean lamp_point_fit(const LampPanel *panels, guint panel_count,
                        const LampPointOptions *options, LampPointFit *out_fit);

/* Chance of @observed given @count statistics under the null: rank, and beyond the highest of
 * them the tail of a gamma law fitted to them (by the cube root, Wilson and Hilferty 1931). */
double lamp_shift_test(double observed, const double *null, guint count);

/* Shift number @i in nanoseconds (or any unit): between @low and @high, either sign. */
gint64 lamp_shift_at(guint i, gint64 low, gint64 high);

/* Value below which @share of @values lie; @values are sorted in place. */
double lamp_quantile_of(double *values, gsize count, double share);

/* A number below @bound from the sequence of @state (splitmix64). */
guint64 lamp_draw(guint64 *state, guint64 bound);
