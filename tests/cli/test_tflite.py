"""TensorFlow Lite files on the command line, and files that lie."""
import struct

import pytest

import tflitefile as t
from conftest import npy, ppm, read_npy


def write(tmp_path, model, name="m.tflite"):
    path = tmp_path / name
    path.write_bytes(model if isinstance(model, bytes) else model.bytes())
    return path


@pytest.mark.parametrize("kind", [t.FLOAT, t.UINT8, t.INT8])
def test_classify(linnet, tmp_path, kind):
    model = write(tmp_path, t.classifier(kind))
    (tmp_path / "labels.txt").write_text("a\nb\nc\nd\ne\n")
    for i in range(2):
        (tmp_path / ("%d.ppm" % i)).write_bytes(ppm(20, 16, i))
    pictures = [tmp_path / "0.ppm", tmp_path / "1.ppm"]
    r = linnet("classify", model, *pictures, "--labels", tmp_path / "labels.txt", "-d", "ref",
               "-o", "jsonl", "-q")
    assert r.status == 0, r.err
    for line in r.lines:
        assert {c["label"] for c in line["top"]} == set("abcde")
        assert abs(sum(c["probability"] for c in line["top"]) - 1) < 1e-3
    one = linnet("classify", model, *pictures, "-d", "ref", "-o", "jsonl", "-q", "-b", "1")
    assert [x["top"][0]["class"] for x in one.lines] == [x["top"][0]["class"] for x in r.lines]


def with_metadata(kind, data):
    m = t.classifier(kind)
    m.buffers.append({0: data})
    return m.bytes(f6=[{0: "TFLITE_METADATA", 1: len(m.buffers) - 1}])


def normalized(mean, std, kind=1):
    """Metadata whose one input has one process unit."""
    unit = {0: t.Byte(kind), 1: {0: t.Floats(mean), 1: t.Floats(std)}}
    return t.file({3: [{2: [{4: [unit]}]}]}, b"M001")


@pytest.mark.parametrize("kind", [t.FLOAT, t.UINT8])
def test_normalization_of_metadata(linnet, tmp_path, kind):
    """It is what a picture goes through; what is no normalization is left out, and said."""
    picture = tmp_path / "p.ppm"
    picture.write_bytes(ppm(20, 16, 3))

    def answer(data, *more):
        model = write(tmp_path, t.classifier(kind) if data is None else with_metadata(kind, data))
        r = linnet("classify", model, picture, "-d", "ref", "-o", "jsonl", *more)
        assert r.status == 0, r.err
        return r.lines[0]["top"], r.err

    plain, _ = answer(None)
    numbers, _ = answer(normalized([100, 110, 120], [60, 70, 80]))
    assert numbers != plain
    over = [str(x / 255) for x in (100, 110, 120)], [str(x / 255) for x in (60, 70, 80)]
    assert numbers == answer(normalized([1], [9]), "--mean", ",".join(over[0]),
                             "--std", ",".join(over[1]))[0]
    assert answer(normalized([100], [60]))[0] == answer(normalized([100] * 3, [60] * 3))[0]
    for data in (normalized([100, 1], [60, 60]), normalized([100], [0]), normalized([100], [-1]),
                 normalized([float("nan")], [60]), normalized([], []), normalized([100], [60], 2)):
        assert answer(data)[0] == plain
    good = normalized([100], [60])
    for data in (b"", b"M001", good[:40], good[:4] + b"M002" + good[8:], b"\xff" * 64):
        top, said = answer(data)
        assert top == plain and (not data or "metadata is left out" in said)


def test_bytes_and_floats_agree(linnet, tmp_path):
    """The same weights in bytes: the same first class."""
    (tmp_path / "p.ppm").write_bytes(ppm(20, 16, 3))
    first = []
    for kind in (t.FLOAT, t.UINT8, t.INT8):
        model = write(tmp_path, t.classifier(kind), "%d.tflite" % kind)
        r = linnet("classify", model, tmp_path / "p.ppm", "-d", "ref", "-o", "jsonl", "-q")
        first.append(r.lines[0]["top"][0]["class"])
    assert len(set(first)) == 1, first


def test_verbs(linnet, tmp_path):
    model = write(tmp_path, t.classifier())
    r = linnet("info", model)
    assert r.status == 0 and "1x4x4x8" in r.out and "softmax" in r.out
    r = linnet("diff", model)
    assert r.status == 0, r.out + r.err
    (tmp_path / "x.npy").write_bytes(npy([1, 8, 8, 3], list(range(192)), "|u1", "B"))
    r = linnet("run", model, "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy")
    assert r.status == 0, r.err
    assert b"'|u1'" in (tmp_path / "y.npy").read_bytes()
    r = linnet("run", model, "--input", tmp_path / "x.npy", "--layout", "nchw")
    assert r.status == 2
    r.one_line("N,H,W,C")


@pytest.mark.parametrize("kind, precision", [(t.FLOAT, "f32"), (t.UINT8, "int8"), (t.INT8, "int8")])
def test_precision(linnet, tmp_path, kind, precision):
    """What the products are computed in, whatever is asked for; int8 of floats is refused."""
    model = write(tmp_path, t.classifier(kind))
    for verb in ("info", "bench", "profile"):
        r = linnet(verb, model, "-o", "json")
        assert r.status == 0 and r.json["precision"] == precision, r.err
    assert ("relu6 i8 " in " ".join(linnet("info", model).out.split())) == (precision == "int8")
    r = linnet("info", model, "--precision", "int8")
    if precision == "int8":
        assert r.status == 0, r.err
    else:
        assert r.status == 3 and not r.out
        r.one_line("--precision int8", "linnet quantize makes such a file")


def test_long_names_of_layers(linnet, tmp_path):
    """TensorFlow joins the names of what it fused: text has the first, and of a long one the end."""
    m = t.classifier(t.INT8)
    names = {0: "net/conv_1/Relu6;" + ";".join("net/conv_%d/Conv2D" % i for i in range(9)),
             2: "net/" + 40 * "a" + "/tail_of_the_name/BiasAdd"}
    for op, name in names.items():
        m.tensors[m.ops[op][2][0]][3] = name
    model = write(tmp_path, m)
    for verb in (["info"], ["info", "--plan"], ["diff"], ["profile"]):
        text = linnet(*verb, model).out
        words = text.split()
        assert "net/conv_1/Relu6" in words and "Conv2D" not in text
        assert any(w.startswith("...aaa") and "aaa/tail_of_the_name/BiasAdd" in w for w in words)
    assert text.endswith(", int8\n")
    for verb, rows in (("info", "layers"), ("profile", "steps")):
        found = [layer["name"] for layer in linnet(verb, model, "-o", "json").json[rows]]
        assert names[0] in found and any(name.startswith(names[2]) for name in found)
    assert names[0] in linnet("info", model, "-o", "csv").out


def detected(linnet, tmp_path, scores, **options):
    model = write(tmp_path, t.detector(**options))
    (tmp_path / "t0.npy").write_bytes(npy([1, 6, 4], [0.0] * 24))
    (tmp_path / "t1.npy").write_bytes(npy([1, 6, 4], scores))
    r = linnet("run", model, "-d", "ref", "--input", "t0=%s" % (tmp_path / "t0.npy"), "--input",
               "t1=%s" % (tmp_path / "t1.npy"), "--output-dir", tmp_path / "out")
    assert r.status == 0, r.err
    return [read_npy(tmp_path / "out" / ("t%d.npy" % i))[1] for i in range(3, 7)]


@pytest.mark.parametrize("regular", [0, 1])
def test_detection(linnet, tmp_path, regular):
    """Boxes 0.1 apart overlap their neighbours by half; the background's score counts for nothing."""
    scores = [0.9, 0.1, 0.8, 0.0] + [0.9, 0.1, 0.6, 0.0] + [0.0] * 12 + [0.9, 0.0, 0.0, 0.7]
    boxes, classes, found, count = detected(linnet, tmp_path, scores, use_regular_nms=regular,
                                            nms_iou_threshold=0.45)
    assert count == (2,)
    assert classes == (1.0, 2.0, 0.0, 0.0, 0.0)
    assert found == pytest.approx((0.8, 0.7, 0, 0, 0))
    assert boxes[:8] == pytest.approx((-0.15, 0, 0.15, 0.4, 0.35, 0, 0.65, 0.4), abs=1e-6)
    assert boxes[8:] == (0.0,) * 12


# ---- files that lie -----------------------------------------------------------------------------


def one(op="RELU", options=None, version=1, x=(1, 4, 4, 2), y=(1, 4, 4, 2), kind=t.FLOAT, quant=None,
        more=(), **fields):
    m = t.Model()
    a = m.input(x, kind, None, quant, **fields)
    b = m.tensor(y, kind, None, quant)
    m.op(op, [a] + [m.tensor(*c) for c in more], [b], options, version)
    m.outputs = [b]
    return m


def conv(weight=(2, 1, 1, 2), quant=None, axis=0, **options):
    m = t.Model()
    kind = t.INT8 if quant else t.FLOAT
    a = m.input((1, 4, 4, 2), kind, None, quant and ([0.1], [0]))
    count = weight[0] * weight[1] * weight[2] * weight[3]
    w = m.tensor(weight, kind, bytes(count if quant else 4 * count), quant, axis)
    b = m.tensor((1, 4, 4, 2), kind, None, quant and ([0.1], [0]))
    fields = {0: t.Byte(0), 1: 1, 2: 1}
    fields.update(options.get("options", {}))
    m.op("CONV_2D", [a, w], [b], fields)
    m.outputs = [b]
    return m


def loop():
    m = one()
    m.ops[0][1] = t.Ints([1])
    return m


def twice():
    m = one()
    m.op("RELU", [0], [1])
    return m


def patched(where, value):
    data = bytearray(t.classifier().bytes())
    struct.pack_into("<I", data, where, value)
    return bytes(data)


LIES = {  # name: file, exit status, words
    "cut": (lambda: t.classifier().bytes()[:300], 5, []),
    "magic": (lambda: patched(4, 1), 5, ["FlatBuffer"]),
    "root": (lambda: patched(0, 1 << 30), 5, ["root"]),
    "schema": (lambda: one().bytes(version=4), 3, ["schema version 4"]),
    "subgraphs": (lambda: one().bytes(f2=[{}, {}]), 3, ["2 subgraphs"]),
    "no_outputs": (lambda: setattr(m := one(), "outputs", []) or m, 5, ["no outputs"]),
    "output_number": (lambda: setattr(m := one(), "outputs", [9]) or m, 5, ["entry 0 is 9"]),
    "input_constant": (lambda: one(f2=1).bytes(f4=[{}, {0: bytes(128)}]), 5, ["constant"]),
    "reads_itself": (loop, 5, ["before anything computes it"]),
    "made_twice": (twice, 5, ["there already"]),
    "rank": (lambda: one(x=(1,) * 7), 5, ["7 dimensions"]),
    "negative": (lambda: one(x=(1, -4, 4, 2)), 5, ["-4"]),
    "empty": (lambda: one(x=(1, 0, 4, 2)), 5, ["is 0"]),
    "huge": (lambda: one(x=(1 << 30,) * 4), 5, ["overflows"]),
    "large": (lambda: one(x=(1 << 15, 1 << 15, 4, 2)), 3, ["2^31"]),
    "zero_scale": (lambda: one(kind=t.INT8, quant=([0.0], [0])), 5, ["no positive number"]),
    "nan_scale": (lambda: one(kind=t.INT8, quant=([float("nan")], [0])), 5, ["no positive number"]),
    "zero_point": (lambda: one(kind=t.UINT8, quant=([0.1], [300])), 5, ["zero point 300"]),
    "zero_points": (lambda: one(kind=t.UINT8, quant=([0.1], [3, 4])), 5, ["1 scales and 2"]),
    "channels": (lambda: conv(quant=([0.1] * 3, [0] * 3)), 5, ["3 scales"]),
    "channel_axis": (lambda: conv(quant=([0.1] * 2, [0] * 2), axis=7), 5, ["dimension 7"]),
    "activation_channels": (lambda: one(kind=t.INT8, quant=([0.1], [0]), f4={
        2: t.Floats([0.1] * 2), 3: t.Longs([0] * 2), 6: 3}), 3, ["a scale for each of 2"]),
    "int16": (lambda: one(kind=7, quant=([0.1], [0])), 3, ["bytes are supported"]),
    "strings": (lambda: one(kind=5), 3, ["STRING"]),
    "sparse": (lambda: one(f6={}), 3, ["sparse"]),
    "variable": (lambda: one(f5=t.Byte(1)), 3, ["between runs"]),
    "unknown_op": (lambda: one("LSTM"), 3, ["LSTM 1 x1"]),
    "unknown_code": (lambda: one(20000), 3, ["operator_20000"]),
    "unknown_custom": (lambda: one("Mine"), 3, ["Mine 1 x1"]),
    "version": (lambda: one(version=99), 3, ["RELU 99 x1"]),
    "stride": (lambda: conv(options={1: 0}), 3, ["stride_w is 0"]),
    "dilation": (lambda: conv(options={4: -2}), 3, ["dilation_w is -2"]),
    "padding": (lambda: conv(options={0: t.Byte(9)}), 3, ["padding is 9"]),
    "activation": (lambda: conv(options={3: t.Byte(5)}), 3, ["fused activation 5"]),
    "weights": (lambda: conv((2, 1, 1, 3)), 3, ["no multiple"]),
    "data": (lambda: one("RELU", more=[((4,), t.FLOAT, bytes(15))]), 5, ["15 bytes of data"]),
    "operands": (lambda: one("RELU", more=[((1,), t.FLOAT, bytes(4))]), 3, ["2 inputs"]),
    "reshape": (lambda: one("RESHAPE", more=[((2,), t.INT, t.ints(7, 9))]), 3, ["cannot become"]),
    "reshape_sign": (lambda: one("RESHAPE", more=[((2,), t.INT, t.ints(-7, 9))]), 3, ["-7"]),
    "transpose": (lambda: one("TRANSPOSE", more=[((4,), t.INT, t.ints(0, 1, 1, 3))]), 3, ["order"]),
    "pad": (lambda: one("PAD", more=[((4, 2), t.INT, t.ints(*[-1] * 8))]), 3, ["-1"]),
    "resize": (lambda: one("RESIZE_BILINEAR", {}, 3, more=[((2,), t.INT, t.ints(0, 3))]), 3,
               ["size of 0"]),
    "mean": (lambda: one("MEAN", {}, more=[((1,), t.INT, t.ints(9))]), 3, ["axis 9"]),
    "detection_map": (lambda: setattr(m := t.detector(), "ops",
                                      [dict(m.ops[0], **{}) | {5: b"nothing"}]) or m, 5,
                      ["no map"]),
    "detection_scale": (lambda: t.detector(x_scale=0.0), 3, ["scales of boxes"]),
    "detection_iou": (lambda: t.detector(nms_iou_threshold=2.0), 3, ["nms_iou_threshold"]),
    "detection_count": (lambda: t.detector(max_detections=0), 3, ["max_detections is 0"]),
    "detection_classes": (lambda: t.detector(num_classes=9), 3, ["for 9 classes"]),
}


@pytest.mark.parametrize("name", LIES)
def test_lies(linnet, tmp_path, name):
    make, status, words = LIES[name]
    path = write(tmp_path, make())
    r = linnet("info", path, "-q")
    assert r.status == status, r.err + r.out
    r.one_line(str(path), *words)
