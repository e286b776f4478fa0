"""Operators on floats: a file each, run by Linnet and by LiteRT."""
import numpy as np
import pytest

from build import Model
from conftest import litert

RELU, RELU_N1, RELU6 = 1, 2, 3
SAME, VALID = 0, 1


def values(shape, seed=1, low=-2.0, high=2.0):
    rng = np.random.default_rng(seed + int(np.prod(shape)))
    return rng.uniform(low, high, shape).astype(np.float32)


def ints(*v):
    return np.array(v, np.int32)


def single(op, inputs, shapes, table=None, dtypes=("float32",), version=1, **options):
    """inputs: (array, True for a constant); None: absent."""
    m, names, fed = Model(), [], []
    for x in inputs:
        if x is None:
            names.append(-1)
        elif isinstance(x, tuple):
            names.append(m.const(x[0]))
        else:
            names.append(m.input(x.shape, x.dtype))
            fed.append(x)
    dtypes = list(dtypes) * len(shapes) if len(dtypes) == 1 else dtypes
    out = [m.tensor(s, d) for s, d in zip(shapes, dtypes)]
    m.op(op, names, out, table, version, **options)
    m.output(*out)
    return m.bytes(), fed


def const(x):
    return (np.asarray(x),)


def window(size, k, stride, dilation, padding):
    eff = (k - 1) * dilation + 1
    return -(-size // stride) if padding == SAME else -(-(size - eff + 1) // stride)


def conv(op, c, oc, k, stride=1, dilation=1, padding=SAME, act=0, h=9, w=11, n=2, bias=True):
    x = values((n, h, w, c))
    f = values((1, k, k, oc) if op.startswith("DEPTH") else (oc, k, k, c), 2, -0.5, 0.5)
    oh, ow = (window(i, k, stride, dilation, padding) for i in (h, w))
    table = {"CONV_2D": "Conv2DOptions", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions"}[op]
    more = {"depthMultiplier": oc // c} if op.startswith("DEPTH") else {}
    b = values((oc,), 3)
    return single(op, [x, const(f), const(b if bias else 0 * b)], [(n, oh, ow, oc)], table,
                  padding=padding, strideH=stride, strideW=stride, dilationHFactor=dilation,
                  dilationWFactor=dilation, fusedActivationFunction=act, **more)


def transpose_conv(stride, padding, k=3, bias=False, act=0):
    h, w = 5, 6
    oh, ow = (i * stride if padding == SAME else (i - 1) * stride + k for i in (h, w))
    x, f = values((1, h, w, 6)), values((4, k, k, 6), 2)
    inputs = [const(ints(1, oh, ow, 4)), const(f), x] + ([const(values((4,)))] if bias else [])
    return single("TRANSPOSE_CONV", inputs, [(1, oh, ow, 4)], "TransposeConvOptions",
                  version=4 if act else 3 if bias else 1, padding=padding, strideH=stride,
                  strideW=stride, fusedActivationFunction=act)


def grouped():
    x, f = values((1, 8, 8, 12)), values((6, 3, 3, 4), 2)
    return single("CONV_2D", [x, const(f), const(values((6,)))], [(1, 8, 8, 6)], "Conv2DOptions",
                  padding=SAME, strideH=1, strideW=1)


def pool(op, k, stride, padding, act=0, h=9, w=7):
    oh, ow = (window(i, k, stride, 1, padding) for i in (h, w))
    return single(op, [values((2, h, w, 5))], [(2, oh, ow, 5)], "Pool2DOptions", padding=padding,
                  strideH=stride, strideW=stride, filterHeight=k, filterWidth=k,
                  fusedActivationFunction=act)


def fully(x, oc, bias=True, act=0, keep=False):
    x = values(x)
    w = values((oc, x.shape[-1] if keep else x.size // x.shape[0]), 2)
    rows = x.size // w.shape[1]
    shape = x.shape[:-1] + (oc,) if keep else (rows, oc)
    return single("FULLY_CONNECTED", [x, const(w), const(values((oc,))) if bias else None], [shape],
                  "FullyConnectedOptions", fusedActivationFunction=act, keepNumDims=keep)


def binary(op, a=(2, 3, 4, 5), b=(2, 3, 4, 5), constant=False, act=None, low=-2.0, dtype="float32"):
    x, y = values(a, 1, low), values(b, 2, low)
    if dtype == "int32":
        x, y = (20 * x).astype(np.int32), (9 * y).astype(np.int32)
        y[y == 0] = 3
    options = {} if act is None else {"fusedActivationFunction": act}
    names = {"MAXIMUM": "MaximumMinimum", "MINIMUM": "MaximumMinimum", "FLOOR_DIV": "FloorDiv",
             "FLOOR_MOD": "FloorMod", "SQUARED_DIFFERENCE": "SquaredDifference"}
    table = names.get(op, op.capitalize()) + "Options"
    return single(op, [x, const(y) if constant else y], [np.broadcast_shapes(a, b)], table,
                  dtypes=(dtype,), **options)


def unary(op, low=-4.0, table=None, shape=(2, 5, 7, 3), **options):
    return single(op, [values(shape, 1, low, 4.0)], [shape], table, **options)


def compare(op, dtype="float32"):
    x, y = np.round(values((3, 4, 5))), np.round(values((4, 5), 2))
    table = "".join(p.capitalize() for p in op.split("_")) + "Options"
    return single(op, [x.astype(dtype), y.astype(dtype)], [(3, 4, 5)], table, dtypes=("bool",))


def reduce(op, axes, keep, shape=(2, 5, 6, 9)):
    out = [1 if i in axes else d for i, d in enumerate(shape)]
    if not keep:
        out = [d for i, d in enumerate(shape) if i not in axes]
    return single(op, [values(shape), const(ints(*axes))], [out], "ReducerOptions", keepDims=keep)


def resize(op, size, shape=(1, 5, 7, 3), align=False, half=False):
    table = {"RESIZE_BILINEAR": "ResizeBilinearOptions"}.get(op, "ResizeNearestNeighborOptions")
    return single(op, [values(shape), const(ints(*size))], [(shape[0], *size, shape[3])], table,
                  version=3, alignCorners=align, halfPixelCenters=half)


def strided(start, stop, strides, shape, x=(3, 6, 7, 4), version=1, **masks):
    masks = {k + "Mask": v for k, v in masks.items()}
    return single("STRIDED_SLICE", [values(x), const(ints(*start)), const(ints(*stop)),
                                    const(ints(*strides))], [shape], "StridedSliceOptions",
                  version=version, **masks)


def several(op, n, shape, part, inputs, table, **options):
    return single(op, inputs, [part] * n, table, **options)


CASES = {
    "abs": lambda: unary("ABS"),
    "add": lambda: binary("ADD", act=0),
    "add_vector": lambda: binary("ADD", b=(5,), constant=True, act=RELU),
    "add_rows": lambda: binary("ADD", b=(1, 1, 4, 1), act=RELU6),
    "add_scalar": lambda: binary("ADD", b=(), constant=True, act=RELU_N1),
    "add_int": lambda: binary("ADD", dtype="int32"),
    "arg_max": lambda: single("ARG_MAX", [values((2, 5, 7)), const(ints(2))], [(2, 5)],
                              "ArgMaxOptions", dtypes=("int64",), outputType=4),
    "arg_max_middle": lambda: single("ARG_MAX", [values((2, 5, 7)), const(ints(-2))], [(2, 7)],
                                     "ArgMaxOptions", dtypes=("int32",), outputType=2),
    "arg_min": lambda: single("ARG_MIN", [values((2, 5, 7)), const(ints(1))], [(2, 7)],
                              "ArgMinOptions", dtypes=("int32",), outputType=2),
    "average_pool_same": lambda: pool("AVERAGE_POOL_2D", 3, 2, SAME),
    "average_pool_valid": lambda: pool("AVERAGE_POOL_2D", 2, 2, VALID, RELU),
    "batch_matmul": lambda: single("BATCH_MATMUL", [values((2, 3, 4, 5)), values((2, 3, 5, 6), 2)],
                                   [(2, 3, 4, 6)], "BatchMatMulOptions"),
    "batch_matmul_adj": lambda: single("BATCH_MATMUL", [values((3, 5, 4)), values((3, 6, 5), 2)],
                                       [(3, 4, 6)], "BatchMatMulOptions", adjX=True, adjY=True),
    "batch_matmul_const": lambda: single("BATCH_MATMUL", [values((3, 4, 5)),
                                                          const(values((5, 6), 2))], [(3, 4, 6)],
                                         "BatchMatMulOptions"),
    "broadcast_to": lambda: single("BROADCAST_TO", [values((3, 1, 5)), const(ints(2, 3, 4, 5))],
                                   [(2, 3, 4, 5)], "BroadcastToOptions", version=2),
    "cast_int": lambda: single("CAST", [values((3, 7), 1, -9, 9)], [(3, 7)], "CastOptions",
                               dtypes=("int32",), inDataType=0, outDataType=2),
    "cast_float": lambda: single("CAST", [ints(-3, 0, 7, 200000)], [(4,)], "CastOptions",
                                 inDataType=2, outDataType=0),
    "cast_bool": lambda: single("CAST", [np.float32([0, 0.5, -2])], [(3,)], "CastOptions",
                                dtypes=("bool",), inDataType=0, outDataType=6),
    "ceil": lambda: unary("CEIL"),
    "concatenation": lambda: single("CONCATENATION", [values((2, 3, 4, 5)), values((2, 3, 4, 7))],
                                    [(2, 3, 4, 12)], "ConcatenationOptions", axis=3),
    "concatenation_rows": lambda: single(
        "CONCATENATION", [values((2, 3, 4)), values((2, 1, 4)), const(values((2, 2, 4)))],
        [(2, 6, 4)], "ConcatenationOptions", axis=-2),
    "conv_same": lambda: conv("CONV_2D", 3, 16, 3, 2, act=RELU6),
    "conv_valid": lambda: conv("CONV_2D", 8, 12, 3, padding=VALID, act=RELU),
    "conv_dilated": lambda: conv("CONV_2D", 8, 8, 3, dilation=2),
    "conv_pointwise": lambda: conv("CONV_2D", 24, 40, 1, act=RELU_N1),
    "conv_stride": lambda: conv("CONV_2D", 4, 8, 2, stride=2, bias=False),
    "conv_groups": grouped,
    "cos": lambda: unary("COS"),
    "depthwise": lambda: conv("DEPTHWISE_CONV_2D", 8, 8, 3, act=RELU6),
    "depthwise_stride": lambda: conv("DEPTHWISE_CONV_2D", 16, 16, 5, 2, padding=VALID),
    "depthwise_multiplier": lambda: conv("DEPTHWISE_CONV_2D", 6, 18, 3, act=RELU),
    "depthwise_dilated": lambda: conv("DEPTHWISE_CONV_2D", 8, 8, 3, dilation=3),
    "depth_to_space": lambda: single("DEPTH_TO_SPACE", [values((2, 3, 4, 12))], [(2, 6, 8, 3)],
                                     "DepthToSpaceOptions", blockSize=2),
    "div": lambda: binary("DIV", act=RELU, low=0.5),
    "div_int": lambda: binary("DIV", dtype="int32", act=0),
    "elu": lambda: unary("ELU"),
    "equal": lambda: compare("EQUAL"),
    "equal_int": lambda: compare("EQUAL", "int32"),
    "exp": lambda: unary("EXP", table="ExpOptions"),
    "expand_dims": lambda: single("EXPAND_DIMS", [values((2, 3, 4)), const(ints(-2))],
                                  [(2, 3, 1, 4)], "ExpandDimsOptions"),
    "floor": lambda: unary("FLOOR"),
    "floor_div": lambda: binary("FLOOR_DIV"),
    "floor_div_int": lambda: binary("FLOOR_DIV", dtype="int32"),
    "floor_mod": lambda: binary("FLOOR_MOD", dtype="int32"),
    "fully_connected": lambda: fully((3, 20), 17, act=RELU),
    "fully_connected_flat": lambda: fully((3, 2, 2, 6), 10, bias=False),
    "fully_connected_keep": lambda: fully((2, 3, 20), 9, keep=True),
    "gather": lambda: single("GATHER", [values((4, 5, 6)), ints(2, 0, 3, 1, 2)], [(4, 5, 6)],
                             "GatherOptions", axis=1),
    "gather_batch": lambda: single("GATHER", [values((2, 5, 6)), ints(2, 0, 3, 1).reshape(2, 2)],
                                   [(2, 2, 6)], "GatherOptions", version=5, axis=1, batchDims=1),
    "gather_nd": lambda: single("GATHER_ND", [values((4, 5, 6)), ints(2, 0, 3, 1).reshape(2, 2)],
                                [(2, 6)], "GatherNdOptions"),
    "greater": lambda: compare("GREATER"),
    "greater_equal": lambda: compare("GREATER_EQUAL"),
    "hard_swish": lambda: unary("HARD_SWISH", table="HardSwishOptions"),
    "leaky_relu": lambda: unary("LEAKY_RELU", table="LeakyReluOptions", alpha=0.1),
    "less": lambda: compare("LESS"),
    "less_equal": lambda: compare("LESS_EQUAL"),
    "log": lambda: unary("LOG", 0.1),
    "logical_not": lambda: single("LOGICAL_NOT", [np.array([True, False, True])], [(3,)],
                                  "LogicalNotOptions", dtypes=("bool",)),
    "logical_or": lambda: single("LOGICAL_OR", [np.array([True, False, False]),
                                                np.array([True, True, False])], [(3,)],
                                 "LogicalOrOptions", dtypes=("bool",)),
    "logistic": lambda: unary("LOGISTIC"),
    "log_softmax": lambda: unary("LOG_SOFTMAX", table="LogSoftmaxOptions"),
    "maximum": lambda: binary("MAXIMUM", b=(4, 5)),
    "max_pool_same": lambda: pool("MAX_POOL_2D", 3, 2, SAME),
    "max_pool_valid": lambda: pool("MAX_POOL_2D", 3, 1, VALID, RELU6),
    "mean_pixels": lambda: reduce("MEAN", (1, 2), True),
    "mean_flat": lambda: reduce("MEAN", (1, 2), False),
    "mean_channels": lambda: reduce("MEAN", (3,), False),
    "minimum": lambda: binary("MINIMUM", b=(1,), constant=True),
    "mirror_reflect": lambda: single("MIRROR_PAD", [values((2, 4, 5, 3)), const(
        ints(0, 0, 2, 1, 3, 3, 0, 0).reshape(4, 2))], [(2, 7, 11, 3)], "MirrorPadOptions", mode=0),
    "mirror_symmetric": lambda: single("MIRROR_PAD", [values((2, 4, 5, 3)), const(
        ints(0, 0, 2, 1, 3, 3, 1, 0).reshape(4, 2))], [(2, 7, 11, 4)], "MirrorPadOptions", mode=1),
    "mul": lambda: binary("MUL", act=0),
    "mul_gate": lambda: binary("MUL", b=(2, 1, 1, 5), act=RELU),
    "mul_vector": lambda: binary("MUL", b=(1, 1, 1, 5), constant=True, act=0),
    "neg": lambda: unary("NEG", table="NegOptions"),
    "not_equal": lambda: compare("NOT_EQUAL"),
    "pack": lambda: single("PACK", [values((3, 4)), values((3, 4), 2), values((3, 4), 3)],
                           [(3, 3, 4)], "PackOptions", valuesCount=3, axis=1),
    "pad": lambda: single("PAD", [values((1, 4, 5, 3)), const(
        ints(0, 0, 1, 2, 3, 0, 0, 0).reshape(4, 2))], [(1, 7, 8, 3)], "PadOptions"),
    "padv2": lambda: single("PADV2", [values((2, 4, 5, 3)), const(
        ints(0, 1, 1, 2, 3, 0, 0, 2).reshape(4, 2)), const(np.float32(-1.5))], [(3, 7, 8, 5)],
        "PadV2Options"),
    "pow": lambda: binary("POW", low=0.5),
    "prelu": lambda: single("PRELU", [values((2, 3, 4, 5)), const(values((1, 1, 5), 2))],
                            [(2, 3, 4, 5)]),
    "reduce_max": lambda: reduce("REDUCE_MAX", (1, 3), True),
    "reduce_min": lambda: reduce("REDUCE_MIN", (2,), False),
    "reduce_prod": lambda: reduce("REDUCE_PROD", (1,), False),
    "relu": lambda: unary("RELU"),
    "relu6": lambda: unary("RELU6", low=-9.0),
    "relu_0_to_1": lambda: unary("RELU_0_TO_1"),
    "relu_n1_to_1": lambda: unary("RELU_N1_TO_1"),
    "reshape": lambda: single("RESHAPE", [values((2, 3, 4, 5)), const(ints(6, -1))], [(6, 20)],
                              "ReshapeOptions"),
    "reshape_option": lambda: single("RESHAPE", [values((2, 3, 4, 5))], [(2, 60)], "ReshapeOptions",
                                     newShape=[2, 60]),
    "resize_bilinear": lambda: resize("RESIZE_BILINEAR", (10, 11)),
    "resize_bilinear_align": lambda: resize("RESIZE_BILINEAR", (9, 4), align=True),
    "resize_bilinear_half": lambda: resize("RESIZE_BILINEAR", (13, 14), half=True),
    "resize_bilinear_down": lambda: resize("RESIZE_BILINEAR", (2, 3), half=True),
    "resize_nearest": lambda: resize("RESIZE_NEAREST_NEIGHBOR", (10, 11)),
    "resize_nearest_align": lambda: resize("RESIZE_NEAREST_NEIGHBOR", (9, 13), align=True),
    "resize_nearest_half": lambda: resize("RESIZE_NEAREST_NEIGHBOR", (12, 3), half=True),
    "round": lambda: unary("ROUND"),
    "rsqrt": lambda: unary("RSQRT", 0.1),
    "select": lambda: single("SELECT_V2", [np.array([[True], [False]]), values((2, 3)),
                                           values((2, 3), 2)], [(2, 3)], "SelectV2Options"),
    "sin": lambda: unary("SIN"),
    "slice": lambda: single("SLICE", [values((3, 4, 5, 6)), const(ints(1, 0, 2, 1)),
                                      const(ints(2, -1, 3, 4))], [(2, 4, 3, 4)], "SliceOptions"),
    "softmax": lambda: unary("SOFTMAX", table="SoftmaxOptions", shape=(3, 21), beta=1.0),
    "softmax_beta": lambda: unary("SOFTMAX", table="SoftmaxOptions", beta=0.5),
    "space_to_depth": lambda: single("SPACE_TO_DEPTH", [values((2, 6, 8, 3))], [(2, 3, 4, 12)],
                                     "SpaceToDepthOptions", blockSize=2),
    "split": lambda: single("SPLIT", [const(ints(3)), values((2, 3, 4, 12))], [(2, 3, 4, 4)] * 3,
                            "SplitOptions", numSplits=3),
    "split_v": lambda: single("SPLIT_V", [values((2, 9, 4)), const(ints(2, -1, 3)), const(ints(1))],
                              [(2, 2, 4), (2, 4, 4), (2, 3, 4)], "SplitVOptions", numSplits=3),
    "sqrt": lambda: unary("SQRT", 0.1),
    "square": lambda: unary("SQUARE", table="SquareOptions"),
    "squared_difference": lambda: binary("SQUARED_DIFFERENCE", b=(1, 5)),
    "squeeze": lambda: single("SQUEEZE", [values((1, 3, 1, 5))], [(3, 1, 5)], "SqueezeOptions",
                              squeezeDims=[0]),
    "squeeze_all": lambda: single("SQUEEZE", [values((1, 3, 1, 5))], [(3, 5)], "SqueezeOptions"),
    "strided_slice": lambda: strided((0, 5, 1, 0), (3, 0, 6, 4), (1, -2, 2, 1), (3, 3, 3, 4)),
    "strided_masks": lambda: strided((1, 2, 3, 1), (2, 4, 5, 3), (1, 1, 2, 1), (3, 4, 4, 2),
                                     begin=1 + 4, end=1 + 2 + 4),
    "strided_shrink": lambda: strided((0, 2, 0, 0), (3, 3, 7, 4), (1, 1, 1, 1), (3, 7, 4),
                                      shrinkAxis=2),
    "strided_ellipsis": lambda: strided((0, 1), (0, 3), (1, 1), (3, 6, 7, 2), version=4,
                                        ellipsis=1),
    "strided_new": lambda: strided((0, 0, 1), (0, 3, 4), (1, 1, 1), (1, 3, 3, 7, 4), version=4,
                                   newAxis=1),
    "sub": lambda: binary("SUB", act=RELU),
    "sub_const": lambda: binary("SUB", a=(5,), b=(2, 3, 5), act=0),
    "sum": lambda: reduce("SUM", (1, 2), False),
    "tanh": lambda: unary("TANH"),
    "tile": lambda: single("TILE", [values((2, 3, 4)), const(ints(2, 1, 3))], [(4, 3, 12)]),
    "topk": lambda: single("TOPK_V2", [values((3, 9)), const(np.int32(4))], [(3, 4), (3, 4)],
                           "TopKV2Options", dtypes=("float32", "int32")),
    "transpose": lambda: single("TRANSPOSE", [values((2, 3, 4, 5)), const(ints(0, 3, 1, 2))],
                                [(2, 5, 3, 4)], "TransposeOptions"),
    "transpose_conv": lambda: transpose_conv(2, SAME),
    "transpose_conv_valid": lambda: transpose_conv(2, VALID, bias=True),
    "transpose_conv_k4": lambda: transpose_conv(2, SAME, k=4, bias=True, act=RELU),
    "unpack": lambda: single("UNPACK", [values((2, 3, 4))], [(2, 4)] * 3, "UnpackOptions", num=3,
                             axis=1),
}


def hold(ours, theirs, tolerance=1e-5):
    """Largest error over the standard deviation."""
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        assert a.shape == b.shape and a.dtype == b.dtype, (a.shape, b.shape, a.dtype, b.dtype)
        if a.dtype.kind != "f":
            assert np.array_equal(a, b)
            continue
        spread = max(float(np.std(b)), 1e-3)
        assert float(np.max(np.abs(a - b))) <= tolerance * spread


@pytest.mark.parametrize("device", ["ref", "cpu"])
@pytest.mark.parametrize("name", CASES)
def test_operator(name, device, run):
    model, inputs = CASES[name]()
    ours = run(model, inputs, device)
    for kernels in ("reference", "default"):
        theirs = litert(model, inputs, kernels)
        assert theirs or kernels == "reference"
        if theirs:
            hold(ours, theirs, 1e-4)
