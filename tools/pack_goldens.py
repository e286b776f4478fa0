#!/usr/bin/env python3
"""Packs reference figures of networks into the compact tables of tests/goldens.

  tools/pack_goldens.py SPECS [PATTERN...]

SPECS is a folder with goldens/*.json; a PATTERN is a shell pattern on Linnet's model names.
A table holds a header, logits with nine digits, and for a few layers mean, standard deviation and
first values of the output, which tell where a wrong network goes wrong.
"""
import fnmatch
import json
import pathlib
import re
import sys

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "goldens"
PREFIXES = (("timm_", ""), ("megvii_", ""), ("cadene_", ""), ("torchvision_", "tv_"))
# The original computes border rows of its stride-2 branches and crops them away.
MACS = {"nasnetamobile": 563638816}
LAYERS = 6


def name_of(stem):
    for old, new in PREFIXES:
        if stem.startswith(old):
            stem = new + stem[len(old):]
            break
    return re.sub(r"_r\d+$", "", stem)


def checkpoints(golden):
    """A few convolutions, spread over the network."""
    convs = [c for c in golden["checkpoints"] if c["type"] in ("Conv2d", "Conv2dSame") and len(c["shape"]) == 3]
    if len(convs) <= LAYERS:
        return convs
    return [convs[i * (len(convs) - 1) // (LAYERS - 1)] for i in range(LAYERS)]


def pack(golden, name):
    def row(values):
        return " ".join("%.9g" % v for v in values)

    logits = golden["logits"][0]
    lines = [
        "model %s" % name,
        "size %d" % golden["input_shape"][-1],
        "params %d" % golden["params"],
        "macs %d" % MACS.get(name, golden["macs"]["total"]),
        "weights_crc32 %s" % golden["weights_crc32"],
        "input_crc32 %s" % golden["input_crc32"],
        "std %.9g" % golden["spread"]["logits"]["std"],
    ]
    for c in checkpoints(golden):
        lines.append("layer %s %s %s" % (c["module"], row([c["mean"], c["std"]]), row(c["first"][:4])))
    lines.append("logits %d" % len(logits))
    lines += [row(logits[i:i + 10]) for i in range(0, len(logits), 10)]
    return "\n".join(lines) + "\n"


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    OUT.mkdir(parents=True, exist_ok=True)
    for path in sorted(pathlib.Path(sys.argv[1], "goldens").glob("*.json")):
        name = name_of(path.stem)
        if len(sys.argv) > 2 and not any(fnmatch.fnmatch(name, p) for p in sys.argv[2:]):
            continue
        golden = json.loads(path.read_text())
        if "logits" not in golden:
            continue
        (OUT / ("%s_%d.txt" % (name, golden["input_shape"][-1]))).write_text(pack(golden, name))


if __name__ == "__main__":
    main()
