"""A package from outside whose network is unlike ours in all that a network says of itself; as text, to be written."""

from __future__ import annotations

from pathlib import Path

OPTIONS = '''
from dataclasses import dataclass

from stereo_exp.base import UserError, option
from stereo_exp.config import Readout, Upsampling, Volume


@option("model/volume", "sixteenth", "sixteenth.parts:SixteenthVolume")
@dataclass
class SixteenthVolume(Volume):
    name: str = "sixteenth"
    stride: int = 16
    """Px from one candidate to the next, and of the cells that get one value."""
    root: bool = False
    """Similarities by their square root, which no integer has."""

    def check_integers(self) -> None:
        if self.root:
            fix = "set model.volume.root=false and train again"
            raise UserError("model.volume.root", "true", "a root has no exact integer form", fix)


@option("model/upsampling", "alone", "sixteenth.parts:Alone")
@dataclass
class Alone(Upsampling):
    name: str = "alone"


@option("model/readout", "median", "sixteenth.parts:Median")
@dataclass
class Median(Readout):
    name: str = "median"
'''
PRESET = """
# @package model
# Cells of 16 px, each on its own, and the median of their candidates.
defaults:
  - /model/volume@volume: sixteenth
  - /model/aggregation@aggregation: unet
  - /model/upsampling@upsampling: alone
  - /model/readout@readout: median
aggregation:
  widths: [16, 16, 16]
  units: [1, 1, 1]
  up_units: [1, 1]
  gate: none
"""
PARTS = '''
import torch
from torch import nn

from stereo_exp.model import correlation_volume


class SixteenthVolume(nn.Module):
    """One volume of the map as it is."""

    groups = 1

    def __init__(self, channels, maxdisp, stride, root):
        super().__init__()
        self.level, self.root = stride.bit_length() - 2, root
        self.strides, self.num_candidates, self.channels = [stride], [maxdisp // stride], [maxdisp // stride]
        self.sharpness = float(channels[self.level])

    def forward(self, maps, batch):
        features = maps[self.level]
        return [correlation_volume(features[:batch], features[batch:], self.num_candidates[0])]


class Alone(nn.Module):
    """A cell's pixels all have its value: what is said of their one neighbour makes no difference."""

    neighbours, pixel = 1, 1

    def __init__(self, channels, stride):
        super().__init__()
        self.stride, self.level = stride, stride.bit_length() - 2
        self.logit = nn.Conv2d(channels[self.level], self.neighbours, 1)

    def forward(self, maps, batch, disparity):
        return nn.functional.interpolate(self.logit(maps[self.level][:batch]), scale_factor=self.stride, mode="nearest")


class Median(nn.Module):
    """Where half of the distribution lies below, between two candidates."""

    def __init__(self, num_candidates):
        super().__init__()
        indices = torch.arange(num_candidates, dtype=torch.float32).view(1, -1, 1, 1)
        self.register_buffer("indices", indices, persistent=False)

    def forward(self, logits):
        share = torch.softmax(logits, 1)
        up_to = share.cumsum(1)
        before = up_to - share
        is_there = (before < 0.5) & (up_to >= 0.5)
        place = self.indices + (0.5 - before) / share.clamp(min=1e-6)
        return (is_there * place).sum(1, keepdim=True) / logits.shape[1]

    def confidence(self, logits, low):
        """The largest probability of all."""
        return torch.softmax(logits, 1).amax(1, keepdim=True)
'''
NETWORK = (
    "plugins=[sixteenth]",
    "model=quarternet",
    "model/head=sixteenth",
    "model.maxdisp=160",
    "model.backbone.widths=[16,16,16,16,16]",
    "model.backbone.units=[0,0,0,0,0]",
    "model.neck.stride=16",
)
# Sides that the network does not take: it wants multiples of 64.
DATA = (
    "dataset=shapes",
    "dataset.num_train=4",
    "dataset.num_test=2",
    "dataset.height=80",
    "dataset.width=208",
    "loader.batch_size=2",
    "loader.crop=[64,128]",
    "loader.workers=0",
)


def write_package(folder: Path) -> Path:
    """The package `sixteenth` in a folder."""
    files = {"__init__.py": OPTIONS, "parts.py": PARTS, "conf/model/head/sixteenth.yaml": PRESET.lstrip()}
    for name, text in files.items():
        file = folder / "sixteenth" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder
