#!/usr/bin/env python3
"""seeds.py OUT: small valid files of every format that Linnet reads, for the fuzz targets.

Writes OUT/KIND/NAME and prints nothing. Pictures come from Pillow; weight files are put together
here, the PyTorch ones with stand-ins for the few names that a checkpoint mentions.
"""
import collections
import io
import json
import pathlib
import pickle
import struct
import sys
import types
import zipfile

from PIL import Image


def ramp(mode, size=(13, 9)):
    bands = len(Image.new(mode, (1, 1)).getbands())
    data = bytes((x * 17 + y * 29 + b * 71) % 256 for y in range(size[1]) for x in range(size[0])
                 for b in range(bands))
    return Image.frombytes(mode, size, data)


def pictures():
    def encode(image, fmt, **options):
        out = io.BytesIO()
        image.save(out, fmt, **options)
        return out.getvalue()
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "rgb.jpg", encode(ramp("RGB"), "JPEG", exif=exif.tobytes())
    yield "grey.jpg", encode(ramp("L"), "JPEG", progressive=True)
    yield "cmyk.jpg", encode(ramp("CMYK"), "JPEG")
    yield "rgb.png", encode(ramp("RGB"), "PNG")
    yield "alpha.png", encode(ramp("RGBA"), "PNG")
    yield "palette.png", encode(ramp("RGB").quantize(7), "PNG", transparency=2)
    yield "one.png", encode(ramp("L").convert("1"), "PNG")
    yield "deep.png", encode(Image.new("I;16", (5, 4), 40000), "PNG")
    yield "lossy.webp", encode(ramp("RGB"), "WEBP")
    yield "lossless.webp", encode(ramp("RGBA"), "WEBP", lossless=True)
    yield "rgb.bmp", encode(ramp("RGB"), "BMP")
    yield "palette.bmp", encode(ramp("RGB").quantize(7), "BMP")
    yield "rgb.ppm", encode(ramp("RGB"), "PPM")
    yield "text.pgm", b"P2\n# ramp\n3 2\n255\n0 50 100\n150 200 255\n"


def safetensors():
    def build(tensors, meta=None):
        header, body = {}, b""
        if meta:
            header["__metadata__"] = meta
        for name, (dtype, shape, data) in tensors.items():
            header[name] = {"dtype": dtype, "shape": shape,
                            "data_offsets": [len(body), len(body) + len(data)]}
            body += data
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        return struct.pack("<Q", len(text)) + text + body
    yield "plain.safetensors", build({
        "a": ("F32", [2, 3], bytes(24)), "b": ("F16", [4], bytes(8)),
        "c": ("BF16", [1, 2], bytes(4)), "n": ("I64", [], bytes(8))})
    yield "meta.safetensors", build({"w": ("F32", [3, 1, 1, 2], bytes(24))}, {
        "linnet.family": "mobilenetv2_100", "linnet.labels": "cat\ndog", "u": "\u00e9\\\"\n"})
    yield "empty.safetensors", build({})


class Storage:
    """Stands for a torch storage: pickled by persistent id only."""
    def __init__(self, key, count):
        self.key, self.count = key, count


def torch_pickler(out, legacy):
    """A pickler that writes what torch.save writes for a state dict."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    sys.modules["torch"], sys.modules["torch._utils"] = torch, utils

    def rebuild(*_):
        raise AssertionError("only named, never called")
    rebuild.__module__, rebuild.__name__ = "torch._utils", "_rebuild_tensor_v2"
    rebuild.__qualname__ = rebuild.__name__
    utils._rebuild_tensor_v2 = rebuild

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            if not isinstance(obj, Storage):
                return None
            tail = (None,) if legacy else ()
            return ("storage", torch.FloatStorage, obj.key, "cpu", obj.count) + tail

        def reducer_override(self, obj):
            if not isinstance(obj, Tensor):
                return NotImplemented
            return rebuild, (obj.storage, 0, obj.size, obj.stride, False,
                             collections.OrderedDict())
    return Pickler(out, 2)


class Tensor:
    def __init__(self, storage, size, stride):
        self.storage, self.size, self.stride = storage, size, stride


def torch_files():
    state = collections.OrderedDict([
        ("conv.weight", Tensor(Storage("0", 12), (2, 3, 1, 2), (6, 1, 6, 3))),
        ("bn.bias", Tensor(Storage("1", 4), (4,), (1,)))])
    sizes = {"0": 12, "1": 4}

    out = io.BytesIO()
    for head in (0x1950A86A20F9469CFC6C, 1001,
                 {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}):
        pickle.dump(head, out, 2)
    torch_pickler(out, True).dump(state)
    pickle.dump(sorted(sizes), out, 2)
    for key in sorted(sizes):
        out.write(struct.pack("<Q", sizes[key]) + bytes(range(sizes[key])) * 4)
    yield "legacy.pth", out.getvalue()

    out = io.BytesIO()
    data = io.BytesIO()
    torch_pickler(data, False).dump(state)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", data.getvalue())
        archive.writestr("archive/byteorder", b"little")
        for key in sizes:
            archive.writestr("archive/data/" + key, bytes(4 * sizes[key]))
        archive.writestr("archive/version", b"3\n")
    yield "zip.pth", out.getvalue()


def onnx_files():
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
    import onnxfile as o
    yield "classifier.onnx", o.classifier(meta=[("names", "{0: 'a', 1: 'b'}")])
    yield "nhwc.onnx", o.classifier(batch=1, nhwc=True, softmax=True, meta=[
        ("mean", "[0.5, 0.5, 0.5]"), ("std", "[0.5, 0.5, 0.5]"), ("labels", "a\nb\nc\nd\ne")])
    shape = o.model(  # reshape to what Shape, Gather, Unsqueeze and Concat say
        [o.node("Shape", ["x"], ["s"]), o.node("Gather", ["s", "zero"], ["n"], axis=0),
         o.node("Unsqueeze", ["n"], ["u"], axes=[0]), o.node("Concat", ["u", "rest"], ["to"], axis=0),
         o.node("Reshape", ["x", "to"], ["y"])],
        [o.value("x", ["N", 2, 3])], [o.value("y", None)],
        [o.tensor("zero", [], [0], o.INT64), o.tensor("rest", [1], [-1], o.INT64)], opset=11)
    yield "shape.onnx", shape
    typed = (o.field(1, 2) + o.field(2, o.FLOAT) + o.field(4, o.struct.pack("<2f", 1, 2))
             + o.field(8, "t"))
    yield "typed.onnx", o.model([o.node("Add", ["x", "t"], ["y"])], [o.value("x", [3, 2])],
                                [o.value("y", [3, 2])], [typed], opset=14)
    # the project's own tests, where Debian's libonnx-testdata is installed: a file for most ops
    for path in sorted(pathlib.Path("/usr/share/libonnx-testdata/data/node").glob("*/model.onnx")):
        if path.stat().st_size <= 1024:
            yield path.parent.name + ".onnx", path.read_bytes()


def tflite_files():
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
    import tflitefile as t
    for name, kind in [("float", t.FLOAT), ("uint8", t.UINT8), ("int8", t.INT8)]:
        yield name + ".tflite", t.classifier(kind).bytes()
    for name, regular in [("fast", 0), ("regular", 1)]:
        yield name + ".tflite", t.detector(use_regular_nms=regular).bytes()
    args = {"RESHAPE": ([2], [8, -1]), "TRANSPOSE": ([4], [0, 3, 1, 2]), "MEAN": ([1], [1]),
            "PAD": ([4, 2], [0, 0, 1, 1, 2, 0, 0, 0]), "RESIZE_BILINEAR": ([2], [5, 7]),
            "GATHER": ([2], [1, 0])}
    for op, (shape, values) in args.items():
        for kind in (t.FLOAT, t.INT8):
            quant = ([0.1], [3]) if kind == t.INT8 else None
            m = t.Model()
            x = m.input([1, 4, 4, 2], kind, None, quant)
            y = m.tensor([1], kind, None, quant)
            m.op(op, [x, m.tensor(shape, t.INT, t.ints(*values))], [y], {}, 2)
            m.outputs = [y]
            yield "%s_%d.tflite" % (op.lower(), kind), m.bytes()
    m = t.Model()
    x, y = m.input([1, 6, 5, 4]), m.tensor([1, 3, 5, 2])
    numbers = [m.tensor([4], t.INT, t.ints(*v)) for v in ([0, 5, 1, 0], [0, -7, 3, 2], [1, -2, 1, 1])]
    m.op("STRIDED_SLICE", [x, *numbers], [y], {0: 1, 1: 1, 4: 4})
    m.outputs = [y]
    yield "strided.tflite", m.bytes()


def main():
    root = pathlib.Path(sys.argv[1])
    for kind, make in [("picture", pictures), ("safetensors", safetensors), ("torch", torch_files),
                       ("onnx", onnx_files), ("tflite", tflite_files)]:
        (root / kind).mkdir(parents=True, exist_ok=True)
        for name, data in make():
            (root / kind / name).write_bytes(data)


if __name__ == "__main__":
    main()
