#!/usr/bin/env python3
"""later_opsets.py DRIVER LIST: the ONNX project's own tests as its 1.16.2 has them, to operator set 21.

Debian's end at 17. The wheel is fetched from PyPI once and read as an archive; ends with 77 where it
cannot be.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import fetch  # noqa: E402

DATA = "onnx/backend/test/data/"


def main():
    driver, passing = sys.argv[1:3]
    try:
        wheel = fetch.wheel("onnx")
    except fetch.FetchError as reason:
        print("skipped: %s" % reason)
        return 77
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder, [n for n in archive.namelist() if n.startswith(DATA)])
        return subprocess.run([driver, "--list", passing],
                              env=dict(os.environ, ONNX_TEST_DATA=folder + "/" + DATA)).returncode


if __name__ == "__main__":
    sys.exit(main())
