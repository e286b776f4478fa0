"""TFLite_Detection_PostProcess, by both ways of suppression. LiteRT 2.3.0 loses classes of regular
suppression with two threads, and memory with three: one is asked for."""
import numpy as np
import pytest
from flatbuffers import flexbuffers

from build import Model
from conftest import litert

NAMES = ("boxes", "classes", "scores", "count")


def detector(boxes, classes, background, regular, each, most, seed, **options):
    rng = np.random.default_rng(seed)
    values = dict({"max_detections": most, "max_classes_per_detection": each,
                   "detections_per_class": 7, "use_regular_nms": bool(regular),
                   "nms_score_threshold": 0.2, "nms_iou_threshold": 0.4, "num_classes": classes,
                   "y_scale": 10.0, "x_scale": 9.0, "h_scale": 5.0, "w_scale": 4.0}, **options)
    m = Model()
    anchors = np.concatenate([rng.uniform(0, 1, (boxes, 2)), rng.uniform(0.1, 0.4, (boxes, 2))],
                             1).astype(np.float32)
    code = rng.normal(0, 1, (1, boxes, 4)).astype(np.float32)
    scores = rng.uniform(0, 1, (1, boxes, classes + background)).astype(np.float32)
    names = [m.input(code.shape), m.input(scores.shape), m.const(anchors)]
    n = most * each
    out = [m.tensor(s) for s in ((1, n, 4), (1, n), (1, n), (1,))]
    m.op("TFLite_Detection_PostProcess", names, out, custom=bytes(flexbuffers.Dumps(values)))
    m.output(*out)
    return m.bytes(), [code, scores]


CASES = {
    "fast": (40, 5, 1, False, 1, 10), "fast_bare": (40, 5, 0, False, 1, 6),
    "fast_classes": (30, 6, 1, False, 3, 8), "regular": (40, 5, 1, True, 1, 10),
    "regular_one": (25, 1, 1, True, 1, 12), "few": (6, 3, 1, False, 1, 10),
}


@pytest.mark.parametrize("device", ["ref", "cpu"])
@pytest.mark.parametrize("name", CASES)
def test_detection(name, device, run):
    model, inputs = detector(*CASES[name], seed=3)
    ours = dict(zip(NAMES, run(model, inputs, device)))
    theirs = dict(zip(NAMES, litert(model, inputs, "default", threads=1)))
    assert np.array_equal(ours["count"], theirs["count"]) and ours["count"][0] > 1
    each = CASES[name][4]
    n = int(ours["count"][0]) * each  # LiteRT leaves what lies behind as it was
    for part in ("boxes", "scores"):
        assert np.allclose(ours[part][0, :n], theirs[part][0, :n], rtol=1e-5, atol=1e-6), part
        assert not np.any(ours[part][0, n:])
    assert np.array_equal(ours["classes"][0, :n], theirs["classes"][0, :n])
