"""From config nodes to the objects that they describe: libraries below get values, never a node."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, TypeGuard, overload

from stereo_exp.base import UserError, arguments, build, group
from stereo_exp.config import NUM_STAGES, STRIDES, Infer
from stereo_exp.geometry import Reliability, Rule, Sizing, round_up_size

if TYPE_CHECKING:
    from stereo_exp.config import Eval, Loss, Model, Observer, Quant, Target
    from stereo_exp.model import StereoNetwork
    from stereo_exp.quant import QuantisedStereoNet

log = logging.getLogger(__name__)


def build_network(model: Model) -> StereoNetwork:
    """The float network of a `model` node, with random weights drawn from torch's generator.

    Raises:
        UserError: a part, a plug-in's, does not say of itself what the others are built from.
    """
    backbone = build("model/backbone", model.backbone)
    _check_channels("model/backbone", model.backbone.name, backbone)
    neck = build("model/neck", model.neck, in_channels=backbone.channels)
    _check_channels("model/neck", model.neck.name, neck)
    channels, stride = neck.channels, model.volume.stride
    volume = build("model/volume", model.volume, channels=channels, maxdisp=model.maxdisp)
    _check_volume(model, volume)
    candidates = volume.num_candidates[0]
    level = STRIDES.index(stride)
    given = {"channels": volume.channels, "num_candidates": candidates, "guides": channels, "level": level}
    aggregation = build("model/aggregation", model.aggregation, **given)
    upsampling = build("model/upsampling", model.upsampling, channels=channels, stride=stride)
    readout = build("model/readout", model.readout, num_candidates=candidates)
    _check_last(model, upsampling, readout)
    trunk = (backbone, neck, volume, aggregation, upsampling, model.multiple)
    network: StereoNetwork = group("model")[model.name].load()(*trunk, readout, model.maxdisp)
    network.regression.unfolding = model.unfold
    return network


def build_target(target: Target) -> Any:
    """The quantisation target of a `quant/target` node."""
    return build("quant/target", target)


def make_observer(observer: Observer) -> Callable[[], Any]:
    """What makes one observer of a `quant/observer` node for each activation."""
    return partial(group("quant/observer")[observer.name].load(), **arguments(observer))


def quantize_network(network: StereoNetwork, quant: Quant, stored: Any = None) -> QuantisedStereoNet:
    """A float network, prepared for the quantisation that a `quant` node describes; nothing is rounded yet.

    Args:
        stored: its graph from a checkpoint, which saves the export.
    """
    from stereo_exp.quant import build_quantized

    target, observer = build_target(quant.target), make_observer(quant.observer)
    return build_quantized(network, target, observer, quant.lift, quant.lift_bits, stored)


def build_rule(
    asked: Eval | Infer, sizing: Sizing, as_given: bool = False, reliability: Reliability | None = None
) -> Rule:
    """How pairs are predicted, of an `eval` or `infer` node.

    Args:
        sizing: what comes with the weights.
        as_given: pairs are seen as they are where the node does not say.
        reliability: what the weights' confidence is worth; None: as `Rule` has it.
    """
    scale = 1.0 if as_given and asked.scale is None else asked.scale
    least = asked.min_confidence if isinstance(asked, Infer) else 0.0
    return Rule(scale, asked.refine, asked.fill, asked.left_right, least, sizing, reliability)


def eval_facts(rule: Rule) -> dict[str, Any]:
    """At which scale an evaluation saw its pairs, for its report: `eval_scale`, None where the weights' own rule says
    so, and that then, under `sizing`."""
    return {"eval_scale": rule.scale, **({"sizing": asdict(rule.sizing)} if rule.scale is None else {})}


def build_loss(loss: Loss) -> Any:
    """The training loss of a `loss` node."""
    function = build("loss", loss)
    if not callable(function):
        rule = f"its builder gave {type(function).__name__}, which cannot be called with (output, final, truth, mask)"
        raise UserError("loss", loss.name, rule, "return the function from the builder")
    return function


def _check_channels(key: str, name: str, module: Any) -> None:
    """What comes next is built from a backbone's or a neck's `channels`."""
    found = getattr(module, "channels", None)
    if not (_are_numbers(found, NUM_STAGES) and all(c > 0 for c in found)):
        raise _unsaid(key, name, "channels", found, f"{NUM_STAGES} numbers, of its maps from fine to coarse")


def _check_volume(model: Model, volume: Any) -> None:
    """What stands behind a volume is built from what it says; the schema says how many there are and how fine."""
    node = model.volume
    for name, first in (("strides", node.stride), ("num_candidates", model.maxdisp // node.stride), ("channels", None)):
        found = getattr(volume, name, None)
        if not _are_numbers(found, node.number) or first not in (None, found[0]):
            what = f"a list of {node.number}, fine to coarse" + ("" if first is None else f", {first} the first")
            raise _unsaid("model/volume", node.name, name, found, what)
    for name in ("sharpness", "groups"):
        found = getattr(volume, name, None)
        if not isinstance(found, int | float) or found <= 0:
            raise _unsaid("model/volume", node.name, name, found, "a number above 0")


def _check_last(model: Model, upsampling: Any, readout: Any) -> None:
    from stereo_exp.model import NEIGHBOURS, PIXELS

    for name, known in (("neighbours", tuple(NEIGHBOURS)), ("pixel", PIXELS)):
        found = getattr(upsampling, name, None)
        if found not in known:
            what = f"one of {', '.join(map(str, known))}"
            raise _unsaid("model/upsampling", model.upsampling.name, name, found, what)
    if not callable(getattr(readout, "confidence", None)):
        rule = "has no confidence(logits, low), which says how sure its values are"
        raise UserError("model/readout", model.readout.name, rule, "give its class that method")


def _are_numbers(found: Any, count: int) -> TypeGuard[Sequence[int]]:
    return isinstance(found, Sequence) and len(found) == count and all(isinstance(each, int) for each in found)


def _unsaid(key: str, option: str, name: str, found: Any, what: str) -> UserError:
    rule = f"its {name} {'is' if name in ('pixel', 'sharpness') else 'are'} {found}, and must be {what}"
    return UserError(key, option, rule, f"set self.{name}")


@overload
def network_size(key: str, size: Sequence[int], multiple: int) -> tuple[int, int]: ...
@overload
def network_size(key: str, size: Sequence[int] | None, multiple: int) -> tuple[int, int] | None: ...
def network_size(key: str, size: Sequence[int] | None, multiple: int) -> tuple[int, int] | None:
    """The smallest size that a network takes and into which images of `size` fit.

    Says in one line of the log where that is another one than was asked for; call it once for each key and run.

    Args:
        key: where the user set it, e.g. `compile.size`.
        size: height and width in px, positive (the schema refuses others); None, left open, stays None.
        multiple: of what the network's heights and widths are multiples, px.
    """
    if size is None:
        return None
    height, width = size
    used = round_up_size((height, width), multiple)
    if used != (height, width):
        why = f"the network takes multiples of {multiple} px, smaller images are padded"
        log.warning("%s=[%d,%d]: rounded up to [%d,%d]: %s", key, height, width, *used, why)
    return used
