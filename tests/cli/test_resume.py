"""classify --output F.jsonl --resume: no line lost, none twice, killed at any moment."""
import random
import signal
import subprocess
import time

import pytest

from conftest import LINNET, MODEL, NO_LOADER, ppm

REF = [*MODEL, "-d", "ref"]
COUNT = 60


@pytest.fixture(scope="module")
def job(linnet, tmp_path_factory):
    """A folder, and the file that an undisturbed job makes of it."""
    folder = tmp_path_factory.mktemp("job")
    for i in range(COUNT):
        (folder / ("%02d.ppm" % i)).write_bytes(b"" if i % 11 == 5 else ppm(8, 8, i))
    out = tmp_path_factory.mktemp("whole") / "whole.jsonl"
    r = linnet("classify", *REF, folder, "--output", out)
    assert r.status == 1 and not r.out
    text = out.read_text()
    assert text.count("\n") == COUNT
    return folder, text


def resume(linnet, folder, out, *more, **kwargs):
    return linnet("classify", *REF, folder, "--output", out, "--resume", *more, **kwargs)


def test_killed_at_random_moments(linnet, environment, job, tmp_path):
    """Names come on a standard input that stays open, so no job ends before it is killed."""
    folder, whole = job
    names = "".join("%s/%02d.ppm\n" % (folder, i) for i in range(COUNT)).encode()
    rng = random.Random(7)
    for round_ in range(4):
        out = tmp_path / ("%d.jsonl" % round_)
        before = 0
        for kill in range(12):
            p = subprocess.Popen([LINNET, "classify", *REF, "-b", str(1 + round_ * 3), "-",
                                  "--output", str(out)] + ["--resume"] * bool(kill or round_ % 2),
                                 env=environment, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
            p.stdin.write(names)
            p.stdin.flush()
            time.sleep(rng.uniform(0, 0.25))
            for _ in range(0 if kill else 600):  # the first of them leaves some lines
                if out.exists() and out.read_text():
                    break
                time.sleep(0.1)
            p.send_signal(signal.SIGKILL)
            p.stdin.close()
            assert p.wait() == -signal.SIGKILL
            text = out.read_text() if out.exists() else ""
            lines = text.count("\n")
            assert whole.startswith(text) and lines >= max(before, 1)
            before = lines
        r = resume(linnet, folder, out)
        assert r.status == 1  # of the bad pictures, whoever met them
        assert out.read_text() == whole


def test_cut_at_every_byte_of_a_line(linnet, job, tmp_path):
    folder, whole = job
    out = tmp_path / "cut.jsonl"
    lines = whole.splitlines(True)
    start = len("".join(lines[:-2]))
    for at in range(start, len(whole) + 1, 3):
        out.write_text(whole[:at])
        assert resume(linnet, folder, out, "-b", "1").status == 1
        assert out.read_text() == whole, at


def test_finished_job_opens_no_device(linnet, job, tmp_path):
    folder, whole = job
    out = tmp_path / "done.jsonl"
    out.write_text(whole)
    r = linnet("classify", *MODEL, folder, "--output", out, "--resume", env=NO_LOADER)
    assert r.status == 1 and out.read_text() == whole
    r.one_line("done.jsonl: 60 done before, nothing left; 5 failed")
    assert not resume(linnet, folder, out, "-q", env=NO_LOADER).err


def test_a_list_on_standard_input_is_gone_on_with(linnet, job, tmp_path):
    folder, whole = job
    out = tmp_path / "stdin.jsonl"
    out.write_text("".join(whole.splitlines(True)[:17]))
    names = "".join("%s/%02d.ppm\n" % (folder, i) for i in range(COUNT))
    r = linnet("classify", *REF, "-", "--output", out, "--resume", stdin=names)
    assert r.status == 1 and out.read_text() == whole


def test_good_job_ends_with_0(linnet, tmp_path):
    for i in range(3):
        (tmp_path / ("%d.ppm" % i)).write_bytes(ppm(8, 8, i))
    out = tmp_path / "out" / "o.jsonl"
    out.parent.mkdir()
    assert resume(linnet, tmp_path, out).status == 0  # nothing there yet
    assert resume(linnet, tmp_path, out).status == 0
    assert out.read_text().count("\n") == 3
    assert linnet("classify", *REF, tmp_path, "--output", out).status == 0  # from the start
    assert out.read_text().count("\n") == 3


@pytest.mark.parametrize("change,words", [
    (lambda t: t.replace("/03.ppm", "/99.ppm"), ["line 4", "another picture"]),
    (lambda t: t.replace("mobilenetv1_025", "mobilenetv1_100", 1), ["line 1", "another model"]),
    (lambda t: "hello\n" + t, ["line 1", "not a line of classify"]),
    (lambda t: "[1]\n" + t, ["line 1", "not a line of classify"]),
    (lambda t: t + t, ["line 61", "more lines than pictures"]),
    (lambda t: "\0" * 100 + "\n" + t, ["line 1", "not a line of classify"]),
])
def test_a_file_of_another_job_is_left_alone(linnet, job, tmp_path, change, words):
    folder, whole = job
    out = tmp_path / "other.jsonl"
    out.write_text(change(whole))
    r = resume(linnet, folder, out)
    assert r.status == 5 and out.read_text() == change(whole)
    r.one_line(str(out), "choose another --output", *words)


@pytest.mark.parametrize("text", ["precious", "{\"name\": 1}", "{\"image\":\"a\0", "\0\0\0", " "])
@pytest.mark.parametrize("lines", [0, 3])
def test_an_end_that_is_not_ours_is_kept(linnet, job, tmp_path, text, lines):
    folder, whole = job
    out = tmp_path / "p.txt"
    text = "".join(whole.splitlines(True)[:lines]) + text
    out.write_text(text)
    r = resume(linnet, folder, out, "-o", "jsonl")
    assert r.status == 5 and out.read_text() == text
    r.one_line("p.txt: line %d" % (lines + 1), "not a line of classify", "choose another --output")


def begin(linnet, environment, folder, out, *options):
    """A job ended in its midst: what it leaves in its folder."""
    p = subprocess.Popen([LINNET, "classify", *options, "-d", "ref", "-b", "1", "-", "--output",
                          str(out)], env=environment, stdin=subprocess.PIPE,
                         stderr=subprocess.DEVNULL)
    p.stdin.write(("%s/00.ppm\n" % folder).encode())
    p.stdin.flush()
    for _ in range(600):
        if out.exists() and out.read_text():
            break
        time.sleep(0.1)
    p.kill()
    p.wait()
    p.stdin.close()


@pytest.mark.parametrize("change", [
    ["--synthetic", "2"], ["--size", "64"], ["--mean", "0.3"], ["--crop-pct", "0.5"],
    ["--resize", "128"], ["--passes", "none"]])
def test_other_options_are_refused(linnet, environment, job, tmp_path, change):
    folder, whole = job
    out = tmp_path / "o.jsonl"
    begin(linnet, environment, folder, out, *MODEL)
    before = out.read_text()
    assert (tmp_path / "o.jsonl.resume").exists() and whole.startswith(before)
    r = resume(linnet, folder, out, *change)
    assert r.status == 5 and out.read_text() == before
    r.one_line("begun with other weights or options", "choose another --output")
    assert resume(linnet, folder, out).status == 1 and out.read_text() == whole
    assert sorted(p.name for p in tmp_path.iterdir()) == ["o.jsonl"]


def test_other_weights_are_refused(linnet, environment, job, tmp_path, weights):
    folder, _ = job
    model, out = tmp_path / "m.safetensors", tmp_path / "o.jsonl"
    model.write_bytes(weights.read_bytes())
    options = [model, "--arch", "mobilenetv1_025", "-d", "ref"]
    begin(linnet, environment, folder, out, *map(str, options[:3]))
    before = out.read_text()
    model.write_bytes(weights.read_bytes()[:-4] + bytes(4))
    r = linnet("classify", *options, folder, "--output", out, "--resume")
    assert r.status == 5 and out.read_text() == before
    r.one_line("begun with other weights or options")


def test_another_top_is_refused(linnet, job, tmp_path):
    folder, whole = job
    out = tmp_path / "o.jsonl"
    out.write_text("".join(whole.splitlines(True)[:4]))
    r = resume(linnet, folder, out, "-k", "2")
    assert r.status == 5
    r.one_line("line 1", "made with another --top")


def test_usage(linnet, job, tmp_path):
    folder, _ = job
    for args in ([], ["--output", tmp_path / "a.json"], ["--output", tmp_path / "a.jsonl", "-o", "csv"]):
        r = linnet("classify", *REF, folder, "--resume", *args)
        assert r.status == 2
        r.one_line("--resume goes with --output F.jsonl")
    r = resume(linnet, folder, tmp_path / "no" / "a.jsonl")
    assert r.status == 5
    r.one_line("cannot write")


def test_two_at_once(linnet, environment, job, tmp_path):
    folder, whole = job
    out = tmp_path / "both.jsonl"
    first = subprocess.Popen([LINNET, "classify", *REF, "-b", "1", "-", "--output", str(out)],
                             env=environment, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    first.stdin.write(("%s/00.ppm\n" % folder).encode())
    first.stdin.flush()
    for _ in range(600):
        if out.exists() and out.read_text():
            break
        time.sleep(0.1)
    r = resume(linnet, folder, out)
    assert r.status == 5
    r.one_line("another linnet is writing it")
    first.stdin.close()
    assert first.wait(timeout=60) == 0
    assert resume(linnet, folder, out).status == 1 and out.read_text() == whole
