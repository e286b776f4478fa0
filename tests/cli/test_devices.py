"""devices and doctor, and what every verb says when OpenCL is not there."""
import os
import subprocess

import pytest

from conftest import LINNET, MODEL, NO_LOADER


@pytest.fixture
def no_platform(tmp_path):
    empty = tmp_path / "vendors"
    empty.mkdir()
    return {"OCL_ICD_VENDORS": str(empty)}


def test_devices(linnet):
    rows = linnet("devices", "-o", "json").json
    assert sum(r["chosen"] for r in rows) == 1
    for r in rows:
        assert r["kind"] in ("cpu", "gpu", "other") and r["why"] and r["compute_units"] >= 1
        assert r["max_alloc"] <= r["global_mem"]
    text = linnet("devices").out
    assert text.count("\n* ") + text.startswith("* ") == 1
    for r in rows:
        assert r["name"] in text
    assert len(linnet("devices", "-o", "csv").out.splitlines()) == len(rows) + 1


def test_choice_of_device(linnet):
    first = linnet("devices", "-o", "json").json[0]
    part = first["name"][:12].upper()
    for way in (["-d", "0"], ["-d", part], ["--device=" + first["kind"]]):
        assert linnet("devices", *way, "-o", "json").json[0]["chosen"]
    by_env = linnet("devices", "-o", "json", env={"LINNET_DEVICE": part}).json[0]
    assert by_env["chosen"] and "LINNET_DEVICE" in by_env["why"]
    assert not any(r["chosen"] for r in linnet("devices", "-d", "ref", "-o", "json").json)


def test_dump(linnet, tmp_path):
    record = linnet("devices", "--dump").json
    assert record["name"] == [r for r in linnet("devices", "-o", "json").json if r["chosen"]][0]["name"]
    out = tmp_path / "caps.json"
    assert linnet("devices", "--dump", "--output", out).status == 0
    assert out.read_text() == linnet("devices", "--dump").out
    r = linnet("devices", "--dump", "-d", "ref")
    assert r.status == 3
    r.one_line("C reference")


def test_unknown_device(linnet):
    for args in (["devices"], ["devices", "--dump"], ["diff", *MODEL], ["bench", "mobilenetv1_025"],
                 ["run", *MODEL, "--input", "synthetic:1"], ["info", "mobilenetv1_025", "--plan"]):
        r = linnet(*args, "-d", "nosuchdevice")
        assert r.status == 4 and not r.out
        r.one_line("nosuchdevice", linnet("devices", "-o", "json").json[0]["name"])
    assert linnet("devices", "-d", "99").status == 4
    assert linnet("devices", env={"LINNET_DEVICE": "nosuchdevice"}).status == 4


def test_no_loader(linnet):
    for args in (["devices"], ["diff", *MODEL], ["bench", "mobilenetv1_025"],
                 ["run", *MODEL, "--input", "synthetic:1"]):
        r = linnet(*args, env=NO_LOADER)
        assert r.status == 4 and not r.out
        r.one_line("no OpenCL loader", "/nonexistent/libOpenCL.so", "install")


def test_no_platform(linnet, no_platform):
    for args in (["devices"], ["diff", *MODEL]):
        r = linnet(*args, env=no_platform)
        assert r.status == 4 and not r.out
        r.one_line("install a driver")


def test_reference_needs_no_opencl(linnet):
    r = linnet("run", *MODEL, "-d", "ref", "--input", "synthetic:1", env=NO_LOADER)
    assert r.status == 0 and "1x1000" in r.out
    assert linnet("run", *MODEL, "--input", "synthetic:1",
                  env={**NO_LOADER, "LINNET_DEVICE": "ref"}).out == r.out


def test_doctor(linnet):
    r = linnet("doctor")
    assert r.status == 0
    assert [line.split()[1] for line in r.out.splitlines()] == [
        "loader", "drivers", "device", "compiler", "probe", "cache", "clblast"]
    rows = linnet("doctor", "-o", "json").json
    assert all(set(row) == {"name", "verdict", "detail", "remedy"} for row in rows)
    assert all(row["remedy"] for row in rows if row["verdict"] == "bad")


def test_doctor_without_loader_or_platform(linnet, no_platform):
    for env, name in ((NO_LOADER, "loader"), (no_platform, "drivers")):
        r = linnet("doctor", "-o", "json", env=env)
        assert r.status == 4
        bad = [row for row in r.json if row["verdict"] == "bad"]
        assert [row["name"] for row in bad] == [name]
        assert "install" in bad[0]["remedy"]


def test_doctor_on_a_device_that_is_not_there(linnet):
    r = linnet("doctor", "-d", "nosuchdevice", "-o", "json")
    assert r.status == 4
    assert [row["name"] for row in r.json if row["verdict"] == "bad"] == ["device"]
    assert linnet("doctor", "-d", "ref").status == 0


def test_doctor_and_the_cache(linnet, tmp_path):
    plain = tmp_path / "file"
    plain.write_text("")
    r = linnet("doctor", "--cache-dir", plain, "-o", "json")
    assert r.status == 4
    cache = [row for row in r.json if row["name"] == "cache"][0]
    assert cache["verdict"] == "bad" and cache["remedy"]
    off = [row for row in linnet("doctor", "--cache-dir", "off", "-o", "json").json
           if row["name"] == "cache"][0]
    assert off["verdict"] == "note" and "off" in off["detail"]
    new = tmp_path / "a" / "b"
    assert linnet("doctor", "--cache-dir", new).status == 0
    assert not (new / ".doctor").exists()


def test_second_start_builds_nothing(linnet, tmp_path):
    args = ["run", *MODEL, "--input", "synthetic:1", "--cache-dir", tmp_path / "c"]
    assert linnet(*args).status == 0
    programs = list((tmp_path / "c" / "programs").iterdir())
    assert programs
    stamps = {p: p.stat().st_mtime_ns for p in programs}
    assert linnet(*args).status == 0
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "c" / "programs").iterdir()} == stamps


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_a_driver_without_a_device(environment, tmp_path):
    """PoCL offers none when its cache cannot be written."""
    env = dict(environment, HOME="/nonexistent")
    for name in ("POCL_CACHE_DIR", "XDG_CACHE_HOME"):
        env.pop(name, None)

    def nobody():
        os.setgid(65534)
        os.setuid(65534)

    for verb in ("devices", "doctor"):
        done = subprocess.run([LINNET, verb], env=env, preexec_fn=nobody, cwd="/",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True)
        if "Portable Computing Language" not in done.stdout:
            pytest.skip("this machine's drivers do without a cache: " + done.stdout)
        assert done.returncode == 4
        assert "is installed but offers no device; set POCL_CACHE_DIR (or HOME)" in done.stdout
