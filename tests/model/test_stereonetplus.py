"""The network is the published one: parameters, multiplications, shapes, order of operations and traps T1-T7."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given
from hypothesis import strategies as st
from torch import nn

from stereo_exp.config import parts as schema
from stereo_exp.config.model import StereoNetPlus
from stereo_exp.config.parts import FPN, MixVarGENet, MobileNetV2
from stereo_exp.model.cost import Cost, profile
from stereo_exp.model.mixvargenet import MixVarGEUnit
from stereo_exp.model.network import Trunk
from stereo_exp.model.readout import Expectation, Logits, Regression, StereoOutput, coarse_disparity, full_disparity
from stereo_exp.suite.build import build_network

BACKBONES = {
    "mixvargenet": MixVarGENet(),
    "half": MixVarGENet(width=0.5),
    "slim": MixVarGENet(expansion=[0.5, 1.0, 1.5, 2.0, 2.0]),
    "tiny": MixVarGENet(width=0.25, units=[0, 0, 0, 1, 0]),
    "mobilenetv2": MobileNetV2(),
}


# What the preset model/head=aanet_spx names.
PARTS = {
    "neck": FPN(),
    "volume": schema.PyramidVolume(),
    "aggregation": schema.AdaptiveAggregation(),
    "upsampling": schema.DeconvolutionUpsampling(),
    "readout": schema.Expectation(),
}


def build(maxdisp: int = 192, backbone: str = "tiny") -> nn.Module:
    torch.manual_seed(0)
    return build_network(StereoNetPlus(maxdisp=maxdisp, backbone=BACKBONES[backbone], **PARTS))


@pytest.fixture(scope="module")
def published() -> nn.Module:
    return build(192, "mixvargenet")


# part -> parameters, million multiply-accumulates at 544×960 (the published layer table).
TABLE = {
    "stem": (960, 226),
    "stage 1 (s2)": (20_768, 5_348),
    "stage 2 (s4)": (125_440, 8_088),
    "stage 3 (s8)": (377_472, 6_116),
    "stage 4 (s16)": (319_488, 1_278),
    "stage 5 (s32)": (272_704, 274),
    "FPN": (5_712, 27),
    "head: mod1 + mod2": (9_280, 1_504),
    "head: correlation": (0, 3),
    "head: aggregation": (135_888, 630),
    "head: final 1×1": (600, 5),
    "head: superpixel branch": (18_780, 790),
    "total": (1_287_092, 24_289),
}
DETAILS = ("upsampling.mod1", "upsampling.mod2")
BRANCH = tuple(f"upsampling.{name}" for name in ("spx_8", "spx_4", "spx_2", "spx", "spx_conv3x3"))
# The table's rows -> the parts that `profile` counts.
ROWS = {
    "stem": ("backbone.stem",),
    **{f"stage {i + 1} (s{2 ** (i + 1)})": (f"backbone.stages.{i}",) for i in range(5)},
    "FPN": ("neck.lateral", "neck.top_down"),
    "head: mod1 + mod2": DETAILS,
    "head: correlation": ("volume.correlation",),
    "head: aggregation": ("aggregation.stages",),
    "head: final 1×1": ("aggregation.final",),
    "head: superpixel branch": BRANCH,
    "total": ("total",),
}


def add(found: dict[str, Cost], parts: tuple[str, ...]) -> Cost:
    return Cost(sum(found[part].parameters for part in parts), sum(found[part].macs for part in parts))


def test_costs_are_the_published_ones(published: nn.Module) -> None:
    # The small volumes at 1/16 and 1/32 make the correlation 3.6 M; the table rounds it down.
    found = profile(published, 544, 960, training=True)
    assert sorted(found) == sorted(part for parts in ROWS.values() for part in parts)
    assert list(found)[-1] == "total"
    rows = {row: add(found, parts) for row, parts in ROWS.items()}
    assert {row: cost.parameters for row, cost in rows.items()} == {row: n for row, (n, _) in TABLE.items()}
    for row, (_, millions) in TABLE.items():
        assert rows[row].macs / 1e6 == pytest.approx(millions, abs=0.7), row


@pytest.mark.parametrize(("size", "millions"), [((256, 512), 6_096), ((384, 1248), 22_289)])
def test_total_at_other_sizes(published: nn.Module, size: tuple[int, int], millions: int) -> None:
    assert profile(published, *size, training=True)["total"].macs / 1e6 == pytest.approx(millions, abs=1)


def test_evaluation_leaves_the_right_details_out(published: nn.Module) -> None:
    training, evaluation = (profile(published, 256, 512, training=t) for t in (True, False))
    for part in DETAILS:
        assert evaluation[part].macs * 2 == training[part].macs
    for part in BRANCH:
        assert evaluation[part] == training[part]


def test_profile_leaves_the_network_as_it_was() -> None:
    model = build()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    profile(model, 64, 96, training=True)
    assert model.training
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("maxdisp", [32, 64, 96, 192])
def test_shapes_and_ranges(backbone: str, maxdisp: int) -> None:
    model = build(maxdisp, backbone)
    left, right = torch.randn(2, 2, 3, 64, 96)
    maps = model.backbone(left)
    assert [tuple(m.shape[1:]) for m in maps] == [
        (c, 64 // s, 96 // s) for c, s in zip(model.backbone.channels, (2, 4, 8, 16, 32), strict=True)
    ]
    logits = Trunk.forward(model, left, right)
    assert logits.disparity.shape == (2, maxdisp // 8, 8, 12)
    assert logits.superpixel.shape == (2, 4, 64, 96)
    output = model.regression(logits)
    assert output.low.shape == (2, 1, 8, 12)
    assert output.unfolded.shape == (2, 4, 8, 12)
    assert output.weights.shape == (2, 4, 64, 96)
    assert output.low.min() >= 0
    # Trap T6: the last candidate is maxdisp − 8 px.
    assert output.low.max() <= 1 - 8 / maxdisp
    torch.testing.assert_close(output.weights.sum(1), torch.ones(2, 64, 96))
    for disparity in (full_disparity(output), coarse_disparity(output)):
        assert disparity.shape == (2, 64, 96)
        assert disparity.min() >= 0
        assert disparity.max() < maxdisp


def test_published_channels(published: nn.Module) -> None:
    assert published.backbone.channels == [32, 32, 64, 96, 160]
    assert published.volume.num_candidates == [24, 12, 6]


def test_t1_batchnorm_of_the_details_sees_both_views() -> None:
    left, right = torch.randn(1, 3, 64, 64), 3 * torch.randn(1, 3, 64, 64)
    both, twice_left = build().train(), build().train()
    both(left, right)
    twice_left(left, left)
    for name in ("mod1", "mod2"):
        a, b = (getattr(m.upsampling, name)[1].running_var for m in (both, twice_left))
        assert not torch.allclose(a, b), name


def test_evaluation_equals_slicing_behind_the_details() -> None:
    model = build().eval()
    left, right = torch.randn(2, 1, 3, 64, 96)
    maps = model.backbone(torch.cat((left, right)))
    branch = model.upsampling
    s2, s4, p8, *_ = model.neck(maps)
    assert s2 is maps[0] and s4 is maps[1]
    x = branch.spx_4(branch.spx_8(p8[:1]), branch.mod2(s4)[:1])
    logits = branch.spx_conv3x3(branch.spx(branch.spx_2(x, branch.mod1(s2)[:1])))
    torch.testing.assert_close(logits, Trunk.forward(model, left, right).superpixel, rtol=1e-5, atol=1e-6)


def test_t2_projection_comes_before_the_resize() -> None:
    paths = build().aggregation.stages[0].cross
    up = paths[0][1].eval()
    x = torch.randn(1, up.project[0].in_channels, 3, 4)
    expected = F.interpolate(up.project(x), scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(up(x), expected)
    assert [type(m).__name__ for m in up.project] == ["Conv2d", "BatchNorm2d"]
    # From 1/8 to 1/32: a ReLU after the middle convolution, none after the last.
    down = paths[2][0]
    assert [type(m).__name__ for m in down.modules() if not isinstance(m, nn.Sequential)] == [
        "Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "BatchNorm2d",
    ]  # fmt: skip
    assert build().aggregation.stages[0].act.negative_slope == 0.2


def test_last_module_puts_out_the_finest_scale_only(published: nn.Module) -> None:
    modules = published.aggregation.stages
    assert [len(m.cross) for m in modules] == [3, 3, 3, 3, 3, 1]
    assert all(len(m.intra) == 3 for m in modules)


def kinds(module: nn.Module) -> list[str]:
    return [type(m).__name__ for m in module]


def test_t3_biases_and_activations(published: nn.Module) -> None:
    final, branch = published.aggregation.final, published.upsampling
    assert final.bias is not None
    assert isinstance(final, nn.Conv2d)
    assert branch.spx[0].bias is not None
    assert kinds(branch.spx) == ["ConvTranspose2d", "BatchNorm2d", "ReLU"]
    assert branch.spx_conv3x3.bias is None
    for linear in (branch.mod1, branch.mod2, branch.spx_8[1], published.backbone.stem):
        assert kinds(linear) == ["Conv2d", "BatchNorm2d"]
    assert branch.mod1[0].bias is None
    assert published.backbone.stem[0].bias is not None
    assert all(conv.bias is not None for conv in published.neck.modules() if isinstance(conv, nn.Conv2d))


def test_t4_middle_width_follows_the_input(published: nn.Module) -> None:
    stage3 = published.backbone.stages[2]
    assert [unit.conv1[0].out_channels for unit in stage3] == [128, 256, 256]
    groups = [[unit.conv1[0].groups for unit in stage] for stage in published.backbone.stages]
    assert groups == [[1], [1] * 3, [1] * 3, [4] + [6] * 6, [6] + [10] * 2]
    # A stride needs a shortcut convolution even where the channels stay.
    assert not isinstance(published.backbone.stages[1][0].shortcut, nn.Identity)
    assert isinstance(published.backbone.stages[0][0].shortcut, nn.Identity)


def test_slim_is_the_published_network_but_for_its_middles(published: nn.Module) -> None:
    slim = build(192, "slim")
    assert sum(p.numel() for p in slim.parameters()) == 944_404
    middles = [[unit.middle for unit in stage] for stage in slim.backbone.stages]
    assert middles == [[16], [32] * 3, [48, 96, 96], [128] + [192] * 6, [192] + [320] * 2]
    inside = (".conv1.0.weight", ".conv1.0.bias", ".conv1.1.weight", ".conv1.1.bias", ".conv2.0.weight")
    shapes, wide = ({n: p.shape for n, p in m.named_parameters()} for m in (slim, published))
    assert shapes.keys() == wide.keys()
    changed = {name for name in shapes if shapes[name] != wide[name]}
    assert changed
    assert all(name.startswith("backbone.stages.") and name.endswith(inside) for name in changed)
    millions = [profile(m, 544, 960)["total"].macs / 1e6 for m in (slim, published)]
    assert millions == pytest.approx([9_708, 23_537], abs=1)


@given(st.integers(1, 16), st.floats(1e-3, 64), st.booleans())
@example(2, 1.25, False)
@example(1, 1e-3, True)
def test_middle_width_is_the_nearest_that_instructions_fill(groups: int, expansion: float, grouped: bool) -> None:
    """For each group whole fours, for the only one whole sixteens; never none."""
    channels = 16 * groups
    with torch.device("meta"):
        unit = MixVarGEUnit(channels, 16, 1, expansion, grouped)
    step = 4 * groups if grouped else 16
    assert unit.groups == unit.conv1[0].groups == (groups if grouped else 1)
    assert unit.middle == unit.conv1[0].out_channels == unit.conv2[0].in_channels
    assert unit.middle >= step
    assert unit.middle % step == 0
    assert unit.middle == step or abs(unit.middle - expansion * channels) <= step / 2


def test_unit_adds_before_its_relu() -> None:
    unit = MixVarGEUnit(16, 16, 1, 2, grouped=True).eval()
    x = torch.randn(1, 16, 4, 4)
    torch.testing.assert_close(unit(x), F.relu(unit.conv2(unit.conv1(x)) + x))


def published_regression(maxdisp: int = 192) -> Regression:
    return Regression(Expectation(maxdisp // 8), maxdisp, 8, 4)


def test_t5_unfold_is_row_major_from_the_top_left() -> None:
    low = torch.rand(1, 1, 3, 4)
    logits = torch.full((1, 24, 3, 4), -1e4)
    regression = published_regression()
    logits[0, 5] = 0.0
    output = regression(Logits(logits, torch.zeros(1, 4, 24, 32)))
    torch.testing.assert_close(output.low, torch.full((1, 1, 3, 4), 5 / 24))
    unfolded = regression.unfold(low)[0]
    padded = F.pad(low, (1, 0, 1, 0))[0, 0]
    for channel, (dy, dx) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        assert torch.equal(unfolded[channel], padded[dy : dy + 3, dx : dx + 4])


def test_t5_a_cell_never_uses_values_right_of_or_below_it() -> None:
    low = torch.zeros(1, 1, 3, 3)
    low[0, 0, 1, 1] = 0.5
    regression = published_regression()
    weights = torch.full((1, 4, 24, 24), 0.25)
    output = StereoOutput(low, regression.unfold(low), weights, torch.zeros(1, 24, 3, 3), (), regression)
    touched = full_disparity(output)[0] > 0
    assert touched[8:, 8:].all()
    assert not touched[:8].any()
    assert not touched[:, :8].any()


def test_postprocess_is_the_published_formula() -> None:
    maps = torch.rand(2, 1, 4, 6), torch.rand(2, 4, 4, 6), torch.rand(2, 4, 32, 48), torch.zeros(2, 12, 4, 6)
    output = StereoOutput(*maps, (), published_regression(96))
    nearest = output.unfolded.repeat_interleave(8, 2).repeat_interleave(8, 3)
    torch.testing.assert_close(full_disparity(output), (nearest * output.weights).sum(1) * 96)
    bilinear = F.interpolate(output.low * 96, (32, 48), mode="bilinear", align_corners=False)[:, 0]
    torch.testing.assert_close(coarse_disparity(output), bilinear)


def test_views_share_their_weights() -> None:
    model = build().eval()
    left, right = torch.randn(2, 1, 3, 64, 64)
    stacked = model.backbone(torch.cat((left, right)))
    for both, alone in zip(stacked, model.backbone(right), strict=True):
        torch.testing.assert_close(both[1:], alone, rtol=1e-4, atol=1e-5)


def test_candidates_and_unfold_are_frozen(published: nn.Module) -> None:
    regression = published.regression
    assert regression.readout.candidates.numel() == 24
    assert regression.picks.numel() == 16
    assert not list(regression.parameters())
    assert not regression.state_dict()
    torch.testing.assert_close(regression.readout.candidates.flatten(), torch.arange(24) / 24)


@pytest.mark.parametrize("shift", [8, 16, 24])
def test_a_perfect_match_wins_at_the_true_candidate(shift: int) -> None:
    # Columns of random codes, shifted by whole cells of 1/8: correlation peaks at the shift.
    codes = F.normalize(torch.randn(1, 16, 4, 24), dim=1)
    right = torch.roll(codes, -shift // 8, dims=-1)
    from stereo_exp.model.cost_volume import correlation_volume

    best = correlation_volume(codes, right, 8).argmax(1)
    assert (best[..., 8:] == shift // 8).all()
