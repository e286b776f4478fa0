"""Networks as files of other exporters spell them: PyTorch's at two operator sets. What the graph
has an op for is written out where the operator set has none, and in tokens where their models do."""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench", "peers"))
import export_onnx  # noqa: E402
import graph  # noqa: E402


class Torch17(export_onnx.Exporter):
    """Operators where there are any: HardSwish, HardSigmoid, LayerNormalization."""
    opset = 17

    def activation(self, act, x):
        if act and act["kind"] == "hard_swish":
            return self.emit("HardSwish", x)
        return super().activation(act, x)


class Torch13(export_onnx.Exporter):
    """Everything from parts: activations, means, norms."""
    opset = 13

    def clip6(self, x):
        x = self.emit("Add", x, self.constant(3))
        return self.emit("Clip", x, self.constant(0), self.constant(6))

    def activation(self, act, x):
        kind = act and act["kind"]
        if kind == "hard_swish":
            return self.emit("Div", self.emit("Mul", x, self.clip6(x)), self.constant(6))
        if kind == "hard_sigmoid":
            return self.emit("Div", self.clip6(x), self.constant(6))
        return super().activation(act, x)

    def pool(self, n, x):
        if vars(n)["global"] and n.kind == "avg":
            return self.emit("ReduceMean", x, axes=[2, 3], keepdims=1)
        return super().pool(n, x)

    def layer_norm(self, n, x):
        rank = len(self.graph.shape(n.out))
        if rank == 4:
            x = self.emit("Transpose", x, perm=[0, 2, 3, 1])
        x = self.written_norm(n, x)
        return self.emit("Transpose", x, perm=[0, 3, 1, 2]) if rank == 4 else x

    def written_norm(self, n, x):
        off = self.emit("Sub", x, self.emit("ReduceMean", x, axes=[-1], keepdims=1))
        square = self.emit("ReduceMean", self.emit("Pow", off, self.constant(2)), axes=[-1],
                           keepdims=1)
        spread = self.emit("Sqrt", self.emit("Add", square, self.constant(n.eps)))
        x = self.emit("Div", off, spread)
        gamma, beta = (self.constant(self.graph.data(t)) for t in n.inputs[1:3])
        return self.emit("Add", self.emit("Mul", x, gamma), beta)


def save(exporter, source, path):
    export_onnx.onnx.save(exporter(graph.load(source)).export(), str(path))
