"""Run by test_export.py in the peers' environment: what exported networks answer.

  network NAME SIZE    Linnet's graph through ONNX Runtime and LiteRT against the C reference
  ops                  small graphs of each op, the two exporters against each other
  input                the synthetic picture against Linnet's
"""
import os
import subprocess
import sys
import tempfile
import types

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench", "peers"))
import export_onnx  # noqa: E402
import export_tflite  # noqa: E402
import graph  # noqa: E402
import synthetic  # noqa: E402
from adapters import litert, onnxruntime  # noqa: E402


def answers(g, stem, x):
    """Logits of the two, where LiteRT gives maps as N,H,W,C."""
    job = {"stem": stem, "threads": 1}
    export_onnx.export(g, stem + ".onnx")
    export_tflite.export(g, stem + ".tflite")
    a, b = onnxruntime.start(job, x)(), litert.start(job, x)()
    return a.transpose(0, 2, 3, 1) if a.ndim == 4 else a, b


def close(a, b, what, tolerance=2e-5):
    error = np.abs(np.asarray(a, np.float64) - b).max() / np.std(b)
    assert a.shape == b.shape and error < tolerance, "%s: %s %s %g" % (what, a.shape, b.shape, error)


def linnet(*args):
    subprocess.run([os.environ["LINNET"], *args, "-q"], check=True, stdin=subprocess.DEVNULL)


def network(folder, name, size):
    stem = os.path.join(folder, "m")
    linnet("info", name, "--size", size, "-b", "2", "--synthetic", "1", "--graph", stem + ".safetensors")
    linnet("run", name, "--size", size, "-b", "2", "--synthetic", "1", "--input", "synthetic:1",
           "--output", stem + ".npy", "-d", "ref")
    x = synthetic.batch(2, 1, int(size), int(size))
    want = np.load(stem + ".npy")
    for y, what in zip(answers(graph.load(stem + ".safetensors"), stem, x), ("onnx", "tflite")):
        close(y.reshape(want.shape), want, what)


def picture(folder):
    x = synthetic.batch(1, 1, 224, 224)
    # The rule's published first values and CRC-32 of input#0 for seed 1.
    import zlib
    assert x[0, 0, 0, 0] == float.fromhex("-0x1.8a939cp-2"), x[0, 0, 0, 0]
    assert zlib.crc32(x.tobytes()) == 0x474E7826


class Small:
    """A graph made by hand."""

    def __init__(self, *shape):
        self.random = np.random.default_rng(1)
        self.g = graph.Graph("small", [0], [], [graph.Tensor("x", list(shape))], [])

    def constant(self, *shape):
        data = self.random.standard_normal(shape).astype(np.float32)
        return self.g.add_constant("c", data)

    def node(self, op, shape, *inputs, **attributes):
        self.g.tensors.append(graph.Tensor(op, list(shape)))
        out = len(self.g.tensors) - 1
        self.g.nodes.append(types.SimpleNamespace(op=op, name=op, act=None, post=None,
                                                  inputs=list(inputs), out=out))
        vars(self.g.nodes[-1]).update(attributes)
        return out


def window(k, s, pad, **more):
    return dict(kernel=[k, k], stride=[s, s], dilation=[1, 1], pad=pad, **more)


def act(kind, **more):
    return dict(kind=kind, **more)


ACTS = [act("clamp", lo=0, hi=None), act("clamp", lo=0, hi=6), act("hard_swish"), act("sigmoid"),
        act("hard_sigmoid", alpha=1 / 6, beta=0.5), act("swish"), act("gelu"), act("tanh")]


def one(op, shape=(2, 8, 8, 6), attributes=(), constants=()):
    s = Small(2, 8, 8, 6)
    s.node(op, shape, 0, *(s.constant(*c) for c in constants), **dict(attributes))
    return s


def shuffle():
    s = Small(2, 8, 8, 6)
    half = [2, 8, 8, 3]
    left = s.node("slice", half, 0, begin=[0, 0, 0, 0], step=[1, 1, 1, 1])
    right = s.node("slice", half, 0, begin=[0, 0, 0, 3], step=[1, 1, 1, 1])
    both = s.node("concat", [2, 8, 8, 6], s.node("act", half, right, act=ACTS[2]), left)
    s.node("channel_shuffle", [2, 8, 8, 6], both, groups=2)
    return s


def attention(kv_heads):
    s = Small(2, 8, 8, 6)
    q = s.node("conv2d", [2, 8, 8, 8], 0, s.constant(8, 1, 1, 6), groups=1,
               **window(1, 1, [0] * 4))
    kv = s.node("conv2d", [2, 4, 4, 20], 0, s.constant(20, 2, 2, 6), groups=1,
                **window(2, 2, [0] * 4))
    at = 4 * kv_heads
    s.node("attention", [2, 8, 8, 2 * 3], q, kv, kv, heads=2, kv_heads=kv_heads, dim=4, vdim=3,
           q_at=0, k_at=0, v_at=at, patch=[1, 1], scale=0.5)
    return s


def cases():
    for a in ACTS:
        yield "act " + a["kind"], one("act", attributes={"act": a})
        yield "conv " + a["kind"], one(
            "conv2d", (2, 8, 8, 5), dict(window(3, 1, [1] * 4), groups=1, act=a),
            [(5, 3, 3, 6), (5,)])
    for pad, side in [([0, 0, 1, 1], 4), ([1, 1, 1, 1], 4), ([0, 0, 0, 0], 3), ([1, 1, 0, 0], 4)]:
        yield "depthwise %s" % pad, one("conv2d", (2, side, side, 6),
                                        dict(window(3, 2, pad), groups=6), [(6, 3, 3, 1)])
        yield "max %s" % pad, one("pool", (2, side, side, 6), dict(
            window(3, 2, pad), kind="max", count_pad=False, ceil=[0, 0], **{"global": False}))
    yield "average", one("pool", (2, 4, 4, 6), dict(
        window(2, 2, [0] * 4), kind="avg", count_pad=True, ceil=[0, 0], **{"global": False}))
    yield "mean", one("pool", (2, 1, 1, 6), {"kind": "avg", "global": True})
    yield "norm", one("batch_norm", attributes={"eps": 1e-3, "gamma": 0}, constants=[(6,)] * 3)
    yield "softmax", one("softmax")
    yield "scale", one("mul", constants=[(6,)])
    yield "shift", one("add", attributes={"act": ACTS[0]}, constants=[(6,)])
    yield "reshape", one("reshape", (2, 384))
    yield "pad", one("pad", (2, 10, 9, 6), dict(before=[0, 1, 0, 0], after=[0, 1, 1, 0], value=0))
    yield "shuffle", shuffle()
    yield "attention, a key each", attention(2)
    yield "attention, one key", attention(1)


def ops(folder):
    x = np.random.default_rng(2).standard_normal((2, 6, 8, 8)).astype(np.float32)
    for what, small in cases():
        g = small.g
        if what == "norm":  # a variance is positive
            g.nodes[0].inputs.append(g.add_constant("variance", np.linspace(1, 2, 6)))
        g.outputs = [g.nodes[-1].out]
        a, b = answers(g, os.path.join(folder, "o"), x)
        assert list(b.shape) == g.shape(g.outputs[0]), what
        close(a, b, what)
    for op in ("resize", "group_norm"):
        small = one(op)
        small.g.outputs = [small.g.nodes[-1].out]
        for exporter in (export_onnx, export_tflite):
            try:
                exporter.export(small.g, os.path.join(folder, "none"))
            except graph.Unsupported as reason:
                assert op in str(reason)
            else:
                raise AssertionError(op)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        {"network": network, "ops": ops, "input": picture}[sys.argv[1]](scratch, *sys.argv[2:])
    sys.stdout.flush()
    os._exit(0)
