"""The public sets with truth, as samples of them lie in one folder; none of them is ever trained on."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stereo_exp.base import UserError
from stereo_exp.config import Dataset, Eth3d, Kitti2012, Middlebury, Motorcycle, SceneFlow
from stereo_exp.data import StereoSource
from stereo_exp.geometry import StereoSample, check_sample
from stereo_exp.suite import open_split

DATA_VARIABLE = "STEREO_EXP_REAL"
_BESIDE_THE_CHECKOUT = Path(__file__).resolve().parents[3] / "shared" / "data"


@dataclass(frozen=True)
class RealSet:
    """One row of a table.

    Attributes:
        name: of the row, and the key in JSON.
        sources: the pairs; of SceneFlow both lists, since neither is trained on.
    """

    name: str
    sources: tuple[StereoSource, ...]

    def __len__(self) -> int:
        return sum(map(len, self.sources))

    def __iter__(self) -> Iterator[StereoSample]:
        for source in self.sources:
            for index in range(len(source)):
                yield check_sample(source.read(index))


def default_root() -> Path:
    """`STEREO_EXP_REAL` where it is set, else `../shared/data` beside the checkout."""
    return Path(os.environ.get(DATA_VARIABLE) or _BESIDE_THE_CHECKOUT)


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """`--data`, the folder that the samples lie in."""
    parser.add_argument(
        "--data", type=Path, default=default_root(), metavar="DIR", help=f"default: ${DATA_VARIABLE} or ../shared/data"
    )


def open_sets(root: Path) -> tuple[list[RealSet], dict[str, str]]:
    """The sets that lie under `root` in folders of these names, and why the others are left out.

    Motorcycle comes with scikit-image and is always there.
    """
    wanted: dict[str, tuple[type[Dataset], str | None, tuple[str, ...]]] = {
        "Middlebury 2005/2006": (Middlebury, "middlebury0506_third", ("test",)),
        "SceneFlow": (SceneFlow, "SceneFlow", ("train", "test")),
        "KITTI 2012": (Kitti2012, "KITTI_2012", ("test",)),
        "ETH3D": (Eth3d, "eth3d", ("test",)),
        "Motorcycle": (Motorcycle, None, ("test",)),
    }
    found: list[RealSet] = []
    absent: dict[str, str] = {}
    for name, (kind, folder, splits) in wanted.items():
        try:
            config = kind() if folder is None else kind(root=str(root / folder))
            found.append(RealSet(name, tuple(open_split(config, split) for split in splits)))
        except UserError as error:
            absent[name] = str(error)
    return found, absent
