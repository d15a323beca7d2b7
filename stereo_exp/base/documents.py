"""JSON and YAML of files that anybody may have written: small, shallow, and nothing but plain values.

Whatever is wrong with a text is a `ValueError` here, so that a reader has one thing to tell of.
"""

from __future__ import annotations

import json
from math import inf
from typing import Any

_LARGEST = 1 << 26
_DEEPEST = 100
_MOST_VALUES = 100_000
# An integer of more bits is no number of ours, and would overflow in the first float that it meets.
_INTEGER_BITS = 1000


def parse_json(text: str | bytes, largest: int = _LARGEST) -> Any:
    """The value of a JSON text.

    Args:
        text: UTF-8 where it is bytes.
        largest: how many characters or bytes it may have.

    Raises:
        ValueError: it is no JSON, too large, or nested deeper than a hundred.
    """
    if len(text) > largest:
        raise ValueError(f"more than {largest} bytes")
    try:
        return _checked(json.loads(text))
    except RecursionError:
        raise ValueError("nested too deep") from None


def parse_yaml(text: str, largest: int = 1 << 20) -> Any:
    """The value of a YAML text: plain values, no tags of Python.

    Raises:
        ValueError: it is no such YAML, too large, nested deeper than a hundred, or of more values than anybody writes:
            by aliases, a few lines stand for millions.
    """
    import yaml  # boards, which read JSON alone, go without

    if len(text) > largest:
        raise ValueError(f"more than {largest} characters")
    try:
        return _checked(yaml.safe_load(text), _MOST_VALUES)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except RecursionError:
        raise ValueError("nested too deep") from None
    except (TypeError, AttributeError, KeyError, IndexError, OverflowError) as error:
        # PyYAML's constructors on odd scalars, `!!timestamp` on a list for one.
        raise ValueError(f"{type(error).__name__}: {error}") from None


def _checked(value: Any, most: float = inf) -> Any:
    """A value as it is, unless something in it is deeper or larger than anybody means."""
    waiting, count = [(value, 0)], 0
    while waiting:
        node, depth = waiting.pop()
        count += 1
        if count > most:
            raise ValueError(f"holds more than {most} values")
        if depth > _DEEPEST:
            raise ValueError("nested too deep")
        if isinstance(node, dict):
            waiting += [(each, depth + 1) for each in node.values()]
        elif isinstance(node, list | tuple | set):
            waiting += [(each, depth + 1) for each in node]
        elif isinstance(node, int) and node.bit_length() > _INTEGER_BITS:
            raise ValueError("holds an integer of more than a thousand bits")
    return value
