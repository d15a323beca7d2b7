"""`--help`: every group with its options, from the files under conf/.

Hydra's own help composes the whole configuration and copies it for every group, which takes seconds; it also lists the
types under schema/ as if they could be chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import yaml

# Where conf/ is: inside the package in a wheel, beside it in a checkout.


def conf_dir() -> Path:
    """The folder of config files.

    The package's own comes first: a `conf` beside an installed package would be somebody else's.
    """
    package = Path(__file__).resolve().parent.parent
    for candidate in (package / "conf", package.parent / "conf"):
        if (candidate / "config.yaml").is_file():
            return candidate
    raise FileNotFoundError("no conf/config.yaml inside or beside the stereo_exp package")


# Groups in the order in which people meet them; others follow by name.
_FIRST = ("task", "stage", "experiment", "dataset", "model")
_HIDDEN = ("hydra", "local")

_HEADER = """\
stereo_exp: a stereo-depth network from float training to bit-exact integers on the device.

Usage: python -m stereo_exp [task=T] [stage=S] [experiment=E] [group=option ...] [key=value ...]

Groups and their options (* is the default):
"""
_FOOTER = """
Examples:
  python -m stereo_exp                                        train on shapes, evaluate, draw pictures
  python -m stereo_exp model.maxdisp=128 optim.epochs=6       other values
  python -m stereo_exp -m model.maxdisp=128,192               one job for each value
  python -m stereo_exp task=eval dataset=motorcycle           the last checkpoint on a real pair
  python -m stereo_exp task=infer infer.left=l.png infer.right=r.png infer.out=res
  python -m stereo_exp train.resume=auto                      go on after an interruption

Every key and its value: --cfg job. Where values come from: --info defaults-tree. Hydra's own flags: --hydra-help.
Completion in bash: eval "$(stereo-exp -sc install=bash)"
Exit codes: 0 done, 2 a mistake in the configuration, data or checkpoint (told in one line), 1 a bug."""


def help_text(arguments: Sequence[str] = (), more: Mapping[str, Iterable[str]] | None = None) -> str:
    """The text of `--help`; a `--config-dir` among the arguments adds its options, `more` others by group."""
    options: dict[str, set[str]] = {group: set(names) for group, names in (more or {}).items()}
    for folder in (conf_dir(), *_config_dirs(arguments)):
        for path in sorted(folder.rglob("*.yaml")):
            group = path.parent.relative_to(folder).as_posix()
            if group != "." and group.split("/")[0] not in _HIDDEN:
                options.setdefault(group, set()).add(path.stem)
    defaults = _defaults()
    width = max(map(len, options))
    lines = []
    for group in sorted(options, key=_rank):
        names = (name + ("*" if defaults.get(group) == name else "") for name in sorted(options[group]))
        lines.append(f"  {group:{width}}  {', '.join(names)}")
    return _HEADER + "\n".join(lines) + "\n" + _FOOTER


def _config_dirs(arguments: Sequence[str]) -> list[Path]:
    flags = ("--config-dir", "-cd")
    found = [b for a, b in pairwise(arguments) if a in flags]
    found += [a.split("=", 1)[1] for a in arguments if a.startswith("--config-dir=")]
    return [Path(f) for f in found]


def _defaults() -> dict[str, str]:
    """Group -> option, from the defaults lists of config.yaml and of the default model."""
    chosen: dict[str, str] = {}
    for path, prefix in ((conf_dir() / "config.yaml", ""), (conf_dir() / "model" / "stereonetplus.yaml", "model/")):
        for entry in yaml.safe_load(path.read_text())["defaults"]:
            if isinstance(entry, dict):
                chosen |= {prefix + str(group): str(option) for group, option in entry.items()}
    return chosen


def _rank(group: str) -> tuple[int, str]:
    top = group.split("/")[0]
    return (_FIRST.index(top) if top in _FIRST else len(_FIRST)), group
