#!/usr/bin/env python3
"""Networks as torch and torchvision export them, against ONNX Runtime.

torch_exports.py LINNET [PART...]
    LINNET  the program, build/linnet
    PART    only exports whose name contains it, such as mobilenet_v2 or 'opset 13'

Needs python3-torch, python3-torchvision (Debian) and onnxruntime (PyPI); ends with 77 without them.
Weights are random and seeded, nothing is downloaded. Every export has an open batch, which is bound
to 1 and to 4; outputs agree when no element differs by more than 2e-5 of the largest.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnxruntime
    import torch
    import torchvision
except ImportError as missing:
    print("skipped: %s; needs python3-torch, python3-torchvision and onnxruntime" % missing)
    sys.exit(77)

OPSETS = (11, 13, 17)
BATCHES = (1, 4)
TOLERANCE = 2e-5


class SegmentationOutput(torch.nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)["out"]


class DetectionNetwork(torch.nn.Module):
    """Backbone and heads: what is left of SSDLite without its anchors and its choice of boxes."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        features = list(self.net.backbone(x).values())
        out = self.net.head(features)
        return out["cls_logits"], out["bbox_regression"]


def segmentation(name):
    make = getattr(torchvision.models.segmentation, name)
    return SegmentationOutput(make(weights=None, weights_backbone=None, num_classes=21))


def detection():
    make = torchvision.models.detection.ssdlite320_mobilenet_v3_large
    return DetectionNetwork(make(weights=None, weights_backbone=None, num_classes=91))


def classifier(name):
    return lambda: getattr(torchvision.models, name)(weights=None)


NETWORKS = {
    "mobilenet_v2": (classifier("mobilenet_v2"), 224),
    "mobilenet_v3_large": (classifier("mobilenet_v3_large"), 224),
    "mobilenet_v3_small": (classifier("mobilenet_v3_small"), 224),
    "efficientnet_b0": (classifier("efficientnet_b0"), 224),
    "shufflenet_v2_x1_0": (classifier("shufflenet_v2_x1_0"), 224),
    "mnasnet1_0": (classifier("mnasnet1_0"), 224),
    "lraspp_mobilenet_v3_large": (lambda: segmentation("lraspp_mobilenet_v3_large"), 224),
    "deeplabv3_mobilenet_v3_large": (lambda: segmentation("deeplabv3_mobilenet_v3_large"), 224),
    "ssdlite320_mobilenet_v3_large": (detection, 320),
}


def seeded(make):
    """The network with statistics that do something: torch leaves means at 0 and variances at 1."""
    torch.manual_seed(7)
    net = make().eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.8, 1.2)
            torch.nn.init.normal_(module.bias, 0.0, 0.1)
            torch.nn.init.normal_(module.running_mean, 0.0, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.8, 1.2)
    return net


def export(net, side, opset, path):
    outputs = ["scores", "boxes"] if isinstance(net, DetectionNetwork) else ["output"]
    axes = {name: {0: "batch"} for name in ["input"] + outputs}
    torch.onnx.export(net, torch.zeros(1, 3, side, side), str(path), opset_version=opset,
                      input_names=["input"], output_names=outputs, dynamic_axes=axes)
    return outputs


def difference(linnet, path, names, side, batch, folder):
    """The largest difference over the largest element, of all outputs; or a complaint."""
    x = np.random.default_rng(batch).standard_normal((batch, 3, side, side)).astype(np.float32)
    np.save(folder / "x.npy", x)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    want = session.run(None, {"input": x})
    done = subprocess.run([linnet, "run", str(path), "--input", str(folder / "x.npy"),
                           "--output-dir", str(folder / "out")], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        return done.stdout.decode(errors="replace").strip()
    worst = 0.0
    for name, reference in zip(names, want):
        got = np.load(folder / "out" / (name + ".npy"))
        if got.shape != reference.shape:
            return "%s has shape %s, not %s" % (name, got.shape, reference.shape)
        worst = max(worst, float(np.abs(got - reference).max() / np.abs(reference).max()))
    return worst


def main():
    linnet, parts = sys.argv[1], sys.argv[2:]
    passed = failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        os.environ.setdefault("POCL_CACHE_DIR", str(folder / "pocl"))
        for name, (make, side) in NETWORKS.items():
            todo = [o for o in OPSETS
                    if not parts or any(p in "%s opset %d" % (name, o) for p in parts)]
            net = seeded(make) if todo else None
            for opset in todo:
                path = folder / "net.onnx"
                outputs = export(net, side, opset, path)
                for batch in BATCHES:
                    worst = difference(linnet, path, outputs, side, batch, folder)
                    good = isinstance(worst, float) and worst <= TOLERANCE
                    passed, failed = passed + good, failed + (not good)
                    text = "%.1e" % worst if isinstance(worst, float) else worst
                    print("%s opset %d batch %d: %s%s" % (name, opset, batch, text,
                                                          "" if good else " FAILED"), flush=True)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
