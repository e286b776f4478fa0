#!/usr/bin/env python3
"""./dev check-kernels: every kernel variant, at each vector width, as strict OpenCL C 1.2.

Clang reads it without a device; warnings are errors. That a driver builds it too is the kernel
tests' part (./dev test kernels). Without clang the check is skipped (exit 77).
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLANGS = ["clang-14", "clang-15", "clang", "clang-16", "clang-19"]


def main():
    clang = next(filter(None, map(shutil.which, CLANGS)), None)
    if not clang:
        print("no clang here to read OpenCL C with")
        return 77
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        out = subprocess.run([str(ROOT / "build" / "tools" / "kernel_source"), folder], check=True,
                             stdout=subprocess.PIPE).stdout.decode()
        rows = [line.split() for line in out.splitlines()]
        for name, path, *options in rows:
            done = subprocess.run(
                [clang, "-x", "cl", "-Xclang", "-finclude-default-header", "-fsyntax-only", "-Wall",
                 "-Wextra", "-Werror", "-Wno-unused-function", "-Wno-unused-parameter",
                 *options, path],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT)
            if done.returncode:
                bad += 1
                print("%s: %s\n%s" % (name, " ".join(options), done.stdout.decode().rstrip()))
    print("%d programs of %d variants, %d rejected" % (len(rows), len({r[0] for r in rows}), bad))
    return 1 if bad or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
