/*
 * What the name of a field means: `ts`, `@timestamp` and `eventTime` are all the time.
 *
 * Names are compared without case, `_`, `-`, `.`, `@` and blanks, so `requestId`, `request_id`
 * and `http.request.id` need few rows. One table serves JSON, logfmt, CSV and user patterns.
 */
#pragma once

#include "base/bytes.h"

typedef enum {
    LAMP_MEANS_NOTHING,
    LAMP_MEANS_TIME,
    LAMP_MEANS_TIME_BEGIN,   /* of the work that the record tells of, not of its end */
    LAMP_MEANS_TIME_SECONDS, /* with LAMP_MEANS_TIME_NANOSECONDS: the two parts of one time */
    LAMP_MEANS_TIME_NANOSECONDS,
    LAMP_MEANS_SEVERITY,
    LAMP_MEANS_SEVERITY_NUMBER, /* OpenTelemetry's, 1 to 24 */
    LAMP_MEANS_MESSAGE,
    LAMP_MEANS_SERVICE,
    LAMP_MEANS_LOGGER, /* the service where nothing else names it */
    LAMP_MEANS_HOST,
    LAMP_MEANS_PROCESS,
    LAMP_MEANS_THREAD,
    LAMP_MEANS_DURATION,
    LAMP_MEANS_METHOD,
    LAMP_MEANS_TARGET,
    LAMP_MEANS_STATUS,
    LAMP_MEANS_BYTES_SENT,
    LAMP_MEANS_BYTES_RECEIVED,
    LAMP_MEANS_REQUEST_ID,
    LAMP_MEANS_CLIENT_ADDRESS,
    LAMP_MEANS_CLIENT_PORT,
    LAMP_MEANS_UPSTREAM_ADDRESS,
    LAMP_MEANS_UPSTREAM_CONNECT,
    LAMP_MEANS_UPSTREAM_HEADER,
    LAMP_MEANS_UPSTREAM_TIME,
    LAMP_MEANS_UPSTREAM_STATUS,
    LAMP_MEANS_REQUEST_LINE,
    LAMP_MEANS_RPC_SERVICE, /* with LAMP_MEANS_RPC_METHOD: what was called by gRPC */
    LAMP_MEANS_RPC_METHOD,
    LAMP_MEANS_SIDE, /* `client` or `server`: whose view of a call the line is */
} LampMeaningKind;

typedef struct {
    LampMeaningKind kind;
    gint64 unit_ns; /* of a bare number, for durations; 0: by its look */
} LampMeaning;

/* Meaning of a field by its name; LAMP_MEANS_NOTHING for most. O(log rows). */
LampMeaning lamp_meaning_of(LampBytes key);
