/*
 * Makes log files for the benchmarks: `generate-log KIND LINES` writes to standard output.
 * access: the combined form of Apache and nginx. json: one object a line, as services write.
 * application: lines with a time, a level, a thread and a message of which a part varies.
 * gateway and orders: JSON lines of two services that have a request id of each line in common.
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

/* When a line was written, in parts. */
typedef struct {
    struct tm tm;
    int us;
} Stamp;

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
write_access_line(guint64 *random, const Stamp *stamp)
{
    char when[64], path[64];
    strftime(when, sizeof when, "%d/%b/%Y:%H:%M:%S +0000", &stamp->tm);
    write_path(path, sizeof path, random);
    printf("10.%u.%u.%u - - [%s] \"%s %s HTTP/1.1\" %d %u \"https://shop.example/\" \"%s\"\n",
           draw_below(random, 4), draw_below(random, 200), draw_below(random, 250), when,
           draw_below(random, 5) == 0 ? "POST" : "GET", path,
           statuses[draw_below(random, G_N_ELEMENTS(statuses))],
           200 + draw_below(random, 20000), agents[draw_below(random, G_N_ELEMENTS(agents))]);
}

static void
write_json_line(guint64 *random, const Stamp *stamp)
{
    char when[64], path[64];
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &stamp->tm);
    write_path(path, sizeof path, random);
    printf("{\"time\":\"%s.%06dZ\",\"level\":\"%s\",\"service\":\"shop-%u\",\"msg\":\"%s\","
           "\"method\":\"GET\",\"path\":\"%s\",\"status\":%d,\"duration_ms\":%.3f,"
           "\"request_id\":\"%016" G_GINT64_MODIFIER "x\",\"user\":%u}\n",
           when, stamp->us, draw_below(random, 20) == 0 ? "warn" : "info",
           draw_below(random, 6), messages[draw_below(random, G_N_ELEMENTS(messages))], path,
           statuses[draw_below(random, G_N_ELEMENTS(statuses))], draw_exponential(random, 12.0),
           draw(random), draw_below(random, 100000));
}

static void
write_message(guint64 *random)
{
    guint32 user = draw_below(random, 100000), order = draw_below(random, 1000000);
    switch (draw_below(random, 6)) {
    case 0:
        printf("Order %u of user %u stored in %u ms", order, user, draw_below(random, 90));
        break;
    case 1:
        printf("Connection from 10.0.%u.%u:%u accepted", draw_below(random, 200),
               draw_below(random, 250), 1024 + draw_below(random, 60000));
        break;
    case 2:
        printf("Cache miss for key session:%016" G_GINT64_MODIFIER "x", draw(random));
        break;
    case 3:
        printf("Payment of %u.%02u EUR for order %u authorised", draw_below(random, 900),
               draw_below(random, 100), order);
        break;
    case 4:
        printf("Reading /var/lib/shop/%u/items.json, %u bytes", user, draw_below(random, 9000));
        break;
    default:
        printf("Pool of workers is idle");
    }
}

static void
write_application_line(guint64 *random, const Stamp *stamp)
{
    char when[64];
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &stamp->tm);
    printf("%s,%03d %s [worker-%u] shop.orders.OrderService - ", when, stamp->us / 1000,
           draw_below(random, 20) == 0 ? "WARN " : "INFO ", draw_below(random, 16));
    write_message(random);
    putchar('\n');
}

/* The generator's state before the line is the same in both files. */
static void
write_service_line(guint64 *random, const Stamp *stamp, const char *service,
                   const char *message)
{
    char when[64];
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &stamp->tm);
    printf("{\"time\":\"%s.%06dZ\",\"level\":\"info\",\"service\":\"%s\",\"msg\":\"%s\","
           "\"request_id\":\"%016" G_GINT64_MODIFIER "x\",\"user\":%u}\n",
           when, stamp->us, service, message, draw(random), draw_below(random, 1000));
}

static void
write_gateway_line(guint64 *random, const Stamp *stamp)
{
    write_service_line(random, stamp, "gateway", "forwarded");
}

static void
write_orders_line(guint64 *random, const Stamp *stamp)
{
    write_service_line(random, stamp, "orders", "stored");
}

static const struct {
    const char *name;
    void (*write)(guint64 *random, const Stamp *stamp);
} kinds[] = {
    {"access", write_access_line},           {"json", write_json_line},
    {"application", write_application_line}, {"gateway", write_gateway_line},
    {"orders", write_orders_line},
};

static void
write_lines(gsize kind, guint64 lines)
{
    gint64 us = (gint64) FIRST_SECOND * 1000000;
    guint64 random = 1;
    for (guint64 i = 0; i < lines; i++) {
        Stamp stamp;
        us += (gint64) draw_exponential(&random, MEAN_GAP_US);
        time_t second = (time_t) (us / 1000000);
        gmtime_r(&second, &stamp.tm);
        stamp.us = (int) (us % 1000000);
        kinds[kind].write(&random, &stamp);
    }
}

int
main(int argc, char **argv)
{
    for (gsize i = 0; argc == 3 && i < G_N_ELEMENTS(kinds); i++)
        if (g_str_equal(argv[1], kinds[i].name)) {
            write_lines(i, g_ascii_strtoull(argv[2], NULL, 10));
            return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        }
    fprintf(stderr, "usage: generate-log access|json|application|gateway|orders LINES\n");
    return 2;
}
