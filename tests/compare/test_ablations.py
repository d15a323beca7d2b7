"""The presets of ablations: sweeps whose every value composes to a network of its own."""

from __future__ import annotations

from collections.abc import Callable

import hydra
import pytest
from hydra import initialize_config_dir
from omegaconf import OmegaConf

from stereo_exp.config import NETWORK, conf_dir, facts, register
from stereo_exp.config.schema import Root
from stereo_exp.suite.build import build_network

PRESETS = sorted(path.stem for path in (conf_dir() / "experiment").glob("ablation_*.yaml"))


def params_of(preset: str) -> dict[str, list[str]]:
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        composed = hydra.compose("config", [f"experiment={preset}"], return_hydra_config=True)
    params = OmegaConf.to_container(composed.hydra.sweeper.params)
    assert isinstance(params, dict)
    return {key: str(values).split(",") for key, values in params.items()}


def test_there_are_some() -> None:
    names = {"backbone", "fusion", "head", "network", "superpixels", "unfold"}
    assert {preset.removeprefix("ablation_") for preset in PRESETS} >= names


@pytest.mark.parametrize("preset", PRESETS)
def test_every_value_is_another_network(preset: str, compose: Callable[..., Root]) -> None:
    params = params_of(preset)
    assert params.pop("seed") == ["0", "1", "2"]
    ((key, values),) = params.items()
    configs = [compose(f"experiment={preset}", f"{key}={value}") for value in values]
    assert {config.name for config in configs} == {preset}
    models = [config.model for config in configs]
    assert all(a != b for i, a in enumerate(models) for b in models[:i])


def test_how_neighbours_are_unfolded_makes_no_other_network(compose: Callable[..., Root]) -> None:
    """A checkpoint of one serves the other."""
    one, other = (compose(f"model.unfold={each}") for each in ("convolution", "im2col"))
    assert facts(one, NETWORK) == facts(other, NETWORK)
    assert [build_network(config.model).regression.unfolding for config in (one, other)] == ["convolution", "im2col"]
