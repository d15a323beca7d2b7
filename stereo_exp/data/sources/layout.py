"""Roots of published sets: is one there, is it the right one, and if not, what was expected.

Roots may be given as the folder that holds the official one or as that folder itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stereo_exp.errors import UserError

# What gives a set away at first sight, relative to its root.
_SIGNS = {
    "kitti2015": ("disp_occ_0", "training/disp_occ_0"),
    "kitti2012": ("disp_occ", "training/disp_occ"),
    "eth3d": ("two_view_training", "two_view_training_gt", "two_view_testing"),
    "sceneflow": ("SceneFlow_finalpass_train.txt", "SceneFlow_finalpass_test.txt", "train/index.json"),
    "middlebury": ("trainingF", "trainingH", "trainingQ", "MiddEval3"),
}


@dataclass(frozen=True)
class Layout:
    """How a set lies on the disk, for people.

    Attributes:
        option: the name for `dataset=`.
        title: the set's own name.
        expected: the official folders and files.
        origin: by what name and from whom users get it.
    """

    option: str
    title: str
    expected: str
    origin: str

    def folder(self, root: Path) -> Path:
        """`root`, if it is a folder with something in it; else `UserError`."""
        try:
            if not root.is_dir():
                raise self.refusal(root, "is no folder" if root.exists() else "there is no such folder")
            if next(root.iterdir(), None) is None:
                raise self.refusal(root, "the folder is empty")
        except OSError as error:
            raise self.refusal(root, f"cannot be read ({error.strerror})") from None
        return root

    def refusal(self, root: Path, why: str | None = None) -> UserError:
        """The error for a root that does not hold this set; `why` None: it is laid out otherwise."""
        if why is None:
            why = f"does not hold {self.title}"
            other = _looks_like(root, self.option)
            if other is not None:
                return UserError("dataset.root", root, f"{why} but what dataset={other} reads", f"use dataset={other}")
        return UserError(
            "dataset.root",
            root,
            f"{why}; expected: {self.expected}",
            f"give the folder of {self.title} ({self.origin})",
        )


def _looks_like(root: Path, not_this: str) -> str | None:
    found = (name for name, signs in _SIGNS.items() if name != not_this and any((root / s).exists() for s in signs))
    return next(found, None)
