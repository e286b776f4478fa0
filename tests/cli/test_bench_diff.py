"""bench and diff: the JSON that does not change, sweeps, wrong results."""
import csv
import ctypes
import io

import pytest

import onnxfile

from conftest import NO_LOADER, ppm, read_npy

SMALL = ["mobilenetv1_025", "--size", "96"]
KEYS = ["schema", "model", "device", "driver", "version", "precision", "batch", "runs",
        "latency_ms", "images_per_s", "start_ms", "cache", "memory", "macs", "gflops",
        "peak_fraction"]


def check(row):
    assert list(row) == KEYS and row["schema"] == 1 and row["precision"] == "f32"
    l = row["latency_ms"]
    assert list(l) == ["median", "mean", "min", "max", "p90", "p95", "p99"]
    assert 0 < l["min"] <= l["median"] <= l["p90"] <= l["p95"] <= l["p99"] <= l["max"]
    assert row["runs"] >= 50
    assert row["runs"] * l["mean"] >= 2000 * 0.99
    assert abs(row["images_per_s"] - 1000 * row["batch"] / l["mean"]) < 0.01 * row["images_per_s"]
    assert set(row["start_ms"]) == {"load", "build", "upload", "first_run"}
    assert set(row["cache"]) == {"hits", "misses"}
    m = row["memory"]
    assert set(m) == {"weights", "arena", "peak_rss"} and m["peak_rss"] > m["weights"]
    assert abs(row["gflops"] - 2e-6 * row["macs"] * row["batch"] / l["median"]) < 1e-3 * row["gflops"]


def test_json(linnet):
    r = linnet("bench", *SMALL, "-o", "json")
    assert r.status == 0
    check(r.json)
    assert r.json["model"] == "mobilenetv1_025" and r.json["batch"] == 1
    assert r.json["macs"] == linnet("info", *SMALL, "-o", "json").json["macs"]
    assert r.json["peak_fraction"] > 0


def test_sweep(linnet):
    r = linnet("bench", "mobilenetv1_025,mobilenetv2_035", "--size=96", "-b", "1,2", "-o", "jsonl")
    assert r.status == 0
    for row in r.lines:
        check(row)
    assert [(row["model"], row["batch"]) for row in r.lines] == [
        ("mobilenetv1_025", 1), ("mobilenetv1_025", 2), ("mobilenetv2_035", 1), ("mobilenetv2_035", 2)]


def test_list_of_two_is_a_list(linnet):
    rows = linnet("bench", *SMALL, "-b", "1,3", "-o", "json").json
    assert [row["batch"] for row in rows] == [1, 3]


def test_table_and_reference(linnet):
    r = linnet("bench", *SMALL, "-d", "ref", "-o", "csv")
    row = list(csv.DictReader(io.StringIO(r.out)))[0]
    assert r.status == 0 and float(row["cpu_ms"]) > 0 and row["peak_fraction"] == "-"
    text = linnet("bench", *SMALL).out
    assert text.startswith("model ") and "cpu ms" in text and "driver" in text


def test_a_misspelt_model_is_found_before_anything_is_timed(linnet):
    r = linnet("bench", "mobilenetv1_025,mobilenetv9", env=NO_LOADER)
    assert r.status == 3 and not r.out
    r.one_line("mobilenetv9")


def test_diff(linnet):
    r = linnet("diff", *SMALL, "-o", "json")
    assert r.status == 0
    d = r.json
    assert list(d) == ["model", "layers", "worst", "end_to_end", "pass"] and d["pass"] is True
    assert 0 <= d["end_to_end"] <= 1e-4
    for layer in d["layers"] + [d["worst"]]:
        assert list(layer) == ["name", "op", "max_abs", "rel"]
        assert 0 <= layer["rel"] <= 1e-4
    assert d["worst"]["rel"] == max(layer["rel"] for layer in d["layers"])
    assert len(d["layers"]) > 20
    text = linnet("diff", *SMALL)
    assert text.status == 0 and text.out.splitlines()[-1] == "pass"
    assert "end to end" in text.out and "worst: " in text.out
    assert len(linnet("diff", *SMALL, "-o", "csv").out.splitlines()) == len(d["layers"]) + 1


def test_diff_takes_batch_seed_and_passes(linnet):
    one = linnet("diff", *SMALL, "-o", "json").json
    for args in (["-b", "2"], ["--synthetic", "2"], ["--passes", "none"]):
        r = linnet("diff", *SMALL, *args, "-o", "json")
        assert r.status == 0 and r.json["pass"] and r.json != one


def test_reference_is_not_compared_with_itself(linnet):
    r = linnet("diff", *SMALL, "-d", "ref")
    assert r.status == 3
    r.one_line("cannot be compared with itself")


PAIR = ["mqa:hybrid_medium_c256", "mhsa:hybrid_medium_c256"]


def test_blocks_beside_each_other(linnet):
    rows = linnet("bench", ",".join(PAIR), "--size", "4", "-b", "1,2", "-d", "ref",
                  "-o", "json").json
    assert [(row["model"], row["batch"]) for row in rows] == [
        (PAIR[0], 1), (PAIR[0], 2), (PAIR[1], 1), (PAIR[1], 2)]
    for mqa, mhsa in zip(rows[:2], rows[2:]):
        check(mhsa)
        ratio = mqa.pop("ratio")
        check(mqa)
        assert ratio["to"] == PAIR[1] and list(ratio) == ["to", "median", "min"]
        for key in ("median", "min"):
            expect = mqa["latency_ms"][key] / mhsa["latency_ms"][key]
            assert abs(ratio[key] - expect) < 1e-3 * expect
        assert mqa["macs"] < mhsa["macs"]


def test_op_is_every_shape(linnet):
    r = linnet("bench", "--op", "mqa,mhsa", "--size", "2", "-d", "ref")
    lines = r.out.splitlines()
    rows = [line.split() for line in lines[1:9]]
    shapes = ["hybrid_medium_c160", "hybrid_medium_c256", "hybrid_large_c192", "hybrid_large_c512"]
    assert r.status == 0 and lines[0].endswith("ratio  of mins")
    assert [row[0] for row in rows] == [op + s for s in shapes for op in ("mqa:", "mhsa:")]
    for mqa, mhsa in zip(rows[::2], rows[1::2]):
        for time, ratio in zip(mqa[3:5], mqa[-2:]):
            assert float(time) > 0 and float(ratio) > 0
        assert mhsa[-2:] == ["-", "-"]
    assert lines[9] == "ratio: time over that of mhsa at the same shape"


def test_products_beside_a_library(linnet):
    try:
        ctypes.CDLL("libclblast.so.1")
    except OSError:
        pytest.skip("libclblast.so.1 is not there")
    r = linnet("bench", "--op", "fc,clblast", "-d", "ref")
    lines = r.out.splitlines()
    assert r.status == 0
    assert [line.split()[0] for line in lines[1:3]] == [
        op + ":v2_1280x1000" for op in ("fc", "clblast")]
    assert float(lines[1].split()[-2]) > 0 and lines[2].split()[-2:] == ["-", "-"]
    assert lines[3] == "ratio: time over that of clblast at the same shape"
    plan = linnet("info", "clblast:v4_8_256x1024", "--plan")
    assert plan.status == 0 and "launches" in plan.out
    assert plan.out.count("pw_f32_clblast\n") == 8 and "pw_f32_deep" not in plan.out
    assert "clblast" not in linnet("info", "pw:v4_8_256x1024", "--plan").out


def test_without_that_library(linnet, tmp_path):
    (tmp_path / "libclblast.so.1").touch()
    env = {"LD_LIBRARY_PATH": str(tmp_path)}
    r = linnet("bench", "--op", "fc,clblast", env=env)
    assert r.status == 3 and not r.out
    r.one_line("libclblast.so.1", "install")
    r = linnet("info", "clblast:v2_1280x1000", "--plan", env=env)
    assert r.status == 3 and not r.out
    r.one_line("libclblast.so.1", "install")


def test_nothing_to_compare(linnet):
    r = linnet("bench", PAIR[0] + ",mhsa:hybrid_large_c512", "--size", "1", "-d", "ref")
    assert r.status == 0 and "mqa:" in r.out and "mhsa:" in r.out and "ratio" not in r.out


@pytest.mark.parametrize("args,words", [
    ([PAIR[0], "--op", "mqa"], ["MODEL", "--op"]),
    (["--op", ","], ["no model named"]),
    ([","], ["no model named"]),
])
def test_models_or_ops(linnet, args, words):
    r = linnet("bench", *args, env=NO_LOADER)
    assert r.status == 2 and not r.out
    r.one_line(*words)


def test_blocks_are_models_for_other_verbs(linnet, tmp_path):
    r = linnet("diff", PAIR[1], "-b", "2", "--size", "5", "-o", "json")
    assert r.status == 0 and r.json["pass"]
    out = tmp_path / "y.npy"
    r = linnet("run", PAIR[0], "--synthetic", "1", "-d", "ref", "--input", "synthetic:1",
               "--output", out)
    assert r.status == 0 and read_npy(out)[0] == (1, 256, 8, 8)
    assert PAIR[0] not in linnet("models", env=NO_LOADER).out
    picture = tmp_path / "x.ppm"
    picture.write_bytes(ppm(8, 8, 1))
    r = linnet("classify", PAIR[0], "--synthetic", "1", picture)
    assert r.status == 3 and not r.out
    r.one_line("no classifier")


def test_onnx_files(linnet, tmp_path):
    path, integers = tmp_path / "net.onnx", tmp_path / "add.onnx"
    path.write_bytes(onnxfile.classifier(batch=1))
    report = linnet("diff", path, "-o", "json").json
    assert report["pass"] and report["model"] == "net.onnx"
    row = linnet("bench", path, "-b", "1,2", "-o", "json").json
    assert [r["batch"] for r in row] == [1, 2] and row[0]["macs"] == row[1]["macs"] == 3496
    dims = ["N", 3]
    integers.write_bytes(onnxfile.model(
        [onnxfile.node("Add", ["a", "b"], ["y"])],
        [onnxfile.value(n, dims, onnxfile.INT64) for n in "ab"],
        [onnxfile.value("y", dims, onnxfile.INT64)], opset=14))
    assert linnet("diff", integers, "-b", "2").status == 0
