"""The deterministic input picture, by the rule that `linnet --input synthetic:SEED` follows
(models/synthetic.c): a quarter noise, a quarter triangle waves, half a colour."""
import numpy as np

MASK = (1 << 64) - 1
PHI = 0x9E3779B97F4A7C15


def fnv1a(text):
    h = 0xCBF29CE484222325
    for b in text.encode():
        h = ((h ^ b) * 0x100000001B3) & MASK
    return h


def mix(z):
    """One integer or an array of them; uint64, wrapping."""
    z = np.asarray(z, np.uint64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def stream(key, seed, count):
    """Integers in [0, 2^24)."""
    base = fnv1a(key) ^ int(mix(np.array([(seed + PHI) & MASK]))[0])
    steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(PHI)
    return (mix(np.uint64(base) + steps) >> np.uint64(40)).astype(np.int64)


def image(index, seed, height, width):
    """Float32 [3,H,W]."""
    out = np.empty((3, height, width), np.float32)
    x, y = np.arange(width), np.arange(height)[:, None]
    for c in range(3):
        r = [int(v) for v in stream("input#%d.pattern.%d" % (index, c), seed, 5)]
        sx, sy = ((1 << 22) + r[1] * 15 // 4) // width, ((1 << 22) + r[2] * 15 // 4) // height
        wave = (r[0] + x * (-sx if r[3] & 1 else sx) + y * sy) & 0xFFFFFF
        triangle = 2 * np.abs(wave - (1 << 23)) - (1 << 23)
        noise = stream("input#%d.noise.%d" % (index, c), seed, height * width)
        noise = noise.reshape(height, width) - (1 << 23)
        out[c] = (noise + triangle + 2 * (r[4] - (1 << 23))) / float(1 << 25)
    return out


def batch(count, seed, height, width):
    return np.stack([image(i, seed, height, width) for i in range(count)])
