/*
 * Header lines that said nothing, remembered.
 *
 * In: headers of heads as they pass. Out: which of them may be skipped. A client or server puts
 * the same lines (User-Agent, Accept, Server) in the same order into all its messages, so the
 * line that followed last time is compared first, and only another one is looked for by a hash
 * of a few of its bytes. Comparing is a fraction of finding the line's end, its colon and its
 * meaning. Limits: lines of 192 bytes; a line that may be continued by what follows is not
 * skipped.
 */
#include "ingest/dissect/http-idle-lines.h"

#include <string.h>

enum { PLACES = 64, LONGEST = 192, SHORTEST = 4 };

typedef struct {
    guint8 length; /* with its end of line; 0: not in use */
    LampHttpPlace next;
    guint8 text[LONGEST];
} Line;

/* What a thread met last. Results do not depend on it. The first two hold no line, but begin
 * heads. */
static _Thread_local Line known[PLACES];

static LampHttpPlace
place_of(LampBytes lines)
{
    guint hash = (guint) lines.len + lines.at[0] * 7u + lines.at[lines.len / 2] * 31u +
                 lines.at[lines.len - SHORTEST + 1] * 5u;
    return (LampHttpPlace) (2 + hash % (PLACES - 2));
}

static gboolean
is_at(const LampCursor *c, const Line *line)
{
    if (line->length == 0 || lamp_cursor_left(c) <= line->length ||
        memcmp(c->at, line->text, line->length) != 0)
        return FALSE;
    guint8 behind = c->at[line->length];
    return behind != ' ' && behind != '\t';
}

gboolean
lamp_http_skip_idle(LampCursor *c, LampHttpPlace *place)
{
    LampHttpPlace next = known[*place].next;
    if (!is_at(c, &known[next]))
        return FALSE;
    c->at += known[next].length;
    *place = next;
    return TRUE;
}

void
lamp_http_note_idle(LampBytes lines, LampHttpPlace *place)
{
    if (lines.len < SHORTEST || lines.len > LONGEST)
        return;
    LampHttpPlace next = place_of(lines);
    Line *line = &known[next];
    line->length = (guint8) lines.len;
    memcpy(line->text, lines.at, lines.len);
    known[*place].next = next;
    *place = next;
}
