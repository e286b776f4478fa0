#!/usr/bin/env python3
"""./dev demo: a photograph of a cat, classified by a trained EfficientNet-Lite0."""
import subprocess
import sys

import fetch


def main():
    try:
        fetch.lite0()
        photo = fetch.photo()
    except fetch.FetchError as reason:
        print("demo: %s" % reason, file=sys.stderr)
        return 1
    program = str(fetch.ROOT / "build" / "linnet")
    command = [program, "classify", "tf_efficientnet_lite0", str(photo), *sys.argv[1:]]
    print("$ build/linnet " + " ".join(command[1:]), file=sys.stderr)
    return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main())
