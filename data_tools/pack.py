"""Pack a data set in SceneFlow's layout into WebDataset shards.

    python -m data_tools.pack --src-data-dir SceneFlow --split-name train --target-data-dir shards

The last line on standard output is one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

from stereo_exp.base import Part, UserError, exit_on_user_error
from stereo_exp.data import SKIPPED_NAME, pack

__all__ = ["main", "pack"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m data_tools.pack",
        description="Pack a SceneFlow-layout folder into WebDataset shards. A run that was killed goes on.",
    )
    parser.add_argument("--src-data-dir", type=Path, required=True, help="the data set's folder, with its lists")
    parser.add_argument("--target-data-dir", type=Path, required=True, help="shards go to TARGET_DATA_DIR/SPLIT_NAME")
    parser.add_argument("--split-name", required=True, help="train, test, or what SceneFlow_<pass>_<split>.txt says")
    parser.add_argument("--num-workers", type=int, default=4, help="shards written at once (default: %(default)s)")
    parser.add_argument("--pack-type", default="webdataset", help="webdataset, the only one (default)")
    parser.add_argument("--list-file", type=Path, help="use this list; its paths are relative to the source folder")
    parser.add_argument("--render-pass", default="finalpass", help="finalpass (default) or cleanpass")
    parser.add_argument("--samples-per-shard", type=int, default=256, help="pairs in a shard (default: %(default)s)")
    parser.add_argument(
        "--codec",
        default="png",
        help="png: the source's bytes (default); webp: lossless, smaller; raw: fastest to read",
    )
    parser.add_argument(
        "--truth", default="npy", help="npy: any WebDataset reader opens it (default); deflated: smaller, as exact"
    )
    parser.add_argument(
        "--part",
        default="1/1",
        help="K/N: pack the K-th of N parts only; the others may be packed at the same time, on other machines too",
    )
    parser.add_argument(
        "--on-error",
        default="raise",
        help="a missing or damaged file: raise (default) stops, skip leaves it out",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exit code 2 and one line for the user's mistakes."""
    args = _parser().parse_args(arguments)
    with exit_on_user_error():
        if args.pack_type != "webdataset":
            raise UserError(
                "--pack-type", args.pack_type, "this tool writes webdataset shards only", "leave the flag out"
            )
        part = Part.parse(args.part, "--part")
        start = time.monotonic()
        try:
            index = pack(
                args.src_data_dir,
                args.target_data_dir,
                args.split_name,
                num_workers=args.num_workers,
                list_file=args.list_file,
                render_pass=args.render_pass,
                samples_per_shard=args.samples_per_shard,
                codec=args.codec,
                truth=args.truth,
                on_error=args.on_error,
                part=part,
            )
        except KeyboardInterrupt as stop:
            stop.add_note("the same command goes on from the last whole shard")
            raise
    seconds = time.monotonic() - start
    folder = args.target_data_dir / args.split_name
    num_bytes = sum(shard.bytes for shard in index.shards)
    print(f"{'folder':<8} {folder}")
    print(f"{'pairs':<8} {index.samples:,}")
    print(f"{'skipped':<8} {index.skipped:,}{f' (named in {folder / SKIPPED_NAME})' if index.skipped else ''}")
    print(f"{'shards':<8} {len(index.shards):,}, {num_bytes / 1e6:,.1f} MB")
    if index.num_missing:
        print(f"{'missing':<8} {index.num_missing:,} shards of other parts; the last part writes the index")
    summary = {
        "folder": str(folder),
        "split": index.split,
        "samples": index.samples,
        "skipped": index.skipped,
        "shards": len(index.shards),
        "bytes": num_bytes,
        "missing": index.num_missing,
        "seconds": round(seconds, 3),
    }
    print(json.dumps(summary, separators=(",", ":")))


if __name__ == "__main__":
    main()
