/* Shared by the files that implement the writer. */
#pragma once

#include "base/keyed-map.h"
#include "base/out.h"
#include "store/batch.h"
#include "store/statement.h"
#include "store/writer.h"

typedef enum {
    INSERT_SOURCE,
    INSERT_FINDING,
    INSERT_CONNECTION,
    INSERT_HOST_NAME,
    INSERT_SPAN_JOIN,
    INSERT_SPAN_PARENT,
    N_INSERTS,
} Insert;

/* Tables of many rows are written in batches. */
typedef enum {
    BATCH_EVENTS,
    BATCH_OBSERVATIONS,
    BATCH_FLOWS,
    BATCH_ENDPOINTS,
    N_BATCHES,
} Batch;

enum { KNOWN_PLACES = 64, KNOWN_WAYS = 4, KNOWN_SLOTS = KNOWN_PLACES * KNOWN_WAYS };
enum { KNOWN_SLOT_BYTES = 40, KNOWN_TEXTS = 256, KNOWN_TEXT_BYTES = 64 };
enum { QUOTED_BYTES = 48 };

/* The name of a value that is in `strings`, and as it stands in a JSON object. */
typedef struct {
    gsize length, quoted_length;
    guint8 name[KNOWN_SLOT_BYTES];
    guint8 quoted[QUOTED_BYTES];
} KnownSlot;

enum { KNOWN_ENDPOINTS = 4096, ENDPOINT_KEY = 19 };

/* An endpoint that came lately. */
typedef struct {
    guint32 id; /* 0: none */
    guint8 key[ENDPOINT_KEY];
} KnownEndpoint;

struct LampWriter {
    LampStore *store;
    gint64 began_us; /* the open transaction, monotonic; 0 none */
    LampStatement *inserts[N_INSERTS];
    LampBatch *batches[N_BATCHES];
    LampKeyedMap *endpoints;                        /* address and port -> endpoint_id */
    KnownEndpoint known_endpoints[KNOWN_ENDPOINTS]; /* by a cheap hash */
    KnownSlot known_slots[N_BATCHES][KNOWN_SLOTS];  /* by table, place, a cheap hash */
    LampOut quoted;                                 /* a name that is not known */
    struct {
        gint64 id;
        gsize length;
        guint8 text[KNOWN_TEXT_BYTES];
    } known_texts[KNOWN_TEXTS]; /* operations and the like, by a cheap hash */
    gint64 source_id;           /* of the source being written */
    gint64 last_source, last_event, last_observation, last_flow, last_endpoint;
    gint64 connection_base, last_connection;
    LampWriterNames names; /* of the last observation */
    GError *failure;       /* first failed row of the source */
};

/* Runs the bound insert; the first failure is remembered for the end of the source, and nothing
 * is written after it. */
void lamp_writer_insert(LampWriter *writer, Insert which);

/* Writes what has gathered in the batches, in the same way. */
void lamp_writer_flush(LampWriter *writer);
