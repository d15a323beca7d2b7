"""What is on disk: one walk over a folder in SceneFlow's layout, names and sizes only, no file is opened.

ROOT/<part>/frames_<pass>/<scene>/{left,right}/NNNN.png
ROOT/<part>/disparity/<scene>/left/NNNN.pfm
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from data_tools.check.problems import Findings
from stereo_exp.base import UserError

# What SceneFlow holds when all of it is there: pairs with left disparity, finalpass and cleanpass alike.
#
# The counts are those of the field's lists, 35,454 / 4,370. Of their order only the test list's is known for certain:
# AANet's `SceneFlow_finalpass_test.txt` is sorted by path, and so is everything written here.


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


FILES = ("left", "right", "disparity")
_SUFFIXES = {"left": ".png", "right": ".png", "disparity": ".pfm"}
_MAX_DEPTH = 8  # Driving's scenes are three folders deep; a link to a parent must not lead round for ever


class DiskPair(NamedTuple):
    """The files that belong together by their names; paths relative to the root, with forward slashes.

    `sizes` are in bytes, -1 where there is no such file.
    """

    group: Group
    key: str
    left: str
    right: str
    disparity: str
    sizes: tuple[int, int, int]

    @property
    def complete(self) -> bool:
        """All three files are there."""
        return min(self.sizes) >= 0

    @property
    def line(self) -> str:
        """The pair's line in a list, without its end."""
        return f"{self.left} {self.right} {self.disparity}"

    @property
    def paths(self) -> tuple[str, str, str]:
        """Left, right, disparity."""
        return self.left, self.right, self.disparity


@dataclass
class Tree:
    """Every pair of which at least one file is there, sorted by left path, and the folders that were seen."""

    root: Path
    render_pass: str
    pairs: list[DiskPair] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)

    def complete(self, split: str) -> list[DiskPair]:
        """The whole pairs of a split, in the order of a list."""
        return [pair for pair in self.pairs if pair.group.split == split and pair.complete]


def scan(root: Path, render_pass: str, findings: Findings) -> Tree:
    """Walk over the parts that are there; missing and empty files, and stray folders, go to `findings`.

    A folder that is missing as a whole is one finding, with the number of files that it should hold.

    Raises:
        UserError: there is no such folder, or no frame of this pass in it.
    """
    root = Path(root)
    if not root.is_dir():
        raise UserError("root", root, "there is no such folder", "name the folder that SceneFlow was unpacked into")
    tree = Tree(root, render_pass)
    for part in PARTS:
        _scan_part(tree, part, findings)
    if not any(max(pair.sizes[:2]) >= 0 for pair in tree.pairs):
        other = "cleanpass" if render_pass == "finalpass" else "finalpass"
        there = [part for part in PARTS if (root / part / f"frames_{other}").is_dir()]
        fix = f"give --render-pass {other}" if there else "unpack the PNG frames there (not the WebP ones)"
        if root.resolve().name in PARTS:
            fix = f"give the folder above it: {root.resolve().parent}"
        rule = f"must hold {{{','.join(PARTS)}}}/frames_{render_pass}/.../left/*.png"
        raise UserError("root", root, rule, fix)
    tree.pairs.sort(key=lambda pair: pair.left)
    _name_missing(tree, findings)
    return tree


def _scan_part(tree: Tree, part: str, findings: Findings) -> None:
    frames, truth = f"{part}/frames_{tree.render_pass}", f"{part}/disparity"
    places = {"left": (frames, "left"), "right": (frames, "right"), "disparity": (truth, "left")}
    scenes: dict[str, dict[str, dict[str, int]]] = {}
    for name, (base, view) in places.items():
        for scene, sizes in _view_folders(tree, base, "", view, _SUFFIXES[name], findings):
            scenes.setdefault(scene, {})[name] = sizes
    for scene, found in scenes.items():
        group = group_of(part, scene)
        if group is None:
            findings.problem("layout", f"{frames}/{scene}".rstrip("/"), f"is no folder of {part}; left out")
            continue
        inside = f"/{scene}/" if scene else "/"
        for stem in set().union(*found.values()):
            files = {name: f"{base}{inside}{view}/{stem}{_SUFFIXES[name]}" for name, (base, view) in places.items()}
            left, right, disparity = (found.get(name, {}).get(stem, -1) for name in FILES)
            tree.pairs.append(DiskPair(group, f"{part}{inside}{stem}", **files, sizes=(left, right, disparity)))


def _view_folders(
    tree: Tree, base: str, scene: str, view: str, suffix: str, findings: Findings, depth: int = 0
) -> Iterator[tuple[str, dict[str, int]]]:
    """Each scene below `base/scene` that has a folder `view`: its path and the sizes of the files there, by stem."""
    folder = f"{base}/{scene}" if scene else base
    try:
        with os.scandir(tree.root / folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir())
    except FileNotFoundError:
        return
    except OSError as error:
        if not findings.names(folder):
            findings.problem("layout", folder, f"cannot be listed ({error.strerror})")
        return
    tree.folders.add(folder)
    if view in names:
        tree.folders.add(f"{folder}/{view}")
        try:
            with os.scandir(tree.root / folder / view) as entries:
                sizes = {e.name.removesuffix(suffix): e.stat().st_size for e in entries if e.name.endswith(suffix)}
        except OSError as error:
            findings.problem("layout", f"{folder}/{view}", f"cannot be listed ({error.strerror})")
        else:
            yield scene, sizes
    if depth < _MAX_DEPTH:
        for name in names:
            if name not in ("left", "right"):
                below = f"{scene}/{name}" if scene else name
                yield from _view_folders(tree, base, below, view, suffix, findings, depth + 1)


def _name_missing(tree: Tree, findings: Findings) -> None:
    """Missing and empty files; a folder that is missing altogether is named once, by its topmost missing folder."""
    gone: dict[str, int] = {}

    def known(folder: str) -> bool:
        if folder not in tree.folders and (tree.root / folder).is_dir():
            tree.folders.add(folder)
        return folder in tree.folders

    for pair in tree.pairs:
        for path, size in zip(pair.paths, pair.sizes, strict=True):
            if size > 0:
                continue
            if size == 0:
                findings.problem("empty", path, "has no content")
                continue
            parents = [path[:end] for end, letter in enumerate(path) if letter == "/"]
            absent = next((parent for parent in parents if parent in gone or not known(parent)), None)
            if absent is None:
                findings.problem("missing", path, "is missing")
            else:
                gone[absent] = gone.get(absent, 0) + 1
    for path, count in gone.items():
        findings.problem("missing", path, f"the folder is missing ({count:,} file{'s' if count > 1 else ''})")
