/*
 * Every cap on what input can make grow, in one table with its reason. Reaching one is a
 * finding that names it (`limit.NAME`), never an error. Constants, so that they can size
 * arrays.
 */
#pragma once

/* name, value, unit and reason: LAMP_LIMITS(X) expands X(NAME, value, "unit", "reason") for
 * each. */
#define LAMP_LIMITS(X)                                                                         \
    X(WINDOW, 4194304, "bytes", "largest unit that a reader may hold")                         \
    X(LINE, 1048576, "bytes", "journald-size lines exist; of a longer one this much is read")  \
    X(FIELDS, 256, "fields", "per log record")                                                 \
    X(FIELD_KEY, 256, "bytes", "longest field name kept")                                      \
    X(FIELD_VALUE, 65536, "bytes", "longest field value kept")                                 \
    X(VALUE, 256, "bytes", "longest identifier value stored")                                  \
    X(JSON_DEPTH, 64, "levels", "logs need fewer than twenty")                                 \
    X(PACKET, 262144, "bytes", "largest packet that capture tools write")                      \
    X(PCAPNG_BLOCK, 16777216, "bytes", "a larger block is damage, not data")                   \
    X(INTERFACES, 4096, "interfaces", "per capture section")                                   \
    X(CONNECTIONS, 262144, "connections", "held at once; the least recent is closed")          \
    X(REASSEMBLY_DIRECTION, 1048576, "bytes", "out-of-order bytes held for one direction")     \
    X(REASSEMBLY_ALL, 67108864, "bytes", "out-of-order bytes held for all connections")        \
    X(SEGMENTS, 1024, "segments", "out-of-order segments of one direction")                    \
    X(FRAGMENTS, 4194304, "bytes", "IP fragments held")                                        \
    X(TUNNEL_DEPTH, 8, "layers", "tunnels inside tunnels")                                     \
    X(HTTP_HEAD, 65536, "bytes", "request or status line with all headers")                    \
    X(HTTP_HEADERS, 128, "headers", "looked at in one message")                                \
    X(PIPELINE, 1024, "requests", "waiting for their responses on one connection")             \
    X(EXCHANGES, 32768, "requests", "waiting for their responses on all connections")          \
    X(SECRETS, 131072, "secrets", "of TLS connections, from key logs")                         \
    X(DNS_JUMPS, 64, "jumps", "compressed names")                                              \
    X(PATTERN_MATCH, 100000, "steps", "PCRE2 match limit: about 2 ms in the worst case")       \
    X(PATTERN_DEPTH, 1000, "levels", "PCRE2 depth limit")                                      \
    X(PATTERN_HEAP, 16384, "kibibytes", "PCRE2 heap limit")                                    \
    X(PATTERN_TEXT, 4096, "bytes", "longest user pattern")                                     \
    X(TEMPLATES, 65536, "templates", "per run")                                                \
    X(TEMPLATE_RECORDS, 262144, "templates", "masked texts whose values are looked at")        \
    X(TEMPLATE_TOKENS, 256, "tokens", "per template")                                          \
    X(OPERATIONS, 65536, "operations", "distinct folded operations; later ones are `{other}`") \
    X(FINDINGS, 1000, "findings", "stored for one source and code, later ones are counted")    \
    X(SOURCES, 1048576, "files", "in one run")                                                 \
    X(DIRECTORY_DEPTH, 64, "levels", "of folders walked")

enum {
#define LAMP_LIMIT_ENUM(name, value, unit, reason) LAMP_LIMIT_##name = value,
    LAMP_LIMITS(LAMP_LIMIT_ENUM)
#undef LAMP_LIMIT_ENUM
};
