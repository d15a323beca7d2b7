"""Every option of `dataset=` that reads files, on real pairs: as many as there are, with fitting truth and masks."""

from __future__ import annotations

import numpy as np
import pytest
from composing import NODES
from test_sources import photometric_error

from stereo_exp.config.dataset import Eth3d, Kitti2012, Middlebury, Pairs, SceneFlow
from stereo_exp.geometry.pair import Calibration, check_sample
from stereo_exp.suite.datasets import open_split

# Option -> its real folders, pairs in them, whether a mask is known; and the config for a root.
REAL_SETS = {
    "sceneflow": (("SceneFlow",), 2, False, SceneFlow),
    "kitti2012": (("KITTI_2012", "KITTI_2012/training"), 1, True, Kitti2012),
    "middlebury": (("middlebury0506_third",), 26, True, Middlebury),
    "eth3d": (("eth3d", "eth3d/two_view_training"), 1, False, Eth3d),
    "pairs": (
        ("oakd",),
        12,
        False,
        lambda root: Pairs(root=root, left="*/left.png", right="*/right.png"),
    ),
}
ROOTS = [(name, folder) for name, (folders, *_) in REAL_SETS.items() for folder in folders]


@pytest.mark.parametrize(("name", "folder"), ROOTS, ids=[folder for _, folder in ROOTS])
def test_real_pairs(real_data, name, folder):
    _, count, has_mask, make = REAL_SETS[name]
    source = open_split(make(root=str(real_data / folder)), "test")
    assert len({source.key(i) for i in range(len(source))}) == len(source) == count
    for index in range(count):
        sample = check_sample(source.read(index))
        if name == "pairs":
            assert sample.disparity is None
            continue
        # Measured: 0.04 (Reindeer) to 0.44 (Monopoly, plain walls).
        assert photometric_error(sample) < 0.5 * photometric_error(sample, sign=-1), sample.key
        assert (sample.noc is not None) == has_mask
        if has_mask:
            known = sample.disparity > 0
            assert not (sample.noc & ~known).any() and 0.8 < sample.noc.sum() / known.sum() < 0.99, sample.key


def test_a_derived_mask_marks_what_does_not_match(real_data):
    """Real Middlebury pairs: the views differ far more where the derived mask says occluded."""
    source = open_split(Middlebury(root=str(real_data / "middlebury0506_third")), "test")
    for index in range(0, len(source), 6):
        sample = source.read(index)
        hidden = np.where(sample.noc, 0, sample.disparity)
        seen = np.where(sample.noc, sample.disparity, 0)
        errors = [photometric_error(type(sample)("", sample.left, sample.right, d)) for d in (hidden, seen)]
        assert errors[0] > 2 * errors[1], sample.key


def test_real_eth3d_calibration(real_data):
    found = open_split(Eth3d(root=str(real_data / "eth3d")), "test").read(0).calibration
    assert found == Calibration(711.499, pytest.approx(0.0599432), 0)


def test_every_option_has_a_case_here():
    # Tests of their own: rendered (meshes in tests/shapes), in scikit-image's wheel, and made of others (test_mix.py).
    made = {"shapes", "scenes", "motorcycle", "mix"}
    assert made | {"kitti2015"} | set(REAL_SETS) == set(NODES["dataset"])
