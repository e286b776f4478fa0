"""quantize: a file of int8 that runs everywhere, and every way it can fail."""
import json
import shutil
import struct

import pytest

import onnxfile
from conftest import NO_LOADER, ppm

V1 = ["mobilenetv1_025", "--synthetic", "1", "--size", "64"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(3):
        (folder / ("%d.ppm" % i)).write_bytes(ppm(80, 72, i))
    return folder


@pytest.fixture(scope="module")
def quantized(linnet, pictures, tmp_path_factory):
    path = tmp_path_factory.mktemp("int8") / "q.safetensors"
    r = linnet("quantize", *V1, "--calibrate", pictures, "--output", path, "-o", "json", "-d", "ref",
               env=NO_LOADER)
    assert r.status == 0, r.err
    assert "wrote %s" % path in r.err
    return path, r.json


def test_the_report(quantized):
    report = quantized[1]
    assert report["model"] == "mobilenetv1_025"
    assert report["pictures"] == report["measured"] == 3
    assert report["cosine"] > 0.98 and report["sqnr_db"] > 10
    layers = report["layers"]
    assert layers[0]["name"] == "conv_stem" and layers[-1]["name"] == "classifier"
    assert len(layers) == 29
    for layer in layers:
        assert layer["lo"] <= layer["hi"] and layer["scale"] > 0 and -128 <= layer["zero"] <= 127
        assert layer["cosine"] > 0.8


def test_it_runs_in_all_verbs(linnet, quantized, pictures, tmp_path):
    path = quantized[0]
    size = ["--size", "64"]
    info = linnet("info", path, *size, "-o", "json").json
    assert [layer["op"] for layer in info["layers"]][0] == "quantize"
    assert [layer["op"] for layer in info["layers"]][-1] == "dequantize"
    full = linnet("info", *V1, "-o", "json").json
    assert info["macs"] == full["macs"]
    one = full["params"]
    assert path.stat().st_size < 1.2 * one + 60000  # bytes, not words
    ref = linnet("classify", path, *size, pictures, "-o", "jsonl", "-d", "ref", "-k", "2").lines
    cpu = linnet("classify", path, *size, pictures, "-o", "jsonl", "-d", "cpu", "-k", "2").lines
    was = linnet("classify", *V1, pictures, "-o", "jsonl", "-d", "cpu", "-k", "2").lines
    for a, b, c in zip(ref, cpu, was):
        assert a["top"][0]["class"] in [t["class"] for t in b["top"]]
        assert c["top"][0]["class"] in [t["class"] for t in a["top"]]
    assert linnet("bench", path, *size, "-o", "json").json["macs"] == info["macs"]
    y = tmp_path / "y.npy"
    assert linnet("run", path, *size, "--input", "synthetic:1", "--output", y).status == 0
    plan = linnet("info", path, *size, "--plan")
    assert plan.status == 0 and "_i8" in plan.out


def test_labelled_folders(linnet, pictures, tmp_path):
    top = [line["top"][0]["class"] for line in
           linnet("classify", *V1, pictures, "-o", "jsonl", "-d", "ref", "-k", "1").lines]
    for i, c in enumerate(top):
        folder = tmp_path / "val" / str(c if i else (c + 1) % 1000)  # the first is wrong
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(pictures / ("%d.ppm" % i), folder)
    out = tmp_path / "q.safetensors"
    args = ["quantize", *V1, "--calibrate", "synthetic:1", "--labelled", tmp_path / "val",
            "--output", out, "-d", "ref", "--equalize", "off"]
    report = linnet(*args, "-o", "json").json
    right = sum(c != (top[0] + 1) % 1000 for c in top[1:])
    assert report["top1"]["pictures"] == 3
    assert report["top1"]["before"] == pytest.approx(right / 3, abs=1e-5)
    assert 0 <= report["top1"]["after"] <= 1
    text = linnet(*args)
    assert "top-1: %d of 3 before, " % right in text.out and "answers: SQNR" in text.out
    labels = tmp_path / "labels.txt"
    labels.write_text("".join("Thing %d, other name\n" % i for i in range(1000)))
    val = tmp_path / "named"
    for name in ("thing %d" % top[1], "Thing %d, other name" % top[2]):
        (val / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(pictures / "1.ppm", val / ("thing %d" % top[1]))
    shutil.copy(pictures / "2.ppm", val / ("Thing %d, other name" % top[2]))
    args[args.index("--labelled") + 1] = val
    assert linnet(*args, "--labels", labels, "-o", "json").json["top1"]["before"] == 1
    (val / "nothing known").mkdir()
    r = linnet(*args, "--labels", labels)
    assert r.status == 2
    r.one_line("nothing known", "named by number (0 to 999) or label")


@pytest.mark.parametrize("options", [["--range", "percentile", "--percentile", "99.9"],
                                     ["--equalize", "on", "--bias", "keep"]])
def test_ways(linnet, pictures, tmp_path, options):
    r = linnet("quantize", *V1, "--calibrate", pictures / "*.ppm", "--output", tmp_path / "q", "-d",
               "ref", "-o", "json", *options)
    assert r.status == 0, r.err
    assert r.json["cosine"] > 0.9 and (r.json["equalized"] or "on" not in options)


def test_a_bad_picture_is_left_out(linnet, pictures, tmp_path):
    folder = tmp_path / "some"
    shutil.copytree(pictures, folder)
    (folder / "torn.ppm").write_bytes(ppm(80, 72, 9)[:1000])
    out = tmp_path / "q.safetensors"
    r = linnet("quantize", *V1, "--calibrate", folder, "--output", out, "-d", "ref", "-o", "json",
               "--equalize", "off")
    assert r.status == 1 and r.json["pictures"] == 3 and out.exists()
    assert "torn.ppm" in r.err and "skipped" in r.err


OUT = ["--output", "OUT"]


@pytest.mark.parametrize("args, status, words", [
    ([*V1, "--calibrate", "P"], 2, ["--output F.safetensors"]),
    ([*V1, "--calibrate", "P", "--output", "-"], 2, ["--output F.safetensors"]),
    ([*V1, *OUT], 2, ["--calibrate"]),
    ([*V1, "--calibrate", "synthetic:x", *OUT], 2, ["synthetic:SEED"]),
    ([*V1, "--calibrate", "P", "--percentile", "99", *OUT], 2, ["--range percentile"]),
    ([*V1, "--calibrate", "P", "--range", "percentile", "--percentile", "50", *OUT], 2,
     ["more than 50"]),
    ([*V1, "--calibrate", "P", "--range", "other", *OUT], 2, ["minmax|percentile"]),
    ([*V1, "--calibrate", "P", "--equalize", "maybe", *OUT], 2, ["auto|on|off"]),
    ([*V1, "--calibrate", "P", "--bias", "none", *OUT], 2, ["correct|keep"]),
    ([*V1, "--calibrate", "no/such/folder", *OUT], 5, ["no picture to calibrate on"]),
    ([*V1, "--calibrate", "EMPTY", *OUT], 5, ["no pictures in this folder"]),
    ([*V1, "--calibrate", "P", "--labelled", "no/such", *OUT], 5, ["no/such", "cannot read"]),
    ([*V1, "--calibrate", "P", "--labelled", "EMPTY", *OUT], 5, ["a folder of them for each class"]),
    ([*V1, "--calibrate", "P", "--output", "no/such/q"], 5, ["cannot write"]),
    ([*V1, "--calibrate", "no/pictures", "--output", "no/such/q"], 5, ["no/such/q", "cannot write"]),
    ([*V1, "--calibrate", "no/pictures", "--output", "EMPTY"], 5, ["cannot write", "directory"]),
    ([*V1, "--calibrate", "P", "--labelled", "P", *OUT], 2, ["a folder of pictures for each"]),
    (["nosuch", "--calibrate", "P", *OUT], 3, ["unknown model"]),
    (["mobilenetv1_025", "--calibrate", "P", *OUT], 5, ["no weights"]),
    (["mqa:hybrid_medium_c160", "--synthetic", "1", "--calibrate", "synthetic:1", *OUT], 3,
     ["takes no pictures of three colours"]),
])
def test_errors(linnet, pictures, tmp_path, args, status, words):
    (tmp_path / "empty").mkdir()
    out = tmp_path / "out.safetensors"
    names = {"OUT": out, "P": pictures, "EMPTY": tmp_path / "empty"}
    r = linnet("quantize", *[names.get(a, a) for a in args], "-d", "ref", "--cache-dir", "off", "-q")
    assert r.status == status, r.err
    assert all(word in r.err.splitlines()[-1] for word in words), r.err
    assert not r.out and not out.exists()


def test_what_is_not_quantized(linnet, quantized, pictures, tmp_path):
    out = tmp_path / "out.safetensors"
    onnx = tmp_path / "m.onnx"
    onnx.write_bytes(onnxfile.classifier(batch=1))
    for verb, model, words in (
            ("quantize", onnx, "quantize takes families with weights"),
            ("quantize", quantized[0], "only networks of floats are quantized"),
            ("prune", quantized[0], "quantized already"),
            ("convert", quantized[0], "quantized already")):
        more = {"quantize": ["--calibrate", "synthetic:1", "--output", out, "-d", "ref"],
                "prune": ["--channels", "0.3", "--output", out], "convert": [out]}[verb]
        r = linnet(verb, model, *more)
        assert r.status == 3, r.err
        r.one_line(words)
        assert not out.exists()


def test_files_that_lie(linnet, quantized, tmp_path):
    data = quantized[0].read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    path = tmp_path / "lie.safetensors"
    for text, status, word in (("{", 5, "not JSON"), ('{"version":9}', 3, "version 9"),
                               ('{"version":1,"scales":{"input":[0,0]}}', 5, "scale above 0"),
                               ('{"version":1,"scales":{"out":[1,0]}}', 5, "'out'")):
        header["__metadata__"]["quantization"] = text
        head = json.dumps(header).encode()
        path.write_bytes(struct.pack("<Q", len(head)) + head + data[8 + size:])
        r = linnet("info", path)
        assert r.status == status, r.err
        r.one_line("lie.safetensors", word)
