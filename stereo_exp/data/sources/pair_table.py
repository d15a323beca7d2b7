"""One's own pairs by table: a CSV file with a line for each."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

from stereo_exp.data.sample import Calibration
from stereo_exp.data.sources.pair_list import pair_key
from stereo_exp.data.sources.pairs import OwnPair
from stereo_exp.errors import DataError

COLUMNS = ("left", "right", "disparity", "focal", "baseline", "doffs")
_FORM = f"a first line with names of columns: left,right and what you have of {','.join(COLUMNS[2:])}"


def read_pair_table(path: Path, root: Path | None = None) -> list[OwnPair]:
    """Read a CSV file.

    Args:
        path: the file, UTF-8, its first line the names of the columns: `left`, `right`, and optionally
            `disparity` (files), `focal` (px), `baseline` (metres), `doffs` (px). An empty cell: not known.
        root: the folder that its paths are relative to; None takes the file's own.

    Raises:
        DataError: the file cannot be read or lacks a column, or a line is malformed; named with its number.
    """
    base = path.parent if root is None else root
    try:
        reader = csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""))
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except OSError as error:
        raise DataError(path, None, f"cannot be read ({error.strerror})", "name an existing CSV file") from None
    except UnicodeDecodeError as error:
        raise DataError(path, f"byte {error.start}", "a CSV file is UTF-8 text", "save it as UTF-8") from None
    except csv.Error as error:
        raise DataError(path, None, f"is no CSV ({error})", "save it as CSV with commas") from None
    rows = [(number, row) for number, row in rows if any(row)]
    header = rows[0][1] if rows else []
    if not {"left", "right"} <= set(header) or not set(header) <= set(COLUMNS) or len(set(header)) < len(header):
        raise DataError(path, ",".join(header), f"must begin with {_FORM}", "mend its first line")
    if len(rows) < 2:
        raise DataError(path, None, "names no pairs", "add a line for each pair")
    return [_pair(f"{path} line {number}", header, row, base) for number, row in rows[1:]]


def _pair(place: str, header: list[str], row: list[str], base: Path) -> OwnPair:
    if len(row) != len(header):
        raise DataError(place, ",".join(row), f"must have {len(header)} cells like the first line", "mend the line")
    cells = dict(zip(header, row, strict=True))
    for name in ("left", "right"):
        if not cells[name]:
            raise DataError(place, ",".join(row), f"names no {name} image", "mend the line")
    if any("\0" in cell for cell in row):
        raise DataError(place, repr(",".join(row)), "has a NUL character in it", "mend the line")
    truth = cells.get("disparity")
    return OwnPair(
        pair_key(cells["left"]),
        base / cells["left"],
        base / cells["right"],
        base / truth if truth else None,
        calibration=_calibration(place, cells),
    )


def _calibration(place: str, cells: dict[str, str]) -> Calibration | None:
    numbers = {name: _number(place, name, cells[name]) for name in COLUMNS[3:] if cells.get(name)}
    if not numbers:
        return None
    for name in ("focal", "baseline"):
        if not numbers.get(name, 0) > 0:
            raise DataError(place, cells.get(name) or None, f"{name} must be a number above 0", "mend the line")
    return Calibration(numbers["focal"], numbers["baseline"], numbers.get("doffs", 0.0))


def _number(place: str, name: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(place, cell, f"{name} must be a finite number", "mend the line")
    return value
