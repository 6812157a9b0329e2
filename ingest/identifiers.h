/*
 * Values that may tie one message to another: which parts of a message to keep, and which
 * never.
 *
 * Found values are told to a function with their name; the caller decides the slot. Names that
 * say secret (passwords, tokens, cookies, cards) are skipped together with their values,
 * everywhere. Nothing is allocated; input is looked at once, up to the bound that the caller
 * gives.
 */
#pragma once

#include "base/bytes.h"

typedef void (*LampIdentifierFound)(gpointer owner, LampBytes name, LampBytes value);

/* Does the name say that its value is a secret? O(n). */
gboolean lamp_identifier_is_secret(LampBytes name);

/* Does this header or metadata name (any case) carry a request or trace id? */
gboolean lamp_identifier_is_header(LampBytes name);

/* Trace id inside the value of a trace header (traceparent, b3, uber-trace-id,
 * x-amzn-trace-id); empty where the format has none. Borrowed. */
LampBytes lamp_identifier_trace_part(LampBytes name, LampBytes value);

/* Strings and whole numbers in JSON text that look like ids, under their nearest key. The text
 * may be cut anywhere. O(n). */
void lamp_identifiers_in_json(LampBytes json, LampIdentifierFound found, gpointer owner);

/* `a=1&b=2`: every value of a query, or with @only_ids those that look like ids. */
void lamp_identifiers_in_query(LampBytes query, gboolean only_ids, LampIdentifierFound found,
                               gpointer owner);

/* A single text: JSON is looked into, an id is told under @name, all else is skipped. */
void lamp_identifiers_in_text(LampBytes name, LampBytes text, LampIdentifierFound found,
                              gpointer owner);
