/*
 * Makes captures for the benchmarks: `generate-capture http|database REQUESTS` writes a pcap
 * file to standard output. Ethernet, IPv4, TCP with handshakes and closes; EXCHANGES requests
 * on each connection, ACTIVE connections at a time, one request in flight on each. http:
 * HTTP/1.1 with keep-alive, about 625 bytes an exchange; database: PostgreSQL simple queries
 * and Redis commands in turns. Checksums are zero, as with offloading.
 */
#include "bench/generate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXCHANGES = 80, ACTIVE = 64, TEXT = 2048, HEADERS = 14 + 20 + 20, RECORD = 16 };
enum { SYN = 2, ACK = 16, PUSH = 8, FIN = 1 };

typedef struct {
    guint32 number;
    guint32 left; /* requests to come */
    guint32 sequence[2];
    guint16 server_port;
    guint32 server;
} Connection;

static guint64 random_state = 1;
static gint64 now_us = G_GINT64_CONSTANT(1767225600000000);
static guint32 connections_made;
static gboolean is_database;

static void
put32(guint8 *at, guint32 value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (guint8) (value >> (24 - 8 * i));
}

static void
put16(guint8 *at, guint16 value)
{
    at[0] = (guint8) (value >> 8);
    at[1] = (guint8) value;
}

static void
write_record_head(gsize len)
{
    guint32 head[4] = {(guint32) (now_us / 1000000), (guint32) (now_us % 1000000),
                       (guint32) len, (guint32) len};
    fwrite(head, sizeof head, 1, stdout);
}

static void
send_packet(Connection *c, guint from_server, guint8 flags, const char *payload, gsize len)
{
    guint8 frame[HEADERS] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45};
    guint8 *ip = frame + 14, *tcp = ip + 20;
    guint32 client = 0x0a000001 + (c->number & 0x3ff);
    guint16 client_port = (guint16) (10000 + c->number % 50000);
    put16(ip + 2, (guint16) (40 + len));
    ip[6] = 0x40;
    ip[8] = 64;
    ip[9] = 6;
    put32(ip + 12, from_server ? c->server : client);
    put32(ip + 16, from_server ? client : c->server);
    put16(tcp, from_server ? c->server_port : client_port);
    put16(tcp + 2, from_server ? client_port : c->server_port);
    put32(tcp + 4, c->sequence[from_server]);
    put32(tcp + 8, flags & ACK ? c->sequence[!from_server] : 0);
    tcp[12] = 0x50;
    tcp[13] = flags;
    put16(tcp + 14, 0xffff);
    write_record_head(sizeof frame + len);
    fwrite(frame, sizeof frame, 1, stdout);
    if (len > 0)
        fwrite(payload, len, 1, stdout);
    c->sequence[from_server] += (guint32) len + ((flags & (SYN | FIN)) != 0 ? 1 : 0);
    now_us += 1 + (gint64) draw_below(&random_state, 5);
}

static void
open_connection(Connection *c)
{
    guint32 n = connections_made++;
    *c = (Connection){.number = n, .left = EXCHANGES, .server_port = 8080};
    c->server = 0x0a010001 + (n & 3);
    c->sequence[0] = (guint32) draw(&random_state);
    c->sequence[1] = (guint32) draw(&random_state);
    if (is_database)
        c->server_port = n % 2 == 0 ? 5432 : 6379;
    send_packet(c, 0, SYN, NULL, 0);
    send_packet(c, 1, SYN | ACK, NULL, 0);
    send_packet(c, 0, ACK, NULL, 0);
    if (c->server_port == 5432) {
        static const char startup[] = "\0\0\0\x18\0\3\0\0user\0shop\0db\0x\0\0";
        static const char ready[] = "R\0\0\0\x08\0\0\0\0Z\0\0\0\5I";
        send_packet(c, 0, PUSH | ACK, startup, 24);
        send_packet(c, 1, PUSH | ACK, ready, sizeof ready - 1);
    }
}

static void
close_connection(Connection *c)
{
    send_packet(c, 0, FIN | ACK, NULL, 0);
    send_packet(c, 1, FIN | ACK, NULL, 0);
    send_packet(c, 0, ACK, NULL, 0);
}

static void
send_text(Connection *c, guint from_server, const char *text, gsize len)
{
    send_packet(c, from_server, PUSH | ACK, text, len);
}

static void
exchange_http(Connection *c)
{
    char text[TEXT], body[300];
    guint32 item = draw_below(&random_state, 100000);
    int n = g_snprintf(text, sizeof text,
                       "GET /api/products/%u?page=%u HTTP/1.1\r\nHost: shop.example\r\n"
                       "User-Agent: bench/1.0\r\nAccept: application/json\r\n\r\n",
                       item, draw_below(&random_state, 20));
    send_text(c, 0, text, (gsize) n);
    gsize len = 150 + draw_below(&random_state, 100);
    memset(body, 'x', len);
    n = g_snprintf(text, sizeof text,
                   "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                   "Server: bench\r\n\r\n%.*s",
                   draw_below(&random_state, 50) == 0 ? "404 Not Found" : "200 OK", len,
                   (int) len, body);
    send_text(c, 1, text, (gsize) n);
}

/* One PostgreSQL message: type, length, body. */
static gsize
put_message(char *at, char type, const void *body, gsize len)
{
    at[0] = type;
    put32((guint8 *) at + 1, (guint32) (len + 4));
    memcpy(at + 5, body, len);
    return len + 5;
}

static void
exchange_postgresql(Connection *c)
{
    char text[TEXT], sql[200];
    int n = g_snprintf(sql, sizeof sql, "SELECT id, name, price FROM products WHERE id = %u",
                       draw_below(&random_state, 100000));
    send_text(c, 0, text, put_message(text, 'Q', sql, (gsize) n + 1));
    static const char row_head[] =
        "\0\1name\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0";
    static const char row[] = "\0\1\0\0\0\x14twenty bytes of text";
    gsize used = put_message(text, 'T', row_head, sizeof row_head - 1);
    for (guint32 rows = 1 + draw_below(&random_state, 6); rows > 0; rows--)
        used += put_message(text + used, 'D', row, sizeof row - 1);
    used += put_message(text + used, 'C', "SELECT 1", sizeof "SELECT 1");
    used += put_message(text + used, 'Z', "I", 1);
    send_text(c, 1, text, used);
}

static void
exchange_redis(Connection *c)
{
    char text[TEXT], key[40], value[200];
    int key_len = g_snprintf(key, sizeof key, "session:%u", draw_below(&random_state, 100000));
    gsize len = 20 + draw_below(&random_state, 150);
    memset(value, 'v', len);
    gboolean is_set = draw_below(&random_state, 4) == 0;
    int n =
        is_set
            ? g_snprintf(text, sizeof text, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%zu\r\n%.*s\r\n",
                         key_len, key, len, (int) len, value)
            : g_snprintf(text, sizeof text, "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", key_len, key);
    send_text(c, 0, text, (gsize) n);
    n = is_set ? g_snprintf(text, sizeof text, "+OK\r\n")
               : g_snprintf(text, sizeof text, "$%zu\r\n%.*s\r\n", len, (int) len, value);
    send_text(c, 1, text, (gsize) n);
}

static void
exchange(Connection *c)
{
    now_us += (gint64) draw_exponential(&random_state, 20.0);
    if (c->server_port == 5432)
        exchange_postgresql(c);
    else if (c->server_port == 6379)
        exchange_redis(c);
    else
        exchange_http(c);
}

int
main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: generate-capture http|database REQUESTS\n");
        return 2;
    }
    is_database = g_str_equal(argv[1], "database");
    guint64 requests = g_ascii_strtoull(argv[2], NULL, 10);
    guint32 head[6] = {0xa1b2c3d4, 4 << 16 | 2, 0, 0, 262144, 1};
    fwrite(head, sizeof head, 1, stdout);
    static Connection active[ACTIVE];
    for (guint64 i = 0; i < requests; i++) {
        Connection *c = &active[draw_below(&random_state, ACTIVE)];
        if (c->left == 0)
            open_connection(c);
        exchange(c);
        if (--c->left == 0)
            close_connection(c);
    }
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
