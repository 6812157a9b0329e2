/* inference-scale.c — the causal engine's cost by size
 *
 * inference-scale REQUESTS [OVERLAP] [WINDOW]
 * Simulates a shop of six services, ten calls for each request, OVERLAP (default 2) requests
 * under way at the entry on average, and infers the links in windows of WINDOW requests
 * (default 20000), which share what was learnt. Two threads. Prints accuracy, CPU time for the
 * inference alone, CPU time per request and peak memory. */
#include "correlate/inference/inference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define US 1000

enum { FRONT = 1, CART, CATALOG, PAY, CACHE, STORE };

typedef struct {
    GArray *calls, *truth;
    guint64 random;
} World;

static double
unit(World *world)
{
    guint64 z = world->random += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
    return ((double) ((z ^ z >> 31) >> 11) + 0.5) * 0x1.0p-53;
}

/* A delay with a floor and a tail. */
static gint64
delay(World *world, double us)
{
    return (gint64) (us * US * (0.6 + 0.4 * -log(unit(world))));
}

static gint64 call(World *world, gint64 now, guint32 parent, guint32 from, guint32 to);

/* The work of a service: its calls one after the other. */
static gint64
serve(World *world, gint64 now, guint32 self, guint32 service)
{
    static const guint8 plan[][4] = {[FRONT] = {CART, CATALOG, PAY},
                                     [CART] = {CACHE, STORE},
                                     [CATALOG] = {CACHE, STORE},
                                     [PAY] = {STORE, STORE}};
    now += delay(world, 200);
    for (int i = 0; service <= PAY && i < 4 && plan[service][i]; i++)
        now = call(world, now, self, service, plan[service][i]) + delay(world, 150);
    return now + delay(world, service > PAY ? 400 : 100);
}

static gint64
call(World *world, gint64 now, guint32 parent, guint32 from, guint32 to)
{
    LampInferenceCall c = {.client_start_ns = now,
                           .server_start_ns = now + delay(world, 40),
                           .client_process = from,
                           .client_service = from,
                           .server_process = to,
                           .server_service = to,
                           .operation = to};
    guint32 at = world->calls->len;
    g_array_append_val(world->calls, c);
    g_array_append_val(world->truth, parent);
    gint64 end = serve(world, c.server_start_ns, at, to);
    LampInferenceCall *self = &g_array_index(world->calls, LampInferenceCall, at);
    self->server_end_ns = end;
    return self->client_end_ns = end + delay(world, 40);
}

int
main(int argc, char **argv)
{
    guint32 n = argc > 1 ? (guint32) g_ascii_strtoull(argv[1], NULL, 10) : 10000;
    double overlap = argc > 2 ? g_ascii_strtod(argv[2], NULL) : 2;
    guint32 window = argc > 3 ? (guint32) g_ascii_strtoull(argv[3], NULL, 10) : 20000;
    World world = {g_array_new(FALSE, TRUE, sizeof(LampInferenceCall)),
                   g_array_new(FALSE, TRUE, sizeof(guint32)), 1};
    g_autoptr(LampInferenceMemory) memory = lamp_inference_memory_new();
    LampInferenceOptions options = {.memory = memory, .candidates = 2, .threads = 2};
    guint64 right = 0, links = 0, calls = 0;
    double seconds = 0, elapsed = 0, expected = 0;
    gint64 now = 0;
    for (guint32 done = 0; done < n;) {
        g_array_set_size(world.calls, 0);
        g_array_set_size(world.truth, 0);
        for (guint32 i = 0; i < window && done < n; i++, done++) {
            now += (gint64) (7500 * US / overlap * -log(unit(&world)));
            call(&world, now, LAMP_INFERENCE_NO_CALL, 0, FRONT);
        }
        LampInferenceInput input = {.calls =
                                        (const LampInferenceCall *) (void *) world.calls->data,
                                    .n_calls = world.calls->len};
        clock_t before = clock();
        gint64 began = g_get_monotonic_time();
        g_autoptr(LampInference) answer = lamp_inference_run(&input, &options, NULL);
        seconds += (double) (clock() - before) / CLOCKS_PER_SEC;
        elapsed += (double) (g_get_monotonic_time() - began) / 1e6;
        calls += input.n_calls;
        for (guint i = 0; i < world.truth->len; i++) {
            guint32 parent = g_array_index(world.truth, guint32, i);
            links += parent != LAMP_INFERENCE_NO_CALL;
            right += parent != LAMP_INFERENCE_NO_CALL && answer->links[i].parent == parent;
            expected +=
                parent != LAMP_INFERENCE_NO_CALL ? (double) answer->links[i].probability : 0;
        }
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%u requests, %" G_GUINT64_FORMAT
           " calls: %.2f s CPU, %.2f s by the clock, %.1f us CPU a request, links right "
           "%.2f %%, expected %.2f %%, peak %ld MiB\n",
           n, calls, seconds, elapsed, seconds * 1e6 / n,
           100.0 * (double) right / (double) links, 100.0 * expected / (double) links,
           usage.ru_maxrss / 1024);
    g_array_free(world.calls, TRUE);
    g_array_free(world.truth, TRUE);
    return 0;
}
