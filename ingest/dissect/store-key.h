/* Keys of key-value stores (Redis, memcached) as part of an operation and as values. */
#pragma once

#include "ingest/dissect/pairing.h"

/* Appends a blank and the folded key to the operation, and notes the key (slot `key`) and its
 * id parts (`key.2`). Of a key that names a session or token only the fingerprint is noted. */
void lamp_exchange_add_key(LampExchange *exchange, LampSide side, LampBytes key);

/* The same of a key whose end is not known: named up to its last separator, then `…`; nothing
 * is noted, since another key may begin like this one. */
void lamp_exchange_add_cut_key(LampExchange *exchange, LampBytes key);

/* Notes the key, but leaves the operation as it is. */
void lamp_exchange_note_key(LampExchange *exchange, LampSide side, LampBytes key);

/* Notes the content hash of @text in hexadecimal under @slot. */
void lamp_exchange_add_fingerprint(LampExchange *exchange, LampSide side, const char *slot,
                                   LampBytes text);
