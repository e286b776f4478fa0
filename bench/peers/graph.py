"""A network as `linnet info MODEL --graph FILE` writes it, made ready for the exporters.

models/graph_write.c describes the file. Logical shapes are N,H,W,C; weights are [OC,KH,KW,IC/groups].
"""
import dataclasses
import json
import struct
import types

import numpy as np


class Unsupported(Exception):
    """An op, or a form of it, that an exporter does not know."""


@dataclasses.dataclass
class Tensor:
    name: str
    shape: list
    data: np.ndarray = None  # constants


@dataclasses.dataclass
class Graph:
    name: str
    inputs: list
    outputs: list
    tensors: list
    nodes: list

    def shape(self, t):
        return self.tensors[t].shape

    def data(self, t):
        return None if t < 0 else self.tensors[t].data

    def add_constant(self, name, data):
        self.tensors.append(Tensor(name, list(data.shape), data.astype(np.float32)))
        return len(self.tensors) - 1


def slot(node, i):
    """Input i of a node, -1 where it has none."""
    return node.inputs[i] if i < len(node.inputs) else -1


def read(path):
    with open(path, "rb") as f:
        (size,) = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(size))
        base = f.tell()
        text = json.loads(header.pop("__metadata__")["graph"])
        tensors = [Tensor(t["name"], t["shape"]) for t in text["tensors"]]
        for key, entry in header.items():
            begin, end = entry["data_offsets"]
            f.seek(base + begin)
            data = np.frombuffer(f.read(end - begin), "<f4").reshape(entry["shape"])
            tensors[int(key)].data = data
    nodes = []
    for n in text["nodes"]:
        inputs, outputs = n.pop("in"), n.pop("out")
        node = types.SimpleNamespace(act=None, post=None, inputs=inputs, out=outputs[0])
        vars(node).update(n)
        nodes.append(node)
    return Graph(text["name"], text["inputs"], text["outputs"], tensors, nodes)


def _uses(graph):
    count = [0] * len(graph.tensors)
    for node in graph.nodes:
        for t in node.inputs:
            if t >= 0:
                count[t] += 1
    for t in graph.outputs:
        count[t] += 1
    return count


def _into_makers(graph, op, absorb):
    """Calls absorb(maker, node) for each node of this op that alone reads what maker makes."""
    uses, makers, kept = _uses(graph), {}, []
    for node in graph.nodes:
        maker = makers.get(node.inputs[0]) if uses[node.inputs[0]] == 1 else None
        if node.op == op and maker and absorb(maker, node):
            maker.out = node.out
        else:
            kept.append(node)
            maker = node
        makers[maker.out] = maker
    graph.nodes = kept


def norm_scale_shift(graph, node):
    """Batch norm as y = scale * x + shift."""
    gamma, beta, mean, var = (graph.data(t).astype(np.float64) for t in node.inputs[1:5])
    scale = gamma / np.sqrt(var + node.eps)
    return scale, beta - mean * scale


def fold_batch_norm(graph):
    def absorb(maker, node):
        if maker.op not in ("conv2d", "fc") or maker.act or len(maker.inputs) > 3:
            return False
        scale, shift = norm_scale_shift(graph, node)
        weight, bias = graph.data(maker.inputs[1]), graph.data(slot(maker, 2))
        if bias is not None:
            shift = shift + scale * bias
        factor = scale.reshape((-1,) + (1,) * (weight.ndim - 1))
        maker.inputs = [maker.inputs[0], graph.add_constant(maker.name + ".weight", weight * factor),
                        graph.add_constant(maker.name + ".bias", shift)]
        return True
    _into_makers(graph, "batch_norm", absorb)


def fuse_activation(graph):
    def absorb(maker, node):
        if maker.op not in ("conv2d", "fc", "add", "mul") or maker.act or len(maker.inputs) > 3:
            return False
        maker.act = node.act
        return True
    _into_makers(graph, "act", absorb)


def load(path):
    """What all exporters start from: norms folded, activations beside the op they follow."""
    graph = read(path)
    fold_batch_norm(graph)
    fuse_activation(graph)
    return graph
