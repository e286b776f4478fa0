NAME, PINS, PRECISION = "MNN", ["MNN==3.6.1"], "f32"


def prepare(job):
    # The converter itself; its wrapper `mnnconvert` would call home and install packages.
    import _tools
    _tools.mnnconvert(["mnnconvert", "-f", "ONNX", "--modelFile", job["stem"] + ".onnx",
                       "--MNNModel", job["stem"] + ".mnn", "--bizCode", "x"])


def start(job, x):
    import MNN
    import numpy as np
    net = MNN.Interpreter(job["stem"] + ".mnn")
    session = net.createSession({"numThread": job["threads"], "precision": "high",
                                 "backend": "CPU"})
    image = MNN.Tensor(x.shape, MNN.Halide_Type_Float, x, MNN.Tensor_DimensionType_Caffe)
    into, out = net.getSessionInput(session), net.getSessionOutput(session)
    shape = out.getShape()
    logits = MNN.Tensor(shape, MNN.Halide_Type_Float, np.empty(shape, np.float32),
                        MNN.Tensor_DimensionType_Caffe)

    def run():
        into.copyFrom(image)
        net.runSession(session)
        out.copyToHostTensor(logits)
        return logits.getNumpyData().copy()
    return run
