"""True parents in a copy of a correlated database: what the benches of relations and shapes compare with.

Calls are found in the truth (a folder with spans.csv) by connection and position.
"""
import collections, csv, os, sqlite3


def read_truth(folder):
    spans = {row["span_id"]: row for row in csv.DictReader(open(os.path.join(folder, "spans.csv")))}
    unit = {}
    for name, row in spans.items():
        if row["kind"] == "rpc" and "precapture" not in row["flags"]:
            unit[(row["client_ip"], row["client_port"], row["server_ip"], row["server_port"], int(row["n"]))] = name
    return spans, unit


def cause(spans, name):
    parent = spans[name]["parent_span_id"]
    while parent in spans and spans[parent]["kind"] == "job":
        parent = spans[parent]["parent_span_id"]
    return parent if parent in spans and spans[parent]["kind"] == "rpc" else None


def is_job(spans, name):
    """Was the cause a message in a queue, and not the caller's waiting?"""
    parent = spans[name]["parent_span_id"]
    return parent in spans and spans[parent]["kind"] == "job"


def match(db, unit):
    """Calls of one connection in order of time; where ports were used again the positions go on."""
    found, last, before, highest = {}, None, 0, 0
    rows = db.execute(
        "SELECT c.call_id, a.address, a.port, b.address, b.port, c.position FROM calls c JOIN endpoints a ON"
        " a.endpoint_id = c.client_endpoint_id JOIN endpoints b ON b.endpoint_id = c.server_endpoint_id"
        " ORDER BY 2, 3, 4, 5, c.call_id")
    for call, *place, position in rows:
        key = tuple(map(str, place))
        if key != last:
            last, before, highest = key, 0, 0
        if before + position <= highest and position == 1:
            before = highest
        highest = max(highest, before + position)
        name = unit.get(key + (before + position,))
        if name is not None and name not in found:
            found[name] = call
    return found


def set_true_parents(path, folder):
    spans, unit = read_truth(folder)
    db = sqlite3.connect(path)
    found = match(db, unit)
    parents = {call: found.get(cause(spans, name)) for name, call in found.items()}
    kinds = dict(db.execute("SELECT child_call_id, kind FROM call_links WHERE rank = 1"))
    kinds.update((call, "asynchronous") for name, call in found.items() if is_job(spans, name))
    calls = [row[0] for row in db.execute("SELECT call_id FROM calls ORDER BY call_id")]
    roots = {}
    for call in calls:
        root = call
        while parents.get(root) is not None:
            root = parents[root]
        roots[call] = root
    db.execute("DELETE FROM call_links")
    db.execute("DELETE FROM trace_roots")
    db.executemany("UPDATE calls SET parent_call_id = ?, trace_id = ? WHERE call_id = ?",
                   [(parents.get(call), roots[call], call) for call in calls])
    db.executemany("INSERT INTO call_links VALUES (?, ?, 1, ?, 'truth', 1.0, NULL)",
                   [(call, parent, kinds.get(call, "synchronous")) for call, parent in parents.items() if parent])
    sizes = collections.Counter(roots.values())
    db.executemany(
        "INSERT INTO trace_roots (trace_id, start_ns, end_ns, calls, errors, depth, confidence) SELECT call_id,"
        " coalesce(client_start_ns, server_start_ns), coalesce(client_end_ns, server_end_ns), ?, 0, 0, 1.0 FROM"
        " calls WHERE call_id = ? AND coalesce(client_start_ns, server_start_ns) IS NOT NULL AND"
        " coalesce(client_end_ns, server_end_ns) IS NOT NULL", [(n, root) for root, n in sizes.items()])
    db.commit()
    return len(found), len(calls)
