/* Ids inside gRPC messages and other Protocol Buffers. */
#pragma once

#include "base/bytes.h"
#include "ingest/identifiers.h"

/* Tells the text fields of a serialized message (possibly cut) that look like ids, named by the
 * path of their field numbers: "1", "2.1". Nested messages are entered to a depth of 4. O(n).
 */
void lamp_identifiers_in_protobuf(LampBytes message, LampIdentifierFound found, gpointer owner);
