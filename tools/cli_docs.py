#!/usr/bin/env python3
"""Keeps the --help texts in docs/cli.md as build/linnet prints them.

    tools/cli_docs.py build/linnet            rewrites them
    tools/cli_docs.py build/linnet --check    exits with 1 when they differ
"""
import pathlib
import re
import subprocess
import sys

PAGE = pathlib.Path(__file__).resolve().parents[1] / "docs/cli.md"
BLOCK = re.compile(r"```text\n\$ linnet ([^\n]*)\n.*?```", re.S)


def fresh(program, page):
    def block(match):
        done = subprocess.run([program, *match[1].split()], stdout=subprocess.PIPE, check=True,
                              universal_newlines=True)
        return "```text\n$ linnet %s\n%s```" % (match[1], done.stdout)

    return BLOCK.sub(block, page)


def main():
    program, check = sys.argv[1], "--check" in sys.argv[2:]
    page = PAGE.read_text()
    new = fresh(program, page)
    if check and new != page:
        sys.exit("docs/cli.md is not what %s prints: run tools/cli_docs.py" % program)
    PAGE.write_text(new)


if __name__ == "__main__":
    main()
