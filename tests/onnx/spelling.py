"""Networks as files of other exporters spell them: PyTorch's at two operator sets. What the graph
has an op for is written out where the operator set has none, and in tokens where their models do.
"""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench", "peers"))
import export_onnx  # noqa: E402
import graph  # noqa: E402


class Tokens(export_onnx.Exporter):
    """MobileViT as timm has it: the transformer runs on tokens [N*4,H*W/4,C] of patches of 2x2, its
    layers are products with matrices."""

    def __init__(self, source):
        super().__init__(source)
        self.patched = any(n.op == "attention" and n.patch != [1, 1] for n in source.nodes)
        self.token = {}  # by tensor: its value as tokens

    def tokens(self, t):
        if t not in self.token:
            b, h, w, c = self.graph.shape(t)
            x = self.reshape(self.value[t], b * c * h // 2, 2, w // 2, 2)
            x = self.emit("Transpose", x, perm=[0, 2, 1, 3])
            x = self.reshape(x, b, c, h * w // 4, 4)
            x = self.emit("Transpose", x, perm=[0, 3, 2, 1])
            self.token[t] = self.reshape(x, b * 4, h * w // 4, c)
        return self.token[t]

    def folded(self, t):
        b, h, w, c = self.graph.shape(t)
        x = self.reshape(self.token[t], b, 4, h * w // 4, c)
        x = self.emit("Transpose", x, perm=[0, 3, 2, 1])
        x = self.reshape(x, b * c * h // 2, w // 2, 2, 2)
        x = self.emit("Transpose", x, perm=[0, 2, 1, 3])
        return self.reshape(x, b, c, h, w)

    def in_tokens(self, n):
        if not self.patched or n.op in ("layer_norm", "attention"):
            return self.patched
        inside = "transformer." in n.name or "global_rep." in n.name
        return inside and n.op in ("conv2d", "add") and n.inputs[0] in self.token

    def token_node(self, n):
        if n.op == "layer_norm":
            return self.row_norm(n, self.tokens(n.inputs[0]))
        if n.op == "add":
            return self.emit("Add", *(self.tokens(t) for t in n.inputs))
        if n.op == "attention":
            return self.token_attention(n)
        weight = self.graph.data(n.inputs[1])
        x = self.emit("MatMul", self.tokens(n.inputs[0]),
                      self.constant(weight.reshape(weight.shape[0], -1).T))
        return self.emit("Add", self.constant(self.graph.data(n.inputs[2])), x)

    def row_norm(self, n, x):
        return self.emit("LayerNormalization", x, *(self.constant(self.graph.data(t))
                                                    for t in n.inputs[1:3]), axis=-1, epsilon=n.eps)

    def token_attention(self, n):
        b, h, w, _ = self.graph.shape(n.inputs[0])
        rows, t = b * 4, h * w // 4
        x = self.reshape(self.token[n.inputs[0]], rows, t, 3, n.heads, n.dim)
        x = self.emit("Transpose", x, perm=[2, 0, 3, 1, 4])
        q, k, v = (self.emit("Squeeze", self.emit("Slice", x, *map(self.ints, (i, i + 1, 0))),
                             self.ints(0)) for i in range(3))
        q = self.emit("Mul", q, self.constant(n.scale))
        y = self.emit("Softmax", self.emit("MatMul", q, self.swap(k)), axis=-1)
        y = self.emit("Transpose", self.emit("MatMul", y, v), perm=[0, 2, 1, 3])
        return self.reshape(y, rows, t, n.heads * n.vdim)

    def export(self):
        class Values(dict):
            """A tensor that is there as tokens alone is folded for who wants it as a map."""
            def get(values, t, default=None):
                return values[t] if t in values or t in self.token else default

            def __missing__(values, t):
                values[t] = self.folded(t)
                return values[t]
        self.values = Values
        return super().export()

    def node(self, n):
        if not self.in_tokens(n):
            return super().node(n)
        self.token[n.out] = self.activation(n.act, self.token_node(n))
        return None


class Torch17(Tokens):
    """Operators where there are any: HardSwish, HardSigmoid, LayerNormalization."""
    opset = 17

    def activation(self, act, x):
        if act and act["kind"] == "hard_swish":
            return self.emit("HardSwish", x)
        return super().activation(act, x)


class Torch13(Tokens):
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

    def row_norm(self, n, x):
        return self.written_norm(n, x)

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
