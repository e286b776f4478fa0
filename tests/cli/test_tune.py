"""tune: what is chosen, what the other verbs make of it. No test looks at a time."""

import pytest

NET = ["mobilenetv1_025", "--size", "96"]
VERDICTS = {"chosen", "slower", "wrong", "failed", "stopped", "pruned", "untried"}
# launches do not wait for each other on a busy machine
QUIET = {"LINNET_DISABLE": "resident"}


@pytest.fixture(scope="module")
def tuned(linnet, tmp_path_factory):
    """A cache that has been tuned once, and what that printed."""
    cache = tmp_path_factory.mktemp("tuned")
    r = linnet("tune", *NET, "--cache-dir", cache, "-o", "json", env=QUIET)
    assert r.status == 0, r.err
    return cache, r.json


def test_json(tuned):
    cache, report = tuned
    assert list(report) == ["model", "batch", "contests", "default_ms", "tuned_ms",
                            "stream", "kept", "complete", "busy", "seconds"]
    assert report["model"] == "mobilenetv1_025" and report["batch"] == 1
    names = [c["name"] for c in report["contests"]]
    assert "conv_stem" in names and names[-1] == "network"
    for contest in report["contests"]:
        assert contest["uses"] >= 1
        candidates = contest["candidates"]
        assert {c["verdict"] for c in candidates} <= VERDICTS
        assert not any(c["verdict"] in ("wrong", "failed", "stopped") for c in candidates)
        assert contest["chosen"] in [c["name"] for c in candidates]
        for c in candidates:
            assert c.get("error", 0) < 1e-3
    assert len(list((cache / "tune").glob("*.json"))) == 1
    assert len(list((cache / "tune").glob("*.journal"))) == 1


def test_records_are_used_unless_told_not_to(linnet, tuned):
    cache, _ = tuned
    record = next((cache / "tune").glob("*.json"))
    text = record.read_text()
    with_record = ["info", *NET, "--plan", "--cache-dir", cache]
    first = linnet(*with_record, env=QUIET).out
    assert linnet(*with_record, env=QUIET).out == first
    off = linnet(*with_record, "--tune", "off", env=QUIET).out
    assert off == linnet("info", *NET, "--plan", "--cache-dir", "off", env=QUIET).out
    record.write_text(text.replace("}", ")"))  # damaged: as if it were not there
    assert linnet(*with_record, env=QUIET).out == off
    record.write_text(text)


def test_table_and_tuning_on_the_way(linnet, tuned):
    cache, _ = tuned
    r = linnet("tune", *NET, "--cache-dir", cache, "-o", "md", env=QUIET)
    assert r.status == 0
    head, line, *rows = r.out.splitlines()
    assert "chosen" in head and set(line) <= set("|-: ") and any("conv_stem" in x for x in rows)
    r = linnet("run", *NET, "--synthetic", "1", "--input", "synthetic:1", "--cache-dir", cache, "-o", "json", "--tune", "fast",
               env=QUIET)
    assert r.status == 0


def test_wrong_uses(linnet):
    r = linnet("tune", *NET, "--tune", "off")
    assert r.status == 2
    r.one_line("give fast or full")
    r = linnet("tune", *NET, "-d", "ref")
    assert r.status == 3
    r.one_line("nothing to tune")
    assert linnet("tune").status == 2


def test_clearing_the_cache_forgets(linnet, tuned):
    cache, _ = tuned
    assert linnet("cache", "clear", "--cache-dir", cache).status == 0
    assert not list((cache / "tune").iterdir())
