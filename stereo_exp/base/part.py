"""One part of work that several processes, or machines, do side by side."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from stereo_exp.base.errors import ArgumentError

_MOST = 1_000_000


@dataclass(frozen=True)
class Part:
    """Part `number` of `total`, counted from 1. Which units belong to it depends on nothing else, so that the parts
    together do each unit once, whoever does them and when."""

    number: int = 1
    total: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.total <= _MOST:
            raise ArgumentError("part", str(self), f"counts from 1/N to N/N, N at most {_MOST}", "try {part}=1/8")

    @classmethod
    def parse(cls, text: str, key: str = "part") -> Self:
        """A part as it is typed: `2/8`.

        Args:
            key: what it was typed behind, for messages.

        Raises:
            UserError: it is none.
        """
        found = re.fullmatch(r"(\d{1,7})/(\d{1,7})", text)
        try:
            if found is None:
                raise ArgumentError("part", text, "must be NUMBER/TOTAL", "try {part}=1/8")
            return cls(int(found[1]), int(found[2]))
        except ArgumentError as error:
            raise error.rename(lambda _: key) from None

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"

    @property
    def is_whole(self) -> bool:
        """Whether it is all there is."""
        return self.total == 1

    def holds(self, unit: int) -> bool:
        """Whether a unit, counted from 0, is this part's."""
        return unit % self.total == self.number - 1

    def select(self, units: Iterable[int]) -> list[int]:
        """Those units that are this part's, in their order."""
        return [unit for unit in units if self.holds(unit)]


WHOLE = Part()
