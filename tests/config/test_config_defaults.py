"""Each default is said once, and `--help` tells the one that Hydra composes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from composing import NODES, composed
from omegaconf import OmegaConf

from stereo_exp.config import conf_dir
from stereo_exp.config.choices import Choices
from stereo_exp.config.schema import Root
from stereo_exp.config.sections import sections

FILES = [
    path.relative_to(conf_dir())
    for path in sorted(conf_dir().rglob("*/*.yaml"))
    if path.relative_to(conf_dir()).parts[0] not in ("hydra", "local")
]
TYPED = [path for path in FILES if path.parent.as_posix().replace("/", ".") in {*NODES, "compile.device"}]


def _schema_in(entries: list[Any]) -> str | None:
    """The schema that a defaults list names: `/schema/GROUP/NAME@_here_`."""
    named = [e for e in entries if isinstance(e, str) and e.startswith("/schema/")]
    return named[0].partition("@")[0].rpartition("/")[2] if named else None


def _bases() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(file, its values, the dataclass's) of the options that build on no other one."""
    for path in TYPED:
        node = path.parent.as_posix().replace("/", ".")
        values = yaml.safe_load((conf_dir() / path).read_text()) or {}
        name = _schema_in(values.pop("defaults", []))
        if name is not None:
            yield path.as_posix(), values, OmegaConf.to_container(OmegaConf.structured(NODES[node][name]))  # type: ignore[misc]
        elif path.as_posix() == "compile/device/host.yaml":
            device = OmegaConf.structured(Root).compile.device
            yield path.as_posix(), values, OmegaConf.to_container(device)  # type: ignore[misc]


def _leaves(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _leaves(value, f"{above}{key}.") if isinstance(value, Mapping) else {f"{above}{key}": value}
    return found


BASES = list(_bases())


def test_there_is_a_base_for_every_schema() -> None:
    assert len(BASES) == sum(len(options) for options in NODES.values()) + 1


@pytest.mark.parametrize(("file", "values", "defaults"), BASES, ids=[base[0] for base in BASES])
def test_the_yaml_of_a_base_says_no_default_again(file: str, values: dict[str, Any], defaults: dict[str, Any]) -> None:
    """An interpolation, and what is below a dictionary that is empty by itself (a mixture's parts), are its own."""
    known = _leaves(defaults)
    again = {key: value for key, value in _leaves(values).items() if key in known and "${" not in str(value)}
    assert not again, f"{file} says what belongs into the dataclass"


def _told(group: str, option: str, shown: dict[str, Any]) -> dict[str, Any]:
    """Key -> default as help tells of an option: what all have, what it builds on, its own."""
    common, *options = (s for s in shown.values() if s.title.partition("=")[0].split(" ")[0] == group)
    by_name = {each.title.partition("=")[2].split(" ")[0]: each for each in options}
    own = by_name[option]
    found = {key.name: key.default for key in common.keys}
    if own.base is not None:
        found |= _told(group, own.base, shown)
    return found | {key.name: key.default for key in own.keys} | own.changes


@pytest.mark.parametrize("path", TYPED, ids=lambda path: path.as_posix())
def test_help_tells_the_default_that_is_composed(path: Any) -> None:
    group, option = path.parent.as_posix(), path.stem
    node = group.replace("/", ".")
    chosen = f"stage={option}" if group == "quant/stage" else f"{group}={option}"
    config = composed(chosen)
    there = OmegaConf.to_container(OmegaConf.select(config, node), resolve=False)
    assert isinstance(there, dict)
    nodes = {key.removeprefix(f"{node}.") for key in NODES if key.startswith(f"{node}.")}
    composed_values = {f"{node}.{key}": value for key, value in there.items() if key not in {"name", *nodes}}
    told = _told(group, option, {section.title: section for section in sections(group, Choices())})
    parts = composed_values.get("dataset.parts")
    if parts:
        composed_values["dataset.parts"] = {key: part["name"] for key, part in parts.items()}
    # What it picks of other groups: with that named, too, all stays as it is.
    picks = {key: told.pop(key) for key in list(told) if "/" in key}
    assert composed(chosen, *(f"{key}={name}" for key, name in picks.items())) == config
    assert told == composed_values


@pytest.mark.parametrize("preset", [path.stem for path in FILES if path.parent.as_posix() == "augment"])
def test_help_tells_what_a_preset_of_augmentations_sets(preset: str) -> None:
    shown = {section.title: section for section in sections("augment", Choices()) if "." not in section.title}
    told = _told("augment", preset, shown)
    told.pop("augment")
    there = OmegaConf.to_container(composed(f"augment={preset}").augment)
    assert told == _leaves(there, "augment.")  # type: ignore[arg-type]


def test_help_tells_the_defaults_of_nodes_and_keys_without_options() -> None:
    config = OmegaConf.to_container(composed(), resolve=False)
    assert isinstance(config, dict)
    compared = 0
    for key, value in config.items():
        shown = sections(str(key), Choices())[0]
        if f"{key}" in NODES or key == "augment":
            continue
        told = {each.name: each.default for each in shown.keys}
        leaves = {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value}
        assert told == {k: v for k, v in leaves.items() if k in told}
        compared += len(told)
    assert compared > 60
