/* One line for each format; the table is in cli/export/exporters.c. */
#pragma once

#include "cli/export/exporter.h"

extern const LampExporter lamp_exporter_folded;
extern const LampExporter lamp_exporter_jaeger;
extern const LampExporter lamp_exporter_otlp;
extern const LampExporter lamp_exporter_perfetto;
extern const LampExporter lamp_exporter_speedscope;
extern const LampExporter lamp_exporter_zipkin;
