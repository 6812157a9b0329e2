/*
 * Header blocks of an HTTP/2 connection: joined over frames, decoded, told to calls.
 */
#pragma once

#include <nghttp2/nghttp2.h>

#include "ingest/dissect/framing.h"

enum { LAMP_HTTP2_HEADER = 9 }; /* bytes before a frame's payload */

typedef enum {
    LAMP_HTTP2_DATA = 0,
    LAMP_HTTP2_HEADERS = 1,
    LAMP_HTTP2_RESET = 3,
    LAMP_HTTP2_SETTINGS = 4,
    LAMP_HTTP2_PROMISE = 5,
    LAMP_HTTP2_CONTINUATION = 9,
} LampHttp2FrameType;

enum { LAMP_HTTP2_END_STREAM = 1, LAMP_HTTP2_ACK = 1 };

/* Notes in LampExchange.kind. */
enum { LAMP_HTTP2_GRPC = 1, LAMP_HTTP2_JSON = 2 };

typedef struct {
    nghttp2_hd_inflater *inflater;
    GByteArray *block; /* header block being joined, or NULL */
    guint32 block_stream;
    guint8 ends_stream; /* END_STREAM of the HEADERS frame that began the block */
    guint8 is_unknown;  /* the decoder's table is lost */
    guint8 is_promise;
} LampHttp2Side;

/* Payload of a frame without padding and priority; FALSE where these do not fit. */
gboolean lamp_http2_payload(LampBytes frame, gboolean has_priority, LampBytes *out_payload);

/* A HEADERS, CONTINUATION or PUSH_PROMISE frame of the side. @exchange, whose stream it is on,
 * may be NULL: the block is decoded only to keep the decoder's table right. */
void lamp_http2_read_headers(LampHttp2Side *side, const LampFrame *frame,
                             LampExchange *exchange);
