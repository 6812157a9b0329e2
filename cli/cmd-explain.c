/*
 * lamplight explain: why a call was given its parent, in words.
 *
 * SPAN is a span id of the `spans` view, an id that came with imported spans, or a call's
 * number. For the answer and every other candidate that is not improbable: what it is, how far
 * before the call it began, and the parts of the evidence as odds (the difference of
 * logarithms, as a factor): of the answer against the runner-up, of the others against the
 * answer. Then the odds of having no parent at all.
 */
#include "base/text.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/explain-words.h"
#include "cli/print.h"
#include "cli/stamps.h"
#include "cli/wrap.h"
#include "store/rows.h"
#include "store/statement.h"

#include <math.h>

static gboolean as_json;

static const GOptionEntry options[] = {
    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "a JSON array: the call, then its candidates",
     NULL},
    {NULL},
};

/* Kinds of evidence as links carry them, and what each is. */
static const struct {
    const char *key, *words;
} parts[] = {
    {"delay", "the time between the request and this call, as learnt for this service"},
    {"presence", "how usual such a call is for such a request, with its other calls"},
    {"values", "values that both carry (ids, keys, parameters)"},
    {"affinity", "connection, thread and order of hand-over"},
};

typedef struct {
    gint64 call, start, end, resolution;
    gboolean is_one_way;
    char *caller, *callee, *protocol, *operation, *status;
    gint64 parent;
    gboolean is_outside; /* it is a request from outside of the system */
} Call;

typedef struct {
    Call call;
    char *kind, *pass;
    double confidence;
    double parts[G_N_ELEMENTS(parts)];
    double none,
        none_delay; /* probability of no parent, log that the sum of parts compares with */
    gint64 candidates, via, retry_of;
    double owner, other_owner_probability; /* of the caller, where its address has several */
    char *other_owner;
} Candidate;

static const char call_sql[] =
    "SELECT call_id, coalesce(client_start_ns, server_start_ns), coalesce(client_end_ns,"
    " server_end_ns), client_instance, server_instance, protocol, operation, status,"
    " coalesce(parent_call_id, 0), (SELECT resolution_ns FROM calls c JOIN observations ON"
    " observation_id = coalesce(c.client_observation_id, c.server_observation_id)"
    " WHERE c.call_id = ?1), (SELECT flags FROM calls WHERE call_id = ?1),"
    " (SELECT NOT is_background FROM trace_roots WHERE trace_id = ?1) FROM call_details "
    "WHERE call_id = ?1";

static const char links_sql[] =
    "SELECT parent_call_id, kind, confidence, json_extract(evidence, '$.delay'),"
    " json_extract(evidence, '$.presence'), json_extract(evidence, '$.values'),"
    " json_extract(evidence, '$.affinity'), json_extract(evidence, '$.candidates'),"
    " json_extract(evidence, '$.via'), json_extract(evidence, '$.retry_of'),"
    " json_extract(evidence, '$.none'), json_extract(evidence, '$.none_delay'),"
    " json_extract(evidence, '$.owner'), (SELECT name FROM instances WHERE instance_id ="
    " json_extract(evidence, '$.other_owner')),"
    " json_extract(evidence, '$.other_owner_probability'), pass"
    " FROM call_links WHERE child_call_id = ?1 ORDER BY rank, parent_call_id";

static void
clear_call(Call *call)
{
    g_free(call->caller);
    g_free(call->callee);
    g_free(call->protocol);
    g_free(call->operation);
    g_free(call->status);
}

static void
clear_candidate(gpointer data)
{
    Candidate *candidate = data;
    clear_call(&candidate->call);
    g_free(candidate->kind);
    g_free(candidate->other_owner);
    g_free(candidate->pass);
}

/* A span id made from a call's number (16 hex digits, the lowest bit tells the end), or the id
 * of a trace, made from that of its first call (32). */
static gboolean
parse_own_id(const char *span, gint64 *out_call)
{
    guint64 id;
    if (lamp_text_parse_u64(lamp_bytes_text(span), &id) && strlen(span) < 16)
        *out_call = (gint64) id;
    else if (strlen(span) == 16 && lamp_text_parse_hex(lamp_bytes_text(span), &id))
        *out_call = (gint64) (id / 2);
    else if (strlen(span) == 32 && g_str_has_prefix(span, "0000000000000000") &&
             lamp_text_parse_hex(lamp_bytes_text(span + 16), &id))
        *out_call = (gint64) id;
    else
        return FALSE;
    return TRUE;
}

static gboolean
find_call(LampStore *store, const char *span, gint64 *out_call, GError **error)
{
    g_autoptr(LampStatement) query = lamp_statement_new(
        store,
        "SELECT call_id FROM calls WHERE client_external_id = ?1 OR server_external_id = ?1"
        " LIMIT 1",
        error);
    gboolean has_row;
    if (query == NULL)
        return FALSE;
    lamp_statement_bind_string(query, 1, span);
    if (!lamp_statement_step(query, &has_row, error))
        return FALSE;
    if (has_row)
        *out_call = lamp_statement_int(query, 0);
    if (has_row || parse_own_id(span, out_call))
        return TRUE;
    g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
                "'%s' is no span: give a span_id (see `lamplight sql FILE.db \"SELECT span_id,"
                " name FROM spans\"`) or a call's number",
                span);
    return FALSE;
}

static gint64
last_call(LampStore *store)
{
    g_autoptr(LampStatement) query =
        lamp_statement_new(store, "SELECT coalesce(max(call_id), 0) FROM calls", NULL);
    gboolean has_row = FALSE;
    return query != NULL && lamp_statement_step(query, &has_row, NULL) && has_row
               ? lamp_statement_int(query, 0)
               : 0;
}

static gboolean
read_call(LampStore *store, gint64 id, Call *out_call, GError **error)
{
    g_autoptr(LampStatement) query = lamp_statement_new(store, call_sql, error);
    gboolean has_row;
    if (query == NULL)
        return FALSE;
    lamp_statement_bind_int(query, 1, id);
    if (!lamp_statement_step(query, &has_row, error))
        return FALSE;
    if (!has_row) {
        gint64 last = last_call(store);
        if (last == 0)
            g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
                        "there is no call %" G_GINT64_FORMAT ": the database holds none", id);
        else
            g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
                        "there is no call %" G_GINT64_FORMAT
                        ": calls are numbered from 1 to %" G_GINT64_FORMAT,
                        id, last);
        return FALSE;
    }
    *out_call = (Call){
        .call = id,
        .start = lamp_statement_int(query, 1),
        .end = lamp_statement_int_or(query, 2, LAMP_TIME_NONE),
        .resolution = lamp_statement_int_or(query, 9, 1),
        .is_one_way = (lamp_statement_int(query, 10) & LAMP_CALL_ONE_WAY) != 0,
        .caller = g_strdup(lamp_statement_text(query, 3)),
        .callee = g_strdup(lamp_statement_text(query, 4)),
        .protocol = g_strdup(lamp_statement_text(query, 5)),
        .operation = g_strdup(lamp_statement_text(query, 6)),
        .status = g_strdup(lamp_statement_text(query, 7)),
        .parent = lamp_statement_int(query, 8),
        .is_outside = lamp_statement_int(query, 11) != 0,
    };
    return TRUE;
}

static double
real_or_nan(LampStatement *row, int column)
{
    return lamp_statement_column_type(row, column) == LAMP_COLUMN_NULL
               ? (double) NAN
               : lamp_statement_real(row, column);
}

static gboolean
read_candidates(LampStore *store, gint64 call, GArray *candidates, GError **error)
{
    g_autoptr(LampStatement) query = lamp_statement_new(store, links_sql, error);
    gboolean has_row;
    if (query == NULL)
        return FALSE;
    lamp_statement_bind_int(query, 1, call);
    while (lamp_statement_step(query, &has_row, error)) {
        if (!has_row)
            return TRUE;
        Candidate candidate = {
            .kind = g_strdup(lamp_statement_text(query, 1)),
            .confidence = lamp_statement_real(query, 2),
            .candidates = lamp_statement_int_or(query, 7, 0),
            .via = lamp_statement_int_or(query, 8, 0),
            .retry_of = lamp_statement_int_or(query, 9, 0),
            .none = real_or_nan(query, 10),
            .none_delay = real_or_nan(query, 11),
            .owner = real_or_nan(query, 12),
            .other_owner = g_strdup(lamp_statement_text(query, 13)),
            .other_owner_probability = real_or_nan(query, 14),
            .pass = g_strdup(lamp_statement_text(query, 15)),
        };
        for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
            candidate.parts[i] = real_or_nan(query, 3 + (int) i);
        gint64 parent = lamp_statement_int(query, 0);
        if (!read_call(store, parent, &candidate.call, error)) {
            g_free(candidate.kind);
            g_free(candidate.other_owner);
            g_free(candidate.pass);
            return FALSE;
        }
        g_array_append_val(candidates, candidate);
    }
    return FALSE;
}

static const char *
or_unknown(const char *text)
{
    return text != NULL ? text : "?";
}

static void
describe_call(GString *out, const Call *call)
{
    g_autofree char *operation = lamp_text_escape(
        lamp_bytes_text(call->operation != NULL ? call->operation : "(unknown operation)"));
    g_autofree char *caller = lamp_text_escape(lamp_bytes_text(or_unknown(call->caller)));
    g_autofree char *callee = lamp_text_escape(lamp_bytes_text(or_unknown(call->callee)));
    g_string_append_printf(out, "%s (%s -> %s, %s", operation, caller, callee,
                           or_unknown(call->protocol));
    if (call->is_one_way && (call->end == LAMP_TIME_NONE || call->end == call->start)) {
        g_string_append(out, ", one way");
    } else if (call->end != LAMP_TIME_NONE) {
        g_autofree char *duration =
            lamp_stamps_duration(call->end - call->start, call->resolution);
        g_string_append_printf(out, ", %s", duration);
    } else {
        g_string_append(out, ", no response");
    }
    g_string_append_printf(out, ", call %" G_GINT64_FORMAT ")", call->call);
}

/* "speaks for it, 12 to 1", for a difference of natural logarithms. */
static void
describe_odds(GString *out, double difference)
{
    g_autofree char *odds = lamp_explain_odds(exp(MIN(fabs(difference), log(1e6))));
    if (fabs(difference) < 0.05)
        g_string_append(out, "says nothing either way");
    else if (fabs(difference) > log(1e6))
        g_string_append_printf(out, "all but %s",
                               difference > 0 ? "settles it" : "rules it out");
    else
        g_string_append_printf(out, "speaks %s it, %s to 1", difference > 0 ? "for" : "against",
                               odds);
}

static void
describe_parts(GString *out, const Candidate *candidate, const Candidate *other)
{
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (isnan(candidate->parts[i]) || (other != NULL && isnan(other->parts[i])))
            continue;
        if (candidate->parts[i] == 0 && (other == NULL || other->parts[i] == 0))
            continue; /* this kind of evidence was not there */
        g_string_append_printf(out, "    %-9s ", parts[i].key);
        if (other != NULL)
            describe_odds(out, candidate->parts[i] - other->parts[i]);
        else
            g_string_append_printf(out, "log-likelihood %.3g", candidate->parts[i]);
        g_string_append_printf(out, ": %s\n", parts[i].words);
    }
}

static void
describe_candidate(GString *out, const Call *child, const Candidate *candidate,
                   const Candidate *other)
{
    g_autofree char *gap =
        lamp_duration_format_to(child->start - candidate->call.start,
                                MAX(child->resolution, candidate->call.resolution));
    g_autofree char *chance = g_strcmp0(candidate->pass, "told") == 0
                                  ? g_strdup("certain")
                                  : lamp_explain_chance(candidate->confidence);
    g_string_append_printf(out, "  %s  ", chance);
    describe_call(out, &candidate->call);
    g_string_append_printf(out, "\n    began %s before this call; %s\n", gap,
                           or_unknown(candidate->kind));
    if (candidate->via > 0)
        g_string_append_printf(out,
                               "    through a queue: the message was fetched by call "
                               "%" G_GINT64_FORMAT "\n",
                               candidate->via);
    if (candidate->retry_of > 0)
        g_string_append_printf(out, "    repeats call %" G_GINT64_FORMAT "\n",
                               candidate->retry_of);
    describe_parts(out, candidate, other);
}

/* How likely it is that there is no parent, and how much speaks for the best one against that.
 */
static void
describe_none(GString *out, const Candidate *best)
{
    double sum = 0;
    if (isnan(best->none))
        return;
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
        sum += isnan(best->parts[i]) ? 0 : best->parts[i];
    g_autofree char *chance = lamp_explain_chance(best->none);
    g_string_append_printf(out, "No parent at all (background work): %s\n    rate      ",
                           chance);
    describe_odds(out, best->none_delay - sum);
    g_string_append(out, ": how often such calls come from nowhere, against all evidence for "
                         "the first\n");
}

/* Who made the call, where no address tells. */
static void
describe_owner(GString *out, const Call *call, const Candidate *candidate)
{
    if (isnan(candidate->owner))
        return;
    g_autofree char *caller = lamp_text_escape(lamp_bytes_text(or_unknown(call->caller)));
    g_autofree char *other =
        lamp_text_escape(lamp_bytes_text(or_unknown(candidate->other_owner)));
    g_string_append_printf(
        out,
        "The caller was inferred: %s with %.1f %%, else %s (%.2g %%); several "
        "programs share its address.\n",
        caller, 100 * candidate->owner, other, 100 * candidate->other_owner_probability);
}

/* How the only request that comes into question stands to the call. */
static const char *
tell_only(const Call *call, const Candidate *only)
{
    if (only->call.end > 0 && only->call.end < call->start)
        return "Caused by (the only request that is possible; it was answered before):\n";
    return "Caused by (the only request that its caller was serving then):\n";
}

static void
render_words(GString *out, const Call *call, const GArray *candidates)
{
    describe_call(out, call);
    g_string_append(out, "\n\n");
    if (candidates->len == 0) {
        g_string_append(out, call->parent == 0
                                 ? lamp_explain_root(call->caller != NULL, call->is_outside)
                                 : "Its cause is certain.\n");
        return;
    }
    const Candidate *first = &g_array_index(candidates, Candidate, 0);
    const Candidate *second =
        candidates->len > 1 ? &g_array_index(candidates, Candidate, 1) : NULL;
    if (call->parent == 0)
        g_string_append(out, "Begins a trace: to have no cause is more likely than this:\n");
    else if (lamp_explain_pass(first->pass) != NULL)
        g_string_append(out, lamp_explain_pass(first->pass));
    else if (MAX(first->candidates, 1) == 1)
        g_string_append(out, tell_only(call, first));
    else
        g_string_append_printf(out, "Caused by (of %" G_GINT64_FORMAT " possible%s):\n",
                               MAX(first->candidates, 1),
                               second != NULL ? "; evidence against the runner-up"
                                              : "; the others are all but ruled out");
    describe_candidate(out, call, first, second);
    describe_owner(out, call, first);
    if (second == NULL) {
        describe_none(out, first);
        return;
    }
    g_string_append_printf(out, "Other%s; evidence against the first:\n",
                           candidates->len > 2 ? "s, best first" : "");
    for (guint i = 1; i < candidates->len; i++)
        describe_candidate(out, call, &g_array_index(candidates, Candidate, i), first);
    describe_none(out, first);
}

static void
append_call_json(GString *out, const Call *call)
{
    const char *keys[] = {"caller", "callee", "protocol", "operation", "status"};
    const char *texts[] = {call->caller, call->callee, call->protocol, call->operation,
                           call->status};
    g_string_append_printf(
        out, "{\"call_id\": %" G_GINT64_FORMAT ", \"start_ns\": %" G_GINT64_FORMAT, call->call,
        call->start);
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_string_append_printf(out, ", \"%s\": ", keys[i]);
        lamp_json_append_string(out, texts[i]);
    }
}

static void
render_json(GString *out, const Call *call, const GArray *candidates)
{
    g_string_append_c(out, '[');
    append_call_json(out, call);
    g_string_append_c(out, '}');
    for (guint i = 0; i < candidates->len; i++) {
        const Candidate *candidate = &g_array_index(candidates, Candidate, i);
        g_string_append(out, ", ");
        append_call_json(out, &candidate->call);
        g_string_append_printf(out, ", \"is_parent\": %s, \"kind\": ",
                               candidate->call.call == call->parent ? "true" : "false");
        lamp_json_append_string(out, candidate->kind);
        g_string_append(out, ", \"confidence\": ");
        lamp_json_append_real(out, candidate->confidence);
        g_string_append(out, ", \"no_parent\": ");
        lamp_json_append_real(out, candidate->none);
        for (guint k = 0; k < G_N_ELEMENTS(parts); k++) {
            g_string_append_printf(out, ", \"%s\": ", parts[k].key);
            lamp_json_append_real(out, candidate->parts[k]);
        }
        if (!isnan(candidate->owner)) {
            g_string_append(out, ", \"caller_confidence\": ");
            lamp_json_append_real(out, candidate->owner);
            g_string_append(out, ", \"other_caller\": ");
            lamp_json_append_string(out, candidate->other_owner);
            g_string_append(out, ", \"other_caller_confidence\": ");
            lamp_json_append_real(out, candidate->other_owner_probability);
        }
        g_string_append_c(out, '}');
    }
    g_string_append(out, "]\n");
}

static int
run(LampCli *cli, char **arguments, GError **error)
{
    gint64 id;
    Call call;
    if (!find_call(cli->store, arguments[1], &id, error) ||
        !read_call(cli->store, id, &call, error))
        return -1;
    g_autoptr(GArray) candidates = g_array_new(FALSE, TRUE, sizeof(Candidate));
    g_array_set_clear_func(candidates, clear_candidate);
    g_autoptr(GString) out = g_string_new(NULL);
    gboolean ok = read_candidates(cli->store, id, candidates, error);
    if (ok && as_json)
        render_json(out, &call, candidates);
    else if (ok)
        render_words(out, &call, candidates);
    if (!as_json)
        lamp_wrap(cli, out, 0);
    clear_call(&call);
    return ok && lamp_print(out, error) ? LAMP_EXIT_OK : -1;
}

const LampCommand lamp_command_explain = {
    .name = "explain",
    .arguments = "FILE.db SPAN",
    .summary = "Tell why a call was given its parent",
    .examples = "lamplight explain shop.db 42",
    .description =
        "SPAN is a span id (of the view `spans`, or as imported) or a call's number.",
    .options = options,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_CORRELATED,
    .least_arguments = 2,
    .most_arguments = 2,
    .run = run,
};
