"""`replay=RUN`: an earlier run's values once more, as far as they are keys of ours.

A run's folder may be a stranger's. So nothing of Hydra's own is taken from it, nothing is interpolated that asks the
environment for more than our variables, and what it says is bound to the schema before Hydra sees it. A pipe or a URL
in it is used only where `allow_pipe=true` is typed, and what would be written outside of the run's root only where it
is typed itself. Hydra then composes as ever: recorded values take the place of defaults, and what is typed wins.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from stereo_exp.base import GROUPS, MASK, UserError, parse_json, parse_yaml
from stereo_exp.config import USER_FOLDERS, Choices, Rendered, Root, assign, bind, list_chosen_nodes, quote, read_values
from stereo_exp.suite.runs.context import ADDED_OVERRIDES, CONFIG_FILE, RECORDED, RECORDED_OVERRIDES, RUN_FILE, is_about

REPLAY, ALLOW_PIPE = "replay", "allow_pipe"
_FILES = (CONFIG_FILE, f".hydra/{CONFIG_FILE}")
# What a command line says for this once: never taken from a file.
_TYPED_ONLY = (ALLOW_PIPE, "overwrite")
_LARGEST = 1 << 20
_MOST_OVERRIDES, _LONGEST_OVERRIDE = 1000, 4000
# Flags of Hydra that take a whole configuration, by the shortest form that its parser knows them in.
_FOREIGN = {"--config-p": "--config-path", "--e": "--experimental-rerun"}
_FIX = f"give the folder of a run: {REPLAY}=outputs/NAME/STAGE/TIME"
# What may be interpolated in a file: our own keys, and our own variables.
_HARMLESS = re.compile(r"\$\{(?:[\w.@/-]+|oc\.env:STEREO_EXP_\w+(?:,[^${}]*)?)\}")


def prepare_replay(arguments: Sequence[str]) -> list[str]:
    """Arguments without `replay=RUN`: what Hydra is to compose instead, once its store has the run's values.

    Args:
        arguments: as they were typed, flags among them.

    Returns:
        The same arguments where none of them is a `replay=`.

    Raises:
        UserError: there is no such run, its config is no config of ours, or it asks for what must be typed.
    """
    RECORDED_OVERRIDES.clear()
    ADDED_OVERRIDES.clear()
    asked = [each for each in arguments if each.partition("=")[0].lstrip("+") == REPLAY]
    if not asked:
        return list(arguments)
    if len(asked) > 1:
        raise UserError(REPLAY, asked[1].partition("=")[2], "is given twice", "replay one run at a time")
    values = read_values(asked[0])
    if len(values) != 1 or not isinstance(values[0], str | int | float):
        raise UserError(REPLAY, asked[0].partition("=")[2], "names one folder", _FIX)
    rest = [each for each in arguments if each not in asked]
    typed = [each for each in rest if "=" in each and not each.startswith("-")]
    # A folder called 2024_01_05 would be a number.
    run = _find(Path(values[0] if isinstance(values[0], str) else asked[0].partition("=")[2]))
    plain = _read(run)
    bound = bind({key: plain[key] for key in plain if key not in _TYPED_ONLY})
    recorded = _without_root(asdict(bound), run, typed)
    chosen = _drop_typed(recorded, typed)
    _check_remote(recorded, typed)
    _check_masked(recorded)
    RECORDED_OVERRIDES.extend(_overrides_of(run, typed))
    ADDED_OVERRIDES.extend(_compose(recorded, run, bound.name, chosen))
    return [*_flags(rest), *ADDED_OVERRIDES, *chosen]


def check_sources(config: Root, typed: Sequence[str]) -> None:
    """A pipe or a URL in a configuration comes from the command line, or is allowed there, where options come from a
    folder of `--config-dir`: a file of somebody else may have spoken.

    Args:
        config: what was composed.
        typed: the overrides.

    Raises:
        UserError: it does not, and is not.
    """
    if USER_FOLDERS:
        _check_remote(asdict(config), typed)


def refuse_foreign_config(arguments: Sequence[str]) -> None:
    """A whole configuration of somebody else can run commands: Hydra's own keys are part of it.

    Raises:
        UserError: `--config-path` or `--experimental-rerun` is among the arguments.
    """
    for number, each in enumerate(arguments):
        flag, equals, value = each.partition("=")
        if each.startswith("-cp"):
            flag, value = "--config-path", value if equals else each[3:]
        elif not any(flag.startswith(short) and whole.startswith(flag) for short, whole in _FOREIGN.items()):
            continue
        value = value or next(iter(arguments[number + 1 :]), "")
        run = value.removesuffix("/config.pickle").rstrip("/").removesuffix("/.hydra") or "RUN"
        rule = "can run commands: Hydra's own keys are taken from there, too"
        fix = f"replay a run with {quote(REPLAY, run)}; --config-dir takes options of your own"
        raise UserError(flag, value or None, rule, fix)


# Reading what a run recorded.


def _find(folder: Path) -> Path:
    """The run's folder, where its `.hydra` or a file in it may be named as well."""
    run = folder.parent if folder.is_file() else folder
    run = run.parent if run.name == ".hydra" else run
    if not any((run / name).is_file() for name in _FILES):
        rule = "holds no config.yaml" if folder.exists() else "is not there"
        raise UserError(REPLAY, folder, rule, _FIX)
    return run


def _read(run: Path) -> dict[str, Any]:
    """The run's own keys, resolved; `hydra` and what else Hydra would read is left out."""
    path = next(run / name for name in _FILES if (run / name).is_file())
    try:
        with path.open(encoding="utf-8") as stream:
            found = parse_yaml(stream.read(_LARGEST + 1), _LARGEST)
    except (OSError, ValueError) as error:
        raise UserError(REPLAY, path, f"cannot be read ({error})", _FIX) from None
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise UserError(REPLAY, path, "is no configuration", _FIX)
    plain = {key: value for key, value in found.items() if key not in ("hydra", "defaults")}
    try:
        for key, text in _texts(plain):
            if "${" in _stripped(text):
                raise UserError(key, text, f"{path} asks for more than keys and STEREO_EXP_ variables", "mend the file")
        resolved: dict[str, Any] = OmegaConf.to_container(OmegaConf.create(plain), resolve=True)  # type: ignore[assignment]
        for key, text in _texts(resolved):
            if "${" in text:
                raise UserError(key, text, f"{path} leaves an interpolation open", "mend the file")
    except (OmegaConfBaseException, RecursionError, ValueError, TypeError) as error:
        if isinstance(error, UserError):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(REPLAY, path, f"is no configuration ({reason})", _FIX) from None
    return resolved


def _stripped(text: str) -> str:
    """A text without the interpolations that are harmless, inner ones first."""
    while (shorter := _HARMLESS.sub("", text)) != text:
        text = shorter
    return text


def _texts(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """(key, text) of every text below a node."""
    if isinstance(node, str):
        yield key, node
    elif isinstance(node, Mapping):
        for name, value in node.items():
            yield from _texts(value, f"{key}.{name}" if key else str(name))
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _texts(value, key)


def _overrides_of(run: Path, typed: Sequence[str]) -> list[str]:
    """What was typed for the run, but for what is typed now; of a damaged file, nothing."""
    try:
        with (run / RUN_FILE).open("rb") as stream:
            found = parse_json(stream.read(_LARGEST + 1), _LARGEST)["overrides"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    texts = [each for each in found if isinstance(each, str)] if isinstance(found, list) else []
    now = [_key(each).replace("/", ".") for each in typed]
    kept = [each for each in texts if len(each) <= _LONGEST_OVERRIDE and MASK not in each and not is_about(each, now)]
    never = (*_TYPED_ONLY, "plugins", "root", "hydra")
    return [each for each in kept if not is_about(each, never)][:_MOST_OVERRIDES]


# The run's root.


def _root_of(run: Path, name: str) -> Path | None:
    """The root that a run lies in, by the names of its folders: `root/name/stage/time` or
    `root/name/sweep/time/number_stage`; None: it lies somewhere else."""
    above = run.resolve().parents
    if len(above) > 2 and above[1].name == name:
        return above[2]
    if len(above) > 3 and above[1].name == "sweep" and above[2].name == name:
        return above[3]
    return None


def _without_root(recorded: dict[str, Any], run: Path, typed: Sequence[str]) -> dict[str, Any]:
    """What lay below the recorded root lies below the one that is found again; nothing is written anywhere else."""
    old = str(recorded.pop("root")).rstrip("/") or "/"
    moved: dict[str, Any] = _moved(recorded, old)
    tracker = moved.get("tracker") or {}
    if tracker.get("experiment") == recorded["name"]:
        tracker["experiment"] = "${name}"
    typed_keys = [_key(each).replace("/", ".") for each in typed]
    for key, place in _written(moved):
        if place.startswith("${root}") or any(is_about(key, [each]) for each in typed_keys) or _from_variable(place):
            continue
        rule = f"only {run} names this place, which lies outside of its root and would be written to"
        raise UserError(key, place, rule, f"type {quote(key, place)} if you want that")
    return moved


def _moved(node: Any, old: str) -> Any:
    if isinstance(node, Mapping):
        return {key: _moved(value, old) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_moved(value, old) for value in node]
    if not isinstance(node, str):
        return node
    head, tail = ("sqlite:///", node[10:]) if node.startswith("sqlite:///") else ("", node)
    if tail == old:
        return f"{head}${{root}}"
    rest = tail.removeprefix(old if old.endswith("/") else f"{old}/")
    # What leads out of the root again is no place below it.
    if rest == tail or Path(rest).is_absolute() or ".." in Path(rest).parts:
        return node
    return f"{head}${{root}}/{rest}"


def _written(recorded: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, place) of what a run would write to."""
    places = {
        "infer.out": (recorded.get("infer") or {}).get("out"),
        "tracker.uri": (recorded.get("tracker") or {}).get("uri"),
    }
    dataset = recorded.get("dataset") or {}
    for at, part in (
        ("dataset", dataset),
        *((f"dataset.parts.{k}", v) for k, v in (dataset.get("parts") or {}).items()),
    ):
        schema = GROUPS["dataset"][part["name"]].schema
        places[f"{at}.cache"] = part.get("cache")
        if schema is not None and issubclass(schema, Rendered):
            places[f"{at}.root"] = part.get("root")
    for key, place in places.items():
        if isinstance(place, str):
            bare = place.removeprefix("sqlite:///") if place.startswith("sqlite:///") else place
            if not _is_remote(bare):
                yield key, bare


def _from_variable(place: str) -> bool:
    return any(place == value for name, value in os.environ.items() if name.startswith("STEREO_EXP_"))


# What must be typed.


def _is_remote(text: str) -> bool:
    return text.startswith("pipe:") or ("://" in text and not text.startswith("sqlite:///"))


def _check_remote(recorded: Mapping[str, Any], typed: Sequence[str]) -> None:
    if any(read_values(each) == [True] for each in typed if _key(each) == ALLOW_PIPE):
        return
    for key, text in _texts(recorded):
        if _is_remote(text) and not any(text in each for each in typed) and not _from_variable(text):
            kind = "a command" if text.startswith("pipe:") else "a URL"
            rule = f"is {kind} that comes out of a file and was not typed"
            raise UserError(key, text, rule, f"type {ALLOW_PIPE}=true if you trust it, or {key}= with another")


def _check_masked(recorded: Mapping[str, Any]) -> None:
    for key, text in _texts(recorded):
        if MASK in text:
            raise UserError(key, text, "was recorded without its secret", f"type {key}= as it is")


# What Hydra composes.


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+~").partition("@")[0]


def _flags(arguments: Sequence[str]) -> list[str]:
    """Flags with their values, which stand ahead of the overrides."""
    return [each for each in arguments if "=" not in each or each.startswith("-")]


def _drop_typed(recorded: dict[str, Any], typed: Sequence[str]) -> list[str]:
    """Take out of the recorded values what a typed option sets; returns what is typed, presets by what they pick."""
    choices, chosen = Choices(USER_FOLDERS), []
    for each in typed:
        group, name = _key(each), each.partition("=")[2]
        if group not in choices.groups:
            chosen.append(each)
            if not each.startswith("~") and not isinstance(_at(recorded, group), dict):
                _take_out(recorded, group)
            continue
        names = [one for one in name.split(",") if one in choices.groups[group]]
        options = [choices.read(group, one) for one in names]
        if options and options[0].is_preset:
            chosen += [f"{picked}={one}" for picked, one in options[0].picks.items()]
            for picked in options[0].picks:
                _take_out(recorded, picked.replace("/", "."))
            continue
        chosen.append(each)
        if not any(option.is_global for option in options):
            _take_out(recorded, group.replace("/", "."))
        for option in options:
            if option.is_global:
                for node in (*option.picks, *option.forces):
                    _take_out(recorded, node.replace("/", "."))
                for place in _places(option.values):
                    _take_out(recorded, place)
    return chosen


def _places(values: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _places(value, f"{above}{key}.")
        else:
            yield f"{above}{key}"


def _at(recorded: Mapping[str, Any], place: str) -> Any:
    node: Any = recorded
    for each in place.split("."):
        node = node.get(each) if isinstance(node, dict) else None
    return node


def _take_out(recorded: dict[str, Any], place: str) -> Any:
    """Remove what stands at a place, and return it; None where there is nothing."""
    *parents, leaf = place.split(".")
    node: Any = recorded
    for parent in parents:
        node = node.get(parent) if isinstance(node, dict) else None
    return node.pop(leaf, None) if isinstance(node, dict) else None


def _compose(recorded: dict[str, Any], run: Path, name: str, chosen: Sequence[str]) -> list[str]:
    """Leave the values in Hydra's store; returns the overrides that choose them, beside those in `chosen`."""
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    typed, nodes = {_key(each) for each in chosen}, list_chosen_nodes()
    parents = {place for place, _ in nodes}
    overrides = []
    root = _root_of(run, name)
    if root is not None and "root" not in typed:
        overrides.append(assign("root", str(root)))
    for key in ("task", "stage"):
        if key in recorded:
            overrides.append(f"{key}={recorded.pop(key)}")
    below: dict[str, list[dict[str, str | None]]] = {}
    # Inner nodes first: an outer one names them in its defaults list.
    for place, options in reversed(nodes):
        node, group = _take_out(recorded, place), options.key
        parent, _, leaf = group.rpartition("/")
        is_inner = parent.replace("/", ".") in parents
        if not isinstance(node, dict):
            if is_inner and group in typed:
                below.setdefault(parent, []).append({leaf: None})
            continue
        parts = node.get("parts") or {} if node["name"] == "mix" and group == "dataset" else {}
        schemas = [f"/schema/dataset/{part['name']}@parts.{at}" for at, part in parts.items()]
        schemas.insert(0, f"/schema/{group}/{node['name']}@_here_")
        content = {"defaults": [*schemas, *below.get(group, []), "_self_"], **node}
        store.store(group=group, name=RECORDED, node=content)
        if is_inner:
            below.setdefault(parent, []).append({leaf: RECORDED})
        else:
            overrides.append(f"{group}={RECORDED}")
    if "augment" in recorded:
        store.store(group="augment", name=RECORDED, node=recorded.pop("augment"))
        overrides.append(f"augment={RECORDED}")
    store.store(group=REPLAY, name=RECORDED, node=recorded, package="_global_")
    return [*overrides, f"+{REPLAY}={RECORDED}"]
