/*
 * The table of field names. In: a name; out: its meaning. Sorted by the folded name (lower
 * case, punctuation removed), searched by bisection.
 */
#include "ingest/log/meaning.h"

enum { NAME_MAX_BYTES = 40 };

#define S G_GINT64_CONSTANT(1000000000)
#define MS G_GINT64_CONSTANT(1000000)
#define US G_GINT64_CONSTANT(1000)

typedef struct {
    const char *name;
    LampMeaning means;
} Row;

/* clang-format off */
static const Row rows[] = {
    {"application", {LAMP_MEANS_SERVICE, 0}},
    {"appname", {LAMP_MEANS_SERVICE, 0}},
    {"asctime", {LAMP_MEANS_TIME, 0}},
    {"attrdurationmillis", {LAMP_MEANS_DURATION, MS}},
    {"attrns", {LAMP_MEANS_TARGET, 0}},
    {"attrremote", {LAMP_MEANS_CLIENT_ADDRESS, 0}},
    {"body", {LAMP_MEANS_MESSAGE, 0}},
    {"bodybytessent", {LAMP_MEANS_BYTES_SENT, 0}},
    {"bodystringvalue", {LAMP_MEANS_MESSAGE, 0}},
    {"bytessent", {LAMP_MEANS_BYTES_SENT, 0}},
    {"c", {LAMP_MEANS_SERVICE, 0}},
    {"cip", {LAMP_MEANS_CLIENT_ADDRESS, 0}},
    {"clientaddr", {LAMP_MEANS_CLIENT_ADDRESS, 0}},
    {"clientaddress", {LAMP_MEANS_CLIENT_ADDRESS, 0}},
    {"clienthost", {LAMP_MEANS_CLIENT_ADDRESS, 0}},
    {"clientip", {LAMP_MEANS_CLIENT_ADDRESS, 0}},
    {"clientport", {LAMP_MEANS_CLIENT_PORT, 0}},
    {"clientrequestmethod", {LAMP_MEANS_METHOD, 0}},
    {"clientrequesturi", {LAMP_MEANS_TARGET, 0}},
    {"code", {LAMP_MEANS_STATUS, 0}},
    {"component", {LAMP_MEANS_LOGGER, 0}},
    {"containername", {LAMP_MEANS_SERVICE, 0}},
    {"correlationid", {LAMP_MEANS_REQUEST_ID, 0}},
    {"cport", {LAMP_MEANS_CLIENT_PORT, 0}},
    {"csbytes", {LAMP_MEANS_BYTES_RECEIVED, 0}},
    {"csmethod", {LAMP_MEANS_METHOD, 0}},
    {"csuristem", {LAMP_MEANS_TARGET, 0}},
    {"ctx", {LAMP_MEANS_THREAD, 0}},
    {"datatime", {LAMP_MEANS_TIME, 0}}, /* `data.time` of k6 */
    {"date", {LAMP_MEANS_TIME, 0}},
    {"datetime", {LAMP_MEANS_TIME, 0}},
    {"downstreamremoteaddress", {LAMP_MEANS_CLIENT_ADDRESS, 0}},
    {"downstreamremoteport", {LAMP_MEANS_CLIENT_PORT, 0}},
    {"downstreamstatus", {LAMP_MEANS_STATUS, 0}},
    {"dur", {LAMP_MEANS_DURATION, 0}},
    {"duration", {LAMP_MEANS_DURATION, 0}},
    {"durationms", {LAMP_MEANS_DURATION, MS}},
    {"durationns", {LAMP_MEANS_DURATION, 1}},
    {"durations", {LAMP_MEANS_DURATION, S}},
    {"durationseconds", {LAMP_MEANS_DURATION, S}},
    {"durationus", {LAMP_MEANS_DURATION, US}},
    {"durms", {LAMP_MEANS_DURATION, MS}},
    {"edgeresponsebytes", {LAMP_MEANS_BYTES_SENT, 0}},
    {"edgeresponsestatus", {LAMP_MEANS_STATUS, 0}},
    {"edgestarttimestamp", {LAMP_MEANS_TIME_BEGIN, 0}},
    {"elapsed", {LAMP_MEANS_DURATION, 0}},
    {"elapsedmilliseconds", {LAMP_MEANS_DURATION, MS}},
    {"elapsedms", {LAMP_MEANS_DURATION, MS}},
    {"elapsedseconds", {LAMP_MEANS_DURATION, S}},
    {"elapsedtime", {LAMP_MEANS_DURATION, 0}},
    {"errorlevel", {LAMP_MEANS_SEVERITY, 0}},
    {"errorseverity", {LAMP_MEANS_SEVERITY, 0}},
    {"eventduration", {LAMP_MEANS_DURATION, 1}},
    {"eventtime", {LAMP_MEANS_TIME, 0}},
    {"fieldsmessage", {LAMP_MEANS_MESSAGE, 0}},
    {"grpccode", {LAMP_MEANS_STATUS, 0}},
    {"grpccomponent", {LAMP_MEANS_SIDE, 0}},
    {"grpcmethod", {LAMP_MEANS_RPC_METHOD, 0}},
    {"grpcservice", {LAMP_MEANS_RPC_SERVICE, 0}},
    {"grpctimems", {LAMP_MEANS_DURATION, MS}},
    {"grpctimens", {LAMP_MEANS_DURATION, 1}},
    {"host", {LAMP_MEANS_HOST, 0}},
    {"hosthostname", {LAMP_MEANS_HOST, 0}},
    {"hostname", {LAMP_MEANS_HOST, 0}},
    {"httpmethod", {LAMP_MEANS_METHOD, 0}},
    {"httppath", {LAMP_MEANS_TARGET, 0}},
    {"httprequestid", {LAMP_MEANS_REQUEST_ID, 0}},
    {"httprequestlatency", {LAMP_MEANS_DURATION, 0}},
    {"httprequestmethod", {LAMP_MEANS_METHOD, 0}},
    {"httprequestremoteip", {LAMP_MEANS_CLIENT_ADDRESS, 0}},
    {"httprequestrequestmethod", {LAMP_MEANS_METHOD, 0}},
    {"httprequestrequesturl", {LAMP_MEANS_TARGET, 0}},
    {"httprequestresponsesize", {LAMP_MEANS_BYTES_SENT, 0}},
    {"httprequeststatus", {LAMP_MEANS_STATUS, 0}},
    {"httpresponsebodybytes", {LAMP_MEANS_BYTES_SENT, 0}},
    {"httpresponsestatuscode", {LAMP_MEANS_STATUS, 0}},
    {"httpserverrequestduration", {LAMP_MEANS_DURATION, S}},
    {"httpstatus", {LAMP_MEANS_STATUS, 0}},
    {"httpstatuscode", {LAMP_MEANS_STATUS, 0}},
    {"httpurl", {LAMP_MEANS_TARGET, 0}},
    {"idorigh", {LAMP_MEANS_CLIENT_ADDRESS, 0}},
    {"idorigp", {LAMP_MEANS_CLIENT_PORT, 0}},
    {"instantepochsecond", {LAMP_MEANS_TIME_SECONDS, 0}},
    {"instantnanoofsecond", {LAMP_MEANS_TIME_NANOSECONDS, 0}},
    {"jsonpayloadmessage", {LAMP_MEANS_MESSAGE, 0}},
    {"kubernetescontainername", {LAMP_MEANS_SERVICE, 0}},
    {"kubernetespodname", {LAMP_MEANS_HOST, 0}},
    {"l", {LAMP_MEANS_SEVERITY, 0}},
    {"latency", {LAMP_MEANS_DURATION, 0}},
    {"latencyms", {LAMP_MEANS_DURATION, MS}},
    {"latencyseconds", {LAMP_MEANS_DURATION, S}},
    {"level", {LAMP_MEANS_SEVERITY, 0}},
    {"levelname", {LAMP_MEANS_SEVERITY, 0}},
    {"log", {LAMP_MEANS_MESSAGE, 0}},
    {"logger", {LAMP_MEANS_LOGGER, 0}},
    {"loggername", {LAMP_MEANS_LOGGER, 0}},
    {"loglevel", {LAMP_MEANS_SEVERITY, 0}},
    {"loglogger", {LAMP_MEANS_LOGGER, 0}},
    {"logmessage", {LAMP_MEANS_MESSAGE, 0}},
    {"logtime", {LAMP_MEANS_TIME, 0}},
    {"lvl", {LAMP_MEANS_SEVERITY, 0}},
    {"m", {LAMP_MEANS_MESSAGE, 0}},
    {"message", {LAMP_MEANS_MESSAGE, 0}},
    {"method", {LAMP_MEANS_METHOD, 0}},
    {"ms", {LAMP_MEANS_DURATION, MS}},
    {"msec", {LAMP_MEANS_TIME, 0}},
    {"msg", {LAMP_MEANS_MESSAGE, 0}},
    {"mt", {LAMP_MEANS_MESSAGE, 0}},
    {"path", {LAMP_MEANS_TARGET, 0}},
    {"pid", {LAMP_MEANS_PROCESS, 0}},
    {"pod", {LAMP_MEANS_HOST, 0}},
    {"podname", {LAMP_MEANS_HOST, 0}},
    {"priority", {LAMP_MEANS_SEVERITY, 0}},
    {"process", {LAMP_MEANS_PROCESS, 0}},
    {"processid", {LAMP_MEANS_PROCESS, 0}},
    {"processname", {LAMP_MEANS_LOGGER, 0}},
    {"processpid", {LAMP_MEANS_PROCESS, 0}},
    {"processthreadid", {LAMP_MEANS_THREAD, 0}},
    {"processthreadname", {LAMP_MEANS_THREAD, 0}},
    {"program", {LAMP_MEANS_SERVICE, 0}},
    {"programname", {LAMP_MEANS_SERVICE, 0}},
    {"propertiessourcecontext", {LAMP_MEANS_LOGGER, 0}},
    {"realtimetimestamp", {LAMP_MEANS_TIME, 0}},
    {"remoteaddr", {LAMP_MEANS_CLIENT_ADDRESS, 0}},
    {"remotehost", {LAMP_MEANS_CLIENT_ADDRESS, 0}},
    {"remoteip", {LAMP_MEANS_CLIENT_ADDRESS, 0}},
    {"remoteport", {LAMP_MEANS_CLIENT_PORT, 0}},
    {"renderedmessage", {LAMP_MEANS_MESSAGE, 0}},
    {"reqid", {LAMP_MEANS_REQUEST_ID, 0}},
    {"reqmethod", {LAMP_MEANS_METHOD, 0}},
    {"reqremoteaddress", {LAMP_MEANS_CLIENT_ADDRESS, 0}},
    {"reqremoteport", {LAMP_MEANS_CLIENT_PORT, 0}},
    {"request", {LAMP_MEANS_REQUEST_LINE, 0}},
    {"requestduration", {LAMP_MEANS_DURATION, 0}},
    {"requestheadersxrequestid", {LAMP_MEANS_REQUEST_ID, 0}},
    {"requestid", {LAMP_MEANS_REQUEST_ID, 0}},
    {"requestlength", {LAMP_MEANS_BYTES_RECEIVED, 0}},
    {"requestmethod", {LAMP_MEANS_METHOD, 0}},
    {"requestpath", {LAMP_MEANS_TARGET, 0}},
    {"requestremoteip", {LAMP_MEANS_CLIENT_ADDRESS, 0}},
    {"requestremoteport", {LAMP_MEANS_CLIENT_PORT, 0}},
    {"requesttime", {LAMP_MEANS_DURATION, S}},
    {"requesturi", {LAMP_MEANS_TARGET, 0}},
    {"requesturl", {LAMP_MEANS_TARGET, 0}},
    {"requrl", {LAMP_MEANS_TARGET, 0}},
    {"resbytes", {LAMP_MEANS_BYTES_SENT, 0}},
    {"resourceattributeshostname", {LAMP_MEANS_HOST, 0}},
    {"resourceattributesservicename", {LAMP_MEANS_SERVICE, 0}},
    {"resourcehostname", {LAMP_MEANS_HOST, 0}},
    {"resourcelabelscontainername", {LAMP_MEANS_SERVICE, 0}},
    {"resourcelabelspodname", {LAMP_MEANS_HOST, 0}},
    {"resourceservicename", {LAMP_MEANS_SERVICE, 0}},
    {"respbodysize", {LAMP_MEANS_BYTES_SENT, 0}},
    {"respcode", {LAMP_MEANS_STATUS, 0}},
    {"responsebodybytes", {LAMP_MEANS_BYTES_SENT, 0}},
    {"responsecode", {LAMP_MEANS_STATUS, 0}},
    {"responsems", {LAMP_MEANS_DURATION, MS}},
    {"responsetime", {LAMP_MEANS_DURATION, MS}},
    {"responsetimems", {LAMP_MEANS_DURATION, MS}},
    {"resstatuscode", {LAMP_MEANS_STATUS, 0}},
    {"rid", {LAMP_MEANS_REQUEST_ID, 0}},
    {"s", {LAMP_MEANS_SEVERITY, 0}},
    {"scbytes", {LAMP_MEANS_BYTES_SENT, 0}},
    {"scstatus", {LAMP_MEANS_STATUS, 0}},
    {"service", {LAMP_MEANS_SERVICE, 0}},
    {"serviceaddr", {LAMP_MEANS_UPSTREAM_ADDRESS, 0}},
    {"servicename", {LAMP_MEANS_SERVICE, 0}},
    {"servicesname", {LAMP_MEANS_SERVICE, 0}},
    {"severity", {LAMP_MEANS_SEVERITY, 0}},
    {"severitynumber", {LAMP_MEANS_SEVERITY_NUMBER, 0}},
    {"severitytext", {LAMP_MEANS_SEVERITY, 0}},
    {"shortmessage", {LAMP_MEANS_MESSAGE, 0}},
    {"size", {LAMP_MEANS_BYTES_SENT, 0}},
    {"sourcecontext", {LAMP_MEANS_LOGGER, 0}},
    {"spankind", {LAMP_MEANS_SIDE, 0}},
    {"startlocal", {LAMP_MEANS_TIME_BEGIN, 0}},
    {"starttime", {LAMP_MEANS_TIME_BEGIN, 0}},
    {"startutc", {LAMP_MEANS_TIME_BEGIN, 0}},
    {"stateelapsedmilliseconds", {LAMP_MEANS_DURATION, MS}},
    {"statemethod", {LAMP_MEANS_METHOD, 0}},
    {"statepath", {LAMP_MEANS_TARGET, 0}},
    {"statestatuscode", {LAMP_MEANS_STATUS, 0}},
    {"status", {LAMP_MEANS_STATUS, 0}},
    {"statuscode", {LAMP_MEANS_STATUS, 0}},
    {"syslogidentifier", {LAMP_MEANS_SERVICE, 0}},
    {"t", {LAMP_MEANS_TIME, 0}},
    {"t$date", {LAMP_MEANS_TIME, 0}},
    {"textpayload", {LAMP_MEANS_MESSAGE, 0}},
    {"thread", {LAMP_MEANS_THREAD, 0}},
    {"threadid", {LAMP_MEANS_THREAD, 0}},
    {"threadidentifier", {LAMP_MEANS_THREAD, 0}},
    {"threadname", {LAMP_MEANS_THREAD, 0}},
    {"time", {LAMP_MEANS_TIME, 0}},
    {"timeiso", {LAMP_MEANS_TIME, 0}},
    {"timeiso8601", {LAMP_MEANS_TIME, 0}},
    {"timelocal", {LAMP_MEANS_TIME, 0}},
    {"timemillis", {LAMP_MEANS_TIME, 0}},
    {"timestamp", {LAMP_MEANS_TIME, 0}},
    {"timestampms", {LAMP_MEANS_TIME, 0}},
    {"timetaken", {LAMP_MEANS_DURATION, MS}},
    {"timeunixnano", {LAMP_MEANS_TIME, 0}},
    {"took", {LAMP_MEANS_DURATION, 0}},
    {"tookms", {LAMP_MEANS_DURATION, MS}},
    {"tr", {LAMP_MEANS_REQUEST_ID, 0}},
    {"traceid", {LAMP_MEANS_REQUEST_ID, 0}},
    {"ts", {LAMP_MEANS_TIME, 0}},
    {"upstreamaddr", {LAMP_MEANS_UPSTREAM_ADDRESS, 0}},
    {"upstreamaddress", {LAMP_MEANS_UPSTREAM_ADDRESS, 0}},
    {"upstreamconnecttime", {LAMP_MEANS_UPSTREAM_CONNECT, S}},
    {"upstreamheadertime", {LAMP_MEANS_UPSTREAM_HEADER, S}},
    {"upstreamhost", {LAMP_MEANS_UPSTREAM_ADDRESS, 0}},
    {"upstreamresponsetime", {LAMP_MEANS_UPSTREAM_TIME, S}},
    {"upstreamservicetime", {LAMP_MEANS_UPSTREAM_TIME, MS}},
    {"upstreamstatus", {LAMP_MEANS_UPSTREAM_STATUS, 0}},
    {"upstreamtime", {LAMP_MEANS_UPSTREAM_TIME, S}},
    {"uri", {LAMP_MEANS_TARGET, 0}},
    {"url", {LAMP_MEANS_TARGET, 0}},
    {"urloriginal", {LAMP_MEANS_TARGET, 0}},
    {"urlpath", {LAMP_MEANS_TARGET, 0}},
    {"xrequestid", {LAMP_MEANS_REQUEST_ID, 0}},
};
/* clang-format on */

static gsize
fold_name(LampBytes key, char *out_name)
{
    gsize n = 0;
    for (gsize i = 0; i < key.len; i++) {
        char c = (char) key.at[i];
        if (c == '_' || c == '-' || c == '.' || c == '@' || c == ' ')
            continue;
        if (n == NAME_MAX_BYTES)
            return 0;
        out_name[n++] = g_ascii_tolower(c);
    }
    return n;
}

/* @name may hold any byte, NUL too. */
static int
compare_name(const char *name, gsize len, const char *row)
{
    gsize row_len = strlen(row);
    int order = memcmp(name, row, MIN(len, row_len));
    return order != 0 ? order : (len > row_len) - (len < row_len);
}

LampMeaning
lamp_meaning_of(LampBytes key)
{
    char name[NAME_MAX_BYTES];
    gsize len = fold_name(key, name), low = 0, high = G_N_ELEMENTS(rows);
    if (lamp_bytes_equal(key, lamp_bytes("Elapsed", 7))) /* as .NET programs write it */
        return (LampMeaning){LAMP_MEANS_DURATION, MS};
    while (len > 0 && low < high) {
        gsize middle = (low + high) / 2;
        int order = compare_name(name, len, rows[middle].name);
        if (order == 0)
            return rows[middle].means;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return (LampMeaning){LAMP_MEANS_NOTHING, 0};
}
