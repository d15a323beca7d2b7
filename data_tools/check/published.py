"""What SceneFlow holds when all of it is there: pairs with left disparity, finalpass and cleanpass alike.

The counts are those of the field's lists, 35,454 / 4,370. Of their order only the test list's is known for certain:
AANet's `SceneFlow_finalpass_test.txt` is sorted by path, and so is everything written here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

PARTS = ("Driving", "FlyingThings3D", "Monkaa")
SPLITS = ("train", "test")


class Group(NamedTuple):
    """A row of the table: a split, a part, and the section of it that is counted by itself."""

    split: str
    part: str
    section: str

    def __str__(self) -> str:
        return f"{self.part} {self.section} ({self.split})" if self.section else f"{self.part} ({self.split})"


PUBLISHED = {
    Group("train", "Driving", "15mm_focallength"): 2_200,
    Group("train", "Driving", "35mm_focallength"): 2_200,
    Group("train", "FlyingThings3D", "A"): 7_460,
    Group("train", "FlyingThings3D", "B"): 7_460,
    Group("train", "FlyingThings3D", "C"): 7_470,
    Group("train", "Monkaa", ""): 8_664,
    Group("test", "FlyingThings3D", "A"): 1_440,
    Group("test", "FlyingThings3D", "B"): 1_470,
    Group("test", "FlyingThings3D", "C"): 1_460,
}
TOTALS = {split: sum(count for group, count in PUBLISHED.items() if group.split == split) for split in SPLITS}

# The test split numbers its scenes 0000-0149, without these, and their frames 0006-0015.
_TEST_GAPS = {"A": {4, 72, 84, 96, 139, 142}, "B": {31, 115, 132}, "C": {18, 43, 74, 142}}


def group_of(part: str, scene: str) -> Group | None:
    """The group of a scene's folder, relative to `frames_<pass>`; None: such a folder is not part of the data set."""
    names = scene.split("/")
    if part == "Monkaa":
        return Group("train", part, "") if scene else None
    if part == "Driving":
        group = Group("train", part, names[0])
        return group if group in PUBLISHED else None
    if len(names) < 2 or names[0] not in ("TRAIN", "TEST"):
        return None
    return Group(names[0].lower(), part, names[1])


def lefts_of_test_split(section: str, render_pass: str) -> Iterator[str]:
    """The left image of every pair of one section (A, B, C) of the test split, relative to the root, sorted."""
    for scene in range(150):
        if scene not in _TEST_GAPS[section]:
            for frame in range(6, 16):
                yield f"FlyingThings3D/frames_{render_pass}/TEST/{section}/{scene:04d}/left/{frame:04d}.png"
