#!/usr/bin/env python3
"""Writes OpenCL sources as C strings: embed.py OUT.c FILE...  (cl_kernels/x.cl -> ln_cl_x)"""
import os
import re
import sys


def literal(line):
    escaped = line.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return '    "%s\\n"' % escaped


def main(out, paths):
    parts = ["/* Made by tools/embed.py. */"]
    for path in paths:
        name = re.sub(r"\W", "_", os.path.splitext(os.path.basename(path))[0])
        with open(path, encoding="ascii") as f:
            lines = f.read().splitlines()
        parts.append("extern const char ln_cl_%s[];" % name)
        parts.append("const char ln_cl_%s[] =" % name)
        parts.append("\n".join(literal(line) for line in lines) + ";")
    with open(out, "w", encoding="ascii") as f:
        f.write("\n".join(parts) + "\n")


main(sys.argv[1], sys.argv[2:])
