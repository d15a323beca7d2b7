"""README's table: the released network and OpenCV's SGBM as measured here, beside what others publish of theirs.

    python benchmarks/readme.py [--results docs/results] [--page README.md]

Measures nothing: `accuracy.json` and `speed.json` are what benchmarks/accuracy.py and benchmarks/engines.py left,
`published.json` is what authors say of their networks; `accuracy.md` gets where that is from. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engines import CHECKED
from engines import REFINED as ON_HOST
from real.markdown import table, write_block
from real.methods import INT8, REFINED, SGBM
from real.output import read_json

from stereo_exp.base import exit_on_user_error

BLOCK, PUBLISHED = "comparison", "published"
"""Of README, and of `accuracy.md`."""
FILES = ("accuracy", "speed", "published")
BARE = "openvino int8"
"""What is timed of the released network."""
FIGURES = (
    ("Middlebury 2005/2006", "EPE, px", "epe", 1, 2, None),
    ("Middlebury 2005/2006", "bad-2, %", "bad2", 100, 1, None),
    ("SceneFlow", "EPE, px", "epe", 1, 2, "sceneflow_epe"),
    ("KITTI 2012", "D1, %", "d1", 100, 1, "kitti2012_d1"),
)
"""Rows: set, metric as the page and as the JSON has it, factor, digits, key of what others publish of that set."""
PUBLISHED_ONLY = (("Middlebury v3, half size, seen by both: bad-2, %", "middlebury_h_bad2_noc"),)
NONE = "–"


def main() -> None:
    """Read, write, say what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("docs/results"), metavar="DIR", help="of the JSON files")
    parser.add_argument("--page", type=Path, default=Path("README.md"), help=f"page with the block {BLOCK}")
    options = parser.parse_args()
    others = options.results / "accuracy.md"
    with exit_on_user_error():
        accuracy, speed, published = (read_result(options.results, name) for name in FILES)
        write_block(options.page, BLOCK, render(accuracy, speed, published))
        write_block(others, PUBLISHED, render_published(published))
    print(json.dumps({"pages": [str(options.page), str(others)]}))


def render(accuracy: Mapping[str, Any], speed: Mapping[str, Any], published: Mapping[str, Any]) -> str:
    """The table in Markdown: a row for each figure, a column for each method."""
    others, size = published["networks"], "×".join(map(str, speed["size"]))
    head = ["", "this, int8 (refined)", "OpenCV SGBM", *_of(others, "name")]
    rows = [
        ["trained on", "rendered scenes", "nothing", *_of(others, "trained_on")],
        [f"GMAC, {size}", count_gmac(speed["size"]), NONE, *_of(others, "gmac")],
    ]
    for name, title, metric, factor, digits, key in FIGURES:
        scores = accuracy["sets"][name]
        bare, refined, sgbm = (f"{factor * scores[method][metric]:.{digits}f}" for method in (INT8, REFINED, SGBM))
        count = f"{scores['pairs']} pair{'s' * (scores['pairs'] != 1)}"
        theirs = _of(others, key) if key else [NONE] * len(others)
        rows.append([f"{name}, {count}: {title}", f"{bare} ({refined})", sgbm, *theirs])
    rows += [[title, NONE, NONE, *_of(others, key)] for title, key in PUBLISHED_ONLY]
    bare, refined, sgbm = (f"{speed['ms'][name]:.0f}" for name in (BARE, f"{BARE}{ON_HOST}", CHECKED))
    rows += [
        [f"{size}, ms", f"{bare} ({refined}), two CPU cores", f"{sgbm}, the same two", *_of(others, "time")],
        ["licence", "Apache-2.0", "Apache-2.0", *_of(others, "licence")],
    ]
    return table(head, rows, "---")


def render_published(published: Mapping[str, Any]) -> str:
    """What others publish and where, in Markdown."""
    columns = {"network": "name", "source": "source", "trained on": "trained_on", "licence": "licence"}
    columns |= {f"{name}: {title}": key for name, title, *_, key in FIGURES if key} | dict(PUBLISHED_ONLY)
    rows = [[network[key] for key in columns.values()] for network in published["networks"]]
    return f"{table(list(columns), rows, '---')}\n\nRead {published['read']}."


def _of(networks: Sequence[Mapping[str, str]], key: str) -> list[str]:
    return [network[key] for network in networks]


def count_gmac(size: tuple[int, int]) -> str:
    """Of a prediction by the released network, counted on the network itself."""
    from stereo_exp.model import load_checkpoint
    from stereo_exp.suite import count_costs
    from stereo_exp.weights import find_release

    return f"{count_costs(load_checkpoint(find_release('float', 'checkpoint')), size)['gmac']:.1f}"


def read_result(folder: Path, name: str) -> Any:
    """The figures of a file in `folder`.

    Raises:
        UserError: it cannot be read.
    """
    return read_json("--results", folder / f"{name}.json", "measure it first")


if __name__ == "__main__":
    main()
