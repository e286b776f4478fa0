"""From the cells of a run to figures and tables. Standard library alone.

A cell is {"network", "batch", "peer", "rounds": [one result of cell.py each]}; peers is
{key: {"name", "precision", ...}}. "linnet" is Linnet's key; a peer whose declared precision is
f32 is one that Linnet is measured against.
"""
import math
import statistics

TOLERANCE = 1e-3  # largest difference over the standard deviation, f32
COSINE = 0.98     # the least for lower precisions


def agrees(result, precision):
    """True when the logits of a result are the network's."""
    d = result["against_reference"]
    if d["error"] is None:
        return False
    return d["error"] <= TOLERANCE if precision == "f32" else d["cosine"] >= COSINE


def geometric_mean(values):
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def summarise(cells, peers):
    """{(network, batch): {peer: figures}}; a peer that was wrong in any round has ok False."""
    table = {}
    for cell in cells:
        rounds = cell["rounds"]
        if not rounds:
            continue
        precision = peers[cell["peer"]]["precision"]
        figures = {
            "min": min(r["min"] for r in rounds),
            "median": statistics.median(r["median"] for r in rounds),
            "runs": sum(r["runs"] for r in rounds),
            "ok": all(agrees(r, precision) for r in rounds),
            "start_ms": statistics.median(r["start_ms"] for r in rounds),
            "peak_rss": max(r["peak_rss"] for r in rounds),
        }
        figures["images_per_s"] = 1e3 * cell["batch"] / figures["median"]
        fractions = [r["peak_fraction"] for r in rounds if r.get("peak_fraction")]
        if fractions:
            figures["peak_fraction"] = statistics.median(fractions)
        table.setdefault((cell["network"], cell["batch"]), {})[cell["peer"]] = figures
    for row in table.values():
        best = best_peer(row, peers)
        for figures in row.values():
            figures["ratio"] = figures["median"] / row[best]["median"] if best else None
    return table


def best_peer(row, peers):
    """The fastest right f32 peer by its median; None when there is none."""
    right = [p for p, f in row.items()
             if p != "linnet" and f["ok"] and peers[p]["precision"] == "f32"]
    return min(right, key=lambda p: row[p]["median"]) if right else None


def mean_ratios(table, batch, peers):
    """{peer: (geometric mean of its median over the best f32 peer's, networks counted)}."""
    out = {}
    for peer in peers:
        ratios = [row[peer]["ratio"] for (_, b), row in table.items()
                  if b == batch and peer in row and row[peer]["ok"] and row[peer]["ratio"]]
        if ratios:
            out[peer] = geometric_mean(ratios), len(ratios)
    return out


def worst(cells, peer, against):
    """Largest error and smallest cosine of a peer; (None, None) when a result had none."""
    found = [r[against] for c in cells if c["peer"] == peer for r in c["rounds"] if against in r]
    if not found or any(d["error"] is None for d in found):
        return None, None
    return max(d["error"] for d in found), min(d["cosine"] for d in found)


# --- Markdown -----------------------------------------------------------------------------------

def row_text(values):
    return "| " + " | ".join(values) + " |"


def number(v):
    return "-" if v is None else "%.3g" % v if v < 1000 else "%.0f" % v


def cell_text(figures, batch):
    if not figures:
        return "-"
    if batch == 1:
        text = "%s / %s" % (number(figures["min"]), number(figures["median"]))
    else:
        text = "%.0f" % figures["images_per_s"]
    return text if figures["ok"] else text + " (wrong)"


def ratio_text(row, best, batch):
    """Linnet beside the fastest f32 peer: of times at batch 1, of images a second else."""
    if not best or "linnet" not in row:
        return "-"
    ratio = row["linnet"]["ratio"]
    return "%.2f" % (ratio if batch == 1 else 1 / ratio)


def batch_table(table, batch, networks, peers):
    keys = [p for p in peers if any(b == batch and p in row for (_, b), row in table.items())]
    yield row_text(["network"] + [peers[p]["name"] for p in keys] + ["fastest f32 peer",
                                                                      "Linnet / it"])
    yield row_text(["---"] * (len(keys) + 3))
    for network in networks:
        row = table.get((network, batch))
        if not row:
            continue
        best = best_peer(row, peers)
        yield row_text([network] + [cell_text(row.get(p), batch) for p in keys] +
                       [peers[best]["name"] if best else "-", ratio_text(row, best, batch)])
    means = mean_ratios(table, batch, peers)

    def mean(p):
        if p not in means:
            return "-"
        value, count = means[p]
        return "%.2f (%d)" % (value if batch == 1 else 1 / value, count)
    yield row_text(["**geometric mean over the fastest f32 peer**"] + [mean(p) for p in keys] +
                   ["", mean("linnet")])


def agreement(cells, peers):
    yield row_text(["runtime", "computes in", "against ONNX Runtime", "against Linnet",
                    "smallest cosine"])
    yield row_text(["---"] * 5)
    for key, peer in peers.items():
        rounds = [r for c in cells if c["peer"] == key for r in c["rounds"]]
        if not rounds:
            continue
        error, cosine = worst(cells, key, "against_reference")
        precisions = sorted({r.get("precision", peer["precision"]) for r in rounds})
        yield row_text([peer["name"], ", ".join(precisions),
                        "wrong" if error is None else "%.1e" % error,
                        "%.1e" % (worst(cells, key, "against_linnet")[0] or 0),
                        "-" if cosine is None else "%.6f" % cosine])


def start_table(table, peers):
    yield row_text(["runtime", "start ms", "peak MB"])
    yield row_text(["---"] * 3)
    for key, peer in peers.items():
        rows = [row[key] for (_, b), row in table.items() if b == 1 and key in row]
        if rows:
            yield row_text([peer["name"],
                            "%.0f" % statistics.median(f["start_ms"] for f in rows),
                            "%.0f" % (1e-6 * statistics.median(f["peak_rss"] for f in rows))])


def markdown(run):
    cells, peers, host = run["cells"], run["peers"], run["machine"]
    table = summarise(cells, peers)
    yield "# Linnet beside its peers: %s, %s" % (host["cpu"], run["date"])
    yield ""
    yield "Written by `./dev bench --peers`; `bench/README.md` says how to read it."
    yield ""
    for name, value in [
            ("threads", "%d of %d cores" % (run["threads"], host["cores"])),
            ("rounds", "%d, all in turn, a fresh process each" % run["rounds"]),
            ("load average at the start", " ".join("%.2f" % v for v in run["load"])),
            ("memory", "%s GiB" % host["memory_gib"]),
            ("system", "%s, Linux %s" % (host["system"], host["kernel"])),
            ("Linnet", "commit %s, on %s" % (host["commit"], run.get("device", "?")))]:
        yield "- %s: %s" % (name, value)
    for peer in peers.values():
        if peer["pins"]:
            yield "- %s: %s%s" % (peer["name"], ", ".join(p.split()[-1] for p in peer["pins"]),
                                  "; " + peer["note"] if peer["note"] else "")
    for batch in run["batches"]:
        yield ""
        yield "## Batch %d, %s" % (batch, "ms, minimum / median" if batch == 1 else
                                   "images a second (by the median)")
        yield ""
        yield from batch_table(table, batch, run["networks"], peers)
    share = [row["linnet"]["peak_fraction"] for (_, b), row in table.items()
             if b == 1 and row.get("linnet", {}).get("peak_fraction")]
    if share:
        yield ""
        yield ("Linnet's share of the multiply-add peak that its runs measured, batch 1: %.0f to "
               "%.0f percent." % (100 * min(share), 100 * max(share)))
    yield ""
    yield "## Agreement: worst difference over the standard deviation"
    yield ""
    yield from agreement(cells, peers)
    if 1 in run["batches"]:
        yield ""
        yield "## From load to the first answer, and peak memory, batch 1: median over the networks"
        yield ""
        yield from start_table(table, peers)
    if run["skipped"]:
        yield ""
        yield "## Not measured"
        yield ""
        for line in run["skipped"]:
            yield "- " + line
