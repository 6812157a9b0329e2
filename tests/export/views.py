"""Drawings, pages and JSON of the commands over flows, read by other programs: tests/export/run.

SVG goes through an XML parser, DOT through Graphviz, HTML through a parser that wants every element closed in its
order, JSON through Python's with no key twice and no NaN; what they show is compared with the views of the database.
"""
import html.parser
import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree

program, database = sys.argv[1:3]
failures = []


def check(what, holds):
    print(("ok: " if holds else "NOT OK: ") + what)
    if not holds:
        failures.append(what)


def run(*words):
    done = subprocess.run([program, *words], stdout=subprocess.PIPE)
    assert done.returncode == 0, f"{words}: status {done.returncode}"
    return done.stdout.decode("utf-8", "strict")


def no_duplicates(pairs):
    keys = [k for k, _ in pairs]
    assert len(keys) == len(set(keys)), f"a key twice: {keys}"
    return dict(pairs)


def refuse(name):
    raise ValueError(name)  # NaN and infinities are no JSON


def load(*words):
    return json.loads(run(*words), object_pairs_hook=no_duplicates, parse_constant=refuse)


calls = load("sql", "--json", database, "SELECT server_service, operation FROM call_details WHERE call_id IN "
             "(SELECT call_id FROM calls WHERE trace_id IS NOT NULL)")
services = {c["server_service"] for c in calls}


class Page(html.parser.HTMLParser):
    """Every element is closed, in the order of a stack; only elements that the page is said to have."""
    single = {"meta"}
    known = single | {"title", "style", "details", "summary", "b", "i"}

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.stack, self.wrong, self.summaries, self.depth = [], [], [], 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag not in self.known:
            self.wrong.append(f"<{tag}> is not ours")
        if tag not in self.single:
            self.stack.append(tag)
        if tag == "summary":
            self.summaries.append("")
        self.depth = max(self.depth, self.stack.count("details"))

    def handle_endtag(self, tag):
        if not self.stack or self.stack.pop() != tag:
            self.wrong.append(f"</{tag}> out of order")

    def handle_data(self, text):
        if "summary" in self.stack:
            self.summaries[-1] += text


def context_page():
    page = Page(run("cct", "--html", "--min", "0", database))
    contexts = load("cct", "--json", "--min", "0", database)
    check(f"cct --html: elements are closed in order {page.wrong or page.stack or ''}", not page.wrong and not page.stack)
    check("cct --html: a summary for each context", len(page.summaries) == len(contexts))
    check("cct --html: each tells its service",
          all(f" {c['service']} " in text for c, text in zip(contexts, page.summaries)))
    below = {}
    for c in contexts:
        below[c["context"]] = below.get(c["parent"], 0) + 1
    check("cct --html: as deep as the tree", page.depth == max(below.values()))


def graphs():
    shape = load("flows", "--json", database)["shapes"][0]["shape"]
    for words in (["--services"], ["--operations"], ["--shape", "all"], ["--shape", shape]):
        name = " ".join(words)
        data = load("graph", *words, "--format", "json", database)
        check(f"graph {name}: edges join nodes that are there",
              {e[end] for e in data["edges"] for end in ("from", "to")} <= {n["node"] for n in data["nodes"]})
        mermaid = run("graph", *words, "--format", "mermaid", database)
        check(f"graph {name}: Mermaid has no control byte", all(c.isprintable() or c == "\n" for c in mermaid))
        if shutil.which("dot") is None:
            print(f"Graphviz is absent: DOT and SVG of {name} are skipped")
            continue
        dot = run("graph", *words, database)
        plain = subprocess.run(["dot", "-Tplain"], input=dot.encode(), stdout=subprocess.PIPE, check=True).stdout.decode()
        drawn = sum(line.startswith("node ") for line in plain.splitlines())
        check(f"graph {name}: Graphviz reads the DOT and finds the nodes", drawn == len(data["nodes"]))
        svg = xml.etree.ElementTree.fromstring(run("graph", *words, "--format", "svg", database))
        space = "{http://www.w3.org/2000/svg}"
        groups = [g.get("class") for g in svg.iter(space + "g")]
        check(f"graph {name}: the SVG is well-formed XML with all nodes",
              svg.tag == space + "svg" and groups.count("node") == len(data["nodes"]))


def answers():
    first = load("sql", "--json", database, "SELECT min(child_call_id) AS id FROM call_links")[0]["id"]
    for words in (["services"], ["flows"], ["flows", "--requests"], ["path"], ["costs"], ["tornado"], ["advise"],
                  ["whatif", "--change", "* *2"], ["diff", "--split", "0.001"], ["relations"], ["clock"]):
        load(words[0], "--json", *words[1:], database)
        check(f"{' '.join(words)}: JSON", True)
    if first is not None:
        load("explain", "--json", database, str(first))
        check("explain: JSON", True)
    listed = load("flows", "--json", "--requests", database)
    shapes = load("flows", "--json", "--top", "0", database)["shapes"]
    counted = {}
    for r in listed:
        counted[r["shape"]] = counted.get(r["shape"], 0) + 1
    check("flows --requests: as many of each shape as flows counts", counted == {s["shape"]: s["count"] for s in shapes})
    check("flows --requests: services of the database", {r["service"] for r in listed} <= services)


def identifiers():
    """Every id that a command prints is taken by the others."""
    shapes, traces = set(), set()
    for words in ([], ["--view", "trigger"], ["--fold"], ["--view", "trigger", "--fold"]):
        shapes |= {s["shape"] for s in load("flows", "--json", "--top", "0", *words, database)["shapes"]}
    traces = {r["trace_id"] for r in load("flows", "--json", "--requests", "--view", "trigger", database)}
    roots = {r["trace_id"] for r in load("flows", "--json", "--requests", database)}
    traces |= {a["example_trace_id"] for a in load("advise", "--json", database)}
    for shape in sorted(shapes):
        run("graph", "--shape", shape, database)
    check(f"graph: the {len(shapes)} shapes that flows prints", True)
    asynchronous = sorted(traces - roots)
    for trace in asynchronous + sorted(traces & roots)[:5]:
        shown = load("gantt", "--json", database, trace)
        if trace in asynchronous:
            check(f"gantt {trace}: what began with that call", int(shown["trace_id"], 16) == int(trace, 16))
        run("path", database, trace)
        run("explain", database, trace)
        run("explain", database, str(int(trace, 16)))
    check(f"gantt, path, explain: {len(asynchronous)} ids of the trigger view, and others", True)


def points_of_view():
    """Asynchronous work leaves the requests' paths and counts as background in the trigger's view."""
    both = [{v: load(c, "--json", "--view", v, database) for v in ("submitter", "trigger")} for c in ("services", "path")]
    services_of, paths = both
    check("services: the same calls in both views", services_of["submitter"]["calls"] == services_of["trigger"]["calls"])
    listed = {v: load("flows", "--json", "--view", v, database) for v in ("submitter", "trigger")}
    check("services: background activities as in flows",
          all(services_of[v]["background_activities"] == listed[v]["background_activities"] for v in listed))
    calls = {v: sum(c["calls"] for c in paths[v]["components"]) for v in paths}
    moved = listed["trigger"]["background_activities"] - listed["submitter"]["background_activities"]
    check(f"path: {moved} asynchronous calls left the requests",
          calls["trigger"] < calls["submitter"] if moved else calls["trigger"] == calls["submitter"])
    check("path: the same requests and latency", all(
        paths["submitter"][k] == paths["trigger"][k] for k in ("requests", "total_ns")))


def quantile(durations, q):
    """Between the ranks next to q (n - 1), in proportion."""
    ordered, rank = sorted(durations), q * (len(durations) - 1)
    low = int(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (rank - low) * (ordered[high] - ordered[low])


def quantiles():
    """One rule: what is printed of the same requests is the same everywhere, and what their durations give."""
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    listed = load("flows", "--json", "--requests", database)
    front = [r for r in listed if not r["is_background"]]
    whatif = load("whatif", "--json", "--change", "* *1", database)[0]["rows"]
    flows = load("flows", "--json", "--top", "0", database)["shapes"]
    both = load("diff", "--json", "--top", "0", database, database)
    served = load("services", "--json", database)["operations"]

    def agree(what, row, key, durations):
        wrong = [m for m, q in shares.items() if abs(row[key % m] - quantile(durations, q)) > 2]
        if wrong:
            check(f"{what}: {wrong}", False)
        return not wrong

    if whatif[0]["requests"] == len(front):
        check("whatif: the quantiles of all requests",
              agree("whatif", whatif[0], "before_%s_ns", [r["duration_ns"] for r in front]))
        mean = load("tornado", "--json", database)[0]["mean_ns"]
        check("tornado: the mean of whatif", abs(mean - whatif[0]["before_mean_ns"]) < 1.5)
    told = load("whatif", "--json", "--explain", "--change", "* *2; * +1ms", database)[0]
    added = told["rows"][0]["after_mean_ns"] - told["rows"][0]["before_mean_ns"]
    check("whatif --explain: each part, and what each kind of request adds up to the change",
          [p["change"] for p in told["parts"]] == ["* *2", "* +1ms"] and added > 0 and
          abs(sum(s["mean_ns"] for s in told["shares"]) - added) <= len(told["rows"]))
    by_request = {row["request"]: row for row in whatif}
    known = {(o["service"], o["operation"]): o for o in served}
    compared = 0
    for key in sorted({(r["service"], r["operation"]) for r in front}):
        durations = [r["duration_ns"] for r in front if (r["service"], r["operation"]) == key]
        row = by_request.get(" ".join(key))
        if row and row["requests"] == len(durations):
            compared += agree(f"whatif {key}", row, "before_%s_ns", durations)
        if key in known and known[key]["calls"] == len(durations) and not known[key]["unanswered"]:
            compared += agree(f"services {key}", known[key], "client_%s_ns", durations)
    diffed = {row["shape"]: row for row in both["shapes"]}
    for shape in flows:
        durations = [r["duration_ns"] for r in listed if r["shape"] == shape["shape"]]
        compared += agree(f"flows {shape['shape']}", shape, "%s_ns", durations)
        if shape["shape"] in diffed:
            compared += agree(f"diff {shape['shape']}", diffed[shape["shape"]], "before_%s_ns", durations)
            compared += agree(f"diff {shape['shape']}", diffed[shape["shape"]], "after_%s_ns", durations)
    check(f"flows, services, whatif, diff: the same quantiles ({compared} compared)", compared >= 3 * len(diffed) > 0)


for one in (context_page, graphs, answers, identifiers, points_of_view, quantiles):
    one()
print(f"{len(failures)} failed")
sys.exit(bool(failures))
