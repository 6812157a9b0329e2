/*
 * The commands of Redis that are not plain: a key, then what is no concern of lamplight.
 *
 * In: a name in upper case. Out: its kind. What is not in the table is taken for plain.
 */
#include "ingest/dissect/redis-commands.h"

static const struct {
    const char *name;
    LampRedisCommand kind;
} commands[] = {
    {"ACL", LAMP_REDIS_SECRET},
    {"AUTH", LAMP_REDIS_SECRET},
    {"BLMOVE", LAMP_REDIS_CONSUME},
    {"BLPOP", LAMP_REDIS_CONSUME},
    {"BRPOP", LAMP_REDIS_CONSUME},
    {"BRPOPLPUSH", LAMP_REDIS_CONSUME},
    {"CLIENT", LAMP_REDIS_CLIENT},
    {"CLUSTER", LAMP_REDIS_NO_KEY},
    {"COMMAND", LAMP_REDIS_NO_KEY},
    {"CONFIG", LAMP_REDIS_SECRET},
    {"DISCARD", LAMP_REDIS_NO_KEY},
    {"ECHO", LAMP_REDIS_NO_KEY},
    {"EVAL", LAMP_REDIS_SCRIPT},
    {"EVALSHA", LAMP_REDIS_DIGEST},
    {"EVALSHA_RO", LAMP_REDIS_DIGEST},
    {"EVAL_RO", LAMP_REDIS_SCRIPT},
    {"EXEC", LAMP_REDIS_NO_KEY},
    {"FCALL", LAMP_REDIS_DIGEST},
    {"FCALL_RO", LAMP_REDIS_DIGEST},
    {"HELLO", LAMP_REDIS_SECRET},
    {"INFO", LAMP_REDIS_NO_KEY},
    {"LMOVE", LAMP_REDIS_CONSUME},
    {"LPOP", LAMP_REDIS_CONSUME},
    {"LPUSH", LAMP_REDIS_PRODUCE},
    {"LPUSHX", LAMP_REDIS_PRODUCE},
    {"MIGRATE", LAMP_REDIS_SECRET},
    {"MONITOR", LAMP_REDIS_MONITOR},
    {"MULTI", LAMP_REDIS_NO_KEY},
    {"PING", LAMP_REDIS_NO_KEY},
    {"PSUBSCRIBE", LAMP_REDIS_SUBSCRIBE},
    {"PSYNC", LAMP_REDIS_REPLICATE},
    {"PUBLISH", LAMP_REDIS_PRODUCE},
    {"PUNSUBSCRIBE", LAMP_REDIS_SUBSCRIBE},
    {"REPLCONF", LAMP_REDIS_NO_KEY},
    {"RPOP", LAMP_REDIS_CONSUME},
    {"RPOPLPUSH", LAMP_REDIS_CONSUME},
    {"RPUSH", LAMP_REDIS_PRODUCE},
    {"RPUSHX", LAMP_REDIS_PRODUCE},
    {"SCRIPT", LAMP_REDIS_NO_KEY},
    {"SELECT", LAMP_REDIS_NO_KEY},
    {"SPUBLISH", LAMP_REDIS_PRODUCE},
    {"SSUBSCRIBE", LAMP_REDIS_SUBSCRIBE},
    {"SUBSCRIBE", LAMP_REDIS_SUBSCRIBE},
    {"SUNSUBSCRIBE", LAMP_REDIS_SUBSCRIBE},
    {"SYNC", LAMP_REDIS_REPLICATE},
    {"UNSUBSCRIBE", LAMP_REDIS_SUBSCRIBE},
    {"UNWATCH", LAMP_REDIS_NO_KEY},
    {"XADD", LAMP_REDIS_PRODUCE},
    {"XREAD", LAMP_REDIS_STREAMS},
    {"XREADGROUP", LAMP_REDIS_STREAMS},
};

LampRedisCommand
lamp_redis_command(LampBytes name)
{
    if (name.len == 0)
        return LAMP_REDIS_PLAIN;
    guint8 first = name.at[0];
    /* The table is sorted. */
    for (gsize i = 0; i < G_N_ELEMENTS(commands) && (guint8) commands[i].name[0] <= first; i++)
        if ((guint8) commands[i].name[0] == first &&
            lamp_bytes_equal(name, lamp_bytes_text(commands[i].name)))
            return commands[i].kind;
    return LAMP_REDIS_PLAIN;
}
