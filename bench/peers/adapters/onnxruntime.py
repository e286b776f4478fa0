NAME, PINS, PRECISION = "ONNX Runtime", ["onnxruntime==1.32.0"], "f32"


def start(job, x):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = ort.InferenceSession(job["stem"] + ".onnx", options, ["CPUExecutionProvider"])
    return lambda: session.run(None, {"input": x})[0]
