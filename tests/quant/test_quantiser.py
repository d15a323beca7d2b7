"""Where tensors become integers, for every part of a network there is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from small_networks import options, small_config, tensors
from torch import nn
from torch.fx import GraphModule, Node

from stereo_exp.base.errors import UserError
from stereo_exp.model.cost_volume import CorrelationVolume
from stereo_exp.quant import ops, trunk
from stereo_exp.quant.diagnosis import layers
from stereo_exp.quant.fake import ActivationQuantiser, PerChannelBiasQuantiser, PerChannelWeightQuantiser, Quantiser
from stereo_exp.quant.network import QuantisedStereoNet, convert
from stereo_exp.quant.observers import MinMaxObserver
from stereo_exp.quant.quantiser import NetworkQuantiser
from stereo_exp.quant.targets import Affine, Pow2, Target
from stereo_exp.quant.trunk import export_trunk, fold_batchnorm, trunk_of
from stereo_exp.suite.build import build_network, quantize_network
from stereo_exp.suite.keys import by_key

Prepared = Callable[..., QuantisedStereoNet]


# Every option of every group that shapes the network.
NETWORKS = [
    each
    for part in ("backbone", "neck", "head", "volume", "aggregation", "upsampling", "readout")
    for each in options(f"model/{part}")
]


def convolutions(trunk: GraphModule) -> list[Node]:
    return [n for n in trunk.graph.nodes if n.target in ops.CONVOLUTIONS]


def module_of(trunk: GraphModule, node: object) -> nn.Module | None:
    if isinstance(node, Node) and node.op == "call_module":
        return trunk.get_submodule(str(node.target))
    return None


@pytest.mark.parametrize("overrides", NETWORKS, ids=" ".join)
@pytest.mark.parametrize("target", ["pow2", pytest.param("affine", marks=pytest.mark.long)])
def test_every_convolution_is_quantised(prepared: Prepared, overrides: tuple[str, ...], target: str) -> None:
    overrides = (*overrides, f"quant/target={target}")
    config = small_config(*overrides)
    model = build_network(config.model)
    layers_of_model = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
    trunk = prepared(*overrides).trunk
    found = convolutions(trunk)
    # Shared by both views, a convolution comes once: the views are one batch.
    assert len(found) == len(layers_of_model) > 20
    published = small_config().model.upsampling
    assert any(n.target is ops.TRANSPOSED for n in found) == (config.model.upsampling == published)
    for node in found:
        weight = module_of(trunk, node.args[1])
        assert isinstance(weight, PerChannelWeightQuantiser), node
        transposed = node.target is ops.TRANSPOSED
        assert weight.ch_axis == int(transposed)
        parameter = trunk.get_parameter(weight.label)
        assert weight.scale.shape == (parameter.shape[1 if transposed else 0],)
        bias = node.args[2] if len(node.args) > 2 else None
        if bias is not None:
            quantiser = module_of(trunk, bias)
            assert isinstance(quantiser, PerChannelBiasQuantiser), node
            assert quantiser.parents[1] is weight
        # Whatever a convolution reads came out of a quantiser, moved at most.
        assert_quantised(trunk, ops.tensor_inputs(node)[0])
    for node in trunk.graph.nodes:
        if node.target is ops.MATMUL or ops.is_product(node):
            for value in ops.tensor_inputs(node):
                assert_quantised(trunk, value)


def assert_quantised(trunk: GraphModule, node: Node) -> None:
    while node.target in ops.MOVES and node.target is not ops.aten.cat.default:
        (node,) = ops.tensor_inputs(node)
    if node.target is ops.aten.cat.default:
        for part in ops.tensor_inputs(node):
            assert_quantised(trunk, part)
        return
    assert isinstance(module_of(trunk, node), ActivationQuantiser), node


@pytest.mark.parametrize("overrides", NETWORKS, ids=" ".join)
def test_converted_network_has_int8_weights_and_no_float_ones(prepared: Prepared, overrides: tuple[str, ...]) -> None:
    network = prepared(*overrides)
    network.quantize(True)
    trunk = convert(network).trunk
    for node in convolutions(trunk):
        source = node.args[1]
        assert source.target == ops.DEQUANTISE_CHANNELS
        stored = source.args[0]
        assert stored.op == "get_attr"
        weight = getattr_path(trunk, str(stored.target))
        assert weight.dtype == torch.int8
        scales = getattr_path(trunk, str(source.args[1].target))
        axis = 1 if node.target is ops.TRANSPOSED else 0
        assert source.args[3] == axis
        assert scales.shape == (weight.shape[axis],)
        if len(node.args) > 2 and node.args[2] is not None:
            assert getattr_path(trunk, str(node.args[2].args[0].target)).dtype == torch.int32
    assert not [m for m in trunk.modules() if isinstance(m, Quantiser)]


def getattr_path(module: nn.Module, path: str) -> torch.Tensor:
    value: object = module
    for part in path.split("."):
        value = getattr(value, part)
    assert isinstance(value, torch.Tensor)
    return value


def test_an_activation_is_quantised_once_behind_its_layer(prepared: Prepared) -> None:
    """Not between a convolution and the add, resize or activation behind it; not at the two outputs."""
    trunk = prepared().trunk
    ends = next(n for n in trunk.graph.nodes if n.op == "output").all_input_nodes
    assert len(ends) == 2
    for node in trunk.graph.nodes:
        if not isinstance(module_of(trunk, node), ActivationQuantiser):
            continue
        readers = set()
        waiting = list(node.users)
        while waiting:
            user = waiting.pop()
            if user.target in ops.MOVES:
                waiting += list(user.users)
            else:
                readers.add(user)
        assert any(r.target in ops.COMPUTE for r in readers), "quantised for nobody that multiplies"
    for end in ends:
        assert end.target in ops.CONVOLUTIONS, "the accumulators of both logits leave unrounded"


def test_labels_are_the_networks_own_names(prepared: Prepared) -> None:
    network = prepared()
    labels = [q.label for q in network.quantizers(Quantiser)]
    assert len(set(labels)) == len(labels)
    parameters = dict(network.trunk.named_parameters())
    for quantiser in network.quantizers(Quantiser):
        if not isinstance(quantiser, ActivationQuantiser):
            assert quantiser.label in parameters
    assert {"left", "right"} <= set(labels)
    assert [n for n, m in network.trunk.named_modules() if isinstance(m, Quantiser)] == [
        f"quant.{label.replace('.', '-')}" for label in labels
    ]


@pytest.mark.parametrize(
    ("patterns", "lifted"),
    [
        ([], set()),
        (["aggregation.final.weight"], {"aggregation.final.weight"}),
        (["aggregation.final.*", "neck.add"], {"aggregation.final.weight", "neck.add"}),
        (["backbone.stem.*.weight", "left"], None),
    ],
)
def test_lifting_by_name_and_pattern(prepared: Prepared, patterns: list[str], lifted: set[str] | None) -> None:
    network = prepared(f"quant.lift={patterns}".replace("'", "").replace(" ", ""), "quant.lift_bits=12")
    bits = {
        q.label: q.numbers.bits for q in network.quantizers(Quantiser) if not isinstance(q, PerChannelBiasQuantiser)
    }
    found = {label for label, b in bits.items() if b == 12}
    if lifted is None:
        assert "left" in found
        assert all(label == "left" or label.startswith("backbone.stem") for label in found)
        assert len(found) > 1
    else:
        assert found == lifted
    assert {b for label, b in bits.items() if label not in found} == {8}


@pytest.mark.parametrize(
    "pattern", ["aggregation.nothing", "aggregation.final", "AGGREGATION.*", "aggregation.nothing.*"]
)
def test_a_pattern_that_names_nothing_is_refused(prepared: Prepared, pattern: str) -> None:
    with pytest.raises(UserError) as caught, by_key("train"):
        prepared(f"quant.lift=[left,{pattern}]")
    assert (caught.value.key, caught.value.value) == ("quant.lift", pattern)


@pytest.mark.parametrize(
    ("former", "new"),
    [
        ("head.final.weight", "[aggregation.final.weight]"),
        ("head.aggregation.1.*", "[aggregation.stages.1.*]"),
        ("head.superpixel.spx_8.0.0.weight", "[upsampling.spx_8.0.0.weight]"),
        ("head.mod1.*", "[upsampling.mod1.*]"),
        ("head.*", "[volume.*,aggregation.*,upsampling.*]"),
        ("head.*.weight", "[aggregation.*.weight,upsampling.*.weight]"),
    ],
)
def test_a_former_name_is_told_with_the_new_one(prepared: Prepared, former: str, new: str) -> None:
    with pytest.raises(UserError) as caught, by_key("train"):
        prepared(f"quant.lift=[left,{former}]")
    assert (caught.value.key, caught.value.value) == ("quant.lift", former)
    assert caught.value.fix == f"it has a new name: quant.lift={new}"
    prepared(f"quant.lift={new}")


def test_what_no_part_of_the_former_head_was_has_no_new_name(prepared: Prepared) -> None:
    for stranger in ("head.nothing", "head.final.nothing", "backbone.head.final.weight"):
        with pytest.raises(UserError) as caught, by_key("train"):
            prepared(f"quant.lift=[{stranger}]")
        assert "new name" not in caught.value.fix
        assert "aggregation.final.weight" in caught.value.fix


@pytest.mark.parametrize("channels", [16, 24])
@pytest.mark.parametrize("target", [Pow2(), Affine()], ids=lambda t: t.name)
def test_a_mean_over_other_than_a_power_of_two_is_refused(channels: int, target: Target) -> None:
    volume = torch.export.export(CorrelationVolume(4), (torch.rand(1, channels, 4, 8), torch.rand(1, channels, 4, 8)))
    quantiser = NetworkQuantiser(target, MinMaxObserver)
    if target.exact and channels == 24:
        with pytest.raises(UserError, match=r"quant/target=pow2: .*0\.04167.*model\.neck\.channels"), by_key("train"):
            quantiser.validate(volume.module())
    else:
        quantiser.validate(volume.module())


def test_float_numbers_pass_unchanged_until_told_to_round(prepared: Prepared) -> None:
    """Folding and exporting cost nothing but float rounding, at sizes and batches that the export did not see."""
    config = small_config()
    torch.manual_seed(3)
    model = build_network(config.model)
    model.train()
    with torch.no_grad():
        model(torch.rand(2, 3, 64, 96) - 0.5, torch.rand(2, 3, 64, 96) - 0.5)  # BatchNorm statistics other than 0 and 1
    model.eval()
    network = quantize_network(model, config.quant)
    for batch, height, width in ((1, 32, 64), (3, 96, 32), (2, 64, 160)):
        left, right = (torch.rand(batch, 3, height, width) * 2 - 1 for _ in range(2))
        with torch.no_grad():
            for ours, theirs in zip(*(tensors(each(left, right)) for each in (network, model)), strict=True):
                torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def test_one_export_serves_networks_of_one_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same graph with each network's own weights; another architecture gets another."""
    exported: list[object] = []
    monkeypatch.setattr(trunk, "_MADE", {})
    monkeypatch.setattr(trunk, "export_trunk", lambda model: exported.append(model) or export_trunk(model))
    config = small_config()
    first, second = (fold_batchnorm(build_network(config.model)) for _ in range(2))
    graphs = [trunk_of(m) for m in (first, second)]  # type: ignore[arg-type]
    assert exported == [first]
    for model, graph in zip((first, second), graphs, strict=True):
        for name, parameter in graph.named_parameters():
            assert torch.equal(parameter, model.get_parameter(name))
    assert len(list(graphs[0].parameters())) == len(list(first.parameters()))
    other = small_config("model.maxdisp=64")
    wider = fold_batchnorm(build_network(other.model))
    assert trunk_of(wider).get_parameter("aggregation.final.weight").shape[0] == 8  # type: ignore[arg-type]
    assert exported == [first, wider]


def test_a_graph_of_a_network_that_only_looks_alike_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trunk, "_MADE", {})
    model = fold_batchnorm(build_network(small_config().model))
    wanted = trunk_of(model)  # type: ignore[arg-type]
    (rows,) = trunk._MADE.values()
    next(row for row in rows if row[2:3] == ["aten.add.Tensor"])[2] = "aten.mul.Tensor"
    found = trunk_of(model)  # type: ignore[arg-type]
    views = [torch.rand(1, 3, 64, 64) for _ in range(2)]
    with torch.no_grad():
        for ours, theirs in zip(found(*views), wanted(*views), strict=True):
            assert torch.equal(ours, theirs)


def test_layers_for_the_sensitivity_search_cover_everything_once(prepared: Prepared) -> None:
    network = prepared()
    found = layers(network)
    everything = {q.label for q in network.quantizers(Quantiser)}
    covered = [q.label for parts in found.values() for q in parts]
    assert set(covered) == everything
    assert len([name for name in found if name.endswith(".weight")]) == 2, "the two convolutions that end the network"
