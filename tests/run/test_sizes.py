"""Sizes that users give: rounded up to what the network takes, told once; nonsense and odd crops are refused."""

from __future__ import annotations

import logging
import re
from dataclasses import asdict

import pytest
from composing import composed
from hypothesis import example, given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from stereo_exp.base.errors import UserError
from stereo_exp.config import bind
from stereo_exp.config.rules import image_size
from stereo_exp.config.schema import Root
from stereo_exp.suite.build import network_size

KEYS = ("export.size", "compile.size", "compile.report_size", "bench.size", "align.size")
SIDE = st.integers(1, 5000)


def configured(key: str, size: object) -> Root:
    """The default config with a size at `key`, bound: composing it anew for each takes 0.3 s."""
    node, _, leaf = key.partition(".")
    return bind(OmegaConf.merge(composed(), {node: {leaf: size}}))


@given(st.tuples(SIDE, SIDE), st.sampled_from([32, 64]))
@example((1, 1), 32)
@example((32, 33), 32)
@example((540, 960), 32)
def test_the_smallest_that_holds_it(size: tuple[int, int], multiple: int) -> None:
    for asked, used in zip(size, network_size("compile.size", list(size), multiple), strict=True):
        assert used % multiple == 0
        assert 0 <= used - asked < multiple


@pytest.mark.parametrize("key", KEYS)
def test_rounding_is_told_in_one_line(key: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert network_size(key, [100, 190], 32) == (128, 192)
    line = f"{key}=[100,190]: rounded up to [128,192]: the network takes multiples of 32 px, smaller images are padded"
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [("WARNING", line)]


@pytest.mark.parametrize("size", [[544, 960], [32, 32], None])
def test_nothing_is_told_of_what_fits(size: list[int] | None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert network_size("compile.size", size, 32) == (None if size is None else tuple(size))
    assert not caplog.records


@pytest.mark.parametrize("size", [[100, 190], [540, 960], [1, 1]])
@pytest.mark.parametrize("key", KEYS)
def test_the_configuration_takes_any(key: str, size: list[int]) -> None:
    assert OmegaConf.select(OmegaConf.structured(configured(key, size)), key) == size


@pytest.mark.parametrize(
    ("size", "fix"),
    [
        ([0, 190], "[544,960]"),
        ([100, -190], "[544,960]"),
        ([544], "[544,960]"),
        ([], "[544,960]"),
        ([3, 544, 960], "[544,960]"),
    ],
    ids=str,
)
@pytest.mark.parametrize("key", KEYS)
def test_what_is_no_size_is_refused(key: str, size: list[int], fix: str) -> None:
    message = f"{key}={size}: must be [height, width] in px, both above 0; try {key}={fix}"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        configured(key, size)


@pytest.mark.parametrize("size", [[100.5, 190], [None, 190], 190, ["a", "b"]], ids=str)
@pytest.mark.parametrize("key", KEYS)
def test_only_integers(key: str, size: object) -> None:
    config = asdict(bind(composed()))
    node, _, leaf = key.partition(".")
    # As plain values: a merge refuses them before `bind` sees them.
    config[node][leaf] = size
    with pytest.raises(UserError) as caught:
        bind(config)
    assert caught.value.key.startswith(key)
    assert "\n" not in str(caught.value)


@given(st.lists(st.integers(-5000, 5000), max_size=4))
def test_a_suggested_size_is_accepted(size: list[int]) -> None:
    try:
        image_size("compile.size", size)
    except UserError as error:
        suggested = re.fullmatch(r"try compile\.size=\[(\d+),(\d+)\]", error.fix)
        assert suggested is not None
        image_size("compile.size", [int(side) for side in suggested.groups()])


@pytest.mark.parametrize(("crop", "fix"), [([100, 200], [96, 192]), ([250, 500], [256, 512]), ([1, 64], [32, 64])])
def test_a_crop_is_not_rounded(crop: list[int], fix: list[int]) -> None:
    with pytest.raises(UserError, match=rf"multiples of 32; try loader\.crop=\[{fix[0]},{fix[1]}\]$"):
        configured("loader.crop", crop)
    configured("loader.crop", fix)


@pytest.mark.parametrize("crop", [[1, -64], [256]])
def test_what_is_no_crop_is_refused(crop: list[int]) -> None:
    with pytest.raises(
        UserError, match=r"^loader\.crop=.*: must be \[height, width\] in px.*; try loader\.crop=\[256,512\]$"
    ):
        configured("loader.crop", crop)


def test_a_crop_is_a_multiple_of_its_own_networks() -> None:
    """Four levels above strides of 16: the coarsest map has a stride of 128. Who does not train crops nothing."""
    wide = {
        "model.volume.stride": 16,
        "model.aggregation.widths": [16, 16, 16, 16],
        "model.aggregation.units": [1, 1, 1, 1],
        "model.aggregation.up_units": [1, 1, 1],
        "model.aggregation.gate": "none",
    }
    config = composed("model=quarternet", *(f"{k}={v}".replace(" ", "") for k, v in wide.items()))
    message = "loader.crop=[96, 192]: must be [height, width] in px, both multiples of 128; try loader.crop=[128,256]"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        bind(OmegaConf.merge(config, {"loader": {"crop": [96, 192]}}))
    bind(OmegaConf.merge(config, {"loader": {"crop": [128, 256]}}))
    bind(OmegaConf.merge(config, {"loader": {"crop": [96, 192]}, "task": "infer"}))
