/* What Redis commands do with keys, payloads and replies, by name. */
#pragma once

#include "base/bytes.h"

typedef enum {
    LAMP_REDIS_PLAIN,     /* the first argument is a key */
    LAMP_REDIS_NO_KEY,    /* no argument is looked at as a key */
    LAMP_REDIS_SCRIPT,    /* EVAL: text, number of keys, keys, arguments */
    LAMP_REDIS_DIGEST,    /* EVALSHA, FCALL: the same, with the script's digest or name */
    LAMP_REDIS_PRODUCE,   /* puts payloads into a queue or channel */
    LAMP_REDIS_CONSUME,   /* its reply carries payloads from a queue */
    LAMP_REDIS_STREAMS,   /* the same, keys somewhere among options */
    LAMP_REDIS_SUBSCRIBE, /* one reply for each channel, then messages */
    LAMP_REDIS_SECRET,    /* nothing of its arguments is kept */
    LAMP_REDIS_MONITOR,   /* afterwards the server sends what it likes */
    LAMP_REDIS_REPLICATE, /* the same, and answers nothing any more */
    LAMP_REDIS_CLIENT,    /* may turn replies off */
} LampRedisCommand;

/* Of the command @name, in upper case; LAMP_REDIS_PLAIN where it is not known. */
LampRedisCommand lamp_redis_command(LampBytes name);
