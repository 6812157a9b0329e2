/* Parts of a log line's head, shared by the files that read it (head.c, head-bracket.c). */
#pragma once

#include "ingest/log/forms.h"

typedef struct {
    LampLog *log;
    LampLogRecord *record;
    LampCursor at;
    const guint8 *body;  /* begins behind the time */
    gboolean has_marks;  /* redis: `.`, `-`, `*`, `#` stand for the severity */
    gboolean has_code;   /* MySQL: the bracket behind its code is a subsystem */
    gboolean is_over;    /* what is left is the message */
    const guint8 *begin; /* of the line */
} LampHead;

/* Digits only, one at least. */
gboolean lamp_head_is_all_digits(LampBytes text);

/* Hexadecimal of 16 digits and more (with dashes: a UUID), also behind `req-`. */
gboolean lamp_head_looks_like_id(LampBytes text);

/* A number that is the process, else the thread, else a field. */
void lamp_head_set_process(LampHead *h, LampBytes text);

/* `11779/1`, `11765:Thread-1`, `11794#11794` */
gboolean lamp_head_take_process_and_thread(LampHead *h, LampBytes text);

/* FALSE if @word is none, or one is known. */
gboolean lamp_head_take_severity(LampHead *h, LampBytes word);

/* Identifier of the request. */
void lamp_head_take_id(LampHead *h, LampBytes text);

/* What stands between brackets; never fails. */
void lamp_head_take_bracket_text(LampHead *h, LampBytes text);

/* What Sidekiq writes before the message, `pid=… tid=… class=… INFO:`, from @h on. FALSE, and
 * nothing taken, if it is something else. */
gboolean lamp_head_take_job(LampHead *h);
