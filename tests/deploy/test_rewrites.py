"""Every rewrite changes the graph where it should and not a bit of what the graph computes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper
from small_models import Network, images

from stereo_exp.deploy.engines import openvino
from stereo_exp.deploy.folder import OPSET
from stereo_exp.deploy.forms import LOGITS, trunk_form
from stereo_exp.deploy.onnx_export import export_trunk_onnx, integers_name
from stereo_exp.deploy.rewrites import REWRITES, Rewrite, rewrite
from stereo_exp.deploy.rewrites.shuffles import shuffle_weight, weight_before_shuffle
from stereo_exp.deploy.surgery import edit, repeat_node, replace_pattern, sweep
from stereo_exp.model.colour import normalize
from stereo_exp.runtime.engines.onnxruntime import exact_options
from stereo_exp.runtime.engines.openvino import OpenVinoEngine

VIEWS = images(64, 96)


def run(model: onnx.ModelProto, outputs: Sequence[str] = LOGITS, views: tuple = VIEWS) -> list[np.ndarray]:
    options = exact_options()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(list(outputs), dict(zip(("left", "right"), views, strict=True)))


def run_openvino(model: onnx.ModelProto, folder: Path) -> list[np.ndarray]:
    openvino.write(model, folder, "trunk", 0)
    return OpenVinoEngine(folder / "openvino/trunk.xml", ("left", "right"), 1, 1, False).run(*VIEWS)


def of_torch(network: Network, views: tuple = VIEWS) -> list[np.ndarray]:
    inputs = (normalize(torch.from_numpy(view).permute(0, 3, 1, 2)) for view in views)
    with torch.no_grad():
        return [logits.numpy() for logits in network.source.trunk(*inputs)]


def before(network: Network, entry: Rewrite) -> onnx.ModelProto:
    """The trunk after the rewrites that come before one."""

    def run_earlier(model: ir.Model) -> None:
        for earlier in REWRITES[: REWRITES.index(entry)]:
            if set(entry.engines) <= set(earlier.engines) and earlier.level <= entry.level:
                earlier.change(model)
                sweep(model)

    return edit(trunk_form(network.exported), run_earlier)


@pytest.mark.parametrize("entry", REWRITES, ids=lambda e: e.name)
def test_not_a_bit_changes(pow2: Network, entry: Rewrite, tmp_path: Path) -> None:
    changes = []
    model = edit(before(pow2, entry), lambda m: changes.append(entry.change(m)))
    assert changes[0] > 0
    # ONNX Runtime rounds offsets to the grid of the sums, and must not be given what is for OpenVINO.
    results = run(model) if "onnxruntime" in entry.engines else run_openvino(model, tmp_path)
    for found, wanted in zip(results, of_torch(pow2), strict=True):
        np.testing.assert_array_equal(found, wanted)
    again = []
    edit(model, lambda m: again.append(entry.change(m)))
    assert again == [0], "a second time there is nothing left to do"


@pytest.mark.parametrize("level", range(4))
def test_weights_have_their_own_zero_points(pow2: Network, level: int) -> None:
    """What ONNX Runtime needs where it turns signed weights into unsigned ones; see `give_weights_own_zero_points`."""
    graph = rewrite(trunk_form(pow2.exported), "onnxruntime", level)[0].graph
    constants = {i.name for i in graph.initializer}
    weights = [n for n in graph.node if n.op_type == "DequantizeLinear" and n.input[0] in constants]
    zero_points = [n.input[2] for n in weights]
    owners = {zero_point: n.input[0] for zero_point, n in zip(zero_points, weights, strict=True)}
    assert weights
    assert len(owners) == len({n.input[0] for n in weights})
    others = {name for n in graph.node if n not in weights for name in n.input}
    assert not others & owners.keys()


@pytest.mark.parametrize("level", range(4))
@pytest.mark.parametrize("size", [(32, 32), (96, 160)], ids=str)
def test_levels(pow2: Network, level: int, size: tuple[int, int]) -> None:
    model, changes = rewrite(trunk_form(pow2.exported), "onnxruntime", level)
    assert set(changes) == {e.name for e in REWRITES if e.level <= level and "onnxruntime" in e.engines}
    views = images(*size, batch=2, seed=level)
    for found, wanted in zip(run(model, views=views), of_torch(pow2, views), strict=True):
        np.testing.assert_array_equal(found, wanted)


def kinds(model: onnx.ModelProto) -> set[str]:
    return {node.op_type for node in model.graph.node}


def test_what_is_gone(pow2: Network) -> None:
    plain = trunk_form(pow2.exported)
    zero, one, three = (rewrite(plain, "onnxruntime", level)[0] for level in (0, 1, 3))
    assert "Floor" in kinds(zero)
    assert "Floor" not in kinds(one)
    assert "ConvTranspose" in kinds(one)
    assert "ConvTranspose" not in kinds(three)
    assert "MatMulIntegerToFloat" in kinds(three)
    integers = {i.name: i.data_type for i in zero.graph.initializer}
    activations = [n for n in zero.graph.node if n.op_type == "QuantizeLinear"]
    assert {integers[n.input[2]] for n in activations} == {onnx.TensorProto.UINT8}
    openvino = rewrite(plain, "openvino", 3)[0]
    assert {o.domain for o in openvino.opset_import} == {""}


def test_colours_in_bytes_are_those_of_training_for_every_colour(pow2: Network) -> None:
    model, changes = rewrite(trunk_form(pow2.exported), "openvino", 2)
    assert changes["integer_colours"] == 1
    assert "Cast" not in kinds(model)
    conv = next(n for n in model.graph.node if n.op_type == "Conv")
    constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    weights = next(n for n in model.graph.node if conv.input[1] in n.output)
    rows, scale, offset = (constants[name] for name in (*weights.input[:2], conv.input[2]))
    assert rows.dtype == np.int8 and rows.shape == (4, 3, 1, 1)
    matrix = torch.tensor(rows[:, :, 0, 0] * scale[:, None])
    values = torch.arange(256, dtype=torch.uint8)
    for red in range(256):
        rgb = torch.cartesian_prod(torch.tensor([red], dtype=torch.uint8), values, values)
        sums = torch.round(rgb.float() @ matrix.T + torch.tensor(offset))
        assert sums.min() >= -128 and sums.max() <= 127
        found = torch.stack((sums[:, 0] + sums[:, 3], sums[:, 1], sums[:, 2]), 1)
        wanted = normalize(rgb.T.reshape(1, 3, 256, 256)).reshape(3, -1).T * 128
        assert torch.equal(found, wanted)


@pytest.mark.long
@pytest.mark.parametrize("size", [None, (64, 96)], ids=["open", "fixed"])
def test_colours_of_four_pixels_together_where_the_width_is_fixed(
    pow2: Network, size: tuple[int, int] | None, tmp_path: Path
) -> None:
    exported = pow2.exported if size is None else export_trunk_onnx(pow2.source, OPSET, size)
    trunk = trunk_form(exported)
    model, changes = rewrite(trunk, "openvino", 2)
    assert changes["integer_colours"] == 1
    conv = next(n for n in model.graph.node if n.op_type == "Conv")
    constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    rows = constants[next(n.input[0] for n in model.graph.node if conv.input[1] in n.output)]
    assert rows.shape[:2] == ((4, 3) if size is None else (16, 12))
    for found, wanted in zip(run_openvino(model, tmp_path), of_torch(pow2), strict=True):
        np.testing.assert_array_equal(found, wanted)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_pixel_shuffle_is_the_transposed_convolution(
    channels_in: int, channels_out: int, height: int, width: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(-128, 128, (2, channels_in, height, width), generator=generator).double()
    weight = torch.randint(-127, 128, (channels_in, channels_out, 4, 4), generator=generator).double()
    wanted = torch.nn.functional.conv_transpose2d(x, weight, stride=2, padding=1)
    parities = torch.nn.functional.conv2d(x, torch.from_numpy(shuffle_weight(weight.numpy())), padding=1)
    assert torch.equal(torch.nn.functional.pixel_shuffle(parities, 2), wanted)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_convolution_behind_a_shuffle_may_stand_in_front_of_it(
    channels_in: int, channels_out: int, height: int, width: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(-128, 128, (2, 4 * channels_in, height, width), generator=generator).double()
    weight = torch.randint(-127, 128, (channels_out, channels_in, 3, 3), generator=generator).double()
    shuffled = torch.nn.functional.pixel_shuffle(x, 2)
    wanted = torch.nn.functional.conv2d(shuffled, weight, padding=1)
    before = torch.nn.functional.conv2d(x, torch.from_numpy(weight_before_shuffle(weight.numpy())), padding=1)
    assert torch.equal(torch.nn.functional.pixel_shuffle(before, 2), wanted)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_what_is_watched_keeps_every_tensor(pow2: Network, engine: str) -> None:
    names = {integers_name(tensor.name) for tensor in pow2.source.tensors}
    trunk = trunk_form(pow2.exported)
    watched, fastest = (rewrite(trunk, engine, 3, keep_tensors=keep)[0] for keep in (True, False))
    kept = {output for node in watched.graph.node for output in node.output}
    assert names <= kept
    assert not names <= {output for node in fastest.graph.node for output in node.output}


def test_views_go_through_one_chain(pow2: Network) -> None:
    plain = trunk_form(pow2.exported)
    for level, chains in ((1, 2), (2, 1)):
        model, _ = rewrite(plain, "openvino", level)
        transposes = [n for n in model.graph.node if n.op_type == "Transpose" and n.name.startswith("images/")]
        assert len(transposes) == chains


def test_colours_are_those_of_training(floating: Network) -> None:
    """All bits, of a million random colours and of the corners of the cube; as rounded twice and as rounded once."""
    rng = np.random.default_rng(0)
    corners = np.stack(np.meshgrid(*[np.asarray([0, 1, 2, 127, 128, 129, 253, 254, 255, 64, 65, 191])] * 3), -1)
    colours = np.concatenate([corners.reshape(-1, 3), rng.integers(0, 256, (2**20 - corners.size // 3, 3))])
    image = colours.astype(np.uint8).reshape(1, 1024, 1024, 3)
    model = onnx.ModelProto()
    model.CopyFrom(trunk_form(floating.exported))
    del model.graph.output[:]
    shape = ["N", 3, "H", "W"]
    model.graph.output.append(helper.make_tensor_value_info("images/left_yuv", onnx.TensorProto.FLOAT, shape))
    (found,) = run(edit(model, lambda m: None), ["images/left_yuv"], (image, image))
    wanted = normalize(torch.from_numpy(image).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_array_equal(found, wanted)


def test_integers_of_every_colour_channel(pow2: Network) -> None:
    """The same for the integers that the trunk gets when colours are rounded once."""
    model, changes = rewrite(trunk_form(pow2.exported), "onnxruntime", 1)
    assert changes["round_once"] == 2
    quantised = onnx.ModelProto()
    quantised.CopyFrom(model)
    quantised.graph.output.append(helper.make_tensor_value_info("left.integers", onnx.TensorProto.UINT8, None))
    image = np.random.default_rng(1).integers(0, 256, (1, 512, 512, 3), np.uint8)
    (found,) = run(quantised, ["left.integers"], (image, image))
    wanted = normalize(torch.from_numpy(image).permute(0, 3, 1, 2)).numpy() * 128 + 128
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("is_shared", [False, True])
def test_a_pattern_whose_values_others_read(is_shared: bool) -> None:
    node, info = helper.make_node, helper.make_tensor_value_info
    nodes = [node("Mul", ["x", "x"], ["square"]), node("Floor", ["square"], ["a"], name="floor")]
    outputs = [info(name, onnx.TensorProto.FLOAT, [1]) for name in ("a", "b")]
    graph = helper.make_graph(
        [*nodes, node("Neg", ["square"], ["b"])], "g", [info("x", onnx.TensorProto.FLOAT, [1])], outputs
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)

    def change(edited: ir.Model) -> None:
        def pattern(op, x):  # type: ignore[no-untyped-def]
            return op.Floor(op.Mul(x, x), _outputs=["floor"])

        def replacement(op, x, floor):  # type: ignore[no-untyped-def]
            return repeat_node(op, floor, x)

        assert replace_pattern(edited, pattern, replacement, is_shared=is_shared) == is_shared

    changed = edit(model, change)
    assert [(n.op_type, list(n.output)) for n in changed.graph.node if n.op_type == "Mul"] == [("Mul", ["square"])]
    floor = next(n for n in changed.graph.node if n.op_type == "Floor")
    assert (floor.name, list(floor.input), list(floor.output)) == ("floor", ["x" if is_shared else "square"], ["a"])


def quantised_pad() -> onnx.ModelProto:
    """Integers padded with zeros, which are other numbers once zero points move."""
    node, info = helper.make_node, helper.make_tensor_value_info
    constants = {"s": np.float32(1), "z": np.int8(0), "p": np.asarray([0, 0, 1, 1, 0, 0, 0, 0])}
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("Pad", ["q", "p"], ["padded"]),
        node("DequantizeLinear", ["padded", "s", "z"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "pad",
        [info("x", onnx.TensorProto.FLOAT, [1, 1, 4, 4])],
        [info("y", onnx.TensorProto.FLOAT, [1, 1, 6, 6])],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


@pytest.mark.parametrize("value", [None, np.int8(0)], ids=["left out", "said"])
def test_integers_are_padded_with_the_zero_that_they_have(value: np.int8 | None) -> None:
    model = quantised_pad()
    if value is not None:
        pad = next(node for node in model.graph.node if node.op_type == "Pad")
        pad.input.append("z")
    x = np.random.default_rng(0).integers(-128, 128, (1, 1, 4, 4)).astype(np.float32)
    rewritten, changes = rewrite(model, "openvino", 0)
    assert changes["unsigned"] == 2
    sessions = [onnxruntime.InferenceSession(each.SerializeToString()) for each in (model, rewritten)]
    wanted, found = (session.run(["y"], {"x": x})[0] for session in sessions)
    np.testing.assert_array_equal(found, wanted)
    assert (found[0, 0, 0] == 0).all() and (found[0, 0, :, 0] == 0).any()


def test_editing_leaves_the_original(pow2: Network) -> None:
    model = trunk_form(pow2.exported)
    text = model.SerializeToString(deterministic=True)
    rewrite(model, "onnxruntime", 3)
    assert model.SerializeToString(deterministic=True) == text
