"""What has no exact integer form is refused where integers are asked for, by the part that it is of."""

from __future__ import annotations

import re

import pytest
from composing import composed
from omegaconf import OmegaConf

from stereo_exp.base import UserError
from stereo_exp.config import STAGES, bind
from stereo_exp.config.parts import PARTS

UNIT = {"model": {"volume": {"normalization": "unit"}}}


@pytest.mark.parametrize("stage", [each for each in STAGES if each != "float"])
def test_unit_length_is_refused_behind_float(stage: str) -> None:
    config = composed("model=quarternet", f"stage={stage}")
    rule = "unit length has no exact integer form, which takes a square root and a division"
    fix = "set model.volume.normalization=batchnorm and train again"
    with pytest.raises(UserError, match=f"^{re.escape(f'model.volume.normalization=unit: {rule}; {fix}')}$"):
        bind(OmegaConf.merge(config, UNIT))
    bind(config)


def test_unit_length_is_for_float_networks() -> None:
    bind(OmegaConf.merge(composed("model=quarternet"), UNIT))


def test_whoever_does_not_train_takes_what_is_there() -> None:
    bind(OmegaConf.merge(composed("model=quarternet", "task=eval", "stage=calib"), UNIT))


@pytest.mark.parametrize("place", PARTS)
def test_every_part_is_asked(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = bind(composed("model=quarternet")).model

    def refuse(part: object) -> None:
        raise UserError(place, None, "refused", "try another")

    model.check_integers()
    monkeypatch.setattr(type(getattr(model, place)), "check_integers", refuse)
    with pytest.raises(UserError, match=f"^{place}: refused"):
        model.check_integers()
