"""Image files: one pair, or the pairs of two folders or patterns."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path

from stereo_exp.data.sample import StereoSample
from stereo_exp.errors import UserError
from stereo_exp.frames.frame import pair_of
from stereo_exp.frames.kinds import IMAGE_SUFFIXES
from stereo_exp.runtime.images import as_rgb


class FileFrames:
    """Pairs of files in order.

    Args:
        left, right: as many files each.

    Raises:
        UserError: the numbers differ, or folders hold images of different names in the same place.
    """

    def __init__(self, left: Sequence[Path], right: Sequence[Path]) -> None:
        if len(left) != len(right):
            lonely = sorted({p.stem for p in left} ^ {p.stem for p in right})
            example = f", e.g. {lonely[0]}" if lonely else ""
            raise UserError(
                "infer.right",
                f"{len(right)} images",
                f"there are {len(left)} left images{example}",
                "each left image needs its right one",
            )
        self.pairs = list(zip(left, right, strict=True))
        self.is_sequence = len(self.pairs) > 1

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[StereoSample]:
        # Views from two folders go by their own names, `left.png` in a folder for each pair by the folder's.
        names = [left.stem for left, _ in self.pairs]
        if len(set(names)) < len(names):
            names = [f"{left.parent.name}_{left.stem}" for left, _ in self.pairs]
        if len(set(names)) < len(names):
            names = [f"{i:06d}" for i in range(len(names))]
        for name, (left, right) in zip(names, self.pairs, strict=True):
            yield pair_of(name, as_rgb(left, "infer.left"), as_rgb(right, "infer.right"), right)


def list_views(place: str, key: str) -> list[Path]:
    """The images that a path, a folder or a pattern means, sorted by name.

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
        raise UserError(key, place, "holds no images", "give an image, or a folder or pattern that has some")
    return sorted(found)
