/* Every file of other projects' test sets, the broken and fuzzed ones among them, as it is, cut
 * short, and with bytes changed: read by the format that claims it, packets down to the calls,
 * in bounded memory, with every byte accounted for. The sanitizer build of CI runs this too.
 * Skipped where the sets are absent. */
#include "base/limits.h"
#include "ingest/input.h"
#include "ingest/packets.h"
#include "ingest/readers.h"
#include "ingest/source.h"
#include "tests/support/feed.h"
#include "tests/unit/suite.h"

#include <sys/resource.h>

#define ROOT "../shared/data/public"
/* Larger files are logs and traces: their beginning is read. */
#define CONTENT_MOST ((gsize) 8 << 20)
/* Files up to this size are read changed and cut, too. */
#define CHANGED_MOST ((gsize) 1 << 16)
#define CHUNK ((gsize) 65536)
/* What the program may take (docs/benchmarks.md), and what the sanitizers take on top. */
#define MEMORY_MOST_KIB ((glong) 128 * 1024)
#define MEMORY_MOST_SANITIZED_KIB ((glong) 1024 * 1024)

typedef struct {
    LampSink sink;
    LampPackets *packets;
    guint64 events, understood, other, findings;
} Counter;

typedef struct {
    guint files, readings;
} Seen;

static void
take_packet(gpointer owner, const LampPacket *packet)
{
    Counter *c = owner;
    lamp_packets_add(c->packets, packet);
}

static guint64
take_event(gpointer owner, const LampEventRow *event)
{
    Counter *c = owner;
    ck_assert_uint_le(event->field_count, LAMP_LIMIT_FIELDS + 64);
    return ++c->events;
}

static void
take_observation(gpointer owner, const LampObservationRow *o)
{
    (void) owner;
    ck_assert_uint_le(o->operation.len, LAMP_LIMIT_FIELD_VALUE);
}

static void
take_connection(gpointer owner, const LampConnectionRow *row)
{
    (void) owner;
    ck_assert_uint_gt(row->connection_id, 0);
}

static void
take_flow(gpointer owner, const LampFlowRow *flow)
{
    (void) owner;
    ck_assert_uint_lt(flow->attributes.len, LAMP_LIMIT_WINDOW);
}

static void
take_host_name(gpointer owner, const LampHostNameRow *name)
{
    (void) owner, (void) name;
}

static void
take_span_join(gpointer owner, const LampSpanJoinRow *join)
{
    (void) owner, (void) join;
}

static void
take_finding(gpointer owner, const LampFinding *finding)
{
    Counter *c = owner;
    ck_assert_ptr_nonnull(finding->code);
    c->findings++;
}

static void
take_coverage(gpointer owner, guint64 offset, guint64 length, gboolean understood)
{
    Counter *c = owner;
    (void) offset;
    *(understood ? &c->understood : &c->other) += length;
}

static void
take_secrets(gpointer owner, LampBytes key_log)
{
    (void) owner, (void) key_log;
}

static const LampReader *
best_reader(LampBytes content, const char *path)
{
    const LampReader *best = NULL;
    guint best_score = 0;
    for (guint i = 0; lamp_readers[i] != NULL; i++) {
        guint score =
            lamp_readers[i]->probe(lamp_bytes(content.at, MIN(content.len, CHUNK)), path);
        ck_assert_uint_le(score, 100);
        if (score > best_score) {
            best = lamp_readers[i];
            best_score = score;
        }
    }
    return best;
}

static void
read_content(LampBytes content, const char *path, Seen *seen)
{
    const LampReader *reader = best_reader(content, path);
    if (reader == NULL)
        return;
    Counter c = {.sink = {.packet = take_packet,
                          .event = take_event,
                          .observation = take_observation,
                          .connection = take_connection,
                          .flow = take_flow,
                          .host_name = take_host_name,
                          .span_join = take_span_join,
                          .finding = take_finding,
                          .coverage = take_coverage,
                          .secrets = take_secrets}};
    LampSourceContext context = lamp_feed_context(path);
    c.sink.owner = &c;
    c.packets = lamp_packets_new(&c.sink, NULL);
    lamp_feed(reader, content, (LampChunks){.size = CHUNK}, &context, &c.sink);
    lamp_packets_finish(c.packets);
    lamp_packets_free(c.packets);
    if (reader->kind == LAMP_KIND_CAPTURE)
        ck_assert_msg(c.understood + c.other == content.len, "%s: bytes not accounted for",
                      path);
    seen->readings++;
}

/* The same with some bytes changed: a sequence of its own for each file and round. */
static void
read_changed(LampBytes content, const char *path, guint round, Seen *seen)
{
    g_autofree guint8 *copy = g_memdup2(content.at, content.len);
    GRand *random = g_rand_new_with_seed(round * 7919 + (guint32) content.len);
    guint changes = 1 + (guint) (content.len / 200);
    for (guint i = 0; i < changes; i++) {
        gsize at = (gsize) g_rand_int_range(random, 0, (gint32) content.len);
        copy[at] = (guint8) g_rand_int(random);
    }
    g_rand_free(random);
    read_content(lamp_bytes(copy, content.len), path, seen);
}

static void
check_memory(const char *path)
{
    struct rusage usage;
#ifdef __SANITIZE_ADDRESS__
    const glong most = MEMORY_MOST_SANITIZED_KIB;
#else
    const glong most = MEMORY_MOST_KIB;
#endif
    ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
    ck_assert_msg(usage.ru_maxrss < most, "%s: %ld KiB", path, usage.ru_maxrss);
}

static void
read_file(const char *path, Seen *seen)
{
    static guint8 memory[CONTENT_MOST];
    const char *name = NULL;
    g_autoptr(LampInput) input = lamp_input_open(path, NULL);
    seen->files++;
    while (input != NULL && lamp_input_next(input, &name, NULL)) {
        gsize n = 0;
        gssize more;
        while (n < CONTENT_MOST &&
               (more = lamp_input_read(input, memory + n, CONTENT_MOST - n, NULL)) > 0)
            n += (gsize) more;
        LampBytes content = lamp_bytes(memory, n);
        read_content(content, path, seen);
        if (n == 0 || n > CHANGED_MOST)
            continue;
        read_content(lamp_bytes(memory, n / 3), path, seen);
        read_content(lamp_bytes(memory, n - 1), path, seen);
        read_changed(content, path, 1, seen);
        read_changed(content, path, 2, seen);
    }
    check_memory(path);
}

START_TEST(test_files_of_others)
{
    Seen seen = {0};
    if (!g_file_test(ROOT, G_FILE_TEST_IS_DIR)) {
        g_print("skipped: %s is absent\n", ROOT);
        return;
    }
    g_autoptr(GPtrArray) sources = lamp_sources_find((const char *const[]){ROOT, NULL});
    for (guint i = 0; i < sources->len; i++)
        read_file(((const LampSource *) sources->pdata[i])->path, &seen);
    g_print("%u files, %u readings\n", seen.files, seen.readings);
    ck_assert_uint_gt(seen.files, 2000);
    ck_assert_uint_gt(seen.readings, 8000);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("robustness");
    TCase *tests = tcase_create("robustness");
    tcase_set_timeout(tests, 900);
    tcase_add_test(tests, test_files_of_others);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
