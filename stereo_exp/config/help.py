"""`--help` and `--help NAME`: the groups with their options; the keys of a group, a node or one key.

Hydra's own help composes the whole configuration and copies it for every group, which takes seconds; it also lists the
types under schema/ as if they could be chosen, and knows no sentence about a key.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from stereo_exp.config.choices import Choices
from stereo_exp.config.keys import as_yaml, list_keys, sub_nodes
from stereo_exp.config.schema import Root
from stereo_exp.config.sections import Section, sections

_FLAGS = ("--help", "-h")
# Groups in the order in which people meet them; others follow by name.
_FIRST = ("task", "stage", "experiment", "dataset", "model")
_WIDTHS = 40, 120
_PIPE = 100

_HEADER = """\
stereo_exp: a stereo-depth network from float training to bit-exact integers on the device.

Usage: python -m stereo_exp [task=T] [stage=S] [experiment=E] [group=option ...] [key=value ...]

Groups and their options (* is the default):
"""
_FOOTER = """
Keys, with type, default and meaning: --help NAME, of a group, a node or a key: --help model, --help optim.lr

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


def is_asked_for(arguments: Sequence[str]) -> bool:
    """Whether a command line asks for help."""
    return any(argument in _FLAGS or argument.startswith("--help=") for argument in arguments)


def help_text(arguments: Sequence[str] = ()) -> str:
    """The text of `--help` and what is named behind it; a `--config-dir` among the arguments adds its options.

    Raises:
        UserError: neither a group nor a node nor a key has that name.
    """
    choices = Choices(_config_dirs(arguments))
    names = _names_asked_for(arguments)
    if not names:
        return _overview(choices)
    width = min(max(shutil.get_terminal_size((_PIPE, 24)).columns, _WIDTHS[0]), _WIDTHS[1])
    return "\n\n".join(_shown(section, width) for name in names for section in sections(name, choices))


def _names_asked_for(arguments: Sequence[str]) -> list[str]:
    """The words behind `--help` up to the next flag."""
    names: list[str] = []
    listening = False
    for argument in arguments:
        if argument.startswith("-"):
            listening = argument in _FLAGS
            names += [argument.partition("=")[2]] if argument.startswith("--help=") else []
        elif listening:
            names.append(argument)
    return names


def _config_dirs(arguments: Sequence[str]) -> list[Path]:
    flags = ("--config-dir", "-cd")
    found = [b for a, b in pairwise(arguments) if a in flags]
    found += [a.split("=", 1)[1] for a in arguments if a.startswith("--config-dir=")]
    return [Path(f) for f in found]


def _overview(choices: Choices) -> str:
    width = max(map(len, choices.groups))
    lines = []
    for group in sorted(choices.groups, key=_rank):
        names = (name + ("*" if choices.defaults.get(group) == name else "") for name in choices.groups[group])
        lines.append(f"  {group:{width}}  {', '.join(names)}")
    nodes = [key for key in sub_nodes(Root) if key not in choices.groups]
    keys = [key.name for key in list_keys(Root) if key.name not in choices.groups]
    others = f"\nFurther nodes: {', '.join(nodes)}\nFurther keys: {', '.join(keys)}\n"
    return _HEADER + "\n".join(lines) + "\n" + others + _FOOTER


def _rank(group: str) -> tuple[int, str]:
    top = group.split("/")[0]
    return (_FIRST.index(top) if top in _FIRST else len(_FIRST)), group


def _shown(section: Section, width: int) -> str:
    def wrapped(text: str, indent: int, further: int = 0) -> list[str]:
        first, rest = " " * indent, " " * (indent + further)
        return textwrap.wrap(
            text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
        )

    lines = [section.title, *wrapped(section.text, 2)]
    if section.base and section.changes:
        lines += wrapped(f"As {section.base}, but for:", 2)
    for name, value in section.changes.items():
        lines += wrapped(f"{name} = {as_yaml(value)}", 2, 4)
    if section.keys and len(lines) > 1:
        lines.append("")
    for key in section.keys:
        lines += wrapped(str(key), 2, 4) + wrapped(key.text, 6)
    return "\n".join(lines)
