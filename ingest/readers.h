/* One line for each reader; the table is in ingest/readers.c. */
#pragma once

#include "ingest/reader.h"

extern const LampReader lamp_reader_access;
extern const LampReader lamp_reader_application;
extern const LampReader lamp_reader_cri;
extern const LampReader lamp_reader_dotnet;
extern const LampReader lamp_reader_elasticsearch;
extern const LampReader lamp_reader_elb;
extern const LampReader lamp_reader_envoy;
extern const LampReader lamp_reader_haproxy;
extern const LampReader lamp_reader_hosts;
extern const LampReader lamp_reader_journal;
extern const LampReader lamp_reader_json;
extern const LampReader lamp_reader_jsonl;
extern const LampReader lamp_reader_kernel;
extern const LampReader lamp_reader_keylog;
extern const LampReader lamp_reader_labels;
extern const LampReader lamp_reader_levels;
extern const LampReader lamp_reader_logfmt;
extern const LampReader lamp_reader_mysql_general;
extern const LampReader lamp_reader_mysql_slow;
extern const LampReader lamp_reader_nfcapd;
extern const LampReader lamp_reader_nfdump_csv;
extern const LampReader lamp_reader_nfdump_json;
extern const LampReader lamp_reader_otlp_logs;
extern const LampReader lamp_reader_pattern;
extern const LampReader lamp_reader_pcap;
extern const LampReader lamp_reader_pcapng;
extern const LampReader lamp_reader_php_fpm;
extern const LampReader lamp_reader_postgresql;
extern const LampReader lamp_reader_postgresql_csv;
extern const LampReader lamp_reader_rails;
extern const LampReader lamp_reader_spans;
extern const LampReader lamp_reader_syslog;
extern const LampReader lamp_reader_table;
extern const LampReader lamp_reader_text;
extern const LampReader lamp_reader_traces;
extern const LampReader lamp_reader_vpc_flow;

/* What is wrong in the text of a file of formats (`--patterns`), or NULL. Caller frees. */
char *lamp_patterns_complaint(const char *text);
