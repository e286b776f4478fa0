#!/usr/bin/env python3
"""Runs the static checks; prints what each found and a line each. Exit 1 when one failed."""
import os
import shutil
import subprocess
import sys
import time

import check_layers

ROOT = str(check_layers.ROOT)


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard",
                          "--", *patterns], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    names = sorted(set(filter(None, out.decode().split("\0"))))
    return [n for n in names if os.path.exists(os.path.join(ROOT, n))]


def shell_scripts():
    for name in tracked():
        with open(os.path.join(ROOT, name), "rb") as f:
            first = f.readline(64)
        if name.endswith(".sh") or (first.startswith(b"#!") and b"sh" in first.split(b"/")[-1]):
            yield name


def c_files():
    return tracked("*.c", "*.h")


# name -> (program it needs or None, command with its files; no files: nothing to do)
def checks():
    python = sys.executable
    yield "layers", None, [python, "tools/check_layers.py"], None
    yield "clang-format", "clang-format-14", ["clang-format-14", "--dry-run", "-Werror"], c_files()
    yield "cppcheck", "cppcheck", [
        "cppcheck", "--project=build/compile_commands.json", "--cppcheck-build-dir=build/cppcheck",
        "--enable=warning,performance,portability", "--inline-suppr", "--quiet", "-j2",
        "--suppressions-list=tools/cppcheck.txt", "--error-exitcode=1",
        "--template={file}:{line}: {severity}: {message} [{id}]"], None
    yield "shellcheck", "shellcheck", ["shellcheck", "-x"], list(shell_scripts())
    yield "kernels", None, [python, "tools/check_kernels.py"], None
    yield "links", None, [python, "tools/check_links.py"], tracked("*.md")
    yield "pyflakes", None, [python, "-m", "pyflakes"], tracked("*.py")


def run(report):
    """Calls report(name, state, seconds, text) for each check; state: passed, failed, skipped."""
    os.makedirs(os.path.join(ROOT, "build", "cppcheck"), exist_ok=True)
    for name, program, command, files in checks():
        if files is not None and not files:
            continue
        if program and not shutil.which(program):
            report(name, "skipped", 0, "no %s here" % program)
            continue
        start = time.monotonic()
        done = subprocess.run(command + (files or []), cwd=ROOT, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        text = done.stdout.decode(errors="replace")
        if done.returncode == 77 or "No module named pyflakes" in text:
            report(name, "skipped", 0, text.strip())
            continue
        report(name, "failed" if done.returncode else "passed", time.monotonic() - start, text)


def main():
    bad = []

    def report(name, state, seconds, text):
        if text.strip():
            print(text.rstrip())
        print("lint: %-14s %s (%.1f s)" % (name, state, seconds), flush=True)
        if state == "failed":
            bad.append(name)
    run(report)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
