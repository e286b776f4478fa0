#!/usr/bin/env python3
"""Time against work: every family once, and one network over batches, as a table and a plot.

Runs `build/linnet bench` for each, writes FOLDER/MACHINE-DATE-cost.md, .json and .svg (a folder
given by --output, else bench/results). --from FILE.json draws again from an earlier run's figures.
"""
import argparse
import datetime
import json
import math
import pathlib
import statistics
import subprocess
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend comes first)

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import bench_report  # noqa: E402

LINNET = ROOT / "build/linnet"
BATCHES = "1,2,4,8,16,32,64"
FAR = 1.6  # an outlier's rate is this many times off the line


def run(*args):
    done = subprocess.run([LINNET, *args, "-o", "json"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"cost: {' '.join(args)}: {done.stderr.strip()}")
    out = json.loads(done.stdout)
    return out if isinstance(out, list) else [out]


def measure(args):
    models = [m for m in run("models", args.glob) if m["macs"]]
    networks = []
    for i, m in enumerate(models):
        print(f"\r{i + 1}/{len(models)} {m['name']:<40}", end="", file=sys.stderr, flush=True)
        r = run("bench", m["name"], *args.options)[0]
        networks.append({"name": m["name"], "family": m["family"], "macs": r["macs"],
                         "ms": r["latency_ms"]["median"], "min_ms": r["latency_ms"]["min"],
                         "peak_fraction": r["peak_fraction"], "device": r["device"],
                         "driver": r["driver"], "version": r["version"]})
    print(f"\r{'batches':<60}", end="", file=sys.stderr, flush=True)
    rows = run("bench", args.network, "-b", args.batches, *args.options)
    print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
    return {"date": datetime.date.today().isoformat(), "machine": bench_report.machine(),
            "networks": networks,
            "batches": {"name": args.network,
                        "rows": [{"batch": r["batch"], "ms": r["latency_ms"]["median"],
                                  "images_per_s": r["images_per_s"], "macs": r["macs"]}
                                 for r in rows]}}


def fit(networks):
    """ms = a * MACs^b by least squares over logarithms."""
    x = [math.log(n["macs"]) for n in networks]
    y = [math.log(n["ms"]) for n in networks]
    mx, my = statistics.fmean(x), statistics.fmean(y)
    b = sum((p - mx) * (q - my) for p, q in zip(x, y)) / sum((p - mx) ** 2 for p in x)
    return math.exp(my - b * mx), b


def off_line(n, line):
    return n["ms"] / (line[0] * n["macs"] ** line[1])


def draw(figures, line, path):
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    families = sorted({n["family"] for n in figures["networks"]})
    for i, family in enumerate(families):
        of = [n for n in figures["networks"] if n["family"] == family]
        left.scatter([n["macs"] / 1e6 for n in of], [n["ms"] for n in of], s=24, label=family,
                     color=plt.get_cmap("tab20")(i % 20), marker="os^D"[i // 5 % 4])
    ends = [min(n["macs"] for n in figures["networks"]), max(n["macs"] for n in figures["networks"])]
    left.plot([e / 1e6 for e in ends], [line[0] * e ** line[1] for e in ends], color="0.6", lw=1,
              zorder=0)
    for n in figures["networks"]:
        if not 1 / FAR < off_line(n, line) < FAR:
            left.annotate(n["name"], (n["macs"] / 1e6, n["ms"]), fontsize=6, xytext=(4, 3),
                          textcoords="offset points")
    left.set(xscale="log", yscale="log", xlabel="million multiply-adds", ylabel="ms, median, batch 1",
             title=f"every family; the line is MACs^{line[1]:.2f}")
    left.legend(fontsize=7)
    rows = figures["batches"]["rows"]
    right.plot([r["batch"] for r in rows], [r["ms"] / r["batch"] for r in rows], marker="o")
    right.set(xscale="log", xlabel="batch", ylabel="ms an image",
              title=f"{figures['batches']['name']} over batches", ylim=(0, None))
    right.set_xticks([r["batch"] for r in rows], [str(r["batch"]) for r in rows])
    right.minorticks_off()
    fig.savefig(path, metadata={"Date": None})


def table(figures, line, plot):
    first = figures["networks"][0]
    out = [f"# Time against work, {figures['date']}", "",
           f"{first['device']}, driver {first['driver']}, {figures['machine']['cores']} cores; linnet "
           f"{first['version']}, commit {figures['machine']['commit']}; f32, batch 1. "
           f"By `./dev bench --cost`. The line is ms = {line[0]:.3g} * MACs^{line[1]:.2f}; *off* is "
           f"time over the line's, bold beyond {FAR} either way.", "", f"![plot]({plot})", "",
           "| network | million MACs | ms median | min | GFLOP/s | of peak | off |",
           "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for n in sorted(figures["networks"], key=lambda n: n["macs"]):
        off = off_line(n, line)
        bold = "" if 1 / FAR < off < FAR else "**"
        out.append(f"| {n['name']} | {n['macs'] / 1e6:.0f} | {n['ms']:.2f} | {n['min_ms']:.2f} | "
                   f"{2e-6 * n['macs'] / n['ms']:.0f} | {n['peak_fraction']:.2f} | "
                   f"{bold}{off:.2f}{bold} |")
    out += ["", f"| {figures['batches']['name']}, batch | ms | ms an image | images/s |",
            "| ---: | ---: | ---: | ---: |"]
    out += [f"| {r['batch']} | {r['ms']:.2f} | {r['ms'] / r['batch']:.3f} | {r['images_per_s']:.0f} |"
            for r in figures["batches"]["rows"]]
    return "\n".join(out) + "\n"


def main():
    p = argparse.ArgumentParser(prog="./dev bench --cost", description=__doc__.split("\n")[0])
    p.add_argument("--glob", default="*", help="families to time")
    p.add_argument("--network", default="mobilenetv2_100", help="the one that is timed over batches")
    p.add_argument("--batches", default=BATCHES)
    p.add_argument("--output", type=pathlib.Path, default=ROOT / "bench/results", metavar="FOLDER")
    p.add_argument("--from", dest="source", type=pathlib.Path, metavar="FILE.json")
    p.add_argument("options", nargs="*", help="after --: handed to linnet bench")
    args = p.parse_args()
    if not args.source:
        args.output.mkdir(parents=True, exist_ok=True)  # before minutes of measuring
    figures = json.loads(args.source.read_text()) if args.source else measure(args)
    line = fit(figures["networks"])
    base = args.source.with_suffix("") if args.source else (
        args.output / f"{bench_report.slug(figures['machine']['cpu'])}-{figures['date']}-cost")
    if not args.source:
        base.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")
    draw(figures, line, base.with_suffix(".svg"))
    base.with_suffix(".md").write_text(table(figures, line, base.name + ".svg"))
    print(base.with_suffix(".md"))


if __name__ == "__main__":
    main()
