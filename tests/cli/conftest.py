"""What the tests of the command line share. LINNET names the program; everything else is made
here: pictures by hand, a cache of its own."""
import json
import os
import pathlib
import random
import struct
import subprocess
import zlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINNET = os.environ.get("LINNET", str(ROOT / "build" / "linnet"))
MODEL = ["mobilenetv1_025", "--synthetic", "1", "--size", "96"]


class Result:
    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def one_line(self, *words):
        """One line on standard error, with these words in it."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("linnet: "), self.err
        for word in words:
            assert word in lines[0], self.err
        return lines[0]


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    env = dict(os.environ)
    base = tmp_path_factory.mktemp("home")
    env.setdefault("XDG_CACHE_HOME", str(base / "cache"))
    env.setdefault("POCL_CACHE_DIR", str(base / "pocl"))
    for name in ("LINNET_DEVICE", "LINNET_DISABLE", "LINNET_OPENCL"):
        env.pop(name, None)
    return env


@pytest.fixture(scope="session")
def linnet(environment):
    """linnet("verb", ..., env={...}, stdin="...") -> Result"""

    def call(*args, env=None, stdin=None, stdout=subprocess.PIPE, cwd=None, timeout=300, **kwargs):
        full = dict(environment)
        for name, value in (env or {}).items():
            full.pop(name, None)
            if value is not None:
                full[name] = value
        done = subprocess.run([LINNET] + [str(a) for a in args], env=full, input=stdin,
                              stdout=stdout, stderr=subprocess.PIPE, cwd=cwd, timeout=timeout,
                              universal_newlines=True, **kwargs)
        return Result(done)

    return call


NO_LOADER = {"LINNET_OPENCL": "/nonexistent/libOpenCL.so"}


def ppm(width, height, seed):
    """A picture that differs with its seed: a colour, a gradient, noise."""
    rng = random.Random(seed)
    r, g, b = (rng.randrange(256) for _ in range(3))
    rows = bytearray()
    for y in range(height):
        for x in range(width):
            rows += bytes(((r + 9 * x) % 256, (g + 7 * y) % 256, (b + rng.randrange(40)) % 256))
    return b"P6\n%d %d\n255\n" % (width, height) + bytes(rows)


def bmp(width, height, seed):
    pixels = ppm(width, height, seed).split(b"255\n", 1)[1]
    stride = (3 * width + 3) // 4 * 4
    rows = bytearray()
    for y in reversed(range(height)):
        row = bytearray(pixels[3 * width * y:3 * width * (y + 1)])
        row[0::3], row[2::3] = row[2::3], row[0::3]
        rows += row + bytes(stride - 3 * width)
    head = struct.pack("<2sIHHI", b"BM", 54 + len(rows), 0, 0, 54)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(rows), 2835, 2835, 0, 0)
    return head + info + bytes(rows)


def png(width, height, seed):
    pixels = ppm(width, height, seed).split(b"255\n", 1)[1]
    raw = b"".join(b"\0" + pixels[3 * width * y:3 * width * (y + 1)] for y in range(height))

    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


JPEG_START = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffdb0043000302020302020303")


def npy(shape, values, descr="<f4", code="f", order="False", version=1):
    """A .npy file as numpy writes it."""
    text = "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }" % (descr, order, tuple(shape))
    size = 10 if version == 1 else 12
    text += " " * (-(size + len(text) + 1) % 64) + "\n"
    head = b"\x93NUMPY" + bytes([version, 0])
    head += struct.pack("<H" if version == 1 else "<I", len(text))
    return head + text.encode() + struct.pack("<%d%s" % (len(values), code), *values)


def read_npy(path):
    data = pathlib.Path(path).read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00"
    length = struct.unpack("<H", data[8:10])[0]
    assert (10 + length) % 64 == 0 and data[9 + length:10 + length] == b"\n"
    head = eval(data[10:10 + length], {"__builtins__": {}})  # a literal of our own
    assert head["descr"] == "<f4" and head["fortran_order"] is False
    body = data[10 + length:]
    return head["shape"], struct.unpack("<%df" % (len(body) // 4), body)


@pytest.fixture(scope="session")
def weights(linnet, tmp_path_factory):
    """A .safetensors file with every tensor of mobilenetv1_025, from what info says of it."""
    layers = linnet("info", "mobilenetv1_025", "-o", "json").json["layers"]
    tensors, channels, rng = [], 3, random.Random(3)
    for layer in layers:
        name, out = layer["name"], layer["shape"][-1]
        if layer["op"] == "conv2d":
            depthwise = layer["params"] == 9 * out and channels == out
            shape = [out, 1 if depthwise else channels, *([3, 3] if layer["params"] % 9 == 0 and
                     (depthwise or channels == 3) else [1, 1])]
            tensors.append((name + ".weight", shape, 0.3))
            channels = out
        elif layer["op"] == "batch_norm":
            tensors += [(name + "." + leaf, [out], 0.5)
                        for leaf in ("weight", "bias", "running_mean", "running_var")]
        elif layer["op"] == "fc":
            tensors += [(name + ".weight", [out, channels], 0.1), (name + ".bias", [out], 0.1)]
    header, body = {}, bytearray()
    for name, shape, scale in tensors:
        count = 1
        for d in shape:
            count *= d
        low = 0.5 if name.endswith("running_var") else -scale
        values = [rng.uniform(low, scale + 0.5) for _ in range(count)]
        begin = len(body)
        body += struct.pack("<%df" % count, *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(body)]}
    text = json.dumps(header).encode()
    path = tmp_path_factory.mktemp("weights") / "v1.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(body))
    return path
