"""run: .npy in and out, and .npy files that lie."""
import struct

import pytest

from conftest import MODEL, NO_LOADER, npy, read_npy

REF = [*MODEL, "-d", "ref"]
COUNT = 3 * 96 * 96


@pytest.fixture(scope="module")
def picture():
    return [((i * 2654435761) % 1000) / 500 - 1 for i in range(COUNT)]


def test_in_and_out(linnet, tmp_path, picture):
    (tmp_path / "x.npy").write_bytes(npy((1, 3, 96, 96), picture))
    answers = []
    for device in ([], ["-d", "ref"]):
        r = linnet("run", *MODEL, *device, "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy")
        assert r.status == 0 and not r.out and not r.err
        shape, values = read_npy(tmp_path / "y.npy")
        assert shape == (1, 1000) and len(values) == 1000
        answers.append(values)
    spread = max(answers[1]) - min(answers[1])
    assert spread > 0.1
    assert max(abs(a - b) for a, b in zip(*answers)) < 1e-4 * spread
    assert len(list(tmp_path.iterdir())) == 2


def test_batch_comes_from_the_file(linnet, tmp_path, picture):
    other = [v * 0.5 for v in picture]
    (tmp_path / "x.npy").write_bytes(npy((2, 3, 96, 96), picture + other))
    (tmp_path / "x1.npy").write_bytes(npy((1, 3, 96, 96), other))
    for name, out in (("x", "y"), ("x1", "y1")):
        assert linnet("run", *MODEL, "--input", tmp_path / (name + ".npy"),
                      "--output", tmp_path / (out + ".npy")).status == 0
    shape, both = read_npy(tmp_path / "y.npy")
    assert shape == (2, 1000)
    alone = read_npy(tmp_path / "y1.npy")[1]
    assert max(abs(a - b) for a, b in zip(both[1000:], alone)) < 1e-4


def test_synthetic_input(linnet, tmp_path):
    one = linnet("run", *REF, "--input", "synthetic:1").out
    assert linnet("run", *REF, "--input", "synthetic:1").out == one
    assert linnet("run", *REF, "--input", "synthetic:2").out != one
    r = linnet("run", *REF, "--input", "synthetic:1", "-b", "3", "-o", "json")
    assert r.json[0]["shape"] == "3x1000" and r.json[0]["min"] < r.json[0]["max"]
    for wrong in ("synthetic:", "synthetic:x", "synthetic:-1", "synthetic:1x"):
        r = linnet("run", *REF, "--input", wrong)
        assert r.status == 2
        r.one_line("synthetic:SEED")


def test_names(linnet, tmp_path):
    name = linnet("run", *REF, "--input", "nosuch=synthetic:1").one_line(
        "no such input").rsplit(" ", 1)[1]
    assert linnet("run", *REF, "--input", name + "=synthetic:1").status == 0
    r = linnet("run", *REF, "--input", name + "=synthetic:1", "--input", name + "=synthetic:2")
    assert r.status == 2
    r.one_line("given twice")
    r = linnet("run", *REF, "--input", "synthetic:1", "--input", "synthetic:2")
    assert r.status == 2
    r.one_line("--input synthetic:2: one too many; the model has 1 input")


def test_output_folder(linnet, tmp_path):
    r = linnet("run", *REF, "--input", "synthetic:1", "--output-dir", tmp_path / "a" / "b",
               "--output", tmp_path / "y.npy")
    assert r.status == 0
    files = list((tmp_path / "a" / "b").iterdir())
    assert len(files) == 1 and files[0].suffix == ".npy"
    assert files[0].read_bytes() == (tmp_path / "y.npy").read_bytes()
    (tmp_path / "file").write_text("")
    for args in (["--output-dir", tmp_path / "file" / "x"], ["--output", tmp_path / "no" / "y.npy"],
                 ["--output", "/dev/full"]):
        r = linnet("run", *REF, "--input", "synthetic:1", *args)
        assert r.status == 5
        r.one_line()


@pytest.mark.parametrize("descr,code", [
    ("<f4", "f"), ("<f8", "d"), ("|i1", "b"), ("|u1", "B"), ("<i2", "h"), ("<u2", "H"),
    ("<i4", "i"), ("<u4", "I"), ("<i8", "q"), ("<u8", "Q"), ("|b1", "B"), ("<f2", "e")])
@pytest.mark.parametrize("version", [1, 2, 3])
def test_types(linnet, tmp_path, descr, code, version):
    values = [i % 2 for i in range(COUNT)]
    (tmp_path / "x.npy").write_bytes(npy((1, 3, 96, 96), values, descr, code, version=version))
    (tmp_path / "f.npy").write_bytes(npy((1, 3, 96, 96), values))
    assert linnet("run", *REF, "--input", tmp_path / "x.npy").out == \
        linnet("run", *REF, "--input", tmp_path / "f.npy").out != ""


def header(text, body=b"\0" * 16):
    raw = text.encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(raw)) + raw + body


GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 4), }"
LIES = {
    "empty": b"",
    "text": b"hello, world, this is no array",
    "magic alone": b"\x93NUMPY",
    "version 9": b"\x93NUMPY\x09\x00" + bytes(100),
    "header longer than the file": b"\x93NUMPY\x01\x00\xff\xff{",
    "header of 4 GB": b"\x93NUMPY\x02\x00\xff\xff\xff\xff{",
    "no dict": header("[1]"),
    "open dict": header("{'descr': '<f4'"),
    "open string": header("{'descr': '<f4"),
    "missing key": header("{'descr': '<f4', 'shape': (1, 4)}"),
    "repeated key": header("{'descr': '<f4', 'descr': '<f4', 'shape': (1,), 'fortran_order': False}"),
    "unknown key": header("{'descr': '<f4', 'colour': (1,), 'fortran_order': False}"),
    "big endian": header(GOOD.replace("<f4", ">f4")),
    "sixteen bytes": header(GOOD.replace("<f4", "<f16")),
    "objects": header(GOOD.replace("<f4", "|O")),
    "structured": header(GOOD.replace("'<f4'", "[('a', '<f4')]")),
    "fortran order": header(GOOD.replace("False", "True")),
    "order of neither": header(GOOD.replace("False", "Maybe")),
    "shape of no tuple": header(GOOD.replace("(1, 4)", "4")),
    "shape of words": header(GOOD.replace("(1, 4)", "(a, b)")),
    "negative shape": header(GOOD.replace("(1, 4)", "(-1, 4)")),
    "zero shape": header(GOOD.replace("(1, 4)", "(0, 4)")),
    "seven dimensions": header(GOOD.replace("(1, 4)", "(1, 1, 1, 1, 1, 1, 1)")),
    "overflowing number": header(GOOD.replace("(1, 4)", "(99999999999999999999999, 4)")),
    "overflowing last digit": header(GOOD.replace("(1, 4)", "(9223372036854775809,)")),
    "overflowing product": header(GOOD.replace("(1, 4)", "(4294967296, 4294967296)")),
    "overflowing bytes": header(GOOD.replace("(1, 4)", "(4611686018427387905,)")),
    "open tuple": header(GOOD.replace("(1, 4), }", "(1, 4")),
    "bytes behind the dict": header(GOOD + "x"),
    "too short": header(GOOD, b"\0" * 15),
    "too long": header(GOOD, b"\0" * 17),
}


@pytest.mark.parametrize("name", sorted(LIES))
def test_files_that_lie(linnet, tmp_path, name):
    path = tmp_path / "x.npy"
    path.write_bytes(LIES[name])
    r = linnet("run", *MODEL, "--input", path, "--output", tmp_path / "y.npy", env=NO_LOADER)
    assert r.status == 5 and list(tmp_path.iterdir()) == [path]
    r.one_line(str(path))


def test_cut_at_every_byte_of_the_header(linnet, tmp_path):
    data = npy((1, 4), [1, 2, 3, 4])
    for n in range(0, len(data), 5):
        (tmp_path / "x.npy").write_bytes(data[:n])
        r = linnet("run", *MODEL, "--input", tmp_path / "x.npy", env=NO_LOADER)
        assert r.status == 5
        r.one_line("x.npy")


@pytest.mark.parametrize("shape", [(1, 4), (3, 96, 96), (1, 3, 64, 96), (1, 96, 96, 3), ()])
def test_wrong_shapes(linnet, tmp_path, shape):
    count = 1
    for d in shape:
        count *= d
    (tmp_path / "x.npy").write_bytes(npy(shape, [0] * count))
    r = linnet("run", *REF, "-b", "1", "--input", tmp_path / "x.npy")
    assert r.status == 5
    r.one_line("x.npy: shape", "1x3x96x96")


def test_missing_file(linnet, tmp_path):
    r = linnet("run", *MODEL, "--input", tmp_path / "none.npy", env=NO_LOADER)
    assert r.status == 5
    r.one_line("none.npy", "No such file")


@pytest.mark.parametrize("args", [["--output", "y.json"], ["--output", "y.txt"], ["--output", "y"],
                                  ["--output", "y.npy", "-o", "json"],
                                  ["--output-dir", "d", "-o", "text"]])
def test_arrays_are_not_written_as_something_else(linnet, tmp_path, args):
    r = linnet("run", *REF, "--input", "synthetic:1", *args, cwd=tmp_path)
    assert r.status == 2 and not list(tmp_path.iterdir())
    r.one_line("--output")


def test_an_array_without_its_batch(linnet, tmp_path, picture):
    (tmp_path / "x.npy").write_bytes(npy((3, 96, 96), picture))
    r = linnet("run", *REF, "--input", tmp_path / "x.npy")
    assert r.status == 5
    r.one_line("shape 3x96x96, but input", "is 1x3x96x96", "that many dimensions")


def test_nan_shows_in_every_figure(linnet, tmp_path, picture):
    (tmp_path / "x.npy").write_bytes(npy((1, 3, 96, 96), [float("nan")] * COUNT))
    args = ["run", *REF, "--input", tmp_path / "x.npy"]
    row = linnet(*args, "-o", "json").json[0]
    assert [row[k] for k in ("min", "max", "mean", "std")] == [None] * 4
    assert linnet(*args).out.splitlines()[1].split()[2:] == ["nan"] * 4
