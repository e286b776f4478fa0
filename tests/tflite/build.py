"""Files of one operator or a few, written with the schema that LiteRT's wheel brings."""
import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as s

TYPES = {"float32": s.TensorType.FLOAT32, "float16": s.TensorType.FLOAT16,
         "int8": s.TensorType.INT8, "uint8": s.TensorType.UINT8, "int16": s.TensorType.INT16,
         "int32": s.TensorType.INT32, "int64": s.TensorType.INT64, "bool": s.TensorType.BOOL}


class Model:
    def __init__(self):
        self.sub = s.SubGraphT()
        self.sub.tensors, self.sub.operators = [], []
        self.sub.inputs, self.sub.outputs = [], []
        self.codes, self.buffers = [], [s.BufferT()]

    def tensor(self, shape, dtype="float32", data=None, quant=None, axis=0, signature=None):
        """quant: (scale, zero), numbers or one each along axis."""
        t = s.TensorT()
        t.name = b"t%d" % len(self.sub.tensors)
        t.shape, t.type, t.buffer = [int(d) for d in shape], TYPES[str(dtype)], 0
        if signature is not None:
            t.shapeSignature = signature
        if data is not None:
            buffer = s.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            self.buffers.append(buffer)
            t.buffer = len(self.buffers) - 1
        if quant is not None:
            q = s.QuantizationParametersT()
            q.scale = np.atleast_1d(np.asarray(quant[0], np.float32))
            q.zeroPoint = np.atleast_1d(np.asarray(quant[1], np.int64))
            q.quantizedDimension = axis
            t.quantization = q
        self.sub.tensors.append(t)
        return len(self.sub.tensors) - 1

    def input(self, shape, dtype="float32", quant=None, signature=None):
        self.sub.inputs.append(self.tensor(shape, dtype, quant=quant, signature=signature))
        return self.sub.inputs[-1]

    def const(self, data, quant=None, axis=0):
        data = np.asarray(data)
        return self.tensor(data.shape, data.dtype, data, quant, axis)

    def output(self, *tensors):
        self.sub.outputs += tensors

    def code(self, op, version):
        name, custom = (op, None) if hasattr(s.BuiltinOperator, op) else ("CUSTOM", op)
        key = getattr(s.BuiltinOperator, name), custom, version
        if key not in self.codes:
            self.codes.append(key)
        return self.codes.index(key)

    def op(self, op, inputs, outputs, table=None, version=1, custom=None, **options):
        """One operator; options are the fields of its options table."""
        o = s.OperatorT()
        o.opcodeIndex = self.code(op, version)
        o.inputs, o.outputs = list(inputs), list(outputs)
        if table:
            o.builtinOptionsType = getattr(s.BuiltinOptions, table)
            o.builtinOptions = getattr(s, table + "T")()
            for key, value in options.items():
                assert hasattr(o.builtinOptions, key), key
                setattr(o.builtinOptions, key, value)
        if custom is not None:
            o.customOptions = np.frombuffer(custom, np.uint8)
        self.sub.operators.append(o)

    def bytes(self):
        model = s.ModelT()
        model.version, model.subgraphs, model.buffers = 3, [self.sub], self.buffers
        model.operatorCodes = []
        for builtin, custom, version in self.codes:
            c = s.OperatorCodeT()
            c.builtinCode, c.deprecatedBuiltinCode, c.version = builtin, min(builtin, 127), version
            c.customCode = custom and custom.encode()
            model.operatorCodes.append(c)
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
