#!/usr/bin/env python3
"""Writes OpenCL sources as C strings: embed.py OUT.c FILE...  (cl_kernels/x.cl -> ln_cl_x)

A line #include "FILE" becomes the file beside it: drivers find none."""
import os
import re
import sys


def literal(line):
    escaped = line.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return '    "%s\\n"' % escaped


def read(path):
    with open(path, encoding="ascii") as f:
        lines = f.read().splitlines()
    text = []
    for number, line in enumerate(lines, 1):
        other = re.fullmatch(r'#include "(.*)"', line)
        if other:
            text.append('#line 1 "%s"' % other[1])
            text += read(os.path.join(os.path.dirname(path), other[1]))
            text.append('#line %d "%s"' % (number + 1, os.path.basename(path)))
        else:
            text.append(line)
    return text


def main(out, paths):
    parts = ["/* Made by tools/embed.py. */"]
    for path in paths:
        name = re.sub(r"\W", "_", os.path.splitext(os.path.basename(path))[0])
        parts.append("extern const char ln_cl_%s[];" % name)
        parts.append("const char ln_cl_%s[] =" % name)
        parts.append("\n".join(literal(line) for line in read(path)) + ";")
    with open(out, "w", encoding="ascii") as f:
        f.write("\n".join(parts) + "\n")


main(sys.argv[1], sys.argv[2:])
