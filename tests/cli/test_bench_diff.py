"""bench and diff: the JSON that does not change, sweeps, wrong results."""
import csv
import io

from conftest import NO_LOADER

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
    assert list(d) == ["model", "layers", "worst", "pass"] and d["pass"] is True
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
