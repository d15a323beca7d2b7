"""From cells to pixels as an ONNX graph: what torch computes, for every up-sampling and every way to spell it."""

from __future__ import annotations

import re

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper, parser
from onnxruntime import InferenceSession
from torch import Tensor

from stereo_exp.deploy.pixels import Pixels
from stereo_exp.model.readout import Expectation, Logits, Regression, Window, full_confidence, full_disparity

D = 6
HEADER = '<ir_version: 8, opset_import: ["" : 18]>'
# Px of a cell, of what has weights of its own, and the side of the blocks that are shuffled behind.
SHAPES = [
    (2, 1, 1),
    (2, 1, 2),
    (4, 1, 1),
    (4, 1, 2),
    (4, 1, 4),
    (8, 1, 2),
    (8, 1, 8),
    (4, 2, 1),
    (4, 2, 2),
    (8, 2, 2),
    (2, 2, 1),
]


def session_of(pixels: Pixels) -> InferenceSession:
    model = parser.parse_model(HEADER + pixels.text)
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in pixels.constants.items())
    onnx.checker.check_model(model)
    return InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def compare(regression: Regression, session: InferenceSession, block: int, logits: Logits) -> list[Tensor]:
    """Run both, the graph on the superpixel logits as they are before a shuffle of `block`."""
    output = regression(logits)
    wanted = [full_disparity(output), full_confidence(output)]
    near = regression.readout.confidence(logits.disparity, output.low)
    places = F.pixel_unshuffle(logits.superpixel, block) if block > 1 else logits.superpixel
    feed = {"low": output.low, "near": near, "superpixel_logits": places}
    if regression.offsets:
        feed["peak"] = regression.find_peak(logits.disparity)
    found = session.run(["disparity", "confidence"], {name: value.numpy() for name, value in feed.items()})
    for mine, theirs, largest in zip(found, wanted, (regression.maxdisp, 1), strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, theirs.numpy(), atol=2e-6 * largest)
    return wanted


def drawn(seed: int, neighbours: int, size: tuple[int, int, int], side: int) -> Logits:
    batch, height, width = size
    generator = torch.Generator().manual_seed(seed)
    disparity: Tensor = 3 * torch.randn(batch, D, height, width, generator=generator)
    superpixel = 2 * torch.randn(batch, neighbours, height * side, width * side, generator=generator)
    return Logits(disparity, superpixel)


@pytest.mark.parametrize("unrolled", [False, True], ids=["", "unrolled"])
@pytest.mark.parametrize(("stride", "pixel", "block"), SHAPES)
@pytest.mark.parametrize("neighbours", [1, 4, 9])
def test_the_graph_computes_what_torch_does(
    neighbours: int, stride: int, pixel: int, block: int, unrolled: bool
) -> None:
    """At several sizes, of one cell too; another batch needs no other graph."""
    regression = Regression(Expectation(D), D * stride, stride, neighbours, pixel)
    session = session_of(Pixels(regression, unrolled, block))
    for seed, size in enumerate([(1, 2, 3), (2, 1, 1), (3, 4, 2), (1, 1, 5)]):
        maps = compare(regression, session, block, drawn(seed, neighbours, size, stride // pixel))
        assert size[1:] == (1, 1) or all(float(each.std()) > 0.01 for each in maps), "constants would prove nothing"


@pytest.mark.parametrize("unrolled", [False, True], ids=["", "unrolled"])
@pytest.mark.parametrize("block", [1, 2])
@pytest.mark.parametrize("neighbours", [1, 4, 9])
def test_what_lies_beside_the_strongest_candidate_counts_as_neighbours_do(
    neighbours: int, block: int, unrolled: bool
) -> None:
    offsets = (-1.0, -0.5, 0.0, 0.75)
    regression = Regression(Window(D, 2), D * 4, 4, neighbours, 2, offsets)
    session = session_of(Pixels(regression, unrolled, block))
    for seed, size in enumerate([(1, 2, 3), (2, 1, 1), (1, 4, 2)]):
        logits = drawn(seed, neighbours + len(offsets), size, 2)
        compare(regression, session, block, logits)
        # All weight on the last offset, which is cut off at the last candidate.
        logits.superpixel[:, :-1] = -30
        logits.superpixel[:, -1] = 30
        compare(regression, session, block, logits)
        strongest = logits.disparity.argmax(1)
        wanted = (4 * (strongest + 0.75)).clamp(max=4 * (D - 1))
        cells = regression(logits)
        torch.testing.assert_close(cells.unfolded[:, -1] * regression.maxdisp, wanted)


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**31),
    neighbours=st.sampled_from([1, 4, 9]),
    shape=st.sampled_from(SHAPES),
    unrolled=st.booleans(),
    height=st.integers(1, 4),
    width=st.integers(1, 4),
    radius=st.integers(1, 3),
)
def test_whatever_the_logits(
    seed: int, neighbours: int, shape: tuple[int, int, int], unrolled: bool, height: int, width: int, radius: int
) -> None:
    """Some of them far beyond what exp holds: each softmax takes the largest away."""
    stride, pixel, block = shape
    regression = Regression(Window(D, radius), D * stride, stride, neighbours, pixel)
    logits = drawn(seed, neighbours, (1, height, width), stride // pixel)
    loud = logits._replace(superpixel=logits.superpixel * 100)
    for each in (logits, loud):
        compare(regression, session_of(Pixels(regression, unrolled, block)), block, each)


def test_borders() -> None:
    """Of four neighbours those outside count as zero; of nine the edge is repeated: a flat map stays flat."""
    flat = torch.full((1, 1, 2, 2), 0.5)
    found = {}
    for neighbours in (4, 9):
        regression = Regression(Expectation(D), 24, 4, neighbours)
        feed = {
            "low": flat.numpy(),
            "near": flat.numpy(),
            "superpixel_logits": np.zeros((1, neighbours, 8, 8), np.float32),
        }
        (found[neighbours],) = session_of(Pixels(regression, False)).run(["disparity"], feed)
    np.testing.assert_allclose(found[9], 12, rtol=1e-6)
    np.testing.assert_allclose(found[4][0, 4:, 4:], 12, rtol=1e-6)
    np.testing.assert_allclose(found[4][0, :4, 4:], 6, rtol=1e-6)
    np.testing.assert_allclose(found[4][0, :4, :4], 3, rtol=1e-6)


@pytest.mark.parametrize("unrolled", [False, True])
@pytest.mark.parametrize(("stride", "pixel", "block"), SHAPES)
@pytest.mark.parametrize("neighbours", [1, 4, 9])
def test_only_what_is_needed_is_there(neighbours: int, stride: int, pixel: int, block: int, unrolled: bool) -> None:
    pixels = Pixels(Regression(Expectation(D), D * stride, stride, neighbours, pixel), unrolled, block)
    model = parser.parse_model(HEADER + pixels.text)
    read = {name for node in model.graph.node for name in node.input if name}
    made = {name for node in model.graph.node for name in node.output}
    inputs = {value.name for value in model.graph.input}
    assert pixels.constants.keys() == read - made - inputs
    # One cell's value is mixed of itself: nothing looks at the border.
    assert ("Pad (pair" in re.sub(r" <[^>]*>", "", pixels.text)) == (neighbours > 1)
    # A block as large as a cell needs no enlargement.
    kinds = [node.op_type for node in model.graph.node]
    enlarged = kinds.count("Resize") - (pixel > 1)
    assert enlarged == (0 if block == stride // pixel and (block > 1 or unrolled) else 1)
