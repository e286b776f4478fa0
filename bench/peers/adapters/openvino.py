NAME, PINS, PRECISION = "OpenVINO", ["openvino==2026.4.1"], "f32"


def start(job, x, precision="f32"):
    import openvino
    options = {"INFERENCE_NUM_THREADS": job["threads"], "PERFORMANCE_HINT": "LATENCY"}
    if precision:
        options["INFERENCE_PRECISION_HINT"] = precision
    model = openvino.Core().compile_model(job["stem"] + ".onnx", "CPU", options)
    request = model.create_infer_request()
    request.set_input_tensor(openvino.Tensor(x, shared_memory=True))
    output = request.get_output_tensor()

    def run():
        request.infer()
        return output.data.copy()
    run.precision = model.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    return run
