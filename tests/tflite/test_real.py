"""The trained files of $LINNET_TEST_DATA on its photographs, against LiteRT."""
import os
import subprocess

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from conftest import LINNET, litert

CLASSIFIERS = ["mobilenet_v1_0.25_128_quant", "mobilenet_v2_1.0_224_quant",
               "tf2_mobilenet_v2_1.0_224_ptq", "mobilenet_edgetpu_224_1.0_uint8"]
SEGMENTER = "deeplabv3_mnv2_dm05_pascal_quant"


def photograph(path, height, width):
    """The nearest pixels of a crop."""
    parts = path.read_bytes().split(b"\n", 3)
    w, h = map(int, parts[1].split())
    x = np.frombuffer(parts[3], np.uint8).reshape(h, w, 3)
    return x[np.arange(height) * h // height][:, np.arange(width) * w // width][None]


def photographs(data, model, dtype):
    d = Interpreter(model_content=model).get_input_details()[0]
    assert d["dtype"] == dtype
    paths = sorted((data / "images" / "crops").glob("*.ppm"))
    assert len(paths) >= 8
    return paths, [photograph(p, *d["shape"][1:3]) for p in paths]


def runs(tmp_path, model, pictures, device):
    """One run over all of them, as a batch."""
    np.save(tmp_path / "x.npy", np.concatenate(pictures))
    subprocess.run([LINNET, "run", str(model), "--input", str(tmp_path / "x.npy"), "--output",
                    str(tmp_path / "y.npy"), "-b", str(len(pictures)), "-d", device, "-q"],
                   check=True, timeout=1200)
    return np.load(tmp_path / "y.npy")


@pytest.mark.parametrize("device", ["ref", "cpu"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifier(name, device, data, tmp_path):
    """Probabilities within a step of the reference kernels but for one in a thousand, and none more
    than two away. The first class is LiteRT's, where its two sets of kernels agree on one."""
    path = data / "models" / (name + ".tflite")
    model = path.read_bytes()
    names, pictures = photographs(data, model, np.uint8)
    ours = runs(tmp_path, path, pictures, device)
    assert ours.dtype == np.uint8
    for photo, x, y in zip(names, pictures, ours):
        reference, default = (litert(model, [x], k)[0][0] for k in ("reference", "default"))
        steps = np.abs(y.astype(int) - reference.astype(int))
        assert np.mean(steps > 1) <= 1e-3, photo
        assert np.max(steps) <= 2, photo
        assert np.argmax(y) == np.argmax(reference), photo
        if np.argmax(default) == np.argmax(reference):
            assert np.argmax(y) == np.argmax(default), photo


@pytest.mark.parametrize("device", ["ref", "cpu"])
def test_segmenter(device, data, tmp_path):
    """The class of each pixel, but for one in a thousand. LiteRT's own two sets of kernels differ on
    3 % of a picture's."""
    path = data / "models" / (SEGMENTER + ".tflite")
    model = path.read_bytes()
    names, pictures = photographs(data, model, np.uint8)
    some = range(0, len(names), 4)
    ours = runs(tmp_path, path, [pictures[i] for i in some], device)
    for i, y in zip(some, ours):
        theirs = litert(model, [pictures[i]], "reference")[0][0]
        assert y.shape == theirs.shape and np.mean(y != theirs) <= 1e-3, names[i]


def test_classify_verb(data):
    """Pictures from their files: cats, an owl, a parrot by name."""
    model = data / "models" / "mobilenet_v2_1.0_224_quant.tflite"
    photos = {"cat_720p.jpg": "cat", "hot_dog.jpg": "hotdog", "parrot.jpg": "macaw"}
    done = subprocess.run([LINNET, "classify", str(model), "-o", "csv", "-q", "-d", "ref", "-k", "1",
                           *(str(data / "images" / p) for p in photos)], check=True,
                          stdout=subprocess.PIPE, env=dict(os.environ), timeout=600)
    lines = done.stdout.decode().splitlines()[1:]
    assert len(lines) == len(photos)
    for line, label in zip(lines, photos.values()):
        assert label in line, line
