"""One runtime a file. Each says

NAME       as the tables print it
PINS       what pip installs for it
PRECISION  "f32", or what it computes in
NOTE       anything a reader of its row should know (optional)
ROUNDS     most rounds it takes part in (optional)
ENV        environment of its processes (optional); {threads} is filled in
prepare(job)      makes its own model files from job["stem"].onnx (optional)
start(job, x)     loads the model and returns a function that runs it once on x, float32
                  [N,3,H,W], and returns the logits

job: stem (path of this network's files without the suffix), single (the same at batch 1), batch,
threads, model, size (height, width). A function with an attribute `precision` says what it really
computes in.
"""
NAMES = ["linnet", "onnxruntime", "openvino", "openvino_bf16", "litert", "ncnn", "mnn", "tinygrad"]
