"""Small ONNX files, put together by hand: protobuf (https://protobuf.dev/programming-guides/encoding/)
with the field numbers of onnx.proto."""
import struct

FLOAT, UINT8, INT8, INT32, INT64, STRING, BOOL, FLOAT16, DOUBLE = 1, 2, 3, 6, 7, 8, 9, 10, 11
PACK = {FLOAT: "f", UINT8: "B", INT8: "b", INT32: "i", INT64: "q", BOOL: "?", FLOAT16: "e", DOUBLE: "d"}


def varint(v):
    v &= (1 << 64) - 1
    out = b""
    while v > 0x7F:
        out += bytes([v & 0x7F | 0x80])
        v >>= 7
    return out + bytes([v])


def field(number, value):
    """An int, a float, bytes (also a message), or text."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(name, dims, values, dtype=FLOAT):
    data = struct.pack("<%d%s" % (len(values), PACK[dtype]), *values)
    return b"".join(field(1, d) for d in dims) + field(2, dtype) + field(8, name) + field(9, data)


def attribute(name, value):
    if isinstance(value, int):
        body = field(3, value) + field(20, 2)
    elif isinstance(value, float):
        body = field(2, value) + field(20, 1)
    elif isinstance(value, str):
        body = field(4, value) + field(20, 3)
    elif isinstance(value, bytes):  # a tensor
        body = field(5, value) + field(20, 4)
    elif value and isinstance(value[0], float):
        body = b"".join(field(7, v) for v in value) + field(20, 6)
    else:
        body = b"".join(field(8, v) for v in value) + field(20, 7)
    return field(5, field(1, name) + body)


def node(op, inputs, outputs, domain="", **attributes):
    return field(1, b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in outputs)
                 + field(4, op) + b"".join(attribute(k, v) for k, v in attributes.items())
                 + (field(7, domain) if domain else b""))


def value(name, dims, dtype=FLOAT):
    """dims: numbers, symbols, or None for not known; None alone: no shape."""
    tensor_type = field(1, dtype)
    if dims is not None:
        tensor_type += field(2, b"".join(
            field(1, b"" if d is None else field(1, d) if isinstance(d, int) else field(2, d))
            for d in dims))
    return field(1, name) + field(2, field(1, tensor_type))


def model(nodes, inputs, outputs, initializers=(), meta=(), opset=13, ir=7):
    graph = (b"".join(nodes) + field(2, "g") + b"".join(field(5, t) for t in initializers)
             + b"".join(field(11, v) for v in inputs) + b"".join(field(12, v) for v in outputs))
    return (field(1, ir) + field(2, "by hand") + field(7, graph)
            + field(8, field(1, "") + field(2, opset))
            + b"".join(field(14, field(1, k) + field(2, v)) for k, v in meta))


def ramp(n, scale=0.1):
    """n floats, none alike, around 0."""
    return [((i * 37) % 61 - 30) * scale / 30 for i in range(n)]


def classifier(batch="N", side=8, classes=5, softmax=False, nhwc=False, **more):
    """conv, relu, mean, fc: a network for pictures, as small as it can be."""
    dims = [batch, side, side, 3] if nhwc else [batch, 3, side, side]
    nodes = [node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2])] if nhwc else []
    nodes += [node("Conv", ["t" if nhwc else "x", "w", "b"], ["c"], kernel_shape=[3, 3],
                   pads=[1, 1, 1, 1], strides=[2, 2]),
              node("Relu", ["c"], ["r"]),
              node("GlobalAveragePool", ["r"], ["p"]),
              node("Flatten", ["p"], ["f"], axis=1),
              node("Gemm", ["f", "m"], ["logits" if softmax else "y"], transB=1)]
    if softmax:
        nodes.append(node("Softmax", ["logits"], ["y"], axis=1))
    return model(nodes, [value("x", dims)], [value("y", [batch, classes])],
                 [tensor("w", [8, 3, 3, 3], ramp(216)), tensor("b", [8], ramp(8)),
                  tensor("m", [classes, 8], ramp(8 * classes, 2.0))], **more)
