"""--precision f16: what it changes, and what it does not."""
import os
import pathlib

import pytest

from conftest import read_npy

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
