/* The readers of nfdump's CSV and JSON.
 */
#include "tests/unit/reader-checks.h"
#include "tests/unit/suite.h"

static void
expect_text(const LampReader *reader, const char *input, const char *flows,
            const char *findings)
{
    LampBytes bytes = lamp_bytes_text(input);
    Collect c;
    collect_begin(&c);
    ck_assert_uint_gt(reader->probe(bytes, "x"), 90);
    collect_read(&c, reader, bytes, 0, FALSE);
    ck_assert_str_eq(c.text->str, flows);
    ck_assert_str_eq(c.findings->str, findings);
    collect_end(&c);
    check_chunking(reader, bytes, FALSE);
}

START_TEST(test_csv)
{
    expect_text(
        &lamp_reader_nfdump_csv,
        "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt,in,out,sas,das,smk\n"
        "2023-01-25 18:35:43,2023-01-25 "
        "18:35:44,1.250,10.0.0.1,10.0.0.2,40000,443,TCP,...AP.SF,"
        "0,0,9,930,3,120,9,10,64512,0,0,0,0,0\n"
        "2023-01-25 18:35:43,2023-01-25 18:35:40,18446744073709548.000,10.0.0.1,10.0.0.2,0,8.1,"
        "ICMP,........,0,0,1,84,0,0,0,0,0,0\r\n"
        "2023-01-25 18:35:43,2023-01-25 18:35:40,broken\n"
        "2023-01-25 18:35:43,2023-01-25 "
        "18:35:43,0.000,2001:db8::1,2001:db8::2,53,40000,17,0x1b,"
        "0,0,1,84\n"
        "Summary\nflows,bytes,packets,avg_bps,avg_pps,avg_bpp\n3,1098,11,1,1,1\n",
        "flow 40000>443 transport 6 packets 9 bytes 930 flags 27 times 1674671743000 "
        "1674671744250 {\"packets_back\":3,\"bytes_back\":120,\"input\":9,\"output\":10,"
        "\"source_as\":64512}\n"
        "flow 0>2049 transport 1 packets 1 bytes 84 flags 0 times 1674671743000 "
        "1674671740000\n"
        "flow 53>40000 transport 17 packets 1 bytes 84 flags 27 times 1674671743000 "
        "1674671743000\n",
        "nfdump.line 322\n");
}
END_TEST

START_TEST(test_csv_without_heading)
{
    expect_text(&lamp_reader_nfdump_csv,
                "2023-01-25 18:35:43,2023-01-25 18:35:44,1.250,10.0.0.1,10.0.0.2,40000,443,TCP,"
                "...AP.S.,0,0,9,930,0,0,0,0,0,0",
                "flow 40000>443 transport 6 packets 9 bytes 930 flags 26 times 1674671743000 "
                "1674671744250\n",
                "");
}
END_TEST

START_TEST(test_json)
{
    expect_text(&lamp_reader_nfdump_json,
                "[\n{\n\t\"type\" : \"FLOW\",\n\t\"first\" : \"2023-01-25T18:35:43.884\",\n"
                "\t\"last\" : \"2023-01-25T18:35:44.254\",\n\t\"in_packets\" : 9,\n"
                "\t\"in_bytes\" : 930,\n\t\"proto\" : 6,\n\t\"tcp_flags\" : \"...AP...\",\n"
                "\t\"src_port\" : 443,\n\t\"dst_port\" : 57358,\n"
                "\t\"src4_addr\" : \"52.5.7.161\",\n\t\"dst4_addr\" : \"170.80.156.33\",\n"
                "\t\"dst4_xlt_ip\" : \"192.168.0.99\",\n\t\"label\" : \"<none>\"\n},\n"
                "{\n\t\"type\" : \"EVENT\",\n\t\"label\" : \"no addresses\"\n},\n"
                "{\n\t\"type\" : \"FLOW\",\n\t\"first\" : \"2023-01-25T18:3",
                "flow 443>57358 transport 6 packets 9 bytes 930 flags 24 times 1674671743884 "
                "1674671744254 {\"nat_destination\":\"192.168.0.99\"}\n",
                "nfdump.object 333\nnfdump.object 383\n");
}
END_TEST

/* The same flows as in the binary file, as far as the text has them. */
START_TEST(test_real_csv)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    const char *path = "../shared/data/public/chrispassas+nfdump/nfcapd-small-lzo";
    g_autofree char *csv = g_strconcat(path, ".nfdump-1.7.1.csv", NULL);
    Collect c;
    if (!g_file_get_contents(csv, &text, &length, NULL)) {
        g_print("skipped: %s is absent\n", csv);
        return;
    }
    collect_begin(&c);
    collect_read(&c, &lamp_reader_nfdump_csv, lamp_bytes(text, length), 0, FALSE);
    ck_assert_uint_eq(c.records, 10);
    ck_assert_str_eq(c.findings->str, "");
    collect_end(&c);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("nfdump-text");
    TCase *tests = tcase_create("nfdump-text");
    tcase_add_test(tests, test_csv);
    tcase_add_test(tests, test_csv_without_heading);
    tcase_add_test(tests, test_json);
    tcase_add_test(tests, test_real_csv);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
