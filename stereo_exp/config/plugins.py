"""Options from packages of the user's own: loading them before Hydra composes.

A package is loaded because the user installed it with an entry point of the group `stereo_exp.plugins`, or typed
`plugins=[my_package]`. What only a file names (a checkpoint, a run's config, a YAML) is never imported: `bind` says
what to add instead. Importing the package declares its options (`stereo_exp.base.registry.option`).
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module, invalidate_caches
from importlib.metadata import entry_points
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any, get_type_hints

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from stereo_exp.base import GROUPS, PLUGINS, Option, UserError
from stereo_exp.config.binding import register
from stereo_exp.config.choices import CONF_FOLDERS, USER_FOLDERS, conf_dir
from stereo_exp.config.schema import Root

ENTRY_POINTS = "stereo_exp.plugins"
_KEY = "plugins"
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_OPTION = re.compile(r"\w[\w.-]*")
# Groups that are declared beside their code, which is imported when it is used.
_BESIDE_THEIR_CODE = ("engine", "compile.engines", "compile.tool_chains")


def load_plugins(arguments: Sequence[str] = ()) -> list[Path]:
    """`import_plugins`, and have Hydra find their options. Call it before every composing.

    Returns:
        The conf/ folders of all plug-ins loaded so far, which stand in Hydra's search path from now on.
    """
    from stereo_exp.config.search_path import extend_search_paths

    import_plugins(arguments)
    register()
    extend_search_paths()
    return list(CONF_FOLDERS)


def import_plugins(arguments: Sequence[str] = ()) -> None:
    """Import the plug-ins that are installed and those that `arguments` name; what is loaded stays loaded.

    Args:
        arguments: what the user typed, `plugins=[my_package]` among it, and never what a file says: importing a
            package runs its code.

    Raises:
        UserError: a plug-in does not import, declares a name that is taken, or declares something that is no option.
    """
    for point in entry_points(group=ENTRY_POINTS):
        where = f"entry point {point.name}" + (f" of {point.dist.name}" if point.dist else "")
        _load(point.module, where, "mend the package, or uninstall it")
    for name in _named(arguments):
        fix = "install it, run where it lies, or set PYTHONPATH to the folder that it lies in"
        _load(name, _KEY, fix)
    USER_FOLDERS[:] = _user_folders(arguments)
    for options in list(GROUPS.values()):
        for option in options.values():
            if not option.is_ours:
                _check(option)


def load_again(names: Iterable[str]) -> None:
    """Import in a process that this one spawned what was loaded here (`PLUGINS`)."""
    for name in names:
        _load(name, _KEY, "see the log of the process that began")


def _load(name: str, where: str, fix: str) -> None:
    if name in PLUGINS:
        return
    top = name.partition(".")[0]
    if top not in sys.modules and find_spec(top) is None:
        # The console script does not look where it is started; `python -m` does.
        sys.path.append(str(Path.cwd()))
        invalidate_caches()
    try:
        module = import_module(name)
    except UserError:
        raise
    except Exception as error:
        # Whatever it is: the package's own code went wrong.
        raise UserError(where, name, f"does not import ({type(error).__name__}: {error})", fix) from None
    PLUGINS.append(name)
    folder = _conf_of(module)
    if folder is not None and folder not in CONF_FOLDERS:
        _check_files(folder)
        CONF_FOLDERS.append(folder)


def _conf_of(module: Any) -> Path | None:
    """`conf` inside the package; a `conf` beside a lone module would be somebody else's."""
    package = module if hasattr(module, "__path__") else sys.modules.get(module.__package__ or "")
    found = [Path(each) / "conf" for each in getattr(package, "__path__", ())]
    return next((each.resolve() for each in found if each.is_dir()), None)


def _check_files(folder: Path) -> None:
    for path in sorted(folder.rglob("*.yaml")):
        place = path.relative_to(folder)
        for other in (conf_dir(), *CONF_FOLDERS):
            if (other / place).is_file():
                rule = f"the name is taken: {path} and {other / place}"
                raise UserError(place.parent.as_posix(), path.stem, rule, "give your file another name")


def _named(arguments: Iterable[str]) -> Iterator[str]:
    """The modules of every `plugins=` among the arguments, of all jobs of a sweep."""
    for text in _texts(arguments, _KEY):
        for value in read_values(text):
            if not isinstance(value, list):
                fix = f"try {_KEY}=[{value}]" if isinstance(value, str) else f"try {_KEY}=[my_package]"
                raise UserError(_KEY, value, "must be a list of packages", fix)
            for name in value:
                if not (isinstance(name, str) and _MODULE.fullmatch(name)):
                    fix = f"give what `import` takes, e.g. {_KEY}=[my_package]"
                    raise UserError(_KEY, name, "is not the name of a package", fix)
                yield name


def _user_folders(arguments: Sequence[str]) -> list[Path]:
    """What Hydra will look into behind the plug-ins: `--config-dir` and `hydra.searchpath`."""
    flags = ("--config-dir", "-cd")
    found: list[Any] = [b for a, b in pairwise(arguments) if a in flags]
    found += [a.partition("=")[2] for a in arguments if a.startswith("--config-dir=")]
    for text in _texts(arguments, "hydra.searchpath"):
        for value in read_values(text):
            found += value if isinstance(value, list) else []
    return [Path(str(each).removeprefix("file://")) for each in found if not str(each).startswith("pkg://")]


def _texts(arguments: Iterable[str], key: str) -> Iterator[str]:
    for text in arguments:
        name, equals, _ = text.partition("=")
        if equals and name.lstrip("+") == key:
            yield text


def read_values(text: str) -> list[Any]:
    """What an override gives, in each job of a sweep. What cannot be parsed gives nothing: Hydra tells of it."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import Transformer
    from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_override(text)
        if override.is_choice_sweep():
            return [_plain(each) for each in override.sweep_iterator(transformer=Transformer.identity)]
        return [_plain(override.value())]
    except HydraException:
        return []


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return getattr(value, "text", value)


# What an option must be.


def _check(option: Option) -> None:
    """Refuse a declaration that could not be chosen, bound or built."""
    known = [key for key, options in GROUPS.items() if any(each.is_ours for each in options.values())]
    known += [key for key in _BESIDE_THEIR_CODE if key not in known]
    if option.group not in known:
        near = difflib.get_close_matches(option.group, known, n=1)
        fix = f"did you mean {near[0]}?" if near else f"the groups are {', '.join(sorted(known))}"
        raise UserError(option.group, option.name, f"{option.origin} declares it in a group that is not there", fix)
    if not _OPTION.fullmatch(option.name):
        raise _broken(option, "its name is typed on the command line", "use letters, digits and _ . - only")
    if isinstance(option.builder, str) and len([each for each in option.builder.split(":") if each]) != 2:
        raise _broken(option, f"its builder is {option.builder}", "name it as module:attribute")
    if option.group in _BESIDE_THEIR_CODE:
        return
    base = _node_type(option.group)
    if base is None and option.group != "augment":
        return
    schema = option.schema
    if schema is None or not is_dataclass(schema):
        raise _broken(option, "has no dataclass of its keys", "declare it with @option above a @dataclass")
    try:
        OmegaConf.structured(schema)
    except OmegaConfBaseException as error:
        raise _broken(option, str(error).splitlines()[0], "give its fields types that YAML has") from None
    if base is None:
        is_called = any("__call__" in vars(each) for each in schema.__mro__)
        if not isinstance(getattr(schema, "before_crop", None), bool) or not is_called:
            fix = "see stereo_exp.data.augment.Augmentation"
            raise _broken(option, "an augmentation has before_crop, True or False, and is called", fix)
        return
    if not issubclass(schema, base):
        raise _broken(option, f"its keys are no {base.__name__}", f"derive it from stereo_exp.config.{base.__name__}")
    default = next((each.default for each in fields(schema) if each.name == "name"), MISSING)
    if default != option.name:
        raise _broken(option, "its field `name` says which option it is", f'write name: str = "{option.name}"')


def _broken(option: Option, rule: str, fix: str) -> UserError:
    return UserError(option.group, option.name, f"{option.origin}: {rule}", fix)


def _node_type(key: str) -> type | None:
    """The dataclass that every option of a group derives from; None where the group is no node of the configuration."""
    found: Any = Root
    for part in key.split("/"):
        found = get_type_hints(found).get(part)
        if not (isinstance(found, type) and is_dataclass(found)):
            return None
    node: type = found
    return node
