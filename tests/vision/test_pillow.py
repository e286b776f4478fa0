"""Pictures made here, read by Pillow and by us: the same bytes. Needs python3-pil."""
import io
import os
import struct
import subprocess
import zlib

import pytest

np = pytest.importorskip("numpy")
Image = pytest.importorskip("PIL.Image")
from PIL import features  # noqa: E402

DUMP = os.environ.get("LINNET_DUMP_PICTURE", "build/tests/vision/dump_picture")


def dump(*commands):
    text = "".join("\t".join(map(str, c)) + "\n" for c in commands)
    r = subprocess.run([DUMP], input=text, text=True, capture_output=True, check=True)
    lines = r.stdout.splitlines()
    assert len(lines) == len(commands), r.stderr
    return lines


def decoded(tmp_path, data, name="picture"):
    src, dst = tmp_path / name, tmp_path / (name + ".ppm")
    src.write_bytes(data)
    (line,) = dump(("decode", src, dst))
    assert line.startswith("ok"), line
    return np.asarray(Image.open(dst))


def noise(w, h, channels=3, seed=1, top=256, dtype=np.uint8):
    """Blocks, a ramp and noise: edges for the filters and codecs, any size."""
    r = np.random.default_rng(seed)
    a = r.integers(0, top, (h, w, channels)).astype(dtype)
    a[: h // 2, : w // 2] = top - 1
    a[h // 2 :, : w // 3] = np.linspace(0, top - 1, w // 3).astype(dtype)[None, :, None]
    return a


def saved(im, fmt, **kw):
    b = io.BytesIO()
    im.save(b, fmt, **kw)
    return b.getvalue()


def rgb(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(samples, depth, color, interlace=False, extra=b""):
    """samples: [h, w, channels] of unsigned values of `depth` bits."""
    h, w, ch = samples.shape

    def rows(a):
        out = b""
        for row in a:
            bits = (row.reshape(-1, 1) >> np.arange(depth - 1, -1, -1) & 1).astype(np.uint8)
            out += b"\0" + np.packbits(bits.reshape(-1)).tobytes()
        return out

    if interlace:
        raw = b"".join(rows(samples[y::dy, x::dx]) for x, y, dx, dy in ADAM7 if w > x and h > y)
    else:
        raw = rows(samples)
    head = struct.pack(">IIBBBBB", w, h, depth, color, 0, 0, int(interlace))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


KINDS = [(0, d, 1) for d in (1, 2, 4, 8, 16)] + [(3, d, 1) for d in (1, 2, 4, 8)]
KINDS += [(c, d, n) for c, n in ((2, 3), (4, 2), (6, 4)) for d in (8, 16)]


@pytest.mark.parametrize("interlace", [False, True])
@pytest.mark.parametrize("color,depth,channels", KINDS)
def test_png_kinds(tmp_path, color, depth, channels, interlace):
    palette = chunk(b"PLTE", np.random.default_rng(3).integers(0, 256, 3 << depth, np.uint8).tobytes()) if color == 3 else b""
    trns = {0: b"\0\1", 2: b"\0\1\0\2\0\3", 3: b"\0\x80"}.get(color)
    for extra in [b""] + ([chunk(b"tRNS", trns)] if trns else []):
        for w, h in ((37, 29), (1, 1), (3, 2)):
            s = noise(w, h, channels, top=1 << depth, dtype=np.uint32)
            data = png(s, depth, color, interlace, palette + extra)
            if color == 0 and depth == 16:  # Pillow clips these at 255; we keep the high byte
                want = np.repeat(s >> 8, 3, 2)
            else:
                want = rgb(data)
            assert np.array_equal(decoded(tmp_path, data), want), (w, h, len(extra))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_jpeg(tmp_path, mode, progressive, subsampling):
    for w, h in ((97, 61), (1, 1), (16, 16), (9, 250)):
        im = Image.fromarray(noise(w, h)).convert(mode)
        data = saved(im, "JPEG", quality=83, progressive=progressive, subsampling=subsampling)
        assert np.array_equal(decoded(tmp_path, data), rgb(data)), (w, h)


@pytest.mark.parametrize("orientation", range(0, 10))
def test_jpeg_orientation(tmp_path, orientation):
    from PIL import ImageOps

    for order in (">", "<"):
        head = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(order + "IH", 8, 1)
        exif = b"Exif\0\0" + head + struct.pack(order + "HHIHHI", 0x112, 3, 1, orientation, 0, 0)
        data = saved(Image.fromarray(noise(40, 24)), "JPEG", quality=95, subsampling=0, exif=exif)
        want = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
        assert np.array_equal(decoded(tmp_path, data), np.asarray(want))


@pytest.mark.skipif(not features.check("webp"), reason="this Pillow has no WebP")
def test_webp(tmp_path):
    for channels in (3, 4):
        a = noise(75, 43, channels)
        for kw in ({"lossless": True, "exact": True}, {"quality": 60}, {"quality": 5}):
            data = saved(Image.fromarray(a), "WEBP", **kw)
            assert np.array_equal(decoded(tmp_path, data), rgb(data)), (channels, kw)


@pytest.mark.skipif(not features.check("webp_anim"), reason="this Pillow has no WebP animation")
def test_webp_animation_gives_first_frame(tmp_path):
    frames = [Image.fromarray(noise(40, 30, seed=s)) for s in (1, 2)]
    data = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert np.array_equal(decoded(tmp_path, data), np.asarray(frames[0]))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_bmp(tmp_path, mode):
    for w, h in ((33, 21), (1, 1), (5, 9)):
        data = saved(Image.fromarray(noise(w, h)).convert(mode), "BMP")
        assert np.array_equal(decoded(tmp_path, data), rgb(data)), (w, h)


def bmp(w, h, bits, body, compression=0, masks=b"", palette=b""):
    head = struct.pack("<IiiHHIIiiII", 40, w, h, 1, bits, compression, len(body), 0, 0, len(palette) // 4, 0)
    at = 14 + 40 + len(masks) + len(palette)
    return b"BM" + struct.pack("<IHHI", at + len(body), 0, 0, at) + head + masks + palette + body


@pytest.mark.parametrize("w,h", [(7, 5), (7, -5), (2, 1)])
def test_bmp_depths(tmp_path, w, h):
    r = np.random.default_rng(5)
    cases = [(4, 0, b"", r.bytes(64)), (16, 0, b"", b""), (32, 0, b"", b"")]
    cases.append((16, 3, struct.pack("<III", 0xF800, 0x7E0, 0x1F), b""))
    cases.append((32, 3, struct.pack("<III", 0xFF0000, 0xFF00, 0xFF), b""))
    for bits, compression, masks, palette in cases:
        body = r.bytes((w * bits + 31) // 32 * 4 * abs(h))
        data = bmp(w, h, bits, body, compression, masks, palette)
        assert np.array_equal(decoded(tmp_path, data), rgb(data)), (bits, compression)


@pytest.mark.parametrize("mode,plain", [("1", False), ("L", False), ("RGB", False), ("L", True), ("RGB", True), ("1", True)])
def test_pnm(tmp_path, mode, plain):
    im = Image.fromarray(noise(21, 13)).convert(mode)
    data = saved(im, "PPM")
    if plain:
        kind = {"1": b"P1", "L": b"P2", "RGB": b"P3"}[mode]
        values = np.asarray(im).astype(int).reshape(-1)
        values = 1 - values if mode == "1" else values
        data = kind + b" # a note\n21 # width\n13\n" + (b"" if mode == "1" else b"255\n") + " ".join(map(str, values)).encode()
    assert np.array_equal(decoded(tmp_path, data), np.asarray(im.convert("RGB")))


@pytest.mark.parametrize("maxval", [1, 3, 100, 254, 255, 256, 1000, 65535])
def test_pnm_maxval(tmp_path, maxval):
    s = noise(21, 13, 3, top=maxval + 1, dtype=np.uint32)
    want = np.rint(s / maxval * 255)
    raw = s.astype(">u2" if maxval > 255 else "u1").tobytes()
    assert np.array_equal(decoded(tmp_path, b"P6 21 13 %d\n" % maxval + raw), want)
    grey = s[:, :, :1]
    raw = grey.astype(">u2" if maxval > 255 else "u1").tobytes()
    assert np.array_equal(decoded(tmp_path, b"P5\n21\n13\n%d\n" % maxval + raw), np.repeat(want[:, :, :1], 3, 2))


SIZES = [(1, 1), (1, 7), (2, 2), (3, 5), (7, 1), (16, 16), (31, 17), (64, 48), (100, 37), (255, 129), (640, 3), (3, 640)]
GOALS = SIZES + [(256, 341), (224, 224), (1000, 2)]


def resized(tmp_path, im, goals, filt, antialias):
    src = tmp_path / "in.ppm"
    im.save(src)
    out = [tmp_path / ("out%d.ppm" % i) for i in range(len(goals))]
    lines = dump(*[("resize", src, w, h, filt, int(antialias), o) for (w, h), o in zip(goals, out)])
    assert all(li.startswith("ok") for li in lines), lines
    return [np.asarray(Image.open(o)).astype(int) for o in out]


@pytest.mark.parametrize("filt", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", SIZES + [(1201, 800), (2000, 11)])
def test_resize_as_pillow(tmp_path, size, filt):
    im = Image.fromarray(noise(*size))
    how = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}[filt]
    for goal, got in zip(GOALS, resized(tmp_path, im, GOALS, filt, True)):
        d = np.abs(got - np.asarray(im.resize(goal, how)).astype(int))
        assert d.max() <= 1, (goal, d.max())
        print(size, goal, filt, "pixels that differ:", np.count_nonzero(d))


def sampled(a, goal, filt):
    """OpenCV's sampling in double: half-pixel centres, borders repeated, no low-pass."""

    def axis(n, m):
        at = (np.arange(m) + 0.5) * n / m - 0.5
        base = np.floor(at).astype(int)
        f = at - base
        if filt == "bilinear":
            w = np.stack([1 - f, f], 1)
            first = base
        else:
            c = -0.75
            near = [(c + 2) * x**3 - (c + 3) * x**2 + 1 for x in (f, 1 - f)]
            far = [c * x**3 - 5 * c * x**2 + 8 * c * x - 4 * c for x in (1 + f, 2 - f)]
            w = np.stack([far[0], near[0], near[1], far[1]], 1)
            first = base - 1
        m_ = np.zeros((m, n))
        for k in range(w.shape[1]):
            np.add.at(m_, (np.arange(m), np.clip(first + k, 0, n - 1)), w[:, k])
        return m_

    y, x = axis(a.shape[0], goal[1]), axis(a.shape[1], goal[0])
    return np.clip(np.einsum("ij,jkc,lk->ilc", y, a.astype(float), x, optimize=True), 0, 255)


@pytest.mark.parametrize("filt", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", SIZES)
def test_resize_without_antialias(tmp_path, size, filt):
    im = Image.fromarray(noise(*size))
    for goal, got in zip(GOALS, resized(tmp_path, im, GOALS, filt, False)):
        assert np.abs(got - sampled(np.asarray(im), goal, filt)).max() <= 1, goal


def reference_prep(im, size, resize, how):
    """Shorter side to `resize`, the other rounded, centre crop; black where it is too small."""
    w, h = im.size
    s = float(resize) / min(w, h)
    im = im.resize((resize, int(round(h * s))) if w <= h else (int(round(w * s)), resize), how)
    w, h = im.size
    x = int(round((w - size) / 2.0)) if w >= size else -((size - w) // 2)
    y = int(round((h - size) / 2.0)) if h >= size else -((size - h) // 2)
    return np.asarray(im.crop((x, y, x + size, y + size)))


@pytest.mark.parametrize("size,resize", [(224, 256), (224, 224), (96, 109), (33, 33), (64, 50), (1, 1)])
def test_preprocess(tmp_path, size, resize):
    for wh in ((300, 200), (200, 301), (51, 50), (224, 224), (9, 400), (513, 7)):
        im = Image.fromarray(noise(*wh))
        src, dst = tmp_path / "in.ppm", tmp_path / "out.f32"
        im.save(src)
        (line,) = dump(("prep", src, size, resize, "bicubic", 1, dst))
        assert line.startswith("ok"), line
        got = np.fromfile(dst, "f4").reshape(3, size, size).transpose(1, 2, 0)
        want = reference_prep(im, size, resize, Image.BICUBIC)
        assert np.abs((got * 0.5 + 0.5) * 255 - want).max() <= 1.001, wh


DATA = os.environ.get("LINNET_TEST_DATA")


@pytest.mark.skipif(not DATA, reason="LINNET_TEST_DATA is not set")
def test_crops_of_photographs(tmp_path):
    folder = os.path.join(DATA, "images")
    seen = 0
    for name in sorted(os.listdir(folder)):
        crop = os.path.join(folder, "crops", os.path.splitext(name)[0] + ".ppm")
        if not os.path.exists(crop):
            continue
        dst = tmp_path / "out.f32"
        (line,) = dump(("prep", os.path.join(folder, name), 224, 256, "bicubic", 1, dst))
        assert line.startswith("ok"), line
        got = np.fromfile(dst, "f4").reshape(3, 224, 224).transpose(1, 2, 0)
        want = np.asarray(Image.open(crop))
        assert np.abs((got * 0.5 + 0.5) * 255 - want).max() <= 1.001, name
        seen += 1
    assert seen >= 4
