"""Adding a target is one class and one YAML file: this file adds one."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from composing import NODES
from small_networks import random_pairs

from stereo_exp.base.errors import UserError
from stereo_exp.config import conf_dir
from stereo_exp.quant.calibration import calibrate
from stereo_exp.quant.diagnosis import layer_noise
from stereo_exp.quant.fake import ActivationQuantiser, PerChannelWeightQuantiser
from stereo_exp.quant.network import QuantisedStereoNet

# The class: unsigned activations on power-of-two scales, six bits, weights in thirds of a power of two.
OURS = """
from dataclasses import dataclass
from stereo_exp.base.registry import option
from stereo_exp.config import quant
from stereo_exp.quant.targets import Pow2, covering

@dataclass
class ThirdsOfPowers(Pow2):
    name = "thirds"
    exact = False

    def weight_scale(self, rows, numbers):
        return covering(rows.detach().abs().amax(1) * 3, numbers.high) / 3

@option("quant/target", "thirds", ThirdsOfPowers)
@dataclass
class Thirds(quant.Target):
    name: str = "thirds"
    activation_bits: int = 6
"""


def test_every_target_has_a_yaml_of_its_name() -> None:
    assert {f.stem for f in (conf_dir() / "quant" / "target").glob("*.yaml")} >= set(NODES["quant.target"])


@pytest.mark.long
def test_a_new_target_is_one_class_and_one_yaml(tmp_path: Path) -> None:
    """Through the entrypoint's own config: the option shows in --help, composes, and its bits are its own."""
    (tmp_path / "thirds.py").write_text(OURS)
    (tmp_path / "mine" / "quant" / "target").mkdir(parents=True)
    yaml = "defaults:\n  - /schema/quant/target/thirds@_here_\n"
    (tmp_path / "mine" / "quant" / "target" / "thirds.yaml").write_text(yaml)
    program = textwrap.dedent(f"""
        import sys
        sys.path[:0] = {[str(tmp_path), str(Path(__file__).parent), str(Path(__file__).parent.parent)]!r}
        import thirds, torch
        import hydra
        from hydra import initialize_config_dir
        from stereo_exp.config import bind, conf_dir, register
        from small_networks import SMALL, random_pairs
        from stereo_exp.quant.calibration import calibrate
        from stereo_exp.quant.fake import ActivationQuantiser, PerChannelWeightQuantiser
        from stereo_exp.suite.build import build_network, quantize_network
        register()
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            search = "hydra.searchpath=[file://{tmp_path}/mine]"
            config = bind(hydra.compose("config", [*SMALL, search, "quant/target=thirds"]))
        assert type(config.quant.target) is thirds.Thirds
        network = quantize_network(build_network(config.model), config.quant)
        calibrate(network, [random_pairs(0)], 1)
        for q in network.quantizers(ActivationQuantiser):
            assert q.numbers.bits == 6, q
        for q in network.quantizers(PerChannelWeightQuantiser):
            assert bool((torch.frexp(q.scale * 3).mantissa - 0.5).abs().max() < 1e-6), q
        print("calibrated")
    """)
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.stdout.splitlines()[-1:] == ["calibrated"], done.stderr[-2000:]


@pytest.mark.parametrize("name", list(NODES["quant.target"]))
@pytest.mark.parametrize("bits", [4, 8])
def test_calibration_with_every_target(prepared: Callable[..., QuantisedStereoNet], name: str, bits: int) -> None:
    """A YAML (here: an override) alone makes a variant of other bit widths."""
    overrides = (f"quant/target={name}", f"quant.target.weight_bits={bits}")
    network = prepared(*overrides)
    assert calibrate(network, [random_pairs(0)], 1) == 2
    high = 2 ** (bits - 1) - 1
    for quantiser in network.quantizers(PerChannelWeightQuantiser):
        weight = network.trunk.get_parameter(quantiser.label)
        steps = quantiser(weight) / quantiser.scale.view([-1 if i == quantiser.ch_axis else 1 for i in range(4)])
        assert float(steps.abs().max()) <= high + 1e-3
    for activation in network.quantizers(ActivationQuantiser):
        assert float(activation.scale) > 0
        assert torch.isfinite(activation.scale)


@pytest.mark.parametrize("observer", list(NODES["quant.observer"]))
def test_calibration_with_every_observer(prepared: Callable[..., QuantisedStereoNet], observer: str) -> None:
    """Rounding alone leaves every tensor recognisable, whatever takes the ranges."""
    overrides = (f"quant/observer={observer}",)
    network = prepared(*overrides)
    batches = [random_pairs(0), random_pairs(1)]
    assert calibrate(network, batches, 2) == 4
    records = [r for r in layer_noise(network, batches[:1]) if r["own_snr_db"] < 199]
    assert len(records) > 20
    assert min(r["own_snr_db"] for r in records) > 5, records[0]


def test_silent_tensors_are_told_of_and_too_many_are_refused(
    prepared: Callable[..., QuantisedStereoNet], caplog: pytest.LogCaptureFixture
) -> None:
    network = prepared()
    with torch.no_grad():
        for part in ("weight", "bias"):
            network.trunk.get_parameter(f"upsampling.spx_8.0.0.{part}").zero_()
    calibrate(network, [random_pairs(0)], 1)
    assert "upsampling.spx_8.0.2 was zero for every calibration image: its scale is" in caplog.text
    assert "upsampling.spx_4" not in caplog.text, "another tensor is added there"
    broken = prepared()
    with torch.no_grad():
        for parameter in broken.trunk.parameters():
            parameter.zero_()
    with pytest.raises(UserError, match=r"was zero for every calibration image, as were .* tensors"):
        calibrate(broken, [random_pairs(0)], 1)
