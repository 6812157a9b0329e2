/* One line for each reader; the table is in ingest/readers.c. */
#pragma once

#include "ingest/reader.h"

extern const LampReader lamp_reader_hosts;
extern const LampReader lamp_reader_pcap;
extern const LampReader lamp_reader_pcapng;
