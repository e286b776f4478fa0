"""What the tests against LiteRT share: both runtimes as functions from arrays to arrays."""
import os
import pathlib
import subprocess

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

LINNET = os.environ["LINNET"]
RESOLVERS = {"reference": OpResolverType.BUILTIN_REF, "default": OpResolverType.AUTO}


def litert(model, inputs, kernels, threads=2):
    """The outputs, in the file's order; None: the reference kernels lack the operator."""
    try:
        return interpret(model, inputs, kernels, threads)
    except ValueError as reason:
        if kernels == "reference" and "Didn't find op" in str(reason):
            return None
        raise


def interpret(model, inputs, kernels, threads):
    interpreter = Interpreter(model_content=model, num_threads=threads,
                              experimental_op_resolver_type=RESOLVERS[kernels])
    details = interpreter.get_input_details()
    for d, x in zip(details, inputs):
        if list(d["shape"]) != list(x.shape):
            interpreter.resize_tensor_input(d["index"], x.shape)
    interpreter.allocate_tensors()
    for d, x in zip(details, inputs):
        interpreter.set_tensor(d["index"], x)
    interpreter.invoke()
    return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]


@pytest.fixture
def run(tmp_path):
    """run(model, inputs, device) -> outputs by linnet run"""
    calls = []

    def call(model, inputs, device, *options):
        here = tmp_path / str(len(calls))
        calls.append(here)
        (here / "out").mkdir(parents=True)
        path = here / "m.tflite"
        path.write_bytes(model)
        interpreter = Interpreter(model_content=model)
        args = [LINNET, "run", path, "-q", "--output-dir", here / "out", "-d", device, *options]
        for i, (d, x) in enumerate(zip(interpreter.get_input_details(), inputs)):
            np.save(here / ("%d.npy" % i), x)
            args += ["--input", "%s=%s" % (d["name"], here / ("%d.npy" % i))]
        done = subprocess.run([str(a) for a in args], stderr=subprocess.PIPE, timeout=600)
        assert done.returncode == 0, done.stderr.decode()
        return [np.load(here / "out" / (d["name"] + ".npy"))
                for d in interpreter.get_output_details()]

    return call


@pytest.fixture(scope="session")
def data():
    """The folder with models and photographs."""
    folder = os.environ.get("LINNET_TEST_DATA")
    if not folder:
        pytest.skip("LINNET_TEST_DATA is not set")
    return pathlib.Path(folder)
