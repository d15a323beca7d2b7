"""Networks as checkpoints tell of them: what an older one does not say, and which another can be narrowed to."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import asdict
from typing import Any

import pytest
from composing import composed

from stereo_exp.base.errors import UserError
from stereo_exp.config import bind
from stereo_exp.config.binding import bind_network
from stereo_exp.config.model import Model, widen

CONFIG = json.dumps(asdict(bind(composed())))
PUBLISHED = [2.0, 4.0, 4.0, 2.0, 2.0]
SLIM = [0.5, 1.0, 1.5, 2.0, 2.0]


def model(expansion: list[float] | None = None, **values: object) -> dict[str, Any]:
    """The default network with other values at dotted keys (`__` for the dot), as JSON gives it back."""
    found = json.loads(CONFIG)["model"]
    if expansion is not None:
        found["backbone"]["expansion"] = expansion
    for key, value in values.items():
        node, _, leaf = key.rpartition("__")
        (found[node] if node else found)[leaf] = value
    return found


def bound(model: dict[str, Any]) -> Model:
    """What a checkpoint's JSON says of its network, bound."""
    return bind_network({**json.loads(CONFIG), "model": model}).model


def is_narrower(model: dict[str, Any], than: dict[str, Any]) -> bool:
    """What `stage=float` may start from: another network, and the same but for its expansion."""
    ours, theirs = bound(model), bound(than)
    return ours != theirs and widen(ours, theirs) == theirs


@pytest.mark.parametrize(
    ("ours", "theirs", "narrower"),
    [
        (PUBLISHED, PUBLISHED, False),
        (SLIM, PUBLISHED, True),
        (PUBLISHED, SLIM, False),
        ([2, 4, 4, 2, 1.9], PUBLISHED, True),
        ([2, 4, 4, 2, 2.1], PUBLISHED, False),
        ([1, 1, 1, 1, 2.1], PUBLISHED, False),
        ([2, 4, 4, 2, 2], PUBLISHED, False),
    ],
    ids=["equal", "all", "the other way", "one", "one wider", "one wider, others not", "equal, whole numbers"],
)
def test_narrower(ours: list[float], theirs: list[float], narrower: bool) -> None:
    a, b = model(ours), model(theirs)
    before = deepcopy((a, b))
    assert is_narrower(a, b) == narrower
    assert (a, b) == before


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("maxdisp", 96),
        ("backbone__width", 0.5),
        ("backbone__units", [0, 2, 2, 6, 1]),
        ("neck__channels", 24),
        ("aggregation__num_modules", 5),
    ],
)
def test_another_network_is_not_a_narrower_one(key: str, value: object) -> None:
    assert not is_narrower(model(SLIM, **{key: value}), model())
    assert not is_narrower(model(SLIM), model(**{key: value}))
    assert is_narrower(model(SLIM, **{key: value}), model(**{key: value})), "as long as both have it"


def test_another_backbone_is_not_a_narrower_one() -> None:
    other = json.loads(json.dumps(asdict(bind(composed("model/backbone=mobilenetv2")).model)))
    for a, b in ((other, model()), (model(), other), (other, other), (other, {**other, "maxdisp": 96})):
        assert not is_narrower(a, b)


def test_an_older_checkpoint_has_the_default_expansion() -> None:
    """What it says of its backbone stays; the rest is not touched."""
    older = model(backbone__width=0.5, backbone__units=[1, 1, 1, 1, 1], maxdisp=96)
    del older["backbone"]["expansion"]
    before = deepcopy(older)
    found = asdict(bound(older))
    assert found == model(PUBLISHED, backbone__width=0.5, backbone__units=[1, 1, 1, 1, 1], maxdisp=96)
    assert older == before
    assert is_narrower(model(SLIM, backbone__width=0.5, backbone__units=[1, 1, 1, 1, 1], maxdisp=96), found)


@pytest.mark.parametrize(
    "whole",
    [model(SLIM, maxdisp=96), json.loads(json.dumps(asdict(bind(composed("model/backbone=mobilenetv2")).model)))],
    ids=["given", "mobilenetv2"],
)
def test_what_is_whole_stays(whole: dict[str, Any]) -> None:
    assert asdict(bound(whole)) == whole


def test_a_network_of_an_absent_plugin_is_told_by_its_option() -> None:
    unknown = model()
    unknown["backbone"] = {"name": "of-a-plugin"}
    with pytest.raises(UserError, match=r"model/backbone=of-a-plugin: must be one of mixvargenet"):
        bound(unknown)
