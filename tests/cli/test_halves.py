"""--precision f16: what it changes, and what it does not."""
import os
import pathlib

import pytest

import onnxfile
import tflitefile
from conftest import npy, ppm, read_npy

WEIGHTS = pathlib.Path.home() / ".cache/linnet/models/tf_efficientnet_lite0.safetensors"
MODEL = ["mobilenetv1_025", "--size", "96", "--synthetic", "1"]


def logits(linnet, path, *args):
    r = linnet("run", *MODEL, "--input", "synthetic:1", "--output", str(path), *args)
    assert r.status == 0
    return read_npy(path)[1]


def test_logits_are_near(linnet, tmp_path):
    y = logits(linnet, tmp_path / "f32.npy")
    for device in ([], ["-d", "ref"]):
        h = logits(linnet, tmp_path / "f16.npy", "--precision", "f16", *device)
        mean = sum(y) / len(y)
        std = (sum((v - mean) ** 2 for v in y) / len(y)) ** 0.5
        worst = max(abs(a - b) for a, b in zip(y, h))
        assert 0 < worst < 5e-2 * std


def test_weights_halve(linnet):
    rows = [linnet("bench", *MODEL, "--precision", p, "-o", "json").json for p in ("f32", "f16")]
    assert [r["precision"] for r in rows] == ["f32", "f16"]
    assert rows[1]["memory"]["weights"] < 0.51 * rows[0]["memory"]["weights"]
    assert rows[1]["memory"]["arena"] < rows[0]["memory"]["arena"]


@pytest.mark.parametrize("name, data", [
    ("net.onnx", onnxfile.classifier()),
    ("net.tflite", tflitefile.classifier(tflitefile.FLOAT).bytes())])
def test_files_with_a_graph(linnet, tmp_path, name, data):
    """Halves of ONNX and TFLite files: near the floats, on the device and by the reference."""
    path = tmp_path / name
    path.write_bytes(data)
    x = [((i * 37) % 101 - 50) / 50 for i in range(192)]
    dims = [1, 8, 8, 3] if name.endswith("tflite") else [1, 3, 8, 8]
    (tmp_path / "x.npy").write_bytes(npy(dims, x))
    y = []
    for options in ([], ["--precision", "f16"], ["--precision", "f16", "-d", "ref"]):
        r = linnet("run", path, "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy",
                   *options)
        assert r.status == 0, r.err
        y.append(read_npy(tmp_path / "y.npy")[1])
    mean = sum(y[0]) / len(y[0])
    std = (sum((v - mean) ** 2 for v in y[0]) / len(y[0])) ** 0.5
    for half in y[1:]:
        assert 0 < max(abs(a - b) for a, b in zip(y[0], half)) < 5e-2 * std
    r = linnet("diff", path, "--precision", "f16")
    assert r.status == 0, r.out + r.err
    assert "_f16_" in linnet("info", path, "--plan", "--precision", "f16").out


def test_bytes_stay_bytes(linnet, tmp_path):
    """A quantized file has no floats to halve: the same numbers."""
    path = tmp_path / "q.tflite"
    path.write_bytes(tflitefile.classifier(tflitefile.UINT8).bytes())
    (tmp_path / "p.ppm").write_bytes(ppm(20, 16, 3))
    args = ["classify", path, tmp_path / "p.ppm", "-o", "jsonl", "-q"]
    assert linnet(*args).lines[0]["top"] == linnet(*args, "--precision", "f16").lines[0]["top"]


def test_pictures(linnet, tmp_path):
    """classify, which gives networks a picture's bytes where they read such."""
    (tmp_path / "p.ppm").write_bytes(ppm(120, 100, 5))
    args = ["classify", *MODEL, tmp_path / "p.ppm", "-o", "jsonl", "-q", "-k", "1"]
    plain, half = linnet(*args).lines[0]["top"][0], linnet(*args, "--precision",
                                                           "f16").lines[0]["top"][0]
    assert plain["class"] == half["class"]
    assert abs(plain["probability"] - half["probability"]) < 0.05 * plain["probability"]


def test_plan_and_diff(linnet):
    plan = linnet("info", *MODEL, "--plan", "--precision", "f16").out
    assert "_f16_" in plan and "act_f32_from_f16" in plan and "pw_f32" not in plan
    r = linnet("diff", *MODEL, "--precision", "f16", "-o", "json")
    assert r.status == 0 and r.json["pass"]
    assert not any("overflow" in l for l in r.json["layers"])


def test_overflow_is_reported(linnet):
    r = linnet("diff", "mobilenetv4_conv_large", "--size", "192", "--precision", "f16")
    assert r.status == 1 and "overflow: " in r.out and "beyond 65504" in r.out


def test_photographs(linnet):
    data, given = os.environ.get("LINNET_TEST_DATA"), os.environ.get("LINNET_TEST_WEIGHTS")
    weights = pathlib.Path(given) if given else WEIGHTS
    if not data or not weights.exists():
        pytest.skip("LINNET_TEST_DATA is not set, or no trained Lite0: ./dev demo fetches it")
    args = ["classify", "tf_efficientnet_lite0", "-w", str(weights), data + "/images", "-k", "1",
            "-o", "jsonl"]
    plain, half = linnet(*args), linnet(*args, "--precision", "f16")
    first = [[row["top"][0]["class"] for row in r.lines if "top" in row] for r in (plain, half)]
    assert first[0] and first[0] == first[1]


FAST = ["--precision", "f16", "--fast-math"]


def test_fast_math_is_of_halves(linnet):
    for args in ([], ["--precision", "f32"], ["--precision", "int8"]):
        r = linnet("bench", *MODEL, "--fast-math", *args)
        assert r.status == 2 and not r.out
        assert r.err == "linnet: --fast-math: computes in f16; give --precision f16 with it\n"


def test_fast_math_where_sums_are_f32(linnet, tmp_path):
    """One line of warning, and the numbers of --precision f16."""
    plain = logits(linnet, tmp_path / "f16.npy", "--precision", "f16")
    r = linnet("run", *MODEL, "--input", "synthetic:1", "--output", tmp_path / "fast.npy", *FAST,
               env={"LINNET_DISABLE": "fp16"})
    assert r.status == 0
    warnings = [line for line in r.err.splitlines() if "fast math" in line]
    assert len(warnings) == 1 and "(cl_khr_fp16); halves are multiplied and summed in f32" in warnings[0]
    assert read_npy(tmp_path / "fast.npy")[1] == plain
    r = linnet("bench", *MODEL, *FAST, "-o", "json", env={"LINNET_DISABLE": "fp16"})
    assert (r.json["precision"], r.json["arithmetic"]) == ("f16", "f32")
    r = linnet("bench", *MODEL, *FAST, env={"LINNET_DISABLE": "fp16"})
    assert ", f16, computed in f32" in r.out
    r = linnet("profile", *MODEL, *FAST, "-o", "json", env={"LINNET_DISABLE": "fp16"})
    assert (r.json["precision"], r.json["arithmetic"]) == ("f16", "f32")
    plan = linnet("info", *MODEL, "--plan", *FAST, env={"LINNET_DISABLE": "fp16"}).out
    assert "\narithmetic in f32: no half arithmetic (cl_khr_fp16)\n" in plan
    r = linnet("run", *MODEL, "--input", "synthetic:1", "--output", tmp_path / "ref.npy", *FAST,
               "-d", "ref")
    assert r.status == 0 and r.err.count("fast math: the C reference sums in double") == 1


def test_fast_math_where_sums_are_f16(linnet, tmp_path):
    """The kernels that GPUs get, on a device that computes in halves."""
    env = {"LINNET_DISABLE": "deep"}
    if "fp16" not in linnet("devices", "--dump").json["features"]:
        pytest.skip("the device has no cl_khr_fp16: test_kernels acts halves there")
    plan = linnet("info", *MODEL, "--plan", *FAST, env=env)
    assert "pw_f16_wide_fast" in plan.out and "\narithmetic in f16: " in plan.out
    assert "fast math" not in plan.err
    for verb in ("bench", "profile"):
        r = linnet(verb, *MODEL, *FAST, "-o", "json", env=env)
        assert (r.json["precision"], r.json["arithmetic"]) == ("f16", "f16")
    r = linnet("diff", *MODEL, *FAST, "-o", "json", env=env)
    assert r.status == 0 and r.json["pass"]
    assert linnet("info", *MODEL, "--plan", "--precision", "f16", env=env).out.count("_fast") == 0
