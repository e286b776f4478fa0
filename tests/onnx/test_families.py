"""An imported file makes the plan of the built-in family and gives its answer, however the exporter
spelled it."""
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINNET = os.environ.get("LINNET", str(ROOT / "build" / "linnet"))
numpy = pytest.importorskip("numpy")
pytest.importorskip("onnx", reason="no Python module onnx; ./dev setup installs it")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import spelling  # noqa: E402

NETWORKS = [("mobilenetv1_025", 64), ("mobilenetv2_035", 64), ("mobilenetv3_small_100", 64),
            ("tf_mobilenetv3_large_075", 64), ("mobilenetv4_conv_small", 64),
            ("mobilenetv4_hybrid_medium", 128), ("tf_efficientnet_b0", 64),
            ("mobilenet_edgetpu_100", 64), ("mnasnet_100", 64), ("shufflenetv1_1.0x_g3", 64),
            ("tv_shufflenet_v2_x0_5", 64), ("mobilevit_xxs", 128),
            ("mobilevitv3_xxs", 128), ("nasnetamobile", 64), ("tv_vgg16", 32)]
SPELLINGS = {"parts": spelling.Torch13, "operators": spelling.Torch17}


def linnet(*args):
    done = subprocess.run([LINNET, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def plan(*args):
    """Steps, shapes, groups, places and variants, without what they are called."""
    lines = linnet("info", *args, "--plan").splitlines()
    rows = [re.sub(r"^( *\d+)  \S+ ", r"\1 ", line).split() for line in lines]
    return rows[1:]


def answer(folder, *args):
    linnet("run", *args, "--input", "synthetic:1", "--output", folder / "y.npy", "-q")
    return numpy.load(folder / "y.npy")


@pytest.fixture(scope="module", params=NETWORKS, ids=lambda n: n[0])
def network(request, tmp_path_factory):
    name, size = request.param
    folder = tmp_path_factory.mktemp("family")
    family = (name, "--size", size, "--synthetic", 1)
    linnet("info", *family, "--graph", folder / "g.safetensors", "-q")
    yield folder, plan(*family), answer(folder, *family)
    (folder / "g.safetensors").unlink()


@pytest.mark.parametrize("spelled", SPELLINGS)
def test_same_plan_and_answer(network, spelled):
    folder, want, y = network
    path = folder / (spelled + ".onnx")
    spelling.save(SPELLINGS[spelled], folder / "g.safetensors", path)
    assert plan(path) == want
    error = numpy.abs(answer(folder, path).astype(numpy.float64) - y).max() / y.std()
    path.unlink()
    assert error < 2e-5
