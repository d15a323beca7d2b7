"""Small quantised networks, made from overrides."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from small_networks import quantised, random_pairs, small_config

from stereo_exp.quant.calibration import calibrate
from stereo_exp.quant.network import QuantisedStereoNet


@pytest.fixture(scope="session")
def prepared() -> Callable[..., QuantisedStereoNet]:
    """A function from overrides to a prepared network with random weights; nothing is observed yet."""

    def build(*overrides: str, seed: int = 0) -> QuantisedStereoNet:
        torch.manual_seed(seed)
        return quantised(small_config(*overrides))

    return build


@pytest.fixture(scope="session")
def calibrated(prepared: Callable[..., QuantisedStereoNet]) -> Callable[..., QuantisedStereoNet]:
    """A function from overrides to a calibrated network with random weights, rounding, in evaluation mode."""

    def build(*overrides: str, seed: int = 0) -> QuantisedStereoNet:
        network = prepared(*overrides, seed=seed)
        calibrate(network, [random_pairs(seed), random_pairs(seed + 1)], 2)
        return network.eval()

    return build
