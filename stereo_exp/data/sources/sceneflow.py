"""Lists of stereo pairs in SceneFlow's layout: three relative paths a line (left, right, left disparity)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stereo_exp.base import ArgumentError, DataError
from stereo_exp.data.source import StereoSource
from stereo_exp.data.sources.lists import read_list
from stereo_exp.geometry import StereoSample, check_disparity, check_views, read_pfm, read_rgb, zero_unknown

RENDER_PASSES = ("finalpass", "cleanpass")


@dataclass(frozen=True)
class Pair:
    """One line of a list; paths are relative to the data set's root, `line` counts from 1 as editors do."""

    line: int
    left: str
    right: str
    disparity: str


@dataclass(frozen=True)
class PairList:
    """A list file that was read and found well-formed.

    Attributes:
        path: the list file.
        sha256: of the file's bytes, hexadecimal.
        render_pass: the pass whose frames the pairs name, where the list was found or rewritten by pass.
        pairs: in the order of the file; blank lines are left out but counted in `Pair.line`.
    """

    path: Path
    sha256: str
    render_pass: str
    pairs: Sequence[Pair]

    def __len__(self) -> int:
        return len(self.pairs)

    def error(self, pair: Pair, error: DataError, fix: str | None = None) -> DataError:
        """An error about a file of a pair, told with the list and the line first: paths may be long."""
        value = "" if error.value is None else f"={error.value}"
        rule = f"{error.key}{value}: {error.rule}"
        return DataError(f"{self.path.name} line {pair.line}", None, rule, fix or error.fix)


def find_pair_list(
    root: Path, split: str, *, list_file: Path | None = None, render_pass: str = "finalpass"
) -> PairList:
    """Find and read the list of one split.

    Args:
        root: the data set's folder, which the listed paths are relative to.
        split: `train`, `test` or any other name for which `SceneFlow_finalpass_<split>.txt` lies in `root`.
        list_file: use this list instead.
        render_pass: `finalpass` or `cleanpass`. There is one official list, of the final pass: with
            `cleanpass` `frames_finalpass` in its paths is read as `frames_cleanpass`, unless a list of the
            clean pass exists.

    Raises:
        DataError: there is no list, or a line of it does not hold three relative paths.
    """
    if render_pass not in RENDER_PASSES:
        raise ArgumentError("render_pass", render_pass, f"must be one of {', '.join(RENDER_PASSES)}", "choose one")
    root = Path(root)
    if not root.is_dir():
        raise DataError(root, None, "there is no such folder", "name the folder that the data set was unpacked into")
    if list_file is None:
        candidates = [root / f"SceneFlow_{name}_{split}.txt" for name in (render_pass, "finalpass")]
        list_file = next((path for path in candidates if path.is_file()), None)
        if list_file is None:
            fix = f"put it there, or write it with: python -m data_tools.check {root} --write-lists"
            if split not in ("train", "test"):
                fix = "put it there, or name another list file"
            raise DataError(candidates[0], None, "there is no such list file", fix)
    return read_pair_list(list_file, render_pass)


def read_pair_list(path: Path, render_pass: str = "finalpass") -> PairList:
    """Read a list file; see `find_pair_list`."""
    path = Path(path)
    data, text = read_list(path)
    pairs = tuple(_parse(text, path, rewrite=render_pass == "cleanpass"))
    if not pairs:
        raise DataError(path, None, "the list names no pairs", "name a list file with three paths a line")
    return PairList(path, hashlib.sha256(data).hexdigest(), render_pass, pairs)


def pair_key(left: str) -> str:
    """What a pair is called: the path of its left image, which has a name, without the suffix."""
    return str(PurePosixPath(left).with_suffix(""))


def _parse(text: str, path: Path, rewrite: bool) -> Iterator[Pair]:
    for number, line in enumerate(text.split("\n"), 1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 3:
            raise DataError(
                f"{path} line {number}",
                line,
                "must hold three paths: left, right, left disparity",
                "mend the line",
            )
        for field in fields:
            # A list from elsewhere must not reach outside the data set's folder.
            place = PurePosixPath(field)
            if place.is_absolute() or ".." in place.parts or not place.name or "\0" in field:
                raise DataError(
                    f"{path} line {number}",
                    field,
                    "must be a path relative to the data folder",
                    "mend the line",
                )
        left, right, disparity = fields
        if rewrite:
            left, right = (name.replace("frames_finalpass", "frames_cleanpass") for name in (left, right))
        yield Pair(number, left, right, disparity)


# SceneFlow as it unpacks: a folder and a list file.


class FolderSource(StereoSource):
    """Pairs of a folder in SceneFlow's layout.

    Args:
        root: the data set's folder.
        split: which list to read, `SceneFlow_<render_pass>_<split>.txt` in `root`.
        list_file: another list file, its paths relative to `root`.
        render_pass: `finalpass` or `cleanpass`; see `find_pair_list`.

    A pair's key is the left image's path without its suffix, relative to `root`.
    """

    def __init__(
        self,
        root: Path,
        split: str = "train",
        *,
        list_file: Path | None = None,
        render_pass: str = "finalpass",
    ) -> None:
        self.root = Path(root)
        self.pair_list = find_pair_list(self.root, split, list_file=list_file, render_pass=render_pass)

    def __len__(self) -> int:
        return len(self.pair_list)

    def key(self, index: int) -> str:
        return pair_key(self.pair_list.pairs[index].left)

    def read(self, index: int) -> StereoSample:
        """One pair. `DataError`: a file is missing or damaged, or its size is not the left image's."""
        pair = self.pair_list.pairs[index]
        try:
            left = read_rgb(self.root / pair.left)
            right = read_rgb(self.root / pair.right)
            check_views(left, right, self.root / pair.right)
            disparity = read_pfm(self.root / pair.disparity)
            check_disparity(disparity, left.shape[:2], self.root / pair.disparity)
        except DataError as error:
            raise self.pair_list.error(pair, error) from None
        return StereoSample(self.key(index), left, right, zero_unknown(disparity))
