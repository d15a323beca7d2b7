"""ExecuTorch: constants that its kernels take, programs that give torch's bits, mistakes told in one line."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import Network, images

from stereo_exp.base import ArgumentError
from stereo_exp.deploy import Aligned, Limits, Options, Reference, build, summary
from stereo_exp.deploy.engines.executorch import _normalize as colours
from stereo_exp.deploy.engines.executorch import fold_constants
from stereo_exp.model import normalize
from stereo_exp.runtime import Load, load_engine, measure_perf

SIZE = (64, 96)
needs_it = pytest.mark.skipif(find_spec("executorch") is None, reason="executorch is not installed (an extra)")


def test_folded_constants_are_the_same_bits(pow2: Network) -> None:
    trunk = pow2.source.trunk
    views = [torch.from_numpy(view).permute(0, 3, 1, 2).float() / 128 - 1 for view in images(*SIZE)]
    folded = fold_constants(trunk)
    with torch.no_grad():
        assert all(torch.equal(a, b) for a, b in zip(trunk(*views), folded(*views), strict=True))
    convolutions = [node for node in folded.graph.nodes if str(node.target).startswith("aten.conv")]
    weights = ["dequantize" in str(node.args[1].target) for node in convolutions]
    # Both kinds are there: int8 where the result is rounded at once, float before a sum.
    assert 0 < sum(weights) < len(weights)
    biases = [node.args[2] for node in convolutions if len(node.args) > 2 and node.args[2] is not None]
    assert len(biases) > 10 and {bias.op for bias in biases} == {"get_attr"}
    # The source is as it was.
    assert not any(name.endswith("_float") for name, _ in trunk.named_buffers())


def test_colours_without_a_shift_are_the_same_bits() -> None:
    every = torch.arange(256, dtype=torch.uint8)
    rgb = torch.stack([every, every.flip(0), every.roll(85)])[None, :, None]
    some = torch.randint(0, 256, (1, 3, 64, 256), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for image in (rgb, some):
        assert torch.equal(colours(image), normalize(image))


def test_a_size_is_asked_for(pow2: Network, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"engines=executorch: its programs are for one size"):
        build(pow2.source, tmp_path, Options(["executorch"], 3, None, 1), pow2.exported)


@needs_it
@pytest.mark.long
def test_programs_give_torchs_bits(pow2: Network, tmp_path: Path) -> None:
    built = build(pow2.source, tmp_path, Options(["executorch", "onnxruntime"], 3, SIZE, 1))
    assert set(built.manifest.engines["executorch"]) == {"full", "trunk"}
    reference, pair = Reference(pow2.source), images(*SIZE)
    aligned = Aligned(built.manifest, "executorch", 1)
    aligned.compare(*pair, reference(*pair))
    told = summary(aligned.result)
    assert told["tensors"] == 0 and told["integers_equal"] is None
    assert told["disparity_logits_equal"] == told["superpixel_logits_equal"] == 1
    assert told["max_px"] < 0.01
    assert Limits(1.0, 0.01).find_violation(aligned.result) is None
    # A bit that differs is found though no inner integers are compared.
    aligned.result.logits["disparity_logits"].add(np.zeros(2), np.ones(2))
    assert "disparity_logits differs first" in str(Limits(1.0, 0.01).find_violation(aligned.result))
    perf = measure_perf(Load(built.manifest, "executorch", 1, SIZE, 2, 1), lambda count: None)
    assert perf.median > 0 and perf.operators == [] and perf.engine.startswith("executorch ")
    with pytest.raises(ArgumentError, match="device=GPU: ExecuTorch finds cpu here"):
        load_engine(built.manifest, "full", "executorch", 1, device="GPU")
