/* TLS conversations without keys: what is a request, what is handshake, ticket or alert.
 * Unknown streams, which are read by direction alone.
 */
#include "tests/unit/fake-stream.h"

#include <string.h>

enum { TURNS_MAX = 24, MEMORY = 8192 };

/* A conversation written record by record. */
typedef struct {
    Turn turns[TURNS_MAX];
    guint count;
    guint8 memory[MEMORY];
    gsize used;
} Talk;

static void
say(Talk *talk, char direction, const guint8 *bytes, gsize n)
{
    ck_assert(talk->used + n <= MEMORY && talk->count < TURNS_MAX);
    memcpy(talk->memory + talk->used, bytes, n);
    talk->turns[talk->count++] = (Turn){direction, lamp_bytes(talk->memory + talk->used, n)};
    talk->used += n;
}

/* Records of @type in one piece, one for each of @count lengths. */
static void
say_records(Talk *talk, char direction, guint8 type, const guint *lengths, guint count)
{
    guint8 bytes[4096] = {0};
    gsize n = 0;
    for (guint i = 0; i < count; i++) {
        const guint8 header[5] = {type, 3, 3, (guint8) (lengths[i] >> 8), (guint8) lengths[i]};
        memcpy(bytes + n, header, sizeof header);
        n += sizeof header + lengths[i];
    }
    say(talk, direction, bytes, n);
}

static void
say_record(Talk *talk, char direction, guint8 type, guint length)
{
    say_records(talk, direction, type, &length, 1);
}

/* Hello messages; the server's chooses TLS 1.3 where @is_1_3. */
static void
say_hellos(Talk *talk, gboolean is_1_3)
{
    guint8 client[5 + 4 + 2 + 32 + 1 + 4 + 2 + 2 + 13] = {
        22, 3, 1, 0, sizeof client - 5, 1, 0, 0, sizeof client - 9, 3, 3};
    guint8 *p = client + 43;
    static const guint8 rest[] = {0, 0, 2, 0x13, 1, 1, 0, 0,   13,  0,   0,
                                  0, 9, 0, 7,    0, 0, 4, 'h', 'o', 's', 't'};
    memcpy(p, rest, sizeof rest);
    say(talk, '>', client, sizeof client);
    guint8 server[5 + 4 + 2 + 32 + 1 + 3 + 2 + 6] = {
        22, 3, 3, 0, sizeof server - 5, 2, 0, 0, sizeof server - 9, 3, 3};
    static const guint8 tail[] = {0, 0x13, 1, 0, 0, 6, 0, 43, 0, 2, 3, 4};
    memcpy(server + 43, tail, sizeof tail);
    if (!is_1_3)
        server[43 + 11] = 3;
    say(talk, '<', server, sizeof server);
}

static void
expect_talk(Talk *talk, gboolean is_midstream, const char *expected)
{
    replay_all(&lamp_dissector_tls, talk->turns, talk->count, is_midstream, expected);
    g_free(talk);
}

START_TEST(test_tls_1_2)
{
    Talk *talk = g_new0(Talk, 1);
    say_hellos(talk, FALSE);
    say_record(talk, '>', 22, 70); /* key exchange */
    say_record(talk, '>', 20, 1);
    say_record(talk, '>', 22, 40);  /* Finished, encrypted */
    say_record(talk, '<', 22, 200); /* ticket */
    say_record(talk, '>', 23, 100);
    say_record(talk, '<', 23, 300);
    say_record(talk, '<', 23, 50);
    say_record(talk, '>', 21, 2); /* alert */
    expect_talk(talk, FALSE, "1 turn []Q 105/360 @6,6,7,8\n");
}
END_TEST

START_TEST(test_tls_1_3_tickets_and_alerts)
{
    static const guint tickets[] = {282, 282};
    Talk *talk = g_new0(Talk, 1);
    say_hellos(talk, TRUE);
    say_record(talk, '<', 23, 800); /* certificate, Finished */
    say_record(talk, '>', 20, 1);
    say_record(talk, '>', 23, 69); /* Finished */
    say_record(talk, '>', 23, 313);
    say_records(talk, '<', 23, tickets, 2);
    say_record(talk, '<', 23, 237);
    say_record(talk, '>', 23, 313);
    say_record(talk, '<', 23, 237);
    say_record(talk, '>', 23, 19); /* close */
    LampStream stream = {0};
    replay(&lamp_dissector_tls, talk->turns, talk->count, 0, 0, &stream);
    ck_assert_str_eq(stream.lines->str, "1 turn []Q 318/242 @5,5,7,7\n"
                                        "2 turn []Q 318/242 @8,8,9,9\n");
    g_string_free(stream.lines, TRUE);
    g_free(talk);
}
END_TEST

START_TEST(test_tls_midstream_and_gap)
{
    Talk *talk = g_new0(Talk, 1);
    say_record(talk, '>', 23, 100);
    say_record(talk, '<', 23, 200);
    say_record(talk, '>', 23, 100);
    talk->turns[talk->count++] = (Turn){'{', {NULL, 205}};
    say_record(talk, '>', 23, 100);
    say_record(talk, '<', 23, 300);
    expect_talk(talk, FALSE,
                "1 turn []Q 105/205 @0,0,1,1\n"
                "2 turn []GQ 210/510 @2,4,5,5\n");
}
END_TEST

START_TEST(test_turns)
{
    static const Turn turns[] = {
        TO_CLIENT("greeting"), TO_SERVER("ask"),   TO_CLIENT("answer"),
        TO_CLIENT(" more"),    TO_SERVER("again"), TO_SERVER("!"),
        LOST_TO_CLIENT(4),     TO_CLIENT("yes"),   TO_SERVER("bye"),
    };
    REPLAY(lamp_dissector_turns, turns,
           "1 turn []Q 3/11 @1,1,2,3\n2 turn []GQ 6/7 @4,5,7,7\n3 turn []NQ 3/0 @8,8,-,-\n");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("dissect-tls");
    TCase *tests = tcase_create("dissect-tls");
    tcase_add_test(tests, test_tls_1_2);
    tcase_add_test(tests, test_tls_1_3_tickets_and_alerts);
    tcase_add_test(tests, test_tls_midstream_and_gap);
    tcase_add_test(tests, test_turns);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
