#!/usr/bin/env python3
"""Proves docs/architecture.md's table of rooms from the sources.

Prints a line for each breach and exits 1 when there is one:
  - a room includes only what ROOMS lets it, by quoted or angled path;
  - <CL/...> is named only in host/ and include/linnet/opencl.h;
  - calls in CALLS stay in the files that may make them (base/env.c alone reads the environment,
    only cli/ prints or exits);
  - files stay under MAX_LINES, but for those in LONG;
  - every symbol that the shared library exports begins with linnet_ (when build/ has one).
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAX_LINES = 500

# room -> prefixes that its files may include besides the C library and the room itself.
# The longest room name that begins a path decides. docs/architecture.md shows this table.
ROOMS = {
    "include": ["linnet/"],
    "base": ["linnet/status.h"],
    "host": ["base/", "linnet/status.h", "CL/"],
    "cl_kernels": ["base/"],
    "engine": ["base/", "linnet/status.h", "host/", "cl_kernels/"],
    "engine/ref": ["base/", "linnet/status.h", "engine/graph.h", "engine/tensor.h",
                   "engine/resize.h", "engine/quant.h", "cl_kernels/map.h"],
    "engine/passes": ["base/", "linnet/status.h", "engine/graph.h", "engine/tensor.h",
                      "engine/resize.h", "engine/ref/ref.h"],
    "models": ["base/", "linnet/status.h", "engine/graph.h", "engine/quantize.h",
               "engine/tensor.h"],
    "vision": ["base/", "linnet/status.h"],
    "api": ["base/", "linnet/", "host/", "engine/", "models/", "vision/"],
    "cli": ["base/", "linnet/"],
    "bench": ["base/", "linnet/", "engine/", "host/", "tests/kernels/"],  # cases of the tests
    "examples": ["linnet/"],
}
OURS = ("base/", "linnet/", "host/", "cl_kernels/", "engine/", "models/", "vision/", "api/", "cli/",
        "bench/", "tests/", "CL/")

# what -> (pattern, files or folders that may hold it); tests and tools may hold anything.
CALLS = {
    "reads the environment": (r"\b(?:secure_)?getenv\s*\(", ["base/env.c"]),
    "hands on the environment": (r"\benviron\b", ["host/probe.c"]),  # to its child
    "prints": (r"\b(?:printf|puts|putchar|perror)\s*\(|\bf(?:printf|puts)\s*\(\s*std(?:out|err)\b",
               ["cli/", "bench/", "examples/", "host/probe_main.c"]),
    "ends the process": (r"\b(?:abort|exit|_exit|quick_exit|assert)\s*\(",
                         ["cli/", "bench/", "examples/", "host/probe_main.c"]),
}
# Long on purpose, each with its reason.
LONG = {
    "tests/plan/test_tune.c": "its tests share a device, a cache folder and a journal",
}


def sources():
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                           cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    for name in sorted(set(names.decode().split("\0"))):
        path = ROOT / name
        if path.suffix in (".c", ".h", ".inc", ".def", ".cl", ".clh", ".py") and path.is_file():
            yield name, path.read_text(encoding="utf-8")


def strip(text):
    """Blanks comments and string literals (not include lines), keeping the line count."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)


def room_of(name):
    rooms = [r for r in ROOMS if name.startswith(r + "/")]
    return max(rooms, key=len) if rooms else None


def includes(name, text, room):
    for number, line in enumerate(text.split("\n"), 1):
        found = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if not found:
            continue
        target = found.group(1)
        if target.startswith("CL/") and not (room == "host" or name == "include/linnet/opencl.h"):
            yield "%s:%d: includes <%s>; only host/ and include/linnet/opencl.h may" % (
                name, number, target)
        elif target.startswith("CL/"):
            continue
        elif room and target.startswith(OURS) and not target.startswith(room + "/") \
                and not target.startswith(tuple(ROOMS[room])):
            yield "%s:%d: includes \"%s\"; %s/ may include only %s" % (
                name, number, target, room, ", ".join(ROOMS[room]))
        elif room and ".." in target.split("/"):
            yield "%s:%d: includes \"%s\"; write the path from the root" % (name, number, target)


def calls(name, text):
    clean = strip(text)
    for what, (pattern, allowed) in CALLS.items():
        if any(name == a or (a.endswith("/") and name.startswith(a)) for a in allowed):
            continue
        for found in re.finditer(pattern, clean):
            yield "%s:%d: %s with %s; only %s may" % (
                name, clean.count("\n", 0, found.start()) + 1, what,
                found.group().strip(" ("), ", ".join(allowed))


def exported():
    for lib in sorted((ROOT / "build").glob("**/liblinnet.so")):
        out = subprocess.run(["nm", "-D", "--defined-only", "--format=posix", str(lib)],
                             check=True, stdout=subprocess.PIPE).stdout.decode()
        names = [line.split()[0] for line in out.splitlines()]
        if not names:
            yield "%s: exports nothing" % lib.relative_to(ROOT)
        for symbol in names:
            if not symbol.startswith("linnet_"):
                yield "%s: exports %s, which does not begin with linnet_" % (
                    lib.relative_to(ROOT), symbol)


def breaches():
    for name, text in sources():
        lines = text.count("\n")
        if lines > MAX_LINES and name not in LONG:
            yield "%s: %d lines; split it, or list it in LONG with a reason" % (name, lines)
        if name.endswith(".py"):
            continue
        room = room_of(name)
        yield from includes(name, text, room)
        if room and not name.startswith("cl_kernels/"):
            yield from calls(name, text)
    yield from exported()


def main():
    found = list(breaches())
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
