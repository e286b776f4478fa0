"""Operators on bytes: signed and not, weights by tensor and by channel, and weights alone."""
import numpy as np
import pytest

from build import Model
from conftest import litert

RELU, RELU_N1, RELU6 = 1, 2, 3
SAME, VALID = 0, 1
LOW = {"int8": -128, "uint8": 0}


def draw(shape, dtype, seed=1):
    rng = np.random.default_rng(seed + int(np.prod(shape)))
    return (rng.integers(0, 256, shape) + LOW[dtype]).astype(dtype)


class Quant:
    """A file of one operator: real zero is `zero` bytes from the lowest."""

    def __init__(self, dtype, op, table=None, version=None, **options):
        self.m, self.dtype, self.op, self.table = Model(), dtype, op, table
        self.version = version or (2 if dtype == "int8" else 1)
        self.options, self.names, self.fed = options, [], []

    def q(self, scale, zero):
        return scale, zero + LOW[self.dtype]

    def input(self, shape, scale=0.05, zero=131, seed=1):
        self.names.append(self.m.input(shape, self.dtype, self.q(scale, zero)))
        self.fed.append(draw(shape, self.dtype, seed))
        return self

    def const(self, data, quant=None, axis=0):
        self.names.append(-1 if data is None else self.m.const(data, quant, axis))
        return self

    def bytes(self, shape, scale=0.03, zero=120, seed=5):
        return self.const(draw(shape, self.dtype, seed), self.q(scale, zero))

    def output(self, *shapes, scale=0.06, zero=125, dtype=None):
        out = [self.m.tensor(s, dtype or self.dtype,
                             quant=None if dtype else self.q(scale, zero)) for s in shapes]
        self.m.op(self.op, self.names, out, self.table, self.version, **self.options)
        self.m.output(*out)
        return self.m.bytes(), self.fed


def weights(dtype, shape, axis, channels):
    """Of int8 by channel where channels says so, of uint8 with a zero point of their own."""
    n = shape[axis]
    rng = np.random.default_rng(7)
    if dtype == "uint8":
        return draw(shape, dtype, 3), (np.float32([0.011]), [119])
    scale = rng.uniform(0.005, 0.02, n if channels else 1).astype(np.float32)
    return np.maximum(draw(shape, dtype, 3), -127), (scale, np.zeros(len(scale), np.int64))


def bias(n, x_scale, quant, seed=9):
    rng = np.random.default_rng(seed)
    scale = np.float32(x_scale) * quant[0]
    return (rng.integers(-2000, 2000, n).astype(np.int32), (scale, np.zeros(len(scale), np.int64)))


def window(size, k, stride, dilation, padding):
    eff = (k - 1) * dilation + 1
    return -(-size // stride) if padding == SAME else -(-(size - eff + 1) // stride)


def conv(dtype, c, oc, k, stride=1, padding=SAME, act=0, depthwise=False, channels=True, dilation=1,
         scale=None):
    h, w = 9, 8
    shape = (1, k, k, oc) if depthwise else (oc, k, k, c)
    axis = 3 if depthwise else 0
    table = "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions"
    more = {"depthMultiplier": oc // c} if depthwise else {}
    f, quant = weights(dtype, shape, axis, channels)
    t = Quant(dtype, "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", table, 3, padding=padding,
              strideH=stride, strideW=stride, dilationHFactor=dilation, dilationWFactor=dilation,
              fusedActivationFunction=act, **more)
    t.input((2, h, w, c)).const(f, quant, axis).const(*bias(oc, 0.05, quant))
    oh, ow = (window(i, k, stride, dilation, padding) for i in (h, w))
    fan = k * k * (1 if depthwise else c)
    return t.output((2, oh, ow, oc), scale=scale or 0.03 * np.sqrt(fan))


def fully(dtype, n=3, k=33, oc=10, act=0, channels=False, with_bias=True):
    f, quant = weights(dtype, (oc, k), 0, channels)
    t = Quant(dtype, "FULLY_CONNECTED", "FullyConnectedOptions", 4, fusedActivationFunction=act)
    t.input((n, k)).const(f, quant)
    t.const(*(bias(oc, 0.05, quant) if with_bias else (None,)))
    return t.output((n, oc), scale=0.2)


def binary(dtype, op, b=(2, 5, 6, 7), constant=False, act=0, a=(2, 5, 6, 7), **q):
    t = Quant(dtype, op, op.capitalize() + "Options", fusedActivationFunction=act).input(a)
    t = t.bytes(b) if constant else t.input(b, 0.03, 110, 2)
    return t.output(np.broadcast_shapes(a, b), **q)


def two(dtype, op, table):
    return Quant(dtype, op, table).input((2, 5, 6)).input((2, 5, 6), 0.05, 131, 2).output(
        (2, 5, 6), scale=0.05, zero=131)


def unary(dtype, op, table=None, scale=0.05, zero=131, out=(0.06, 125), shape=(2, 5, 6, 7),
          version=None, **options):
    return Quant(dtype, op, table, version, **options).input(shape, scale, zero).output(
        shape, scale=out[0], zero=out[1])


def same(dtype, op, shapes, table=None, consts=(), x=(2, 6, 8, 12), version=None, **options):
    """What moves bytes or picks some: one quantization on both sides."""
    t = Quant(dtype, op, table, version, **options).input(x)
    for c in consts:
        t.const(np.asarray(c))
    return t.output(*shapes, scale=0.05, zero=131)


def split(dtype):
    t = Quant(dtype, "SPLIT", "SplitOptions", numSplits=3).const(np.int32(3)).input((2, 3, 4, 12))
    return t.output(*[(2, 3, 4, 4)] * 3, scale=0.05, zero=131)


def pool(dtype, op, k, stride, padding, act=0):
    oh, ow = (window(i, k, stride, 1, padding) for i in (9, 8))
    return same(dtype, op, [(2, oh, ow, 6)], "Pool2DOptions", x=(2, 9, 8, 6), padding=padding,
                strideH=stride, strideW=stride, filterHeight=k, filterWidth=k,
                fusedActivationFunction=act)


def concat(dtype, alike):
    t = Quant(dtype, "CONCATENATION", "ConcatenationOptions", axis=3).input((1, 4, 5, 6))
    t = t.input((1, 4, 5, 3), *((0.05, 131) if alike else (0.02, 100)), 2)
    return t.output((1, 4, 5, 9), scale=0.05, zero=131)


def resize(dtype, op, size, x=(1, 5, 7, 3), **options):
    table = {"RESIZE_BILINEAR": "ResizeBilinearOptions"}.get(op, "ResizeNearestNeighborOptions")
    return same(dtype, op, [(1, *size, 3)], table, [np.int32(size)], x, 3, **options)


def quantize(dtype, source):
    t = Quant(dtype, "QUANTIZE", "QuantizeOptions", 2)
    if source == "float32":
        t.names.append(t.m.input((3, 40)))
        t.fed.append(np.random.default_rng(1).uniform(-9, 9, (3, 40)).astype(np.float32))
        return t.output((3, 40))
    t.names.append(t.m.input((3, 40), source, (0.04, 120 + LOW[source])))
    t.fed.append(draw((3, 40), source))
    return t.output((3, 40))


def dequantize(dtype):
    return Quant(dtype, "DEQUANTIZE", "DequantizeOptions", 2).input((3, 40)).output(
        (3, 40), dtype="float32")


def reduce(dtype, op, axes, keep, shape=(2, 7, 5, 9), **q):
    out = [1 if i in axes else d for i, d in enumerate(shape)]
    if not keep:
        out = [d for i, d in enumerate(shape) if i not in axes]
    t = Quant(dtype, op, "ReducerOptions", keepDims=keep).input(shape).const(np.int32(axes))
    return t.output(out, **q)


def softmax(dtype, shape, beta=1.0):
    return unary(dtype, "SOFTMAX", "SoftmaxOptions", out=(1 / 256, 0), shape=shape, beta=beta)


def padv2(dtype):
    t = Quant(dtype, "PADV2", "PadV2Options").input((2, 3, 4, 5))
    t.const(np.int32([[0, 0], [1, 2], [0, 3], [0, 0]]))
    t.const(np.array(LOW[dtype] + 200, dtype), t.q(0.05, 131))
    return t.output((2, 6, 7, 5), scale=0.05, zero=131)


def prelu(dtype):
    t = Quant(dtype, "PRELU", version=1).input((2, 3, 4, 5)).bytes((1, 1, 5))
    return t.output((2, 3, 4, 5))


def matmul(dtype):
    t = Quant(dtype, "BATCH_MATMUL", "BatchMatMulOptions", 2).input((2, 4, 9))
    return t.input((2, 9, 5), 0.03, 128, 2).output((2, 4, 5), scale=0.2)


def transpose_conv(dtype, channels=True):
    f, quant = weights(dtype, (6, 3, 3, 8), 0, channels)
    t = Quant(dtype, "TRANSPOSE_CONV", "TransposeConvOptions", 3 if dtype == "int8" else 2,
              padding=SAME, strideH=2, strideW=2)
    t.const(np.int32([1, 10, 12, 6])).const(f, quant).input((1, 5, 6, 8))
    t.const(*bias(6, 0.05, quant))
    return t.output((1, 10, 12, 6), scale=0.2)


BOTH = {
    "add": lambda t: binary(t, "ADD"),
    "add_relu": lambda t: binary(t, "ADD", act=RELU),
    "add_vector": lambda t: binary(t, "ADD", (7,), True, act=RELU6),
    "add_rows": lambda t: binary(t, "ADD", (1, 1, 6, 1)),
    "average_pool_same": lambda t: pool(t, "AVERAGE_POOL_2D", 3, 2, SAME),
    "average_pool_relu": lambda t: pool(t, "AVERAGE_POOL_2D", 2, 2, VALID, RELU),
    "concatenation": lambda t: concat(t, True),
    "conv": lambda t: conv(t, 8, 16, 3),
    "conv_relu6": lambda t: conv(t, 5, 12, 3, 2, act=RELU6),
    "conv_valid": lambda t: conv(t, 3, 8, 5, 2, VALID, RELU),
    "conv_pointwise": lambda t: conv(t, 24, 40, 1, act=RELU_N1),
    "conv_dilated": lambda t: conv(t, 8, 8, 3, dilation=2),
    "depthwise": lambda t: conv(t, 16, 16, 3, depthwise=True, act=RELU6),
    "depthwise_stride": lambda t: conv(t, 6, 6, 5, 2, VALID, depthwise=True),
    "depthwise_multiplier": lambda t: conv(t, 6, 12, 3, depthwise=True),
    "depth_to_space": lambda t: same(t, "DEPTH_TO_SPACE", [(2, 12, 16, 3)], "DepthToSpaceOptions",
                                     version=1, blockSize=2),
    "dequantize": dequantize,

    "expand_dims": lambda t: same(t, "EXPAND_DIMS", [(2, 1, 6, 8, 12)], "ExpandDimsOptions",
                                  [np.int32(1)], version=1),
    "fully_connected": fully,
    "fully_connected_relu": lambda t: fully(t, act=RELU, with_bias=False),
    "gather": lambda t: same(t, "GATHER", [(2, 3, 8, 12)], "GatherOptions", [np.int32([4, 0, 2])],
                             axis=1),
    "gather_nd": lambda t: same(t, "GATHER_ND", [(2, 12)], "GatherNdOptions",
                                [np.int32([[1, 2, 3], [0, 5, 7]])]),
    "hard_swish": lambda t: unary(t, "HARD_SWISH", "HardSwishOptions", version=1),
    "leaky_relu": lambda t: unary(t, "LEAKY_RELU", "LeakyReluOptions", alpha=0.2),
    "logistic": lambda t: unary(t, "LOGISTIC", out=(1 / 256, 0)),
    "maximum": lambda t: two(t, "MAXIMUM", "MaximumMinimumOptions"),
    "max_pool": lambda t: pool(t, "MAX_POOL_2D", 3, 2, SAME),
    "max_pool_relu6": lambda t: pool(t, "MAX_POOL_2D", 2, 1, VALID, RELU6),
    "mean_pixels": lambda t: reduce(t, "MEAN", (1, 2), True, scale=0.02, zero=128),
    "mean_flat": lambda t: reduce(t, "MEAN", (1, 2), False, scale=0.05, zero=131),
    "mean_channels": lambda t: reduce(t, "MEAN", (3,), False, scale=0.03, zero=128),
    "minimum": lambda t: two(t, "MINIMUM", "MaximumMinimumOptions"),
    "mirror_pad": lambda t: same(t, "MIRROR_PAD", [(2, 8, 8, 12)], "MirrorPadOptions",
                                 [np.int32([[0, 0], [1, 1], [0, 0], [0, 0]])], mode=0),
    "mul": lambda t: binary(t, "MUL", scale=0.09),
    "mul_gate": lambda t: binary(t, "MUL", (2, 1, 1, 7), act=RELU, scale=0.09),
    "mul_vector": lambda t: binary(t, "MUL", (7,), True, scale=0.09),
    "pack": lambda t: Quant(t, "PACK", "PackOptions", valuesCount=2, axis=1).input((3, 4)).input(
        (3, 4), seed=2).output((3, 2, 4), scale=0.05, zero=131),
    "pad": lambda t: same(t, "PAD", [(2, 9, 11, 12)], "PadOptions",
                          [np.int32([[0, 0], [1, 2], [3, 0], [0, 0]])]),
    "padv2": padv2,
    "prelu": prelu,
    "quantize": lambda t: quantize(t, "float32"),
    "quantize_int8": lambda t: quantize(t, "int8"),
    "quantize_uint8": lambda t: quantize(t, "uint8"),
    "relu": lambda t: unary(t, "RELU"),
    "relu6": lambda t: unary(t, "RELU6", out=(0.024, 0)),
    "reshape": lambda t: same(t, "RESHAPE", [(12, 96)], "ReshapeOptions", [np.int32([12, -1])],
                              version=1),
    "resize_bilinear": lambda t: resize(t, "RESIZE_BILINEAR", (10, 11)),
    "resize_bilinear_align": lambda t: resize(t, "RESIZE_BILINEAR", (9, 13), alignCorners=True),
    "resize_bilinear_half": lambda t: resize(t, "RESIZE_BILINEAR", (12, 5), halfPixelCenters=True),
    "resize_bilinear_columns": lambda t: resize(t, "RESIZE_BILINEAR", (5, 41)),
    "resize_bilinear_larger": lambda t: resize(t, "RESIZE_BILINEAR", (31, 97)),
    "resize_bilinear_larger_half": lambda t: resize(t, "RESIZE_BILINEAR", (31, 97),
                                                    halfPixelCenters=True),
    "resize_bilinear_larger_corners": lambda t: resize(t, "RESIZE_BILINEAR", (31, 97),
                                                       alignCorners=True),
    "resize_bilinear_pixel": lambda t: resize(t, "RESIZE_BILINEAR", (1, 1), alignCorners=True),
    "resize_nearest": lambda t: resize(t, "RESIZE_NEAREST_NEIGHBOR", (10, 11)),
    "resize_nearest_corners": lambda t: resize(t, "RESIZE_NEAREST_NEIGHBOR", (31, 97),
                                               alignCorners=True),
    "resize_nearest_half": lambda t: resize(t, "RESIZE_NEAREST_NEIGHBOR", (4, 29),
                                            halfPixelCenters=True),
    "resize_nearest_single": lambda t: resize(  # f32 takes 41 * (2 / 82) for less than 1
        t, "RESIZE_NEAREST_NEIGHBOR", (82, 94), (1, 2, 2, 3)),
    "slice": lambda t: same(t, "SLICE", [(1, 4, 8, 5)], "SliceOptions",
                            [np.int32([1, 2, 0, 3]), np.int32([1, 4, -1, 5])]),
    "softmax": lambda t: softmax(t, (4, 21)),
    "softmax_map": lambda t: softmax(t, (1, 5, 6, 9), 0.7),
    "space_to_depth": lambda t: same(t, "SPACE_TO_DEPTH", [(2, 3, 4, 48)], "SpaceToDepthOptions",
                                     version=1, blockSize=2),
    "split": split,
    "squeeze": lambda t: same(t, "SQUEEZE", [(6, 12)], "SqueezeOptions", x=(1, 6, 1, 12),
                              version=1, squeezeDims=[0, 2]),
    "strided_slice": lambda t: same(t, "STRIDED_SLICE", [(2, 3, 8, 12)], "StridedSliceOptions",
                                    [np.int32([0, 5, 0, 0]), np.int32([2, -7, 8, 12]),
                                     np.int32([1, -2, 1, 1])]),
    "sub": lambda t: binary(t, "SUB"),
    "tanh": lambda t: unary(t, "TANH", out=(1 / 128, 128)),
    "transpose": lambda t: same(t, "TRANSPOSE", [(2, 12, 6, 8)], "TransposeOptions",
                                [np.int32([0, 3, 1, 2])]),
    "transpose_conv": transpose_conv,
    "unpack": lambda t: same(t, "UNPACK", [(2, 8, 12)] * 6, "UnpackOptions", num=6, axis=1),
}
CASES = {"%s_%s" % (name, t): (lambda make=make, t=t: make(t))
         for name, make in BOTH.items() for t in ("int8", "uint8")}
CASES.update({
    "batch_matmul_int8": lambda: matmul("int8"),
    "concatenation_rescaled_uint8": lambda: concat("uint8", False),
    "conv_tensor_int8": lambda: conv("int8", 8, 16, 3, channels=False),
    "conv_coarse_int8": lambda: conv("int8", 8, 16, 3, scale=0.004),
    "depthwise_tensor_int8": lambda: conv("int8", 8, 8, 3, depthwise=True, channels=False),
    "fully_connected_channels_int8": lambda: fully("int8", channels=True),
})


def hold(ours, theirs, exact):
    """Equal; or within one step but for one element in a thousand, and never more than two away."""
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        assert a.shape == b.shape and a.dtype == b.dtype, (a.shape, b.shape, a.dtype, b.dtype)
        if exact or a.dtype == np.float32:
            assert np.array_equal(a, b)
            continue
        steps = np.abs(a.astype(int) - b.astype(int))
        assert np.max(steps) <= 2 and np.mean(steps > 1) <= 1e-3, np.bincount(steps.ravel())


@pytest.mark.parametrize("device", ["ref", "cpu"])
@pytest.mark.parametrize("name", CASES)
def test_operator(name, device, run):
    model, inputs = CASES[name]()
    theirs = litert(model, inputs, "reference")
    hold(run(model, inputs, device), theirs or litert(model, inputs, "default"),
         name.startswith("resize"))


# ---- weights alone ------------------------------------------------------------------------------


def hybrid(op, channels):
    x = np.random.default_rng(1).uniform(-1, 1, (2, 8, 8, 6)).astype(np.float32)
    m, n = Model(), 12 if op != "DEPTHWISE_CONV_2D" else 6
    shape = {"CONV_2D": (n, 3, 3, 6), "DEPTHWISE_CONV_2D": (1, 3, 3, 6),
             "FULLY_CONNECTED": (n, 6)}[op]
    axis = 3 if op == "DEPTHWISE_CONV_2D" else 0
    f, quant = weights("int8", shape, axis, channels)
    if op == "FULLY_CONNECTED":
        x = x.reshape(-1, 6)
    out = x.shape[:-1] + (n,)
    b = np.random.default_rng(2).uniform(-1, 1, n).astype(np.float32)
    y = m.tensor(out)
    table = {"CONV_2D": "Conv2DOptions", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
             "FULLY_CONNECTED": "FullyConnectedOptions"}[op]
    options = {} if op == "FULLY_CONNECTED" else {"strideH": 1, "strideW": 1}
    version = {"CONV_2D": 5, "DEPTHWISE_CONV_2D": 6, "FULLY_CONNECTED": 3}[op]
    m.op(op, [m.input(x.shape), m.const(f, quant, axis), m.const(b)], [y], table, version,
         fusedActivationFunction=RELU, **options)
    m.output(y)
    return m.bytes(), [x]


@pytest.mark.parametrize("device", ["ref", "cpu"])
@pytest.mark.parametrize("op, channels", [("CONV_2D", False), ("CONV_2D", True),
                                          ("DEPTHWISE_CONV_2D", True), ("FULLY_CONNECTED", False)])
def test_hybrid(op, channels, device, run):
    """LiteRT rounds the activations to bytes first: its error, a part in 127 of the largest."""
    model, inputs = hybrid(op, channels)
    ours, theirs = run(model, inputs, device)[0], litert(model, inputs, "reference")[0]
    assert ours.shape == theirs.shape
    assert np.max(np.abs(ours - theirs)) <= 0.05 * np.max(np.abs(theirs))
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("device", ["ref", "cpu"])
def test_half_weights(device, run):
    """Constants of float16 behind a DEQUANTIZE, as the converter writes them."""
    rng = np.random.default_rng(4)
    m = Model()
    x = rng.uniform(-1, 1, (1, 7, 7, 8)).astype(np.float32)
    f, b = (m.const(rng.uniform(-1, 1, s).astype(np.float16)) for s in ((12, 3, 3, 8), (12,)))
    wide = [m.tensor(s) for s in ((12, 3, 3, 8), (12,))]
    y = m.tensor((1, 7, 7, 12))
    for a, c in zip((f, b), wide):
        m.op("DEQUANTIZE", [a], [c], "DequantizeOptions", 3)
    m.op("CONV_2D", [m.input(x.shape), *wide], [y], "Conv2DOptions", strideH=1, strideW=1)
    m.output(y)
    model = m.bytes()
    ours = run(model, [x], device)[0]
    for kernels in ("reference", "default"):
        theirs = litert(model, [x], kernels)[0]
        assert np.max(np.abs(ours - theirs)) <= 1e-4 * np.std(theirs)
