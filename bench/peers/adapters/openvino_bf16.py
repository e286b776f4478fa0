from adapters import openvino

NAME, PINS, PRECISION = "OpenVINO default", openvino.PINS, "bf16"
NOTE = "OpenVINO's own choice of precision: bf16 on processors that have it, else f32"


def start(job, x):
    return openvino.start(job, x, precision=None)
