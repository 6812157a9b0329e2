/* A conversation as tests write it: turns, in order of time. */
#pragma once

#include "base/bytes.h"

typedef struct {
    char direction; /* '>' to the server, '<' to the client; '}' and '{': a gap of that many
                       bytes */
    LampBytes bytes;
} Turn;

#define TO_SERVER(text)                               \
    {                                                 \
        '>',                                          \
        {                                             \
            (const guint8 *) (text), sizeof(text) - 1 \
        }                                             \
    }
#define TO_CLIENT(text)                               \
    {                                                 \
        '<',                                          \
        {                                             \
            (const guint8 *) (text), sizeof(text) - 1 \
        }                                             \
    }
#define LOST_TO_SERVER(n) \
    {                     \
        '}',              \
        {                 \
            NULL, (n)     \
        }                 \
    }
#define LOST_TO_CLIENT(n) \
    {                     \
        '{',              \
        {                 \
            NULL, (n)     \
        }                 \
    }
