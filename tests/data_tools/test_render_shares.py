"""Choosing kinds of scenes from the command line and the configuration; the contact sheet."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from data_tools.render import main
from stereo_exp.base.errors import UserError
from stereo_exp.config.dataset import SCENES, Shapes
from stereo_exp.geometry.formats.image import read_rgb
from stereo_exp.shapes.scenes import KINDS
from stereo_exp.shapes.sheet import contact_sheet
from stereo_exp.shapes.writer import PARAMETERS, render_dataset
from stereo_exp.suite.datasets import prepare_shapes

SMALL = {"num_train": 1, "num_test": 1, "height": 64, "width": 64, "render_workers": 1}


def test_the_configuration_knows_every_kind() -> None:
    assert set(SCENES) == set(KINDS)


@pytest.mark.parametrize("scenes", [{"rooms": 1.0}, {"room": -1.0}, {"room": float("nan")}, {"room": 0.0}, {}])
def test_wrong_shares_are_refused(tmp_path: Path, scenes: dict[str, float]) -> None:
    with pytest.raises(UserError, match=r"^dataset\.scenes"):
        Shapes(root=str(tmp_path), scenes=scenes)
    with pytest.raises(UserError, match=r"^scenes"):
        render_dataset(tmp_path / "set", train=1, test=0, height=32, width=32, scenes=scenes, workers=1)
    assert not (tmp_path / "set").exists()


def test_a_set_has_a_folder_for_each_mixture(tmp_path: Path) -> None:
    def folder(scenes: dict[str, float]) -> Path:
        return prepare_shapes(Shapes(root=str(tmp_path), scenes=scenes, **SMALL))  # type: ignore[arg-type]

    first = folder({"layers": 1.0, "room": 2.0})
    assert folder({"room": 1.0, "layers": 0.5, "street": 0.0}) == first  # the same shares
    assert folder({"layers": 2.0, "room": 1.0}) != first


def test_command_line_takes_shares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = ["--train", "2", "--test", "0", "--size", "48x64", "--workers", "1"]
    main(["--out", str(tmp_path / "set"), *size, "--scenes", "room=2,thin=0.5"])
    assert json.loads((tmp_path / "set" / PARAMETERS).read_text())["scenes"] == {"room": 2.0, "thin": 0.5}
    capsys.readouterr()
    for wrong in (["--scenes", "room"], ["--scenes", "cave=1"], ["--scenes", "room=0"]):
        with pytest.raises(SystemExit) as caught:
            main(["--out", str(tmp_path / "other"), *size, *wrong])
        assert caught.value.code == 2 and not (tmp_path / "other").exists()
    with pytest.raises(SystemExit):
        main(size)  # neither a folder nor a sheet


def test_contact_sheet_shows_left_views_above_disparities(tmp_path: Path) -> None:
    sheet = contact_sheet(3, height=48, width=64, seed=1, scenes={"room": 1.0}, columns=2)
    assert sheet.shape == (2 * 2 * 48, 2 * 64, 3) and sheet.dtype == np.uint8
    assert sheet[:48].std() > 5 and not sheet[96:, 64:].any()  # the fourth cell is empty
    path = tmp_path / "sheet.png"
    main(["--contact-sheet", str(path), "--size", "48x64", "--seed", "1"])
    assert read_rgb(path).shape == (4 * 2 * 48, 4 * 64, 3)
