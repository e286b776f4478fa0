"""The library as others see it: symbols, header, pkg-config, the example of the README."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import LINNET, ROOT, ppm

BUILD = pathlib.Path(LINNET).resolve().parent
LIBRARY = BUILD / "api" / "liblinnet.so"
CC = os.environ.get("CC", "cc").split()
CXX = os.environ.get("CXX", "c++").split()


def command(*args, **kwargs):
    done = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True, **kwargs)
    assert done.returncode == 0, done.stderr
    return done.stdout


def declared():
    text = "".join((ROOT / "include/linnet" / h).read_text() for h in ("linnet.h", "opencl.h"))
    return set(re.findall(r"LINNET_API [\w ]*?\*?(linnet_\w+)\(", text))


def test_only_linnet_symbols_leave():
    names = {line.split()[-1].split("@")[0] for line in
             command("nm", "-D", "--defined-only", LIBRARY).splitlines()}
    ours = {n for n in names if not n.startswith(("__asan", "__ubsan", "__tsan", "__sanitizer", "__gcov",
                                                  "_init", "_fini", "__odr_asan"))}
    assert ours == declared() and len(ours) > 40


def test_everything_the_program_calls_is_public():
    names = {line.split()[-1] for line in
             command("nm", "-D", "--undefined-only", LINNET).splitlines()}
    assert not {n for n in names if n.startswith("ln_")}
    assert {n.split("@")[0] for n in names if n.startswith("linnet_")} <= declared()


def test_soname_is_the_header_s():
    header = (ROOT / "include/linnet/linnet.h").read_text()
    major = re.search(r"LINNET_VERSION_MAJOR (\d+)", header).group(1)
    assert "liblinnet.so." + major + "]" in command("readelf", "-d", LIBRARY)


def test_opencl_is_not_linked():
    needed = command("readelf", "-d", LIBRARY)
    assert "OpenCL" not in needed and "clblast" not in needed


def test_probe_is_found_wherever_the_library_goes(linnet, tmp_path):
    folder, libexec = tmp_path / "lib" / "machine", tmp_path / "libexec"
    folder.mkdir(parents=True)
    libexec.mkdir()
    shutil.copy(LINNET, folder / "moved")
    for file in LIBRARY.parent.glob("liblinnet.so.?"):
        shutil.copy(file, folder)
    env = {k: v for k, v in os.environ.items() if k != "LINNET_PROBE"}
    env.update(LD_LIBRARY_PATH=str(folder), XDG_CACHE_HOME=str(tmp_path / "cache"))

    def run(*args):
        return subprocess.run([str(folder / "moved"), *args], env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, universal_newlines=True)

    def check():
        rows = json.loads(run("doctor", "-o", "json").stdout)
        return [row for row in rows if row["name"] == "probe"][0]

    missing = check()
    if missing["verdict"] == "ok":
        assert missing["detail"].endswith("/libexec/linnet-probe")  # one is installed here
    else:
        assert missing["verdict"] == "note" and "LINNET_PROBE" in missing["remedy"]
        lines = run("devices", "--dump").stderr.splitlines()
        assert [line for line in lines if "no linnet-probe program" in line] == lines != []
    for place in (libexec, folder):
        shutil.copy(BUILD / "host" / "linnet-probe", place)
        assert pathlib.Path(check()["detail"]).resolve() == place / "linnet-probe"
    r = run("devices", "--dump")
    assert not r.stderr and "barrier" in json.loads(r.stdout)["features"]


PARAMS = """
linnet_model_params model(void);
linnet_model_params model(void) { linnet_model_params p = LINNET_MODEL_PARAMS_INIT; return p; }
linnet_session_params session(void);
linnet_session_params session(void) { linnet_session_params p = LINNET_SESSION_PARAMS_INIT; return p; }
"""


@pytest.mark.parametrize("header", ["linnet.h", "opencl.h", "status.h"])
def test_headers_compile_alone(tmp_path, header):
    source = tmp_path / "alone.c"
    source.write_text("#include <linnet/%s>\nint main(void) { return LINNET_OK; }\n" % header
                      + PARAMS * (header == "linnet.h"))
    flags = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-I", ROOT / "include", "-fsyntax-only"]
    command(*CC, "-std=c11", "-Wstrict-prototypes", *flags, source)
    if not shutil.which(CXX[0]):
        pytest.skip("no C++ compiler (%s)" % CXX[0])
    command(*CXX, "-x", "c++", "-std=c++17", *flags, source)


def sanitizers():
    """A library with sanitizers needs a program with them."""
    names = command("nm", "-D", "--undefined-only", LIBRARY)
    if "__asan_init" in names:
        return ["-fsanitize=address,undefined"]
    return ["-fsanitize=thread"] if "__tsan_init" in names else []


def test_example(linnet, environment, weights, tmp_path):
    source = ROOT / "examples" / "classify.c"
    program, model = tmp_path / "classify", tmp_path / "m.safetensors"
    env = dict(environment, PKG_CONFIG_PATH=str(BUILD / "meson-private"))
    flags = subprocess.run(["pkg-config", "--cflags", "--libs",
                            "--define-variable=libdir=%s" % LIBRARY.parent,
                            "--define-variable=includedir=%s" % (ROOT / "include"), "linnet"], env=env,
                           stdout=subprocess.PIPE, universal_newlines=True).stdout.split()
    assert "-llinnet" in " ".join(flags) or "liblinnet" in " ".join(flags)
    command(*CC, "-std=c11", "-Wall", "-Wextra", "-Werror", "-g", source, "-o", program, *flags,
            *sanitizers())
    labels = tmp_path / "labels.txt"
    labels.write_text("".join("label %d\n" % i for i in range(1000)))
    assert linnet("convert", weights, model, "--arch", "mobilenetv1_025", "--labels", labels).status == 0
    picture = tmp_path / "a.ppm"
    picture.write_bytes(ppm(20, 20, 1))
    env = dict(environment, LD_LIBRARY_PATH=str(BUILD / "api"))
    done = subprocess.run([program, model, picture], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 0, done.stderr
    top = linnet("classify", model, picture, "-o", "json").json[0]["top"]
    assert done.stdout.splitlines() == ["%.4f  %d  %s" % (t["probability"], t["class"], t["label"])
                                        for t in top]
    assert linnet("convert", weights, model, "--arch", "mobilenetv1_025").status == 0
    bare = subprocess.run([program, model, picture], env=env, stdout=subprocess.PIPE,
                          universal_newlines=True)
    assert bare.stdout.splitlines() == ["%.4f  %d  " % (t["probability"], t["class"]) for t in top]
    for args in ([model, tmp_path / "none.ppm"], ["nosuch", picture], []):
        bad = subprocess.run([program, *args], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert bad.returncode == 1 and bad.stderr and not bad.stdout


@pytest.mark.skipif(not (ROOT / "README.md").exists(), reason="README.md is not there")
def test_readme_shows_the_example():
    source = (ROOT / "examples" / "classify.c").read_text()
    assert len(source.splitlines()) <= 25
    blocks = re.findall(r"```c\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert source in blocks


def test_pkg_config_asks_for_nothing_else():
    flags = subprocess.run(["pkg-config", "--cflags", "linnet"], stdout=subprocess.PIPE,
                           env=dict(os.environ, PKG_CONFIG_PATH=str(BUILD / "meson-private")),
                           universal_newlines=True)
    assert flags.returncode == 0 and "cjson" not in flags.stdout
