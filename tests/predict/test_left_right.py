"""The left-right check on a scene where everything is known, and the predictor's mirror."""

import numpy as np
import pytest
import torch

from stereo_exp.geometry.occlusion import find_consistent, find_hidden
from stereo_exp.geometry.pair import StereoSample
from stereo_exp.geometry.sizing import Rule
from stereo_exp.model.readout import Expectation, Regression, StereoOutput
from stereo_exp.shapes.raster import render_scene
from stereo_exp.shapes.scenes import sample_scene
from stereo_exp.suite.networks import Predictor


def test_occluded_pixels_disagree_and_the_others_agree() -> None:
    left, right = np.full((4, 40), 2.0, np.float32), np.full((4, 40), 2.0, np.float32)
    left[:, 20:30] = 8  # an object, seen at columns 12 to 21 of the right view
    right[:, 12:22] = 8
    agreed = find_consistent(left, right)
    hidden = [*range(14, 20)]  # behind it in the right view
    assert not agreed[:, hidden].any() and not agreed[:, :2].any()
    rest = [x for x in range(2, 40) if x not in hidden]
    assert agreed[:, rest].all()


def test_hidden_is_what_nothing_in_the_right_view_matches() -> None:
    right = np.full((4, 40), 2.0, np.float32)
    right[:, 12:22] = 8  # an object, at columns 20 to 29 of the left view; behind it 14 to 19
    found = find_hidden(right, np.full((4, 40), 2.0, np.float32))
    # The first two columns lie outside of the right view, whose first pixel stands for what is there.
    assert [*np.flatnonzero(found[0])] == [0, 1, *range(14, 20)]
    assert (found == found[0]).all()


def test_where_the_right_view_knows_nothing_a_pixel_is_not_hidden_but_unknown() -> None:
    right = np.full((2, 40), np.inf, np.float32)
    right[:, :10] = 3
    found = find_hidden(right, np.full((2, 40), 3.0, np.float32))
    assert not found[:, 3:].any()


def test_single_pixels_that_stretching_leaves_out_are_not_hidden() -> None:
    right = np.arange(30, dtype=np.float32)[None]  # every second pixel of the left view
    assert not find_hidden(right, np.zeros((1, 30), np.float32))[:, :-1].any()


REGRESSION = Regression(Expectation(24), 192, 8, 4)


class Mean(torch.nn.Module):
    """Says for every pair how much brighter left is than right: no symmetry, so that the mirror must be right."""

    maxdisp, multiple = 192, 32

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> StereoOutput:
        height, width = left.shape[-2:]
        value = (left.mean() - right.mean()).clamp(0, 1)
        low = value.expand(1, 1, height // 8, width // 8)
        logits = torch.zeros(1, 24, height // 8, width // 8)
        return StereoOutput(
            low, low.expand(-1, 4, -1, -1), torch.full((1, 4, height, width), 0.25), logits, (), REGRESSION
        )


def test_predictor_crops_and_distrusts() -> None:
    sample = StereoSample("a", np.full((50, 70, 3), 200, np.uint8), np.full((50, 70, 3), 100, np.uint8))
    plain = Predictor(Mean(), torch.device("cpu"), Rule())(sample)
    assert plain.disparity.shape == plain.confidence.shape == plain.trusted.shape == (50, 70)
    assert plain.trusted.all()
    assert not Predictor(Mean(), torch.device("cpu"), Rule(min_confidence=0.9))(sample).trusted.any()
    # In the mirror the bright view is again the first one: both directions say the same where the match is in view.
    checked = Predictor(Mean(), torch.device("cpu"), Rule(left_right=True))(sample)
    shift = round(float(checked.disparity.max()))
    assert not checked.trusted[:, : max(shift - 1, 0)].any()


class Eighth(torch.nn.Module):
    """Says an eighth of the range for every pair."""

    maxdisp, multiple = 192, 32

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> StereoOutput:
        height, width = left.shape[-2:]
        low = torch.full((1, 1, height // 8, width // 8), 0.125)
        logits = torch.zeros(1, 24, height // 8, width // 8)
        return StereoOutput(
            low, low.expand(-1, 4, -1, -1), torch.full((1, 4, height, width), 0.25), logits, (), REGRESSION
        )


@pytest.mark.parametrize("scale", [0.5, 1.5, 2.0])
def test_disparities_of_a_scaled_pair_are_pixels_of_the_pair(scale: float) -> None:
    sample = StereoSample("a", np.zeros((64, 128, 3), np.uint8), np.zeros((64, 128, 3), np.uint8))
    found = Predictor(Eighth(), torch.device("cpu"), Rule(scale, left_right=True))(sample)
    assert found.disparity.shape == found.confidence.shape == found.trusted.shape == (64, 128)
    np.testing.assert_allclose(found.disparity[2:-2, 2:-2], 24 / scale, rtol=1e-6)


def test_the_predictor_refines_both_views() -> None:
    """A plane 30 px away; the network says 24 px everywhere."""
    texture = np.random.default_rng(0).integers(0, 256, (64, 190, 3), np.uint8)
    sample = StereoSample("a", *(np.ascontiguousarray(view) for view in (texture[:, :160], texture[:, 30:])))
    found = Predictor(Eighth(), torch.device("cpu"), Rule(refine=True, left_right=True))(sample)
    np.testing.assert_allclose(found.disparity[:, 34:-4], 30, atol=0.1)
    assert found.trusted[:, 34:-4].all()


def test_true_maps_of_a_scene_are_consistent_where_nothing_hides() -> None:
    pair = render_scene(sample_scene(0, "TRAIN", 0, 96, 192))
    agreed = find_consistent(pair.disparity_left, pair.disparity_right)
    assert 0.5 < agreed.mean() < 1
