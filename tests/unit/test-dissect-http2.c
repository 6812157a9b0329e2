/* HTTP/2 and gRPC conversations in every segmentation. */
#include <nghttp2/nghttp2.h>

#include "tests/unit/fake-stream.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define SETTINGS "\0\0\0\4\0\0\0\0\0"

typedef struct {
    nghttp2_hd_deflater *deflaters[2];
    GString *texts[8];
    Turn turns[8];
    gsize count;
} Writer;

static Writer
writer_new(void)
{
    Writer w = {0};
    nghttp2_hd_deflate_new(&w.deflaters[0], 4096);
    nghttp2_hd_deflate_new(&w.deflaters[1], 4096);
    return w;
}

static void
writer_clear(Writer *w)
{
    nghttp2_hd_deflate_del(w->deflaters[0]);
    nghttp2_hd_deflate_del(w->deflaters[1]);
    for (gsize i = 0; i < w->count; i++)
        g_string_free(w->texts[i], TRUE);
}

static GString *
turn(Writer *w, char direction)
{
    w->texts[w->count] = g_string_new(NULL);
    w->turns[w->count].direction = direction;
    return w->texts[w->count++];
}

static void
frame(GString *out, guint8 type, guint8 flags, guint8 stream, const void *payload, gsize len)
{
    guint8 head[9] = {
        (guint8) (len >> 16), (guint8) (len >> 8), (guint8) len, type, flags, 0, 0, 0, stream};
    g_string_append_len(out, (const char *) head, 9);
    g_string_append_len(out, payload, (gssize) len);
}

/* Fields as "name: value" lines; @split puts the block into HEADERS and CONTINUATION. */
static void
headers(Writer *w, guint8 flags, guint8 stream, gboolean split, const char *lines)
{
    g_auto(GStrv) rows = g_strsplit(lines, "\n", -1);
    nghttp2_nv fields[16];
    gsize count = 0;
    for (; rows[count] != NULL; count++) {
        char *colon = strstr(rows[count], ": ");
        fields[count] = (nghttp2_nv){.name = (guint8 *) rows[count],
                                     .namelen = (gsize) (colon - rows[count]),
                                     .value = (guint8 *) colon + 2,
                                     .valuelen = strlen(colon + 2)};
    }
    guint8 block[1024];
    gboolean is_response = w->turns[w->count - 1].direction == '<';
    ssize_t n =
        nghttp2_hd_deflate_hd(w->deflaters[is_response], block, sizeof block, fields, count);
    GString *out = w->texts[w->count - 1];
    gsize first = split ? 3 : (gsize) n;
    frame(out, 1, (guint8) (flags | (split ? 0 : 4)), stream, block, first);
    if (split)
        frame(out, 9, 4, stream, block + first, (gsize) n - first);
}

static void
check(Writer *w, gboolean is_midstream, const char *expected)
{
    for (gsize i = 0; i < w->count; i++)
        w->turns[i].bytes = lamp_bytes(w->texts[i]->str, w->texts[i]->len);
    replay_all(&lamp_dissector_http2, w->turns, w->count, is_midstream, expected);
    writer_clear(w);
}

START_TEST(test_grpc_call_with_metadata_and_message_ids)
{
    Writer w = writer_new();
    g_string_append_len(turn(&w, '>'), PREFACE SETTINGS, 33);
    headers(&w, 0, 1, TRUE,
            ":method: POST\n:path: /tb.Recommender/Recommend\ncontent-type: application/grpc\n"
            "x-request-id: abc-123-def\nauthorization: Bearer x1234567");
    frame(w.texts[0], 0, 1, 1, "\0\0\0\0\x08\x0a\x06u10065", 13);
    g_string_append_len(turn(&w, '<'), SETTINGS, 9);
    headers(&w, 0, 1, FALSE, ":status: 200\ncontent-type: application/grpc");
    frame(w.texts[1], 0, 0, 1, "\0\0\0\0\x0a\x0a\x08SKU-1406", 15);
    headers(&w, 1, 1, FALSE, "grpc-status: 14\ngrpc-message: gone");
    check(&w, FALSE,
          "1 POST /tb.Recommender/Recommend [14]! 108/84 @0,0,1,1 "
          "header.x-request-id=abc-123-def "
          "message.1=u10065 <message.1=SKU-1406\n");
}
END_TEST

START_TEST(test_http2_interleaved_streams_and_reset)
{
    Writer w = writer_new();
    g_string_append_len(turn(&w, '>'), PREFACE SETTINGS, 33);
    headers(&w, 1, 1, FALSE, ":method: GET\n:path: /items/77?q=a");
    headers(&w, 1, 3, FALSE, ":method: GET\n:path: /slow");
    headers(&w, 0, 5, FALSE, ":method: POST\n:path: /up");
    turn(&w, '<');
    headers(&w, 1, 3, FALSE, ":status: 503");
    headers(&w, 0, 1, FALSE, ":status: 200");
    turn(&w, '>');
    frame(w.texts[2], 3, 0, 5, "\0\0\0\x08", 4);
    turn(&w, '<');
    frame(w.texts[3], 0, 1, 1, "hello", 5);
    check(&w, FALSE,
          "3 GET /slow [503]! 16/14 @0,0,1,1\n5 POST /up []NA 15/0 @0,0,-,-\n"
          "1 GET /items/{} [200] 22/24 @0,0,1,3 path.2=77 query.q=a\n");
}
END_TEST

START_TEST(test_http2_midstream_pairs_by_stream)
{
    Writer w = writer_new();
    turn(&w, '>');
    frame(w.texts[0], 1, 5, 7, "\xbf\xbe", 2);
    turn(&w, '<');
    frame(w.texts[1], 1, 4, 7, "\xbe", 1);
    frame(w.texts[1], 0, 1, 7, "hello", 5);
    check(&w, TRUE, "7  [] 11/24 @0,0,1,1\n");
}
END_TEST

START_TEST(test_http2_preface_without_handshake)
{
    Writer w = writer_new();
    g_string_append_len(turn(&w, '>'), PREFACE SETTINGS, 33);
    headers(&w, 1, 1, FALSE, ":method: GET\n:path: /a");
    turn(&w, '<');
    headers(&w, 1, 1, FALSE, ":status: 204");
    for (gsize i = 0; i < w.count; i++)
        w.turns[i].bytes = lamp_bytes(w.texts[i]->str, w.texts[i]->len);
    LampStream stream = {.is_midstream = TRUE};
    replay(&lamp_dissector_http2, w.turns, w.count, 0, 0, &stream);
    ck_assert_str_eq(stream.lines->str, "1 GET /a [204] 14/10 @0,0,1,1\n");
    g_string_free(stream.lines, TRUE);
    writer_clear(&w);
}
END_TEST

START_TEST(test_http2_gap_keeps_streams_paired)
{
    Writer w = writer_new();
    g_string_append_len(turn(&w, '>'), PREFACE SETTINGS, 33);
    headers(&w, 1, 1, FALSE, ":method: GET\n:path: /a");
    w.texts[w.count] = g_string_new("12345678901234567890");
    w.turns[w.count++].direction = '{';
    turn(&w, '<');
    frame(w.texts[2], 0, 1, 1, "hello", 5);
    check(&w, FALSE, "1 GET /a []G 14/14 @0,0,2,2\n");
}
END_TEST

/* A server may answer before the request is over, and say with a reset that the rest is not
 * wanted (RFC 9113, 8.1); what is under way then is no new call. */
START_TEST(test_http2_trailers_behind_a_reset_are_no_call)
{
    Writer w = writer_new();
    g_string_append_len(turn(&w, '>'), PREFACE SETTINGS, 33);
    headers(&w, 0, 1, FALSE, ":method: POST\n:path: /up");
    turn(&w, '<');
    headers(&w, 1, 1, FALSE, ":status: 413");
    frame(w.texts[1], 3, 0, 1, "\0\0\0\0", 4);
    turn(&w, '>');
    frame(w.texts[2], 0, 0, 1, "hello", 5);
    headers(&w, 1, 1, FALSE, "checksum: 12");
    headers(&w, 1, 3, FALSE, ":method: GET\n:path: /a");
    turn(&w, '<');
    headers(&w, 1, 3, FALSE, ":status: 200");
    check(&w, FALSE, "1 POST /up [413] 15/14 @0,0,1,1\n3 GET /a [200] 14/10 @2,2,3,3\n");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("dissect/http2");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, test_grpc_call_with_metadata_and_message_ids);
    tcase_add_test(tc, test_http2_interleaved_streams_and_reset);
    tcase_add_test(tc, test_http2_midstream_pairs_by_stream);
    tcase_add_test(tc, test_http2_preface_without_handshake);
    tcase_add_test(tc, test_http2_gap_keeps_streams_paired);
    tcase_add_test(tc, test_http2_trailers_behind_a_reset_are_no_call);
    suite_add_tcase(suite, tc);
    return suite;
}

int
main(void)
{
    return run_suite(make_suite());
}
