"""`python -m data_tools.render --out DIR`: render *shapes* from the command line.

Progress goes to standard error, and only to a terminal; standard output gets one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from stereo_exp.base import WHOLE, ArgumentError, Meter, Part, UserError, exit_on_user_error, write_bytes
from stereo_exp.geometry import encode_png
from stereo_exp.shapes import (
    MESH_WEIGHTS,
    WEIGHTS,
    MeshOptions,
    Parameters,
    contact_sheet,
    render_dataset,
)

if TYPE_CHECKING:
    from stereo_exp.shapes import Album, Shelf

_SHEET = 16  # scenes


class _Skipping(Protocol):
    """What a folder holds."""

    @property
    def skipped(self) -> tuple[tuple[str, str], ...]:
        """(file, reason) of what cannot be read."""
        ...


_Found = TypeVar("_Found", bound=_Skipping)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; leaves with exit code 2 after a mistake of the user's."""
    options = _parser().parse_args(arguments)
    with exit_on_user_error():
        height, width = _size(options.size)
        scenes = _shares(options.scenes)
        part = WHOLE if options.part is None else Part.parse(options.part, "--part")
        if options.out is None and options.contact_sheet is None:
            raise UserError("--out", "missing", "a set needs a folder", "add --out DIR, or --contact-sheet FILE")
        shelf = None if options.models is None else _read_models(options.models)
        album = None if options.textures is None else _read_pictures(options.textures)
        meshes = MeshOptions(
            () if shelf is None else shelf.sources,
            () if album is None else album.pictures,
            lit=not options.flat,
            floaters=not options.no_floaters,
        )
        if scenes is None and meshes != MeshOptions():
            scenes = MESH_WEIGHTS
        if options.contact_sheet:
            _sheet(options, height, width, scenes, meshes)
            return
        try:
            with _Progress("render" if part.is_whole else f"render {part}") as progress:
                report = render_dataset(
                    options.out,
                    train=options.train,
                    test=options.test,
                    height=height,
                    width=width,
                    seed=options.seed,
                    scenes=scenes,
                    workers=options.workers,
                    progress=progress,
                    meshes=meshes,
                    part=part,
                )
        except KeyboardInterrupt as stop:
            stop.add_note("the same command completes the set")
            raise
        summary = {
            "out": options.out,
            "train": options.train,
            "test": options.test,
            "size": f"{height}x{width}",
            "seed": options.seed,
            "rendered": report.rendered,
            "reused": report.reused,
            "workers": report.workers,
            "seconds": round(report.seconds, 3),
            "pairs_per_second": round(report.pairs_per_second, 2),
        }
        if not part.is_whole:
            summary |= {"part": str(part), "waiting": report.waiting}
        if shelf is not None:
            summary |= {"models": len(shelf.sources), "models_skipped": len(shelf.skipped)}
        if album is not None:
            summary |= {"textures": len(album.pictures), "textures_skipped": len(album.skipped)}
        print(json.dumps(summary, separators=(",", ":")))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m data_tools.render",
        description="Render shapes, a procedural stereo data set, in SceneFlow's folder layout. "
        "A folder that was begun with the same options is completed.",
    )
    parser.add_argument("--out", metavar="DIR", help="folder of the set")
    parser.add_argument("--train", type=int, default=400, metavar="N", help="training pairs (%(default)s)")
    parser.add_argument("--test", type=int, default=40, metavar="N", help="test pairs (%(default)s)")
    parser.add_argument("--size", default="256x512", metavar="HxW", help="height x width (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the set (%(default)s)")
    parser.add_argument("--workers", type=int, default=None, metavar="W", help="processes (one for each core)")
    parser.add_argument(
        "--part",
        metavar="K/N",
        help="draw the K-th of N parts only; the others may be drawn at the same time, on other machines too",
    )
    parser.add_argument(
        "--scenes",
        metavar="KIND=SHARE,..",
        help=f"kinds of scenes and their relative shares ({','.join(f'{k}={v:g}' for k, v in WEIGHTS.items())}); "
        f"of meshes, with the extra [render]: {', '.join(MESH_WEIGHTS)}",
    )
    parser.add_argument(
        "--models",
        metavar="FOLDER",
        help="OBJ and glTF files, and sweethome3d-furniture's catalogues, for scenes of meshes; a bad file is skipped",
    )
    parser.add_argument(
        "--textures",
        metavar="FOLDER",
        help="pictures that surfaces of scenes of meshes are painted with; a bad file is skipped",
    )
    parser.add_argument(
        "--flat", action="store_true", help="scenes of meshes as bare paint in even light; nothing else changes"
    )
    parser.add_argument(
        "--no-floaters", action="store_true", help="furnished rooms without things in the air; nothing else changes"
    )
    parser.add_argument(
        "--contact-sheet", metavar="FILE", help="instead of a set, draw 16 of its scenes into one picture"
    )
    return parser


class _Progress(ExitStack):
    """A meter that begins when it is known how much there is to do."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title
        self.meter: Meter | None = None

    def __call__(self, done: int, total: int) -> None:
        if self.meter is None:
            self.meter = self.enter_context(Meter(self.title, total, done))
        self.meter.advance(done - self.meter.done)


def _read_models(folder: str) -> Shelf:
    from stereo_exp.shapes import find_models

    return _read(find_models, folder, "--models")


def _read_pictures(folder: str) -> Album:
    from stereo_exp.shapes import find_pictures

    return _read(find_pictures, folder, "--textures")


def _read(find: Callable[[str, Callable[[int, int], None]], _Found], folder: str, option: str) -> _Found:
    """What `find` finds in a folder; each file that it skipped is told."""
    with Meter(option.lstrip("-"), 0) as meter:
        try:
            found = find(folder, lambda done, total: meter.advance(1))
        except ArgumentError as error:
            raise error.rename(lambda name: {"folder": option}.get(name, name)) from None
    for name, reason in found.skipped:
        print(f"skipped {name}: {reason}", file=sys.stderr)
    return found


def _sheet(
    options: argparse.Namespace, height: int, width: int, scenes: dict[str, float] | None, meshes: MeshOptions
) -> None:
    sheet = contact_sheet(_SHEET, height=height, width=width, seed=options.seed, scenes=scenes, meshes=meshes)
    write_bytes(Path(options.contact_sheet), encode_png(sheet))
    print(json.dumps({"contact_sheet": options.contact_sheet, "scenes": _SHEET}, separators=(",", ":")))


def _shares(text: str | None) -> dict[str, float] | None:
    if text is None:
        return None
    shares = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\w+)\s*=\s*(\d+(?:\.\d+)?)\s*", part)
        if match is None:
            raise UserError("--scenes", text, "must be KIND=SHARE, split by commas", "write --scenes room=2,street=1")
        shares[match[1]] = float(match[2])
    # The same rules as for a set: a kind of that name, a share above 0.
    return Parameters(1, 0, 256, 512, 0, shares).scenes


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6})[x×](\d{1,6})", text)
    if match is None:
        raise UserError("--size", text, "must be HEIGHTxWIDTH in pixels", "write --size 256x512")
    return int(match[1]), int(match[2])


if __name__ == "__main__":
    main()
