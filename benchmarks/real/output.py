"""Where a benchmark's figures go, standard output, a JSON file, a page, and how others read that file."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from real.markdown import check_block, write_block
from stereo_exp.base import UserError, parse_json, write_text
from stereo_exp.runtime import describe
from stereo_exp.weights import PUBLISHED


def name_block(block: str, network: str) -> str:
    """The block about one of the released networks."""
    return block if network == PUBLISHED else f"{block}_{network}"


def add_output_options(parser: argparse.ArgumentParser, block: str) -> None:
    """`--write` and `--json`, where `write_report` leaves what was measured."""
    parser.add_argument("--write", type=Path, metavar="PAGE", help=f"page with <!-- {block} --> and <!-- /{block} -->")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the JSON into this file")


def check_output_options(options: argparse.Namespace, name: str) -> None:
    """Refuse to publish a part for the whole, or in a page without the block `name`, before anything is measured.

    Raises:
        UserError: a part was asked for and is to be written, or the page has no place for the table.
    """
    limit = getattr(options, "limit", None)
    if limit is not None and (options.write or options.json):
        raise UserError("--limit", limit, "a part of the pairs is for trying only", "leave it out to write")
    if options.write is not None:
        check_block(options.write, name)


def read_json(option: str, path: Path, fix: str, kind: type = dict) -> Any:
    """What a benchmark left in a JSON file.

    Args:
        option: that names the file.
        fix: what makes it.
        kind: of what stands in it.

    Raises:
        UserError: it cannot be read, or holds something of another kind.
    """
    try:
        found = parse_json(path.read_bytes())
    except OSError as error:
        raise UserError(option, path, f"cannot be read ({error.strerror})", fix) from None
    except ValueError as error:
        raise UserError(option, path, f"is no JSON ({error})", fix) from None
    if not isinstance(found, kind):
        raise UserError(option, path, "holds something else", fix)
    return found


def today() -> dict[str, Any]:
    """Of a report: the date, the machine, versions."""
    return {"date": date.today().isoformat(), **describe()}


def page_text(report: Mapping[str, Any], *tables: str) -> str:
    """What a page shows of a report: its tables, and below them when, where and with which weights it was measured."""
    words = [f"Measured {report['date']}: {report['device']}, {report['cores']} cores"]
    words += [f"{name} weights `{facts['sha256'][:12]}`" for name, facts in report.get("checkpoints", {}).items()]
    return "\n\n".join([*tables, ", ".join(words) + "."])


def write_report(options: argparse.Namespace, block: str, report: Mapping[str, Any], text: str, more: str = "") -> None:
    """Print the text (and `more` below it) and one line of JSON; write text and JSON where the options say.

    Raises:
        UserError: the page has no place for the table.
    """
    print("\n\n".join(part for part in (text, more) if part) + "\n")
    # The figures first: a page without a place for them must not cost the measurement.
    print(json.dumps(report))
    if options.json is not None:
        write_text(options.json, json.dumps(report, indent=1) + "\n")
    if options.write is not None:
        write_block(options.write, block, text)
