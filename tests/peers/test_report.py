"""The arithmetic and the tables of bench/peers/report.py."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "peers"))
import report  # noqa: E402

PEERS = {"linnet": {"name": "Linnet", "precision": "f32", "pins": [], "note": ""},
         "a": {"name": "A", "precision": "f32", "pins": ["a==1"], "note": "first"},
         "b": {"name": "B", "precision": "f32", "pins": ["--no-deps b==2"], "note": ""},
         "low": {"name": "Low", "precision": "bf16", "pins": ["a==1"], "note": ""}}


def result(minimum, median, error=1e-6, cosine=1.0, **more):
    d = {"error": error, "cosine": cosine}
    return dict({"min": minimum, "median": median, "runs": 50, "start_ms": 10.0,
                 "peak_rss": 5_000_000, "against_reference": d, "against_linnet": d}, **more)


def cell(network, batch, peer, *rounds):
    return {"network": network, "batch": batch, "peer": peer, "rounds": list(rounds)}


CELLS = [
    cell("x", 1, "linnet", result(2, 3, peak_fraction=0.5), result(1, 5, peak_fraction=0.7),
         result(3, 4, peak_fraction=0.6)),
    cell("x", 1, "a", result(4, 8), result(5, 9), result(6, 10)),
    cell("x", 1, "b", result(1, 2, error=0.5)),  # fast and wrong
    cell("x", 1, "low", result(1, 1, error=0.5, cosine=0.99)),  # fast, right for what it is
    cell("y", 1, "linnet", result(2, 8)),
    cell("y", 1, "a", result(2, 4)),
    cell("y", 1, "b", result(2, 2)),
    cell("x", 8, "linnet", result(20, 40)),
    cell("x", 8, "a", result(20, 20)),
    cell("y", 8, "a"),  # every round failed
]
TABLE = report.summarise(CELLS, PEERS)


def test_minimum_of_all_and_median_of_rounds():
    f = TABLE["x", 1]["linnet"]
    assert (f["min"], f["median"], f["runs"], f["peak_fraction"]) == (1, 4, 150, 0.6)
    assert f["images_per_s"] == 250
    assert TABLE["x", 8]["linnet"]["images_per_s"] == 200


def test_fastest_is_right_and_f32():
    assert report.best_peer(TABLE["x", 1], PEERS) == "a"
    assert report.best_peer(TABLE["y", 1], PEERS) == "b"
    assert report.best_peer({"linnet": TABLE["x", 1]["linnet"]}, PEERS) is None
    assert not TABLE["x", 1]["b"]["ok"] and TABLE["x", 1]["low"]["ok"]
    assert ("y", 8) not in TABLE


def test_ratios():
    assert TABLE["x", 1]["linnet"]["ratio"] == pytest.approx(4 / 9)
    assert TABLE["y", 1]["linnet"]["ratio"] == 4
    means = report.mean_ratios(TABLE, 1, PEERS)
    assert means["linnet"] == (pytest.approx((4 / 9 * 4) ** 0.5), 2)
    assert means["b"] == (1, 1)  # the wrong one is left out
    assert report.mean_ratios(TABLE, 8, PEERS)["linnet"] == (2, 1)
    assert report.geometric_mean([1, 10, 100]) == pytest.approx(10)
    assert report.geometric_mean([]) is None


def test_not_finite_is_wrong():
    assert not report.agrees(result(1, 1, error=None, cosine=None), "f32")
    assert not report.agrees(result(1, 1, error=None, cosine=None), "bf16")
    assert not report.agrees(result(1, 1, error=0.5, cosine=0.97), "bf16")
    cells = [cell("x", 1, "a", result(1, 1, error=None, cosine=None))]
    assert report.worst(cells, "a", "against_reference") == (None, None)
    assert report.worst(CELLS, "b", "against_reference") == (0.5, 1.0)


def test_markdown():
    run = {"cells": CELLS, "peers": PEERS, "date": "2026-01-02", "threads": 2, "rounds": 3,
           "load": (0.5, 0.25, 0.125), "batches": [1, 8], "networks": ["x", "y", "z"],
           "device": "D", "skipped": ["z: this Linnet has no such network"],
           "machine": {"cpu": "P", "cores": 2, "memory_gib": 4, "system": "S", "kernel": "K",
                       "commit": "c"}}
    lines = list(report.markdown(run))
    text = "\n".join(lines)
    assert "| x | 1 / 4 | 4 / 9 | 1 / 2 (wrong) | 1 / 1 | A | 0.44 |" in lines
    assert "| y | 2 / 8 | 2 / 4 | 2 / 2 | - | B | 4.00 |" in lines
    assert "| x | 200 | 400 | A | 0.50 |" in lines
    assert "1.33 (2)" in text and "0.50 (1)" in text
    assert "50 to 70 percent" not in text and "60 to 60 percent" in text
    assert "- B: b==2" in lines and "- A: a==1; first" in lines
    assert "- load average at the start: 0.50 0.25 0.12" in lines
    assert lines[-1] == "- z: this Linnet has no such network"
    tables = [t for t in lines if t.startswith("|")]
    assert all(t.endswith("|") for t in tables)
