"""The table of options: every verb, every way to write an option, every wrong way."""
import re
import signal
import subprocess
import time

import pytest

from conftest import LINNET, MODEL, NO_LOADER, ROOT

VERBS = re.findall(r"X\((\w+)\)", (ROOT / "cli/main.c").read_text())
OPTIONS = re.findall(r'X\((\w+), "([\w-]+)", (?:\'(\w)\'|0), ("[^"]+"|NULL), (CLI_\w+)',
                     (ROOT / "cli/cli.h").read_text())


def test_tables_were_found():
    assert len(VERBS) >= 10 and len(OPTIONS) >= 30


@pytest.mark.parametrize("args", [[], ["--help"], ["-h"], ["help"]])
def test_verbs_are_listed_without_opencl(linnet, args):
    r = linnet(*args, env=NO_LOADER)
    assert r.status == 0 and not r.err
    for verb in VERBS:
        assert re.search(r"^  %s\b" % verb, r.out, re.M)


def test_version(linnet):
    header = (ROOT / "include/linnet/linnet.h").read_text()
    version = ".".join(re.search(r"VERSION_%s (\d+)" % p, header).group(1)
                       for p in ("MAJOR", "MINOR", "PATCH"))
    assert linnet("--version").out == "linnet %s\n" % version
    assert linnet("bench", "--version", env=NO_LOADER).out == "linnet %s\n" % version


@pytest.mark.parametrize("verb", VERBS)
def test_help_is_aligned_and_needs_no_opencl(linnet, verb):
    r = linnet(verb, "--help", env=NO_LOADER)
    assert r.status == 0 and not r.err
    assert r.out.startswith("usage: linnet " + verb)
    rows = r.out.split("options:\n")[1].splitlines()
    columns = {re.match(r"  +(-\w, )?--[\w-]+( \S+)? +", row).end() for row in rows}
    assert len(columns) == 1, r.out
    assert linnet("help", verb, env=NO_LOADER).out == r.out
    assert all(len(line) <= 100 for line in r.out.splitlines())


def test_every_option_belongs_to_a_verb_and_means_the_same(linnet):
    seen = {}
    for verb in VERBS:
        for line in linnet(verb, "--help").out.split("options:\n")[1].splitlines():
            name = re.search(r"--([\w-]+)", line).group(1)
            text = re.sub(r"; a comma list sweeps| \w+(\|\w+)+$|:.*", "", line.split("  ")[-1].strip())
            assert seen.setdefault(name, text) == text
    assert set(seen) == {name for _, name, _, _, _ in OPTIONS}


@pytest.mark.parametrize("ways", [
    (["--top", "2"], ["--top=2"], ["-k", "2"], ["-k2"], ["-k=2"]),
    (["--format", "json"], ["--format=json"], ["-o", "json"], ["-ojson"]),
])
def test_ways_to_write_an_option(linnet, tmp_path, ways):
    from conftest import ppm
    (tmp_path / "a.ppm").write_bytes(ppm(8, 8, 1))
    outs = {linnet("classify", *MODEL, "-d", "ref", "-q", tmp_path / "a.ppm", *way).out
            for way in ways}
    assert len(outs) == 1 and outs.pop()


def test_options_anywhere_and_double_dash(linnet):
    a = linnet("models", "*_050", "-o", "csv")
    assert a.status == 0 and a.out == linnet("models", "-o", "csv", "*_050").out
    assert linnet("models", "-o", "csv", "--", "*_050").out == a.out
    r = linnet("models", "--", "--help")
    assert r.status == 3 and "--help" in r.one_line("no family matches")


@pytest.mark.parametrize("args,words", [
    (["clasify"], ["unknown verb clasify", "classify"]),
    (["xyzzyplugh"], ["unknown verb xyzzyplugh", "linnet --help"]),
    (["--frob"], ["unknown option --frob"]),
    (["info", "m", "--sise", "3"], ["unknown option --sise", "--size"]),
    (["info", "m", "--sise=3"], ["unknown option --sise;", "--size"]),
    (["info", "m", "--qqqqqqqqqqqq"], ["unknown option", "linnet info --help"]),
    (["info", "m", "-z"], ["unknown option -z"]),
    (["info", "m", "--resume"], ["info does not take --resume"]),
    (["info", "m", "-k", "3"], ["info does not take --top"]),
    (["info", "m", "--batch"], ["--batch needs a value"]),
    (["info", "m", "-b"], ["-b needs a value"]),
    (["info", "m", "--plan=1"], ["--plan takes no value"]),
    (["info", "m", "-b", "0"], ["--batch 0", "1 to 65536"]),
    (["info", "m", "-b", "-1"], ["--batch -1"]),
    (["info", "m", "-b", "1x"], ["--batch 1x"]),
    (["info", "m", "-b", "99999999999999999999"], ["--batch 9"]),
    (["info", "m", "-b", "1,2"], ["--batch 1,2"]),
    (["bench", "m", "-b", "1,,2"], ["--batch 1,,2"]),
    (["bench", "m", "-b", "1,2,"], ["--batch 1,2,"]),
    (["info", "m", "--synthetic", "-1"], ["--synthetic -1"]),
    (["info", "m", "--synthetic", "18446744073709551616"], ["2^64-1"]),
    (["info", "m", "-o", "xml"], ["--format xml", "text|json"]),
    (["info", "m", "-o", "tex"], ["--format tex"]),
    (["info", "m", "-o", ""], ["--format"]),
    (["info", "m", "-w", ""], ["--weights: empty"]),
    (["info", "m", "--precision", "f64"], ["f32|f16|int8"]),
    (["classify", "m", "i", "--mean", "1,2"], ["--mean 1,2", "R,G,B"]),
    (["classify", "m", "i", "--std", "a"], ["--std a"]),
    (["classify", "m", "i", "--mean", "nan"], ["--mean nan"]),
    (["classify", "m", "i", "--crop-pct", "1,1,1"], ["--crop-pct"]),
    (["info"], ["info needs MODEL"]),
    (["classify", "m"], ["classify needs MODEL IMAGES..."]),
    (["info", "a", "b"], ["one argument too many: b"]),
    (["convert", "a"], ["convert needs IN OUT"]),
    (["cache", "drop"], ["give info or clear"]),
    (["bench"], ["bench needs MODEL"]),
    (["bench", ","], ["no model named"]),
    (["run", "mobilenetv1_025"], ["--input"]),
    (["info", "mobilenetv1_025", "--shape", "1x3x96"], ["NAME=NxCxHxW"]),
    (["info", "mobilenetv1_025", "--plan", "-o", "json"], ["text only"]),
    (["info", "mobilenetv1_025", "-w", "f", "--synthetic", "1"], ["give one of them"]),
])
def test_usage_errors_are_one_line(linnet, args, words):
    r = linnet(*args)
    assert r.status == 2 and not r.out
    r.one_line(*words)


@pytest.mark.parametrize("args,words", [
    (["--precision=int8"], ["--precision int8", "linnet quantize makes"]),
    (["--shape", "1x4x96x96"], ["Nx3xHxW"]),
])
def test_what_is_not_supported_says_so(linnet, args, words):
    r = linnet("bench", "mobilenetv1_025", *args)
    assert r.status == 3 and not r.out
    r.one_line(*words)


@pytest.mark.parametrize("op", ["conv2d", "mqa,mq", "mqa:hybrid_medium_c160"])
def test_op_that_has_no_blocks(linnet, op):
    r = linnet("bench", "--op", op)
    assert r.status == 3 and not r.out
    r.one_line("--op " + op.split(",")[-1], "there are mqa, mhsa, pw, dw, fc,", "all")


def test_layout(linnet, tmp_path):
    r = linnet("run", *MODEL, "--input", "synthetic:1", "--layout", "nhwc")
    assert r.status == 3
    r.one_line("--layout nhwc")
    assert linnet("run", *MODEL, "-d", "ref", "--input", "synthetic:1", "--layout", "nchw").status == 0


def test_what_is_accepted_changes_nothing(linnet):
    plain = linnet("run", *MODEL, "-d", "ref", "--input", "synthetic:1")
    same = linnet("run", *MODEL, "-d", "ref", "--input", "synthetic:1", "--precision", "f32",
                  "--tune", "off", "--wait", "sleep")
    assert same.status == 0 and same.out == plain.out


@pytest.mark.parametrize("wait", ["spin", "yield", "sleep"])
def test_ways_to_wait(linnet, wait):
    r = linnet("run", *MODEL, "--input", "synthetic:1", "--wait", wait, "-o", "csv")
    assert r.status == 0 and r.out.count("\n") == 2


def test_passes(linnet):
    everything = linnet("info", "mobilenetv1_025", "--plan")
    nothing = linnet("info", "mobilenetv1_025", "--plan", "--passes", "none")
    fewer = linnet("info", "mobilenetv1_025", "--plan", "--passes=-fuse_activation")
    assert everything.status == nothing.status == fewer.status == 0
    assert everything.out.count("\n") < fewer.out.count("\n") < nothing.out.count("\n")
    r = linnet("info", "mobilenetv1_025", "--plan", "--passes", "-frob")
    assert r.status == 2
    r.one_line("frob", "fuse_activation")


def test_log_goes_to_a_file(linnet, tmp_path):
    log = tmp_path / "log"
    for _ in range(2):
        assert linnet("info", "mobilenetv1_025", "--plan", "--log", log).status == 0
    text = log.read_text()
    for line in text.splitlines():
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warning|info|debug): ", line)
    r = linnet("info", "mobilenetv1_025", "--log", tmp_path / "no" / "log")
    assert r.status == 5
    r.one_line("cannot write the log")


def test_verbose_and_quiet(linnet, tmp_path):
    args = ["run", *MODEL, "--input", "synthetic:1", "--cache-dir", tmp_path / "c"]
    loud = linnet(*args, "-vv")
    assert loud.status == 0 and "linnet: " in loud.err
    assert linnet(*args, "-q").err == ""


def test_full_disk(linnet):
    for args in (["--help"], ["models"], ["models", "-o", "json"], ["info", "mobilenetv1_025"]):
        with open("/dev/full", "w") as full:
            r = linnet(*args, stdout=full)
        assert r.status == 5
        r.one_line("cannot write")
    r = linnet("models", "--output", "/dev/full")
    assert r.status == 5
    r.one_line("/dev/full", "No space left")


@pytest.mark.parametrize("verb, option", [
    ("bench", "--output"), ("profile", "--output"), ("profile", "--trace"),
    ("profile", "--roofline"), ("tune", "--output"), ("diff", "--output"), ("run", "--output")])
def test_what_cannot_be_written_is_said_before_the_work(linnet, tmp_path, verb, option):
    for place in (tmp_path / "no" / "x", tmp_path):
        r = linnet(verb, "nosuch", option, place)
        assert r.status == 5
        r.one_line(str(place), "cannot write")


def test_output_is_whole_or_not_there(linnet, tmp_path):
    out = tmp_path / "m.json"
    assert linnet("models", "--output", out).status == 0
    assert out.read_text() == linnet("models", "-o", "json").out  # the name chooses the form
    assert list(tmp_path.iterdir()) == [out]
    r = linnet("models", "--output", tmp_path / "no" / "m.json")
    assert r.status == 5
    r.one_line("cannot write")
    r = linnet("info", "nosuch", "--output", tmp_path / "n.json")
    assert r.status == 3 and list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("args", [["--cache-dir", "off", "doctor"], ["--format=json", "models"],
                                  ["-q", "models"], ["-ojson", "models"]])
def test_options_before_the_verb(linnet, args):
    r = linnet(*args)
    assert r.status == 2
    r.one_line(args[0] + ": options follow the verb")


def test_a_dash_is_standard_output(linnet, tmp_path):
    plain = linnet("models", "mobilenetv1*", "-o", "csv")
    r = linnet("models", "mobilenetv1*", "-o", "csv", "--output", tmp_path / "a", "--output", "-",
               cwd=tmp_path)
    assert r.status == 0 and r.out == plain.out and not list(tmp_path.iterdir())
    r = linnet("convert", "in.pth", "-", cwd=tmp_path)
    assert r.status == 2
    r.one_line("give OUT.safetensors")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_half_file(environment, tmp_path, number):
    out = tmp_path / "out"
    out.mkdir()
    # a runner started with nohup would hand down an ignored SIGHUP, and the program keeps it so
    p = subprocess.Popen([LINNET, "classify", *MODEL, "-d", "ref", "-", "--output",
                          str(out / "a.csv")], env=environment, stdin=subprocess.PIPE,
                         preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    for _ in range(600):
        if list(out.iterdir()):
            break
        time.sleep(0.1)
    assert [f.suffix for f in out.iterdir()] == [".tmp"]
    p.send_signal(number)
    assert p.wait(timeout=60) == -number
    p.stdin.close()
    assert not list(out.iterdir())
