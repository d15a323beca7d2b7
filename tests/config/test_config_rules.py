"""A broken rule is told with its key, its value and a fix that works."""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest
from composing import NODES, composed
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from stereo_exp.base.errors import UserError
from stereo_exp.config import bind
from stereo_exp.config.schema import Root

DEFAULT = json.dumps(asdict(bind(composed())))


def plain(**values: object) -> dict[str, Any]:
    """The default config as JSON gives it back, with other values at dotted keys (`__` for the dot)."""
    config = json.loads(DEFAULT)
    for key, value in values.items():
        *parents, leaf = key.split("__")
        node = config
        for parent in parents:
            node = node[parent]
        node[leaf] = value
    return config


@pytest.mark.parametrize(
    ("overrides", "key", "value", "fix"),
    [
        (["model.maxdisp=100"], "model.maxdisp", 100, "model.maxdisp=96"),
        (["model.maxdisp=1"], "model.maxdisp", 1, "model.maxdisp=32"),
        (["model.maxdisp=-64"], "model.maxdisp", -64, "model.maxdisp=32"),
        (["quant/stage=calib"], "quant/stage", "calib", "stage=calib"),
        (["experiment=smoke", "quant/stage=qat"], "quant/stage", "qat", "stage=qat"),
        (["name=a/b"], "name", "a/b", "name=my-run"),
        (["name=.."], "name", "..", "name=my-run"),
        (["name=...."], "name", "....", "name=my-run"),
        (["name=a b"], "name", "a b", "name=my-run"),
        (["seed=-1"], "seed", -1, "seed=0"),
        (["seed=9223372036854775808"], "seed", 2**63, "seed=0"),
        (["dataset=sceneflow"], "dataset.root", "null", "STEREO_EXP_SCENEFLOW"),
        (
            ["dataset=sceneflow", "dataset.root=x", "dataset.render_pass=dirty"],
            "dataset.render_pass",
            "dirty",
            "finalpass",
        ),
        (["dataset.on_error=ignore"], "dataset.on_error", "ignore", "dataset.on_error=raise"),
        (["loader.crop=[100,200]"], "loader.crop", [100, 200], "loader.crop=[96,192]"),
        (["loader.crop=[256]"], "loader.crop", [256], "loader.crop=[256,512]"),
        (["loader.batch_size=0"], "loader.batch_size", 0, "loader.batch_size=1"),
        (["model.backbone.units=[1,2]"], "model.backbone.units", [1, 2], "model.backbone.units=[0,2,2,6,2]"),
        (["model.backbone.width=0"], "model.backbone.width", 0.0, "model.backbone.width=1"),
        *(
            ([f"model.backbone.expansion={wrong}"], "model.backbone.expansion", wrong, "expansion=[2,4,4,2,2]")
            for wrong in ([], [2.0, 4.0], [2.0, 4.0, 4.0, 2.0, 0.0], [2.0, 4.0, 4.0, 2.0, float("inf")])
        ),
        (["optim.betas=[0.9]"], "optim.betas", [0.9], "optim.betas=[0.9,0.999]"),
        (["optim.betas=[0.9,1.0]"], "optim.betas", [0.9, 1.0], "optim.betas=[0.9,0.999]"),
        (["optim.ema_decay=1"], "optim.ema_decay", 1.0, "optim.ema_decay=0"),
        (["machine.device=gpu"], "machine.device", "gpu", "machine.device=auto"),
        (["machine.precision=fp16"], "machine.precision", "fp16", "machine.precision=auto"),
        (["infer.right=r.png"], "infer.left", "null", "infer.left=FILE"),
        (["infer.focal=1000"], "infer.baseline", "null", "infer.baseline=VALUE"),
        (["infer.baseline=0.1"], "infer.focal", "null", "infer.focal=VALUE"),
        (["infer.baseline=0.1", "infer.focal=-1"], "infer.focal", -1.0, "infer.focal=1"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) and x and isinstance(x[0], str) else None,
)
def test_rule(overrides: list[str], key: str, value: object, fix: str) -> None:
    # Groups as Hydra composes them, values merged into that: composing each line anew takes 0.3 s.
    groups = [o for o in overrides if o.partition("=")[0].replace("/", ".") in {*NODES, "experiment"}]
    values = OmegaConf.from_dotlist([o for o in overrides if o not in groups])
    with pytest.raises(UserError) as caught:
        bind(OmegaConf.merge(composed(*groups), values))
    error = caught.value
    assert (error.key, error.value) == (key, value)
    assert fix in error.fix
    assert str(error).startswith(f"{key}={value}: ")
    assert "\n" not in str(error)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(), max_size=6) | st.lists(st.floats(0.1, 70), min_size=5, max_size=5))
@example([2.0, 4.0, 4.0, 2.0, float("nan")])
@example([2.0, 4.0, 4.0, 2.0, 64.0])
def test_expansion_is_a_number_above_0_for_each_stage(expansion: list[float]) -> None:
    """And none so large that there is no memory for the weights."""
    config = plain(model__backbone__expansion=expansion)
    if len(expansion) == 5 and all(0 < factor <= 64 for factor in expansion):
        assert bind(config).model.backbone.expansion == expansion
        return
    with pytest.raises(UserError) as caught:
        bind(config)
    assert caught.value.key == "model.backbone.expansion"
    assert str(caught.value.value) == str(expansion)
    _, _, fix = caught.value.fix.partition("model.backbone.expansion=")
    bind(plain(model__backbone__expansion=json.loads(fix)))


@settings(max_examples=50, deadline=None)
@given(st.integers())
@example(0)
@example(32)
@example(192)
@example(-32)
def test_maxdisp_is_a_positive_multiple_of_32(maxdisp: int) -> None:
    config = plain(model__maxdisp=maxdisp)
    if maxdisp > 0 and maxdisp % 32 == 0:
        assert bind(config).model.maxdisp == maxdisp
        return
    with pytest.raises(UserError, match=re.escape(f"model.maxdisp={maxdisp}")) as caught:
        bind(config)
    suggested = re.fullmatch(r"try model\.maxdisp=(\d+)", caught.value.fix)
    assert suggested is not None
    bind(plain(model__maxdisp=int(suggested[1])))


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=20))
@example("..")
@example("null")
@example("a\n")
@example("a/../b")
@example("-")
def test_name_is_one_folder(name: str) -> None:
    """Accepted exactly where it is one folder: no separators, no white space, not `.` or `..`."""
    fits = bool(name) and all(c.isalnum() or c in "_.+=,@-" for c in name) and set(name) != {"."}
    try:
        assert bind(plain(name=name)).name == name
        accepted = True
    except UserError as error:
        assert error.key == "name"
        accepted = False
    assert accepted == fits


def _numbers() -> Iterator[tuple[str, str, str, type]]:
    """(node, option, field, type) of every number in the schema."""

    def of(cls: type, node: str, option: str) -> Iterator[tuple[str, str, str, type]]:
        hints = typing.get_type_hints(cls)
        for field in dataclasses.fields(cls):
            hint = hints[field.name]
            path = f"{node}.{field.name}".lstrip(".")
            if dataclasses.is_dataclass(hint) and path not in NODES:
                yield from of(hint, path, "")
            for kind in (int, float):
                if hint in (kind, kind | None):
                    yield node, option, field.name, kind

    yield from of(Root, "", "")
    for node, options in NODES.items():
        for option, cls in options.items():
            yield from of(cls, node, option)


NUMBERS = list(_numbers())
NUMBER_IDS = [".".join(filter(None, number[:3])) for number in NUMBERS]


# Fields that are given all or none.
PARTS = ("backbone", "neck", "volume", "aggregation", "upsampling", "readout")
TOGETHER = (("focal", "baseline"), ("int8_tops", "float32_gflops", "bandwidth_gbs"))


def _with_number(node: str, option: str, field: str, value: float) -> tuple[dict[str, Any], str]:
    config = json.loads(DEFAULT)
    place = config
    *parents, leaf = node.split(".") if node else [None]
    for parent in parents:
        place = place[parent]
    if option:
        # Only the name: the option's other fields take their defaults.
        old = place[leaf]
        place[leaf] = {"name": option, **({k: old[k] for k in PARTS if k in old})}
        if node == "dataset" and option != "shapes":
            place[leaf]["root"] = "/data"
        if option == "pairs":
            place[leaf] |= {"left": "left/*.png", "right": "right/*.png"}
        if (node, option) == ("model.volume", "single"):
            place["upsampling"] = {"name": "convex"}
        if node == "quant.stage":
            config["stage"] = option
    place = place[leaf] if leaf else place
    place[field] = value
    for together in TOGETHER:
        if field in together:
            place |= {k: 1.0 for k in together if k != field}
    return config, f"{node}.{field}".lstrip(".")


@pytest.mark.parametrize(("node", "option", "field", "kind"), NUMBERS, ids=NUMBER_IDS)
def test_no_number_may_be_negative_or_infinite(node: str, option: str, field: str, kind: type) -> None:
    wrong = [-1] if kind is int else [-1.0, float("nan"), float("inf"), float("-inf")]
    if field == "doffs":
        wrong.remove(-1.0)  # the principal points may lie either way
    for value in wrong:
        config, key = _with_number(node, option, field, value)
        with pytest.raises(UserError) as caught:
            bind(config)
        assert caught.value.key == key, f"{key}={value}"


@pytest.mark.parametrize(("node", "option", "field", "kind"), NUMBERS, ids=NUMBER_IDS)
def test_suggested_number_is_accepted(node: str, option: str, field: str, kind: type) -> None:
    config, key = _with_number(node, option, field, kind(-1))
    if field == "doffs":
        assert OmegaConf.select(OmegaConf.structured(bind(config)), key) == -1.0
        return
    with pytest.raises(UserError) as caught:
        bind(config)
    suggested = re.fullmatch(rf"try {re.escape(key)}=(\S+)", caught.value.fix)
    assert suggested is not None, caught.value.fix
    bind(_with_number(node, option, field, kind(float(suggested[1])))[0])
