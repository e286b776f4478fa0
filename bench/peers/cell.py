"""One process of the comparison, told what to do by a JSON object on its command line.

  prepare  writes the network's ONNX file, input and reference logits; or an adapter's own files
  time     runs one adapter on one network at one batch and checks its logits
The last line of the output is the result as JSON.
"""
import importlib
import json
import os
import resource
import statistics
import sys
import time

WARM_UPS, LEAST_RUNS = 10, 50


def difference(y, reference):
    """Largest difference over the standard deviation, and the cosine of the angle between."""
    import numpy as np
    y, r = (np.asarray(v, np.float64).reshape(-1) for v in (y, reference))
    if y.shape != r.shape or not np.isfinite(y).all():
        return {"error": None, "cosine": None}
    return {"error": float(np.abs(y - r).max() / r.std()),
            "cosine": float(y @ r / np.sqrt((y @ y) * (r @ r)))}


def export(job):
    import numpy as np
    import export_onnx
    import graph
    import synthetic
    g = graph.load(job["stem"] + ".safetensors")
    export_onnx.export(g, job["stem"] + ".onnx")
    height, width = g.shape(g.inputs[0])[1:3]
    x = synthetic.batch(job["batch"], 1, height, width)
    np.save(job["stem"] + ".input.npy", x)
    run = importlib.import_module("adapters.onnxruntime").start(job, x)
    np.save(job["stem"] + ".reference.npy", run())
    return {"size": [height, width]}


def prepare(job):
    if not job.get("adapter"):
        return export(job)
    adapter = importlib.import_module("adapters." + job["adapter"])
    if hasattr(adapter, "prepare"):
        adapter.prepare(job)
    return {}


def timed(run, seconds):
    """Seconds of each run: at least 50 runs and that long; slow ones stop after 5 times as long."""
    for _ in range(WARM_UPS):
        run()
    times, start = [], time.perf_counter()
    begin = start
    while True:
        run()
        end = time.perf_counter()
        times.append(end - begin)
        begin, spent = end, end - start
        if spent >= seconds and (len(times) >= LEAST_RUNS or spent >= 5 * seconds):
            return times


def time_adapter(job):
    import numpy as np
    x = np.load(job["stem"] + ".input.npy")
    reference = np.load(job["stem"] + ".reference.npy")
    adapter = importlib.import_module("adapters." + job["adapter"])
    if hasattr(adapter, "measure"):
        logits, result = adapter.measure(job)
        np.save(job["stem"] + ".linnet.npy", logits)
    else:
        start = time.perf_counter()
        run = adapter.start(job, x)
        logits = np.array(run())
        first = time.perf_counter()
        times = timed(run, job["seconds"])
        result = {"precision": getattr(run, "precision", adapter.PRECISION),
                  "min": 1e3 * min(times), "median": 1e3 * statistics.median(times),
                  "runs": len(times), "start_ms": 1e3 * (first - start),
                  "peak_rss": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}
    result["against_reference"] = difference(logits, reference)
    if os.path.exists(job["stem"] + ".linnet.npy"):
        result["against_linnet"] = difference(logits, np.load(job["stem"] + ".linnet.npy"))
    return result


if __name__ == "__main__":
    task = json.loads(sys.argv[1])
    done = {"prepare": prepare, "time": time_adapter}[task["do"]](task)
    print("\n" + json.dumps(done))
    sys.stdout.flush()
    os._exit(0)  # some runtimes take seconds, or fail, at their end
