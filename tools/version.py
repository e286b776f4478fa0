#!/usr/bin/env python3
"""Prints the version that include/linnet/linnet.h declares."""
import pathlib
import re

header = pathlib.Path(__file__).resolve().parent.parent / "include/linnet/linnet.h"
text = header.read_text()
print(".".join(re.search(r"LINNET_VERSION_%s (\d+)" % part, text).group(1)
               for part in ("MAJOR", "MINOR", "PATCH")))
