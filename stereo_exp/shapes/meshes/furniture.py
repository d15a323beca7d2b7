"""Catalogues of Sweet Home 3D (.sh3f): what they say of their models, and where such models belong.

A catalogue is a zip file of models and one file of properties, whose keys end with the number of the piece:
`name#3=Towel rack`, `category#3=Bathroom`, sizes and elevations in centimetres. Debian's `sweethome3d-furniture` has
820 pieces in five of them. Files of properties in other languages lie beside; categories are read from the English one.
"""

from __future__ import annotations

import math
import re
import zipfile
from pathlib import Path
from typing import NamedTuple

MODEL_ENDINGS = (".obj", ".gltf", ".glb")
_LISTED = "PluginFurnitureCatalog.properties"
# An empty value must not take the next line for its own.
_LINE = re.compile(r"^[ \t]*(\w+)#(\d+)[ \t]*[=:][ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
_HUNG = 0.3
"""Metres: what begins higher hangs at a wall."""
_SMALL, _LARGE = 0.6, 3.0
"""Metres: what is smaller stands on other things, what is larger stands outdoors, unless a category says otherwise."""
_CEILING = 1.9
"""Metres: a lamp whose top is higher hangs from the ceiling."""
_BACKED = frozenset({"Kitchen", "Bathroom", "Bedroom"})
"""Whose larger pieces stand with their backs to a wall."""


class Source(NamedTuple):
    """Where a model lies, and what a catalogue says of it.

    Attributes:
        path: a file with a model, or a catalogue.
        member: the model's name in the catalogue; empty of a file.
        size: width, depth and height in metres; None: the model's own.
        elevation: metres above the floor.
        category: in the catalogue's words; empty of a file.
        rotation: nine numbers, row after row, by which the model is turned first (y up); None: as it is.
    """

    path: str
    member: str = ""
    size: tuple[float, float, float] | None = None
    elevation: float = 0.0
    category: str = ""
    rotation: tuple[float, ...] | None = None

    @property
    def is_backed(self) -> bool:
        """Whether it stands with its back to a wall."""
        return self.category in _BACKED


class Catalogue(NamedTuple):
    """The models of a catalogue, and (name, reason) of the pieces that say too little."""

    sources: tuple[Source, ...]
    skipped: tuple[tuple[str, str], ...]


def read_catalogue(path: Path) -> Catalogue:
    """What a catalogue names, sizes and elevations in metres; what it says wrongly is skipped.

    Raises:
        zipfile.BadZipFile, OSError, KeyError: it is none.
    """
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        # Escapes (\u00e9) occur in names alone, which nobody reads here.
        text = archive.read(_LISTED).decode("latin-1")
    pieces: dict[int, dict[str, str]] = {}
    for key, number, value in _LINE.findall(text):
        pieces.setdefault(int(number), {})[key] = value
    sources, skipped = [], []
    for number, piece in sorted(pieces.items()):
        try:
            sources.append(_read_piece(path, piece, names))
        except (KeyError, ValueError) as error:
            reason = f"has no {error.args[0]}" if isinstance(error, KeyError) else str(error)
            skipped.append((f"{path}#{number}", reason))
    return Catalogue(tuple(sources), tuple(skipped))


def _read_piece(path: Path, piece: dict[str, str], names: set[str]) -> Source:
    member = piece["model"].lstrip("/")
    if member not in names:
        raise ValueError(f"{member} is not in the catalogue")
    if Path(member).suffix.lower() not in MODEL_ENDINGS:
        raise ValueError(f"{member} is of a kind that is not read")
    width, depth, height = (_read_metres(piece[key]) for key in ("width", "depth", "height"))
    if min(width, depth, height) <= 0:
        raise ValueError("a size is not above 0")
    rotation = None
    if "modelRotation" in piece:
        rotation = tuple(float(word) for word in piece["modelRotation"].split())
        if len(rotation) != 9 or not all(map(math.isfinite, rotation)):
            raise ValueError("modelRotation is not nine numbers")
    elevation = _read_metres(piece.get("elevation", "0"))
    return Source(str(path), member, (width, depth, height), elevation, piece.get("category", ""), rotation)


def _read_metres(text: str) -> float:
    value = float(text) / 100
    if not math.isfinite(value):
        raise ValueError(f"{text} is no length")
    return value


def find_places(source: Source, size: float, height: float) -> tuple[str, ...]:
    """Where a model belongs, of `PLACES`: by its category and elevation, or by its size alone.

    Args:
        source: what a catalogue says of it.
        size: its largest side, metres.
        height: metres.
    """
    category, small = source.category, size < _SMALL
    if category == "Lights" and source.elevation + height > _CEILING and source.elevation >= _HUNG:
        return ("ceiling",)
    if category == "Doors and windows" or source.elevation >= _HUNG:
        return ("wall", "air") if small else ("wall",)
    if category in ("Exterior", "Vehicles"):
        return ("ground", "air") if size < _LARGE else ("ground",)
    if small:
        return ("surface", "air")
    if category == "Characters":
        return ("floor", "ground", "air")
    if category:
        return ("floor", "air") if size < _LARGE else ("floor",)
    return ("floor", "ground", "air") if size < _LARGE else ("ground",)
