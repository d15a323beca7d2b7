"""The static report counts what the network's own profile counts; its page opens without a network, light and dark."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from composing import composed
from hypothesis import given
from hypothesis import strategies as st
from small_models import Network

from stereo_exp.config import bind
from stereo_exp.config.deploy import Device
from stereo_exp.deploy.forms import full_form, trunk_form
from stereo_exp.deploy.report import (
    Figures,
    Layer,
    count_layers,
    describe_device,
    estimate_seconds,
    write_report,
)
from stereo_exp.deploy.rewrites import rewrite
from stereo_exp.model.cost import profile
from stereo_exp.suite.build import build_network
from stereo_exp.suite.restore import network_of
from stereo_exp.suite.tasks.compile import find_figures

SIZE = (96, 160)
CONVOLVING = ("backbone", "neck", "aggregation", "upsampling")
"""The network's parts that are made of convolutions."""
DEVICE = describe_device("a device", 1.0, 50.0, 10.0)
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


def counted(network: Network, level: int = 1) -> list[Layer]:
    form = full_form(trunk_form(network.exported), network.source.regression)
    return count_layers(rewrite(form, "openvino", level)[0], SIZE)


@pytest.mark.parametrize("name", ["floating", "pow2"])
def test_convolutions_are_counted_as_the_profile_counts_them(name: str, request: pytest.FixtureRequest) -> None:
    network: Network = request.getfixturevalue(name)
    model = network_of(network.source.checkpoint.meta).model
    wanted = profile(build_network(model), *SIZE)
    found = counted(network)
    sums: dict[str, int] = {}
    for layer in found:
        if layer.kind in ("Conv", "ConvTranspose"):
            sums[layer.part] = sums.get(layer.part, 0) + layer.macs
    for part in CONVOLVING:
        assert sums[part] == sum(c.macs for p, c in wanted.items() if p.startswith(f"{part}.")) > 0


def test_parameters(pow2: Network) -> None:
    """Folding takes BatchNorm's parameters away and gives every convolution a bias."""
    model = network_of(pow2.source.checkpoint.meta).model
    weights = sum(p.numel() for p in build_network(model).parameters() if p.ndim == 4)
    own = [layer for layer in counted(pow2) if layer.part in CONVOLVING]
    biases = sum(layer.output[1] for layer in own if layer.kind in ("Conv", "ConvTranspose"))
    bias_free = 4  # the last convolution of the superpixel branch
    assert sum(layer.parameters for layer in own) == weights + biases - bias_free


def test_bits_and_bytes(floating: Network, pow2: Network) -> None:
    stem, stem8 = (next(x for x in counted(n) if x.name.startswith("backbone.stem")) for n in (floating, pow2))
    height, width = SIZE
    assert (stem.bits_in, stem.bits_weight) == (32, 32)
    assert stem.bytes_read == 2 * 3 * height * width * 4
    assert (stem8.bits_in, stem8.bits_weight, stem8.bits_out) == (8, 8, 8)
    assert stem8.bytes_read == 2 * 3 * height * width
    channels = stem8.output[1]
    assert stem8.output == (2, channels, height // 2, width // 2)
    assert stem8.bytes_written == np.prod(stem8.output)
    assert stem8.bytes_weights == channels * 27 + 4 * channels, "int8 weights, int32 biases"
    integer = sum(x.macs for x in counted(pow2) if x.bits_in <= 8)
    assert integer > 0.99 * sum(x.macs for x in counted(pow2) if x.part != "images")


LAYER = Layer("x", "Conv", "neck", ((1, 4, 8, 8),), (1, 4, 8, 8), 8, 8, 8, 9216, 144, 256, 144, 256, False)


@given(st.floats(1e6, 1e15), st.floats(1e6, 1e15), st.floats(1e3, 1e12))
def test_roofline(int8: float, float32: float, bandwidth: float) -> None:
    figures = Figures("x", int8, float32, bandwidth)
    assert estimate_seconds(LAYER, figures) == (2 * 9216 / int8, 656 / bandwidth)
    assert estimate_seconds(replace(LAYER, bits_in=32), figures)[0] == 2 * 9216 / float32
    assert estimate_seconds(replace(LAYER, macs=0, kind="Relu", bits_weight=0), figures)[0] == 256 / float32


def test_this_machine_is_measured() -> None:
    figures = find_figures(Device())
    assert "cores" in figures.title
    assert figures.int8_ops > 1e9
    assert figures.float32_ops > 1e9
    assert figures.bandwidth > 1e8


def test_a_described_device() -> None:
    device = bind(composed("compile/device=journey5_like")).compile.device
    figures = find_figures(device)
    assert (figures.int8_ops, figures.float32_ops, figures.bandwidth) == (128e12, 77e9, 34e9)


@pytest.mark.parametrize("figures", [(0, 77, 34), (128, -1, 34), (128, 77, float("nan"))])
def test_a_device_without_a_figure_is_refused(figures: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match=r"(int8_ops|float32_ops|bandwidth)=.*: must be above 0"):
        describe_device("x", *figures)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, pow2: Network) -> Path:
    folder = tmp_path_factory.mktemp("report")
    form, _ = rewrite(full_form(trunk_form(pow2.exported), pow2.source.regression), "openvino", 1)
    write_report(form, folder, {"name": "<b>net</b>", "stage": "calib", "target": "pow2"}, SIZE, DEVICE)
    return folder


def test_json(report: Path, pow2: Network) -> None:
    facts = json.loads((report / "model.json").read_text())
    assert facts["device"] == {"title": "a device", "int8_ops": 1e12, "float32_ops": 5e10, "bandwidth": 1e10}
    assert facts["model"]["size"] == list(SIZE)
    for key in ("macs", "parameters", "bytes_moved", "ms"):
        assert facts["totals"][key] == pytest.approx(sum(layer[key] for layer in facts["layers"]))
        assert facts["totals"][key] == pytest.approx(sum(part[key] for part in facts["parts"].values()))
    assert set(facts["parts"]) >= {"images", *CONVOLVING, "volume", "readout", "pixels"}
    for layer in facts["layers"]:
        assert layer["ms"] == max(layer["compute_ms"], layer["memory_ms"])


def test_page_needs_no_network(report: Path) -> None:
    text = (report / "model.html").read_text()
    assert not re.search(r"https?:|src=|href=|@import|url\(", text)
    assert "&lt;b&gt;net" in text
    assert "<b>net" not in text


def browse(page: Path, folder: Path, *flags: str) -> str:
    """The page's DOM after its script has run, from a browser that reaches nothing."""
    assert CHROMIUM is not None
    command = [
        CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}",
        "--host-resolver-rules=MAP * ~NOTFOUND", *flags, page.as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_page_in_a_browser(report: Path, tmp_path: Path) -> None:
    facts = json.loads((report / "model.json").read_text())
    # A click on the last head sorts by time, longest first.
    page = tmp_path / "sorted.html"
    click = '<script>document.querySelector("#layers th:last-child button").click()</script></body>'
    page.write_text((report / "model.html").read_text().replace("</body>", click))
    dom = browse(page, tmp_path, "--dump-dom")
    times = [float(x) for x in re.findall(r'<td data-n="([\d.e-]+)">[\d.]+</td></tr>', dom)]
    assert len(times) == len(facts["layers"]) > 50
    assert times == sorted(times, reverse=True)
    assert dom.count("<rect") == len(facts["layers"])
    assert dom.count("<circle") == sum(1 for x in facts["layers"] if x["macs"] and x["bytes_moved"])


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_light_and_dark(report: Path, tmp_path: Path) -> None:
    brightness = {}
    for scheme, flags in (("light", []), ("dark", ["--blink-settings=preferredColorScheme=0"])):
        picture = tmp_path / f"{scheme}.png"
        browse(report / "model.html", tmp_path, f"--screenshot={picture}", "--window-size=1000,900", *flags)
        image = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
        brightness[scheme] = float(np.median(image))
        assert image.std() > 5, "something is drawn"
    assert brightness["light"] > 200
    assert brightness["dark"] < 60
