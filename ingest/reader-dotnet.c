/*
 * The console logger of .NET in files of its own; ingest/log/dotnet.c knows the lines, which
 * containers' logs hold, too. Lines behind the first are indented by six blanks.
 */
#include "ingest/log/forms.h"
#include "ingest/readers.h"

static gboolean
join(LampLog *log, LampBytes line, LampLogRecord *record)
{
    return record->is_headed && line.at[0] == ' ' && lamp_log_join_text(log, line, record);
}

static const LampLogFormat format = {
    .parse = lamp_log_parse_dotnet,
    .join = join,
    .most = 88,
    .without_time = "the console logger was given no TimestampFormat: the order of lines is "
                    "all that is known; containers' logs have the time of each line",
};

static guint
probe(LampBytes head, const char *path)
{
    (void) path;
    return lamp_log_probe(&format, head);
}

static void
begin(gpointer state, const LampSourceContext *context)
{
    lamp_log_begin(state, &format, context);
}

const LampReader lamp_reader_dotnet = {
    .name = "dotnet",
    .summary = "the console logger of .NET, in two lines or one",
    .spec = "Microsoft.Extensions.Logging.Console, SimpleConsoleFormatter",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(LampLog),
    .probe = probe,
    .begin = begin,
    .step = lamp_log_step,
    .end = lamp_log_end,
};
