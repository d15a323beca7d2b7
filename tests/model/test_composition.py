"""Parts cross: every backbone with every head, every option alone, each learns; what does not fit is refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch
from composing import composed
from omegaconf import DictConfig, OmegaConf
from small_networks import PARTS, options, random_pairs, small_config, small_words
from torch import Tensor, nn

from stereo_exp.base.errors import UserError
from stereo_exp.config import bind
from stereo_exp.config.training import Distribution
from stereo_exp.model.colour import normalize
from stereo_exp.model.readout import full_confidence, full_disparity
from stereo_exp.suite.build import build_loss, build_network

SIZE = (64, 128)
HEADS = [word for (word,) in options("model/head")]
CROSSED = [(backbone, head) for (backbone,), head in product(options("model/backbone"), HEADS)]
# Every other part alone, in each of the heads that it fits.
ALONE = [
    (head, *words)
    for head in HEADS
    for part in PARTS[1:]
    for words in options(f"model/{part}")
    if not (words[0] == "model/upsampling=deconvolution" and head in ("model/head=quarter", "model/head=quarter_light"))
]
KEYS = [
    ("model/head=quarter", "model.volume.groups=3", "model.volume.features=48"),
    ("model/head=quarter", "model.volume.normalization=unit"),
    ("model/head=quarter", "model.volume.stride=8", "model/upsampling=deconvolution"),
    ("model/head=quarter", "model.volume.stride=2", "model.upsampling.neighbours=4"),
    ("model/head=quarter", "model.volume.stride=16", "model.aggregation.gate=none", "model.upsampling.neighbours=1"),
    ("model/head=quarter", "model.aggregation.unit=partial", "model.aggregation.expansion=2"),
    ("model/head=quarter", "model/neck=decoder", "model.neck.stride=2"),
    ("model/volume=pyramid", "model.volume.scales=1"),
    ("model/volume=pyramid", "model.volume.stride=4", "model/upsampling=convex"),
    ("model/head=quarter", "model.volume.stride=2", "model.upsampling.pixel=2"),
    ("model/upsampling=convex_half", "model.upsampling.neighbours=4"),
    ("model/head=quarter", "model.upsampling.refinement=half"),
    ("model/head=quarter_tiny", "model.upsampling.refinement=half", "model.upsampling.neighbours=1"),
]


def views(*size: int) -> tuple[Tensor, Tensor]:
    pairs = random_pairs(1, 2, *size)
    return normalize(pairs.left), normalize(pairs.right)


def take_step(network: nn.Module, maxdisp: int) -> float:
    """The loss of one pass, by all of its terms, and a step down its gradient."""
    truth = torch.rand(2, *SIZE, generator=torch.Generator().manual_seed(2)) * (maxdisp - 8) + 1
    output = network(*views(*SIZE))
    loss = build_loss(Distribution(volumes=0.3, modes=2, spread=0.5))(output, full_disparity(output), truth, truth > 0)
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-3)
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0, error_if_nonfinite=True)
    optimiser.step()
    return float(loss)


@pytest.mark.parametrize("words", [*CROSSED, *ALONE, *KEYS], ids=" ".join)
def test_every_composition_learns(words: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    model = small_config(*words).model
    network = build_network(model).train()
    before = {name: parameter.clone() for name, parameter in network.named_parameters()}
    losses = [take_step(network, model.maxdisp) for _ in range(2)]
    assert losses[1] < losses[0]
    still = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    if (model.volume.name, model.aggregation.name, model.neck.name) == ("single", "adaptive", "fpn"):
        # Nothing looks at coarser maps than the volume's; the fine ones do not know them.
        still = [name for name in still if not name.startswith(("backbone.stages.", "neck."))]
    assert still == [], "no part is left out"
    assert sum(not torch.equal(parameter, before[name]) for name, parameter in network.named_parameters()) > 20
    network.eval()
    with torch.no_grad():
        output = network(*views(*SIZE))
    stride, candidates = model.volume.stride, model.maxdisp // model.volume.stride
    cells = (SIZE[0] // stride, SIZE[1] // stride)
    values, pixel = network.regression.neighbours + len(network.regression.offsets), network.regression.pixel
    assert output.low.shape == (2, 1, *cells)
    assert output.logits.shape == (2, candidates, *cells)
    assert output.unfolded.shape == (2, values, *cells)
    assert output.weights.shape == (2, values, SIZE[0] // pixel, SIZE[1] // pixel)
    assert output.volumes == ()
    disparity, confidence = full_disparity(output), full_confidence(output)
    assert disparity.shape == confidence.shape == (2, *SIZE)
    assert 0 <= disparity.min() <= disparity.max() < model.maxdisp
    assert 0 <= confidence.min() <= confidence.max() <= 1 + 1e-6


def test_the_compositions_are_all_that_there_are() -> None:
    named = {word.partition("=")[0] for words in (*CROSSED, *ALONE) for word in words}
    assert named == {"model/head", *(f"model/{part}" for part in PARTS)}
    assert len(CROSSED) == len(options("model/backbone")) * len(options("model/head")) >= 10


# A preset is the parts that it names.


def test_a_head_is_four_parts() -> None:
    parts = ("model/volume=pyramid", "model/aggregation=adaptive", "model/upsampling=deconvolution")
    plain = bind(composed("tracker=none"))
    assert bind(composed("tracker=none", "model/head=aanet_spx")).model == plain.model
    assert bind(composed("tracker=none", *parts, "model/readout=expectation")).model == plain.model


def test_the_quarter_network_is_a_composition() -> None:
    parts = ("model/backbone=residual", "model/neck=decoder", "model/head=quarter")
    ours, composition = (bind(composed("tracker=none", *words)).model for words in (("model=quarternet",), parts))
    assert ours.name == "quarternet"
    assert [getattr(ours, part) for part in PARTS] == [getattr(composition, part) for part in PARTS]
    assert (ours.maxdisp, ours.multiple) == (composition.maxdisp, composition.multiple)


def test_a_part_wins_over_the_head_that_is_named_with_it() -> None:
    words = ("tracker=none", "model/readout=window", "model/head=aanet_spx")
    for order in (words, words[::-1]):
        model = bind(composed(*order)).model
        assert (model.readout.name, model.volume.name, model.upsampling.name) == ("window", "pyramid", "deconvolution")


def test_the_same_weights_are_drawn_for_the_same_parts() -> None:
    """So that a change of one part alone can be compared: what stands before it keeps its numbers."""
    networks = []
    for readout in ("expectation", "window"):
        torch.manual_seed(3)
        networks.append(build_network(small_config(f"model/readout={readout}").model))
    a, b = (network.state_dict() for network in networks)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


# What cannot be composed.

REFUSED = {
    ("model/volume=single",): ("model/upsampling", "deconvolution", "up-samples cells of 8 px"),
    ("model/head=quarter", "model/upsampling=deconvolution"): ("model/upsampling", "deconvolution", "have 4"),
    ("model/volume=pyramid", "model.volume.stride=4"): ("model/upsampling", "deconvolution", "have 4"),
    (
        "model/aggregation=unet",
        "model.aggregation.widths=[16,16]",
        "model.aggregation.units=[1,1]",
        "model.aggregation.up_units=[1]",
    ): ("model.aggregation.widths", [16, 16], "2 levels for 3 volumes"),
    ("model/head=quarter", "model.volume.stride=16"): ("model.aggregation.gate", "left", "1/64, where there is no map"),
    ("model/head=quarter", "model.volume.features=24"): ("model.volume.features", 24, "1 times a power of two"),
    ("model/head=quarter", "model.volume.groups=3"): ("model.volume.features", 16, "3 times a power of two"),
    ("model/head=quarter", "model.volume.groups=32"): ("model.volume.features", 16, "32 times a power of two"),
    ("model.volume.scales=4",): ("model.volume.scales", 4, "ends at 64, and the maps at 32"),
    ("model/upsampling=convex", "model.volume.stride=32", "model.volume.scales=2"): (
        "model.volume.scales",
        2,
        "ends at 64",
    ),
    ("model.volume.stride=5",): ("model.volume.stride", 5, "one of 2, 4, 8, 16, 32"),
    ("model/head=quarter", "model.maxdisp=30"): ("model.maxdisp", 30, "multiple of 4"),
    ("model.maxdisp=36",): ("model.maxdisp", 36, "multiple of 32"),
    ("model/neck=decoder", "model.neck.stride=32"): ("model.neck.stride", 32, "one of 2, 4, 8, 16"),
    ("model/upsampling=convex", "model.upsampling.neighbours=2"): ("model.upsampling.neighbours", 2, "one of 1, 4, 9"),
    ("model/head=quarter", "model.upsampling.refinement=half", "model.upsampling.pixel=1"): (
        "model.upsampling.refinement",
        "half",
        "has blocks of 2 px",
    ),
    ("model/head=quarter", "model.upsampling.refinement=half", "model.volume.stride=2"): (
        "model.upsampling.refinement",
        "half",
        "closer than cells of 2 px",
    ),
    ("model/readout=window", "model.readout.radius=0"): ("model.readout.radius", 0, "at least 1"),
    ("model/aggregation=unet", "model.aggregation.units=[1]"): ("model.aggregation.units", [1], "3 whole numbers"),
    ("model/aggregation=unet", "model.aggregation.up_units=[1]"): ("model.aggregation.up_units", [1], "2 whole"),
    ("model/aggregation=unet", "model.aggregation.unit=deep"): ("model.aggregation.unit", "deep", "wide, partial"),
    ("model/aggregation=unet", "model.aggregation.gate=right"): ("model.aggregation.gate", "right", "left, none"),
    ("model/backbone=residual", "model.backbone.widths=[8]"): ("model.backbone.widths", [8], "5 whole numbers"),
    ("model/backbone=residual", "model.backbone.units=[1,1,1,1,-1]"): (
        "model.backbone.units",
        [1, 1, 1, 1, -1],
        "at least 0",
    ),
}  # fmt: skip


def merged(words: tuple[str, ...]) -> DictConfig:
    """Groups as Hydra composes them, values put in afterwards: what it composes for one line serves others."""
    groups = [word for word in words if "/" in word.partition("=")[0]]
    values = OmegaConf.from_dotlist([word for word in words if word not in groups])
    return OmegaConf.merge(composed(*small_words(*groups)), values)  # type: ignore[return-value]


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_what_cannot_be_composed_is_refused_in_one_line(words: tuple[str, ...]) -> None:
    """What it says to try can be composed, unless it says in words what to do."""
    key, value, rule = REFUSED[words]
    with pytest.raises(UserError) as caught:
        bind(merged(words))
    assert (caught.value.key, caught.value.value) == (key, value)
    assert rule in caught.value.rule
    assert "\n" not in str(caught.value)
    if caught.value.fix.startswith("try "):
        bind(merged((*words, caught.value.fix.removeprefix("try "))))


def test_a_deep_network_asks_for_larger_sizes() -> None:
    """Four levels over cells of 8 px: the coarsest map has 1/64 of the image."""
    words = (
        "model/aggregation=unet",
        "model.aggregation.widths=[16,16,16,16]",
        "model.aggregation.units=[1,1,1,1]",
        "model.aggregation.up_units=[1,1,1]",
        "model.aggregation.gate=none",
    )
    model = small_config(*words).model
    assert model.multiple == 64
    network = build_network(model).eval()
    with torch.no_grad():
        assert full_disparity(network(*views(64, 64))).shape == (2, 64, 64)
    assert small_config().model.multiple == small_config("model/head=quarter").model.multiple == 32


def test_a_backbone_or_a_neck_without_its_channels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from stereo_exp.model.neck import FPN

    model = small_config().model

    class Wrong(FPN):
        def __init__(self, *args: object, **keywords: object) -> None:
            super().__init__(*args, **keywords)  # type: ignore[arg-type]
            self.channels = 16  # type: ignore[assignment]

    monkeypatch.setattr("stereo_exp.model.neck.FPN", Wrong)
    with pytest.raises(UserError, match=r"model/neck=fpn: its channels are 16, and must be 5 numbers"):
        build_network(replace(model))
