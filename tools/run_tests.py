#!/usr/bin/env python3
"""Runs the test steps and ends with one line, `N passed, N failed[, N skipped]`.

A step is a Meson suite or one of the rows in STEPS below. Numbers are cases: what Check and
pytest count inside a test program, or one for a program that counts nothing.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import fetch
import lint

ROOT = pathlib.Path(__file__).resolve().parent.parent
SUITES = ["unit", "kernels", "models", "importers", "cli"]

# Intel's CPU runtime; its licence is its own, and nothing depends on it.
INTEL = ["intel-opencl-rt==2026.2.0", "intel-cmplr-lib-rt==2026.2.0"]

CHECK = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", re.M)
PYTEST = re.compile(r"^=*\s*((?:\d+ \w+(?:, )?)+) in [\d.]+s", re.M)
PYTEST_SKIP = re.compile(r"^SKIPPED \[\d+\] (.*)$", re.M)
SKIP = re.compile(r"^skip(?:ped)?: (.*)$", re.M)


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.bad, self.reasons = [], []

    def add(self, name, passed=0, failed=0, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        if failed:
            self.bad.append(name)

    def skip(self, name, reason):
        self.skipped += 1
        self.reasons.append("%s: %s" % (name, reason))


def say(text):
    print(text, flush=True)


def count(step, record, tally):
    """Adds one record of Meson's testlog.json to the tally."""
    name = "%s %s" % (step, record["name"].split(" / ")[-1])
    text = (record.get("stdout") or "") + "\n" + (record.get("stderr") or "")
    ok = record["result"] in ("OK", "EXPECTEDFAIL")
    cases = [tuple(map(int, m)) for m in CHECK.findall(text)]
    passed = sum(n - f - e for n, f, e in cases)
    failed = sum(f + e for n, f, e in cases)
    skipped = 0
    for summary in PYTEST.findall(text):
        words = dict((w, int(n)) for n, w in re.findall(r"(\d+) (\w+)", summary))
        passed += words.get("passed", 0)
        failed += words.get("failed", 0) + words.get("error", 0) + words.get("errors", 0)
        skipped += words.get("skipped", 0)
    for reason in PYTEST_SKIP.findall(text):
        tally.reasons.append("%s: %s" % (name, reason))
    for reason in SKIP.findall(text):
        tally.reasons.append("%s: %s" % (name, reason))
        skipped += 1
    if record["result"] == "SKIP":
        tally.skip(name, "the test said so")
        return
    if passed + failed == 0:
        passed = int(ok)
    if not ok:
        failed = max(failed, 1)
    tally.add(name, passed, failed, skipped)


def meson_test(step, tally, build, suites, env=None, extra=(), check=None):
    """Runs suites of a build folder; check(record) returns a complaint or None."""
    log = ROOT / build / "meson-logs" / "testlog.json"
    if log.exists():
        log.unlink()
    command = ["meson", "test", "-C", build, "--no-rebuild", "--print-errorlogs", *extra]
    for suite in suites:
        command += ["--suite", suite]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL,
                          env=dict(os.environ, **(env or {})))
    records = []
    if log.exists():
        records = [json.loads(line) for line in log.read_text().splitlines() if line.strip()]
    if not records:
        if done.returncode:
            tally.add(step, failed=1)
        else:
            tally.skip(step, "no tests of suites " + " ".join(suites))
        return
    for record in records:
        complaint = check(record) if check else None
        if complaint:
            say("%s: %s: %s" % (step, record["name"], complaint))
            record["result"] = "FAIL"
        count(step, record, tally)


def build_variant(step, folder, options, tally):
    """Configures once and builds a second build folder; False when that failed."""
    werror = os.environ.get("LINNET_WERROR", "false")
    commands = [["ninja", "-C", folder]]
    if not (ROOT / folder / "build.ninja").exists():
        commands.insert(0, ["meson", "setup", folder, "-Dwerror=" + werror, *options])
    for command in commands:
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            say("\n".join(done.stdout.decode(errors="replace").splitlines()[-60:]))
            tally.add(step + " build", failed=1)
            return False
    return True


def vendors(step, library, tally, private):
    """A folder for OCL_ICD_VENDORS that names one driver; None (and a skip) when it is absent."""
    if not library:
        tally.skip(step, "the driver is not installed")
        return None
    folder = pathlib.Path(private) / (step + "-icd")
    folder.mkdir(exist_ok=True)
    (folder / (step + ".icd")).write_text("%s\n" % library)
    return str(folder)


def platform_is(step, word, env, tally):
    """The tests below mean nothing on another platform than the one they were started for."""
    if not (ROOT / "build" / "linnet").exists():
        tally.skip(step, "there is no build/linnet")
        return False
    done = subprocess.run(["build/linnet", "devices"], cwd=ROOT, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=dict(os.environ, **env))
    text = done.stdout.decode(errors="replace")
    ok = done.returncode == 0 and word in text
    if not ok:
        say("%s: the platform is not %s:\n%s" % (step, word, text.rstrip()))
    tally.add(step + " platform", int(ok), int(not ok))
    return ok


# --- steps --------------------------------------------------------------------------------------

def step_lint(tally, ctx):
    def report(name, state, seconds, text):
        if state == "skipped":
            tally.skip("lint " + name, text)
        else:
            if text.strip():
                say(text.rstrip())
            tally.add("lint " + name, int(state == "passed"), int(state == "failed"))
        say("lint: %-14s %s (%.1f s)" % (name, state, seconds))
    lint.run(report)


def step_asan(tally, ctx):
    if not build_variant("asan", "build-asan", [
            "--buildtype=debugoptimized", "-Db_sanitize=address,undefined", "-Db_lundef=false"],
            tally):
        return
    meson_test("asan", tally, "build-asan", ["unit", "importers", "asan"], None,
               ["-t", "4"] + ctx.meson)


def step_tsan(tally, ctx):
    if not build_variant("tsan", "build-tsan", [
            "--buildtype=debugoptimized", "-Db_sanitize=thread", "-Db_lundef=false"], tally):
        return
    meson_test("tsan", tally, "build-tsan", ["tsan"], None, ["-t", "4"])


def step_oclgrind(tally, ctx):
    found = sorted(pathlib.Path("/usr").glob("lib*/oclgrind/*-icd.so"))
    folder = vendors("oclgrind", found and found[0], tally, ctx.private)
    if not folder:
        return
    env = {"OCL_ICD_VENDORS": folder, "OCLGRIND_DATA_RACES": "1", "OCLGRIND_CHECK_API": "1",
           "LINNET_TEST_SMALL": "1"}

    def check(record):
        text = (record.get("stdout") or "") + (record.get("stderr") or "")
        found = re.search(r"^(Invalid (?:read|write) .*|.*data race.*|Work-group divergence.*)$",
                          text, re.M)
        return found and found.group(0)
    if platform_is("oclgrind", "Oclgrind", env, tally):
        meson_test("oclgrind", tally, "build", ["oclgrind"], env, ["-t", "10"], check)


def intel_driver():
    """The path of Intel's CPU runtime in .venv-intel, installed on first use; raises OSError."""
    venv = ROOT / ".venv-intel"

    def find():
        return sorted(venv.glob("lib/libintelocl.so")) + sorted(
            venv.glob("lib/python*/site-packages/**/libintelocl.so"))
    if not find():
        say("intel: pip install %s, into .venv-intel" % " ".join(INTEL))
        for command in ([sys.executable, "-m", "venv", str(venv)],
                        [str(venv / "bin" / "pip"), "install", "-q",
                         *INTEL]):
            if subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL).returncode:
                raise OSError("'%s' failed" % " ".join(command[1:]))
    return find()[0]


def step_intel(tally, ctx):
    try:
        driver = intel_driver()
    except OSError as reason:
        tally.skip("intel", str(reason))
        return
    folder = vendors("intel", driver, tally, ctx.private)
    env = {"OCL_ICD_VENDORS": folder}
    if platform_is("intel", "Intel", env, tally):
        suites = [s for s in ctx.suites if s in ("kernels", "models")] or ["kernels", "models"]
        meson_test("intel", tally, "build", suites, env, ctx.meson)


STEPS = {"lint": step_lint, "asan": step_asan, "oclgrind": step_oclgrind, "tsan": step_tsan}


def trained_weights():
    """Names the trained Lite0 to the tests that want it; offline they skip and say so."""
    if "LINNET_TEST_WEIGHTS" in os.environ or not (ROOT / "build" / "linnet").exists():
        return
    try:
        os.environ["LINNET_TEST_WEIGHTS"] = str(fetch.lite0())
    except fetch.FetchError as reason:
        say("no trained weights: %s" % reason)


def main():
    parser = argparse.ArgumentParser(prog="./dev test")
    parser.add_argument("--all", action="store_true", help="the slow tests too")
    parser.add_argument("--device", choices=["intel"], help="kernels and models on that driver")
    parser.add_argument("steps", nargs="*", help="of: %s" % " ".join(SUITES + list(STEPS)))
    args = parser.parse_args()
    unknown = [s for s in args.steps if s not in SUITES and s not in STEPS]
    if unknown:
        parser.error("no step '%s'; there are: %s" % (unknown[0], " ".join(SUITES + list(STEPS))))

    # Folders of test data beside the checkout are found without being named.
    shared = ROOT.parent / "shared"
    if "LINNET_TEST_DATA" not in os.environ and (shared / "images").is_dir():
        os.environ["LINNET_TEST_DATA"] = str(shared)
    os.environ["LINNET_TEST_ALL"] = "1" if args.all else ""

    tally = Tally()
    chosen = args.steps or SUITES + list(STEPS)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="linnet-test-") as private:
        ctx = argparse.Namespace(private=private, suites=[s for s in SUITES if s in chosen],
                                 meson=[] if args.all else ["--no-suite", "slow"])
        if "models" in ctx.suites:
            trained_weights()
        if args.device == "intel":
            step_intel(tally, ctx)
        else:
            if ctx.suites:
                meson_test("tests", tally, "build", ctx.suites, None, ctx.meson)
            for name, step in STEPS.items():
                if name in chosen:
                    began = time.monotonic()
                    say("== %s" % name)
                    step(tally, ctx)
                    say("== %s: %.0f s" % (name, time.monotonic() - began))

    for reason in tally.reasons:
        say("skipped: " + reason)
    for name in tally.bad:
        say("failed: " + name)
    say("took %.0f s" % (time.monotonic() - start))
    end = "%d passed, %d failed" % (tally.passed, tally.failed)
    say(end + (", %d skipped" % tally.skipped if tally.skipped else ""))
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
