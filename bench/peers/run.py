#!/usr/bin/env python3
"""./dev bench --peers: Linnet and other runtimes in turn, on the same networks and weights.

Makes .venv-peers on first use. Writes bench/results/MACHINE-DATE-peers.json and .md.
"""
import argparse
import datetime
import importlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import adapters  # noqa: E402
import bench_report  # noqa: E402
import report  # noqa: E402
import wheels  # noqa: E402
from wheels import say  # noqa: E402

NETWORKS = ["mobilenetv1_100", "mobilenetv2_100", "mobilenetv3_large_100", "mobilenetv3_small_100",
            "mobilenetv4_conv_small", "mobilenetv4_conv_medium", "mobilenetv4_hybrid_medium",
            "efficientnet_b0", "tv_shufflenet_v2_x1_0", "mnasnet_100"]
LINNET = ROOT / "build" / "linnet"
WORK = ROOT / "build" / "peers"
CELL_LIMIT = 600  # seconds


class CellError(Exception):
    """A process of the comparison that failed; its last line."""


def cell(job, env):
    """Runs cell.py in the peers' environment and returns its result."""
    try:
        done = subprocess.run([str(wheels.PYTHON), "cell.py", json.dumps(job)],
                              cwd=ROOT / "bench" / "peers", env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=CELL_LIMIT)
    except subprocess.TimeoutExpired:
        raise CellError("not done in %d s" % CELL_LIMIT)
    try:
        return json.loads(done.stdout.decode(errors="replace").strip().split("\n")[-1])
    except ValueError:
        lines = done.stderr.decode(errors="replace").strip().split("\n")
        raise CellError("%s (exit status %d)" % (lines[-1][:300] or "no message", done.returncode))


def linnet(*args):
    done = subprocess.run([str(LINNET), *map(str, args)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        raise CellError(done.stderr.decode(errors="replace").strip().split("\n")[-1])
    return done.stdout.decode()


class Run:
    def __init__(self, args):
        self.args, self.skipped, self.cells = args, [], {}
        self.adapters = {}
        for name in adapters.NAMES:
            if name in args.peers or name == "linnet":
                self.adapters[name] = importlib.import_module("adapters." + name)

    def skip(self, what, reason):
        say("%s: %s" % (what, reason))
        self.skipped.append("%s: %s" % (what, reason))

    def env(self, name):
        return wheels.environment(self.adapters.get(name), self.args.threads)

    def job(self, network, batch):
        return {"model": network, "batch": batch, "threads": self.args.threads,
                "stem": str(WORK / ("%s_b%d" % (network, batch))),
                "single": str(WORK / ("%s_b1" % network)), "seconds": self.args.seconds,
                "linnet": str(LINNET), "options": self.args.linnet}

    def known_networks(self):
        have = {m["name"] for m in json.loads(linnet("models", "-o", "json"))}
        for network in self.args.networks:
            if network not in have:
                self.skip(network, "this Linnet has no such network")
        return [n for n in self.args.networks if n in have]

    def tune(self, network, batch):
        if self.args.tune:
            linnet("tune", network, "-b", batch, "-q", *self.args.linnet)

    def prepare(self, network, batch):
        """Model files of a network; the jobs that can be timed, by peer."""
        job = self.job(network, batch)
        linnet("info", network, "-b", batch, "--synthetic", 1, "-q", "--graph",
               job["stem"] + ".safetensors")
        job.update(cell(dict(job, do="prepare"), self.env(None)))
        jobs = {}
        for name in self.adapters:
            try:
                cell(dict(job, do="prepare", adapter=name), self.env(name))
                jobs[name] = dict(job, do="time", adapter=name)
            except CellError as reason:
                self.skip("%s, %s, batch %d" % (self.adapters[name].NAME, network, batch), reason)
        return jobs

    def prepare_all(self):
        for network in self.known_networks():
            for batch in sorted({1, *self.args.batches}):
                say("preparing %s, batch %d" % (network, batch))
                try:
                    jobs = self.prepare(network, batch)
                    if batch in self.args.batches:
                        self.tune(network, batch)
                        self.cells[network, batch] = jobs
                except CellError as reason:
                    self.skip("%s, batch %d" % (network, batch), reason)

    def measure(self):
        """All rounds, or those before an interruption."""
        results = {(n, b, p): [] for (n, b), jobs in self.cells.items() for p in jobs}
        try:
            self.measure_rounds(results)
        except KeyboardInterrupt:
            self.skip("the rest", "interrupted")
        return [{"network": n, "batch": b, "peer": p, "rounds": r}
                for (n, b, p), r in results.items()]

    def measure_rounds(self, results):
        """Rounds over all cells; the order of the runtimes turns by one each round."""
        for i in range(self.args.rounds):
            for (network, batch), jobs in self.cells.items():
                names = list(jobs)
                first = names[:1] if i == 0 else []  # Linnet's logits are what the rest are held to
                turned = names[i % len(names):] + names[:i % len(names)]
                for name in first + [n for n in turned if n not in first]:
                    if i >= getattr(self.adapters[name], "ROUNDS", self.args.rounds):
                        continue
                    try:
                        r = cell(jobs[name], self.env(name))
                    except CellError as reason:
                        self.skip("%s, %s, batch %d, round %d" % (self.adapters[name].NAME, network,
                                                                  batch, i + 1), reason)
                        continue
                    results[network, batch, name].append(r)
                    say("round %d/%d %s b%d %-16s %8.2f / %.2f ms" % (
                        i + 1, self.args.rounds, network, batch, self.adapters[name].NAME,
                        r["min"], r["median"]))


def options():
    p = argparse.ArgumentParser(prog="./dev bench --peers")
    p.add_argument("--networks", default=",".join(NETWORKS), help="comma list (%(default)s)")
    p.add_argument("--batches", default="1,8", help="comma list (%(default)s)")
    p.add_argument("--peers", default=",".join(adapters.NAMES[1:]), help="comma list (%(default)s)")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seconds", type=float, default=2.0, help="least time of a cell (%(default)s)")
    p.add_argument("--no-tune", dest="tune", action="store_false", help="as Linnet stands")
    p.add_argument("--save", default="", metavar="PATH",
                   help="write PATH.json and PATH.md, or nothing for '-'")
    p.add_argument("linnet", nargs="*", help="after --: options for Linnet (-- --device cpu)")
    args = p.parse_args()
    for name in ("networks", "batches", "peers"):
        setattr(args, name, [v for v in getattr(args, name).split(",") if v])
    args.batches = [int(b) for b in args.batches]
    unknown = [n for n in args.peers if n not in adapters.NAMES]
    if unknown or args.rounds < 1 or args.threads < 1 or min(args.batches, default=0) < 1:
        p.error("no peer '%s'; there are: %s" % (unknown[0], ",".join(adapters.NAMES[1:]))
                if unknown else "rounds, threads and batches start at 1")
    return args


def stay_on(threads):
    """This process and its children keep to that many cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def save(run, text, where):
    slug = bench_report.slug(run["machine"]["cpu"])
    base = pathlib.Path(where) if where else (
        ROOT / "bench" / "results" / ("%s-%s-peers" % (slug, run["date"])))
    base.parent.mkdir(parents=True, exist_ok=True)
    base.with_name(base.name + ".json").write_text(json.dumps(run, indent=1) + "\n")
    base.with_name(base.name + ".md").write_text(text)
    say("wrote %s.md and .json" % base)


def main():
    args = options()
    load = os.getloadavg()
    say("load average %.2f %.2f %.2f; what else runs here is in the figures" % load)
    run, began = Run(args), time.monotonic()
    try:
        absent = wheels.make(run.adapters)
    except wheels.Missing as reason:
        say(str(reason))
        return 1
    for name, reason in absent.items():
        run.skip(run.adapters.pop(name).NAME, reason)
    stay_on(args.threads)
    if args.tune and subprocess.run([str(LINNET), "tune", "--help"], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL).returncode:
        args.tune = False
        run.skip("tuning", "this Linnet has no tuner")
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    run.prepare_all()
    cells = run.measure()
    shutil.rmtree(WORK, ignore_errors=True)
    devices = {"%s (driver %s)" % (r["device"], r["driver"])
               for c in cells for r in c["rounds"] if r.get("device")}
    record = {
        "schema": 1, "date": datetime.date.today().isoformat(), "machine": bench_report.machine(),
        "load": load, "threads": args.threads, "rounds": args.rounds, "seconds": args.seconds,
        "batches": args.batches, "networks": args.networks, "device": ", ".join(sorted(devices)),
        "took_s": round(time.monotonic() - began), "skipped": run.skipped, "cells": cells,
        "peers": {k: {"name": a.NAME, "pins": a.PINS, "precision": a.PRECISION,
                      "note": getattr(a, "NOTE", "")} for k, a in run.adapters.items()}}
    table = report.summarise(cells, record["peers"])
    record["summary"] = [dict(network=n, batch=b, peer=p, **f)
                         for (n, b), row in table.items() for p, f in row.items()]
    record["geometric_mean"] = {
        str(b): {p: v for p, (v, _) in report.mean_ratios(table, b, record["peers"]).items()}
        for b in args.batches}
    text = "\n".join(report.markdown(record)) + "\n"
    print(text, end="")
    say("took %d s" % record["took_s"])
    if args.save != "-":
        save(record, text, args.save)
    wrong = [k for k, row in table.items() if not row.get("linnet", {}).get("ok")]
    for network, batch in wrong:
        say("%s, batch %d: Linnet's logits are wrong or missing" % (network, batch))
    return 1 if wrong or not table else 0


if __name__ == "__main__":
    sys.exit(main())
