#!/usr/bin/env python3
"""How long a fresh process takes from its start to its answer, and its peak memory.

Three rows: a process that only opens the device, `linnet run` of a safetensors file with every cache
full, and the same with every cache empty (Linnet's and PoCL's, in a new folder), which compiles.
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

LINNET = pathlib.Path(__file__).resolve().parent.parent / "build/linnet"


def once(args, env):
    """Milliseconds from exec to what it prints, and the peak of resident memory in megabytes."""
    start = time.perf_counter()
    child = subprocess.Popen([LINNET, *args], env=env, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdout.read(1)
    ms = 1e3 * (time.perf_counter() - start)
    child.stdout.read()
    message = child.stderr.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"start: {' '.join(args)}: {message.decode(errors='replace').strip()}")
    return ms, used.ru_maxrss * 1024 / 1e6


def row(name, runs):
    ms, rss = [r[0] for r in runs], max(r[1] for r in runs)
    print(f"| {name} | {len(runs)} | {min(ms):.1f} | {statistics.median(ms):.1f} | {rss:.1f} |",
          flush=True)
    return rss


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("model", nargs="?", default="mobilenetv2_100")
    p.add_argument("-n", type=int, default=20, help="processes of each row (default 20)")
    p.add_argument("--cold", type=int, default=1, help="of the row with empty caches (default 1)")
    args = p.parse_args()

    def with_caches(folder):
        return dict(os.environ, XDG_CACHE_HOME=folder, POCL_CACHE_DIR=folder + "/pocl")

    def empty():
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(folder + "/pocl")
            return once(model, with_caches(folder))

    weights = tempfile.TemporaryDirectory()
    path = weights.name + "/weights.safetensors"
    once(["convert", "synthetic:1", path, "--arch", args.model], dict(os.environ))
    model = ["run", path, "--input", "synthetic:1"]

    print("| process | runs | least ms | median ms | peak MB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(folder + "/pocl")
        env = with_caches(folder)
        for _ in range(2):  # what a driver finishes at its second start
            once(model, env)
        opened = row("opens the device", [once(["devices", "--dump"], env) for _ in range(args.n)])
        ran = row(f"runs {args.model}", [once(model, env) for _ in range(args.n)])
    if args.cold:
        row("the same, caches empty", [empty() for _ in range(args.cold)])
    print(f"\nOne run takes {ran - opened:.1f} MB above the open device.")


if __name__ == "__main__":
    main()
