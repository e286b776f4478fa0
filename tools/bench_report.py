#!/usr/bin/env python3
"""./dev bench: times the main networks and writes bench/results/MACHINE-DATE.json and .md.

Other arguments go to `linnet bench` as they are (--device gpu, --weights F, ...).
"""
import datetime
import json
import os
import pathlib
import platform
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODELS = ["mobilenetv1_100", "mobilenetv2_100", "tf_efficientnet_lite0"]
BATCHES = ["1", "8"]


def output(*command):
    try:
        return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              stdin=subprocess.DEVNULL).stdout.decode(errors="replace").strip()
    except OSError:
        return ""


def cpu():
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
        found = re.search(r"^(?:model name|Model)\s*: (.*)$", text, re.M)
    except OSError:
        found = None
    return found.group(1) if found else platform.processor() or platform.machine()


def slug(name):
    """The processor's name as part of a file's."""
    short = re.sub(r"\(\w+\)|CPU|Processor|@.*", "", name).lower()
    return re.sub(r"[^a-z0-9]+", "-", short).strip("-")


def machine():
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "system": output("sh", "-c", ". /etc/os-release; echo $PRETTY_NAME") or platform.platform(),
        "kernel": platform.release(),
        "compiler": output("cc", "--version").split("\n")[0],
        "commit": output("git", "describe", "--always", "--dirty"),
    }


def table(host, results):
    first = results[0]
    yield "# %s, %s" % (host["cpu"], datetime.date.today().isoformat())
    yield ""
    yield "Written by `./dev bench`, which runs `linnet bench %s -b %s`." % (
        ",".join(MODELS), ",".join(BATCHES))
    yield ""
    for name, value in [("device", "%s (driver %s)" % (first["device"], first["driver"])),
                        ("Linnet", "%s, commit %s" % (first["version"], host["commit"])),
                        ("cores", host["cores"]), ("memory", "%s GiB" % host["memory_gib"]),
                        ("system", "%s, Linux %s" % (host["system"], host["kernel"])),
                        ("compiler", host["compiler"])]:
        yield "- %s: %s" % (name, value)
    yield ""
    yield "| model | batch | median ms | p90 ms | min ms | images/s | GFLOP/s | of peak |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for r in results:
        t = r["latency_ms"]
        yield "| %s | %d | %.2f | %.2f | %.2f | %.1f | %.1f | %.0f %% |" % (
            r["model"], r["batch"], t["median"], t["p90"], t["min"], r["images_per_s"],
            r["gflops"], 100 * r["peak_fraction"])


def main():
    command = [str(ROOT / "build" / "linnet"), "bench", ",".join(MODELS), "-b", ",".join(BATCHES),
               "-o", "json", *sys.argv[1:]]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE)
    if done.returncode:
        return done.returncode
    results = json.loads(done.stdout)
    results = results if isinstance(results, list) else [results]
    host = machine()
    folder = ROOT / "bench" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ("%s-%s" % (slug(host["cpu"]), datetime.date.today().isoformat()))
    text = "\n".join(table(host, results)) + "\n"
    path.with_name(path.name + ".json").write_text(
        json.dumps({"machine": host, "results": results}, indent=1) + "\n")
    path.with_name(path.name + ".md").write_text(text)
    print(text, end="")
    print("bench: wrote %s.md and .json" % path.relative_to(ROOT), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
