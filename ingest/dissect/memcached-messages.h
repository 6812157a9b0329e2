/*
 * Messages of memcached's protocols: lines of words with their data blocks, and binary headers;
 * how long they are, and how surely bytes are such. No state.
 */
#pragma once

#include "ingest/dissect/framing.h"

enum { LAMP_MEMCACHED_HEADER = 24, LAMP_MEMCACHED_WORDS = 8 };

typedef enum {
    LAMP_MEMCACHED_LINE,     /* one line answers */
    LAMP_MEMCACHED_RETRIEVE, /* VALUE blocks, then END */
    LAMP_MEMCACHED_STATS,    /* lines, then END */
    LAMP_MEMCACHED_STORE,    /* a data block follows the line; its length is the fifth word */
    LAMP_MEMCACHED_META,     /* meta command */
    LAMP_MEMCACHED_META_SET, /* the same with a data block; its length is the third word */
    LAMP_MEMCACHED_QUIT,     /* no answer */
    LAMP_MEMCACHED_QUIET,    /* answered only where there is something to say */
    LAMP_MEMCACHED_BINARY,
    LAMP_MEMCACHED_BINARY_GET,
    LAMP_MEMCACHED_BINARY_QUIET,
} LampMemcachedKind;

typedef struct {
    LampBytes words[LAMP_MEMCACHED_WORDS];
    gsize count;
    gsize length; /* of the line with its end */
} LampMemcachedLine;

static inline gboolean
lamp_memcached_word_is(LampBytes word, const char *name)
{
    return lamp_bytes_equal(word, lamp_bytes_text(name));
}

/* Splits the first line; FALSE where its end is not there. */
gboolean lamp_memcached_split(LampBytes bytes, LampMemcachedLine *out_line);

/* What kind of command the first word of a line is; FALSE where it is none. */
gboolean lamp_memcached_command(LampBytes name, LampMemcachedKind *out_kind);

/* Length of the message that @bytes begin with, as LampFraming.length wants it. */
gsize lamp_memcached_length(LampDirection direction, LampBytes bytes);

/* Length of the line of text that @bytes begin with, 0 where they do not. */
gsize lamp_memcached_unknown_length(LampBytes bytes);

/* How surely a client sent @client and a server @server, 0 to 95; either may be empty. */
guint lamp_memcached_score(LampBytes client, LampBytes server);
