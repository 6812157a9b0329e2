/*
 * Elements of Redis' serialization protocol, one at a time, without keeping values.
 *
 * The parser is a small stack of how many elements each open array still lacks.
 * lamp_resp_step() is called with the bytes at hand and takes one element (an array's header is
 * one), or the rest of a long string whose beginning was handed out before.
 */
#pragma once

#include "base/bytes.h"

enum { LAMP_RESP_DEPTH = 16, LAMP_RESP_TEXT = 4096 };

typedef struct {
    guint64 left[LAMP_RESP_DEPTH]; /* elements that each open array still lacks */
    guint64 skip;                  /* bytes of a long string still to pass */
    guint16 attributes;            /* bit for each level: an attribute, which answers nothing */
    guint8 depth;
} LampResp;

typedef struct {
    guint8 type;        /* first byte: + - : $ * … ; 0: the rest of a long string */
    LampBytes text;     /* line without its type, or the string (first LAMP_RESP_TEXT bytes) */
    gboolean is_null;   /* $-1, *-1, _ */
    gboolean is_string; /* has a text that is a string */
    gboolean ends;      /* the outermost value is complete */
    gboolean is_bad;    /* not RESP; nothing taken */
    gboolean is_cut;    /* the text goes on beyond what was captured */
    guint depth;        /* arrays open around it */
} LampRespElement;

/* Takes one element from @bytes; returns its length, or 0 with is_bad unset to wait for more.
 * The text is borrowed from @bytes. O(length of the element looked at). */
gsize lamp_resp_step(LampResp *resp, LampBytes bytes, LampRespElement *out_element);

/* Takes the element that @bytes, all that was captured of it, begin: as a string whose rest is
 * to be passed over, or a line that ends somewhere. FALSE where not even its kind is sure. */
gboolean lamp_resp_cut(LampResp *resp, LampBytes bytes, LampRespElement *out_element);

/* Passes over @missing of the bytes to be skipped, at most all of them. TRUE where the
 * outermost value is complete with them. */
gboolean lamp_resp_pass(LampResp *resp, guint64 missing);
