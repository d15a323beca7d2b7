"""Make the released files: `python -m stereo_exp.weights FLOAT INT [--network slim] [--commit HASH]`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from stereo_exp.errors import exit_on_user_error
from stereo_exp.weights import FOLDER, PUBLISHED, RELEASES
from stereo_exp.weights.publish import commit_here, publish


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser("python -m stereo_exp.weights", description=__doc__)
    found.add_argument("float", type=Path, help="best.safetensors of the float run")
    found.add_argument("int_infer", type=Path, help="best.safetensors of the int_infer run")
    found.add_argument("--commit", help="of the code that trained them; default: this checkout's")
    found.add_argument("--network", choices=RELEASES, default=PUBLISHED, help="which of the released ones they become")
    found.add_argument("--out", type=Path, default=FOLDER, help="folder; default: the package's own")
    return found


def main() -> None:
    """Write both files; the last line is JSON."""
    arguments = parser().parse_args()
    sources = {"float": arguments.float, "int_infer": arguments.int_infer}
    with exit_on_user_error():
        written = publish(sources, arguments.commit or commit_here(), arguments.out, arguments.network)
    sizes = {stage: path.stat().st_size for stage, path in written.items()}
    for stage, path in written.items():
        print(f"{stage:10} {sizes[stage] / 1e6:.2f} MB  {path}")
    print(json.dumps({"files": {stage: str(path) for stage, path in written.items()}, "bytes": sizes}))


if __name__ == "__main__":
    main()
