"""From a `dataset` node with `endless=true` to its training pairs: which maker, with which parameters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stereo_exp.config import Rendered
from stereo_exp.data import EndlessSource, Recipe


def open_endless(
    config: Rendered,
    root: Path,
    size: tuple[int, int],
    maker: str,
    parameters: Mapping[str, Any],
    version: str,
    codec: str = "png",
) -> EndlessSource:
    """The training pairs of a rendered set, made while they are read.

    Args:
        config: the node; `num_train`, `reads`, `ahead` and `disk_gb` count here.
        root: shards lie below it.
        size: height and width of a pair, px.
        maker: `module:function`, (parameters, seed, number of pairs) -> an iterator of pairs.
        parameters: its own, of plain values; all of the node that changes the pairs.
        version: of the maker, which changes when the same parameters give other pairs.
        codec: of the images.

    Raises:
        ArgumentError: the numbers do not go together, or the disk has less room than `disk_gb`.
    """
    recipe = Recipe(f"{config.name}_{size[0]}x{size[1]}", maker, {**parameters, "version": version}, size, codec)
    return EndlessSource(
        root,
        recipe,
        pairs=config.num_train,
        reads=config.reads,
        ahead=config.ahead,
        limit_gb=config.disk_gb,
    )
