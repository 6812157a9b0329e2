/* The table of dissectors as a whole: order, and that none claims the bytes of another. */
#include "tests/unit/fake-stream.h"

typedef struct {
    const char *protocol;
    guint16 port;
    LampBytes to_server, to_client;
} Sample;

#define BYTES(text)                               \
    {                                             \
        (const guint8 *) (text), sizeof(text) - 1 \
    }

static const Sample samples[] = {
    {"amqp", 5672, BYTES("AMQP\0\0\x09\x01"),
     BYTES("\1\0\0\0\0\0\x05\0\x0a\0\x0a\0\xce\1\0\0\0\0\0\x05\0\x0a\0\x1e\0\xce")},
    {"cassandra", 9042,
     BYTES("\4\0\0\0\1\0\0\0\x16\0\1\0\x0b"
           "CQL_VERSION\0\5"
           "3.0.0\0"),
     BYTES("\x84\0\0\0\2\0\0\0\0")},
    {"dns-tcp", 53, BYTES("\0\x1d\x12\x34\1\0\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0\1"),
     BYTES("\0\x1d\x12\x34\x81\x80\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0\1")},
    {"dns", 53, BYTES("\x12\x34\1\0\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0\1"),
     BYTES("\x12\x34\x81\x80\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0\1")},
    {"http", 8080, BYTES("GET /get HTTP/1.1\r\nHost: x\r\n\r\n"),
     BYTES("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")},
    {"http2", 50051, BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"),
     BYTES("\0\0\0\4\0\0\0\0\0\0\0\0\4\1\0\0\0\0")},
    {"kafka", 9092, BYTES("\0\0\0\x0c\0\x12\0\0\0\0\0\6\0\2c1"), BYTES("\0\0\0\6\0\0\0\6ab")},
    {"ldap", 389, BYTES("\x30\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0"),
     BYTES("\x30\x0c\2\1\1\x61\7\x0a\1\0\4\0\4\0")},
    {"memcached", 11211, BYTES("get item:1\r\n"), BYTES("VALUE item:1 0 2\r\nok\r\nEND\r\n")},
    {"memcached", 11211, BYTES("\x80\0\0\2\0\0\0\0\0\0\0\2\0\0\0\x08\0\0\0\0\0\0\0\0k2"),
     BYTES("\x81\0\0\0\4\0\0\0\0\0\0\6\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0hi")},
    {"mongodb", 27017,
     BYTES("\x24\0\0\0\1\0\0\0\0\0\0\0\xdd\7\0\0\0\0\0\0\0\x0f\0\0\0\x10ping\0\1\0\0\0\0"),
     BYTES("\x22\0\0\0\7\0\0\0\1\0\0\0\xdd\7\0\0\0\0\0\0\0\x0d\0\0\0\x10ok\0\1\0\0\0\0")},
    {"mysql", 3306, BYTES("\x0a\0\0\1\x05\xa2\0\0\0\0\0\1\x08x"),
     BYTES("\x12\0\0\0\x0a"
           "8.0.32\0abcdefghij")},
    {"mysql", 3306, BYTES("\x09\0\0\0\3SELECT 1"), BYTES("\7\0\0\1\0\0\0\2\0\0\0")},
    {"postgresql", 5432, BYTES("\0\0\0\x08\x04\xd2\x16\x2f"), BYTES("N")},
    {"postgresql", 5432, BYTES("Q\0\0\0\x0dSELECT 2\0"),
     BYTES("C\0\0\0\x0dSELECT 1\0Z\0\0\0\5I")},
    {"redis", 6379, BYTES("*2\r\n$3\r\nGET\r\n$1\r\na\r\n"), BYTES("$-1\r\n")},
    {"redis", 6379, BYTES("PING\r\n"), BYTES("+PONG\r\n")},
    {"smtp", 25, BYTES("EHLO a\r\n"), BYTES("220 mail ESMTP\r\n250 ok\r\n")},
    {"thrift", 9090, BYTES("\0\0\0\x11\x80\1\0\1\0\0\0\4echo\0\0\0\1x"),
     BYTES("\0\0\0\x11\x80\1\0\2\0\0\0\4echo\0\0\0\1y")},
    {"tls", 443,
     BYTES("\x16\3\1\0\x2e\1\0\0\x2a\3\3aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\0\0\2\0\x2f\1\0"),
     BYTES("\x16\3\3\0\x2a\2\0\0\x26\3\3aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\0\0\x2f\0")},
    {"websocket", 8765, BYTES("\x81\x85\1\2\3\4igol\x6e\x81\x82\0\0\0\0ok"),
     BYTES("\x81\4done")},
    {NULL, 8765, BYTES("\x81\x85\1\2\3\4igol"), BYTES("\x81\4done")}, /* its end is not there */
    {NULL, 3306, BYTES(""), BYTES("\7\0\0\1\0\1\0\1\0\0\0")}, /* MySQL's OK: a length, and too
                                                              short for more of Thrift */
    {NULL, 21, BYTES("USER anonymous\r\n"), BYTES("220 FTP ready\r\n")},
    {NULL, 22, BYTES("SSH-2.0-OpenSSH_9.2\r\n"), BYTES("SSH-2.0-OpenSSH_9.3\r\n")},
    {NULL, 110, BYTES("STAT\r\n"), BYTES("+OK POP3 ready\r\n")},
    {NULL, 554, BYTES("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
     BYTES("RTSP/1.0 200 OK\r\n\r\n")},
    {NULL, 4222, BYTES("PUB a 2\r\nok\r\n"), BYTES("INFO {}\r\n")},
    {NULL, 7000, BYTES("\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6\xf5\xf4\xf3\xf2\xf1\xf0"),
     BYTES("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10")},
};

enum { CLAIMED = 50 };

static LampTransport
transport_of(const Sample *sample)
{
    gboolean is_udp = sample->protocol != NULL && strcmp(sample->protocol, "dns") == 0;
    return is_udp ? LAMP_TRANSPORT_UDP : LAMP_TRANSPORT_TCP;
}

/* Best score among the dissectors whose name is (or is not) the sample's. */
static guint
best_score(const Sample *sample, LampBytes to_server, LampBytes to_client, gboolean own,
           const char **out_name)
{
    guint best = 0;
    for (guint i = 0; lamp_dissectors[i] != NULL; i++) {
        const LampDissector *d = lamp_dissectors[i];
        gboolean swapped = FALSE;
        gboolean is_own = sample->protocol != NULL && strcmp(d->name, sample->protocol) == 0;
        if (d->transport != transport_of(sample) || is_own != own)
            continue;
        guint score = d->probe(to_server, to_client, sample->port, &swapped);
        if (score > best) {
            best = score;
            *out_name = d->name;
        }
    }
    return best;
}

START_TEST(test_table_is_sorted_and_described)
{
    for (guint i = 0; lamp_dissectors[i] != NULL; i++) {
        ck_assert(lamp_dissectors[i]->summary != NULL && lamp_dissectors[i]->spec != NULL);
        ck_assert(lamp_dissectors[i]->segment != NULL && lamp_dissectors[i]->probe != NULL);
        if (i > 0)
            ck_assert_str_lt(lamp_dissectors[i - 1]->name, lamp_dissectors[i]->name);
    }
}
END_TEST

START_TEST(test_no_dissector_claims_the_bytes_of_another)
{
    for (gsize i = 0; i < G_N_ELEMENTS(samples); i++) {
        const Sample *s = &samples[i];
        const char *other = "none", *name = "none";
        guint theirs = best_score(s, s->to_server, s->to_client, FALSE, &other);
        guint own = best_score(s, s->to_server, s->to_client, TRUE, &name);
        if (s->protocol == NULL)
            ck_assert_msg(theirs < CLAIMED, "sample %zu is claimed by %s: %u", i, other,
                          theirs);
        else
            ck_assert_msg(own >= CLAIMED && own > theirs, "%s (%zu): %u, but %s: %u",
                          s->protocol, i, own, other, theirs);
    }
}
END_TEST

START_TEST(test_half_a_connection_is_not_claimed_wrongly)
{
    for (gsize i = 0; i < G_N_ELEMENTS(samples); i++) {
        const Sample *s = &samples[i];
        const char *other = "none", *name = "none";
        guint own = best_score(s, s->to_server, lamp_bytes(NULL, 0), TRUE, &name);
        guint theirs = best_score(s, s->to_server, lamp_bytes(NULL, 0), FALSE, &other);
        ck_assert_msg(theirs < CLAIMED || own > theirs, "%s (%zu): %u, but %s: %u",
                      s->protocol != NULL ? s->protocol : "unknown", i, own, other, theirs);
    }
}
END_TEST

/* Every prefix of every sample, given to every dissector: nothing may read past the end. */
START_TEST(test_probes_stand_every_cut)
{
    for (gsize i = 0; i < G_N_ELEMENTS(samples); i++)
        for (guint d = 0; lamp_dissectors[d] != NULL; d++)
            for (gsize n = 0; n <= samples[i].to_server.len; n++) {
                gboolean swapped = FALSE;
                gsize m = MIN(n, samples[i].to_client.len);
                g_autofree guint8 *a = g_memdup2(samples[i].to_server.at, n);
                g_autofree guint8 *b = g_memdup2(samples[i].to_client.at, m);
                guint score = lamp_dissectors[d]->probe(lamp_bytes(a, n), lamp_bytes(b, m),
                                                        samples[i].port, &swapped);
                ck_assert_uint_le(score, 100);
            }
}
END_TEST

/* Every sample, whole and in pieces, fed to every dissector: the wrong ones must end in peace.
 */
START_TEST(test_dissectors_stand_the_bytes_of_others)
{
    for (gsize i = 0; i < G_N_ELEMENTS(samples); i++)
        for (guint d = 0; lamp_dissectors[d] != NULL; d++)
            for (int piece = 0; piece < 4; piece++) {
                Turn turns[] = {
                    {'>', samples[i].to_server}, {'<', samples[i].to_client}, {'}', {NULL, 7}},
                    {'>', samples[i].to_client}, {'<', samples[i].to_server}, {'{', {NULL, 70}},
                    {'>', samples[i].to_server}, {'<', samples[i].to_client}};
                LampStream stream = {.is_midstream = piece == 3};
                replay(lamp_dissectors[d], turns, G_N_ELEMENTS(turns), piece, 0, &stream);
                ck_assert_uint_le(stream.calls, 100);
                g_string_free(stream.lines, TRUE);
            }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("dissectors");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, test_table_is_sorted_and_described);
    tcase_add_test(tc, test_no_dissector_claims_the_bytes_of_another);
    tcase_add_test(tc, test_half_a_connection_is_not_claimed_wrongly);
    tcase_add_test(tc, test_probes_stand_every_cut);
    tcase_add_test(tc, test_dissectors_stand_the_bytes_of_others);
    suite_add_tcase(suite, tc);
    return suite;
}

int
main(void)
{
    return run_suite(make_suite());
}
