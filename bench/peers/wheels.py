"""The virtual environment of the peers: pinned wheels, each peer's absence a reason and no more."""
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / ".venv-peers"
PYTHON = FOLDER / "bin" / "python"
COMMON = ["numpy==2.4.6", "onnx==1.23.2"]  # what the exporters need


class Missing(Exception):
    """One line that says what is missing and what to do."""


def say(text):
    print("peers: " + text, file=sys.stderr, flush=True)


def base_python():
    """A Python that can make virtual environments; 3.11 first, for which every pin has a wheel."""
    for name in ("python3.11", sys.executable, "python3"):
        path = shutil.which(name)
        if path and subprocess.run([path, "-c", "import venv, ensurepip"],
                                   stderr=subprocess.DEVNULL).returncode == 0:
            return path
    raise Missing("no Python with venv here; install python3-venv and run again")


def install(pin):
    """None, or why the wheel is not to be had."""
    done = subprocess.run([str(PYTHON), "-m", "pip", "install", "-q", "--only-binary=:all:",
                           "--disable-pip-version-check", *shlex.split(pin)], cwd=ROOT,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if not done.returncode:
        return None
    lines = done.stdout.decode(errors="replace").strip().splitlines() or ["no message"]
    return "pip install %s: %s" % (pin, next((t for t in lines if "ERROR" in t), lines[-1]))


def make(adapters):
    """Installs what is not there yet. Returns {adapter: reason} of those that cannot run."""
    stamp = FOLDER / "pins.json"
    have = json.loads(stamp.read_text()) if stamp.exists() else []
    if not PYTHON.exists():
        python = base_python()
        say("making %s" % FOLDER.relative_to(ROOT))
        if subprocess.run([python, "-m", "venv", str(FOLDER)]).returncode:
            raise Missing("'%s -m venv %s' failed" % (python, FOLDER))
    failed, skipped = {}, {}
    pins = [(None, pin) for pin in COMMON]
    pins += [(name, pin) for name, adapter in adapters.items() for pin in adapter.PINS]
    for name, pin in pins:
        if pin not in have and pin not in failed:
            say("pip install " + pin)
            reason = install(pin)
            if reason:
                failed[pin] = reason
            else:
                have.append(pin)
                stamp.write_text(json.dumps(have) + "\n")
        if pin in failed:
            if name is None:
                raise Missing(failed[pin])
            skipped[name] = failed[pin]
    return skipped


def environment(adapter, threads):
    """For a process of that adapter: no user site, threads pinned for libraries that ask for them."""
    env = dict(os.environ, PYTHONNOUSERSITE="1", OMP_NUM_THREADS=str(threads))
    env.update({k: v.format(threads=threads) for k, v in getattr(adapter, "ENV", {}).items()})
    return env
