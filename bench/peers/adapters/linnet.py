import json
import os
import subprocess

NAME, PINS, PRECISION = "Linnet", [], "f32"
ENV = {"POCL_MAX_PTHREAD_COUNT": "{threads}"}


def command(job, verb, *more):
    done = subprocess.run([job["linnet"], verb, job["model"], "-b", str(job["batch"]), "-q", *more],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        raise OSError(done.stderr.decode(errors="replace").strip())
    return done.stdout


def measure(job):
    """Its own program times it, in a process of its own; the logits come from `linnet run`."""
    import numpy as np
    path = job["stem"] + ".linnet.%d.npy" % os.getpid()
    try:
        command(job, "run", "--synthetic", "1", "--input", job["stem"] + ".input.npy", "--output",
                path, *job["options"])
        logits = np.load(path)
    finally:
        if os.path.exists(path):
            os.unlink(path)
    r = json.loads(command(job, "bench", "-o", "json", *job["options"]))
    start = r["start_ms"]
    return logits, {"min": r["latency_ms"]["min"], "median": r["latency_ms"]["median"],
                    "runs": r["runs"], "start_ms": sum(start.values()),
                    "peak_rss": r["memory"]["peak_rss"], "gflops": r["gflops"],
                    "peak_fraction": r["peak_fraction"], "device": r["device"],
                    "driver": r["driver"], "version": r["version"]}
