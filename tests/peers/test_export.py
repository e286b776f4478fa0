"""The exporters of bench/peers, where ./dev bench --peers has made their environment."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-peers" / "bin" / "python"


def check(*args):
    if not (ROOT / ".venv-peers" / "pins.json").exists():
        pytest.skip("no .venv-peers with onnxruntime and LiteRT; ./dev bench --peers makes it")
    if subprocess.run([str(PYTHON), "-c", "import onnxruntime, ai_edge_litert, onnx"],
                      capture_output=True).returncode:
        pytest.skip(".venv-peers lacks onnx, onnxruntime or LiteRT for this Python")
    done = subprocess.run([str(PYTHON), str(ROOT / "tests" / "peers" / "check_export.py"), *args],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


# Plain, squeezed and excited with hard activations and with swish, attention, SAME padding, shuffled.
@pytest.mark.parametrize("name,size", [
    ("mobilenetv1_025", "64"), ("mobilenetv3_small_100", "64"), ("efficientnet_b0", "64"),
    ("mobilenetv4_hybrid_medium", "128"), ("tf_efficientnet_lite0", "72"),
    ("tv_shufflenet_v2_x0_5", "64"), ("shufflenetv1_1.0x_g3", "64")])
def test_network(name, size):
    check("network", name, size)


def test_ops():
    check("ops")


def test_input():
    check("input")
