/*
 * The commands by which work is taken out of queues: Redis lists, streams, sorted sets and
 * channels, Kafka's Fetch, deliveries of AMQP 0-9-1. In: protocol and operation of a call.
 */
#include "base/fetch.h"

#include <string.h>

static const struct {
    const char *protocol, *operation;
    LampFetch kind;
} fetches[] = {
    {"redis", "BRPOP", LAMP_FETCH_WAITS},        {"redis", "BLPOP", LAMP_FETCH_WAITS},
    {"redis", "BRPOPLPUSH", LAMP_FETCH_WAITS},   {"redis", "BLMOVE", LAMP_FETCH_WAITS},
    {"redis", "RPOP", LAMP_FETCH_TAKES},         {"redis", "LPOP", LAMP_FETCH_TAKES},
    {"redis", "XREADGROUP", LAMP_FETCH_WAITS},   {"redis", "XREAD", LAMP_FETCH_WAITS},
    {"redis", "BZPOPMIN", LAMP_FETCH_WAITS},     {"redis", "BZPOPMAX", LAMP_FETCH_WAITS},
    {"redis", "BLMPOP", LAMP_FETCH_WAITS},       {"redis", "BZMPOP", LAMP_FETCH_WAITS},
    {"kafka", "Fetch", LAMP_FETCH_WAITS},        {"amqp", "basic.deliver", LAMP_FETCH_WAITS},
    {"amqp", "basic.get", LAMP_FETCH_TAKES},     {"amqp", "deliver", LAMP_FETCH_WAITS},
    {"amqp", "basic.consume", LAMP_FETCH_WAITS}, {"redis", "message", LAMP_FETCH_WAITS},
    {"redis", "pmessage", LAMP_FETCH_WAITS},     {"redis", "smessage", LAMP_FETCH_WAITS},
    {"redis", "EVAL", LAMP_FETCH_SCRIPT},        {"redis", "EVALSHA", LAMP_FETCH_SCRIPT},
    {"redis", "FCALL", LAMP_FETCH_SCRIPT},
};

LampFetch
lamp_fetch_kind(const char *protocol, const char *operation)
{
    if (protocol == NULL || operation == NULL)
        return LAMP_FETCH_NONE;
    gsize length = strcspn(operation, " ");
    for (guint i = 0; i < G_N_ELEMENTS(fetches); i++)
        if (strcmp(protocol, fetches[i].protocol) == 0 &&
            strlen(fetches[i].operation) == length &&
            g_ascii_strncasecmp(operation, fetches[i].operation, length) == 0)
            return fetches[i].kind;
    return LAMP_FETCH_NONE;
}
