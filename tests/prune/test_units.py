"""Units are narrowed by what they say of themselves, not by their network's name; what says nothing is refused."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass

import pytest
import torch
from composing import composed
from torch import nn

from stereo_exp.base.errors import UserError
from stereo_exp.config import bind, widen
from stereo_exp.config.marks import narrows
from stereo_exp.config.model import Model
from stereo_exp.config.parts import Backbone
from stereo_exp.data.loader import StereoBatch
from stereo_exp.model.layers import ExpandingUnit
from stereo_exp.model.network import predict
from stereo_exp.quant.narrowing import narrow
from stereo_exp.suite.build import build_network
from stereo_exp.suite.keys import by_key

TINY = (
    "model=quarternet",
    "model.maxdisp=64",
    "model.backbone.widths=[16,16,16,16,16]",
    "model.backbone.units=[0,0,0,0,0]",
    "model.aggregation.widths=[16,16]",
    "model.aggregation.units=[1,1]",
    "model.aggregation.up_units=[1]",
)


def pairs(seed: int) -> StereoBatch:
    left, right = torch.randint(0, 256, (2, 2, 3, 64, 64), generator=torch.Generator().manual_seed(seed)).byte()
    return StereoBatch(left, right, None, None, ["a", "b"], [(64, 64)] * 2, [0, 1])


def tiny(*overrides: str) -> Model:
    return bind(composed(*TINY, *overrides)).model


def build(seed: int, *overrides: str) -> nn.Module:
    """Random weights, and BatchNorms that have seen something."""
    torch.manual_seed(seed)
    network = build_network(tiny(*overrides)).eval()
    for norm in (m for m in network.modules() if isinstance(m, nn.BatchNorm2d)):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.running_mean, 0, 0.1)
        nn.init.uniform_(norm.running_var, 0.5, 2)
    return network


def units(network: nn.Module) -> dict[str, ExpandingUnit]:
    return {name: unit for name, unit in network.named_modules() if isinstance(unit, ExpandingUnit)}


@pytest.mark.parametrize("unit", ["wide", "partial"])
def test_channels_without_a_use_are_not_missed(unit: str) -> None:
    """Every second channel inside the U-Net's units is the same everywhere: what it adds, BatchNorm can."""
    kind = f"model.aggregation.unit={unit}"
    wide, slim = build(0, kind, "model.aggregation.expansion=2"), build(1, kind)
    assert [unit.middle for unit in units(wide).values()] == [32, 32, 32]
    with torch.no_grad():
        for each in units(wide).values():
            norm = each.get_submodule(each.inside[0])[1]  # type: ignore[index]
            norm.weight[::2], norm.bias[::2] = 0, 0.5
    wanted = predict(wide, pairs(9).left, pairs(9).right)
    assert (predict(slim, pairs(9).left, pairs(9).right) - wanted).abs().max() > 0.1
    assert narrow(wide, slim, [pairs(0), pairs(1)]) == 4
    torch.testing.assert_close(predict(slim, pairs(9).left, pairs(9).right), wanted, atol=1e-2, rtol=0)
    for name, each in units(slim).items():
        ours, theirs = (net.get_submodule(f"{name}.{each.inside[0]}.0").weight for net in (slim, wide))
        assert (ours[:, None] == theirs).flatten(2).all(2).any(1).all(), f"{name} has a filter of its own"


class Plain(nn.Module):
    """Channels inside that nothing marks."""

    def __init__(self, middle: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, middle, 3), nn.Conv2d(middle, 3, 1)


def test_channels_that_nothing_marks_are_refused_in_one_line() -> None:
    before = {key: value.clone() for key, value in Plain(4).state_dict().items()}
    slim = Plain(4)
    slim.load_state_dict(before)
    rule = "conv1.weight is 8×3×3×3 in it and 4×3×3×3 in the other, and in no unit that can be narrowed"
    told = f"init_from: {rule}; give init_from the same network, or train from random weights"
    with pytest.raises(UserError, match=f"^{re.escape(told)}$"), by_key("train"):
        narrow(Plain(8), slim, [pairs(0)])
    assert all(torch.equal(value, before[key]) for key, value in slim.state_dict().items())


def test_a_part_that_only_one_has_is_refused() -> None:
    with pytest.raises(UserError, match=r"more\.weight is not there in it and 3×3×1×1 in the other"):
        slim = Plain(4)
        slim.more = nn.Conv2d(3, 3, 1)
        narrow(Plain(4), slim, [pairs(0)])


# Which networks may be narrowed to which, as the configuration says it.


def test_every_part_with_channels_inside_is_widened() -> None:
    slim, wide = tiny(), tiny("model.aggregation.expansion=2")
    assert widen(slim, wide) == wide
    assert widen(wide, slim) == wide
    other = tiny("model.aggregation.expansion=2", "model.maxdisp=96")
    assert asdict(widen(slim, other)) == {**asdict(other), "maxdisp": 64}


@dataclass
class Bare(Backbone):
    """Somebody's, without channels inside."""

    name: str = "bare"
    depth: int = 3


@dataclass
class Listed(Backbone):
    """Somebody's, whose `expansion` is as long as it likes, and may be narrowed."""

    name: str = "listed"
    expansion: list[float] = narrows(default_factory=lambda: [1.0])


@dataclass
class Silent(Backbone):
    """Somebody's `expansion` that nothing says may be narrowed."""

    name: str = "silent"
    expansion: float = 1.0


@pytest.mark.parametrize(
    ("ours", "theirs", "found"),
    [
        (Bare(), Bare(), Bare()),
        (Bare(), Bare(depth=4), Bare()),
        (Bare(), Listed(), Bare()),
        (Listed(), Bare(), Listed()),
        (Listed(), Listed(expansion=[2.0]), Listed(expansion=[2.0])),
        (Listed(expansion=[1.0, 3.0]), Listed(expansion=[2.0]), Listed(expansion=[1.0, 3.0])),
        (Listed(expansion=[1.0, 3.0]), Listed(expansion=[2.0, 2.0]), Listed(expansion=[1.0, 3.0])),
        (Silent(), Silent(expansion=2.0), Silent()),
        (Silent(), Listed(), Silent()),
    ],
    ids=str,
)
def test_a_part_says_itself_what_may_be_narrowed(ours: Backbone, theirs: Backbone, found: Backbone) -> None:
    model = tiny()
    a, b = (Model(**{**vars(model), "backbone": each}) for each in (ours, theirs))
    assert widen(a, b).backbone == found
