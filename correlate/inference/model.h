/* model.h — what a service does for each kind of request, and how well a set of steps fits it
 *
 * For each kind of request: slots (kind of step, n-th time), for each slot and for the response
 * the event that it waits for, delay densities given that event, and how often which slots
 * occur together. The score of a request with a set of steps is the log of the joint density of
 * their times. */
#ifndef LAMP_CORRELATE_INFERENCE_MODEL_H
#define LAMP_CORRELATE_INFERENCE_MODEL_H

#include "correlate/inference/density.h"
#include "correlate/inference/problem.h"

#define LAMP_OCCURRENCES 7 /* n-th times that are told apart; the last is all further ones */
#define LAMP_MAX_SLOTS 96  /* per kind of request; further kinds of step are unusual ones */
#define LAMP_MAX_KIDS 512  /* steps of one request */
#define LAMP_NO_SLOT 0xffff

typedef enum {
    LAMP_WAIT_START,      /* the request's start */
    LAMP_WAIT_LAST_END,   /* the latest end of a step so far */
    LAMP_WAIT_LAST_START, /* the step that was started before */
    LAMP_WAIT_CALL_END,   /* the end of a certain step, else as LAST_END */
    LAMP_WAIT_CALL_START,
} LampWait;

typedef struct {
    guint8 wait;
    guint16 slot; /* for CALL_END and CALL_START */
} LampRule;

typedef struct {
    guint32 step_kind;
    guint32 occurrence;
    guint64 hash;     /* the pattern of a request is the sum of these */
    float presence;   /* log odds that it is there, given that the n-1st is; where it may come
                         again and again, log probability of each time */
    float log_within; /* log share that ends before the request */
    float log_overrun;
    double weight;
    double own; /* of it, what one request taught on average */
} LampSlot;

/* Whether a request may have it several times. */
static inline gboolean
lamp_slot_repeats(const LampSlot *slot)
{
    return slot->occurrence == LAMP_OCCURRENCES - 1;
}

/* Every density exists once for each fold, learnt from the requests outside the fold: a request
 * is never scored with what it taught itself, or wrong links would confirm themselves.
 *
 * Event x of n_slots + 1 (the last is the response) given the key: the slot of the event waited
 * for, or n_slots for the request's start. */
typedef struct {
    guint32 n_slots;
    LampSlot *slots;
    guint16 *slot_of;      /* [step kind x LAMP_OCCURRENCES] */
    LampRule *rules;       /* n_slots + 1 */
    float **tables;        /* [fold x event x key] log densities; NULL: use `any` */
    float **any;           /* [fold x event] */
    float *histograms_any; /* of the delays, for the report */
    float *follows; /* [fold x event x key] how readily this event comes next after that one */
    guint32 n_patterns;    /* a power of two */
    guint64 *pattern_keys; /* 0 is empty */
    float *pattern_logs;
    double pattern_rest;  /* log of what an unseen pattern keeps of the independent model */
    double presence_base; /* log probability of no step at all, independent model */
    double weight;
    double temper;      /* what the odds of an exchange are to be raised to; 0: not known yet */
    gboolean has_queue; /* some event keeps the order of requests better or worse than chance */
    float *in_order; /* [(n_slots + 1) x LAMP_SIDE]: log odds by the lead of the earlier one */
    float *out_of_order; /* n_slots + 1 */
} LampKind;

/* The events of one request as the rules see them: what happened, when, and when the event that
 * it waited for was. */
typedef struct {
    guint32 n;
    guint16 slots[LAMP_MAX_KIDS + 1];
    gint64 times[LAMP_MAX_KIDS + 1];
    gint64 causes[LAMP_MAX_KIDS + 1];
} LampEvents;

typedef struct {
    LampKind *kinds;
    guint32 n_kinds, n_step_kinds;
    float scale;          /* 1 / resolution */
    float *log_orphan;    /* per step kind: log of orphans per ns */
    double log_unusual;   /* a step that this kind of request is not known to make */
    float log_new_orphan; /* orphans per ns of a kind of step that was not met yet */
    guint32 evidence;
} LampModel;

/* Steps of one request in order of time, with what the rules need to know. */
typedef struct {
    const LampRequest *request;
    const LampStep *const *steps;
    guint16 slots[LAMP_MAX_KIDS];
    guint32 n;
} LampView;

LampModel *lamp_model_new(const LampField *field, guint32 evidence);
void lamp_model_free(LampModel *self);

/* Makes room for more kinds of requests and of steps. New kinds of requests must be learnt
 * before they are scored; new kinds of steps are unusual until then. */
void lamp_model_grow(LampModel *self, guint32 n_kinds, guint32 n_step_kinds);

/* Forgets what was learnt of one kind of request. */
void lamp_kind_clear(LampKind *kind);

/* Names the slots of the steps in `view`; the steps must be in order of start. */
void lamp_view_fill(const LampKind *kind, const LampRequest *request,
                    const LampStep *const *steps, guint32 n, LampView *out);

/* The delay of event `at` (n: the response) under `rule`, and the key of the event waited for.
 */
gint64 lamp_view_gap(const LampView *view, LampRule rule, guint32 at, guint32 n_slots,
                     guint32 *out_key);

/* Whether the start of step `at` waits for that of the step before it. */
gboolean lamp_view_follows(const LampKind *kind, const LampView *view, guint32 at);

/* How usual some steps are together, whatever their times: what each of them adds. */
typedef struct {
    guint64 pattern;
    double independent, unusual; /* logs */
} LampTally;

/* Adds the step that is the `before`-th of its kind, from 0. */
void lamp_tally_add(const LampModel *self, const LampKind *kind, guint32 step_kind,
                    guint32 before, LampTally *tally);

double lamp_tally_score(const LampModel *self, const LampKind *kind, const LampTally *tally);

/* Log density of the request's steps and response, ns as unit; `out_events` may be NULL. */
double lamp_model_score(const LampModel *self, const LampRequest *request,
                        const LampStep *const *steps, guint32 n, LampEvents *out_events);

/* The part of the score that says how usual the steps are together, whatever their times. */
double lamp_model_presence(const LampModel *self, const LampRequest *request,
                           const LampStep *const *steps, guint32 n);

/* Log odds of the order in which two overlapping requests of one kind went on, against that of
 * independent delays (queue.c). */
double lamp_queue_score(const LampModel *self, const LampKind *kind, const LampEvents *a,
                        const LampEvents *b);

#endif
