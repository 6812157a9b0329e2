/*
 * Makes log files for the benchmarks: `generate-log access|json LINES` writes to standard
 * output. access: the combined form of Apache and nginx. json: one object a line, as services
 * write.
 */
#include "bench/generate.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { FIRST_SECOND = 1767225600, MEAN_GAP_US = 400 };

static const char *const paths[] = {"/", "/products", "/cart", "/search?q=lamp",
                                    "/static/app.js"};
static const char *const agents[] = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "curl/7.88.1",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15"};
static const int statuses[] = {200, 200, 200, 200, 200, 200, 304, 301, 404, 500};
static const char *const messages[] = {"request served", "cache miss", "order stored",
                                       "payment authorised"};

static void
write_path(char *out, gsize size, guint64 *random)
{
    guint32 kind = draw_below(random, 8);
    if (kind < G_N_ELEMENTS(paths))
        g_snprintf(out, size, "%s", paths[kind]);
    else
        g_snprintf(out, size, "/products/%u/reviews", draw_below(random, 5000));
}

static void
write_access_line(guint64 *random, gint64 us)
{
    time_t second = (time_t) (us / 1000000);
    struct tm tm;
    char when[64], path[64];
    gmtime_r(&second, &tm);
    strftime(when, sizeof when, "%d/%b/%Y:%H:%M:%S +0000", &tm);
    write_path(path, sizeof path, random);
    printf("10.%u.%u.%u - - [%s] \"%s %s HTTP/1.1\" %d %u \"https://shop.example/\" \"%s\"\n",
           draw_below(random, 4), draw_below(random, 200), draw_below(random, 250), when,
           draw_below(random, 5) == 0 ? "POST" : "GET", path,
           statuses[draw_below(random, G_N_ELEMENTS(statuses))],
           200 + draw_below(random, 20000), agents[draw_below(random, G_N_ELEMENTS(agents))]);
}

static void
write_json_line(guint64 *random, gint64 us)
{
    time_t second = (time_t) (us / 1000000);
    struct tm tm;
    char when[64], path[64];
    gmtime_r(&second, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
    write_path(path, sizeof path, random);
    printf("{\"time\":\"%s.%06dZ\",\"level\":\"%s\",\"service\":\"shop-%u\",\"msg\":\"%s\","
           "\"method\":\"GET\",\"path\":\"%s\",\"status\":%d,\"duration_ms\":%.3f,"
           "\"request_id\":\"%016" G_GINT64_MODIFIER "x\",\"user\":%u}\n",
           when, (int) (us % 1000000), draw_below(random, 20) == 0 ? "warn" : "info",
           draw_below(random, 6), messages[draw_below(random, G_N_ELEMENTS(messages))], path,
           statuses[draw_below(random, G_N_ELEMENTS(statuses))], draw_exponential(random, 12.0),
           draw(random), draw_below(random, 100000));
}

int
main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: generate-log access|json LINES\n");
        return 2;
    }
    gboolean is_access = g_str_equal(argv[1], "access");
    guint64 lines = g_ascii_strtoull(argv[2], NULL, 10), random = 1;
    gint64 us = (gint64) FIRST_SECOND * 1000000;
    for (guint64 i = 0; i < lines; i++) {
        us += (gint64) draw_exponential(&random, MEAN_GAP_US);
        if (is_access)
            write_access_line(&random, us);
        else
            write_json_line(&random, us);
    }
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
