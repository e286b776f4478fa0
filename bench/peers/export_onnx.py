"""A graph as ONNX (opset 17, N,C,H,W), with the ops that PyTorch's exporter would write."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from graph import Unsupported, norm_scale_shift, slot


class Exporter:
    opset = 17
    values = dict  # names by tensor

    def __init__(self, graph):
        self.graph, self.nodes, self.constants, self.count = graph, [], [], 0

    # --- pieces ---------------------------------------------------------------------------------

    def constant(self, data, dtype=np.float32):
        name = "c%d" % len(self.constants)
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(data, dtype), name))
        return name

    def ints(self, *values):
        return self.constant(values, np.int64)

    def emit(self, op, *inputs, **attributes):
        self.count += 1
        out = "v%d" % self.count
        self.nodes.append(helper.make_node(op, inputs, [out], **attributes))
        return out

    def reshape(self, x, *shape):
        return self.emit("Reshape", x, self.ints(*shape))

    def swap(self, x):
        """[..., a, b] to [..., b, a] of a rank 4 value."""
        return self.emit("Transpose", x, perm=[0, 1, 3, 2])

    def activation(self, act, x):
        if not act:
            return x
        kind = act["kind"]
        if kind == "clamp":
            if act["lo"] == 0 and act["hi"] is None:
                return self.emit("Relu", x)
            limits = ["" if act[k] is None else self.constant(act[k]) for k in ("lo", "hi")]
            return self.emit("Clip", x, *limits)
        if kind == "hard_swish":
            return self.emit("Mul", x, self.emit("HardSigmoid", x, alpha=1 / 6, beta=0.5))
        if kind == "hard_sigmoid":
            return self.emit("HardSigmoid", x, alpha=act["alpha"], beta=act["beta"])
        if kind == "leaky_relu":
            return self.emit("LeakyRelu", x, alpha=act["alpha"])
        if kind == "swish":
            return self.emit("Mul", x, self.emit("Sigmoid", x))
        if kind == "gelu":
            erf = self.emit("Erf", self.emit("Div", x, self.constant(2 ** 0.5)))
            sum_ = self.emit("Mul", x, self.emit("Add", erf, self.constant(1)))
            return self.emit("Mul", sum_, self.constant(0.5))
        if kind in ("sigmoid", "tanh"):
            return self.emit(kind.capitalize(), x)
        raise Unsupported("activation " + kind)

    def operand(self, t, rank):
        """A value, or a vector of channels as it goes with a value of that rank."""
        data = self.graph.data(t)
        if data is None:
            return self.value[t]
        return self.constant(data.reshape(-1, 1, 1) if rank == 4 else data)

    @staticmethod
    def axis(rank, i):
        """Where dimension i of N,H,W,C stands in N,C,H,W."""
        return [0, 2, 3, 1][i] if rank == 4 else i

    # --- ops ------------------------------------------------------------------------------------

    def conv2d(self, n, x):
        if len(n.inputs) > 3:
            raise Unsupported("a convolution with a fused residual or gate")
        weight = self.constant(self.graph.data(n.inputs[1]).transpose(0, 3, 1, 2))
        bias = self.graph.data(slot(n, 2))
        return self.emit("Conv", x, weight, *([] if bias is None else [self.constant(bias)]),
                         kernel_shape=n.kernel, strides=n.stride, dilations=n.dilation,
                         pads=n.pad, group=n.groups)

    def fc(self, n, x):
        if len(self.graph.shape(n.inputs[0])) == 4:
            x = self.emit("Flatten", x, axis=1)
        bias = self.graph.data(slot(n, 2))
        return self.emit("Gemm", x, self.constant(self.graph.data(n.inputs[1])),
                         *([] if bias is None else [self.constant(bias)]), transB=1)

    def batch_norm(self, n, x):
        scale, shift = norm_scale_shift(self.graph, n)
        zero = self.constant(np.zeros_like(shift))
        one = self.constant(np.ones_like(shift))
        return self.emit("BatchNormalization", x, self.constant(scale), self.constant(shift), zero,
                         one, epsilon=0.0)

    def pool(self, n, x):
        if vars(n)["global"]:
            return self.emit("GlobalAveragePool" if n.kind == "avg" else "GlobalMaxPool", x)
        window = {"kernel_shape": n.kernel, "strides": n.stride, "pads": n.pad}
        if n.kind == "max":
            return self.emit("MaxPool", x, dilations=n.dilation, **window)
        if any(n.ceil) or n.dilation != [1, 1]:
            raise Unsupported("an average over partial or dilated windows")
        return self.emit("AveragePool", x, count_include_pad=int(n.count_pad), **window)

    def binary(self, n, x):
        other = self.operand(n.inputs[1], len(self.graph.shape(n.inputs[0])))
        return self.emit(n.op.capitalize(), x, other)

    add = mul = binary

    def act(self, n, x):
        return x  # applied by export()

    def softmax(self, n, x):
        rank = len(self.graph.shape(n.out))
        return self.emit("Softmax", x, axis=self.axis(rank, rank - 1))

    def concat(self, n, x):
        rank = len(self.graph.shape(n.out))
        return self.emit("Concat", *(self.value[t] for t in n.inputs),
                         axis=self.axis(rank, rank - 1))

    def reshape_op(self, n, x):
        shape, to = self.graph.shape(n.inputs[0]), self.graph.shape(n.out)
        flat = len(shape) == 4 and shape[1] == shape[2] == 1
        if len(shape) == 4 and not flat:
            x = self.emit("Transpose", x, perm=[0, 2, 3, 1])
        if len(to) < 4:
            return self.reshape(x, *to)
        return self.emit("Transpose", self.reshape(x, *to), perm=[0, 3, 1, 2])

    def channel_shuffle(self, n, x):
        b, h, w, c = self.graph.shape(n.out)
        x = self.reshape(x, b, n.groups, c // n.groups, h, w)
        return self.reshape(self.emit("Transpose", x, perm=[0, 2, 1, 3, 4]), b, c, h, w)

    def slice(self, n, x):
        shape, to = self.graph.shape(n.inputs[0]), self.graph.shape(n.out)
        dims = [i for i in range(len(to)) if to[i] != shape[i]]
        ends = [n.begin[i] + (to[i] - 1) * n.step[i] + 1 for i in dims]
        return self.emit("Slice", x, self.ints(*(n.begin[i] for i in dims)), self.ints(*ends),
                         self.ints(*(self.axis(len(to), i) for i in dims)),
                         self.ints(*(n.step[i] for i in dims)))

    def pad(self, n, x):
        rank = len(n.before)
        order = [0, 3, 1, 2] if rank == 4 else range(rank)
        pads = [n.before[i] for i in order] + [n.after[i] for i in order]
        return self.emit("Pad", x, self.ints(*pads), self.constant(n.value))

    def layer_norm(self, n, x):
        rank = len(self.graph.shape(n.out))
        size = self.graph.shape(n.out)[-1]
        gamma, beta = (self.graph.data(slot(n, i)) for i in (1, 2))
        gamma = self.constant(np.ones(size) if gamma is None else gamma)
        beta = self.constant(np.zeros(size) if beta is None else beta)
        if rank == 4:
            x = self.emit("Transpose", x, perm=[0, 2, 3, 1])
        x = self.emit("LayerNormalization", x, gamma, beta, axis=-1, epsilon=n.eps)
        return self.emit("Transpose", x, perm=[0, 3, 1, 2]) if rank == 4 else x

    def heads(self, t, at, count, dim):
        """[N,C,H,W] to [N,heads,dim,tokens]."""
        n, h, w, c = self.graph.shape(t)
        x = self.value[t]
        if (at, count * dim) != (0, c):
            x = self.emit("Slice", x, self.ints(at), self.ints(at + count * dim), self.ints(1))
        return self.reshape(x, n, count, dim, h * w)

    def attention(self, n, x):
        if n.patch != [1, 1] or n.kv_heads not in (1, n.heads):
            raise Unsupported("attention in patches or with shared groups of heads")
        batch, h, w, _ = self.graph.shape(n.inputs[0])
        q = self.swap(self.heads(n.inputs[0], n.q_at, n.heads, n.dim))
        k = self.heads(n.inputs[1], n.k_at, n.kv_heads, n.dim)
        v = self.swap(self.heads(n.inputs[2], n.v_at, n.kv_heads, n.vdim))
        if n.kv_heads < n.heads:  # one key for all heads: one product
            q = self.reshape(q, batch, 1, n.heads * h * w, n.dim)
        score = self.emit("MatMul", self.emit("Mul", q, self.constant(n.scale)), k)
        y = self.emit("MatMul", self.emit("Softmax", score, axis=-1), v)
        if n.kv_heads < n.heads:
            y = self.reshape(y, batch, n.heads, h * w, n.vdim)
        return self.reshape(self.swap(y), batch, n.heads * n.vdim, h, w)

    # --- the whole ------------------------------------------------------------------------------

    def node(self, n):
        rule = getattr(self, "reshape_op" if n.op == "reshape" else n.op, None)
        if not rule:
            raise Unsupported("op %s (%s)" % (n.op, n.name))
        y = self.activation(n.act, rule(n, self.value.get(n.inputs[0])))
        self.value[n.out] = self.activation(n.post, y)

    def export(self):
        self.value = self.values()
        for i, t in enumerate(self.graph.inputs):
            self.value[t] = "input%d" % i if i else "input"
        for n in self.graph.nodes:
            self.node(n)
        out = self.graph.outputs[0]
        self.nodes.append(helper.make_node("Identity", [self.value[out]], ["output"]))
        self.drop_identity()

        def info(name, t):
            shape = self.graph.shape(t)
            shape = [shape[i] for i in (0, 3, 1, 2)] if len(shape) == 4 else shape
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        model = helper.make_model(
            helper.make_graph(self.nodes, self.graph.name,
                              [info(self.value[t], t) for t in self.graph.inputs],
                              [info("output", out)], self.constants),
            opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8,
            producer_name="linnet")
        onnx.checker.check_model(model)
        return model

    def drop_identity(self):
        last = self.nodes[-1].input[0]
        if sum(last in n.input for n in self.nodes) == 1:
            for n in self.nodes[:-1]:
                if last in n.output:
                    self.nodes.pop()
                    n.output[0] = "output"
                    return


def export(graph, path):
    onnx.save(Exporter(graph).export(), path)
