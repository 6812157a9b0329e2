/*
 * The passes of the correlate stage in their order. A new pass is one file and one row here.
 */
#include "correlate/passes.h"
#include "correlate/log-lines.h"
#include "correlate/span-parents.h"

const LampPass lamp_passes[] = {
    {"load", "the observations of store/schema.sql", lamp_pass_load},
    {"fold-keys", "words in keys of stores that stand for one thing of many",
     lamp_pass_fold_keys},
    {"writers", "programs and hosts that log records name", lamp_pass_writers},
    {"hosts", "vantage points from addresses and handshakes (Paxson 1997)", lamp_pass_hosts},
    {"join", "ends of imported spans by id, else by containment in time", lamp_pass_join},
    {"merge", "one call at several taps by sequence number (DeepFlow, SIGCOMM 2023)",
     lamp_pass_merge},
    {"clocks",
     "hulls of two-way delays (Paxson 1998; Moon et al. 1999), solved as a graph (Huygens, "
     "NSDI 2018)",
     lamp_pass_clocks},
    {"times", "stamps as intervals on the reference clock", lamp_pass_times},
    {"logs", "one line to one call by operation, address, end and duration", lamp_pass_logs},
    {"log-requests", "requests from log lines alone (docs/log-requests.md)",
     lamp_pass_log_requests},
    {"sort", "calls by time", lamp_pass_sort},
    {"services", "replicas by protocol, port and operations", lamp_pass_services},
    {"owners",
     "one process for each connection, by what it was serving (vPath, USENIX ATC 2009)",
     lamp_pass_owners},
    {"links", "one probabilistic model of all evidence (docs/inference.md)", lamp_pass_links},
    {"told", "parents of imported spans that the input tells", lamp_pass_told},
    {"shared-traces", "one trace for one id", lamp_pass_shared_traces},
    {"callers", "who calls for a request is inside", lamp_pass_callers},
    {"log-links", "order of components in a request's lines", lamp_pass_log_links},
    {"traces", "trees of links", lamp_pass_traces},
    {"write", "logical clocks (Lamport 1978; Fidge and Mattern 1988)", lamp_pass_write},
    {"flow-spans", "two-way flows as spans (docs/dependencies.md)", lamp_pass_flow_spans},
    {0},
};
