#!/usr/bin/env python3
"""./dev bench --small: networks in f32, f16 and int8, in turn, on every OpenCL processor here.

The int8 file is what `linnet quantize` makes of the same weights; beside it runs any .tflite file
that is given, by Linnet and by LiteRT (default kernels: XNNPACK). Each cell is a process of its own,
round robin; the tables say minimum and median over all rounds.
"""
import argparse
import importlib
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINNET = ROOT / "build" / "linnet"
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "bench" / "peers")]

import bench_report  # noqa: E402
import run_tests  # noqa: E402
import wheels  # noqa: E402

LITERT = """
import json, os, statistics, sys
sys.path.insert(0, "bench/peers")
import cell
from ai_edge_litert.interpreter import Interpreter
i = Interpreter(sys.argv[1], num_threads=int(sys.argv[2]))
i.allocate_tensors()
d, out = i.get_input_details()[0], i.get_output_details()[0]["index"]
import numpy as np
x = np.random.default_rng(1).integers(0, 127, d["shape"]).astype(d["dtype"])
def run():
    i.set_tensor(d["index"], x)
    i.invoke()
    return i.get_tensor(out)
t = cell.timed(run, float(sys.argv[3]))
print(json.dumps({"min": 1e3 * min(t), "median": 1e3 * statistics.median(t)}))
sys.stdout.flush()
os._exit(0)
"""


def last_json(command, env=None):
    done = subprocess.run([str(c) for c in command], cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise OSError("%s: %s" % (shlex.join(str(c) for c in command[-6:]), last))
    return json.loads(done.stdout[done.stdout.index("{"):])


def linnet_cell(model, env, *more):
    """Times of one process, and the bytes of weights that its plan holds."""
    r = last_json([LINNET, "bench", model, *more, "-q", "-o", "json"], env)
    return {**{k: r["latency_ms"][k] for k in ("min", "median")}, "device": r["device"],
            "weights": r["memory"]["weights"]}


def litert_cell(path, threads, seconds):
    return last_json([wheels.PYTHON, "-c", LITERT, path, threads, seconds],
                     dict(os.environ, PYTHONNOUSERSITE="1"))


def devices(folder):
    """(name, environment) of each OpenCL driver; Intel's is downloaded on first use."""
    yield "PoCL", dict(os.environ)
    try:
        driver = run_tests.intel_driver()
    except OSError as reason:
        print("small: no Intel runtime: %s" % reason, file=sys.stderr)
        return
    vendors = pathlib.Path(folder) / "vendors"
    vendors.mkdir()
    (vendors / "intel.icd").write_text("%s\n" % driver)
    yield "Intel", dict(os.environ, OCL_ICD_VENDORS=str(vendors) + "/")


def main():
    p = argparse.ArgumentParser(prog="./dev bench --small")
    p.add_argument("--models", default="mobilenetv2_100",
                   help="networks, a comma between (%(default)s); files are compared to the first")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=1.0, help="of a LiteRT cell")
    p.add_argument("files", nargs="*", help=".tflite files to run beside it")
    args = p.parse_args()
    for f in args.files:
        if not pathlib.Path(f).is_file():
            p.error("%s: no such file" % f)
    threads = len(os.sched_getaffinity(0))
    models = args.models.split(",")
    with tempfile.TemporaryDirectory() as folder:
        quantized = {m: "%s/%s.safetensors" % (folder, m) for m in models}
        for m in models:
            print("quantizing %s" % m, file=sys.stderr, flush=True)
            subprocess.run([LINNET, "quantize", m, "--synthetic", "1", "--calibrate",
                            "synthetic:1", "--output", quantized[m], "-q"], check=True,
                           stdout=subprocess.DEVNULL)
        cells, base = {}, {}
        for device, env in devices(folder):
            def linnet(*a, env=env):
                return lambda: linnet_cell(a[0], env, *a[1:])
            for m in models:
                cells[device, m + " f32"] = linnet(m, "--synthetic", "1")
                cells[device, m + " f16"] = linnet(m, "--synthetic", "1", "--precision", "f16")
                cells[device, m + " int8"] = linnet(quantized[m])
                for form in " f32", " f16", " int8":
                    base[device, m + form] = (device, m + " f32")
            for f in args.files:
                cells[device, pathlib.Path(f).name] = linnet(pathlib.Path(f).resolve())
                base[device, pathlib.Path(f).name] = (device, models[0] + " f32")
        if args.files:
            absent = wheels.make({"litert": importlib.import_module("adapters.litert")})
            for f in args.files if not absent else []:
                cells["LiteRT", pathlib.Path(f).name] = (
                    lambda f=f: litert_cell(pathlib.Path(f).resolve(), threads, args.seconds))
            for reason in absent.values():
                print("small: no LiteRT: %s" % reason, file=sys.stderr)
        results = {k: [] for k in cells}
        for i in range(args.rounds + 1):  # the first fills the caches
            for k, cell in cells.items():
                r = cell()
                if i:
                    results[k].append(r)
                    print("round %d %-7s %-40s %7.2f / %.2f ms" % (i, *k, r["min"], r["median"]),
                          file=sys.stderr, flush=True)
    host = bench_report.machine()
    print("# f32, f16 and int8: %s\n" % host["cpu"])
    print("Written by `./dev bench --small`: commit %s, %d threads, %d rounds in turn, load %s.\n"
          % (host["commit"], threads, args.rounds, "%.1f" % os.getloadavg()[0]))
    print("| runtime | network | least ms | median ms | weights MB | median / f32 | / LiteRT |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    median = {k: statistics.median(r["median"] for r in v) for k, v in results.items()}
    for (device, name), r in results.items():
        beside = median.get(base.get((device, name))), median.get(("LiteRT", name))
        ratios = ["%.2f" % (median[device, name] / b) if b else "" for b in beside]
        weights = "%.2f" % (r[0]["weights"] / 1e6) if "weights" in r[0] else ""
        print("| %s | %s | %.2f | %.2f | %s | %s | %s |" % (
            device, name, min(x["min"] for x in r), median[device, name], weights, *ratios))


if __name__ == "__main__":
    try:
        main()
    except (OSError, subprocess.CalledProcessError) as reason:
        sys.exit("small: %s" % reason)
