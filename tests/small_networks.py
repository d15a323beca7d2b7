"""Configs of small networks, and images for them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import torch
from composing import composed
from torch import Tensor, nn

from stereo_exp.config import bind, conf_dir
from stereo_exp.config.choices import Choices
from stereo_exp.config.schema import Root
from stereo_exp.data.loader import StereoBatch
from stereo_exp.model.colour import normalize
from stereo_exp.model.readout import StereoOutput
from stereo_exp.quant.network import QuantisedStereoNet
from stereo_exp.suite.build import build_network, quantize_network

# The crop fits the deepest of them.
SMALL = ("experiment=smoke", "tracker=none", "model.maxdisp=32", "loader.crop=[64,128]")
# The smallest network of every kind; what builds on an option has its values.
TINY = {
    "model/backbone=mixvargenet": ("model.backbone.width=0.25",),
    "model/backbone=mobilenetv2": ("model.backbone.width=0.25",),
    "model/backbone=residual": ("model.backbone.widths=[8,8,16,16,16]", "model.backbone.units=[0,0,1,0,1]"),
    "model/volume=single": ("model.volume.features=16",),
    "model/aggregation=adaptive": ("model.aggregation.num_modules=2",),
    "model/aggregation=unet": (
        "model.aggregation.widths=[16,16,24]", "model.aggregation.units=[1,0,1]", "model.aggregation.up_units=[0,1]",
    ),
    "model/upsampling=convex": ("model.upsampling.hidden=8",),
}  # fmt: skip
PARTS = ("backbone", "neck", "volume", "aggregation", "upsampling", "readout")


def small_words(*overrides: str) -> list[str]:
    """What is typed for a small network: `overrides` say which options, and what else."""
    choices = Choices()
    # `experiment=smoke` has that backbone.
    chosen = {**choices.defaults, "model/backbone": "tiny"}
    named = [word.split("=") for word in overrides if word.startswith(("model=", "model/"))]
    # A network picks a head and others, a head its four parts; what is named itself wins.
    for group, name in sorted(named, key=lambda pair: (pair[0].count("/"), pair[0] != "model/head")):
        chosen |= {**choices.read(group, name).picks, group: name}
    sizes = []
    for group in (f"model/{part}" for part in PARTS):
        name = chosen[group]
        while base := choices.read(group, name).base:
            name = base
        sizes += TINY.get(f"{group}={name}", ())
    return [*SMALL, *sizes, *overrides]


def small_config(*overrides: str) -> Root:
    """The config of a small network."""
    return bind(composed(*small_words(*overrides)))


# The options that only other ones than the published network's fit -> those.
NEEDS = {
    # Its cells have 4 px, the published up-sampling's 8.
    "model/volume=single": ("model/upsampling=convex",),
    "model/volume=single_light": ("model/upsampling=convex",),
}


def options(group: str) -> list[tuple[str, ...]]:
    """Each option of a group as it is typed, with what it needs."""
    names = sorted(path.stem for path in (conf_dir() / group).glob("*.yaml"))
    return [(f"{group}={name}", *NEEDS.get(f"{group}={name}", ())) for name in names]


def random_pairs(seed: int, num: int = 2, height: int = 64, width: int = 96) -> StereoBatch:
    """Pairs of blurred noise, the right view three pixels to the left of the left one; no truth."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(num, 3, height // 4, width // 4 + 8, generator=generator)
    wide = torch.nn.functional.interpolate(coarse, scale_factor=4, mode="bilinear")
    grain = torch.rand(wide.shape, generator=generator)
    wide = ((0.7 * wide + 0.3 * grain) * 255).round().to(torch.uint8)
    left, right = wide[..., :width].contiguous(), wide[..., 3 : width + 3].contiguous()
    keys = [str(i) for i in range(num)]
    return StereoBatch(left, right, None, None, keys, [(height, width)] * num, list(range(num)))


def tensors(output: StereoOutput) -> list[Tensor]:
    """All that a network put out, the volumes of training included."""
    *maps, volumes, _ = output
    return [*maps, *(each.volume for each in volumes)]


def outputs(network: nn.Module) -> list[Tensor]:
    """`tensors` of one pair."""
    pairs = random_pairs(9, 1)
    with torch.no_grad():
        return tensors(network(normalize(pairs.left), normalize(pairs.right)))


def same(a: list[Tensor], b: list[Tensor]) -> bool:
    """Whether all are equal to the last bit."""
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


_GRAPHS: dict[str, Any] = {}


def quantised(config: Root) -> QuantisedStereoNet:
    """The fake-quantised network of a config with random weights; each architecture is exported once."""
    from stereo_exp.quant.trunk import describe

    key = json.dumps(asdict(config.model))
    network = quantize_network(build_network(config.model), config.quant, _GRAPHS.get(key))
    if key not in _GRAPHS:
        _GRAPHS[key] = describe(network.trunk)
    return network
