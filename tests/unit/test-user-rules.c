/* What users and lnav say of their formats beside patterns: times, levels, units. */
#include "ingest/readers.h"
#include "tests/unit/log-sink.h"
#include "tests/unit/suite.h"

static char *
read_by_pattern(const char *patterns, const char *text)
{
    LampSourceContext own = {.path = "x.log", .modified = LAMP_TIME_NONE, .pattern = patterns};
    return log_sink_of("pattern", &own, text);
}

/* Times, levels and units as only the user knows them; keys that nobody knows. */
START_TEST(test_rules_of_the_user)
{
    g_autofree char *text = read_by_pattern(
        "[pay]\npattern=^(?<time>\\S+ \\S+) <(?<level>\\w+)> (?<method>\\w+) (?<path>\\S+) "
        "(?<duration>\\d+)$\ntime-format=%d.%m.%Y %Hh%Mm%S\ntime-format.2=%Y%m%d %H%M%S%L\n"
        "level.error=^ROT$\nunit.duration=us\npatern=x\ntime-format.3=%Q\n",
        "03.05.2023 17h20m31 <ROT> GET /a 31000\n20230503 172032500 <info> GET /b 500\n");
    ck_assert_msg(strstr(text, "call server 2023-05-03T17:20:30.969000000Z") != NULL, "%s",
                  text);
    ck_assert_msg(strstr(text, "2023-05-03T17:20:32.500000000Z ~1000000 severity=<info>") !=
                      NULL,
                  "%s", text);
    ck_assert_msg(strstr(text, "severity=<error>") != NULL, "%s", text);
    g_autofree char *complaint =
        lamp_patterns_complaint("[x]\npattern=^(?<time>.*)$\npatern=x\n"
                                "time-format=%Q\nlevel.odd=x\n"
                                "unit.d=parsec\n");
    ck_assert_str_eq(complaint,
                     "[x]: there is no key `patern`; [x]: a time-format has parts that "
                     "are not known: `%Q`; [x]: no level is called `level.odd`; [x]: "
                     "no unit of time is given by `unit.d`");
    ck_assert_ptr_null(lamp_patterns_complaint("[x]\npattern=^(?<time>.*)$\n"));
}
END_TEST

/* What lnav says of levels, durations and times. */
START_TEST(test_rules_of_lnav)
{
    static const char formats[] =
        "{\"k_log\": {\"json\": true, \"timestamp-field\": \"when\", \"level-field\": "
        "\"sev\",\n"
        " \"level\": {\"error\": 1, \"info\": 3}, \"body-field\": \"what\",\n"
        " \"duration-field\": \"dur\", \"duration-divisor\": 1000000},\n"
        " \"w_log\": {\"regex\": {\"b\": {\"pattern\": \"^(?<timestamp>\\\\S+ \\\\S+) "
        "<(?<level>\\\\w+)> (?<body>.*)$\"}}, \"level-field\": \"level\",\n"
        " \"level\": {\"warning\": \"GELB\"}, \"timestamp-format\": [\"%d.%m.%Y "
        "%Hh%Mm%S\"]}}\n";
    g_autofree char *text = read_by_pattern(
        formats, "{\"when\":1683109233123,\"sev\":1,\"what\":\"x\",\"dur\":31000,"
                 "\"method\":\"GET\",\"path\":\"/a\"}\n03.05.2023 17h20m31 <GELB> hi\n");
    ck_assert_msg(strstr(text, "call server 2023-05-03T10:20:33.092000000Z") != NULL, "%s",
                  text);
    ck_assert_msg(strstr(text, "severity=<error> message=<x>") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "2023-05-03T17:20:31.000000000Z ~1000000000 severity=<warn>") !=
                      NULL,
                  "%s", text);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("user-rules");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, test_rules_of_the_user);
    tcase_add_test(tcase, test_rules_of_lnav);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
