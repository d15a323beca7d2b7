"""The proof that float32 carries every sum, held against inputs that drive sums as high as they go."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from small_trunks import small
from torch import Tensor, nn

from stereo_exp.model.layers import LEAKY_SLOPE
from stereo_exp.quant.bounds import CALIBRATION_BITS, accumulator_bounds, raise_floors
from stereo_exp.quant.fake import ActivationQuantiser, PerChannelWeightQuantiser
from stereo_exp.quant.integer import compare
from stereo_exp.quant.network import QuantisedStereoNet, convert

Array = np.ndarray[Any, Any]
ENGINES = ("onnxruntime", "openvino")


class _OneConvolution(nn.Module):
    def __init__(self, channels: int, bias: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 2, 3, padding=1, bias=bias)

    def forward(self, left: Tensor) -> Tensor:
        return self.conv(left)


class _Residual(nn.Module):
    """A sum of a tensor on a coarse grid and a convolution on a fine one."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = (nn.Conv2d(2, 2, 1, bias=False) for _ in range(3))

    def forward(self, left: Tensor) -> Tensor:
        x = self.first(left)
        return self.last(x + self.second(x))


class _Quantised(nn.Module):
    """A convolution whose sums become integers."""

    def __init__(self, leaky: bool) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(2, 2, 1, bias=False), nn.Conv2d(2, 2, 1, bias=False)
        self.act = nn.LeakyReLU(LEAKY_SLOPE) if leaky else nn.Identity()

    def forward(self, left: Tensor) -> Tensor:
        return self.last(self.act(self.first(left)))


def _integers_of_sums(engine: str, path: Path, sums: Array, slope: float = 1.0) -> Array:
    """Addition, LeakyReLU and quantise operator, scale 1 and zero point 128, as `engine` computes them."""
    shape = list(sums.shape)
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("first", "second")]
    output = helper.make_tensor_value_info("integers", TensorProto.UINT8, shape)
    constants = [numpy_helper.from_array(np.float32(1), "scale"), numpy_helper.from_array(np.uint8(128), "zero")]
    nodes = [
        helper.make_node("Add", ["first", "second"], ["sum"]),
        helper.make_node("LeakyRelu", ["sum"], ["active"], alpha=slope),
        helper.make_node("QuantizeLinear", ["active", "scale", "zero"], ["integers"]),
    ]
    graph = helper.make_graph(nodes, "sum", inputs, [output], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    halves = {n: sums / np.float32(2) for n in ("first", "second")}
    if engine == "onnxruntime":
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return session.run(None, halves)[0]
    import openvino

    program = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return program(halves)[0]


@pytest.mark.parametrize("bias", [0.0, 1.5])
def test_bound_of_a_convolution_is_reached(bias: float) -> None:
    """Inputs of −128 make the very sum that the bound states; a limit one step lower is exceeded."""
    torch.manual_seed(0)
    module = _OneConvolution(64, bias != 0)
    with torch.no_grad():
        module.conv.weight.fill_(1)
        if module.conv.bias is not None:
            module.conv.bias.fill_(bias)
    trunk = small(module, 64)
    quantiser = next(m for m in trunk.modules() if isinstance(m, PerChannelWeightQuantiser))
    grid = 2.0**-7 * float(quantiser.scale[0])
    # The whole kernel lies inside the image at the middle pixel; the image takes the bias's side.
    image = torch.zeros(1, 64, 8, 8)
    image[0, :, 3:6, 3:6] = -1.0 if bias == 0 else 127 / 128
    reached = float(trunk(image)[0, 0, 4, 4].abs()) / grid
    weights = float((module.conv.weight[0].abs() / quantiser.scale[0]).sum())
    bound = 128 * weights + bias / grid
    assert reached == (bound if bias == 0 else bound - weights), "what −128 would have made, less one step of each"
    assert accumulator_bounds(trunk, math.log2(bound + 1)) == []
    (excess,) = accumulator_bounds(trunk, math.log2(bound))
    assert excess.label == "conv"
    assert excess.bits == pytest.approx(0, abs=1e-6)


def test_a_coarse_term_on_a_fine_grid_counts_with_all_its_bits() -> None:
    """127 steps of 1 are 2^20·127 steps of 2^-20: too many, until the fine weights are coarsened."""
    torch.manual_seed(0)
    module = _Residual()
    with torch.no_grad():
        module.second.weight.mul_(2.0**-12)
    trunk = small(module, 2)
    (excess,) = (e for e in accumulator_bounds(trunk) if "exceed" in e.problem)
    assert excess.bits > 0
    fine = next(m for m in trunk.modules() if isinstance(m, PerChannelWeightQuantiser) and m.label == "second.weight")
    before = fine.scale.clone()
    assert raise_floors(trunk) > 0
    assert accumulator_bounds(trunk, CALIBRATION_BITS) == []
    assert bool((fine.scale > before).any())
    assert torch.equal(fine.scale, torch.maximum(fine.scale, fine.floor))
    assert float(torch.frexp(fine.scale).mantissa.min()) == 0.5 == float(torch.frexp(fine.scale).mantissa.max())
    # Nothing to do is nothing done.
    assert raise_floors(trunk) == 0
    # No channel is coarser than it must be, though several sums are too fine because of it.
    fine.floor[0] /= 2
    fine.scale[0] /= 2
    assert accumulator_bounds(trunk, CALIBRATION_BITS)


@pytest.mark.parametrize("leaky", [False, True])
def test_sums_finer_than_a_float32_holds_beside_the_zero_point(leaky: bool) -> None:
    """The output's scale is 2^17 times the grid of its sums: one bit too many, until the weights are coarsened."""
    torch.manual_seed(0)
    module = _Quantised(leaky)
    trunk = small(module, 2)
    name = "act" if leaky else "first"
    output = next(m for m in trunk.modules() if isinstance(m, ActivationQuantiser) and m.label == name)
    weights = next(m for m in trunk.modules() if isinstance(m, PerChannelWeightQuantiser) and m.label == "first.weight")
    grid = float(weights.scale.min()) * 2.0**-7
    output.scale.fill_(grid * 2.0 ** (14 if leaky else 16))
    assert accumulator_bounds(trunk) == []
    output.scale.mul_(2)
    (excess,) = accumulator_bounds(trunk)
    assert (excess.label, excess.bits) == (name, 1)
    assert "too fine" in excess.problem
    before = weights.scale.clone()
    assert raise_floors(trunk) > 0
    assert accumulator_bounds(trunk, CALIBRATION_BITS) == []
    assert float(weights.scale.min()) * 2.0**-7 == float(output.scale) * 2.0 ** (-13 if leaky else -15)
    assert bool((weights.scale >= before).all())


@pytest.mark.parametrize("bits", [0, 3, 10, 15, 16])
@pytest.mark.parametrize("engine", ENGINES)
def test_engines_round_alike_what_the_proof_allows(tmp_path: Path, engine: str, bits: int) -> None:
    """All ties of a quantiser with a zero point, and their neighbours on a grid of 2^-bits steps."""
    ties = np.arange(-140, 140, dtype=np.float64)[:, None] + 0.5
    sums = (ties + np.array([-1, 0, 1]) * 2.0**-bits).astype(np.float32)
    expected = np.clip(np.round(sums) + 128, 0, 255)
    np.testing.assert_array_equal(_integers_of_sums(engine, tmp_path / "sum.onnx", sums), expected)


@pytest.mark.parametrize("engine", ENGINES)
def test_engines_round_leaky_sums_alike(tmp_path: Path, engine: str) -> None:
    """The same behind LeakyReLU, on the finest grid that is allowed there: what comes as near to a tie as it can."""
    grid = 2.0**-14
    nearest = np.round((np.arange(-140, 0, dtype=np.float64)[:, None] + 0.5) / LEAKY_SLOPE / grid)
    sums = ((nearest + np.arange(-6, 7)) * grid).astype(np.float32)
    expected = np.clip(np.round(sums * np.float32(LEAKY_SLOPE)) + 128, 0, 255)
    np.testing.assert_array_equal(_integers_of_sums(engine, tmp_path / "sum.onnx", sums, LEAKY_SLOPE), expected)


@pytest.mark.parametrize("seed", [0, 1])
def test_calibration_leaves_no_excess_whatever_the_image(
    calibrated: Callable[..., QuantisedStereoNet], seed: int
) -> None:
    """Images as harsh as can be, black and white at random: float32 still carries every integer."""
    network = calibrated(seed=seed)
    assert accumulator_bounds(network.trunk) == []
    generator = torch.Generator().manual_seed(seed)
    harsh = [(torch.randint(0, 2, (1, 3, 64, 64), generator=generator) * 2 - 1).clamp(max=127 / 128) for _ in "lr"]
    for name, equal, values in compare(convert(network).trunk, *harsh):
        assert equal == values, name


def test_lifted_activations_are_told_by_their_excess(calibrated: Callable[..., QuantisedStereoNet]) -> None:
    """16 bits into an int8 convolution: 2^15·127·K is beyond 2^24 for K > 4."""
    network = calibrated("quant.lift=[backbone.*]", "quant.lift_bits=16")
    excess = accumulator_bounds(network.trunk)
    assert any(e.label.startswith("backbone.") for e in excess)
    assert max(e.bits for e in excess) > 1
