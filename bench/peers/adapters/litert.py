NAME, PINS, PRECISION = "LiteRT", ["ai-edge-litert==2.3.0", "flatbuffers==25.12.19"], "f32"
NOTE = "XNNPACK, N,H,W,C"


def prepare(job):
    import export_tflite
    import graph
    export_tflite.export(graph.load(job["stem"] + ".safetensors"), job["stem"] + ".tflite")


def start(job, x):
    from ai_edge_litert.interpreter import Interpreter
    interpreter = Interpreter(job["stem"] + ".tflite", num_threads=job["threads"])
    interpreter.allocate_tensors()
    into = interpreter.get_input_details()[0]["index"]
    out = interpreter.get_output_details()[0]["index"]
    pixels = x.transpose(0, 2, 3, 1).copy()

    def run():
        interpreter.set_tensor(into, pixels)
        interpreter.invoke()
        return interpreter.get_tensor(out)
    return run
