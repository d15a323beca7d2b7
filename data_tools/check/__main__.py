"""`python -m data_tools.check ROOT`: is this SceneFlow folder whole, readable, rectified and the right way round?

The last line on standard output is one line of JSON. Exit code 0: nothing is wrong; 2: problems were found, or ROOT
holds no data set.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from data_tools.check.check import check
from data_tools.check.report import print_findings, print_table, summary
from stereo_exp.errors import EXIT_USER_ERROR, exit_on_user_error

_EXIT_INTERRUPTED = 130  # as a shell reports SIGINT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m data_tools.check",
        description="Say what a folder in SceneFlow's layout holds, what is missing and what is wrong with it, and "
        "write its list files. Exit code 0: nothing is wrong, 2: something is.",
    )
    parser.add_argument("root", type=Path, help="the folder with FlyingThings3D, Driving or Monkaa in it")
    parser.add_argument("--maxdisp", type=float, default=192, help="px; default: %(default)s")
    parser.add_argument("--render-pass", default="finalpass", help="finalpass (default) or cleanpass")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--sample", type=int, default=100, metavar="N", help="pairs to decode (default: %(default)s)")
    chosen.add_argument("--all", action="store_true", help="decode every pair")
    parser.add_argument("--write-lists", action="store_true", help="write SceneFlow_<pass>_{train,test}.txt into ROOT")
    parser.add_argument("--force", action="store_true", help="let --write-lists replace lists that say something else")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="threads (default: one for each core)")
    parser.add_argument("--show", type=int, default=100, metavar="N", help="problems named of a kind; 0: all")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; leaves with exit code 2 after problems and after a mistake of the user's."""
    options = _parser().parse_args(arguments)
    start = time.monotonic()
    with exit_on_user_error():
        try:
            result = check(
                options.root,
                maxdisp=options.maxdisp,
                render_pass=options.render_pass,
                sample=None if options.all else options.sample,
                list_files=options.write_lists,
                force=options.force,
                workers=options.workers,
            )
        except KeyboardInterrupt:
            print("interrupted; --sample N looks into fewer pairs", file=sys.stderr)
            raise SystemExit(_EXIT_INTERRUPTED) from None
    print_table(result.tree, result.measured, result.lists, options.maxdisp)
    print_findings(result.findings, max(0, options.show))
    report = summary(result.tree, result.measured, result.findings, result.lists, options.maxdisp)
    print(json.dumps({**report, "seconds": round(time.monotonic() - start, 3)}, separators=(",", ":")))
    if result.findings.problems:
        raise SystemExit(EXIT_USER_ERROR)


if __name__ == "__main__":
    main()
