"""ONNX files on the command line: opened, bound, run, classified, and refused."""
import json
import struct

import numpy as np
import pytest

import onnxfile as o

REF = ["-d", "ref"]


@pytest.fixture
def write(tmp_path):
    def call(name, data):
        path = tmp_path / name
        path.write_bytes(data)
        return path
    return call


@pytest.fixture
def run(linnet, tmp_path):
    """run(model, {"x": array}, *options) -> {"y": array}"""
    def call(model, inputs, *options):
        args = []
        for name, array in inputs.items():
            np.save(tmp_path / (name + ".npy"), array)
            args += ["--input", "%s=%s" % (name, tmp_path / (name + ".npy"))]
        out = tmp_path / "out"
        r = linnet("run", model, *REF, *args, "--output-dir", out, *options)
        assert r.status == 0, r.err
        return {p.stem: np.load(p) for p in out.glob("*.npy")}
    return call


def two_inputs(dtype, dims=("N", 3), op="Add"):
    return o.model([o.node(op, ["a", "b"], ["sum"]), o.node("Identity", ["a"], ["same"])],
                   [o.value("a", dims, dtype), o.value("b", dims, dtype)],
                   [o.value("sum", dims, dtype), o.value("same", dims, dtype)], opset=14)


# ---- what is in a file ----
def test_info(linnet, write):
    path = write("net.onnx", o.classifier())
    assert linnet("info", path).out.splitlines()[-1].split() == ["total", "264", "3,496"]
    info = linnet("info", path, "-o", "json", "-b", "3").json
    assert info["name"] == "net.onnx" and info["family"] == "" and info["classes"] == 5
    assert info["input"] == [8, 8, 3] and info["batch"] == 3
    assert info["layers"][-1]["shape"] == [3, 5]


def test_size_and_shape_bind_open_sides(linnet, write):
    path = write("open.onnx", o.classifier(side="S"))
    assert linnet("info", path, "-o", "json").json["input"] == [224, 224, 3]
    assert linnet("info", path, "--size", "32", "-o", "json").json["input"] == [32, 32, 3]
    assert linnet("info", path, "--shape", "S=16", "-o", "json").json["input"] == [16, 16, 3]
    both = linnet("info", path, "--shape", "x=2x3x20x28", "-o", "json").json
    assert both["input"] == [20, 28, 3] and both["batch"] == 2
    assert linnet("info", path, "--shape", "1x3x12x12", "-o", "json").json["input"] == [12, 12, 3]
    twice = linnet("info", path, "--shape", "S=16", "--shape", "N=4", "-o", "json").json
    assert twice["input"] == [16, 16, 3] and twice["batch"] == 4
    for wrong in ("z=1x3x8x8", "x=1x3x8", "x=0x3x8x8", "x=1x3x8x", "N=1x2", "x=1x3x8x99999999999"):
        r = linnet("info", path, "--shape", wrong)
        assert r.status == 2, (wrong, r.err)
        r.one_line("shape")


def test_batch(linnet, write):
    path = write("one.onnx", o.classifier(batch=1))
    assert linnet("info", path, "-o", "json").json["batch"] == 1
    assert linnet("info", path, "-b", "4", "-o", "json").json["layers"][-1]["shape"] == [4, 5]
    stuck = o.model([o.node("Reshape", ["x", "to"], ["y"])], [o.value("x", [1, 6])],
                    [o.value("y", [1, 6])], [o.tensor("to", [2], [1, -1], o.INT64)])
    r = linnet("info", write("stuck.onnx", stuck), "-b", "4")
    assert r.status == 3
    r.one_line("made for batches of 1 alone", "dynamic batch")


# ---- run ----
@pytest.mark.parametrize("dtype,numpy", [(o.FLOAT, np.float32), (o.INT32, np.int32),
                                         (o.INT64, np.int64), (o.DOUBLE, np.float64)])
def test_types_come_back(run, write, dtype, numpy):
    a = np.array([[1, -2, 3], [4, 5, -6]], numpy)
    out = run(write("add.onnx", two_inputs(dtype)), {"a": a, "b": 2 * a})
    assert out["sum"].dtype == numpy and (out["sum"] == 3 * a).all()
    assert out["same"].dtype == numpy and (out["same"] == a).all()


def test_arrays_of_other_types_are_converted(run, write):
    a = np.array([[1, 2, 3]], np.uint8)
    out = run(write("add.onnx", two_inputs(o.FLOAT)), {"a": a, "b": a.astype(np.float16)})
    assert out["sum"].dtype == np.float32 and out["sum"].tolist() == [[2, 4, 6]]


def test_pictures_stay_in_the_order_of_the_file(run, write):
    x = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    data = o.model([o.node("Relu", ["x"], ["y"])], [o.value("x", ["N", 3, "H", "W"])],
                   [o.value("y", None)])
    assert (run(write("relu.onnx", data), {"x": x})["y"] == x).all()
    data = o.model([o.node("Relu", ["x"], ["y"])], [o.value("x", ["N", "H", "W", 3])],
                   [o.value("y", None)])
    x = x.reshape(2, 4, 5, 3)
    for layout in ([], ["--layout", "nhwc"], ["--layout", "nchw"]):
        assert (run(write("relu.onnx", data), {"x": x}, *layout)["y"] == x).all()


def test_scalars_constants_and_inputs_handed_through(linnet, run, write, tmp_path):
    scalar = o.model([o.node("Abs", ["x"], ["y"])], [o.value("x", [])], [o.value("y", [])])
    out = run(write("abs.onnx", scalar), {"x": np.float32(-3)})["y"]
    assert out.shape == () and out == 3
    x = np.arange(60, dtype=np.float32).reshape(1, 3, 4, 5)
    both = o.model([o.node("Neg", ["x"], ["y"])], [o.value("x", x.shape)],
                   [o.value("x", x.shape), o.value("y", x.shape)])
    out = run(write("both.onnx", both), {"x": x})
    assert (out["x"] == x).all() and (out["y"] == -x).all()
    fixed = o.model([], [], [o.value("w", [2, 2])], [o.tensor("w", [2, 2], [1, 2, 3, 4])])
    assert run(write("fixed.onnx", fixed), {})["w"].tolist() == [[1, 2], [3, 4]]


def test_missing_and_misshapen_inputs(linnet, write, tmp_path):
    path = write("add.onnx", two_inputs(o.FLOAT, (2, 3)))
    np.save(tmp_path / "a.npy", np.zeros((2, 3), np.float32))
    np.save(tmp_path / "b.npy", np.zeros((3, 2), np.float32))
    a, b = ("%s=%s" % (n, tmp_path / (n + ".npy")) for n in "ab")
    r = linnet("run", path, *REF, "--input", a)
    assert r.status == 2
    r.one_line("input b is missing")
    r = linnet("run", path, *REF, "--input", a, "--input", b)
    assert r.status == 5
    r.one_line("shape 3x2, but input b is 2x3")


# ---- classify ----
@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "p.ppm"
    path.write_bytes(b"P6 9 9 255\n" + bytes((i * 53) % 256 for i in range(243)))
    return path


def classify(linnet, path, picture, *options):
    r = linnet("classify", path, picture, *REF, "-o", "jsonl", "-k", "5", *options)
    assert r.status == 0, r.err
    return r, r.lines[0]["top"]


def test_classify_says_what_it_assumes(linnet, write, picture):
    path = write("net.onnx", o.classifier())
    r, top = classify(linnet, path, picture)
    assert "ImageNet" in r.err and "net.onnx" in r.err
    assert len(top) == 5 and abs(sum(t["probability"] for t in top) - 1) < 1e-5
    r, same = classify(linnet, path, picture, "--mean", "0.485,0.456,0.406", "--std",
                       "0.229,0.224,0.225")
    assert "ImageNet" not in r.err and same == top
    assert "ImageNet" not in classify(linnet, path, picture, "-q")[0].err


@pytest.mark.parametrize("labels", ["a\nb\nc\nd\ne", '["a", "b", "c", "d", "e"]',
                                    "{0: 'a', 1: 'b', 2: \"c\", 3: 'd', 4: 'e'}",
                                    '{"0": "a", "1": "b", "2": "c", "3": "d", "4": "e"}'])
def test_metadata(linnet, write, picture, labels):
    own = o.classifier(meta=[("mean", "[0.1, 0.2, 0.3]"), ("std", "0.5 0.6 0.7"), ("names", labels)])
    r, top = classify(linnet, write("own.onnx", own), picture)
    assert "ImageNet" not in r.err
    assert all(t["label"] == "abcde"[t["class"]] for t in top)
    plain = write("plain.onnx", o.classifier())
    _, given = classify(linnet, plain, picture, "--mean", "0.1,0.2,0.3", "--std", "0.5,0.6,0.7")
    assert [t["class"] for t in given] == [t["class"] for t in top]
    assert [t["probability"] for t in given] == [t["probability"] for t in top]
    r = linnet("classify", plain, picture, *REF, "--labels", write("two.txt", b"a\nb\n"))
    assert r.status == 5
    r.one_line("2 labels for 5 classes")


def test_preprocessing_of_linnets_own_and_of_the_specification(linnet, write, picture):
    half = [("preprocessing", json.dumps({"mean": [0.5] * 3, "std": [0.5] * 3, "crop_pct": 1}))]
    spec = [("Image.NominalPixelRange", "Normalized_1_1"), ("Image.BitmapPixelFormat", "Rgb8")]
    _, a = classify(linnet, write("a.onnx", o.classifier(meta=half)), picture)
    _, b = classify(linnet, write("b.onnx", o.classifier(meta=spec)), picture, "--crop-pct", "1")
    _, c = classify(linnet, write("c.onnx", o.classifier(meta=[spec[0], (spec[1][0], "Bgr8")])),
                    picture, "--crop-pct", "1")
    assert a == b != c
    r = linnet("classify", write("d.onnx", o.classifier(meta=[("mean", "x"), ("std", "1")])), picture)
    assert r.status == 5
    r.one_line("metadata mean 'x'")


def test_layouts_and_softmax_change_no_answer(linnet, write, picture):
    _, top = classify(linnet, write("a.onnx", o.classifier()), picture)
    for more in ({"nhwc": True}, {"softmax": True}, {"nhwc": True, "softmax": True, "batch": 1}):
        _, other = classify(linnet, write("b.onnx", o.classifier(**more)), picture)
        assert [t["class"] for t in other] == [t["class"] for t in top]
        for s, t in zip(other, top):
            assert abs(s["probability"] - t["probability"]) < 1e-5


def test_a_fixed_batch_classifies_many(linnet, write, picture):
    path = write("one.onnx", o.classifier(batch=1))
    r = linnet("classify", path, picture, picture, picture, *REF, "-q", "-o", "jsonl")
    assert r.status == 0 and len(r.lines) == 3
    assert r.lines[0]["top"] == r.lines[2]["top"]


def test_what_is_no_classifier(linnet, write, picture):
    r = linnet("classify", write("add.onnx", two_inputs(o.FLOAT)), picture, *REF)
    assert r.status == 3
    r.one_line("no classifier; use linnet run")


# ---- refusals ----
def refused(linnet, path, status, *words):
    for args in (["info", path], ["bench", path], ["diff", path]):
        r = linnet(*args)
        assert r.status == status, r.err
        r.one_line(path.name, *words)


def test_unknown_ops_are_listed_at_once(linnet, write):
    nodes = [o.node("Foo", ["x"], ["a"]), o.node("Foo", ["a"], ["b"]),
             o.node("Relu", ["b"], ["c"]), o.node("Bar", ["c"], ["y"], domain="com.example")]
    data = o.model(nodes, [o.value("x", [1, 2])], [o.value("y", None)])
    refused(linnet, write("odd.onnx", data), 3, "3 of its 4 nodes", "Foo x2, com.example.Bar x1")


@pytest.mark.parametrize("name,data", [
    ("cycle", o.model([o.node("Relu", ["b"], ["a"]), o.node("Relu", ["a"], ["b"])], [],
                      [o.value("a", None)])),
    ("missing input", o.model([o.node("Relu", ["q"], ["y"])], [], [o.value("y", None)])),
    ("twice", o.model([o.node("Relu", ["x"], ["y"])] * 2, [o.value("x", [1])],
                      [o.value("y", None)])),
    ("negative", o.model([], [o.value("x", [-7])], [o.value("x", None)])),
    ("terabyte", o.model([], [o.value("x", [1])], [o.value("x", None)],
                         [o.tensor("w", [1 << 20, 1 << 20], [1.0])])),
    ("overflow", o.model([], [o.value("x", [1])], [o.value("x", None)],
                         [o.tensor("w", [1 << 62, 8], [1.0])])),
    ("outside", o.model([], [o.value("x", [1])], [o.value("x", None)],
                        [o.field(1, 1) + o.field(2, 1) + o.field(8, "w") + o.field(14, 1) +
                         o.field(13, o.field(1, "location") + o.field(2, "../../etc/passwd"))])),
    ("text", b"this is no model at all, but a line of text that goes on for a while\n"),
    ("empty", b""),
])
def test_bad_files(linnet, write, name, data):
    refused(linnet, write("bad.onnx", data), 5)


def test_huge_inputs(linnet, write):
    data = o.model([o.node("Relu", ["x"], ["y"])], [o.value("x", [1 << 20, 1 << 20])],
                   [o.value("y", None)])
    refused(linnet, write("huge.onnx", data), 3, "more than 2^31 elements")


def test_every_cut_is_one_line(linnet, write):
    whole = o.classifier()
    for cut in range(0, len(whole), 97):
        r = linnet("info", write("cut.onnx", whole[:cut]))
        assert r.status in (3, 5), (cut, r.status, r.err)
        r.one_line("cut.onnx")


def test_data_beside_the_model(linnet, write, run, tmp_path):
    w = (o.field(1, 2) + o.field(2, o.FLOAT) + o.field(8, "w") + o.field(14, 1) +
         b"".join(o.field(13, o.field(1, k) + o.field(2, v))
                  for k, v in [("location", "w.bin"), ("offset", "4"), ("length", "8")]))
    path = write("ext.onnx", o.model([o.node("Add", ["x", "w"], ["y"])], [o.value("x", [2])],
                                     [o.value("y", [2])], [w], opset=14))
    refused(linnet, path, 5, "w.bin", "keep both files in one folder")
    write("w.bin", struct.pack("<3f", 9, 1, 2))
    assert run(path, {"x": np.array([10, 20], np.float32)})["y"].tolist() == [11, 22]


def test_what_does_not_go_with_a_file(linnet, write):
    path = write("net.onnx", o.classifier())
    for args in (["info", path, "--synthetic", "1"], ["info", path, "-w", "x.safetensors"],
                 ["info", "mobilenetv1_025", "-w", path]):
        r = linnet(*args)
        assert r.status == 2
        r.one_line("net.onnx", "brings its own network")


# ---- lengths that only a run tells ----
def suppression():
    """ONNX's own example: six boxes, of which pairs overlap by nine tenths."""
    limits = [o.tensor("most", [1], [3], o.INT64), o.tensor("iou", [1], [0.5])]
    return o.model([o.node("NonMaxSuppression", ["boxes", "scores", "most", "iou", "least"], ["kept"])],
                   [o.value("boxes", [1, 6, 4]), o.value("scores", [1, 1, 6])],
                   [o.value("kept", ["K", 3], o.INT64)],
                   limits + [o.tensor("least", [1], [0.4])], opset=11)


def test_boxes_that_are_left(run, write, linnet, tmp_path):
    path = write("nms.onnx", suppression())
    y = np.array([0, 0.1, -0.1, 10, 10.1, 100], np.float32)
    boxes = np.stack([np.zeros(6), y, np.ones(6), y + 1], 1).astype(np.float32)[None]
    scores = np.array([[[0.9, 0.75, 0.6, 0.95, 0.5, 0.3]]], np.float32)
    kept = run(path, {"boxes": boxes, "scores": scores})["kept"]
    assert kept.dtype == np.int64 and kept.tolist() == [[0, 0, 3], [0, 0, 0]]
    none = run(path, {"boxes": boxes, "scores": scores * 0})["kept"]
    assert none.shape == (0, 3)
    names = ["%s=%s" % (n, tmp_path / (n + ".npy")) for n in ("boxes", "scores")]
    r = linnet("run", path, *REF, "--input", names[0], "--input", names[1], "-o", "json")
    assert r.status == 0 and r.json[0]["shape"] == "0x3"
