/*
 * Advice: patterns in the flows that cost time, each with the change that would remove it.
 *
 * lamp_advice_new() makes an empty collector, lamp_advice_add() looks at one flow after the
 * other, lamp_advice_list() gives what was found. The gain is not guessed by the rule: the list
 * holds the change as text, which model/what-if.h then replays.
 */
#pragma once

#include "model/structure.h"

typedef enum {
    LAMP_ADVICE_BATCH,    /* the same call repeated one after the other (N+1) */
    LAMP_ADVICE_PARALLEL, /* different calls one after the other that could start together */
    LAMP_ADVICE_CACHE,    /* identical requests in short time */
    LAMP_ADVICE_RETRY,    /* a failed call is made again, and amplifies load */
    LAMP_ADVICE_TIMEOUT,  /* callers give up while the callee works on */
    LAMP_ADVICE_UNEVEN,   /* instances of one service are loaded or perform unevenly */
    LAMP_ADVICE_CHURN,    /* a connection is set up for each request */
    LAMP_ADVICE_CHATTY,   /* many different calls to one callee, much of it on the way */
    LAMP_ADVICE_STREAM,   /* a large response, passed on only when it is whole */
} LampAdviceKind;

extern const char *const lamp_advice_names[];

typedef struct {
    LampAdviceKind kind;
    char *text;        /* what was seen, for people; owned */
    char *change;      /* for lamp_change_parse(), or NULL where replay cannot tell; owned */
    guint64 requests;  /* that show it; calls, if it rests on no link */
    gint64 example;    /* trace id of one */
    double confidence; /* mean of the links that show it; negative: it rests on none */
} LampAdvice;

typedef struct LampAdvisor LampAdvisor;

/* Caller frees; @topology and @structure must outlive it. */
LampAdvisor *lamp_advisor_new(const LampTopology *topology, const LampStructure *structure);
void lamp_advisor_free(LampAdvisor *advisor);

void lamp_advisor_add(LampAdvisor *advisor, const LampFlow *flow);

/* LampAdvice that enough requests show, by kind and requests; caller unrefs. @store is asked
 * for what flows do not hold: values of requests, connections. */
GArray *lamp_advisor_list(LampAdvisor *advisor, LampStore *store,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampAdvisor, lamp_advisor_free)
