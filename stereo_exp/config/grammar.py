"""What Hydra's grammar refuses of an argument, in our words, with the quoting that works."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from stereo_exp.base import UserError

_PLAIN = re.compile(r"[A-Za-z0-9_/\\+.$%*@?|: -]")
"""What a value may hold without quotes."""
_UNDERSCORED = re.compile(r"\A([^=-][^=]*)=(-?\d[\d_]*_[\d_.eE]*)\Z")
_SPECIAL_IN_DOUBLE_QUOTES = re.compile(r'["$`!]|\\\\')


def explain_argument(arguments: Iterable[str]) -> UserError | None:
    """Of the first argument that Hydra cannot read; None where it can read all of them."""
    for argument in arguments:
        # Flags are argparse's affair.
        if not argument.startswith("-") and not _is_readable(argument):
            return _explain(argument)
    return None


def keep_numbers_as_typed(arguments: Sequence[str]) -> list[str]:
    """Arguments as Hydra is to read them: `root=2024_01_05` is a folder, and not the number 20240105.

    A key that wants a number takes the text as well.
    """
    return [_UNDERSCORED.sub(r"\1='\2'", argument) for argument in arguments]


def explain_several(argument: str) -> UserError:
    """Of `key=a,b`, which without `-m` may mean three things."""
    key, _, value = argument.partition("=")
    fix = f"a list: {key}=[{value}]; one text: {quote(key, value)}; a job for each: add --multirun"
    return UserError(key, value, "commas can mean three things", fix)


def assign(key: str, value: str) -> str:
    """An override that gives a key one text, whatever stands in it."""
    # Hydra wants backslashes doubled only before a quote, and at the end.
    escaped = re.sub(r"(\\*)('|$)", lambda found: 2 * found[1] + ("\\'" if found[2] else ""), value)
    return f"{key}='{escaped}'"


def quote(key: str, value: str) -> str:
    """An argument as a shell takes it, so that Hydra reads the value as one text."""
    argument = assign(key, value)
    return f'"{argument}"' if not _SPECIAL_IN_DOUBLE_QUOTES.search(argument) else shlex.quote(argument)


def _explain(argument: str) -> UserError:
    key, equals, value = argument.partition("=")
    if not equals:
        return UserError(argument, None, "has no value (Hydra misses EQUAL, the sign =)", f"write {argument}=VALUE")
    bare = value.strip("'\"")
    if value[:1] in ("[", "{") and value[-1:] != {"[": "]", "{": "}"}[value[0]]:
        close = f"close it, as in {key}={'[A,B]' if value[0] == '[' else '{A:B}'}"
        return UserError(key, value, "begins like a list and does not end like one", f"{close}, or {quote(key, value)}")
    if value[:1] in ("'", '"') and bare:
        return UserError(key, value, "has a quote that is not closed", f"close it: {quote(key, bare)}")
    signs = " ".join(dict.fromkeys(sign for sign in value if not _PLAIN.match(sign)))
    what = f"holds {signs}, which Hydra takes only in quotes" if signs else "is nothing that Hydra's grammar can read"
    return UserError(key, value, what, f"quote it for the shell and for Hydra: {quote(key, value)}")


def _is_readable(argument: str) -> bool:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        OverridesParser.create().parse_override(argument)
    except HydraException:
        return False
    return True


def find_several(text: str, arguments: Sequence[str]) -> str | None:
    """The argument that Hydra's message about several values names."""
    found = re.search(r"Ambiguous value for argument '(.*)'$", text.splitlines()[0]) if text else None
    return next((argument for argument in arguments if found is not None and argument == found[1]), None)
