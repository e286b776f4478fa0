"""models and info: counted figures in every form."""
import csv
import io
import json
import os
import pathlib

import pytest

from conftest import NO_LOADER


def test_json_shape(linnet):
    rows = linnet("models", "-o", "json", env=NO_LOADER).json
    assert len(rows) >= 10
    for row in rows:
        assert list(row) == ["name", "family", "input", "params", "macs", "published"]
        assert list(row["published"]) == ["params_m", "macs_m", "top1", "source"]
        assert len(row["input"]) == 3 and row["input"][2] == 3
        assert isinstance(row["params"], int) and isinstance(row["macs"], int)
    by_name = {row["name"]: row for row in rows}
    assert len(by_name) == len(rows)
    v2 = by_name["mobilenetv2_100"]
    assert v2["params"] == 3504872 and v2["macs"] == 300774272
    assert v2["published"]["params_m"] == 3.47 and v2["published"]["top1"] == 71.8


def test_forms_agree(linnet):
    rows = linnet("models", "-o", "json").json
    lines = linnet("models", "-o", "jsonl").lines
    table = list(csv.DictReader(io.StringIO(linnet("models", "-o", "csv").out)))
    text = linnet("models").out.splitlines()
    md = linnet("models", "-o", "md").out.splitlines()
    assert len(rows) == len(lines) == len(table) == len(text) - 1 == len(md) - 2
    for row, line, cells in zip(rows, lines, table):
        assert row["name"] == line["name"] == cells["name"]
        assert abs(float(cells["macs_m"]) - 1e-6 * row["macs"]) <= 0.06


def test_glob(linnet):
    names = [r["name"] for r in linnet("models", "mobilenetv1_*", "-o", "json").json]
    assert "mobilenetv1_100" in names and all(n.startswith("mobilenetv1_") for n in names)
    assert len(linnet("models", "MobileNetV2_100", "-o", "json").json) == 1
    r = linnet("models", "nosuch*")
    assert r.status == 3 and not r.out
    r.one_line("no family matches nosuch*")


def test_unknown_model_names_the_nearest(linnet):
    for verb in ("info", "diff", "bench"):
        r = linnet(verb, "mobilenet_v2_100")
        assert r.status == 3 and not r.out
        r.one_line("mobilenet_v2_100", "the nearest are mobilenetv2_100")


@pytest.mark.parametrize("name,near", [
    ("mobilenetv1", "mobilenetv1_"), ("lite0", "tf_efficientnet_lite0"), ("vgg", "vgg16"),
    ("mnasnet_10", "mnasnet_100"), ("nosuch", None), ("resnet50", None), ("x" * 70, None)])
def test_only_what_is_near_is_named(linnet, name, near):
    r = linnet("info", name)
    assert r.status == 3
    r.one_line("unknown model '%s'" % name, "linnet models")
    assert "nearest" not in r.err if near is None else near in r.err


def test_info(linnet):
    info = linnet("info", "mobilenetv2_100", "-o", "json", env=NO_LOADER).json
    assert info["params"] == 3504872 == sum(l["params"] for l in info["layers"])
    assert info["macs"] == 300774272 == sum(l["macs"] for l in info["layers"])
    assert info["input"] == [224, 224, 3] and info["classes"] == 1000
    assert info["layers"][0]["shape"] == [1, 112, 112, 32]
    text = linnet("info", "mobilenetv2_100", env=NO_LOADER)
    assert text.status == 0 and "conv_stem" in text.out
    rows = list(csv.DictReader(io.StringIO(linnet("info", "mobilenetv2_100", "-o", "csv").out)))
    assert [r["name"] for r in rows] == [l["name"] for l in info["layers"]]


def test_info_follows_size_batch_and_shape(linnet):
    a = linnet("info", "mobilenetv1_025", "--size", "96", "-b", "3", "-o", "json").json
    assert a["input"] == [96, 96, 3] and a["batch"] == 3
    assert a["layers"][0]["shape"] == [3, 48, 48, 8]
    b = linnet("info", "mobilenetv1_025", "--shape", "x=3x3x96x128", "-o", "json").json
    assert b["input"] == [96, 128, 3] and b["batch"] == 3
    assert linnet("info", "mobilenetv1_025.some_tag", "-o", "json").json["params"] == a["params"]


def test_plan(linnet):
    r = linnet("info", "mobilenetv1_025", "--plan")
    assert r.status == 0 and "blocks.0.0.conv_pw" in r.out
    assert r.out == linnet("info", "mobilenetv1_025", "--plan").out
    r = linnet("info", "mobilenetv1_025", "--plan", "-d", "ref")
    assert r.status == 3
    r.one_line("choose an OpenCL device")


def test_graph(linnet, tmp_path):
    out = tmp_path / "g.safetensors"
    r = linnet("info", "mobilenetv1_025", "--synthetic", "1", "--graph", out, env=NO_LOADER)
    assert r.status == 0 and not r.out
    r.one_line("wrote", str(out))
    data = out.read_bytes()
    head = json.loads(data[8:8 + int.from_bytes(data[:8], "little")])
    graph = json.loads(head["__metadata__"]["graph"])
    assert graph["name"] == "mobilenetv1_025" and len(graph["tensors"]) > len(head) > 100
    r = linnet("info", "mobilenetv1_025", "--graph", out, "--cache-dir", tmp_path)
    assert r.status == 5
    r.one_line("no weights")
    r = linnet("info", "mobilenetv1_025", "--synthetic", "1", "--graph", "/dev/full")
    assert r.status == 5
    r.one_line("/dev/full")


@pytest.mark.skipif(not os.environ.get("LINNET_TEST_DATA"), reason="LINNET_TEST_DATA is not set")
def test_counts_equal_the_references(linnet):
    folder = pathlib.Path(os.environ["LINNET_TEST_DATA"]) / "specs" / "goldens"
    rows = {r["name"]: r for r in linnet("models", "-o", "json").json}
    checked = 0
    for path in folder.glob("*.json"):
        name = path.stem
        for prefix, ours in (("timm_", ""), ("megvii_", ""), ("cadene_", ""), ("torchvision_", "tv_")):
            if name.startswith(prefix):
                name = ours + name[len(prefix):]
        if name not in rows:
            continue
        golden = json.loads(path.read_text())
        assert rows[name]["params"] == golden["params"], name
        if golden["input_shape"][1:] == [3, *rows[name]["input"][:2]]:
            # the original computes border rows of its even-sized cells and crops them
            needed = {"nasnetamobile": 563638816}.get(name, golden["macs"]["total"])
            assert rows[name]["macs"] == needed, name
        checked += 1
    assert checked
