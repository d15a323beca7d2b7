"""What users get wrong about the stages: one line, exit code 2."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from entrypoint import Chain, stage

from stereo_exp.geometry.formats.image import encode_png
from stereo_exp.geometry.formats.pfm import write_pfm
from stereo_exp.model.checkpoint import load_checkpoint, save_checkpoint


@pytest.mark.parametrize(
    ("name", "made_by"), [("calib", "stage=float"), ("qat", "stage=calib"), ("int_infer", "stage=calib")]
)
def test_without_the_stage_before(tmp_path: Path, name: str, made_by: str) -> None:
    line = stage(tmp_path, name, "name=fresh").error_line
    assert f"python -m stereo_exp {made_by}" in line
    assert "name=fresh" in line


@pytest.mark.parametrize("how", ["name", "init_from"])
@pytest.mark.parametrize("name", ["calib", "qat", "int_infer"])
def test_another_maxdisp_than_the_checkpoints(chain: Chain, name: str, how: str) -> None:
    before = {"calib": "float", "qat": "calib", "int_infer": "qat"}[name]
    words = [f"init_from={chain.reports[before]['checkpoint']}"] if how == "init_from" else []
    line = stage(chain.root, name, "model.maxdisp=192", *words).error_line
    assert line.startswith("error: model.maxdisp=192: ")
    assert "64" in line


@pytest.mark.parametrize("key", ["quant.stage.num_batches", "quant.stage.batch_size"])
def test_no_batches(chain: Chain, key: str) -> None:
    assert stage(chain.root, "calib", f"{key}=0").error_line.startswith(f"error: {key}=0: must be at least 1")


@pytest.mark.parametrize("bins", [255, 258])
def test_bins(chain: Chain, bins: int) -> None:
    line = stage(chain.root, "calib", f"quant.observer.bins={bins}").error_line
    assert f"quant.observer.bins={bins}: must be a multiple of 4" in line


@pytest.mark.parametrize("size", [(96, 192), (90, 150)], ids=["whole", "padded"])
def test_constant_images(chain: Chain, tmp_path: Path, size: tuple[int, int]) -> None:
    """Whatever colours; padding is no image."""
    for i, colour in enumerate([(200, 30, 90), (10, 10, 10)]):
        for view in ("left", "right"):
            (tmp_path / view).mkdir(exist_ok=True)
            image = np.broadcast_to(np.array(colour, np.uint8), (*size, 3)).copy()
            (tmp_path / view / f"{i}.png").write_bytes(encode_png(image))
        (tmp_path / "disparity").mkdir(exist_ok=True)
        write_pfm(tmp_path / "disparity" / f"{i}.pfm", np.full(size, 4, np.float32))
    line = stage(
        chain.root,
        "calib",
        "dataset=pairs",
        *(f"dataset.{key}={value}" for key, value in PAIRS.items()),
        f"dataset.root={tmp_path}",
        "name=constant",
        f"init_from={chain.reports['float']['checkpoint']}",
    ).error_line
    assert "constant" in line
    assert line.startswith("error: dataset=pairs: ")


PAIRS = {"left": "left/*.png", "right": "right/*.png", "disparity": "disparity/*.pfm"}


def test_training_from_another_targets_checkpoint(chain: Chain) -> None:
    calibrated = chain.reports["calib"]["checkpoint"]
    for words in ([f"init_from={calibrated}"], []):
        line = stage(chain.root, "qat", "quant/target=affine", *words).error_line
        assert line.startswith("error: quant/target=affine: ")
        assert "quant/target=pow2" in line


@pytest.mark.parametrize(
    ("name", "of"), [("calib", "qat"), ("calib", "int_infer"), ("qat", "float"), ("qat", "int_infer"),
                     ("int_infer", "float"), ("int_infer", "int_infer")],
)  # fmt: skip
def test_a_checkpoint_of_a_stage_that_nothing_starts_from(chain: Chain, name: str, of: str) -> None:
    path = chain.reports[of]["checkpoint"]
    line = stage(chain.root, name, f"init_from={path}").error_line
    assert f"is a {of} checkpoint; stage={name} starts from" in line


@pytest.mark.parametrize("how", ["truncated", "other tensors", "picture"])
@pytest.mark.parametrize("name", ["calib", "qat", "int_infer"])
def test_a_damaged_or_foreign_checkpoint(chain: Chain, tmp_path: Path, name: str, how: str) -> None:
    before = {"calib": "float", "qat": "calib", "int_infer": "qat"}[name]
    whole = Path(chain.reports[before]["checkpoint"])
    path = tmp_path / "damaged.safetensors"
    if how == "truncated":
        path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    elif how == "picture":
        cv2.imwrite(str(tmp_path / "p.png"), np.zeros((8, 8, 3), np.uint8))
        path.write_bytes((tmp_path / "p.png").read_bytes())
    else:
        checkpoint = load_checkpoint(whole)
        state = checkpoint.part("model")
        save_checkpoint(path, checkpoint.meta, {"model": {f"{k}x": v for k, v in state.items()}})
    assert str(path) in stage(chain.root, name, f"init_from={path}").error_line
