"""Image files: one pair, or the pairs of two folders or patterns, matched by their names."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterator, Sequence
from os.path import commonpath
from pathlib import Path

from stereo_exp.base import ArgumentError
from stereo_exp.geometry.calibration import Cameras
from stereo_exp.geometry.frames.base import LeftOut, Stamped, find_tolerance, match_times, pair_of
from stereo_exp.geometry.pair import StereoSample
from stereo_exp.geometry.pictures import PairReader

IMAGE_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"))
# What names a view rather than a pair, as a word of its own: left, r, cam0, im1, view5, image_2, colored_0, infra1.
_VIEW_WORDS = re.compile(
    r"(?<![a-z])(left|right|l|r|(cam|camera|im|img|image|view|colou?red|infra|ir)[_-]?\d)(?![a-z0-9])"
)
_STAMP = re.compile(r"(?<!\d)(\d{9,20}(?:\.\d+)?|\d+\.\d+)(?!\d)")
_UNITS_OF_STAMPS = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3))
"""A time since 1970 above the first is in the second's units, s."""


class FileFrames:
    """Pairs of files: those whose names agree, in the order of the left ones, numbers by their value.

    Names agree when they are equal, else when they are equal but for words of the view (`left_01`, `01_R`, `cam0/01`),
    else when they are times that lie close together. One file on either side makes a pair whatever they are called.

    Args:
        left, right: at least one file each.

    Raises:
        UserError: no name on one side agrees with one on the other.
    """

    is_sequence: bool
    is_live = False
    rate: float | None = None
    cameras: Cameras | None = None

    def __init__(self, left: Sequence[Path], right: Sequence[Path]) -> None:
        self.left_out = LeftOut()
        self.pairs = match_files(left, right, self.left_out)
        self.is_sequence = len(self.pairs) > 1

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[StereoSample]:
        # Views from two folders go by their own names, `left.png` in a folder for each pair by the folder's.
        names = [left.stem for left, _ in self.pairs] if self.is_sequence else [_name_of(self.pairs[0][0])]
        if len(set(names)) < len(names):
            names = [f"{left.parent.name}_{left.stem}" for left, _ in self.pairs]
        if len(set(names)) < len(names):
            names = [f"{i:06d}" for i in range(len(names))]
        read = PairReader()
        for name, (left, right) in zip(names, self.pairs, strict=True):
            yield pair_of(name, *read(left, right), right)


def _name_of(left: Path) -> str:
    """What a pair alone is called: the left file's name, or its folder's where that only says which view it is."""
    names = (left.stem, *(folder.name for folder in left.absolute().parents[:2]))
    return next((name for name in names if re.search(r"[^\W_]", _VIEW_WORDS.sub(" ", name.lower()))), left.stem)


def match_files(left: Sequence[Path], right: Sequence[Path], left_out: LeftOut) -> list[tuple[Path, Path]]:
    """Pairs by name or by time; see `FileFrames`. What has no partner is counted in `left_out`."""
    if len(left) == len(right) == 1:
        return [(left[0], right[0])]
    best: dict[str, tuple[Path, Path]] = {}
    for name_of in (_plain_names, _names_without_view):
        keyed = [_keyed(side, name_of) for side in (left, right)]
        if keyed[0] is not None and keyed[1] is not None:
            both = {key: (keyed[0][key], keyed[1][key]) for key in keyed[0] if key in keyed[1]}
            best = both if len(both) > len(best) else best
    by_time = _match_stamps(left, right) if len(best) < min(len(left), len(right)) else []
    pairs = by_time if len(by_time) > len(best) else list(best.values())
    if not pairs:
        names = f"{left[0].name}, {right[0].name}"
        rule = f"no name of {len(right)} right images agrees with one of {len(left)} left ones ({names}, …)"
        raise ArgumentError("right", right[0].parent, rule, "name the two views of a pair alike")
    for at, files in enumerate((left, right)):
        there = {pair[at] for pair in pairs}
        left_out.add(*(str(file) for file in files if file not in there))
    return sorted(pairs, key=lambda pair: order_by_number(pair[0]))


def order_by_number(path: Path) -> list[tuple[int, int, str]]:
    """A key that puts 2.png ahead of 10.png."""
    parts = re.split(r"(\d+)", str(path))
    return [(1, int(part), part) if part.isdecimal() else (0, 0, part) for part in parts if part]


def _plain_names(files: Sequence[Path]) -> list[str]:
    """What of their paths is not the same for all, without ending."""
    top = Path(commonpath([str(file.parent.absolute()) for file in files]))
    return [str(file.absolute().relative_to(top).with_suffix("")) for file in files]


def _names_without_view(files: Sequence[Path]) -> list[str]:
    return [re.sub(r"[^a-z0-9]+", " ", _VIEW_WORDS.sub(" ", name.lower())).strip() for name in _plain_names(files)]


def _keyed(files: Sequence[Path], name_of: Callable[[Sequence[Path]], list[str]]) -> dict[str, Path] | None:
    """Files by name; None where two have the same."""
    found = dict(zip(name_of(files), files, strict=True))
    return found if len(found) == len(files) else None


def _match_stamps(left: Sequence[Path], right: Sequence[Path]) -> list[tuple[Path, Path]]:
    stamped = [_stamps(left), _stamps(right)]
    if any(not each for each in stamped):
        return []
    tolerance = find_tolerance(*([one.time for one in each] for each in stamped))
    matched = match_times(iter(stamped[0]), iter(stamped[1]), tolerance, LeftOut())
    return [(first.item, second.item) for first, second in matched]


def _stamps(files: Sequence[Path]) -> list[Stamped[Path]]:
    """Files with the time in their names, s, in order; none where a name has no time."""
    found = []
    for file in files:
        stamp = _STAMP.search(file.stem)
        if stamp is None:
            return []
        value = float(stamp[1])
        found.append(Stamped(value * next((unit for least, unit in _UNITS_OF_STAMPS if value >= least), 1.0), file))
    return sorted(found, key=lambda each: each.time)


def list_views(place: str, argument: str) -> list[Path]:
    """The images that a path, a folder or a pattern means, numbers in names by value; `argument` names it in errors.

    Raises:
        UserError: there are none.
    """
    path = Path(place)
    if path.is_dir():
        found = [p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith(".")]
    elif path.exists() or not glob.has_magic(place):
        return [path]
    else:
        found = [Path(name) for name in glob.glob(place, recursive=True)]  # noqa: PTH207 (a whole pattern, absolute or not)
    if not found:
        raise ArgumentError(argument, place, "holds no images", "give an image, or a folder or pattern that has some")
    return sorted(found, key=order_by_number)
