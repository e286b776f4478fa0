NAME, PINS, PRECISION = "tinygrad", ["tinygrad==0.14.0"], "f32"
NOTE = "its OpenCL, on the same PoCL as Linnet; one round, for it compiles longer than it runs"
ROUNDS = 1
ENV = {"DEV": "CL", "POCL_MAX_PTHREAD_COUNT": "{threads}"}


def start(job, x):
    from tinygrad import Tensor, TinyJit
    from tinygrad.nn.onnx import OnnxRunner
    network = OnnxRunner(job["stem"] + ".onnx")

    @TinyJit
    def jitted(image):
        return network({"input": image})["output"].realize()
    return lambda: jitted(Tensor(x).realize()).numpy()
