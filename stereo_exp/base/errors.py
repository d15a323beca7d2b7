"""Errors that are the user's to mend, told in one line.

Everything else that is raised is a bug and keeps its traceback (exit code 1).
"""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from stereo_exp.base.masking import mask
from stereo_exp.base.process import Terminated, hear_signals

EXIT_USER_ERROR = 2
# A disk that takes nothing more, or never did.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
# A check that the user asked for (task=align) found what it looks for; the report says what.
EXIT_CHECK_FAILED = 1
_MAX_VALUE_CHARS = 160
# Of everything else: a name out of a damaged file may have any length, a path of several folders must be whole.
_MAX_TEXT_CHARS = 600
# The fix for a file of a data set that cannot be used.
RESTORE_OR_SKIP = "restore the file from its source, or leave the pair out"
# How the texts of an `ArgumentError` name an argument: `{left}`.
_NAMED = re.compile(r"\{([a-z_]+)\}")


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
        key, says, todo = (_one_line(text, _MAX_TEXT_CHARS) for text in (self.key, rule, fix))
        super().__init__(f"{key}{shown}: {says}; {todo}")

    def __reduce__(self) -> tuple[object, ...]:
        # A worker process hands its exception over by pickling it; the default would pass one argument.
        return type(self), (self.key, self.value, self.rule, self.fix)


class ArgumentError(UserError):
    """A value that a function or a class does not take: what a library raises, which knows its arguments only.

    `key` is the argument's name. Whoever passed on what users typed under another name tells it by that: `rename`.

    Args:
        argument: its name.
        value: what was given; None leaves it out.
        rule, fix: as in `UserError`. An argument stands in braces in them, this one or another of the same function:
            `try {threads}=1`.
    """

    def __init__(self, argument: str, value: object, rule: str, fix: str) -> None:
        self.wording = rule, fix
        super().__init__(argument, value, *(_NAMED.sub(r"\1", text) for text in self.wording))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.key, self.value, *self.wording)

    def rename(self, name_of: Callable[[str], str]) -> UserError:
        """The same mistake by the names that users know.

        Args:
            name_of: from an argument's name to what they typed.
        """
        rule, fix = (_NAMED.sub(lambda named: name_of(named[1]), text) for text in self.wording)
        return UserError(name_of(self.key), self.value, rule, fix)


class DataError(UserError):
    """A file of a data set that is missing or damaged; loaders leave its pair out and count it where told to."""


class CheckpointError(UserError):
    """A checkpoint that is missing, damaged, unsafe, or belongs to another model."""


EXTRAS = {
    **dict.fromkeys(("torch", "torchao", "safetensors", "webdataset", "skimage", "filelock", "PIL"), "train"),
    "mlflow": "tracking",
    **dict.fromkeys(("onnx", "onnx_ir", "onnxscript", "jinja2"), "export"),
    "onnxruntime": "onnxruntime",
    "openvino": "openvino",
    **dict.fromkeys(("embreex", "numba", "trimesh"), "render"),
    "rerun": "viewers",
}
"""Packages that a light install is without -> the extra of setup.cfg that brings them."""


@contextmanager
def tell_missing_extras() -> Iterator[None]:
    """A package of an extra that is not installed is told in one line, with what to type."""
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        # Of a package that is there, a module that is not would be a bug.
        if missing not in EXTRAS or find_spec(missing) is not None:
            raise
        fix = f'pip install "stereo_exp[{EXTRAS[missing]}]"'
        raise UserError(missing, None, "is not installed, and this needs it", fix) from None


def _one_line(value: object, limit: int = _MAX_VALUE_CHARS) -> str:
    text = mask(" ".join(str(value).split()))
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    return text


def tell_launcher(line: str) -> None:
    """Leave a line for torch's launcher, which shows it in its own report of what failed; nothing without one."""
    file = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if file is not None:
        told = {"message": line, "extraInfo": {"py_callstack": line, "timestamp": str(int(time.time()))}}
        with suppress(OSError), Path(file).open("w") as out:
            json.dump({"message": told}, out)


def _end(line: str, code: int) -> NoReturn:
    print(line, file=sys.stderr)
    tell_launcher(line)
    raise SystemExit(code) from None


@contextmanager
def exit_on_user_error() -> Iterator[None]:
    """Turn a `UserError` into its one line on standard error and exit code 2; a signal into one and 128 plus it."""
    try:
        with hear_signals():
            yield
    except UserError as error:
        _end(f"error: {error}", EXIT_USER_ERROR)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        where = error.filename2 or error.filename or "a file"
        fix = "free some space, or give another folder"
        told = UserError(where, None, f"cannot be written ({error.strerror})", fix)
        _end(f"error: {told}", EXIT_USER_ERROR)
    except KeyboardInterrupt as stop:
        code = stop.code if isinstance(stop, Terminated) else 128 + signal.SIGINT
        _end("; ".join((f"stopped by {str(stop) or 'SIGINT'}", *getattr(stop, "__notes__", ()))), code)
