# pnnx asks for PyTorch, which its converter of ONNX files does not use: installed without.
NAME, PINS, PRECISION = "ncnn", ["ncnn==1.0.20261020", "--no-deps pnnx==20261020"], "f32"
NOTE = "has no batch: images one after another"


def prepare(job):
    import importlib.util
    import os
    import subprocess
    program = os.path.join(importlib.util.find_spec("pnnx").submodule_search_locations[0], "pnnx")
    folder, name = os.path.split(job["single"])
    subprocess.run([program, name + ".onnx", "inputshape=[1,3,%d,%d]" % tuple(job["size"]),
                    "fp16=0"], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def start(job, x):
    import ncnn
    import numpy as np
    net = ncnn.Net()
    net.opt.num_threads = job["threads"]
    net.opt.lightmode = True
    for name in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage", "bf16_packed"):
        setattr(net.opt, "use_" + name, False)
    net.load_param(job["single"] + ".ncnn.param")
    net.load_model(job["single"] + ".ncnn.bin")

    def one(image):
        extractor = net.create_extractor()
        extractor.input("in0", ncnn.Mat(image))
        return np.array(extractor.extract("out0")[1]).reshape(-1)
    return lambda: np.stack([one(image) for image in x])
