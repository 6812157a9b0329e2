/* Heads of HTTP/1.x messages: where they end, what they say. No state, nothing allocated. */
#pragma once

#include "base/bytes.h"

typedef enum {
    LAMP_HTTP_LINE_NO,    /* cannot become a start line */
    LAMP_HTTP_LINE_MAYBE, /* cut before that is decided */
    LAMP_HTTP_LINE_WHOLE,
} LampHttpLine;

/* A header line as it stands, the value without blanks at its ends (folded lines included).
 * FALSE if such a line says nothing in any head: it may be left out from then on. */
typedef gboolean (*LampHttpHeader)(gpointer owner, LampBytes name, LampBytes value);

typedef struct {
    gboolean is_response;
    LampBytes method, target; /* request */
    guint status;             /* response */
    gint64 content_length;    /* -1: none given */
    gboolean is_chunked;
    gboolean is_json, is_form; /* content type, where the body is not compressed */
    LampBytes upgrade;
} LampHttpHead;

/* Is the first line of @text a status line (LAMP_HTTP_LINE_WHOLE), not one, or cut? O(1) but
 * for the search of its end. */
LampHttpLine lamp_http_status_line(LampBytes text);

/* The same for a request line. O(length of the line). */
LampHttpLine lamp_http_request_line(LampBytes text);

/* Length of the head at the begin of @text with its empty line, 0 where the end is not there
 * yet. Looks from @scanned on. */
gsize lamp_http_head_length(LampBytes text, gsize scanned);

/* Status code of a whole status line. */
guint lamp_http_head_status(LampBytes line);

/* Reads a whole head whose first line is a start line. Each header is told to @header (may be
 * NULL), LAMP_LIMIT_HTTP_HEADERS at most. */
void lamp_http_head_parse(LampBytes text, LampHttpHead *out_head, LampHttpHeader header,
                          gpointer owner);
