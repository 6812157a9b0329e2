/*
 * Discovery of identifiers: which fields of which components range over the same values, what
 * such a value identifies, and how identifiers relate.
 *
 * A column is a field of one component (the `order` of the worker's log, the `path.2` of a
 * service's requests). Columns whose values meet are one identifier. The number of records with
 * a value, how long it lives and how many values there are tell what it identifies; how many
 * values of one identifier stand beside one value of another in the same records tells their
 * relation. Nothing is known of names.
 */
#pragma once

#include "base/bytes.h"
#include "base/time.h"

/* One value in one record. */
typedef struct {
    guint64 value;  /* hash of the text */
    guint64 record; /* records that carry several values have the same number */
    LampTime time;  /* LAMP_TIME_NONE unknown */
    guint32 column;
    guint16 is_weak; /* a short number, which may meet another by chance */
    guint16 doubled; /* stands for two to the power of so many uses of its value */
} LampOccurrence;

typedef enum {
    LAMP_IDENTIFIES_REQUEST,   /* many values, each lives shortly and comes back */
    LAMP_IDENTIFIES_SESSION,   /* lives for several requests */
    LAMP_IDENTIFIES_OBJECT,    /* lives as long as the records, comes back again and again */
    LAMP_IDENTIFIES_PARAMETER, /* few values, each in many records */
} LampIdentifies;

typedef struct {
    LampIdentifies kind;
    guint columns;
    guint64 values, uses;
    gint64 life_ns; /* median time between first and last use of a value */
} LampIdentifier;

typedef enum {
    LAMP_ONE_TO_ONE,
    LAMP_ONE_TO_MANY,
    LAMP_MANY_TO_ONE,
    LAMP_MANY_TO_MANY
} LampRelation;

typedef struct {
    guint32 from, to; /* identifiers, from < to */
    LampRelation relation;
    guint64 records; /* that carry both */
} LampIdentifierRelation;

#define LAMP_NO_IDENTIFIER G_MAXUINT32

typedef struct {
    guint32 *of_column;  /* by column; LAMP_NO_IDENTIFIER for most */
    GArray *identifiers; /* LampIdentifier, those with the most uses first */
    GArray *relations;   /* LampIdentifierRelation */
} LampIdentifiers;

/* Uses @occurrences up: sorts and changes them. Caller frees the result. O(n log n). */
LampIdentifiers *lamp_identifiers_find(LampOccurrence *occurrences, gsize count,
                                       guint32 column_count);
void lamp_identifiers_free(LampIdentifiers *identifiers);

/* Static names: `request`, `session` …; `1:1`, `1:n`, `n:1`, `n:m`. */
const char *lamp_identifies_name(LampIdentifies kind);
const char *lamp_relation_name(LampRelation relation);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampIdentifiers, lamp_identifiers_free)
