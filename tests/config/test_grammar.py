"""What Hydra cannot read is told in our words, and the quoting that is told works."""

from __future__ import annotations

import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from stereo_exp.base.errors import UserError
from stereo_exp.config.grammar import explain_argument, quote
from stereo_exp.suite.runs.context import compose_run


def read(argument: str) -> object:
    return OverridesParser.create().parse_override(argument).value()


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x17F), min_size=1, max_size=20))
def test_what_is_quoted_comes_back(value: str) -> None:
    (argument,) = shlex.split(quote("infer.left", value))
    assert str(read(argument)) == value


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("infer.left=shots (1)/l.png", "infer.left=shots (1)/l.png: holds ( ), which Hydra takes only in quotes; "),
        ("infer.left=shots (1)/l.png", "for the shell and for Hydra: \"infer.left='shots (1)/l.png'\""),
        ("infer.left=ü.png", "holds ü,"),
        ("infer.left=a=b", "holds =,"),
        ("infer.left=it's", "\"infer.left='it\\'s'\""),
        ("infer.limits=[0,96", "close it, as in infer.limits=[A,B]"),
        ("infer.left='abc", "has a quote that is not closed; close it: \"infer.left='abc'\""),
        ("model.maxdisp", "model.maxdisp: has no value"),
        ("infer.left=a,b", "one text: \"infer.left='a,b'\"; a job for each: add --multirun"),
    ],
)
def test_the_argument_is_named_with_what_to_type(argument: str, told: str) -> None:
    with pytest.raises(UserError) as raised:
        compose_run(["seed=1", argument, "task=infer"])
    assert told in str(raised.value)
    assert "hydra.cc" not in str(raised.value) and "seed" not in str(raised.value)


def test_what_can_be_read_is_not_explained() -> None:
    assert explain_argument(["model.maxdisp=64", "--cfg", "-m", "infer.left='a (1).png'", "+a=[1,2]", "~b"]) is None


@pytest.mark.parametrize(
    ("argument", "meant"),
    [
        ("maxdisp=96", "did you mean model.maxdisp=96?"),
        ("lr=1e-3", "did you mean optim.lr=1e-3?"),
        ("steps=10", "did you mean optim.steps=10?"),
        ("maxdips=96", "did you mean model.maxdisp=96?"),
        ("backbone=mobilenetv2", "did you mean model/backbone=mobilenetv2?"),
        ("target=affine", "did you mean quant/target=affine?"),
        ("dataset.left=left/*.png", "it is a key of dataset=pairs: choose it first"),
        ("qwertyuiop=1", "list the keys with"),
    ],
)
def test_a_key_without_its_group(argument: str, meant: str) -> None:
    with pytest.raises(UserError) as raised:
        compose_run([argument])
    assert meant in str(raised.value)
