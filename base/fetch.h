/*
 * Calls that take work out of a queue: what they are called in the protocols that have them.
 */
#pragma once

#include <glib.h>

typedef enum {
    LAMP_FETCH_NONE,
    LAMP_FETCH_TAKES,  /* answered at once, whether there is work or not */
    LAMP_FETCH_SCRIPT, /* may take or not: its text is not known */
    LAMP_FETCH_WAITS,  /* answered when there is work: its time is no work of who answers */
} LampFetch;

/* @operation may go on after a space; letters count alike in both cases. NULL is none. */
LampFetch lamp_fetch_kind(const char *protocol, const char *operation);
