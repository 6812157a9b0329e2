/* What HTTP/1.x and HTTP/2 requests and responses have in common, once their bytes are read. */
#pragma once

#include "ingest/dissect/pairing.h"

/* Names the operation `METHOD /path/{}` and notes ids of the path and all values of the query.
 * @target may be in any form of RFC 9112, 3.2. */
void lamp_http_add_target(LampExchange *exchange, LampBytes method, LampBytes target);

/* Notes a header or metadata field if it carries a request or trace id; FALSE if its name says
 * that it cannot. */
gboolean lamp_http_add_field(LampExchange *exchange, LampSide side, LampBytes name,
                             LampBytes value);

/* Notes ids in the beginning of a body. */
void lamp_http_add_json(LampExchange *exchange, LampSide side, LampBytes body);
void lamp_http_add_form(LampExchange *exchange, LampSide side, LampBytes body);

/* Sets the status; 500 and above is an error of the server. */
void lamp_http_set_status(LampExchange *exchange, guint status);
