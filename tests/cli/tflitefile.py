"""Small TensorFlow Lite files, put together by hand: a writer of FlatBuffers, parents first.

A table is a dict of field number to value: an int (4 bytes), a float, Byte, Long, bytes or str (a
vector), Ints, Floats, Longs (vectors), a dict (a table), a list of dicts (a vector of tables).
"""
import struct

FLOAT, HALF, INT, UINT8, INT64, BOOL, INT8 = 0, 1, 2, 3, 4, 6, 9
CODES = {"ADD": 0, "AVERAGE_POOL_2D": 1, "CONCATENATION": 2, "CONV_2D": 3, "DEPTHWISE_CONV_2D": 4,
         "DEQUANTIZE": 6, "FULLY_CONNECTED": 9, "LOGISTIC": 14, "LSTM": 16, "MAX_POOL_2D": 17,
         "RELU": 19, "RESHAPE": 22, "RESIZE_BILINEAR": 23, "SOFTMAX": 25, "CUSTOM": 32, "PAD": 34,
         "GATHER": 36, "TRANSPOSE": 39, "MEAN": 40, "STRIDED_SLICE": 45, "SPLIT": 49, "PACK": 83,
         "QUANTIZE": 114}


class Byte(int):
    pass


class Long(int):
    pass


class Ints(list):
    pass


class Floats(list):
    pass


class Longs(list):
    pass


def scalar(value):
    if isinstance(value, bool) or isinstance(value, Byte):
        return struct.pack("<b", int(value))
    if isinstance(value, Long):
        return struct.pack("<q", value)
    if isinstance(value, float):
        return struct.pack("<f", value)
    return struct.pack("<i", value) if isinstance(value, int) else None


def pad(out, size=8):
    out += bytes(-len(out) % size)


def vector(out, value):
    """Appended; returns its place."""
    pad(out)
    out += bytes(12)  # so that the elements lie on 16 bytes less the length's four
    pad(out, 16)
    out[-4:] = struct.pack("<I", len(value))
    at = len(out) - 4
    if isinstance(value, (bytes, str)):
        out += value.encode() if isinstance(value, str) else value
    elif isinstance(value, (Ints, Floats, Longs)):
        code = {Ints: "i", Floats: "f", Longs: "q"}[type(value)]
        out += struct.pack("<%d%s" % (len(value), code), *value)
    else:
        first = len(out)
        out += bytes(4 * len(value))
        for i, item in enumerate(value):
            place = first + 4 * i
            struct.pack_into("<I", out, place, table(out, item) - place)
    return at


def table(out, fields):
    """Appended; returns its place."""
    pad(out)
    count = max(fields, default=-1) + 1
    vtable, size = len(out), 8 + 8 * count
    out += bytes(4 + 2 * count)
    pad(out)
    at = len(out)
    out += bytes(size)
    struct.pack_into("<HH", out, vtable, 4 + 2 * count, size)
    struct.pack_into("<i", out, at, at - vtable)
    for i, value in fields.items():
        place = at + 8 + 8 * i
        struct.pack_into("<H", out, vtable + 4 + 2 * i, 8 + 8 * i)
        raw = scalar(value)
        if raw is not None:
            out[place:place + len(raw)] = raw
            continue
        child = table(out, value) if isinstance(value, dict) else vector(out, value)
        struct.pack_into("<I", out, place, child - place)
    return at


def file(root, magic=b"TFL3"):
    out = bytearray(4) + magic
    struct.pack_into("<I", out, 0, table(out, root))
    return bytes(out)


class Model:
    def __init__(self):
        self.tensors, self.ops, self.codes, self.buffers = [], [], [], [{}]
        self.inputs, self.outputs = [], []

    def tensor(self, shape, kind=FLOAT, data=None, quant=None, axis=0, **fields):
        """quant: ([scale, ...], [zero, ...])"""
        t = {0: Ints(shape), 1: Byte(kind), 2: 0, 3: "t%d" % len(self.tensors)}
        if data is not None:
            self.buffers.append({0: data})
            t[2] = len(self.buffers) - 1
        if quant:
            t[4] = {2: Floats(quant[0]), 3: Longs(quant[1]), 6: axis}
        t.update({int(k[1:]): v for k, v in fields.items()})  # f5=...: field 5
        self.tensors.append(t)
        return len(self.tensors) - 1

    def input(self, *args, **kwargs):
        self.inputs.append(self.tensor(*args, **kwargs))
        return self.inputs[-1]

    def op(self, name, ins, outs, options=None, version=1, custom=None):
        """name: of CODES, a number, or of a custom operator; custom: its options."""
        code = name if isinstance(name, int) else CODES.get(name, CODES["CUSTOM"])
        entry = {0: Byte(min(code, 127)), 2: version, 3: code}
        if code == CODES["CUSTOM"]:
            entry[1] = name
        self.codes.append(entry)
        op = {0: len(self.codes) - 1, 1: Ints(ins), 2: Ints(outs)}
        if options is not None:
            op[4] = options
        if custom is not None:
            op[5] = custom
        self.ops.append(op)

    def bytes(self, version=3, **fields):
        sub = {0: self.tensors, 1: Ints(self.inputs), 2: Ints(self.outputs), 3: self.ops}
        root = {0: version, 1: self.codes, 2: [sub], 4: self.buffers}
        root.update({int(k[1:]): v for k, v in fields.items()})
        return file(root)


def floats(*values):
    return struct.pack("<%df" % len(values), *values)


def ints(*values):
    return struct.pack("<%di" % len(values), *values)


def classifier(kind=UINT8, side=8, classes=5):
    """A convolution, a mean, a layer and a softmax over pictures: floats, or bytes."""
    m = Model()
    zero, low = {FLOAT: (0, 0), UINT8: (128, 0), INT8: (0, -128)}[kind]

    def q(scale, z=zero):
        return None if kind == FLOAT else ([scale], [z])

    def weight(shape):
        count, v = 1, []
        for d in shape:
            count *= d
        v = [(i * 37) % 101 - 50 for i in range(count)]
        if kind == FLOAT:
            return m.tensor(shape, FLOAT, floats(*(0.01 * i for i in v)))
        data = bytes((i + zero) % 256 for i in v)
        return m.tensor(shape, kind, data, q(0.01))

    def bias(n, scale):
        v = [11 * i - 20 for i in range(n)]
        if kind == FLOAT:
            return m.tensor([n], FLOAT, floats(*(scale * i for i in v)))
        return m.tensor([n], INT, ints(*v), ([scale], [0]))

    x = m.input([1, side, side, 3], kind, None, q(1 / 128))
    a = m.tensor([1, side // 2, side // 2, 8], kind, None, q(0.02, low))
    m.op("CONV_2D", [x, weight([8, 3, 3, 3]), bias(8, 0.01 / 128)], [a],
         {0: Byte(0), 1: 2, 2: 2, 3: Byte(3)}, 3)
    b = m.tensor([1, 8], kind, None, q(0.02, low))
    m.op("MEAN", [a, m.tensor([2], INT, ints(1, 2))], [b], {0: Byte(0)}, 2)
    c = m.tensor([1, classes], kind, None, q(0.1))
    m.op("FULLY_CONNECTED", [b, weight([classes, 8]), bias(classes, 0.0002)], [c], {}, 4)
    y = m.tensor([1, classes], kind, None, q(1 / 256, low))
    m.op("SOFTMAX", [c], [y], {0: 1.0}, 2)
    m.outputs = [y]
    return m


def flexbuffer(values):
    """A map of strings to numbers, four bytes a value."""
    out, places = bytearray(), {}
    names = sorted(values)
    for name in names:
        places[name] = len(out)
        out += name.encode() + b"\0"
    pad(out, 4)
    out += struct.pack("<I", len(names))
    keys = len(out)
    for name in names:
        out += struct.pack("<I", len(out) - places[name])
    out += struct.pack("<II", len(out) - keys, 4) + struct.pack("<I", len(names))
    first = len(out)
    for name in names:
        v = values[name]
        out += struct.pack("<f" if isinstance(v, float) else "<i", v)
    for name in names:
        out += bytes([(3 if isinstance(values[name], float) else 1) << 2 | 2])
    pad(out, 4)
    return bytes(out + struct.pack("<I", len(out) - first) + bytes([9 << 2 | 2, 4]))


DETECTION = {"max_detections": 5, "max_classes_per_detection": 1, "nms_score_threshold": 0.3,
             "nms_iou_threshold": 0.5, "num_classes": 3, "y_scale": 10.0, "x_scale": 10.0,
             "h_scale": 5.0, "w_scale": 5.0}


def detector(boxes=6, **options):
    m = Model()
    x, s = m.input([1, boxes, 4]), m.input([1, boxes, 4])
    anchors = m.tensor([boxes, 4], FLOAT, floats(*(
        v for i in range(boxes) for v in (0.1 * i, 0.2, 0.3, 0.4))))
    n = DETECTION["max_detections"]
    out = [m.tensor(d) for d in ([1, n, 4], [1, n], [1, n], [1])]
    m.op("TFLite_Detection_PostProcess", [x, s, anchors], out,
         custom=flexbuffer(dict(DETECTION, **options)))
    m.outputs = out
    return m
