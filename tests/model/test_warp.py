"""Columns of the right view where the strongest candidates point: by the definition, in torch, on integers, in ONNX."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from stereo_exp.model.superpixel import OFFSETS, ConvexUpsampling
from stereo_exp.model.warp import find_strongest, warp


def plain_warp(right: Tensor, logits: Tensor, factor: int) -> Tensor:
    """One value at a time."""
    moved = torch.empty_like(right)
    for b, y, x in np.ndindex(right.shape[0], *right.shape[2:]):
        cell = logits[b, :, y // factor, x // factor].tolist()
        strongest = max(d for d, value in enumerate(cell) if value == max(cell))
        moved[b, :, y, x] = right[b, :, y, max(x - factor * strongest, 0)]
    return moved


def drawn(seed: int, batch: int, channels: int, candidates: int, size: tuple[int, int], factor: int):
    generator = torch.Generator().manual_seed(seed)
    right = torch.randint(-128, 128, (batch, channels, size[0] * factor, size[1] * factor), generator=generator)
    # Few values, so that many candidates are equally strong.
    return right, torch.randint(-2, 3, (batch, candidates, *size), generator=generator).float()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999), batch=st.integers(1, 2), channels=st.integers(1, 3), candidates=st.integers(1, 6),
    height=st.integers(1, 3), width=st.integers(1, 5), factor=st.sampled_from([1, 2, 4]),
    dtype=st.sampled_from([torch.float32, torch.int8, torch.int64]),
)  # fmt: skip
def test_by_the_definition(seed, batch, channels, candidates, height, width, factor, dtype) -> None:  # type: ignore
    right, logits = drawn(seed, batch, channels, candidates, (height, width), factor)
    right = right.to(dtype)
    found = warp(right, logits, factor)
    assert found.dtype == dtype
    assert torch.equal(found, plain_warp(right, logits, factor))


def test_of_equals_the_last_is_the_strongest() -> None:
    logits = torch.tensor([1.0, 3.0, 3.0, 2.0]).view(1, 4, 1, 1)
    assert find_strongest(logits).item() == 2


def test_a_pixel_learns_from_all_that_point_at_it() -> None:
    right = torch.randn(1, 2, 4, 8, dtype=torch.float64, requires_grad=True)
    logits = torch.randn(1, 3, 2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: warp(x, logits.detach(), 2), right)
    warp(right, logits, 2).sum().backward()
    assert right.grad is not None and right.grad.sum() == right.numel()
    assert logits.grad is None


def test_a_refinement_sees_where_the_candidates_are_right() -> None:
    """Views that match at the strongest candidate look alike to it, whatever the disparity is."""
    up = ConvexUpsampling([4, 8, 8, 8, 8], stride=4, hidden=8, pixel=2, refinement="half").eval()
    generator = torch.Generator().manual_seed(0)
    maps = [torch.randn(2, c, 32 >> i, 64 >> i, generator=generator) for i, c in enumerate([4, 8, 8, 8, 8])]
    answers = []
    for candidate in (0, 3):
        # The right view is the left one, moved to the left by so many cells.
        moved = [torch.cat((m[:1], m[:1].roll(-candidate * 2 >> i if i < 2 else 0, 3))) for i, m in enumerate(maps)]
        logits = torch.zeros(1, 12, 16, 32)
        logits[:, candidate] = 5
        answers.append(up(moved, 1, logits)[:, 9:, :, 16:-4])
    assert answers[0].shape[1] == len(OFFSETS)
    torch.testing.assert_close(answers[0], answers[1])
    blind = up(moved, 1, torch.zeros(1, 12, 16, 32))[:, 9:, :, 16:-4]
    assert (blind - answers[1]).abs().max() > 0.01


@pytest.mark.parametrize("dtype", [torch.float32, torch.int8])
def test_as_onnx(dtype: torch.dtype) -> None:
    """Open sizes, ties and all."""
    pytest.importorskip("onnxruntime")
    from onnxruntime import InferenceSession

    from stereo_exp.deploy.operators import write_warp
    from stereo_exp.model.warp import WARP

    class Module(torch.nn.Module):
        def forward(self, right: Tensor, logits: Tensor) -> Tensor:
            return warp(right, logits, 2)

    axes = [torch.export.Dim(name, min=1, max=64) for name in ("n", "h", "w")]
    shapes = ({0: axes[0], 2: 2 * axes[1], 3: 2 * axes[2]}, {0: axes[0], 2: axes[1], 3: axes[2]})
    right, logits = drawn(0, 2, 3, 5, (3, 4), 2)
    program = torch.onnx.export(
        Module().eval(), (right.to(dtype), logits), dynamo=True, opset_version=18, dynamic_shapes=shapes,
        input_names=["right", "logits"], output_names=["moved"], custom_translation_table={WARP: write_warp},
        verbose=False,
    )  # fmt: skip
    assert program is not None
    session = InferenceSession(program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"])
    for seed, size in enumerate([(3, 4), (1, 1), (2, 7)]):
        right, logits = drawn(seed, 1 + seed % 2, 3, 5, size, 2)
        (found,) = session.run(["moved"], {"right": right.to(dtype).numpy(), "logits": logits.numpy()})
        assert np.array_equal(found, plain_warp(right, logits, 2).to(dtype).numpy())
