"""What checkpoints of earlier versions call things, said in today's words.

Format 1 had the parts of a network that are volume, aggregation and up-sampling now in one, the head.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor

_PARTS = {
    "correlation": "volume.correlation",
    "aggregation": "aggregation.stages",
    "final": "aggregation.final",
    "superpixel": "upsampling",
    "mod1": "upsampling.mod1",
    "mod2": "upsampling.mod2",
}
# At the beginning, or behind what a checkpoint and a graph put before a network's names; with a dot in names of tensors
# and modules, with a hyphen in those of quantisers.
_HEAD = re.compile(rf"(?:^|(?<=/)|(?<=\btrunk\.)|(?<=\bquant\.))head([.-])({'|'.join(_PARTS)})\b")
_QUANTISER = re.compile(r"/trunk\.quant\.(.+)\.\w+$")
_HEADS = {
    "aanet_spx": lambda head: {
        "volume": {"name": "pyramid"},
        "aggregation": {"name": "adaptive", **_only(head, "num_modules")},
        "upsampling": {"name": "deconvolution", **_only(head, "hidden")},
        "readout": {"name": "expectation"},
    }
}
GRAPH = "graph"
"""Where the JSON of a quantised network's checkpoint holds its graph."""


def rename(name: str) -> str:
    """A tensor's, a module's or a quantiser's name, or a pattern of one part's."""
    return _HEAD.sub(lambda found: _PARTS[found[2]].replace(".", found[1]), name)


def rename_pattern(pattern: str, labels: Collection[str]) -> list[str]:
    """What a pattern of tensors' names is now: itself, one other, or one for each part that is meant.

    Args:
        labels: today's names of the tensors that are meant by it or not.
    """
    new = rename(pattern)
    if new == pattern and pattern.startswith("head.") and "*" in pattern:
        # Of the whole head, `head.*`.
        parts = dict.fromkeys(part.split(".")[0] for part in _PARTS.values())
        each = [part + pattern.removeprefix("head") for part in parts]
        return [p for p in each if any(fnmatchcase(label, p) for label in labels)] or [pattern]
    return [new]


def rename_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of a checkpoint."""
    return {rename(name): tensor for name, tensor in tensors.items()}


def update(meta: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The JSON of a checkpoint: the nodes that describe the network, and the graph. What is damaged stays as it is, to
    be told by whoever reads it.

    Args:
        names: of the checkpoint's tensors, today's.
    """
    found = dict(meta)
    if isinstance(meta["config"], dict):
        config = found["config"] = dict(meta["config"])
        model, quant = config.get("model"), config.get("quant")
        if isinstance(model, dict) and isinstance(head := model.get("head"), dict) and str(head.get("name")) in _HEADS:
            rest = {key: value for key, value in model.items() if key != "head"}
            config["model"] = {**rest, **_HEADS[head["name"]](head)}
        if isinstance(quant, dict) and isinstance(quant.get("lift"), list):
            labels = {each[1].replace("-", ".") for name in names if (each := _QUANTISER.search(name))}
            lift = [new for pattern in quant["lift"] for new in rename_pattern(str(pattern), labels)]
            config["quant"] = {**quant, "lift": lift}
    if isinstance(meta.get(GRAPH), list):
        found[GRAPH] = [[_word(word) for word in row] if isinstance(row, list) else row for row in meta[GRAPH]]
    return found


def _word(word: Any) -> Any:
    # Its own operators only moved values: no tensor is called after them.
    return ("" if word == "head" else rename(word)) if isinstance(word, str) else word


def _only(head: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {key: head[key]} if key in head else {}
