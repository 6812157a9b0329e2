/*
 * The steps of one prepared statement as one call: PostgreSQL logs its parse, bind and execute
 * in lines of their own, each with its duration.
 *
 * In: a step, an execution or a failure, in the order of the log. Out: the begin of the call
 * that it ends. A session (a process of the server) runs one statement at a time, so one
 * pending begin for each is enough; it counts only for the same text, since an abandoned
 * statement leaves no line, and only while one step follows the other at once: what was
 * prepared early and run much later are two round trips. Limits: LAMP_LOG_SESSIONS sessions at
 * a time, others take their places; a failure without pending step has no known begin, so it
 * stays an event.
 */
#include "base/keyed-map.h"
#include "base/text.h"
#include "ingest/log/forms.h"

/* Idle time between two steps: that of a round trip and a busy server. A failure tells no
 * duration, so any time since the last step may be its own. */
enum { LONGEST_IDLE_MS = 100, LONGEST_FAILED_SECONDS = 600 };

/* Equal for texts that differ in blanks alone. */
static guint64
hash_words(LampBytes text)
{
    guint64 hash = 0;
    for (gsize i = 0; i < text.len;) {
        gsize start = i;
        while (i < text.len && !g_ascii_isspace((char) text.at[i]))
            i++;
        if (i > start)
            hash = hash * G_GUINT64_CONSTANT(0x100000001b3) +
                   lamp_content_hash(lamp_bytes(text.at + start, i - start));
        else
            i++;
    }
    return hash;
}

/* Whether @record, which began at @begin, goes on with what @session last did. */
static gboolean
continues(const LampLogSession *session, const LampLogRecord *record, LampTime begin)
{
    LampTime idle = begin - session->end, longest;
    if (record->call.is_failed)
        longest = LONGEST_FAILED_SECONDS * LAMP_NS_PER_SECOND;
    else
        longest = LONGEST_IDLE_MS * LAMP_NS_PER_MS + record->event.resolution_ns;
    return session->begin <= begin && idle < longest;
}

gboolean
lamp_log_join_steps(LampLog *log, const LampLogRecord *record, LampBytes statement,
                    LampTime *begin)
{
    const LampLogCall *call = &record->call;
    guint64 process;
    if (!lamp_text_parse_u64(record->event.process, &process))
        return !call->is_failed;
    LampLogSession *session = &log->sessions[process % LAMP_LOG_SESSIONS];
    gboolean is_part = call->is_step || call->is_prepared || call->is_failed;
    guint64 hash = is_part ? hash_words(statement) : 0;
    gboolean waits = is_part && session->process == process && session->statement == hash &&
                     continues(session, record, *begin);
    if (call->is_step) {
        LampTime first = waits ? session->begin : *begin;
        *session = (LampLogSession){process, hash, first, record->event.time};
        return TRUE;
    }
    if (waits)
        *begin = session->begin;
    if (session->process == process)
        session->process = 0;
    return waits || !call->is_failed;
}
