/*
 * Requests that wait for their responses.
 *
 * A dissector makes an exchange when a request begins, fills it while request and response
 * pass, and emits it once. Between request and response the exchange waits in the connection's
 * pairing: in order (FIFO protocols) or by key (stream or correlation ids). An exchange is one
 * block of fixed size with its texts inside, taken from a pool, so a steady flow of calls
 * allocates nothing. The number of exchanges of the whole process is bounded
 * (LAMP_LIMIT_EXCHANGES), and so is that of one connection (LAMP_LIMIT_PIPELINE).
 */
#pragma once

#include "ingest/dissect/buffer.h"
#include "ingest/stream.h"

enum { LAMP_EXCHANGE_TEXT = 1792, LAMP_EXCHANGE_VALUES = 32, LAMP_EXCHANGE_OPERATION = 200 };

typedef struct LampExchange LampExchange;
struct LampExchange {
    LampExchange *next;
    const char *protocol; /* static; NULL: the dissector's name */
    guint64 key;          /* stream or correlation id, for keyed pairing */
    guint64 position;
    LampTime request_first, request_last, response_first, response_last;
    gint64 request_sequence, response_sequence;
    guint64 request_bytes, response_bytes;
    guint32 flags;    /* LAMP_CALL_… */
    guint8 kind;      /* the protocol's own note, for example that the method is HEAD */
    guint8 key_count; /* the same: of a script, how many keys are among its arguments */
    gboolean is_error;
    gboolean request_done, response_done;
    guint8 value_counts[2]; /* request, response */
    guint8 operation_len, status_len;
    guint16 text_len;
    char operation[LAMP_EXCHANGE_OPERATION];
    char status[24];
    guint8 text[LAMP_EXCHANGE_TEXT]; /* packed values: side, slot length, value length, both */
};

typedef struct {
    LampExchange *first, *last;
    guint32 count;
    gboolean is_unsure; /* after loss: a response may belong to a request that was given up */
    LampTime last_time; /* of the newest segment, while unsure */
} LampPairing;

/* A new exchange with nothing known, or NULL when the process has LAMP_LIMIT_EXCHANGES. Owned
 * by the caller until pushed or emitted. */
LampExchange *lamp_exchange_new(void);
void lamp_exchange_free(LampExchange *exchange);

void lamp_exchange_set_operation(LampExchange *exchange, LampBytes operation);
void lamp_exchange_set_status(LampExchange *exchange, LampBytes status);

/* Notes @value under the slot @prefix followed by @name. Values beyond the capacity, longer
 * than LAMP_LIMIT_VALUE, empty, or noted already under that slot are left out. */
void lamp_exchange_add_value(LampExchange *exchange, LampSide side, const char *prefix,
                             LampBytes name, LampBytes value);

/* The same with @number, in decimal digits, for a name. */
void lamp_exchange_add_numbered(LampExchange *exchange, LampSide side, const char *prefix,
                                guint number, LampBytes value);

/* The same for a literal of a statement, named by its number; long and very short ones are left
 * out. As lamp_operation_fold_sql() calls it: @exchange is a LampExchange. */
void lamp_exchange_add_literal(gpointer exchange, guint number, LampBytes value);

/* Notes that bytes [@from, @to) of @view belong to the request (or response). */
void lamp_exchange_request_bytes(LampExchange *exchange, const LampView *view, gsize from,
                                 gsize to);
void lamp_exchange_response_bytes(LampExchange *exchange, const LampView *view, gsize from,
                                  gsize to);

/* Emits the call and frees the exchange. */
void lamp_exchange_emit(LampExchange *exchange, LampStream *stream);

/* Appends; takes ownership. FALSE, and not taken, when LAMP_LIMIT_PIPELINE wait. O(1). */
gboolean lamp_pairing_push(LampPairing *pairing, LampExchange *exchange);

/* Takes out the oldest, or NULL; the caller owns it. O(1). */
LampExchange *lamp_pairing_pop(LampPairing *pairing);

/* The waiting exchange with @key, or NULL; stays in. O(waiting). */
LampExchange *lamp_pairing_find(const LampPairing *pairing, guint64 key);

/* Takes @exchange out; the caller owns it. FALSE where it was not in. O(waiting). */
gboolean lamp_pairing_remove(LampPairing *pairing, LampExchange *exchange);

/* Emits all that wait, oldest first, with @flags added (and LAMP_CALL_NO_RESPONSE where no byte
 * of the response was seen and the call is not one-way). */
void lamp_pairing_drop(LampPairing *pairing, LampStream *stream, guint32 flags);

/* After loss in a FIFO protocol: emits all that wait with @flags, as lamp_pairing_drop() does,
 * and where more than one response may be under way leaves the pairing unsure: one pair shifted
 * would shift all later ones, so responses are not paired until the connection was idle. */
void lamp_pairing_lose(LampPairing *pairing, LampStream *stream, guint32 flags);

/* To be told the time of each segment. A request after 100 ms without any byte makes an unsure
 * pairing sure again; what waited is emitted unanswered. TRUE where anything was: pointers to
 * exchanges of this pairing are to be forgotten. */
gboolean lamp_pairing_tick(LampPairing *pairing, LampStream *stream,
                           const LampSegment *segment);
