#!/usr/bin/env python3
"""./dev fuzz [TARGET] [SECONDS]: libFuzzer with both sanitizers over the parsers.

The corpus grows in build-fuzz/corpus/TARGET; what crashes is kept in build-fuzz/crash/.
"""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build-fuzz"


def run(*command, **options):
    return subprocess.run([str(c) for c in command], cwd=ROOT, stdin=subprocess.DEVNULL,
                          **options).returncode


def main():
    words = [w for w in sys.argv[1:] if not w.isdigit()]
    seconds = ([w for w in sys.argv[1:] if w.isdigit()] or ["60"])[0]
    if not (BUILD / "build.ninja").exists() and run(
            "meson", "setup", BUILD, "--buildtype=debugoptimized", "-Dfuzz=true",
            "-Db_sanitize=address,undefined", "-Db_lundef=false", env=dict(os.environ, CC="clang")):
        return 1
    if run("ninja", "-C", BUILD):
        return 1
    targets = sorted(p for p in (BUILD / "tests" / "fuzz").glob("fuzz_*") if p.is_file())
    names = [p.name[len("fuzz_"):] for p in targets]
    unknown = [w for w in words if w not in names]
    if unknown:
        print("fuzz: no target '%s'; there are: %s" % (unknown[0], " ".join(names)),
              file=sys.stderr)
        return 2
    if run(sys.executable, "tests/fuzz/seeds.py", BUILD / "seeds"):
        return 1
    (BUILD / "crash").mkdir(exist_ok=True)
    bad = []
    for name, target in zip(names, targets):
        if words and name not in words:
            continue
        corpus = BUILD / "corpus" / name
        corpus.mkdir(parents=True, exist_ok=True)
        print("fuzz: %s for %s s" % (name, seconds), flush=True)
        if run(target, "-max_total_time=" + seconds, "-timeout=10", "-rss_limit_mb=4096",
               "-max_len=65536", "-print_final_stats=1", "-verbosity=0",
               "-artifact_prefix=%s/%s-" % (BUILD / "crash", name), corpus,
               BUILD / "seeds" / name.split("_")[0]):  # picture_png grows from pictures
            bad.append(name)
    for name in bad:
        print("fuzz: %s failed; the input is in build-fuzz/crash/" % name, file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
