"""prune: a file that runs everywhere, and every way it can fail."""
import json
import struct

import pytest

import onnxfile
from conftest import NO_LOADER, ppm

V2 = ["mobilenetv2_035", "--synthetic", "1", "--size", "96"]


@pytest.fixture(scope="module")
def pruned(linnet, tmp_path_factory):
    path = tmp_path_factory.mktemp("pruned") / "p.safetensors"
    r = linnet("prune", *V2, "--channels", "0.4", "--output", path, "-o", "json", env=NO_LOADER)
    assert r.status == 0, r.err
    r.one_line("wrote %s:" % path, "million parameters", "multiply-adds")
    return path, r.json


def test_what_it_prints(pruned):
    rows = pruned[1]
    assert [row["layer"] for row in rows][:2] == ["conv_stem", "blocks.1.0.conv_pw"]
    assert len(rows) == 17
    for row in rows:
        assert 8 <= row["after"] < row["before"] or row["before"] == row["after"] == 8
        assert row["after"] % 8 == 0


def test_it_runs_in_all_verbs(linnet, pruned, tmp_path):
    path, rows = pruned
    full = linnet("info", *V2, "-o", "json").json
    small = linnet("info", path, "--size", "96", "-o", "json").json
    assert small["params"] < 0.95 * full["params"] and small["macs"] < 0.8 * full["macs"]
    layers = {layer["name"]: layer["shape"][-1] for layer in small["layers"]}
    assert all(layers[row["layer"]] == row["after"] for row in rows)
    assert len(small["layers"]) == len(full["layers"])
    assert linnet("diff", path, "--size", "96").status == 0
    bench = linnet("bench", path, "--size", "96", "-o", "json")
    assert bench.status == 0 and bench.json["macs"] == small["macs"]
    (tmp_path / "a.ppm").write_bytes(ppm(99, 99, 1))
    tops = [linnet("classify", "mobilenetv2_035", "-w", path, "--size", "96", "-d", d, "-o", "jsonl",
                   tmp_path / "a.ppm").lines[0]["top"][0]["class"] for d in ("ref", "cpu")]
    assert tops[0] == tops[1]
    r = linnet("run", path, "--size", "96", "--input", "synthetic:1", "--output", tmp_path / "y.npy")
    assert r.status == 0, r.err
    assert linnet("info", path, "--plan", "--size", "96").status == 0


def test_convert_keeps_the_widths(linnet, pruned, tmp_path):
    out = tmp_path / "copy.safetensors"
    assert linnet("convert", pruned[0], out).status == 0
    assert linnet("info", out, "-o", "json").out.replace(str(out), "") == \
        linnet("info", pruned[0], "-o", "json").out.replace(str(pruned[0]), "")


def test_by_magnitude_and_again(linnet, pruned, tmp_path):
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    assert linnet("prune", *V2, "--channels", "0.4", "--by", "bn", "--output", one).status == 0
    assert one.stat().st_size == pruned[0].stat().st_size
    assert one.read_bytes() != pruned[0].read_bytes()
    r = linnet("prune", one, "--channels", "0.4", "--output", two, "-q")
    assert r.status == 0 and not r.err
    assert two.stat().st_size < one.stat().st_size


def test_labels_go_along(linnet, tmp_path):
    labels, out = tmp_path / "l.txt", tmp_path / "p.safetensors"
    labels.write_text("".join("label %d\n" % i for i in range(1000)))
    (tmp_path / "a.ppm").write_bytes(ppm(99, 99, 1))
    assert linnet("prune", *V2, "--channels", "0.3", "--labels", labels, "--output", out).status == 0
    top = linnet("classify", out, tmp_path / "a.ppm", "-o", "jsonl", "-d", "ref").lines[0]["top"][0]
    assert top["label"] == "label %d" % top["class"]


@pytest.mark.parametrize("args, status, words", [
    ([*V2, "--channels", "0.3"], 2, ["--output F.safetensors"]),
    ([*V2, "--channels", "0.3", "--output", "-"], 2, ["--output F.safetensors"]),
    ([*V2, "--output", "OUT"], 2, ["--channels X"]),
    ([*V2, "--channels", "0", "--output", "OUT"], 2, ["more than 0 and less than 1"]),
    ([*V2, "--channels", "1", "--output", "OUT"], 2, ["more than 0 and less than 1"]),
    ([*V2, "--channels", "nan", "--output", "OUT"], 2, ["give a number"]),
    ([*V2, "--channels", "0.000001", "--output", "OUT"], 2, ["is none"]),
    ([*V2, "--channels", "0.3", "--by", "l2", "--output", "OUT"], 2, ["l1|bn"]),
    (["shufflenetv1_1.0x_g3", "--synthetic", "1", "--channels", "0.3", "--output", "OUT"], 3,
     ["no expanded channels to remove"]),
    (["nosuch", "--channels", "0.3", "--output", "OUT"], 3, ["unknown model"]),
    (["mobilenetv2_035", "--channels", "0.3", "--output", "OUT"], 5, ["no weights"]),
    (["none.safetensors", "--channels", "0.3", "--output", "OUT"], 5, ["none.safetensors"]),
    ([*V2, "--channels", "0.3", "--output", "no/such/folder/p"], 5, ["cannot write"]),
])
def test_errors(linnet, tmp_path, args, status, words):
    out = tmp_path / "out.safetensors"
    r = linnet("prune", *[out if a == "OUT" else a for a in args], "--cache-dir", tmp_path / "c")
    assert r.status == status, r.err
    r.one_line(*words)
    assert not r.out and not out.exists()


def test_a_graph_of_its_own_is_refused(linnet, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(onnxfile.classifier(batch=1))
    r = linnet("prune", path, "--channels", "0.3", "--output", tmp_path / "p.safetensors")
    assert r.status == 3
    r.one_line("prune takes families with weights")


def test_widths_that_lie(linnet, pruned, tmp_path):
    data = pruned[0].read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    for widths, word in (("{", "not JSON"), ('{"conv_stem":0}', "no number from 1 to 65536"),
                         ('{"nothing":8}', "has no layer 'nothing'"), ("{}", "expected")):
        header["__metadata__"]["widths"] = widths
        text = json.dumps(header).encode()
        path = tmp_path / "lie.safetensors"
        path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + size:])
        r = linnet("info", path, "-q")
        assert r.status == 5, r.err
        r.one_line("lie.safetensors", word)
