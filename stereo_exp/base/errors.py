"""Errors that are the user's to mend, told in one line.

Everything else that is raised is a bug and keeps its traceback (exit code 1).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

EXIT_USER_ERROR = 2
# A check that the user asked for (task=align) found what it looks for; the report says what.
EXIT_CHECK_FAILED = 1
_MAX_VALUE_CHARS = 160
# The fix for a file of a data set that cannot be used.
RESTORE_OR_SKIP = "restore the file from its source, or leave the pair out with dataset.on_error=skip"


class UserError(ValueError):
    """A mistake in the configuration, the data or a checkpoint.

    Args:
        key: what the user set: a config key, a flag, or the path of a file.
        value: what stands there; None leaves it out.
        rule: what must hold.
        fix: what to do about it, preferably something to type.
    """

    def __init__(self, key: object, value: object, rule: str, fix: str) -> None:
        self.key, self.value, self.rule, self.fix = str(key), value, rule, fix
        shown = "" if value is None else f"={_one_line(value)}"
        super().__init__(f"{_one_line(self.key, None)}{shown}: {_one_line(rule, None)}; {_one_line(fix, None)}")

    def __reduce__(self) -> tuple[object, ...]:
        # A worker process hands its exception over by pickling it; the default would pass one argument.
        return type(self), (self.key, self.value, self.rule, self.fix)


class DataError(UserError):
    """A file of a data set that is missing or damaged; `dataset.on_error=skip` skips and counts it."""


class CheckpointError(UserError):
    """A checkpoint that is missing, damaged, unsafe, or belongs to another model."""


def _one_line(value: object, limit: int | None = _MAX_VALUE_CHARS) -> str:
    text = " ".join(str(value).split())
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    return text


@contextmanager
def exit_on_user_error() -> Iterator[None]:
    """Turn a `UserError` into its one line on standard error and exit code 2."""
    try:
        yield
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(EXIT_USER_ERROR) from None


@contextmanager
def keys_below(node: str, place: str) -> Iterator[None]:
    """What is said of `node.KEY` in here is about `place.KEY`: a config node that stands inside another.

    Errors about files (`DataError`) keep their paths.
    """
    try:
        yield
    except DataError:
        raise
    except UserError as error:
        if not error.key.startswith(f"{node}."):
            raise
        key, fix = (text.replace(f"{node}.", f"{place}.") for text in (error.key, error.fix))
        raise type(error)(key, error.value, error.rule, fix) from None
