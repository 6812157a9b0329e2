/*
 * Who wrote a log line: the component that it names, and the service.
 */
#pragma once

#include "base/keyed-map.h"
#include "correlate/correlation.h"
#include "store/statement.h"

/* Columns of a line's row that tell of its writer, from @first_column on:
 * host_id, service_id, is_logger, source_id. */
#define LAMP_LINE_WRITER_COLUMNS "host_id, service_id, is_logger, source_id"

typedef struct {
    LampCorrelation *c;
    GHashTable *sources;              /* source id to index + 1 */
    LampKeyedMap *components, *names; /* to numbers */
    GArray *services;                 /* guint32 by writer: string id of its name, 0 unknown */
} LampLineWriters;

/* @services is borrowed and gets one entry for each writer, the first for none. */
void lamp_line_writers_begin(LampLineWriters *writers, LampCorrelation *c, GArray *services);
void lamp_line_writers_end(LampLineWriters *writers);

/* Index of the file that @row is from, plus one; 0 unknown. */
guint32 lamp_line_file(const LampLineWriters *writers, LampStatement *row, int first_column);

/* The component of the line in @row: host and service as the line names them, be the service a
 * program or a logger; a line that names neither is of its file's host, or of its file. */
guint32 lamp_line_component(LampLineWriters *writers, LampStatement *row, int first_column);

/* The service that wrote the line in @row: the program that it names, else its file's host, or
 * its file. Loggers are parts of a program and no services. */
guint32 lamp_line_writer(LampLineWriters *writers, LampStatement *row, int first_column);
