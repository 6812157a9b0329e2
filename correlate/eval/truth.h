/*
 * Truth and answer side by side, whatever form the truth has.
 */
#pragma once

#include "base/keyed-map.h"
#include "correlate/eval/csv.h"
#include "correlate/eval/eval.h"
#include "store/statement.h"

#define LAMP_EVAL_NONE G_MAXUINT32
#define LAMP_EVAL_FOREIGN (G_MAXUINT32 - 1) /* something that is not in the truth */

/* One call or span of the truth. */
typedef struct {
    guint32 trace;
    guint32 expected;  /* unit that caused it, or NONE */
    guint32 predicted; /* NONE, a unit, or FOREIGN */
    guint32 protocol;  /* in report->protocols, or NONE */
    float confidence;  /* of the prediction */
    gboolean is_found;
    gboolean is_ambiguous;
} LampEvalUnit;

typedef struct {
    GArray *units; /* LampEvalUnit */
    guint32 traces;
    char *example; /* how the truth names its first unit; owned */
    LampEvalReport *report;
} LampEvalTruth;

/* Fill @truth and the report's clock figures. */
gboolean lamp_eval_testbed(LampStore *store, const char *folder, LampEvalTruth *truth,
                           GError **error);
gboolean lamp_eval_spans(LampStore *store, const char *path, LampEvalTruth *truth,
                         GError **error);

/* FALSE, with an error that says why and shows how both sides name them, where no unit of
 * @truth is found. @what: "calls by addresses, ports and position"; @sql gives the store's
 * first name. */
gboolean lamp_eval_require_match(const LampEvalTruth *truth, const char *what, LampStore *store,
                                 const char *sql, GError **error);

/* Number of @key in @map, from 0 in the order of first use. */
guint32 lamp_eval_number(LampKeyedMap *map, const char *key);
