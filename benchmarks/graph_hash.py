"""Hashes of what a stored graph computes, ONNX or OpenVINO, for `bits.py`.

A node is what it does to the hashes of what it takes: names of values, the order of independent nodes, documentation
and producer play no role. Names of inputs count.
"""

from __future__ import annotations

import hashlib
import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import numpy_helper


class Node(NamedTuple):
    """A node of a graph."""

    own: bytes
    """What it does."""
    inputs: list[tuple[Any, bytes]]
    """Key and output of each node that it takes something from."""


class Graph(NamedTuple):
    """What `read_onnx` and `read_openvino` make of a file."""

    hash: str
    num_nodes: int
    names: list[str]
    """Of its inputs and outputs."""


def digest(*parts: bytes) -> str:
    """A short hash; where one part ends and the next begins matters."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()[:16]


def array(values: np.ndarray) -> bytes:
    """Type, shape and values."""
    return f"{values.dtype} {values.shape}".encode() + np.ascontiguousarray(values).tobytes()


def read_onnx(path: Path) -> Graph:
    """An `.onnx` file without external data."""
    model = onnx.load(path)
    graph = model.graph
    nodes: dict[Any, Node] = {"": Node(b"left out", [])}
    for constant in graph.initializer:
        nodes[constant.name] = Node(array(numpy_helper.to_array(constant)), [])
    for given in graph.input:
        nodes[given.name] = Node(given.name.encode() + given.type.SerializeToString(deterministic=True), [])
    source = {name: (name, b"") for name in nodes}
    for index, node in enumerate(graph.node):
        attributes = map(_attribute, sorted(node.attribute, key=lambda each: each.name))
        own = digest(f"{node.domain} {node.op_type}".encode(), *attributes).encode()
        nodes[index] = Node(own, [source[name] for name in node.input])
        source |= {name: (index, str(port).encode()) for port, name in enumerate(node.output)}
    opsets = sorted(f"{opset.domain} {opset.version}" for opset in model.opset_import)
    outputs = [source[given.name] for given in graph.output]
    names = [given.name for given in [*graph.input, *graph.output]]
    return Graph(_hash(nodes, outputs, json.dumps(opsets).encode()), len(graph.node), names)


def read_openvino(path: Path) -> Graph:
    """An `.xml` file and the `.bin` beside it."""
    net, weights = ET.parse(path).getroot(), path.with_suffix(".bin").read_bytes()
    takes: dict[str, list[tuple[int, str, bytes]]] = {}
    for edge in net.iter("edge"):
        taken = int(edge.get("to-port", 0)), edge.get("from-layer", ""), edge.get("from-port", "").encode()
        takes.setdefault(edge.get("to-layer", ""), []).append(taken)
    nodes: dict[Any, Node] = {}
    outputs, names = [], []
    for layer in net.iter("layer"):
        key, kind, name = (layer.get(word, "") for word in ("id", "type", "name"))
        facts = dict(data.attrib) if (data := layer.find("data")) is not None else {}
        begin, size = int(facts.pop("offset", 0)), int(facts.pop("size", 0))
        own = json.dumps([kind, layer.get("version"), facts], sort_keys=True).encode() + weights[begin : begin + size]
        nodes[key] = Node(own, [(source, port) for _, source, port in sorted(takes.get(key, []))])
        if kind in ("Parameter", "Result"):
            names.append(name)
        if kind == "Parameter":
            nodes[key] = Node(own + name.encode(), [])
        if kind == "Result":
            outputs.append((key, b""))
    return Graph(_hash(nodes, outputs), len(nodes), names)


def _hash(nodes: Mapping[Any, Node], outputs: Sequence[tuple[Any, bytes]], *more: bytes) -> str:
    order = TopologicalSorter({key: [source for source, _ in node.inputs] for key, node in nodes.items()})
    hashes: dict[Any, bytes] = {}
    for key in order.static_order():
        hashes[key] = digest(nodes[key].own, *(hashes[source] + port for source, port in nodes[key].inputs)).encode()
    return digest(*more, *sorted(hashes.values()), *(hashes[key] + port for key, port in outputs))


def _attribute(attribute: onnx.AttributeProto) -> bytes:
    if attribute.type == onnx.AttributeProto.TENSOR:
        return attribute.name.encode() + array(numpy_helper.to_array(attribute.t))
    bare = onnx.AttributeProto()
    bare.CopyFrom(attribute)
    bare.ClearField("doc_string")
    return bare.SerializeToString(deterministic=True)
