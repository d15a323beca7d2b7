"""Data sets made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from scene_folder import write_scene


@pytest.fixture
def make_scenes(tmp_path: Path) -> Callable[..., Path]:
    """make_scenes(sizes, folder="scenes", split="train") -> root of a data set with one pair of each size."""

    def make(sizes: list[tuple[int, int]], folder: str = "scenes", split: str = "train") -> Path:
        root = tmp_path / folder
        lines = [" ".join(write_scene(root, number, size)) for number, size in enumerate(sizes)]
        (root / f"SceneFlow_finalpass_{split}.txt").write_text("\n".join(lines) + "\n")
        return root

    return make
