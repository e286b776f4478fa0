"""profile: its forms, its files, and what it refuses."""
import csv
import io
import json
import xml.etree.ElementTree

import pytest

SMALL = ["mobilenetv2_035", "--size", "96"]
STEP = ["step", "name", "op", "variant", "ms", "min_ms", "wait_ms", "macs", "bytes", "gflops",
        "gbs", "intensity", "limit", "of_limit", "parts"]


@pytest.fixture(scope="module")
def profiled(linnet, tmp_path_factory):
    base = tmp_path_factory.mktemp("profile")
    r = linnet("profile", *SMALL, "-o", "json", "--trace", base / "t.json", "--roofline",
               base / "r.svg")
    assert r.status == 0, r.err
    return r.json, base


def test_json(profiled, linnet):
    p = profiled[0]
    assert p["schema"] == 1 and p["model"] == "mobilenetv2_035" and p["runs"] >= 30
    assert p["peak_gflops"] > 0 and [b["gbs"] > 0 for b in p["bandwidth"]] == [True] * 5
    assert sum(s["macs"] for s in p["steps"]) == linnet("info", *SMALL, "-o", "json").json["macs"]
    for s in p["steps"]:
        assert list(s) == STEP
        assert 0 < s["min_ms"] <= s["ms"] and s["limit"] in ("compute", "memory")
        assert abs(s["gflops"] - 2e-6 * s["macs"] / s["ms"]) <= 1e-3 * s["gflops"]
        assert len(s["parts"]) != 1
        assert not s["parts"] or sum(q["macs"] for q in s["parts"]) == s["macs"]


def test_streams(profiled, linnet):
    p = profiled[0]
    assert (p["stream"] == "resident") == all(s["wait_ms"] is not None for s in p["steps"])
    r = linnet("profile", *SMALL, "-o", "json", env={"LINNET_DISABLE": "resident"}).json
    assert r["stream"] == "launches" and all(s["wait_ms"] is None for s in r["steps"])
    assert all(s["ms"] > 0 for s in r["steps"])


def test_trace(profiled):
    p, base = profiled
    events = json.loads((base / "t.json").read_text())["traceEvents"]
    steps = [e for e in events if e["ph"] == "X" and e["tid"] == 1]
    assert [e["name"] for e in steps] == [s["name"] for s in p["steps"]]
    for a, b in zip(steps, steps[1:]):
        assert abs(a["ts"] + a["dur"] - b["ts"]) < 1e-2
    parts = [e for e in events if e["ph"] == "X" and e["tid"] == 2]
    assert len(parts) == sum(len(s["parts"]) for s in p["steps"])


def test_roofline(profiled):
    p, base = profiled
    svg = xml.etree.ElementTree.parse(str(base / "r.svg")).getroot()
    space = "{http://www.w3.org/2000/svg}"
    titles = [t.text for t in svg.iter(space + "title")]
    assert len(titles) == sum(s["macs"] > 0 for s in p["steps"])
    for circle in svg.iter(space + "circle"):
        assert 0 <= float(circle.get("cx")) <= 860 and 70 <= float(circle.get("cy")) <= 520


    texts = {t.text: t for t in svg.iter(space + "text")}
    assert any(t.startswith(p["model"] + ", batch 1: ") for t in texts) and p["device"] in texts
    for size in (p["bandwidth"][0], p["bandwidth"][-1]):  # each along its line
        name = [t for t in texts if t.startswith("%.0f GB/s over " % size["gbs"])]
        assert name and all("rotate(-" in texts[t].get("transform") for t in name)


def test_tables(linnet):
    r = linnet("profile", *SMALL, "-o", "csv")
    rows = list(csv.DictReader(io.StringIO(r.out)))
    assert r.status == 0 and float(rows[0]["ms"]) > 0 and rows[0]["step"] == "0"
    text = linnet("profile", *SMALL)
    assert text.status == 0 and "% of run" in text.out and "times: medians" in text.out
    assert linnet("profile", *SMALL, "-o", "md").out.startswith("|")


def test_refusals(linnet, tmp_path):
    assert linnet("profile").status == 2
    r = linnet("profile", *SMALL, "-d", "ref")
    assert r.status == 3
    r.one_line("C reference", "choose an OpenCL device")
    for option in ("--trace", "--roofline"):
        r = linnet("profile", *SMALL, option, tmp_path / "no" / "x")
        assert r.status == 5
        r.one_line("no/x")
    assert linnet("profile", "nosuchnet").status == 3
