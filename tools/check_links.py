#!/usr/bin/env python3
"""Whether what the pages (*.md) link to, or name as `docs/PAGE.md`, is there. Run in the root.

    tools/check_links.py FILES...
"""
import os
import re
import sys

FENCE = re.compile(r"^```.*?^```", re.S | re.M)
LINK = re.compile(r"\]\(([^()\s]+)\)")
PAGE = re.compile(r"`(docs/[\w.-]+\.md)`")


def broken(name):
    """(line, target) of each link in a page that leads nowhere."""
    with open(name, encoding="utf-8") as f:
        text = FENCE.sub(lambda m: "\n" * m[0].count("\n"), f.read())
    found = [(m, os.path.join(os.path.dirname(name), m[1].split("#")[0])) for m in LINK.finditer(text)
             if not re.match(r"[a-z]+:|#", m[1])]
    found += [(m, m[1]) for m in PAGE.finditer(text)]
    return [(text.count("\n", 0, m.start()) + 1, m[1]) for m, path in found
            if not os.path.exists(path)]


def main():
    bad = [(name, line, target) for name in sys.argv[1:] for line, target in broken(name)]
    for name, line, target in bad:
        print("%s:%d: %s is not there" % (name, line, target))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
