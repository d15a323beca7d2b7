"""Networks that several modules' tests deploy; each is exported once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_models import DISPARITY, SIZE, Network, checkpoint, views

from stereo_exp.deploy.folder import OPSET
from stereo_exp.deploy.onnx_export import export_trunk_onnx
from stereo_exp.geometry.formats.image import encode_png
from stereo_exp.geometry.formats.pfm import write_pfm
from stereo_exp.suite.restore import load_source


def _network(folder: Path, target: str | None) -> Network:
    path = checkpoint(folder, target)
    source = load_source(path)
    return Network(path, source, export_trunk_onnx(source, OPSET))


@pytest.fixture(scope="session")
def pow2(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Calibrated for `pow2`."""
    return _network(tmp_path_factory.mktemp("pow2"), "pow2")


@pytest.fixture(scope="session")
def floating(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Float."""
    return _network(tmp_path_factory.mktemp("float"), None)


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Overrides for a data set of two pairs."""
    root = tmp_path_factory.mktemp("pairs")
    for i in range(2):
        for name, view in zip(("left", "right"), views(i), strict=True):
            (root / f"{name}{i}.png").write_bytes(encode_png(view))
        write_pfm(root / f"disparity{i}.pfm", np.full(SIZE, DISPARITY, np.float32))
    patterns = ("left=left*.png", "right=right*.png", "disparity=disparity*.pfm")
    return ["dataset=pairs", f"dataset.root={root}", *(f"dataset.{p}" for p in patterns)]
