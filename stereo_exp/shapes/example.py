"""One scene that is arranged by hand: the room of the pair that comes with the package.

`python -m stereo_exp.shapes.example --out DIR` draws it: `left.png`, `right.png`, `disparity.png` and `calib.json`.
Nothing in it is a photograph: every surface is painted with a made-up material in a colour of ours.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stereo_exp.base import USUAL_SIZE, write_bytes, write_text
from stereo_exp.geometry import encode_disparity_png, encode_png
from stereo_exp.shapes import props
from stereo_exp.shapes.paint import Atlas, PlanePaint, mix_colors
from stereo_exp.shapes.photometry import Camera
from stereo_exp.shapes.raster import render_scene
from stereo_exp.shapes.scene import Scene, largest_disparity
from stereo_exp.shapes.space import Rig, rotation
from stereo_exp.shapes.stage import Stage
from stereo_exp.shapes.stains import Glare
from stereo_exp.shapes.textures import sample_tile
from stereo_exp.shapes.wardrobe import Wardrobe

HEIGHT, WIDTH = USUAL_SIZE
FOCAL, BASELINE = 760.0, 0.12
"""Of the rig, px and metres: a wide lens, and twice the distance of a person's eyes. The room is in metres too."""
_SEED = 23
_EYE, _CEILING, _DEPTH, _LEFT, _RIGHT = 1.3, 1.35, 4.2, 2.3, 2.5
"""From the left camera to floor, ceiling, back wall and side walls, metres."""
_LIMIT = largest_disparity(WIDTH)
_SIDE = 256

Colour = tuple[int, int, int]
_BOOKS: tuple[tuple[Colour, Colour], ...] = (
    ((110, 30, 28), (190, 66, 52)),
    ((24, 52, 88), (70, 116, 164)),
    ((40, 74, 48), (112, 150, 98)),
    ((150, 104, 40), (226, 182, 92)),
    ((190, 178, 150), (240, 232, 210)),
    ((58, 50, 60), (120, 108, 122)),
    ((150, 78, 40), (226, 138, 76)),
)


class _Paints(Wardrobe):
    """Hands out what was laid ready, one tile after the other, untinted."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self._ready: list[Atlas] = []
        self._next = 0

    def make(self, kind: str, dark: Colour, light: Colour) -> Atlas:
        """A material in shades between two colours."""
        tile = sample_tile(self._rng, kind, _SIDE).astype(np.float32).mean(axis=2)
        low, high = np.percentile(tile, (2, 98))
        share = np.clip((tile - low) / max(float(high - low), 1.0), 0, 1)
        return Atlas(mix_colors(share, np.array(dark, float), np.array(light, float)))

    def lay_ready(self, *atlases: Atlas) -> None:
        """What `atlas` hands out from now on, in turn."""
        self._ready, self._next = list(atlases), 0

    def atlas(self) -> Atlas:
        """The next of those laid ready."""
        self._next += 1
        return self._ready[(self._next - 1) % len(self._ready)]

    def tint(self) -> tuple[float, float, float]:
        """None."""
        return 1.0, 1.0, 1.0

    def glare(self, rig: Rig, paint: PlanePaint) -> tuple[Glare, ...]:
        """None."""
        return ()


def example_scene() -> tuple[Scene, Rig]:
    """The scene, and the cameras that see it."""
    rng = np.random.Generator(np.random.Philox(_SEED))
    rig = Rig(HEIGHT, WIDTH, FOCAL, (WIDTH - 1) / 2, (HEIGHT - 1) / 2, rotation(0.14, 0.0), BASELINE)
    sun = np.array([-0.45, -0.8, -0.4])
    paints = _Paints(rng)
    stage = Stage(rng, rig, _LIMIT, paints, sun / np.linalg.norm(sun), 0.62)
    stage.ground_y = _EYE
    _build_room(stage, paints)
    _furnish(stage, paints)
    _lay_table(stage, paints)
    composition = stage.finish()
    cameras = Camera(blur=0.5, vignette=0.12), Camera(gain=(0.97, 0.98, 1.0), blur=0.6, vignette=0.1)
    return Scene(HEIGHT, WIDTH, "room", tuple(composition.items), composition.num_objects, cameras), rig


def _build_room(stage: Stage, paints: _Paints) -> None:
    floor = paints.make("planks", (112, 74, 46), (206, 158, 108))
    bricks = paints.make("bricks", (120, 62, 44), (208, 146, 116))
    plaster = paints.make("rough", (186, 196, 188), (222, 228, 218))
    ceiling = paints.make("rough", (214, 212, 204), (240, 238, 232))
    stage.plane(np.array([0.0, 1.0, 0.0]), _EYE, floor, metres=1.1)
    stage.plane(np.array([0.0, -1.0, 0.0]), _CEILING, ceiling, metres=2.0)
    stage.plane(np.array([-1.0, 0.0, 0.0]), _LEFT, bricks, metres=1.6)
    stage.plane(np.array([1.0, 0.0, 0.0]), _RIGHT, plaster, metres=1.5)
    stage.plane(np.array([0.0, 0.0, 1.0]), _DEPTH, plaster, metres=1.5)
    rug = paints.make("fabric", (96, 34, 40), (206, 116, 92))
    stage.panel(_flat(-0.35, _EYE - 0.004, 2.5, 2.2, 1.5), rug, metres=0.9)
    frame = paints.make("wood", (44, 30, 22), (92, 64, 44))
    for x, y, wide, high, kind, dark, light in (
        (0.25, -0.42, 0.9, 0.62, "marble", (28, 60, 92), (214, 214, 190)),
        (1.25, -0.5, 0.5, 0.66, "blotches", (150, 60, 36), (236, 196, 120)),
    ):
        stage.panel(_upright(x, y, _DEPTH - 0.03, wide + 0.08, high + 0.08), frame, metres=0.5)
        stage.panel(_upright(x, y, _DEPTH - 0.034, wide, high), paints.make(kind, dark, light), metres=0.8)


def _furnish(stage: Stage, paints: _Paints) -> None:
    wood = paints.make("wood", (112, 74, 42), (196, 148, 96))
    books = [
        paints.make(kind, dark, light)
        for kind, (dark, light) in zip(
            ("rough", "fabric", "marble", "rough", "glyphs", "rough", "fabric"), _BOOKS, strict=True
        )
    ]
    # Boards and back first, then whatever stands on them.
    paints.lay_ready(wood, wood, *(40 * books))
    props.shelf(stage, (-1.45, _EYE, _DEPTH - 0.25), 0.0, (1.3, 1.9, 0.32))
    stage.shadow(-1.45, _DEPTH - 0.3, 0.9, 0.35, 0.4)
    paints.lay_ready(paints.make("wood", (60, 40, 26), (128, 88, 58)))
    props.chair(stage, (-0.2, _EYE, 2.95))
    # A plant in its pot.
    paints.lay_ready(paints.make("rough", (150, 78, 50), (206, 124, 86)))
    stage.shadow(1.85, 3.5, 0.35, 0.3, 0.5)
    stage.tube(np.array([1.85, _EYE, 3.5]), 0.36, 0.18)
    paints.lay_ready(
        paints.make("wood", (58, 62, 32), (110, 104, 58)), paints.make("foliage", (22, 66, 26), (116, 172, 74))
    )
    for _ in range(3):
        props.twigs(stage, np.array([1.85, _EYE - 0.36, 3.5]), 0.95, 26)
    # A crate and a ball on the floor.
    crate = paints.make("planks", (134, 102, 62), (214, 180, 126))
    stage.shadow(-1.4, 2.75, 0.35, 0.3, 0.5)
    stage.box((-1.4, _EYE, 2.8), (0.44, 0.3, 0.34), 0.35, [crate], metres=0.45)
    stage.shadow(-0.95, 2.62, 0.2, 0.18, 0.5)
    beach = paints.make("checker", (178, 38, 34), (240, 232, 216))
    stage.ball(np.array([-0.95, _EYE - 0.15, 2.62]), (0.15, 0.15, 0.15), 0.4, beach)


def _lay_table(stage: Stage, paints: _Paints) -> None:
    oak = paints.make("wood", (140, 96, 58), (220, 172, 118))
    x, z, high, wide, deep, yaw = 0.55, 1.8, 0.72, 1.15, 0.7, -0.15
    top = _EYE - high - 0.04
    stage.shadow(x, z, 0.75, 0.5, 0.55)
    stage.box((x, _EYE - high, z), (wide, 0.04, deep), yaw, [oak], metres=0.8)
    cos, sin = np.cos(yaw), np.sin(yaw)
    for i in (-0.46, 0.46):
        for k in (-0.43, 0.43):
            foot = (x + cos * i * wide - sin * k * deep, z + sin * i * wide + cos * k * deep)
            stage.box((foot[0], _EYE, foot[1]), (0.06, high, 0.06), yaw, [oak], metres=0.8)
    # A lamp with its shade, a bottle, a mug, fruit, a pile of books.
    paints.lay_ready(paints.make("rough", (54, 54, 58), (110, 110, 116)))
    stage.tube(np.array([x + 0.34, top, z + 0.14]), 0.02, 0.075)
    stage.tube(np.array([x + 0.34, top, z + 0.14]), 0.36, 0.012)
    paints.lay_ready(paints.make("fabric", (206, 176, 118), (252, 236, 196)))
    stage.tube(np.array([x + 0.34, top - 0.3, z + 0.14]), 0.19, 0.12)
    paints.lay_ready(paints.make("marble", (18, 66, 48), (70, 142, 104)))
    stage.tube(np.array([x - 0.34, top, z + 0.12]), 0.2, 0.042)
    stage.tube(np.array([x - 0.34, top - 0.2, z + 0.12]), 0.1, 0.015)
    paints.lay_ready(paints.make("glyphs", (30, 66, 122), (226, 232, 238)))
    stage.tube(np.array([x - 0.12, top, z - 0.12]), 0.1, 0.042)
    fruit = paints.make("rough", (206, 110, 24), (246, 168, 60))
    for dx, dz in ((0.1, 0.02), (0.19, -0.03), (0.16, 0.07)):
        stage.ball(np.array([x + dx, top - 0.042, z + dz]), (0.042, 0.042, 0.042), 0.0, fruit)
    y = top
    for (dark, light), turned, thick in zip(_BOOKS[:3], (0.3, 0.05, 0.5), (0.035, 0.028, 0.04), strict=True):
        cover = [paints.make("fabric", dark, light)]
        stage.box((x + 0.36, y, z - 0.16), (0.2, thick, 0.15), turned, cover, metres=0.3)
        y -= thick


def _upright(x: float, y: float, z: float, wide: float, high: float) -> np.ndarray:
    """The corners, 4×3, of a rectangle around a world point that faces the cameras."""
    return np.array([[x + i * wide / 2, y + j * high / 2, z] for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))])


def _flat(x: float, y: float, z: float, wide: float, deep: float) -> np.ndarray:
    """The corners, 4×3, of a rectangle that lies around a world point."""
    return np.array([[x + i * wide / 2, y, z + k * deep / 2] for i, k in ((-1, -1), (1, -1), (1, 1), (-1, 1))])


_COMPRESSION = 9  # the files are written once and installed often


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw, write, and say how many bytes the files take."""
    parser = argparse.ArgumentParser(
        description="Draw the pair that comes with the package.", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="made when missing")
    out = parser.parse_args(arguments).out
    scene, rig = example_scene()
    pair = render_scene(scene)
    write_bytes(out / "left.png", encode_png(pair.left, _COMPRESSION))
    write_bytes(out / "right.png", encode_png(pair.right, _COMPRESSION))
    write_bytes(out / "disparity.png", encode_disparity_png(pair.disparity_left))
    cameras = {"fx": rig.focal, "baseline_m": rig.baseline, "cx0": rig.cx, "cx1": rig.cx, "cy": rig.cy}
    write_text(out / "calib.json", json.dumps(cameras, indent=2) + "\n")
    size = sum(path.stat().st_size for path in out.iterdir() if path.suffix in (".png", ".json"))
    print(json.dumps({"out": str(out), "size": f"{scene.height}x{scene.width}", "bytes": size}, separators=(",", ":")))


if __name__ == "__main__":
    main()
