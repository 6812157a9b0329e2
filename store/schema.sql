--- # The lamplight database
--- One SQLite file is the only hand-off between the stages and the product's programming interface.
--- Times are integers: nanoseconds since the Unix epoch, UTC. Sizes are bytes. Texts that repeat are
--- interned in `strings`, tables hold their `*_id`; the views hold the text. Stages: *ingest* fills
--- `sources` to `flow_records`, *correlate* fills `hosts` to `inference_services`. Base tables may gain columns;
--- the views keep their names and columns.

--- Facts about this file: schema version, stage states, how it was made.
CREATE TABLE meta (
    key TEXT PRIMARY KEY,            -- name of the fact, for example `ingest.state`
    value TEXT NOT NULL              -- its value; stage states are `running` or `done`
) WITHOUT ROWID;

--- Every distinct repeated text, once.
CREATE TABLE strings (
    string_id INTEGER PRIMARY KEY,   -- referenced by every `*_id` column that says so
    text TEXT NOT NULL               -- the text; invalid UTF-8 is replaced by U+FFFD
);

--- One row for each input file (or member of an archive, or standard input).
CREATE TABLE sources (
    source_id INTEGER PRIMARY KEY,   -- given in the order of paths, not of arguments; rotated files of one log from the oldest to the newest
    path TEXT NOT NULL,              -- as found, below the path that the user gave
    format TEXT,                     -- reader that read it (`pcap`, `jsonl`, …), NULL if none fits
    kind TEXT,                       -- `capture`, `log`, `flow`, `span`, `table` or NULL
    host TEXT,                       -- host name taken from the path or told by the user, or NULL
    size_bytes INTEGER NOT NULL,     -- size on disk, compressed where it is compressed
    content_hash TEXT,               -- 16 hex digits of a hash of the (uncompressed) content
    state TEXT NOT NULL,             -- `pending`, `done`, `failed` (unreadable), `duplicate`, `skipped`
    bytes_read INTEGER NOT NULL DEFAULT 0,   -- uncompressed bytes read
    bytes_parsed INTEGER NOT NULL DEFAULT 0, -- of these, bytes inside records that were understood
    records INTEGER NOT NULL DEFAULT 0,      -- log records, packets or flows understood
    rejected INTEGER NOT NULL DEFAULT 0,     -- log records, packets or flows not understood
    first_time_ns INTEGER,           -- earliest record, on the source's own clock
    last_time_ns INTEGER,            -- latest record, on the source's own clock
    note TEXT,                       -- why it failed or was skipped
    forms TEXT,                      -- where lines of other forms stand among those of the format: JSON, records by form
    resolution_ns INTEGER,           -- finest resolution of the times of its log records, ns; NULL for others
    zone TEXT                        -- of a log's times: `named` where all name theirs, else how the others were read: `assumed` (UTC) or as told (`+02:00`), or found by what other logs share (`+02:00 found`)
);
CREATE INDEX sources_by_path ON sources (path);
CREATE INDEX sources_by_content ON sources (content_hash);

--- What was wrong, odd or cut in the input: stored, counted, never fatal.
CREATE TABLE findings (
    finding_id INTEGER PRIMARY KEY,  -- in order of source and offset
    source_id INTEGER NOT NULL,      -- the input that shows it
    kind TEXT NOT NULL,              -- `truncated`, `invalid`, `limit`, `loss`, `unknown`, `unreadable`, `note` (of what is not lost); of correlate: `clock`
    code TEXT NOT NULL,              -- stable name, for example `pcap.record-length`
    offset_bytes INTEGER,            -- where in the uncompressed content
    record_number INTEGER,           -- line or packet number, from 1, where known
    count INTEGER NOT NULL DEFAULT 1, -- how many like it (later ones are counted only)
    text TEXT NOT NULL               -- what is wrong and what was done
);

--- Address and port (or name) of something that sends and receives.
CREATE TABLE endpoints (
    endpoint_id INTEGER PRIMARY KEY, -- referenced by connections and observations
    address TEXT NOT NULL,           -- IPv4 or IPv6 text, or a name where no address is known
    port INTEGER NOT NULL            -- 0 where unknown
);

--- One transport connection as one capture saw it.
CREATE TABLE connections (
    connection_id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL,      -- capture that saw it
    interface INTEGER NOT NULL DEFAULT 0, -- interface number in that capture
    transport TEXT NOT NULL,         -- `tcp` or `udp`
    client_endpoint_id INTEGER NOT NULL, -- who opened it, or who was taken for the client
    server_endpoint_id INTEGER NOT NULL,
    protocol_id INTEGER,             -- string: application protocol found, or NULL
    first_time_ns INTEGER NOT NULL,  -- first packet, capture's clock
    last_time_ns INTEGER NOT NULL,   -- last packet
    handshake_server_ns INTEGER,     -- SYN to SYN/ACK as seen here; near zero: captured at the server
    handshake_client_ns INTEGER,     -- SYN/ACK to ACK as seen here; near zero: captured at the client
    client_sequence INTEGER,         -- client's initial TCP sequence number, NULL if begun before the capture
    server_sequence INTEGER,         -- server's initial TCP sequence number
    client_bytes INTEGER NOT NULL DEFAULT 0, -- payload bytes client to server
    server_bytes INTEGER NOT NULL DEFAULT 0, -- payload bytes server to client
    packets INTEGER NOT NULL DEFAULT 0,
    retransmitted_bytes INTEGER NOT NULL DEFAULT 0,
    lost_bytes INTEGER NOT NULL DEFAULT 0,   -- bytes that the capture never held
    server_name TEXT,                -- TLS SNI, where seen
    state TEXT NOT NULL,             -- `open`, `closed`, `reset`, `midstream` (no opening seen)
    alpn TEXT,                       -- TLS application protocols: the one chosen, else those offered
    certificate_names TEXT           -- DNS names (else the common name) in the server's TLS certificate
);

--- One log line, or one record of another kind with a time.
CREATE TABLE events (
    event_id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL,
    offset_bytes INTEGER NOT NULL,   -- where the record begins in the uncompressed content
    length_bytes INTEGER NOT NULL,
    time_ns INTEGER,                 -- on the source's own clock; NULL if the line has no time
    resolution_ns INTEGER NOT NULL DEFAULT 1, -- the time is an interval [time_ns, time_ns + resolution_ns)
    host_id INTEGER,                 -- string: host name in the line or of the source
    service_id INTEGER,              -- string: program or logger
    process_id INTEGER,              -- string: process number or name
    thread_id INTEGER,               -- string: thread name or number
    severity TEXT,                   -- `trace` … `fatal`, as the line says
    template_id INTEGER,             -- string: message with its variable parts removed, or NULL
    message TEXT,                    -- the message part of the line
    fields TEXT,                     -- JSON object of its named values, all texts (`fields->>'status'`); NULL if none
    is_logger INTEGER NOT NULL DEFAULT 0, -- 1: service_id names a logger or a form, and no program
    duration_ns INTEGER              -- how long what the line tells of took; NULL if it does not say
);

--- The constant texts of messages. Filled when all files of `lamplight ingest` are read.
CREATE TABLE templates (
    template_id INTEGER PRIMARY KEY, -- string: the text, variable parts as `<*>`; a number of this file, as in events
    stable_id TEXT NOT NULL,         -- 16 hex digits of a hash of the text: the same in every run, on every machine
    typed TEXT NOT NULL,             -- the text with the types of its parts: `user <word> from <ip:port>`
    events INTEGER NOT NULL,         -- how many have it
    first_event_id INTEGER NOT NULL, -- the first of them, for example
    first_time_ns INTEGER,           -- earliest, on the sources' own clocks; NULL if none has a time
    last_time_ns INTEGER             -- latest
);

--- The variable parts of templates, and what stood there.
CREATE TABLE template_variables (
    template_id INTEGER NOT NULL,
    position INTEGER NOT NULL,       -- which `<*>` of the text, from 1; at most 64
    name TEXT,                       -- the constant word before it, by which identifiers are fields; NULL if none
    type TEXT NOT NULL,              -- narrowest that all values have: `integer`, `decimal`, `hex`, `uuid`, `ip`, `ip:port`, `address`, `path`, `url`, `email`, `duration`, `size`, `time`, `identifier`, `word`, `quoted`; `*` if there is none, `empty` if there was no value; of several parts as `ip: integer`, of a changing number of them `integer list`
    distinct_values INTEGER NOT NULL, -- different values: exact up to 8, then an estimate with a standard error of 6.5 %
    least NUMERIC,                   -- smallest and
    greatest NUMERIC,                -- largest number, where all values are numbers
    samples TEXT,                    -- JSON array of up to three values taken at random, each at most 47 bytes
    PRIMARY KEY (template_id, position)
) WITHOUT ROWID;

--- Values that tie records of several components together, found by what they share.
CREATE TABLE identifiers (
    identifier_id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,              -- what it identifies: `request`, `session`, `object`, `parameter`
    distinct_values INTEGER NOT NULL,
    uses INTEGER NOT NULL,           -- records that carry one
    life_ns INTEGER NOT NULL         -- median time between first and last use of a value
);

--- The fields that hold an identifier.
CREATE TABLE identifier_slots (
    identifier_id INTEGER NOT NULL,
    component_id INTEGER,            -- string: service, host or file of events; protocol of calls
    template_id INTEGER,             -- string: template of the events, operation of the calls
    slot_id INTEGER NOT NULL         -- string: name of the field
);

--- Identifiers that stand in the same records.
CREATE TABLE identifier_relations (
    identifier_id INTEGER NOT NULL,
    other_id INTEGER NOT NULL,
    relation TEXT NOT NULL,          -- `1:1`, `1:n`, `n:1`, `n:m`
    records INTEGER NOT NULL         -- pairs of values seen
);

--- One call (request with its response) as seen at one point: on a wire by one capture, in a log line
--- that carries a duration, or as an imported span.
CREATE TABLE observations (
    observation_id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL,
    origin TEXT NOT NULL,            -- `wire`, `log`, `span`, `flow`
    role TEXT,                       -- `client` or `server` for the party that observed it; NULL on a wire
    external_id TEXT,                -- id that the input gave it (imported spans)
    event_id INTEGER,                -- log record it was made from
    connection_id INTEGER,           -- wire: the connection
    position INTEGER NOT NULL DEFAULT 0, -- wire: request number on the connection from 1, or stream id
    request_sequence INTEGER,        -- wire: TCP sequence number of the first request byte
    response_sequence INTEGER,       -- wire: of the first response byte
    client_endpoint_id INTEGER,      -- who called, as far as the observation says
    server_endpoint_id INTEGER,      -- who was called
    process_id INTEGER,              -- string: who made the observation: span: service; log: `program@host`, as far as the record names them
    peer_id INTEGER,                 -- string: the other party, as a span or log names it
    thread_id INTEGER,               -- string: thread, where known
    protocol_id INTEGER,             -- string: `http`, `redis`, `postgresql`, …
    operation_id INTEGER,            -- string: operation with ids folded, for example `GET /items/{}`
    status TEXT,                     -- protocol's own status: `200`, `ok`, `WRONGTYPE`, SQLSTATE; NULL without response
    is_error INTEGER NOT NULL DEFAULT 0, -- 1: the callee failed (HTTP 5xx, an error reply, gRPC's server codes); HTTP 4xx is no error
    flags INTEGER NOT NULL DEFAULT 0, -- 1 no response, 2 gap inside, 4 push or one-way, 8 begun before the capture, 16 opaque turn, 32 aborted
    request_first_ns INTEGER,        -- first byte of the request, observer's clock
    request_last_ns INTEGER,
    response_first_ns INTEGER,
    response_last_ns INTEGER,        -- last byte of the response
    resolution_ns INTEGER NOT NULL DEFAULT 1,
    request_bytes INTEGER NOT NULL DEFAULT 0,
    response_bytes INTEGER NOT NULL DEFAULT 0,
    request_values TEXT,             -- JSON object of values that may tie it to others, by where they stood (`path.2`, `header.x-request-id`); each at most 256 bytes, never secrets
    response_values TEXT             -- the same for the response
);

--- One NetFlow, IPFIX, sFlow, conntrack or firewall record.
CREATE TABLE flow_records (
    flow_record_id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL,
    source_endpoint_id INTEGER NOT NULL,
    destination_endpoint_id INTEGER NOT NULL,
    transport INTEGER NOT NULL,      -- IP protocol number
    first_time_ns INTEGER NOT NULL,
    last_time_ns INTEGER NOT NULL,
    packets INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    tcp_flags INTEGER NOT NULL DEFAULT 0,
    sampling INTEGER NOT NULL DEFAULT 1, -- 1 in so many packets were sampled
    attributes TEXT,                 -- JSON of further fields, or NULL
    event_id INTEGER                 -- log line that it was made from, or NULL
);

--- What a table of hosts in the input says (a CSV with columns host and ip, or /etc/hosts form).
CREATE TABLE host_names (
    source_id INTEGER NOT NULL,
    address TEXT NOT NULL,           -- IPv4 or IPv6 text
    name TEXT NOT NULL,              -- host name
    port INTEGER NOT NULL DEFAULT 0, -- port that it serves, 0 if not said
    zone_minutes INTEGER             -- time zone of its logs, east positive; NULL if not said
);

--- Which two imported spans are the ends of one call, where the input says so.
CREATE TABLE span_joins (
    source_id INTEGER NOT NULL,
    client_external_id TEXT NOT NULL,
    server_external_id TEXT NOT NULL
);

--- Parents of imported spans, where the input tells them: one row for each such span.
CREATE TABLE span_parents (
    observation_id INTEGER PRIMARY KEY, -- the span
    source_id INTEGER NOT NULL,
    external_trace_id TEXT NOT NULL,
    external_parent_id TEXT          -- span of the same trace; NULL: the first of its trace
);

--- Hosts and the relation of their clocks to the reference clock.
CREATE TABLE hosts (
    host_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,              -- from the capture's or log's path, a hosts file, or the address
    addresses TEXT NOT NULL DEFAULT '', -- space-separated
    is_reference INTEGER NOT NULL DEFAULT 0, -- 1: all corrected times are on this host's clock
    offset_ns INTEGER,               -- host clock minus reference clock at `epoch_ns`; NULL if unknown
    drift_ppm REAL,                  -- rate difference in millionths
    epoch_ns INTEGER,                -- reference time at which `offset_ns` holds
    uncertainty_ns INTEGER,          -- the truth lies within it of `offset_ns`, as far as delays are not negative; NULL if bounded from one side only
    samples INTEGER NOT NULL DEFAULT 0, -- messages that the estimate rests on
    method TEXT                      -- `two-way`, `one-way`, `log`, `reference`, `unknown`
);

--- The clocks of hosts in parts: one row each, more for a clock that was set or changed its rate.
CREATE TABLE clocks (
    host_id INTEGER NOT NULL,
    part INTEGER NOT NULL,           -- from 1, in order of time
    first_ns INTEGER,                -- reference time of the first message in it; NULL: all of the host's time
    last_ns INTEGER,                 -- of the last one; stamps in between belong to the nearest part
    offset_ns INTEGER NOT NULL,      -- host clock minus reference clock at `hosts.epoch_ns`, continued to there
    drift_ppm REAL NOT NULL,
    uncertainty_ns INTEGER,          -- the truth lies within it in the part's time; NULL if bounded from one side only
    drift_error_ppm REAL,            -- half of the range that the messages allow
    statistical_ns INTEGER,          -- standard error of the offset, were the least delays of both ways equal
    samples INTEGER NOT NULL,
    PRIMARY KEY (host_id, part)
) WITHOUT ROWID;

-- Which source was stamped by which host's clock.
CREATE TABLE source_hosts (
    source_id INTEGER PRIMARY KEY,
    host_id INTEGER NOT NULL
);

--- A named set of instances that do one job.
CREATE TABLE services (
    service_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    protocol TEXT,                   -- main protocol that it serves
    is_external INTEGER NOT NULL DEFAULT 0 -- 1: only ever seen as a client
);

--- One instance (replica) of a service on one host.
CREATE TABLE instances (
    instance_id INTEGER PRIMARY KEY,
    service_id INTEGER NOT NULL,
    host_id INTEGER,
    name TEXT NOT NULL               -- host or endpoint name
);

--- One call: request and response between two instances, all observations of it merged, times corrected.
CREATE TABLE calls (
    call_id INTEGER PRIMARY KEY,     -- in order of time, then of content
    client_instance_id INTEGER,      -- caller; NULL if unknown
    server_instance_id INTEGER,      -- callee
    client_observation_id INTEGER,   -- best observation at or near the caller
    server_observation_id INTEGER,   -- best observation at or near the callee
    client_external_id TEXT,         -- span id that the input gave the caller's side
    server_external_id TEXT,         -- span id that the input gave the callee's side
    client_endpoint_id INTEGER,
    server_endpoint_id INTEGER,
    position INTEGER NOT NULL DEFAULT 0, -- request number on its connection, or stream id
    protocol_id INTEGER,             -- string
    operation_id INTEGER,            -- string
    status TEXT,
    is_error INTEGER NOT NULL DEFAULT 0,
    flags INTEGER NOT NULL DEFAULT 0, -- as in observations
    client_start_ns INTEGER,         -- request leaves the caller; reference clock
    client_end_ns INTEGER,           -- response has arrived at the caller; NULL where none was seen
    server_start_ns INTEGER,         -- request has arrived at the callee
    server_end_ns INTEGER,           -- response has left the callee; NULL where none was seen
    uncertainty_ns INTEGER NOT NULL DEFAULT 0, -- of these times
    request_bytes INTEGER NOT NULL DEFAULT 0,
    response_bytes INTEGER NOT NULL DEFAULT 0,
    lamport_request_send INTEGER,    -- Lamport clock of the four events
    lamport_request_receive INTEGER,
    lamport_response_send INTEGER,
    lamport_response_receive INTEGER,
    vector_clock TEXT,               -- vector clock at the request's sending: JSON object, instance to count
    order_violation_ns INTEGER NOT NULL DEFAULT 0, -- by how much a receive still lies before its send, beyond the stamps' resolution; 0 if none
    parent_call_id INTEGER,          -- call whose serving caused this one; NULL for a root
    trace_id INTEGER,                -- call_id of the root; NULL where the call has no begin: it is in no trace
    root_confidence REAL             -- of a call without a parent that another may have caused: probability that none did
);

--- Log records that tell of a call which a capture shows too: evidence, not calls of their own.
CREATE TABLE call_events (
    call_id INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    side TEXT NOT NULL,              -- whose log it is: `client` or `server`
    PRIMARY KEY (call_id, event_id)
) WITHOUT ROWID;

--- Inferred causal links: one row for each call that was given a parent, with its runner-up.
CREATE TABLE call_links (
    child_call_id INTEGER NOT NULL,
    parent_call_id INTEGER NOT NULL,
    rank INTEGER NOT NULL,           -- 1 the answer, 2 the runner-up, …
    kind TEXT NOT NULL,              -- `synchronous`, `asynchronous`, `retry`
    pass TEXT NOT NULL,              -- pass that made it
    confidence REAL NOT NULL,        -- calibrated probability that the link is right, 0 to 1
    evidence TEXT,                   -- JSON: parts of the log-likelihood and what they rest on
    PRIMARY KEY (child_call_id, rank, parent_call_id)
) WITHOUT ROWID;

--- One row for each root call: a request and all that it caused.
CREATE TABLE trace_roots (
    trace_id INTEGER PRIMARY KEY,    -- call_id of the root
    start_ns INTEGER NOT NULL,
    end_ns INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    depth INTEGER NOT NULL,
    confidence REAL NOT NULL,        -- probability that the whole tree is right
    is_background INTEGER NOT NULL DEFAULT 0 -- 1: began inside the system (timer, poll, health check)
);

--- Requests of log lines alone: which request each line belongs to. Filled where the input holds logs and nothing else.
CREATE TABLE event_requests (
    event_id INTEGER PRIMARY KEY,
    request_id INTEGER NOT NULL,     -- number of the request, in the order of first lines
    previous_event_id INTEGER,       -- line before it in that request
    confidence REAL NOT NULL,        -- probability that the line belongs to this request
    runner_up_id INTEGER,            -- the next likely request
    runner_up_confidence REAL NOT NULL -- its probability
);

--- What the inference learnt and expects, for each service. A host that serves several ports counts as one service here,
--- with an id beyond those of `services`.
CREATE TABLE inference_services (
    service_id INTEGER PRIMARY KEY,
    links INTEGER NOT NULL,          -- calls made by it that were given a parent
    ambiguous INTEGER NOT NULL,      -- of these, calls with more than one possible parent
    expected_accuracy REAL NOT NULL, -- mean confidence: the share expected to be right
    queue_discipline TEXT,           -- `in-order` or `none`, where learnt
    structure TEXT                   -- JSON: calls by parent operation, presence, what each waits for, delays
);

--- Which service depends on which, from flow records or connections alone (`lamplight dependencies`).
CREATE TABLE dependencies (
    caller TEXT NOT NULL,            -- service or host that calls
    callee TEXT NOT NULL,            -- service that is called
    caller_flows INTEGER NOT NULL,   -- flows that the caller served on the hosts that call
    flows INTEGER NOT NULL,          -- flows from those hosts to the callee
    bytes INTEGER NOT NULL,          -- of these flows, both directions
    share REAL NOT NULL,             -- of the callee's flows (or traffic) that the caller's explain
    share_low REAL NOT NULL,         -- 95 % interval
    share_high REAL NOT NULL,
    per_request REAL NOT NULL,       -- flows to the callee for each flow of the caller
    per_request_low REAL NOT NULL,   -- 95 % interval
    per_request_high REAL NOT NULL,
    attributed_bytes INTEGER NOT NULL, -- bytes that the caller's flows explain
    lag_ns INTEGER,                  -- most frequent delay; NULL if none stands out
    nested REAL NOT NULL,            -- share of the flows inside one of the caller's
    nested_chance REAL NOT NULL,     -- the same with the caller's flows shifted in time
    unique_links INTEGER NOT NULL,   -- flows inside exactly one of the caller's
    p REAL NOT NULL,                 -- chance of as much by accident; 1 if not tested
    q REAL NOT NULL,                 -- p after Benjamini-Hochberg over all rows
    method TEXT NOT NULL,            -- `opener`, `starts`, `nested`, `volume` or `none`
    verdict TEXT NOT NULL,           -- `dependent`, `independent` or `cannot tell`
    reason TEXT NOT NULL             -- why
);

--- Flow records as spans: one for each two-way flow, made by `lamplight correlate`. They are connections, no requests.
CREATE TABLE flow_spans (
    flow_span_id INTEGER PRIMARY KEY, -- in order of time
    client TEXT NOT NULL,            -- host by name, else its address
    server TEXT NOT NULL,            -- service by name, else address:port
    client_endpoint_id INTEGER NOT NULL,
    server_endpoint_id INTEGER NOT NULL,
    transport INTEGER NOT NULL,      -- IP protocol number
    start_ns INTEGER NOT NULL,       -- first packet of either direction
    end_ns INTEGER NOT NULL,         -- last packet
    packets INTEGER NOT NULL,        -- both directions; sampling is undone
    request_bytes INTEGER NOT NULL,  -- that the client sent
    response_bytes INTEGER NOT NULL, -- that the server sent; 0 where exporters tell one direction only
    records INTEGER NOT NULL,        -- flow records that it was made from
    state TEXT NOT NULL              -- `connected`, `unanswered` (TCP that never came about) or `logged` (by a firewall that does not tell what it did)
);

--- Spans, two for each call as far as its ends are known. Ids are 16 hex digits, or the input's own. The parent of a
--- caller's span is the callee's span of the call that caused it; that of a callee's span is the caller's. Where that
--- end was not seen, it is the other end's. NULL for the first span of a trace.
--- `is_open` is 1 where no response was seen: `end_ns` and `duration_ns` are NULL then.
CREATE VIEW spans (
    span_id,        -- 16 hex digits, or the id that the input gave it
    parent_span_id, -- NULL for the first span of a trace
    trace_id,       -- 32 hex digits; zeros where the call belongs to no flow
    kind,           -- `client` or `server`: which end of a call
    name,           -- operation: `GET /cart/<*>`, `SELECT orders`
    protocol,       -- as in calls
    service,        -- whose span it is
    instance,       -- of that service
    peer_service,   -- the other end
    start_ns,       -- on the reference clock
    end_ns,         -- likewise; NULL where no response was seen
    duration_ns,    -- end less start
    status,         -- as the protocol says it
    is_error,       -- 1 where the status says so
    request_bytes,
    response_bytes,
    call_id,        -- both spans of a call have one
    is_open         -- 1 where no response was seen
) AS
SELECT coalesce(c.client_external_id, printf('%016x', c.call_id * 2)) AS span_id,
       CASE WHEN l.server_start_ns IS NOT NULL THEN coalesce(l.server_external_id, printf('%016x', l.call_id * 2 + 1))
            WHEN l.call_id IS NOT NULL THEN coalesce(l.client_external_id, printf('%016x', l.call_id * 2))
            END AS parent_span_id,
       printf('%032x', c.trace_id) AS trace_id,
       'client' AS kind, o.text AS name, p.text AS protocol, s.name AS service, i.name AS instance,
       t.name AS peer_service, c.client_start_ns AS start_ns, c.client_end_ns AS end_ns,
       c.client_end_ns - c.client_start_ns AS duration_ns, c.status AS status, c.is_error AS is_error,
       c.request_bytes AS request_bytes, c.response_bytes AS response_bytes, c.call_id AS call_id,
       coalesce(c.client_end_ns, c.server_end_ns) IS NULL AND c.flags & 4 = 0 AS is_open
FROM calls c LEFT JOIN calls l ON l.call_id = c.parent_call_id
     LEFT JOIN strings o ON o.string_id = c.operation_id LEFT JOIN strings p ON p.string_id = c.protocol_id
     LEFT JOIN instances i ON i.instance_id = c.client_instance_id LEFT JOIN services s USING (service_id)
     LEFT JOIN instances j ON j.instance_id = c.server_instance_id
     LEFT JOIN services t ON t.service_id = j.service_id
WHERE c.client_start_ns IS NOT NULL
UNION ALL
SELECT coalesce(c.server_external_id, printf('%016x', c.call_id * 2 + 1)),
       CASE WHEN c.client_start_ns IS NOT NULL THEN coalesce(c.client_external_id, printf('%016x', c.call_id * 2))
            WHEN l.server_start_ns IS NOT NULL THEN coalesce(l.server_external_id, printf('%016x', l.call_id * 2 + 1))
            WHEN l.call_id IS NOT NULL THEN coalesce(l.client_external_id, printf('%016x', l.call_id * 2))
            END,
       printf('%032x', c.trace_id),
       'server', o.text, p.text, t.name, j.name, s.name, c.server_start_ns, c.server_end_ns,
       c.server_end_ns - c.server_start_ns, c.status, c.is_error, c.request_bytes, c.response_bytes, c.call_id,
       coalesce(c.client_end_ns, c.server_end_ns) IS NULL AND c.flags & 4 = 0
FROM calls c LEFT JOIN calls l ON l.call_id = c.parent_call_id
     LEFT JOIN strings o ON o.string_id = c.operation_id LEFT JOIN strings p ON p.string_id = c.protocol_id
     LEFT JOIN instances i ON i.instance_id = c.client_instance_id LEFT JOIN services s USING (service_id)
     LEFT JOIN instances j ON j.instance_id = c.server_instance_id
     LEFT JOIN services t ON t.service_id = j.service_id
WHERE c.server_start_ns IS NOT NULL;

--- Parent of each span: `causal` from a served request to the call it caused (inferred), `rpc` between the two ends of one call.
CREATE VIEW links (
    child_span_id,
    parent_span_id,
    confidence,     -- probability that the parent is right, 0 to 1
    relation,       -- `causal` or `rpc`
    kind,           -- `synchronous`, `asynchronous` … as in call_links
    pass,           -- what found it
    evidence,       -- why, in a few words; NULL for `rpc`
    child_call_id,
    parent_call_id  -- the same as the child for `rpc`
) AS
SELECT CASE WHEN c.client_start_ns IS NOT NULL THEN coalesce(c.client_external_id, printf('%016x', c.call_id * 2))
            ELSE coalesce(c.server_external_id, printf('%016x', c.call_id * 2 + 1)) END AS child_span_id,
       CASE WHEN p.server_start_ns IS NOT NULL THEN coalesce(p.server_external_id, printf('%016x', p.call_id * 2 + 1))
            ELSE coalesce(p.client_external_id, printf('%016x', p.call_id * 2)) END AS parent_span_id,
       l.confidence AS confidence, 'causal' AS relation, l.kind AS kind, l.pass AS pass, l.evidence AS evidence,
       l.child_call_id AS child_call_id, l.parent_call_id AS parent_call_id
FROM call_links l JOIN calls c ON c.call_id = l.child_call_id JOIN calls p ON p.call_id = l.parent_call_id
WHERE l.rank = 1
UNION ALL
SELECT coalesce(c.server_external_id, printf('%016x', c.call_id * 2 + 1)),
       coalesce(c.client_external_id, printf('%016x', c.call_id * 2)),
       1.0, 'rpc', 'synchronous', 'both-ends', NULL, c.call_id, c.call_id
FROM calls c WHERE c.client_start_ns IS NOT NULL AND c.server_start_ns IS NOT NULL;

--- Request flows: one row for each root call and all that it caused. From the first start to the last end: also
--- work that nobody waited for or whose caller had given up. How long the caller waited is the root call's duration.
--- A request that was never answered (`is_open`) has no duration: NULL.
CREATE VIEW traces (
    trace_id,      -- 32 hex digits
    service,       -- that was asked first
    name,          -- operation of the first call
    status,        -- of the first call
    start_ns,      -- first start of all its calls
    end_ns,        -- last end of all its calls
    duration_ns,   -- end less start; NULL where the first call was never answered
    calls,         -- how many, the first among them
    errors,        -- how many of these failed
    depth,         -- calls below one another, 1 for a single one
    confidence,    -- probability that all its links are right
    is_background, -- 1 for what began inside the system
    root_call_id,  -- the first call
    is_open        -- 1 where the first call was never answered
) AS
SELECT printf('%032x', r.trace_id) AS trace_id, s.name AS service, o.text AS name, c.status AS status,
       r.start_ns AS start_ns, r.end_ns AS end_ns, CASE WHEN NOT (coalesce(c.client_end_ns, c.server_end_ns) IS NULL AND c.flags & 4 = 0) THEN r.end_ns - r.start_ns END AS duration_ns,
       r.calls AS calls, r.errors AS errors, r.depth AS depth, r.confidence AS confidence,
       r.is_background AS is_background, r.trace_id AS root_call_id,
       coalesce(c.client_end_ns, c.server_end_ns) IS NULL AND c.flags & 4 = 0 AS is_open
FROM trace_roots r JOIN calls c ON c.call_id = r.trace_id LEFT JOIN strings o ON o.string_id = c.operation_id
     LEFT JOIN instances i ON i.instance_id = c.server_instance_id LEFT JOIN services s USING (service_id);

--- Calls with their texts. `is_open` is 1 for a call without a response (it was lost, or never came): its ends and
--- its `duration_ns` are NULL, which averages and percentiles pass over. Nor has a one-way message an end.
CREATE VIEW call_details (
    call_id,
    client_service,  -- who asked
    client_instance,
    server_service,  -- who was asked
    server_instance,
    protocol,
    operation,
    status,
    is_error,
    client_start_ns, -- request leaves the caller
    client_end_ns,   -- response is back at the caller
    server_start_ns, -- request is at the callee
    server_end_ns,   -- response leaves the callee
    duration_ns,     -- as the caller sees it, or the callee where only that end was seen
    request_bytes,
    response_bytes,
    parent_call_id,  -- the call that caused it, or NULL
    trace_id,        -- call id of the first call of its flow (a number), or NULL
    client_address,
    client_port,
    server_address,
    server_port,
    position,        -- of the call on its connection
    is_open          -- 1 where no response was seen
) AS
SELECT c.call_id, s.name AS client_service, i.name AS client_instance, t.name AS server_service,
       j.name AS server_instance, p.text AS protocol, o.text AS operation, c.status, c.is_error,
       c.client_start_ns, c.client_end_ns, c.server_start_ns, c.server_end_ns,
       coalesce(c.client_end_ns, c.server_end_ns) - coalesce(c.client_start_ns, c.server_start_ns) AS duration_ns,
       c.request_bytes, c.response_bytes, c.parent_call_id, c.trace_id,
       ce.address AS client_address, ce.port AS client_port, se.address AS server_address,
       se.port AS server_port, c.position,
       coalesce(c.client_end_ns, c.server_end_ns) IS NULL AND c.flags & 4 = 0 AS is_open
FROM calls c
     LEFT JOIN strings o ON o.string_id = c.operation_id LEFT JOIN strings p ON p.string_id = c.protocol_id
     LEFT JOIN instances i ON i.instance_id = c.client_instance_id LEFT JOIN services s USING (service_id)
     LEFT JOIN instances j ON j.instance_id = c.server_instance_id
     LEFT JOIN services t ON t.service_id = j.service_id
     LEFT JOIN endpoints ce ON ce.endpoint_id = c.client_endpoint_id
     LEFT JOIN endpoints se ON se.endpoint_id = c.server_endpoint_id;

--- Requests of log lines alone, from first to last line on the logs' own clocks.
CREATE VIEW log_requests (
    request_id,
    start_ns,   -- first line
    end_ns,     -- last line
    lines,      -- how many
    confidence  -- mean over its lines
) AS
SELECT r.request_id, min(e.time_ns) AS start_ns, max(e.time_ns) AS end_ns, count(*) AS lines,
       avg(r.confidence) AS confidence
FROM event_requests r JOIN events e USING (event_id) GROUP BY r.request_id;

--- Inputs with the share of bytes understood. `is_whole` is 0 where something in the input could not be read or
--- understood: a source that failed or was skipped, a rejected record, a finding of any kind but `loss` (what a
--- capture never held is not lost by reading it). `lamplight ingest` ends with status 1 if any row has 0.
CREATE VIEW source_coverage (
    source_id,
    path,       -- file, or member of an archive
    format,
    state,      -- as in sources
    size_bytes,
    bytes_read, -- after unpacking
    records,
    rejected,   -- records that could not be read
    coverage,   -- share of the bytes that was understood, 0 to 1
    findings,   -- how many there are of it
    note,
    is_whole,   -- 1 where nothing was left out
    forms       -- as in sources
) AS
SELECT source_id, path, format, state, size_bytes, bytes_read, records, rejected,
       CASE WHEN bytes_read > 0 THEN 1.0 * bytes_parsed / bytes_read END AS coverage,
       (SELECT coalesce(sum(count), 0) FROM findings f WHERE f.source_id = s.source_id) AS findings,
       note,
       state IN ('done', 'duplicate') AND rejected = 0 AND
           NOT EXISTS (SELECT 1 FROM findings f WHERE f.source_id = s.source_id AND f.kind NOT IN ('loss', 'note')) AS is_whole,
       forms
FROM sources s;

--- One row: how much was found. All commands count so. A *request* is a call that came from outside, with all that it
--- caused; a *background activity* is the same begun inside the system; a *flow* is either. Calls without
--- a begin (what a server pushes unasked; the reply to a request that was sent before the capture began, or lost) belong
--- to no flow and are left out of all rates and durations.
CREATE VIEW totals (
    calls,                 -- that belong to a flow
    calls_left_out,        -- that have no begin
    requests,              -- flows from outside
    background_activities, -- flows from inside
    links,                 -- calls that have a parent
    expected_accuracy,     -- mean confidence of links and of first calls
    clocks_aligned,        -- hosts
    order_violations,      -- calls received before they were sent
    clocks_not_aligned,    -- hosts
    unanswered             -- calls
) AS
SELECT (SELECT count(*) FROM calls WHERE trace_id IS NOT NULL) AS calls,
       (SELECT count(*) FROM calls WHERE trace_id IS NULL) AS calls_left_out,
       (SELECT count(*) FROM trace_roots WHERE NOT is_background) AS requests,
       (SELECT count(*) FROM trace_roots WHERE is_background) AS background_activities,
       (SELECT count(*) FROM call_links WHERE rank = 1) AS links,
       (SELECT avg(confidence) FROM (SELECT confidence FROM call_links WHERE rank = 1 UNION ALL
           SELECT root_confidence FROM calls WHERE root_confidence IS NOT NULL)) AS expected_accuracy,
       (SELECT count(*) FROM hosts WHERE offset_ns IS NOT NULL) AS clocks_aligned,
       (SELECT count(*) FROM calls WHERE order_violation_ns > 0) AS order_violations,
       (SELECT count(*) FROM hosts WHERE offset_ns IS NULL AND host_id IN
          (SELECT host_id FROM source_hosts)) AS clocks_not_aligned,
       (SELECT count(*) FROM call_details WHERE is_open AND trace_id IS NOT NULL) AS unanswered;

--- Log records with their texts.
CREATE VIEW event_details (
    event_id,
    time_ns,       -- on the clock of the log
    resolution_ns, -- the event is in [time_ns, time_ns + resolution_ns)
    host,
    service,
    process,
    thread,
    severity,      -- as in events
    message,
    template,      -- message with its variable parts as `<*>`
    path,          -- file it stands in
    offset_bytes,  -- where it begins there, unpacked
    length_bytes
) AS
SELECT e.event_id, e.time_ns, e.resolution_ns, h.text AS host, v.text AS service, q.text AS process,
       r.text AS thread, e.severity, e.message, t.text AS template, s.path, e.offset_bytes, e.length_bytes
FROM events e JOIN sources s USING (source_id) LEFT JOIN strings h ON h.string_id = e.host_id
     LEFT JOIN strings v ON v.string_id = e.service_id LEFT JOIN strings q ON q.string_id = e.process_id
     LEFT JOIN strings r ON r.string_id = e.thread_id LEFT JOIN strings t ON t.string_id = e.template_id;

--- Templates with their texts, the share of all events with a template that have this one, and for example the first
--- event that does.
CREATE VIEW template_details (
    stable_id,     -- the same wherever the text is, see templates
    template,      -- the text, variable parts as `<*>`
    typed,         -- the text with their types
    events,
    share,         -- of all events that have a template
    first_time_ns, -- on the clocks of the logs
    last_time_ns,
    host,          -- of the first event that has it, as are those that follow
    service,
    path,          -- file it stands in
    sample,        -- its message
    event_id,
    template_id    -- as in events
) AS
SELECT m.stable_id, t.text, m.typed, m.events, 1.0 * m.events / (SELECT sum(events) FROM templates),
       m.first_time_ns, m.last_time_ns, h.text, v.text, s.path, e.message, m.first_event_id, m.template_id
FROM templates m JOIN strings t ON t.string_id = m.template_id LEFT JOIN events e ON e.event_id = m.first_event_id
     LEFT JOIN sources s USING (source_id) LEFT JOIN strings h ON h.string_id = e.host_id
     LEFT JOIN strings v ON v.string_id = e.service_id;

--- Named values of log records, one row for each; identifiers among them. From `events.fields`. `LIMIT -1` leaves
--- nothing out: it makes SQLite work the rows out by themselves, once, and index them where two logs are joined by a
--- value; without it such a join would take apart all fields of one log for each line of the other. For the values of a
--- few events: `SELECT key, value FROM events, json_each(fields) WHERE event_id = 7`.
CREATE VIEW event_values (
    event_id,
    slot,     -- name of the value
    value
) AS
SELECT e.event_id AS event_id, j.key AS slot, j.value AS value FROM events e, json_each(e.fields) j LIMIT -1;

--- Requests that log records tell of without how long they took (plain access logs), which are therefore no calls:
--- counted by file, service, method, path (to its `?`) and status.
CREATE VIEW request_counts (
    source,        -- file
    service,
    method,
    path,
    status,
    requests,      -- how many
    first_time_ns,
    last_time_ns,
    duration_ns    -- always NULL
) AS
SELECT s.path AS source, v.text AS service, r.method, CASE WHEN instr(r.target, '?') > 0
            THEN substr(r.target, 1, instr(r.target, '?') - 1) ELSE r.target END AS path,
       r.status, count(*) AS requests, min(r.time_ns) AS first_time_ns, max(r.time_ns) AS last_time_ns,
       NULL AS duration_ns
FROM (SELECT source_id, service_id, time_ns, status, substr(request, 1, instr(request, ' ') - 1) AS method,
             CASE WHEN instr(request, ' HTTP/') > 0
                  THEN substr(request, instr(request, ' ') + 1, instr(request, ' HTTP/') - instr(request, ' ') - 1)
                  ELSE substr(request, instr(request, ' ') + 1) END AS target
      FROM (SELECT e.source_id, e.service_id, e.time_ns, max(CASE j.key WHEN 'request' THEN j.value END) AS request,
                   max(CASE j.key WHEN 'status' THEN j.value END) AS status
            FROM events e, json_each(e.fields) j
            WHERE j.key IN ('request', 'status')
                 AND e.event_id NOT IN (SELECT event_id FROM observations WHERE event_id IS NOT NULL)
            GROUP BY e.event_id)
      WHERE request GLOB '[A-Z][A-Z]* *' AND status IS NOT NULL) r
     JOIN sources s USING (source_id) LEFT JOIN strings v ON v.string_id = r.service_id
GROUP BY 1, 2, 3, 4, 5;

--- Log records that hold the same value under the same name: each with the one before it, and the sources and times
--- (on their own clocks) of both. Joins logs by an id (`WHERE slot = 'request_id'`) in the time that sorting takes.
CREATE VIEW shared_values (
    slot,               -- name of the value
    value,
    previous_event_id,  -- the record before that has it
    event_id,           -- the record
    previous_source_id,
    source_id,
    previous_time_ns,
    time_ns
) AS
SELECT slot, value, previous_event_id, event_id, previous_source_id, source_id, previous_time_ns, time_ns
FROM (SELECT j.key AS slot, j.value AS value, e.event_id AS event_id, e.source_id AS source_id, e.time_ns AS time_ns,
             lag(e.event_id) OVER same AS previous_event_id, lag(e.source_id) OVER same AS previous_source_id,
             lag(e.time_ns) OVER same AS previous_time_ns
      FROM events e, json_each(e.fields) j
      WINDOW same AS (PARTITION BY j.key, j.value ORDER BY e.event_id))
WHERE previous_event_id IS NOT NULL;

--- Values seen in a call that may tie it to others. `side`: 1 request, 2 response. `LIMIT -1`: as in event_values.
CREATE VIEW observation_values (
    observation_id,
    side,           -- 1 request, 2 response
    slot,           -- name of the value
    value
) AS
SELECT o.observation_id AS observation_id, 1 AS side, j.key AS slot, j.value AS value
FROM observations o, json_each(o.request_values) j
UNION ALL
SELECT o.observation_id, 2, j.key, j.value FROM observations o, json_each(o.response_values) j
LIMIT -1;
