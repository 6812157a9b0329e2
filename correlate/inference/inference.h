/* inference.h — which request caused which call
 *
 * Input: one row per call, each end of it seen or not, no ids needed. Output: for every call
 * the request whose server side most probably made it, with a calibrated probability, the
 * runner-up, the evidence, and what was learnt on the way. Pure: no files, no database, no
 * clock; the same calls give the same answer in whatever order they come.
 *
 * The story of a use:
 *     g_autoptr(LampInference) answer = lamp_inference_run(&input, NULL, &error);
 *     for (gsize i = 0; i < answer->n_calls; i++) use(answer->links[i]);
 *
 * The idea, the formulae and the limits are in docs/inference.md. */
#ifndef LAMP_CORRELATE_INFERENCE_INFERENCE_H
#define LAMP_CORRELATE_INFERENCE_INFERENCE_H

#include <glib.h>
G_BEGIN_DECLS
#define LAMP_INFERENCE_TIME_NONE G_MININT64
#define LAMP_INFERENCE_NO_CALL G_MAXUINT32

typedef enum {
    LAMP_CALL_ERROR = 1 << 0,       /* the reply says that the call failed */
    LAMP_CALL_TIMEOUT = 1 << 1,     /* the caller gave up waiting */
    LAMP_CALL_NO_RESPONSE = 1 << 2, /* no reply was seen */
    LAMP_CALL_ONE_WAY = 1 << 3,     /* a message that asks for no reply */
    LAMP_CALL_FETCH = 1 << 4, /* waits for work (BRPOP, delivery): has no parent; its reply is a
                                 request to its caller, of who sent the same values before */
    LAMP_CALL_SCRIPT = 1 << 5, /* may be a step, and bring work like a fetch (taken.c) */
} LampCallFlags;

/* One call. Times are ns since the epoch on one common clock, LAMP_INFERENCE_TIME_NONE where
 * that end was not seen; an end without its response has its end time NONE. A time t with
 * uncertainty u lies in [t - u, t + u]. Numbers that name things (process, service, operation,
 * connection, thread) are the caller's own interned numbers; 0 says unknown, and for a process:
 * outside. */
typedef struct {
    gint64 client_start_ns, client_end_ns; /* at the caller: request leaves, response arrives */
    gint64 server_start_ns, server_end_ns; /* at the callee: request arrives, response leaves */
    gint64 client_uncertainty_ns;          /* resolution and clock error at the caller */
    gint64 server_uncertainty_ns;          /* the same at the callee */
    guint64 request_bytes, response_bytes; /* 0 unknown */
    guint32 client_process,
        server_process; /* the instance within which causality is looked for */
    guint32 client_service, server_service; /* replicas of one service share what is learnt */
    guint32 operation;                      /* protocol and operation template */
    guint32 client_connection;              /* the connection at the caller */
    guint32 server_connection; /* at the callee; the same number where it is the same */
    guint32 position;          /* on the connection, from 1 */
    guint32 client_thread, server_thread;
    guint32 first_value, value_count; /* a run in LampInferenceInput.values */
    guint32 flags;                    /* LampCallFlags */
} LampInferenceCall;

typedef enum { LAMP_VALUE_REQUEST, LAMP_VALUE_RESPONSE } LampValueSide;

/* An identifier or other value seen in a message or in a log line tied to it. Weight comes from
 * how rare the value is, not from its name; `explicit` marks ids that were made to name a
 * request (X-Request-ID, traceparent): they start out trusted, and lose that where the data
 * refute them. */
typedef struct {
    guint64 hash; /* of the value's bytes; equal values have equal hashes */
    guint32 slot; /* interned place it was seen in (header name, column, template variable) */
    guint8 side;  /* LampValueSide */
    guint8 is_explicit;
} LampInferenceValue;

typedef struct {
    const LampInferenceCall *calls;
    gsize n_calls;
    const LampInferenceValue *values; /* may be NULL when n_values is 0 */
    gsize n_values;
} LampInferenceInput;

/* What evidence to use; the default is all. For the ablation and for tests. */
typedef enum {
    LAMP_EVIDENCE_ORDER = 1 << 0, /* learnt predecessors; else all delays from request start */
    LAMP_EVIDENCE_END = 1 << 1,   /* the gap from the last call to the request's end */
    LAMP_EVIDENCE_PATTERN = 1 << 2,    /* which calls go together */
    LAMP_EVIDENCE_VALUES = 1 << 3,     /* shared identifiers */
    LAMP_EVIDENCE_QUEUE = 1 << 4,      /* in-order hand-over */
    LAMP_EVIDENCE_THREAD = 1 << 5,     /* the thread that took the request makes the call */
    LAMP_EVIDENCE_CONNECTION = 1 << 6, /* connections that go together */
    LAMP_EVIDENCE_TRACE = 1 << 7,      /* what the other services know of the same request */
    LAMP_EVIDENCE_ALL = 0xffff,
} LampEvidence;

/* What successive runs over slices of one recording hand on to each other: the learnt models.
 * The numbers that name services and operations must mean the same in all of them. Memory of a
 * run is bounded by its slice; slices should overlap by the longest request, each link being
 * taken from the slice in whose middle it lies. */
typedef struct LampInferenceMemory LampInferenceMemory;

LampInferenceMemory *lamp_inference_memory_new(void);

/* Accepts NULL. */
void lamp_inference_memory_free(LampInferenceMemory *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampInferenceMemory, lamp_inference_memory_free)

typedef struct {
    LampInferenceMemory *memory; /* borrowed, read and updated; NULL: the run stands alone */
    guint32 evidence;            /* LampEvidence; 0 means all */
    guint32 samples;             /* posterior samples of the whole assignment to keep; 0 none */
    guint32 candidates;       /* most candidates kept for each call, for `explain`; 0 means 8 */
    guint32 threads;          /* 0 or 1: the calling thread only */
    double effort;            /* multiplies the number of sampling sweeps; 0 means 1 */
    gboolean begins_in_order; /* another first assignment; see average.h */
} LampInferenceOptions;

typedef enum {
    LAMP_LINK_NONE,         /* a root (from outside), background work, or no cause found */
    LAMP_LINK_SYNCHRONOUS,  /* within its parent's time */
    LAMP_LINK_ASYNCHRONOUS, /* outlives its parent, or starts after it has answered */
    LAMP_LINK_RETRY,        /* the same call again, after a failure or a timeout */
    LAMP_LINK_MESSAGE, /* through a queue: the parent sent the message that `via` fetched */
} LampLinkKind;

/* The answer for one call; index as in the input. */
typedef struct {
    guint32 parent;    /* index of a call, or LAMP_INFERENCE_NO_CALL */
    guint32 via;       /* for LAMP_LINK_MESSAGE: the fetching call; else NO_CALL */
    guint32 runner_up; /* the next best parent; NO_CALL: none, or that there is no parent */
    guint32 retry_of;  /* for LAMP_LINK_RETRY: the attempt before; else NO_CALL */
    float probability; /* that `parent` is right (none included) */
    float runner_up_probability;
    float tree_probability;  /* as a parent: that the set of its calls is exactly right */
    float trace_probability; /* for a root: that all links below it are right; else 0 */
    guint32 first_candidate, candidate_count; /* in LampInference.candidates, best first */
    guint32 possible;                         /* requests that were open while it was made */
    guint8 kind;                              /* LampLinkKind */
} LampInferenceLink;

/* One possible parent of a call with the natural logarithms of what speaks for it: each part is
 * log p(evidence | this parent) up to a constant shared by the candidates of this call. */
typedef struct {
    guint32 parent; /* NO_CALL: that it has none */
    float probability;
    float delay;    /* gaps before and after, by the learnt distributions */
    float presence; /* how usual such a call is in such a request */
    float values;   /* shared identifiers */
    float affinity; /* thread, connection, order among overlapping requests */
} LampInferenceCandidate;

typedef struct {
    guint32 service;
    guint64 links;            /* calls made by this service that were given a parent */
    guint64 ambiguous;        /* of these, with more than one possible parent in time */
    double expected_accuracy; /* mean probability of all its decided links */
    double in_order; /* 1: overlapping requests never change places (a strict queue); 0: as
                        often as with independent delays, or too few to tell */
} LampInferenceService;

typedef enum {
    LAMP_EVENT_REQUEST_START,
    LAMP_EVENT_CALL_START, /* of `rule_slot` */
    LAMP_EVENT_CALL_END,
    LAMP_EVENT_LAST_END,   /* the latest end of all calls so far (a join) */
    LAMP_EVENT_LAST_START, /* the call that was started before */
} LampEventKind;

/* What one service does for one kind of request: a slot for each call that it makes. A slot is
 * (operation, callee, n-th time); the last row of a request kind describes the response. */
typedef struct {
    guint32 service, parent_operation;      /* the request kind */
    guint32 child_service, child_operation; /* the call; 0, 0 for the response itself */
    guint32 occurrence;                     /* n-th call of this kind in the request, from 0 */
    guint8 waits_for;                       /* LampEventKind: the event that sets it going */
    guint32 waits_for_slot;                 /* row in `slots`, for CALL_START and CALL_END */
    double presence;                        /* share of such requests that make this call */
    double asynchronous;                    /* share that outlives the request */
    double requests;                        /* expected number it was learnt from */
    double delay_ns[5];                     /* quantiles .05 .25 .5 .75 .95 of the delay */
} LampInferenceSlot;

typedef struct {
    gsize n_calls;
    LampInferenceLink *links; /* n_calls */
    gsize n_candidates;
    LampInferenceCandidate *candidates;
    gsize n_services;
    LampInferenceService *services;
    gsize n_slots;
    LampInferenceSlot *slots; /* grouped by request kind, in order of time; the response last */
    guint32 n_samples;
    guint32 *samples;         /* n_samples x n_calls parents (row by row), or NULL */
    double expected_accuracy; /* over all links */
} LampInference;

typedef enum {
    LAMP_INFERENCE_ERROR_INPUT, /* an index or count in the input is out of range */
    LAMP_INFERENCE_ERROR_LIMIT, /* more than 2^32 - 2 calls */
} LampInferenceError;

#define LAMP_INFERENCE_ERROR (lamp_inference_error_quark())
GQuark lamp_inference_error_quark(void);

/* Finds the parents of all calls. `options` may be NULL. The result belongs to the caller.
 * Cost: about linear in calls; memory about 250 bytes a call at moderate overlap. */
LampInference *lamp_inference_run(const LampInferenceInput *input,
                                  const LampInferenceOptions *options, GError **error);

/* Accepts NULL. */
void lamp_inference_free(LampInference *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampInference, lamp_inference_free)

G_END_DECLS

#endif
