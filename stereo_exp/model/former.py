"""What checkpoints of earlier versions call things, said in today's words.

Format 1 had the parts of a network that are volume, aggregation and up-sampling now in one, the head.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
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
# Behind a dot in names of tensors and modules, behind a hyphen in those of quantisers.
_HEAD = re.compile(rf"\bhead([.-])({'|'.join(_PARTS)})\b")
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
    """A tensor's, a module's or a quantiser's name, or a pattern of them."""
    return _HEAD.sub(lambda found: _PARTS[found[2]].replace(".", found[1]), name)


def rename_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of a checkpoint."""
    return {rename(name): tensor for name, tensor in tensors.items()}


def update(meta: dict[str, Any]) -> dict[str, Any]:
    """The JSON of a checkpoint: the nodes that describe the network, and the graph. What is damaged stays as it is, to
    be told by whoever reads it."""
    config = dict(meta.get("config") or {})
    model, quant = config.get("model"), config.get("quant")
    if isinstance(model, dict) and isinstance(head := model.get("head"), dict) and head.get("name") in _HEADS:
        rest = {key: value for key, value in model.items() if key != "head"}
        config["model"] = {**rest, **_HEADS[head["name"]](head)}
    if isinstance(quant, dict) and isinstance(quant.get("lift"), list):
        config["quant"] = {**quant, "lift": [rename(str(pattern)) for pattern in quant["lift"]]}
    found = {**meta, "config": config}
    if isinstance(meta.get(GRAPH), list):
        found[GRAPH] = [[_word(word) for word in row] if isinstance(row, list) else row for row in meta[GRAPH]]
    return found


def _word(word: Any) -> Any:
    # Its own operators only moved values: no tensor is called after them.
    return ("" if word == "head" else rename(word)) if isinstance(word, str) else word


def _only(head: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {key: head[key]} if key in head else {}
