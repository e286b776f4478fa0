#!/usr/bin/env python3
"""Networks quantized by onnxruntime.quantization, as pairs of QuantizeLinear and DequantizeLinear
and as operators on bytes (QLinearConv), against ONNX Runtime.

quantized_files.py LINNET
    LINNET  the program, build/linnet

Each kind of file runs as int8: `linnet info --plan` shows so. What comes out of small nets is within
one step of ONNX Runtime's on 99 % of the elements, and the largest is the same. Through the fifty
layers of a V2 with random weights, sums rounded another way spread (docs/quantization.md has the
figures by layer): there it is the cosine that counts. With trained weights (EfficientNet-Lite0 on the
photographs of LINNET_TEST_DATA) first answers are the same where the floats' first two are apart,
and as near to the floats as ONNX Runtime's are. Ends with 77 without onnx and onnxruntime.
"""
import itertools
import json
import logging
import os
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
    from onnxruntime import quantization as q
except ImportError as missing:
    print("skipped: %s; needs onnx and onnxruntime" % missing)
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import fetch  # noqa: E402

SIDE = 32


class Net:
    """A network in the making; weights are seeded."""

    def __init__(self, seed=1):
        self.random = np.random.default_rng(seed)
        self.nodes, self.weights, self.channels, self.last = [], [], {"x": 3}, "x"

    def weight(self, *shape):
        name = "w%d" % len(self.weights)
        fan = np.prod(shape[1:]) if len(shape) > 1 else 4
        value = self.random.normal(0, (1.7 / fan) ** 0.5, shape).astype(np.float32)
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def add(self, op, *inputs, **attributes):
        name = "%s_%d" % (op.lower(), len(self.nodes))
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def same(self, op, x, *others, **attributes):
        y = self.add(op, x, *others, **attributes)
        self.channels[y] = self.channels[x]
        return y

    def conv(self, x, out, kernel=1, stride=1, depthwise=False, act="Relu"):
        into = self.channels[x]
        groups = into if depthwise else 1
        y = self.add("Conv", x, self.weight(out, into // groups, kernel, kernel), self.weight(out),
                     kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[kernel // 2] * 4,
                     group=groups)
        if act == "Clip":
            y = self.add("Clip", y, "zero", "six")
        elif act:
            y = self.add(act, y)
        self.channels[y] = out
        return y

    def bottleneck(self, x, out, stride, expand, act):
        into = self.channels[x]
        y = self.conv(x, into * expand, act=act) if expand > 1 else x
        y = self.conv(y, into * expand, 3, stride, True, act)
        y = self.conv(y, out, act=None)
        if stride == 1 and into == out:
            y = self.same("Add", x, y)
        return y

    def head(self, x, classes):
        y = self.add("GlobalAveragePool", x)
        y = self.add("Flatten", y)
        return self.add("Gemm", y, self.weight(classes, self.channels[x]), self.weight(classes),
                        transB=1)

    def save(self, path, y, side):
        bounds = [numpy_helper.from_array(np.float32(v), n) for v, n in ((0, "zero"), (6, "six"))]
        graph = helper.make_graph(
            self.nodes, "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, side, side])],
            [helper.make_tensor_value_info(y, TensorProto.FLOAT, None)], self.weights + bounds)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)])
        model.ir_version = 8
        onnx.save(onnx.shape_inference.infer_shapes(model), str(path))


def small(path):
    n = Net(3)
    y = n.conv("x", 16, 3, 2)
    z = n.bottleneck(y, 16, 1, 2, "Relu")
    a, b = n.conv(z, 8), n.conv(z, 24, 3, act="Sigmoid")
    y = n.add("Concat", a, b, axis=1)
    n.channels[y] = 32
    y = n.same("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    y = n.conv(y, 40, act="Relu")
    n.save(path, n.head(y, 10), SIDE)


def mobilenet_v3(path):
    """Hard swish, squeeze-and-excitation, and what else the quantizer knows: leaky ReLU, average
    pool, softmax."""
    n = Net(7)
    y = n.conv("x", 16, 3, 2, act="HardSwish")
    y = n.conv(y, 32, act="HardSwish")
    y = n.conv(y, 32, 3, 2, True, act="HardSwish")
    gate = n.same("GlobalAveragePool", y)
    gate = n.conv(n.conv(gate, 8), 32, act="HardSigmoid")
    y = n.conv(n.same("Mul", y, gate), 24, act=None)
    z = n.conv(y, 24, 3, 1, True, act="LeakyRelu")
    y = n.same("Add", z, y)
    y = n.same("AveragePool", y, kernel_shape=[2, 2], strides=[2, 2])
    y = n.conv(y, 24, act="Sigmoid")
    n.save(path, n.add("Softmax", n.head(y, 10), axis=-1), SIDE)


def mobilenet_v2(path):
    n = Net(5)
    y = n.conv("x", 32, 3, 2, act="Clip")
    for expand, out, count, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
                                       (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
        for i in range(count):
            y = n.bottleneck(y, out, stride if i == 0 else 1, expand, "Clip")
    y = n.conv(y, 1280, act="Clip")
    n.save(path, n.head(y, 1000), 96)


def tensors_of(path):
    """The f32 tensors of a safetensors file."""
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    head = json.loads(data[8:begin])
    return {k: np.frombuffer(data[begin + v["data_offsets"][0]:begin + v["data_offsets"][1]],
                             np.float32).reshape(v["shape"])
            for k, v in head.items() if k != "__metadata__"}


def lite0(path, tensor):
    """tf_efficientnet_lite0, norms folded into what they follow."""
    n = Net()

    def layer(x, conv, norm, kernel=1, stride=1, act=True):
        w = tensor[conv + ".weight"]
        gain = tensor[norm + ".weight"] / np.sqrt(tensor[norm + ".running_var"] + 1e-3)
        bias = tensor[norm + ".bias"] - gain * tensor[norm + ".running_mean"]
        n.weights += [numpy_helper.from_array(w * gain[:, None, None, None], conv + ".w"),
                      numpy_helper.from_array(bias, conv + ".b")]
        pads = kernel - stride  # as TensorFlow's SAME, of even sizes
        pads = [pads // 2] * 2 + [pads - pads // 2] * 2 if kernel > 1 else [0] * 4
        y = n.add("Conv", x, conv + ".w", conv + ".b", kernel_shape=[kernel] * 2, pads=pads,
                  strides=[stride] * 2, group=1 if w.shape[1] > 1 else w.shape[0])
        return n.add("Clip", y, "zero", "six") if act else y

    y = layer("x", "conv_stem", "bn1", 3, 2)
    y = layer(y, "blocks.0.0.conv_dw", "blocks.0.0.bn1", 3)
    y = layer(y, "blocks.0.0.conv_pw", "blocks.0.0.bn2", act=False)
    for stage, (kernel, stride, count) in enumerate(((3, 2, 2), (5, 2, 2), (3, 2, 3), (5, 1, 3),
                                                     (5, 2, 4), (3, 1, 1)), 1):
        for i in range(count):
            name = "blocks.%d.%d." % (stage, i)
            z = layer(y, name + "conv_pw", name + "bn1")
            z = layer(z, name + "conv_dw", name + "bn2", kernel, 1 if i else stride)
            z = layer(z, name + "conv_pwl", name + "bn3", act=False)
            y = n.add("Add", z, y) if i else z
    y = n.add("Flatten", n.add("GlobalAveragePool", layer(y, "conv_head", "bn2")))
    n.weights += [numpy_helper.from_array(tensor["classifier." + k], k) for k in ("weight", "bias")]
    n.save(path, n.add("Gemm", y, "weight", "bias", transB=1), 224)


def photographs():
    """Crops of 224x224, as the network takes them."""
    folder = pathlib.Path(os.environ["LINNET_TEST_DATA"]) / "images" / "crops"
    for path in sorted(folder.glob("*.ppm")):
        pixels = np.frombuffer(path.read_bytes()[-3 * 224 * 224:], np.uint8).reshape(224, 224, 3)
        yield path.stem, (pixels.transpose(2, 0, 1)[None] / 127.5 - 1).astype(np.float32)


class Pictures(q.CalibrationDataReader):
    def __init__(self, pictures):
        self.list = iter([{"x": x} for x in pictures])

    def get_next(self):
        return next(self.list, None)


def noise(side, seed, count=1):
    random = np.random.default_rng(seed)
    return [random.normal(0, 1, (1, 3, side, side)).astype(np.float32) for _ in range(count)]


def last_scale(path):
    """Of the last DequantizeLinear, or None where the answer is not quantized."""
    model = onnx.load(str(path))
    value = {w.name: numpy_helper.to_array(w) for w in model.graph.initializer}
    for node in model.graph.node:
        if node.output[0] == model.graph.output[0].name and node.op_type == "DequantizeLinear":
            return float(value[node.input[1]])
    return None


def quantize(plain, path, pictures, form, each, kind):
    q.quantize_static(str(plain), str(path), Pictures(pictures), per_channel=each,
                      quant_format=form, activation_type=kind, weight_type=q.QuantType.QInt8,
                      extra_options={"ActivationSymmetric": kind == q.QuantType.QInt8})


def both(linnet, path, x, folder):
    """What ONNX Runtime, unoptimised, and Linnet make of x."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    want = onnxruntime.InferenceSession(str(path), options).run(None, {"x": x})[0]
    np.save(folder / "x.npy", x)
    subprocess.run([linnet, "run", path, "--input", folder / "x.npy", "--output",
                    folder / "y.npy", "-q"], check=True)
    return want, np.load(folder / "y.npy").reshape(want.shape)


def cosine_of(a, b):
    return float(np.sum(a * b) / np.sqrt(np.sum(a * a) * np.sum(b * b)))


def compare(linnet, path, side, folder):
    want, got = both(linnet, path, noise(side, 77)[0], folder)
    step = last_scale(path) or float(np.abs(want).max()) / 127
    near = float(np.mean(np.abs(got - want) <= 1.01 * step))
    text = subprocess.run([linnet, "info", path, "--plan"], check=True, stdout=subprocess.PIPE,
                          universal_newlines=True).stdout
    return near, cosine_of(got, want), int(got.argmax()) == int(want.argmax()), text.count("_i8")


def agrees(got, want, real):
    """The same first answer, or one of the floats' first two where these are near each other."""
    odds = np.exp(real[0] - real.max())
    second, first = np.argsort(odds)[-2:]
    near = odds[first] - odds[second] <= 0.1 * odds.sum()
    return got.argmax() == want.argmax() or (near and got.argmax() in (first, second))


def trained(linnet, folder):
    """Trained weights and photographs, calibrated on the photographs mirrored. Failures."""
    weights = fetch.cache() / "models" / "tf_efficientnet_lite0.safetensors"
    if not os.environ.get("LINNET_TEST_DATA") or not weights.exists():
        print("skipped: trained Lite0; LINNET_TEST_DATA is not set" if weights.exists() else
              "skipped: no trained Lite0; ./dev demo fetches it")
        return 0
    bad = 0
    lite0(folder / "lite0.onnx", tensors_of(weights))
    for form in (q.QuantFormat.QDQ, q.QuantFormat.QOperator):
        path = folder / "lite0-int8.onnx"
        quantize(folder / "lite0.onnx", path, [x[..., ::-1].copy() for _, x in photographs()],
                 form, True, q.QuantType.QUInt8)
        step = last_scale(path)
        for name, x in photographs():
            real = both(linnet, folder / "lite0.onnx", x, folder)[0]
            want, got = both(linnet, path, x, folder)
            near = float(np.mean(np.abs(got - want) <= 1.01 * step))
            ours, theirs = cosine_of(got, real), cosine_of(want, real)
            same = agrees(got, want, real)
            good = near >= 0.85 and same and ours >= theirs - 0.002
            bad += not good
            print("%s: Lite0, %s, %s: %.1f %% within a step, cosine %.5f (with the floats %.5f; "
                  "ONNX Runtime's %.5f), %s first" %
                  ("ok" if good else "FAILED", form.name, name, 100 * near, cosine_of(got, want),
                   ours, theirs, "as good a" if same else "another"))
    return bad


def main():
    logging.disable(logging.WARNING)
    onnxruntime.set_default_logger_severity(3)
    linnet = os.path.abspath(sys.argv[1])
    bad = 0
    with tempfile.TemporaryDirectory(prefix="linnet-qdq-") as name:
        folder = pathlib.Path(name)
        nets = (("small", small, SIDE, 10, 0.99), ("V3", mobilenet_v3, SIDE, 18, 0.99),
                ("V2", mobilenet_v2, 96, 60, 0.35))
        kinds = itertools.product((False, True), (q.QuantType.QInt8, q.QuantType.QUInt8),
                                  (q.QuantFormat.QDQ, q.QuantFormat.QOperator))
        for (title, make, side, least, most), (each, kind, form) in itertools.product(nets, kinds):
            plain, path = folder / "float.onnx", folder / "quantized.onnx"
            make(plain)
            quantize(plain, path, noise(side, 9, 8), form, each, kind)
            near, cosine, same, layers = compare(linnet, path, side, folder)
            good = near >= most and cosine >= 0.995 and same and layers >= least
            bad += not good
            print("%s: %s, %s, weights by %s, activations %s: %.1f %% within a step, cosine %.5f, "
                  "%s first, %d steps of int8" %
                  ("ok" if good else "FAILED", title, form.name, "channel" if each else "tensor",
                   kind.name, 100 * near, cosine, "the same" if same else "another", layers))
        bad += trained(linnet, folder)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
