/*
 * The table of formats. A new format is one file and one row here (and one line in readers.h).
 * Alphabetical: order carries no meaning, the probes' scores decide.
 */
#include "ingest/readers.h"

/* clang-format off */
const LampReader *const lamp_readers[] = {
    &lamp_reader_access,
    &lamp_reader_application,
    &lamp_reader_cri,
    &lamp_reader_dotnet,
    &lamp_reader_elasticsearch,
    &lamp_reader_elb,
    &lamp_reader_envoy,
    &lamp_reader_haproxy,
    &lamp_reader_hosts,
    &lamp_reader_journal,
    &lamp_reader_json,
    &lamp_reader_jsonl,
    &lamp_reader_kernel,
    &lamp_reader_keylog,
    &lamp_reader_labels,
    &lamp_reader_levels,
    &lamp_reader_logfmt,
    &lamp_reader_mysql_general,
    &lamp_reader_mysql_slow,
    &lamp_reader_nfcapd,
    &lamp_reader_nfdump_csv,
    &lamp_reader_nfdump_json,
    &lamp_reader_otlp_logs,
    &lamp_reader_pattern,
    &lamp_reader_pcap,
    &lamp_reader_pcapng,
    &lamp_reader_php_fpm,
    &lamp_reader_postgresql,
    &lamp_reader_postgresql_csv,
    &lamp_reader_rails,
    &lamp_reader_spans,
    &lamp_reader_syslog,
    &lamp_reader_table,
    &lamp_reader_text,
    &lamp_reader_traces,
    &lamp_reader_vpc_flow,
    NULL,
};
/* clang-format on */
