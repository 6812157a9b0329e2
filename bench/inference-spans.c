/* inference-spans.c — runs the causal engine on a table of spans
 *
 * inference-spans NAME.spans.csv NAME.rpc.csv OUT.csv [EFFORT [WITHOUT]]
 * In: span_id, process, kind, peer, operation, start_us, end_us; and the pairs of client and
 * server spans that are the two ends of one call. Out: child_span_id, parent_span_id,
 * confidence for the links within processes. Prints links, expected accuracy and CPU time to
 * stderr. Lines longer than 1 KiB or with fewer fields are skipped. */
#include "correlate/inference/inference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
    char *id, *process, *kind, *operation;
    char *service, *connection, *flags, *values; /* optional columns, or NULL */
    gint64 start, end;
    guint32 call;
} Span;

static guint32
intern(GHashTable *names, const char *name)
{
    gpointer found = g_hash_table_lookup(names, name);
    if (found)
        return GPOINTER_TO_UINT(found);
    guint32 number = g_hash_table_size(names) + 1;
    g_hash_table_insert(names, g_strdup(name), GUINT_TO_POINTER(number));
    return number;
}

static GArray *
read_spans(const char *path, GHashTable *by_id)
{
    char line[1024];
    FILE *file = fopen(path, "r");
    if (!file || !fgets(line, sizeof line, file))
        return NULL;
    GArray *spans = g_array_new(FALSE, TRUE, sizeof(Span));
    while (fgets(line, sizeof line, file)) {
        g_auto(GStrv) f = g_strsplit(g_strchomp(line), ",", 0);
        if (g_strv_length(f) < 7)
            continue;
        gboolean more = g_strv_length(f) >= 11;
        Span span = {.id = g_strdup(f[0]),
                     .process = g_strdup(f[1]),
                     .kind = g_strdup(f[2]),
                     .operation = g_strdup(f[4]),
                     .service = g_strdup(more ? f[7] : f[1]),
                     .connection = more ? g_strdup(f[8]) : NULL,
                     .flags = more ? g_strdup(f[9]) : NULL,
                     .values = more ? g_strdup(f[10]) : NULL,
                     .start = 1000 * g_ascii_strtoll(f[5], NULL, 10),
                     .end = *f[6] ? 1000 * g_ascii_strtoll(f[6], NULL, 10)
                                  : LAMP_INFERENCE_TIME_NONE,
                     .call = G_MAXUINT32};
        g_hash_table_insert(by_id, span.id, GUINT_TO_POINTER(spans->len + 1));
        g_array_append_val(spans, span);
    }
    fclose(file);
    return spans;
}

static void
add_end(GArray *calls, Span *span, guint32 call, GHashTable *processes, GHashTable *operations)
{
    LampInferenceCall *c = &g_array_index(calls, LampInferenceCall, call);
    guint32 process = intern(processes, span->process);
    guint32 service = intern(processes, span->service);
    gboolean is_client = strcmp(span->kind, "client") == 0;
    span->call = call;
    if (span->flags && strcmp(span->flags, "fetch") == 0)
        c->flags |= LAMP_CALL_FETCH;
    if (span->connection)
        c->client_connection = intern(operations, span->connection);
    if (is_client || !c->operation)
        c->operation = intern(operations, span->operation);
    if (is_client) {
        c->client_start_ns = span->start;
        c->client_end_ns = span->end;
        c->client_process = process;
        c->client_service = service;
    } else {
        c->server_start_ns = span->start;
        c->server_end_ns = span->end;
        c->server_process = process;
        c->server_service = service;
    }
}

static guint32
add_call(GArray *calls)
{
    LampInferenceCall none = {.client_start_ns = LAMP_INFERENCE_TIME_NONE,
                              .client_end_ns = LAMP_INFERENCE_TIME_NONE,
                              .server_start_ns = LAMP_INFERENCE_TIME_NONE,
                              .server_end_ns = LAMP_INFERENCE_TIME_NONE};
    g_array_append_val(calls, none);
    return calls->len - 1;
}

static void
join_ends(const char *path, GArray *spans, GHashTable *by_id, GArray *calls,
          GHashTable *processes, GHashTable *operations)
{
    char line[1024];
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        char *comma = strchr(g_strchomp(line), ',');
        if (!comma)
            continue;
        *comma = 0;
        guint32 a = GPOINTER_TO_UINT(g_hash_table_lookup(by_id, line));
        guint32 b = GPOINTER_TO_UINT(g_hash_table_lookup(by_id, comma + 1));
        if (!a || !b)
            continue;
        guint32 call = add_call(calls);
        add_end(calls, &g_array_index(spans, Span, a - 1), call, processes, operations);
        add_end(calls, &g_array_index(spans, Span, b - 1), call, processes, operations);
    }
    if (file)
        fclose(file);
    for (guint i = 0; i < spans->len; i++)
        if (g_array_index(spans, Span, i).call == G_MAXUINT32)
            add_end(calls, &g_array_index(spans, Span, i), add_call(calls), processes,
                    operations);
}

/* Values are written SIDE SLOT:TEXT, separated by bars; side q (request) or p (response). */
static GArray *
read_values(GArray *spans, GArray *calls)
{
    GArray *values = g_array_new(FALSE, TRUE, sizeof(LampInferenceValue));
    for (guint i = 0; i < spans->len; i++) {
        const Span *span = &g_array_index(spans, Span, i);
        LampInferenceCall *c = &g_array_index(calls, LampInferenceCall, span->call);
        if (!span->values || !*span->values || c->value_count)
            continue;
        g_auto(GStrv) list = g_strsplit(span->values, "|", 0);
        c->first_value = values->len;
        for (char **v = list; *v; v++) {
            const char *text = strchr(*v, ':');
            LampInferenceValue value = {.hash = text ? g_str_hash(text + 1) : 0,
                                        .slot = (guint32) (*v)[1],
                                        .side = **v == 'p' ? LAMP_VALUE_RESPONSE
                                                           : LAMP_VALUE_REQUEST};
            g_array_append_val(values, value);
            c->value_count++;
        }
    }
    return values;
}

static void
write_links(const char *path, GArray *spans, const LampInference *answer)
{
    g_autofree const char **served = g_new0(const char *, answer->n_calls + 1);
    FILE *file = fopen(path, "w");
    if (!file)
        return;
    for (guint i = 0; i < spans->len; i++) {
        const Span *s = &g_array_index(spans, Span, i);
        if (strcmp(s->kind, "client") != 0)
            served[s->call] = s->id;
    }
    fputs("child_span_id,parent_span_id,confidence\n", file);
    for (guint i = 0; i < spans->len; i++) {
        const Span *s = &g_array_index(spans, Span, i);
        const LampInferenceLink *link = &answer->links[s->call];
        if (strcmp(s->kind, "client") == 0 && link->parent != LAMP_INFERENCE_NO_CALL)
            fprintf(file, "%s,%s,%.6f\n", s->id, served[link->parent],
                    (double) link->probability);
    }
    fclose(file);
}

/* The kinds of evidence by name, to leave one out. */
static guint32
find_evidence(const char *name)
{
    static const struct {
        const char *name;
        guint32 bit;
    } names[] = {{"order", LAMP_EVIDENCE_ORDER},     {"end", LAMP_EVIDENCE_END},
                 {"pattern", LAMP_EVIDENCE_PATTERN}, {"values", LAMP_EVIDENCE_VALUES},
                 {"queue", LAMP_EVIDENCE_QUEUE},     {"thread", LAMP_EVIDENCE_THREAD},
                 {"trace", LAMP_EVIDENCE_TRACE}};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].bit;
    return 0;
}

int
main(int argc, char **argv)
{
    if (argc < 4)
        return fprintf(stderr, "usage: inference-spans SPANS RPC OUT [EFFORT]\n"), 2;
    g_autoptr(GHashTable) by_id = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) processes =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) operations =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GArray *spans = read_spans(argv[1], by_id);
    if (!spans)
        return fprintf(stderr, "cannot read %s\n", argv[1]), 1;
    GArray *calls = g_array_new(FALSE, TRUE, sizeof(LampInferenceCall));
    join_ends(argv[2], spans, by_id, calls, processes, operations);
    GArray *values = read_values(spans, calls);
    LampInferenceInput input = {.calls = (const LampInferenceCall *) (void *) calls->data,
                                .n_calls = calls->len,
                                .values = (const LampInferenceValue *) (void *) values->data,
                                .n_values = values->len};
    LampInferenceOptions options = {.effort = argc > 4 ? g_ascii_strtod(argv[4], NULL) : 1};
    if (argc > 5)
        options.evidence = LAMP_EVIDENCE_ALL & ~find_evidence(argv[5]);
    clock_t before = clock();
    g_autoptr(LampInference) answer = lamp_inference_run(&input, &options, NULL);
    double seconds = (double) (clock() - before) / CLOCKS_PER_SEC;
    if (!answer)
        return 1;
    write_links(argv[3], spans, answer);
    fprintf(stderr, "calls %u  expected accuracy %.4f  CPU %.3f s\n", calls->len,
            answer->expected_accuracy, seconds);
    for (gsize i = 0; g_getenv("SLOTS") && i < answer->n_slots; i++) {
        const LampInferenceSlot *s = &answer->slots[i];
        fprintf(stderr,
                "%zu: service %u kind %u: call %u/%u #%u waits %u on %u  p %.3f  "
                "delay %.0f %.0f %.0f us\n",
                i, s->service, s->parent_operation, s->child_service, s->child_operation,
                s->occurrence, s->waits_for, s->waits_for_slot, s->presence,
                s->delay_ns[0] / 1e3, s->delay_ns[2] / 1e3, s->delay_ns[4] / 1e3);
    }
    return 0;
}
