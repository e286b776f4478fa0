"""A graph as TFLite (N,H,W,C, float), with the schema that LiteRT's wheel brings."""
import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as s

from graph import Unsupported, norm_scale_shift, slot

FUSED = {(0, None): s.ActivationFunctionType.RELU, (0, 6): s.ActivationFunctionType.RELU6}


def fused(act):
    """The activation as TFLite fuses it, and what remains to be applied after."""
    if act and act["kind"] == "clamp" and (act["lo"], act["hi"]) in FUSED:
        return FUSED[act["lo"], act["hi"]], None
    return s.ActivationFunctionType.NONE, act


def same_padding(size, kernel, stride, dilation):
    total = (-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size
    return max(total, 0) // 2, max(total, 0) - max(total, 0) // 2


class Exporter:
    def __init__(self, graph):
        self.graph = graph
        self.sub = s.SubGraphT()
        self.sub.tensors, self.sub.operators = [], []
        self.codes, self.buffers = [], [s.BufferT()]

    # --- pieces ---------------------------------------------------------------------------------

    def tensor(self, shape, data=None, dtype=s.TensorType.FLOAT32):
        t = s.TensorT()
        t.name = b"t%d" % len(self.sub.tensors)
        t.shape, t.type, t.buffer = [int(d) for d in shape], dtype, 0
        if data is not None:
            buffer = s.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            self.buffers.append(buffer)
            t.buffer = len(self.buffers) - 1
        self.sub.tensors.append(t)
        return len(self.sub.tensors) - 1

    def constant(self, data):
        data = np.asarray(data, np.float32)
        return self.tensor(data.shape, data)

    def ints(self, values):
        data = np.asarray(values, np.int32)
        return self.tensor(data.shape, data, s.TensorType.INT32)

    def shape(self, t):
        return self.sub.tensors[t].shape

    def emit(self, op, inputs, shape, **options):
        """One operator; options are the fields of its options table."""
        code = getattr(s.BuiltinOperator, op)
        if code not in self.codes:
            self.codes.append(code)
        o = s.OperatorT()
        o.opcodeIndex = self.codes.index(code)
        o.inputs, o.outputs = list(inputs), [self.tensor(shape)]
        table = options.pop("table", None)
        if table:
            o.builtinOptionsType = getattr(s.BuiltinOptions, table)
            o.builtinOptions = getattr(s, table + "T")()
            for key, value in options.items():
                setattr(o.builtinOptions, key, value)
        self.sub.operators.append(o)
        return o.outputs[0]

    def reshape(self, x, shape):
        if list(shape) == list(self.shape(x)):
            return x
        return self.emit("RESHAPE", [x, self.ints(shape)], shape, table="ReshapeOptions",
                         newShape=[int(d) for d in shape])

    def transpose(self, x, perm):
        return self.emit("TRANSPOSE", [x, self.ints(perm)], [self.shape(x)[i] for i in perm],
                         table="TransposeOptions")

    def arithmetic(self, op, x, y, act=0):
        shape = np.broadcast_shapes(self.shape(x), self.shape(y))
        return self.emit(op.upper(), [x, y], shape, table=op.capitalize() + "Options",
                         fusedActivationFunction=act)

    def activation(self, act, x):
        if not act:
            return x
        kind, shape = act["kind"], self.shape(x)
        if kind == "clamp":
            code = FUSED.get((act["lo"], act["hi"]))
            if code is None:
                raise Unsupported("clamp from %(lo)s to %(hi)s" % act)
            return self.emit("RELU6" if act["hi"] else "RELU", [x], shape)
        if kind == "hard_sigmoid":
            # clamp(alpha x + beta, 0, 1) is relu6(x + 3) / 6 for MobileNetV3's figures
            if abs(act["alpha"] * 6 - 1) > 1e-6 or act["beta"] != 0.5:
                raise Unsupported("hard sigmoid of another slope")
            x = self.arithmetic("add", x, self.constant([3]), s.ActivationFunctionType.RELU6)
            return self.arithmetic("mul", x, self.constant([1 / 6]))
        if kind == "swish":
            return self.arithmetic("mul", x, self.emit("LOGISTIC", [x], shape))
        if kind == "gelu":
            return self.emit("GELU", [x], shape, table="GeluOptions", approximate=False)
        names = {"hard_swish": "HARD_SWISH", "sigmoid": "LOGISTIC", "tanh": "TANH"}
        if kind not in names:
            raise Unsupported("activation " + kind)
        return self.emit(names[kind], [x], shape)

    def padded(self, n, x, low):
        """The value and the padding of a window over it; low: pads with the least number."""
        sides = [(n.pad[0], n.pad[2]), (n.pad[1], n.pad[3])]
        size = self.shape(x)[1:3]
        same = [same_padding(*a) for a in zip(size, n.kernel, n.stride, n.dilation)]
        if sides == same:
            return x, s.Padding.SAME
        if any(map(any, sides)):
            pads = self.ints([(0, 0), *sides, (0, 0)])
            shape = [self.shape(x)[0], *(d + sum(p) for d, p in zip(size, sides)), self.shape(x)[3]]
            if low:
                least = self.constant([np.finfo(np.float32).min])
                x = self.emit("PADV2", [x, pads, least], shape, table="PadV2Options")
            else:
                x = self.emit("PAD", [x, pads], shape, table="PadOptions")
        return x, s.Padding.VALID

    # --- ops ------------------------------------------------------------------------------------

    def conv2d(self, n, x):
        if len(n.inputs) > 3:
            raise Unsupported("a convolution with a fused residual or gate")
        weight = self.graph.data(n.inputs[1])
        bias = self.graph.data(slot(n, 2))
        bias = np.zeros(len(weight)) if bias is None else bias
        channels = self.shape(x)[3]
        act, rest = fused(n.act)
        x, padding = self.padded(n, x, False)
        options = dict(padding=padding, strideH=n.stride[0], strideW=n.stride[1],
                       dilationHFactor=n.dilation[0], dilationWFactor=n.dilation[1],
                       fusedActivationFunction=act)
        op, table = "CONV_2D", "Conv2DOptions"
        if n.groups == channels and n.groups > 1:
            weight = weight.transpose(3, 1, 2, 0)
            op, table = "DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions"
            options["depthMultiplier"] = len(bias) // channels
        y = self.emit(op, [x, self.constant(weight), self.constant(bias)],
                      self.graph.shape(n.out), table=table, **options)
        return self.activation(rest, y)

    def fc(self, n, x):
        act, rest = fused(n.act)
        x = self.reshape(x, [self.shape(x)[0], self.shape(x)[-1]])
        bias = self.graph.data(slot(n, 2))
        inputs = [x, self.constant(self.graph.data(n.inputs[1]))]
        inputs.append(-1 if bias is None else self.constant(bias))
        y = self.emit("FULLY_CONNECTED", inputs, self.graph.shape(n.out),
                      table="FullyConnectedOptions", fusedActivationFunction=act)
        return self.activation(rest, y)

    def batch_norm(self, n, x):
        scale, shift = norm_scale_shift(self.graph, n)
        x = self.arithmetic("mul", x, self.constant(scale))
        return self.arithmetic("add", x, self.constant(shift))

    def pool(self, n, x):
        if vars(n)["global"]:
            if n.kind == "max":
                raise Unsupported("a maximum over the whole map")
            return self.emit("MEAN", [x, self.ints([1, 2])], self.graph.shape(n.out),
                             table="ReducerOptions", keepDims=True)
        if n.dilation != [1, 1] or any(n.ceil) and n.kind == "avg":
            raise Unsupported("a pool over partial or dilated windows")
        x, padding = self.padded(n, x, n.kind == "max")
        if n.kind == "avg" and any(n.pad) and (padding == s.Padding.SAME) == n.count_pad:
            raise Unsupported("an average that counts its padding otherwise")
        return self.emit("AVERAGE_POOL_2D" if n.kind == "avg" else "MAX_POOL_2D", [x],
                         self.graph.shape(n.out), table="Pool2DOptions", padding=padding,
                         strideH=n.stride[0], strideW=n.stride[1], filterHeight=n.kernel[0],
                         filterWidth=n.kernel[1])

    def binary(self, n, x):
        data = self.graph.data(n.inputs[1])
        act, rest = fused(n.act)
        other = self.value[n.inputs[1]] if data is None else self.constant(data)
        return self.activation(rest, self.arithmetic(n.op, x, other, act))

    add = mul = binary

    def act(self, n, x):
        return self.activation(n.act, x)

    def softmax(self, n, x):
        return self.emit("SOFTMAX", [x], self.shape(x), table="SoftmaxOptions", beta=1.0)

    def concat(self, n, x):
        shape = self.graph.shape(n.out)
        return self.emit("CONCATENATION", [self.value[t] for t in n.inputs], shape,
                         table="ConcatenationOptions", axis=len(shape) - 1)

    def reshape_op(self, n, x):
        return self.reshape(x, self.graph.shape(n.out))

    def channel_shuffle(self, n, x):
        b, h, w, c = self.graph.shape(n.out)
        x = self.reshape(x, [b, h, w, n.groups, c // n.groups])
        return self.reshape(self.transpose(x, [0, 1, 2, 4, 3]), [b, h, w, c])

    def cut(self, x, begin, shape):
        return self.emit("SLICE", [x, self.ints(begin), self.ints(shape)], shape,
                         table="SliceOptions")

    def slice(self, n, x):
        if any(step != 1 for step in n.step):
            raise Unsupported("a slice with steps")
        return self.cut(x, n.begin, self.graph.shape(n.out))

    def pad(self, n, x):
        if n.value:
            raise Unsupported("padding with %g" % n.value)
        return self.emit("PAD", [x, self.ints(list(zip(n.before, n.after)))],
                         self.graph.shape(n.out), table="PadOptions")

    def product(self, x, y, transposed=False):
        shape = list(self.shape(x))
        shape[-1] = self.shape(y)[-2 if transposed else -1]
        return self.emit("BATCH_MATMUL", [x, y], shape, table="BatchMatMulOptions",
                         adjX=False, adjY=transposed)

    def tokens(self, t, at, count, dim):
        """[N,H,W,C] to [N,tokens,heads,dim]."""
        n, h, w, c = self.graph.shape(t)
        x = self.value[t]
        if (at, count * dim) != (0, c):
            x = self.cut(x, [0, 0, 0, at], [n, h, w, count * dim])
        return self.reshape(x, [n, h * w, count, dim])

    def attention(self, n, x):
        if n.patch != [1, 1] or n.kv_heads not in (1, n.heads):
            raise Unsupported("attention in patches or with shared groups of heads")
        batch, h, w, _ = self.graph.shape(n.inputs[0])
        q = self.tokens(n.inputs[0], n.q_at, n.heads, n.dim)
        k = self.tokens(n.inputs[1], n.k_at, n.kv_heads, n.dim)
        v = self.tokens(n.inputs[2], n.v_at, n.kv_heads, n.vdim)
        q = self.arithmetic("mul", q, self.constant([n.scale]))
        if n.kv_heads < n.heads:  # one key for all heads: one product
            q = self.reshape(q, [batch, h * w * n.heads, n.dim])
            k, v = (self.reshape(t, [batch, self.shape(t)[1], self.shape(t)[3]]) for t in (k, v))
        else:
            q, k, v = (self.transpose(t, [0, 2, 1, 3]) for t in (q, k, v))
        score = self.product(q, k, True)
        y = self.product(self.softmax(n, score), v)
        if n.kv_heads == n.heads:
            y = self.transpose(y, [0, 2, 1, 3])
        return self.reshape(y, [batch, h, w, n.heads * n.vdim])

    # --- the whole ------------------------------------------------------------------------------

    def export(self):
        self.value = {t: self.tensor(self.graph.shape(t)) for t in self.graph.inputs}
        self.sub.inputs = list(self.value.values())
        for n in self.graph.nodes:
            rule = getattr(self, "reshape_op" if n.op == "reshape" else n.op, None)
            if not rule:
                raise Unsupported("op %s (%s)" % (n.op, n.name))
            y = rule(n, self.value.get(n.inputs[0]))
            self.value[n.out] = self.activation(n.post, y)
        self.sub.outputs = [self.value[t] for t in self.graph.outputs]
        model = s.ModelT()
        model.version, model.subgraphs, model.buffers = 3, [self.sub], self.buffers
        model.operatorCodes = []
        for code in self.codes:
            c = s.OperatorCodeT()
            c.builtinCode, c.deprecatedBuiltinCode, c.version = code, min(code, 127), 1
            model.operatorCodes.append(c)
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def export(graph, path):
    with open(path, "wb") as f:
        f.write(Exporter(graph).export())
