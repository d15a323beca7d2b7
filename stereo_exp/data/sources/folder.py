"""SceneFlow as it unpacks: a folder and a list file."""

from __future__ import annotations

from pathlib import Path

from stereo_exp.data.formats.image import read_rgb
from stereo_exp.data.formats.pfm import read_pfm
from stereo_exp.data.sample import StereoSample, StereoSource, check_disparity, check_views, known_disparity
from stereo_exp.data.sources.pair_list import find_pair_list, pair_key
from stereo_exp.errors import DataError


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
        return StereoSample(self.key(index), left, right, known_disparity(disparity))
