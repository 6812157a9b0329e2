"""Structure of every export format, against the views of the database: tests/export/run.

Ids, parent references, times in the unit of the format, services, and that all text is valid JSON in valid
UTF-8 whatever stood in the input. Python's json is the second opinion; nothing of lamplight is used to read.
"""
import json
import subprocess
import sys

program, database = sys.argv[1:3]
failures = []


def check(what, holds):
    print(("ok: " if holds else "NOT OK: ") + what)
    if not holds:
        failures.append(what)


def run(*words):
    done = subprocess.run([program, *words], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode("utf-8", "strict")


def no_duplicates(pairs):
    keys = [k for k, _ in pairs]
    assert len(keys) == len(set(keys)), f"a key twice: {keys}"
    return dict(pairs)


def refuse(name):
    raise ValueError(name)  # NaN and infinities are no JSON


def export(name):
    return json.loads(run("export", "--format", name, database),
                      object_pairs_hook=no_duplicates, parse_constant=refuse)


def is_hex(text, digits):
    return len(text) == digits and set(text) <= set("0123456789abcdef") and set(text) != {"0"}


# What the export of the spans must say: id -> (trace, parent, name, service, kind, begin, end, error).
truth = {r["span_id"]: r for r in json.loads(run("sql", "--json", database, "SELECT * FROM spans"))}
check("the database has spans", len(truth) > 0)


def compare(format, spans, unit):
    check(f"{format}: as many spans as the view has", len(spans) == len(truth))
    check(f"{format}: ids are of the form and single",
          len({s["id"] for s in spans}) == len(spans) and
          all(is_hex(s["id"], 16) and is_hex(s["trace"], 32) for s in spans))
    by_id = {s["id"]: s for s in spans}
    check(f"{format}: every parent is there, in the same trace",
          all(s["parent"] is None or by_id[s["parent"]]["trace"] == s["trace"] for s in spans))
    check(f"{format}: one root for each trace",
          sum(s["parent"] is None for s in spans) == len({s["trace"] for s in spans}))
    for field, column in (("trace", "trace_id"), ("parent", "parent_span_id"), ("name", "name"),
                          ("service", "service"), ("kind", "kind"), ("error", "is_error")):
        check(f"{format}: {field} as in the view",
              all(s[field] == truth[s["id"]][column] for s in spans))
    check(f"{format}: times are whole numbers of {unit} ns",
          all(s["start"] == truth[s["id"]]["start_ns"] // unit and
              abs(s["length"] - truth[s["id"]]["duration_ns"] / unit) <= 1 for s in spans))


def jaeger():
    spans = []
    for trace in export("jaeger")["data"]:
        check_once = all(s["traceID"] == trace["traceID"] for s in trace["spans"])
        assert check_once, "a span in another trace's list"
        for s in trace["spans"]:
            tags = {t["key"]: t["value"] for t in s["tags"]}
            references = s["references"]
            assert len(references) <= 1 and all(r["refType"] == "CHILD_OF" and
                                                r["traceID"] == s["traceID"] for r in references)
            spans.append(dict(id=s["spanID"], trace=s["traceID"], name=s["operationName"],
                              parent=references[0]["spanID"] if references else None,
                              service=trace["processes"][s["processID"]]["serviceName"],
                              kind=tags["span.kind"], error=int(tags.get("error", False)),
                              start=s["startTime"], length=s["duration"]))
    compare("jaeger", spans, 1000)


def zipkin():
    compare("zipkin", [dict(id=s["id"], trace=s["traceId"], name=s["name"],
                            parent=s.get("parentId"), service=s["localEndpoint"]["serviceName"],
                            kind=s["kind"].lower(), error=int("error" in s.get("tags", {})),
                            start=s["timestamp"], length=s["duration"])
                       for s in export("zipkin")], 1000)


def otlp():
    spans = []
    for resource in export("otlp")["resourceSpans"]:
        names = {a["key"]: a["value"] for a in resource["resource"]["attributes"]}
        for s in (s for scope in resource["scopeSpans"] for s in scope["spans"]):
            # Protobuf's JSON writes 64-bit numbers as strings, enums as numbers.
            assert isinstance(s["startTimeUnixNano"], str) and isinstance(s["kind"], int)
            spans.append(dict(id=s["spanId"], trace=s["traceId"], name=s["name"],
                              parent=s.get("parentSpanId"),
                              service=names["service.name"]["stringValue"],
                              kind={2: "server", 3: "client"}[s["kind"]],
                              error=int(s["status"].get("code", 0) == 2),
                              start=int(s["startTimeUnixNano"]),
                              length=int(s["endTimeUnixNano"]) - int(s["startTimeUnixNano"])))
    compare("otlp", spans, 1)


def perfetto():
    trace = export("perfetto")
    events = [e for e in trace["traceEvents"] if e["ph"] == "X"]
    names = {e["pid"]: e["args"]["name"] for e in trace["traceEvents"] if e["ph"] == "M"}
    check("perfetto: as many events as spans", len(events) == len(truth))
    check("perfetto: every process has a name", all(e["pid"] in names for e in events))
    wanted = sorted((s["service"], s["name"], s["kind"], s["duration_ns"]) for s in truth.values())
    check("perfetto: services, names, kinds and durations as in the view",
          wanted == sorted((names[e["pid"]], e["name"], e["cat"], round(e["dur"] * 1000)) for e in events))
    begins = sorted(s["start_ns"] for s in truth.values())
    shown = sorted(round(e["ts"] * 1000) for e in events)
    check("perfetto: begins to the nanosecond, from the origin",
          {b - s for b, s in zip(begins, shown)} == {begins[0] - shown[0]} and shown[0] >= 0)
    origin = run("sql", "--csv", "--no-header", database,
                 f"SELECT strftime('%Y-%m-%dT%H:%M:%S', {begins[0] - shown[0]} / 1000000000, 'unixepoch')")
    check("perfetto: the origin is told", trace["otherData"]["time_origin"].startswith(origin.strip()))
    lanes = {}
    for e in events:
        lanes.setdefault((e["pid"], e["tid"]), []).append((round(e["ts"] * 1000), round(e["dur"] * 1000)))
    check("perfetto: events of one lane do not overlap",
          all(a[0] + a[1] <= b[0] for lane in lanes.values() for a, b in zip(sorted(lane), sorted(lane)[1:])))


def escape(text):
    """As the terminal gets it: tabs as blanks, control characters as \\xNN."""
    return "".join(" " if c == "\t" else c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def stacks():
    folded = {}
    for line in run("export", "--format", "folded", database).splitlines():
        path, weight = line.rsplit(" ", 1)
        assert path not in folded, "a path twice"
        folded[path] = int(weight)
    # A frame is a call at its callee, whose own end need not have been seen.
    names = {escape(f"{s[who]} {s['name']}").replace(";", ",") for s in truth.values()
             for who in ("service", "peer_service")}
    strange = {frame for path in folded for frame in path.split(";")} - names
    check(f"folded: frames are service and operation {sorted(strange) or ''}", not strange)
    check("folded: weights are whole microseconds", all(weight > 0 for weight in folded.values()))
    speedscope = export("speedscope")
    frames = [f["name"] for f in speedscope["shared"]["frames"]]
    profile, = speedscope["profiles"]
    check("speedscope: the schema is named", speedscope["$schema"].endswith("file-format-schema.json"))
    check("speedscope: a weight for each sample, adding up to the end",
          len(profile["samples"]) == len(profile["weights"]) and
          sum(profile["weights"]) == profile["endValue"] - profile["startValue"])
    check("speedscope: in microseconds", profile["unit"] == "microseconds" and profile["type"] == "sampled")
    shown = {";".join(frames[i].replace(";", ",") for i in sample): weight
             for sample, weight in zip(profile["samples"], profile["weights"])}
    check("speedscope: the same as folded", shown == folded)


for one in (jaeger, zipkin, otlp, perfetto, stacks):
    one()
print(f"{len(failures)} failed")
sys.exit(bool(failures))
