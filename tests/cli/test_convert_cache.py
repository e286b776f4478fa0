"""convert, weights from files, and the cache."""
import json
import re
import struct

import pytest

from conftest import MODEL, NO_LOADER, ppm


def test_convert_and_classify(linnet, weights, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("".join("label %d\n" % i for i in range(1000)))
    out = tmp_path / "cache" / "models" / "mobilenetv1_025.safetensors"
    out.parent.mkdir(parents=True)
    r = linnet("convert", weights, out, "--arch", "mobilenetv1_025", "--labels", labels, env=NO_LOADER)
    assert r.status == 0, r.err
    r.one_line("wrote", str(out))
    (tmp_path / "a.ppm").write_bytes(ppm(9, 9, 1))
    answers = []
    for args in ([out], ["mobilenetv1_025", "--cache-dir", tmp_path / "cache"],
                 ["mobilenetv1_025", "-w", out]):
        r = linnet("classify", *args, tmp_path / "a.ppm", "-o", "jsonl", "-d", "ref")
        assert r.status == 0, r.err
        assert r.lines[0]["model"] == "mobilenetv1_025"
        assert all(t["label"] == "label %d" % t["class"] for t in r.lines[0]["top"])
        answers.append(r.lines[0]["top"])
    assert answers[0] == answers[1] == answers[2]
    plain = linnet("classify", weights, "--arch", "mobilenetv1_025", tmp_path / "a.ppm", "-d", "ref",
                   "-o", "jsonl")
    assert [t["class"] for t in plain.lines[0]["top"]] == [t["class"] for t in answers[0]]
    assert linnet("diff", out).status == 0
    assert linnet("info", out, "-o", "json").json["params"] == 470072


def test_a_file_that_does_not_name_its_family(linnet, weights):
    r = linnet("info", weights)
    assert r.status == 2
    r.one_line("--arch")


def test_synthetic_weights_as_a_file(linnet, tmp_path):
    out = tmp_path / "o.safetensors"
    assert linnet("convert", "synthetic:7", out, "--arch", "mobilenetv1_025").status == 0
    answers = []
    for model in (["mobilenetv1_025", "--synthetic", "7"], [out]):
        r = linnet("run", *model, "--input", "synthetic:1", "--output", tmp_path / "y.npy", "-d", "ref")
        assert r.status == 0, r.err
        answers.append((tmp_path / "y.npy").read_bytes())
    assert answers[0] == answers[1]


def test_convert_errors(linnet, weights, tmp_path):
    out = tmp_path / "o.safetensors"
    for args, status, words in (
            ([tmp_path / "none", out, "--arch", "mobilenetv1_025"], 5, ["none"]),
            ([weights, out, "--arch", "mobilenet_v1"], 3, ["mobilenet_v1"]),
            (["synthetic:", out, "--arch", "mobilenetv1_025"], 2, ["synthetic:SEED"]),
            (["synthetic:1", out], 2, ["--arch"]),
            ([weights, out, "--arch", "mobilenetv2_100", "-q"], 5, []),
            ([weights, tmp_path / "no" / "o", "--arch", "mobilenetv1_025"], 5, ["cannot write"]),
            ([weights, "/dev/full", "--arch", "mobilenetv1_025"], 5, ["/dev/full"]),
            ([weights, out, "--arch", "mobilenetv1_025", "--labels", tmp_path / "none"], 5, ["none"])):
        r = linnet("convert", *args)
        assert r.status == status, r.err
        r.one_line(*words)
        assert not out.exists()


def test_cut_weights(linnet, weights, tmp_path):
    data = weights.read_bytes()
    path = tmp_path / "cut.safetensors"
    for n in (0, 7, 8, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:n])
        r = linnet("info", path, "--arch", "mobilenetv1_025")
        assert r.status == 5, n
        r.one_line(str(path))


def test_misshapen_tensor(linnet, weights, tmp_path):
    data = weights.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8:8 + length])
    head["conv_stem.weight"]["shape"] = [8, 3, 9, 1]
    text = json.dumps(head).encode()
    path = tmp_path / "odd.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length:])
    r = linnet("info", path, "--arch", "mobilenetv1_025")
    assert r.status == 5
    r.one_line("conv_stem.weight")


def test_cache(linnet, tmp_path):
    cache = tmp_path / "c"
    args = ["--cache-dir", cache]
    r = linnet("cache", "info", *args)
    assert r.status == 0 and "0 files" in r.out and str(cache) in r.out
    assert linnet("run", *MODEL, "--input", "synthetic:1", *args).status == 0
    model = cache / "models" / "m.safetensors"
    model.parent.mkdir(exist_ok=True)
    model.write_bytes(b"12345")
    (cache / "mine.txt").write_text("not ours")
    rows = linnet("cache", "info", *args, "-o", "json").json
    assert {"path": str(model), "bytes": 5} in rows and len(rows) >= 2
    assert not any("mine.txt" in row["path"] for row in rows)
    text = linnet("cache", "info", *args).out
    assert "%d files" % len(rows) in text
    r = linnet("cache", "clear", *args)
    assert r.status == 0
    r.one_line("removed %d files" % (len(rows) - 1))
    assert model.exists() and (cache / "mine.txt").exists()
    assert linnet("cache", "info", *args, "-o", "json").json == [{"path": str(model), "bytes": 5}]
    assert linnet("cache", "clear", *args, "-q").err == ""


def test_cache_off(linnet, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    env = {"XDG_CACHE_HOME": None, "HOME": str(home)}
    r = linnet("cache", "info", "--cache-dir", "off", env=env)
    assert r.status == 0 and "off" in r.out
    assert linnet("run", *MODEL, "--input", "synthetic:1", "--cache-dir", "off", env=env).status == 0
    assert not (home / ".cache" / "linnet").exists()
    assert linnet("run", *MODEL, "--input", "synthetic:1", env=env).status == 0
    assert (home / ".cache" / "linnet" / "programs").is_dir()


def test_a_cache_that_cannot_be_written_is_not_fatal(linnet, tmp_path):
    plain = tmp_path / "file"
    plain.write_text("")
    r = linnet("run", *MODEL, "--input", "synthetic:1", "--cache-dir", plain)
    assert r.status == 0 and r.out
    r = linnet("info", "mobilenetv1_025", "--cache-dir", "x" * 2000)
    assert r.status == 2
    r.one_line("too long")


def test_every_tensor_that_does_not_fit_is_named(linnet, weights):
    r = linnet("info", weights, "--arch", "mobilenetv2_100")
    assert r.status == 5
    r.one_line("does not fit mobilenetv2_100, ")
    counts = re.search(r" (\d+) tensors: (.*); and (\d+) more \(all of them: -v\)$", r.err.strip())
    named = counts[2].split("; ")
    assert int(counts[1]) == len(named) + int(counts[3]) > 100
    assert all(re.search(r" missing | unexpected | is ", name) for name in named)
    *all_of_them, last = linnet("info", weights, "--arch", "mobilenetv2_100", "-v").err.splitlines()
    lines = [line for line in all_of_them if line.startswith("linnet: info: mobilenetv2_100: ")]
    assert last == r.err.strip() and len(lines) == int(counts[1])
    assert [line.split(": ", 3)[3] for line in lines[:len(named)]] == named


@pytest.mark.parametrize("name", ["x.tflite", "dir/x.onnx"])
def test_no_weights(linnet, name):
    r = linnet("info", "mobilenetv1_025", "-w", name)
    assert r.status == 2
    r.one_line(name + ": brings its own network: give it as the model, not as weights")
    r = linnet("info", name)
    assert r.status == 5
    r.one_line(name)
