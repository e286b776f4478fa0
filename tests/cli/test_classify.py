"""classify: every form, every bad picture, many pictures in order."""
import csv
import io
import json
import os
import pathlib
import random
import struct
import subprocess
import zlib

import pytest

from conftest import JPEG_START, LINNET, MODEL, NO_LOADER, bmp, png, ppm

REF = [*MODEL, "-d", "ref"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures")
    (path / "b.ppm").write_bytes(ppm(20, 30, 1))
    (path / "a.bmp").write_bytes(bmp(31, 17, 2))
    (path / "c.PNG").write_bytes(png(25, 25, 3))
    (path / "notes.txt").write_text("not a picture")
    (path / ".hidden.ppm").write_bytes(ppm(4, 4, 4))
    return path


def test_json_lines(linnet, folder):
    r = linnet("classify", *MODEL, folder / "b.ppm", folder / "a.bmp", "-o", "jsonl", "-k", "3")
    assert r.status == 0
    assert [line["image"] for line in r.lines] == [str(folder / "b.ppm"), str(folder / "a.bmp")]
    for line in r.lines:
        assert list(line) == ["image", "model", "top"] and line["model"] == "mobilenetv1_025"
        assert len(line["top"]) == 3
        p = [t["probability"] for t in line["top"]]
        assert p == sorted(p, reverse=True) and all(0 < x < 1 for x in p)
        assert all(set(t) == {"class", "probability"} for t in line["top"])  # no labels here


def test_device_and_reference_agree(linnet, folder):
    device = linnet("classify", *MODEL, folder, "-o", "jsonl").lines
    reference = linnet("classify", *REF, folder, "-o", "jsonl", env=NO_LOADER).lines
    for a, b in zip(device, reference):
        assert a["top"][0]["class"] == b["top"][0]["class"]
        assert abs(a["top"][0]["probability"] - b["top"][0]["probability"]) < 1e-5


def test_forms_agree(linnet, folder):
    args = ["classify", *REF, folder, "-k", "2"]
    lines = linnet(*args, "-o", "jsonl").lines
    assert linnet(*args, "-o", "json").json == lines
    rows = list(csv.DictReader(io.StringIO(linnet(*args, "-o", "csv").out)))
    assert [(r["image"], int(r["class"])) for r in rows] == [
        (l["image"], t["class"]) for l in lines for t in l["top"]]
    md = linnet(*args, "-o", "md").out.splitlines()
    assert len(md) == 2 + len(rows) and md[1].startswith("|---|")
    text = linnet(*args).out.splitlines()
    assert text[0] == lines[0]["image"] and len(text) == 3 * len(lines)


def test_text_of_one_picture_is_aligned(linnet, folder, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("".join("name %s\n" % ("x" * (i % 7)) for i in range(999)) + "caf\u00e9\n")
    r = linnet("classify", *REF, folder / "b.ppm", "--labels", labels)
    lines = r.out.splitlines()
    assert r.status == 0 and len(lines) == 5
    assert len({len(line) for line in lines}) == 1
    assert all(line.startswith("name ") or line.startswith("caf") for line in lines)
    assert len(r.err.splitlines()) == 1 and "mobilenetv1_025 on " in r.err and " ms" in r.err
    assert linnet("classify", *REF, folder / "b.ppm", "-q").err == ""


def test_labels(linnet, folder, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("".join("label \"%d\"\n" % i for i in range(1000)))
    r = linnet("classify", *REF, folder / "b.ppm", "--labels", labels, "-o", "jsonl")
    for t in r.lines[0]["top"]:
        assert t["label"] == 'label "%d"' % t["class"]
    r = linnet("classify", *REF, folder / "b.ppm", "--labels", tmp_path / "none")
    assert r.status == 5
    r.one_line("none")


def test_folder_is_sorted_and_holds_pictures_only(linnet, folder):
    lines = linnet("classify", *REF, folder, "-o", "jsonl").lines
    assert [pathlib.Path(l["image"]).name for l in lines] == ["a.bmp", "b.ppm", "c.PNG"]
    again = linnet("classify", *REF, str(folder) + "/", "-o", "jsonl").lines
    assert [l["image"] for l in again] == [l["image"] for l in lines]


def test_glob(linnet, folder):
    lines = linnet("classify", *REF, str(folder / "*.[bp]*"), "-o", "jsonl").lines
    assert [pathlib.Path(l["image"]).name for l in lines] == ["a.bmp", "b.ppm"]
    r = linnet("classify", *REF, str(folder / "*.nothing"))
    assert r.status == 5
    r.one_line("no file matches")


def test_a_file_whose_name_looks_like_a_glob(linnet, tmp_path):
    (tmp_path / "a[1].ppm").write_bytes(ppm(5, 5, 1))
    (tmp_path / "a1.ppm").write_bytes(ppm(5, 5, 2))
    lines = linnet("classify", *REF, tmp_path / "a[1].ppm", "-o", "jsonl").lines
    assert [pathlib.Path(l["image"]).name for l in lines] == ["a[1].ppm"]


def test_list_on_standard_input(linnet, folder):
    names = "%s\r\n\n%s" % (folder / "c.PNG", folder / "a.bmp")  # no newline at the end
    r = linnet("classify", *REF, folder / "b.ppm", "-", "-o", "jsonl", stdin=names)
    assert r.status == 0
    assert [pathlib.Path(l["image"]).name for l in r.lines] == ["b.ppm", "c.PNG", "a.bmp"]
    r = linnet("classify", *REF, "-", "-o", "json", stdin="")
    assert r.status == 0 and r.json == []
    long = linnet("classify", *REF, "-", "-o", "jsonl", stdin="x" * 200000 + "\n")
    assert long.status == 1 and long.lines[0]["image"] == "x" * 200000


def bad_files(path):
    pixels = ppm(40, 40, 1)
    whole = png(40, 40, 1)
    huge = whole[:16] + b"\x7f\xff\xff\xff\x7f\xff\xff\xff" + whole[24:]
    return {
        "empty.jpg": b"",
        "text.jpg": b"this is a text file\n",
        "cut.jpg": JPEG_START,
        "cut.png": whole[:len(whole) // 2],
        "huge.png": huge,
        "cut.ppm": pixels[:100],
        "lies.ppm": b"P6\n99999999 99999999\n255\n" + bytes(100),
        "cut.bmp": bmp(40, 40, 1)[:80],
    }


@pytest.mark.parametrize("name", sorted(bad_files(None)) + ["missing.jpg"])
def test_one_bad_picture(linnet, tmp_path, name):
    path = tmp_path / name
    if name != "missing.jpg":
        path.write_bytes(bad_files(None)[name])
    r = linnet("classify", *MODEL, path, env=NO_LOADER)  # the device is not even opened
    assert r.status == 5 and not r.out
    line = r.one_line(str(path) + ": ")
    assert line.endswith("; skipped") and line.count(str(path)) == 1
    r = linnet("classify", *MODEL, path, "-o", "jsonl", env=NO_LOADER)
    assert r.status == 5
    assert list(r.lines[0]) == ["image", "error"] and r.lines[0]["image"] == str(path)
    assert line == "linnet: %s: %s; skipped" % (path, r.lines[0]["error"])


def test_bad_pictures_among_good_ones(linnet, folder, tmp_path):
    order, bad = [], bad_files(None)
    for name, data in bad.items():
        (tmp_path / name).write_bytes(data)
        order += [folder / "a.bmp", tmp_path / name]
    order += [tmp_path / "missing.jpg", folder / "b.ppm"]
    for batch in ("1", "2", "3", "100"):
        r = linnet("classify", *REF, *order, "-b", batch, "-o", "jsonl", "-q")
        assert r.status == 1
        assert [l["image"] for l in r.lines] == [str(p) for p in order]
        assert ["error" in l for l in r.lines] == [p.parent == tmp_path for p in order]
        assert len(r.err.splitlines()) == len(bad) + 1
        good = [l["top"] for l in r.lines if "top" in l]
        assert all(top == good[0] for top in good[:-1]) and good[-1] != good[0]
    for form in ("json", "csv", "md", "text"):
        r = linnet("classify", *REF, *order, "-o", form)
        assert r.status == 1 and str(tmp_path / "cut.ppm") in r.out
    assert len(linnet("classify", *REF, *order, "-o", "json").json) == len(order)


def test_nothing_but_bad_pictures(linnet, tmp_path):
    names = [tmp_path / ("%d.jpg" % i) for i in range(700)]
    r = linnet("classify", *MODEL, *names, "-o", "jsonl", env=NO_LOADER)
    assert r.status == 1 and len(r.lines) == 700


def test_folders_that_cannot_be_read(linnet, tmp_path, folder):
    empty = tmp_path / "empty"
    empty.mkdir()
    r = linnet("classify", *MODEL, empty)
    assert r.status == 5
    r.one_line("no pictures in this folder")
    r = linnet("classify", *REF, empty, folder, "-o", "jsonl")
    assert r.status == 1 and len(r.lines) == 4 and "error" in r.lines[0]


def test_unreadable_folder(environment, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0)
    switch = [] if os.geteuid() else ["setpriv", "--reuid=65534", "--clear-groups"]
    if switch:  # root reads everything: be nobody, and hand it a folder it may reach
        for parent in [tmp_path, *tmp_path.parents]:
            if not parent.stat().st_mode & 0o005 == 0o005:
                if parent.stat().st_uid:
                    pytest.skip("%s cannot be opened to others" % parent)
                if not str(parent).startswith("/tmp"):
                    pytest.skip("the folder of the tests is private")
                parent.chmod(0o755)
        probe = subprocess.run([*switch, LINNET, "--version"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
        if probe.returncode:
            pytest.skip("nobody cannot run the program here")
    r = subprocess.run([*switch, LINNET, "classify", *REF, "--cache-dir", "off", str(locked)],
                       env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       universal_newlines=True)
    locked.chmod(0o755)
    assert r.returncode == 5
    assert "locked: cannot read the folder: Permission denied" in r.stderr


def test_no_weights(linnet, folder, tmp_path):
    r = linnet("classify", "mobilenetv1_025", folder, "--cache-dir", tmp_path)
    assert r.status == 5 and not r.out
    r.one_line("models/mobilenetv1_025.safetensors", "--weights", "--synthetic", "linnet convert")


def test_output_file(linnet, folder, tmp_path):
    for name in ("a.json", "a.jsonl", "a.csv", "a.md", "a.txt"):
        r = linnet("classify", *REF, folder, "--output", tmp_path / name, "-q")
        assert r.status == 0 and not r.out and not r.err
    assert json.loads((tmp_path / "a.json").read_text()) == [
        json.loads(l) for l in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert len(list(tmp_path.iterdir())) == 5
    for form in ("text", "json", "jsonl", "csv", "md"):
        r = linnet("classify", *REF, folder / "b.ppm", "-o", form, "--output", "/dev/full", "-q")
        assert r.status == 5
        r.one_line("/dev/full", "No space left on device")
        with open("/dev/full", "w") as full:
            r = linnet("classify", *REF, folder / "b.ppm", "-o", form, "-q", stdout=full)
        assert r.status == 5
        r.one_line("standard output: cannot write")
        r = linnet("classify", *REF, folder, "-o", form, "--output", tmp_path / "no" / "f")
        assert r.status == 5
        r.one_line("cannot write")


def test_preprocessing_options_reach_the_network(linnet, folder):
    args = ["classify", *REF, folder / "b.ppm", "-o", "jsonl", "-k", "1000"]
    plain = linnet(*args).out
    for change in (["--mean", "0.1"], ["--mean", "0,0,0"], ["--std", "1,1,1"],
                   ["--crop-pct", "0.5"], ["--resize", "200"], ["--size", "128"],
                   ["--shape", "1x3x96x128"]):
        r = linnet(*args, *change)
        assert r.status == 0 and r.out != plain, change
    for wrong in (["--crop-pct", "0"], ["--crop-pct", "1.5"], ["--crop-pct", "1e-30"],
                  ["--resize", "10"], ["--std", "0"]):
        r = linnet(*args, *wrong)
        assert r.status == 2
        r.one_line()


def test_top_is_cut_to_the_classes(linnet, folder):
    top = linnet("classify", *REF, folder / "b.ppm", "-o", "jsonl", "-k", "5000").lines[0]["top"]
    assert sorted(t["class"] for t in top) == list(range(1000))
    assert abs(sum(t["probability"] for t in top) - 1) < 1e-4


def test_names_of_any_bytes(environment, tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9 \"\t.ppm"
    with open(name, "wb") as f:
        f.write(ppm(5, 5, 1))
    done = subprocess.run([LINNET, "classify", *REF, "-o", "jsonl", "-q", name], env=environment,
                          stdout=subprocess.PIPE)
    assert done.returncode == 0
    assert json.loads(done.stdout.decode("utf-8"))["image"].endswith('caf\ufffd "\t.ppm')


def test_a_thousand_pictures_keep_their_order(linnet, tmp_path):
    names = []
    for i in range(1000):
        names.append(tmp_path / ("%04d.ppm" % i))
        side = 4 + i % 13  # some take longer to decode than others
        names[-1].write_bytes(ppm(side * (20 if i % 50 == 0 else 1), side, i))
    random.Random(1).shuffle(names)
    stdin = "".join("%s\n" % n for n in names)
    r = linnet("classify", *MODEL, "-", "-o", "jsonl", "-k", "3", stdin=stdin)
    assert r.status == 0
    assert [l["image"] for l in r.lines] == [str(n) for n in names]
    some = names[::97]
    alone = linnet("classify", *MODEL, *some, "-b", "1", "-o", "jsonl", "-k", "3").lines
    by_name = {l["image"]: l for l in r.lines}
    for line in alone:
        assert line["top"][0]["class"] == by_name[line["image"]]["top"][0]["class"]
        assert abs(line["top"][0]["probability"] -
                   by_name[line["image"]]["top"][0]["probability"]) < 1e-5
    assert len({json.dumps(l["top"]) for l in r.lines}) > 900


def test_a_slow_list_does_not_stop_a_failure(environment, tmp_path):
    """The device cannot be opened while the list on standard input stays open."""
    (tmp_path / "a.ppm").write_bytes(ppm(5, 5, 1))
    p = subprocess.Popen([LINNET, "classify", *MODEL, "-b", "1", "-"], env={**environment, **NO_LOADER},
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdin.write(str(tmp_path / "a.ppm").encode() + b"\n")
    p.stdin.flush()
    assert p.wait(timeout=60) == 4
    assert b"no OpenCL loader" in p.stderr.read()
    p.stdin.close()
    p.stdout.close()
    p.stderr.close()


def read_terminal(master):
    seen = b""
    try:
        while True:
            piece = os.read(master, 4096)
            if not piece:
                break
            seen += piece
    except OSError:  # the other end is closed
        pass
    os.close(master)
    return seen


def test_answers_take_the_bar_away_first(environment, tmp_path):
    import pty
    for i in range(40):
        (tmp_path / ("%02d.ppm" % i)).write_bytes(ppm(9, 9, i))
    master, slave = pty.openpty()
    p = subprocess.Popen([LINNET, "classify", *REF, "--size", "160", "-b", "1", str(tmp_path)],
                         env=environment, stdout=slave, stderr=slave)
    os.close(slave)
    seen = read_terminal(master)
    assert p.wait() == 0 and b"/40" in seen
    lines = [line.rsplit(b"\r", 1)[-1] for line in seen.replace(b"\r\n", b"\n").split(b"\n")]
    assert sum(b".ppm" in line for line in lines) == 40
    assert not any(b".ppm" in line and b"/40" in line for line in lines)


def test_progress_bar_only_on_a_terminal(environment, folder, tmp_path):
    import pty
    for extra, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        for i in range(40):
            (tmp_path / ("%02d.ppm" % i)).write_bytes(ppm(9, 9, i))
        env = {k: v for k, v in environment.items() if k != "NO_COLOR"}
        master, slave = pty.openpty()
        p = subprocess.Popen([LINNET, "classify", *REF, "--size", "160", "-b", "1", "-o", "jsonl",
                              str(tmp_path)], env={**env, **extra}, stdout=subprocess.PIPE, stderr=slave)
        os.close(slave)
        out = p.stdout.read()
        seen = read_terminal(master)
        assert p.wait() == 0 and out.count(b"\n") == 40
        p.stdout.close()
        assert b"classify" in seen and b"/40" in seen
        assert (b"\x1b[32m" in seen) == coloured


def test_folders_and_globs_in_a_list(linnet, folder):
    plain = linnet("classify", *REF, folder, folder / "*.p?m", "-o", "jsonl")
    r = linnet("classify", *REF, "-", "-o", "jsonl", stdin="%s\n%s/*.p?m\n" % (folder, folder))
    assert r.status == 0 and r.out == plain.out and len(r.lines) == 4


@pytest.mark.parametrize("form", ["jsonl", "text"])
def test_a_list_that_breaks_off(environment, folder, tmp_path, form):
    """A folder as standard input: the read fails, which is not the end of the list."""
    fd = os.open(folder, os.O_RDONLY)
    done = subprocess.run([LINNET, "classify", *REF, str(folder / "b.ppm"), "-", "-o", form],
                          env=environment, stdin=fd, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)
    os.close(fd)
    assert done.returncode == 5
    assert "standard input: cannot read the list: Is a directory" in done.stderr


CONTROL = "a\n|\x1b[31mb\x9b\t,\"c.ppm"


@pytest.mark.parametrize("form", ["text", "csv", "md"])
def test_control_characters_in_names_are_shown(linnet, tmp_path, form):
    good, bad = tmp_path / CONTROL, tmp_path / ("bad" + CONTROL)
    good.write_bytes(ppm(8, 8, 1))
    bad.write_bytes(b"")
    r = linnet("classify", *REF, good, bad, "-k", "1", "-o", form)
    assert r.status == 1
    assert not set("\x1b\x9b\t") & set(r.err) and not set("\x1b\x9b") & set(r.out)
    assert r.err.splitlines()[0].startswith("linnet: %s/bada\\n|\\x1b[31mb\\xc2\\x9b\\t,\"c.ppm: "
                                            % tmp_path), r.err
    assert r.err.count("bada") == 1
    if form == "csv":
        rows = list(csv.reader(io.StringIO(r.out, newline="")))
        assert len(rows) == 3 and all(len(row) == 6 for row in rows)
        assert rows[1][0].endswith("a\n|\\x1b[31mb\\xc2\\x9b\t,\"c.ppm")
    else:
        assert len(r.out.splitlines()) == (4 if form == "md" else 3)
        assert "a\\n%s|\\x1b[31mb\\xc2\\x9b\\t," % ("\\" if form == "md" else "") in r.out


def test_a_forbidden_side_of_a_png_is_named(linnet, tmp_path):
    data = bytearray(png(4, 4, 1))
    data[16:20] = struct.pack(">I", 1 << 31)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    (tmp_path / "a.png").write_bytes(data)
    r = linnet("classify", *REF, tmp_path / "a.png")
    assert r.status == 5
    r.one_line("claims 2147483648 x 4 pixels")
