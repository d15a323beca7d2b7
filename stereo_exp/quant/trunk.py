"""The exported graph as JSON and back: who restores a network from a checkpoint that holds it need not export again.

Rows in the order of the graph, each a node's name, its kind and what belongs to it:

- `input`;
- `parameter`, its name in the network;
- `call`, the operator, its arguments, the path of the module that made it (None for arithmetic on sizes);
- `output`, what is returned.

Strings among the arguments are names of nodes. Reading a graph runs nothing but operators of the closed list below.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import logging
import operator
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import Graph, GraphModule, Interpreter, Node
from torch.nn.utils.fusion import fuse_conv_bn_eval

from stereo_exp.model import StereoNetwork, Trunk
from stereo_exp.quant import ops

_OF_TENSORS = ops.COMPUTE | ops.MOVES | ops.ELEMENTWISE
_OPERATORS: dict[str, Callable[..., Any]] = {
    **{str(op): op for op in _OF_TENSORS},
    # Arithmetic on sizes.
    str(ops.aten.sym_size.int): ops.aten.sym_size.int,
    **{op.__name__: op for op in (operator.add, operator.sub, operator.mul, operator.floordiv)},
}
_NAMES = {op: name for name, op in _OPERATORS.items()}

Rows = list[list[Any]]
# What bounds a graph out of a file. Ours have 0.8 nodes for each module and parameter, rows of 19 values, and tensors
# half as large again as the largest between the layers.
_NODES_PER_LAYER, _MOST_ARGUMENTS, _LARGEST_SIZE = 8, 256, 1 << 20
_ROOM = 4
_OPEN_ENDS = (2**63 - 1, -(2**63))


def describe(trunk: GraphModule) -> Rows:
    """The exported graph that a prepared one was made from: without its fake quantisers.

    Raises:
        NotImplementedError: it calls an operator that is not in the list, or with arguments of a kind that we lack.
    """
    names: dict[Node, str] = {}
    rows: Rows = []
    for node in trunk.graph.nodes:
        if node.op == "call_module":
            names[node] = names[node.args[0]]
            continue
        names[node] = node.name
        if node.op == "placeholder":
            rows.append([node.name, "input"])
        elif node.op == "get_attr":
            rows.append([node.name, "parameter", str(node.target)])
        elif node.op == "call_function":
            if node.target not in _NAMES or node.kwargs:
                raise NotImplementedError(f"{node.format_node()} cannot be stored; teach stereo_exp.quant.trunk")
            path = list(node.meta["nn_module_stack"].values())[-1][0] if node.target in _OF_TENSORS else None
            rows.append([node.name, "call", _NAMES[node.target], _written(node.args, names), path])
        else:
            rows.append([node.name, "output", _written(node.args[0], names)])
    return rows


def rebuild(rows: Any, module: nn.Module, example: tuple[Tensor, ...]) -> GraphModule:
    """The graph that `describe` wrote down, with the parameters of `module`.

    Args:
        rows: from a file, so anything.
        module: what the graph was exported from, in evaluation mode, with any weights.
        example: inputs; for them the graph must compute what `module` does.

    Raises:
        ValueError: rows are missing or damaged, or of another network.
    """
    graph = Graph()
    nodes: dict[str, Node] = {}
    submodules = dict(module.named_modules())
    try:
        _check_rows(rows, module)
        for name, kind, *rest in rows:
            if name in nodes or not isinstance(name, str) or not name.isidentifier():
                raise ValueError(f"node {name!r} twice, or no name")
            node = _node(graph, name, kind, rest, nodes)
            nodes[name] = node
            if node.target in _OF_TENSORS:
                made_by = type(submodules[rest[2]])
                node.meta["nn_module_stack"] = {rest[2]: (rest[2], f"{made_by.__module__}.{made_by.__qualname__}")}
        used = {str(node.target) for node in graph.nodes if node.op == "get_attr"}
        if difference := used ^ {parameter for parameter, _ in module.named_parameters()}:
            raise ValueError(f"parameter {min(difference)} is not in both")
        graph.lint()
        trunk = GraphModule(module, graph)
        with torch.no_grad():
            wanted_maps, largest = _count_numbers(module, example)
            for found, wanted in zip(_Shapes(trunk, largest).run(*example), wanted_maps, strict=True):
                torch.testing.assert_close(found, wanted)
    except (ValueError, TypeError, LookupError, AttributeError, RuntimeError, AssertionError) as error:
        # Whatever a stranger wrote, it is one thing: not a graph of this network.
        raise ValueError(str(error).splitlines()[0] if str(error) else type(error).__name__) from error
    return trunk


def _node(graph: Graph, name: str, kind: str, rest: list[Any], nodes: dict[str, Node]) -> Node:
    if kind == "input":
        return graph.create_node("placeholder", name, name=name)
    if kind == "parameter":
        return graph.create_node("get_attr", rest[0], name=name)
    if kind == "call":
        if rest[0] not in _OPERATORS:
            raise ValueError(f"operator {rest[0]!r} is none of ours")
        return graph.create_node("call_function", _OPERATORS[rest[0]], tuple(_read(rest[1], nodes)), name=name)
    if kind == "output":
        return graph.create_node("output", "output", (tuple(_read(rest[0], nodes)),), name=name)
    raise ValueError(f"row {kind!r}")


def _written(value: Any, names: dict[Node, str]) -> Any:
    if isinstance(value, Node):
        return names[value]
    if isinstance(value, (list, tuple)):
        return [_written(item, names) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    raise NotImplementedError(f"an argument of type {type(value).__name__} cannot be stored")


def _read(value: Any, nodes: dict[str, Node]) -> Any:
    if isinstance(value, str):
        return nodes[value]
    if isinstance(value, list):
        return [_read(item, nodes) for item in value]
    return value


class _Shapes(Interpreter):
    """Gives every node the tensor without values that torchao and ours expect beside it, as the exporter does.

    On a small example the operators themselves find the shapes three times as fast as FakeTensorMode.
    """

    def __init__(self, trunk: GraphModule, largest: int) -> None:
        super().__init__(trunk)
        self._mode, self._largest = FakeTensorMode(), largest

    def run_node(self, n: Node) -> Any:
        if n.target in _OF_TENSORS:
            # Without values first: what a stranger's graph asks for is not computed before it is known to be small.
            args, kwargs = torch.fx.node.map_aggregate(self.fetch_args_kwargs_from_env(n), self._as_meta)
            shape = n.target(*args, **kwargs).shape
            if shape.numel() > self._largest:
                raise ValueError(f"{n.name} makes {tuple(shape)}, more numbers than anything in the network")
        result = super().run_node(n)
        if isinstance(result, int) and abs(result) > _LARGEST_SIZE:
            raise ValueError(f"{n.name} makes a size of {result}")
        if isinstance(result, Tensor):
            with self._mode:
                n.meta["val"] = torch.empty(result.shape, dtype=result.dtype)
        elif n.op != "output":
            n.meta["val"] = result
        return result

    @staticmethod
    def _as_meta(value: Any) -> Any:
        return value.to("meta") if isinstance(value, Tensor) else value


def _check_rows(rows: Any, module: nn.Module) -> None:
    """A graph has some nodes for each layer, and each node few arguments: a stranger's list of millions is not read."""
    layers = sum(1 for _ in module.modules()) + sum(1 for _ in module.parameters())
    if not isinstance(rows, list) or not len(rows) <= _NODES_PER_LAYER * layers:
        raise ValueError(f"not a list of at most {_NODES_PER_LAYER * layers} rows")
    for row in rows:
        waiting, count = [row], 0
        while waiting:
            each = waiting.pop()
            count += 1
            waiting += each if isinstance(each, list) else []
            if count > _MOST_ARGUMENTS or (type(each) is int and abs(each) > _LARGEST_SIZE and each not in _OPEN_ENDS):
                raise ValueError("a row of more, or larger, arguments than any operator takes")


def _count_numbers(module: nn.Module, example: tuple[Tensor, ...]) -> tuple[Any, int]:
    """What a network computes of an example, and the numbers of its largest tensor on the way, with some room: a graph
    cuts a layer into operators that may be wider than what the layer gives."""
    largest = max(each.numel() for each in example)

    def look(_: nn.Module, given: Any, result: Any) -> None:
        nonlocal largest
        for each in (*given, *(result if isinstance(result, tuple | list) else (result,))):
            if isinstance(each, Tensor):
                largest = max(largest, each.numel())

    handles = [each.register_forward_hook(look) for each in module.modules()]
    try:
        return module(*example), _ROOM * largest
    finally:
        for handle in handles:
            handle.remove()


# BatchNorm into the convolution before it, for good.


def fold_batchnorm(model: nn.Module) -> nn.Module:
    """A copy of `model` in evaluation mode in which every convolution has taken over its BatchNorm.

    Transposed convolutions too. Names of the convolutions stay; BatchNorms become identities, convolutions without a
    bias get one.
    """
    folded = copy.deepcopy(model).eval()
    for name, norm_name in find_batchnorms(model).items():
        layer, norm = folded.get_submodule(name), folded.get_submodule(norm_name)
        assert isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)) and isinstance(norm, nn.BatchNorm2d)
        fused = fuse_conv_bn_eval(layer, norm, transpose=isinstance(layer, nn.ConvTranspose2d))
        folded.set_submodule(name, fused)
        folded.set_submodule(norm_name, nn.Identity())
    left = [name for name, module in folded.named_modules() if isinstance(module, nn.BatchNorm2d)]
    if left:
        raise NotImplementedError(f"BatchNorm {left[0]} does not follow a convolution in an nn.Sequential")
    return folded


def find_batchnorms(model: nn.Module) -> dict[str, str]:
    """The convolutions of `model` that a BatchNorm follows, and that BatchNorm, by name."""
    pairs = {}
    for prefix, parent in model.named_modules():
        if isinstance(parent, nn.Sequential):
            path = f"{prefix}." if prefix else ""
            layers = list(parent.named_children())
            for (name, layer), (norm_name, norm) in itertools.pairwise(layers):
                if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)) and isinstance(norm, nn.BatchNorm2d):
                    pairs[path + name] = path + norm_name
    return pairs


# The network as a graph: exported once, for every batch size and every image size.


# Any sizes serve as an example; two views of two images, so that no size happens to be 1.
_EXAMPLE = (4, 5)
_SMALL = (2, 3)
"""In multiples of the network's."""


class TwoMaps(Trunk):
    """A trunk as what is exported: left, right -> (disparity logits, superpixel logits)."""

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        logits = super().forward(left, right)
        return logits.disparity, logits.superpixel


_MADE: dict[tuple[Any, ...], Rows] = {}
"""Graphs that this process has exported, by what their networks look like."""


def trunk_of(model: StereoNetwork, stored: Rows | None = None) -> GraphModule:
    """`export_trunk`, or what it made once before: an export takes seconds, a graph made anew of its rows a tenth.

    Args:
        model: folded, on the CPU.
        stored: the same graph from a checkpoint (see `describe`), which saves the export.

    Raises:
        ValueError: `stored` is not a graph of this network.
    """
    if stored is not None:
        return _made_anew(stored, model)
    key = (repr(model), *((name, *tensor.shape) for name, tensor in model.state_dict().items()))
    if key in _MADE:
        # Networks that look alike need not compute alike: `rebuild` compares.
        with contextlib.suppress(ValueError):
            return _made_anew(_MADE[key], model)
    graph = export_trunk(model)
    # What cannot be stored is told when it is to be.
    with contextlib.suppress(NotImplementedError):
        _MADE[key] = describe(graph)
    return graph


def _made_anew(rows: Rows, model: StereoNetwork) -> GraphModule:
    shape = _shape(model, _SMALL)
    example = (torch.rand(shape, generator=torch.Generator().manual_seed(i)) for i in range(2))
    return rebuild(rows, TwoMaps(*model.parts).eval(), tuple(example))


def _shape(model: StereoNetwork, size: tuple[int, int]) -> tuple[int, int, int, int]:
    return 2, 3, *(model.multiple * each for each in size)  # type: ignore[return-value]


def export_trunk(model: StereoNetwork) -> GraphModule:
    """`model`, folded, as a graph of ATen operators with the parameters under their own names.

    Height and width may be any multiples of the network's `multiple`, the batch any size.
    """
    batch = torch.export.Dim("batch", min=1, max=4096)
    height, width = (torch.export.Dim(name, min=1, max=1024) for name in ("height", "width"))
    sizes = {0: batch, 2: model.multiple * height, 3: model.multiple * width}
    example = tuple(torch.zeros(_shape(model, _EXAMPLE)) for _ in range(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(
            TwoMaps(*model.parts).eval(), example, dynamic_shapes=(sizes, sizes), strict=False
        )
    logging.getLogger(__name__).debug("exported %d nodes", len(program.graph.nodes))
    module = program.module()
    assert isinstance(module, GraphModule)
    # The exporter's checks of sizes would stand between the inputs and whoever walks the graph.
    for node in list(module.graph.nodes):
        if node.op == "call_module" and not node.users:
            module.graph.erase_node(node)
            module.delete_submodule(str(node.target))
    module.recompile()
    return module
