"""Pairs that a trained network fails on: bugs of a renderer show among them, and what teaches nothing.

`python -m data_tools.check ROOT --model CHECKPOINT` measures every pair, lists those whose bad-2 exceeds a limit, draws
the worst, and writes a list that training may leave out (`dataset.leave_out`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from stereo_exp.base import UserError, write_bytes, write_text
from stereo_exp.geometry import Panel, Prediction, Scale, StereoMetrics, StereoSample, draw_panels, fit_disparity

if TYPE_CHECKING:
    from stereo_exp.data import StereoSource

Predict = Callable[[StereoSample], Prediction]
MOST_DRAWN = 24
_PANEL_WIDTH, _QUALITY = 320, 88
_MOST_ERROR = 8.0  # px: where the colours of the error end


@dataclass(frozen=True)
class Verdict:
    """How a network did on a pair.

    Attributes:
        index: of the pair in its set.
        key, place: see `StereoSource`.
        bad2: share of the known pixels that are more than 2 px off, 0..1.
        epe: px.
    """

    index: int
    key: str
    place: str
    bad2: float
    epe: float


def judge_pairs(
    source: StereoSource, predict: Predict, maxdisp: int, indices: Sequence[int], advance: Callable[[], None]
) -> list[Verdict]:
    """Predict pairs and compare them with their truth; those without a known pixel are left out.

    Args:
        source: the set.
        predict: the network.
        maxdisp: px; truth at or above it does not count.
        indices: the pairs.
        advance: called after each.

    Raises:
        DataError: a pair cannot be read.
    """
    found = []
    for index in indices:
        sample = source[index]
        metrics = StereoMetrics(maxdisp)
        metrics.update(predict(sample).disparity, sample.disparity)
        scores = metrics.compute()
        if not math.isnan(scores["bad2"]):
            found.append(Verdict(index, sample.key, source.place(index), scores["bad2"], scores["epe"]))
        advance()
    return found


def find_hard(verdicts: Sequence[Verdict], limit: float) -> list[Verdict]:
    """Those whose bad-2 exceeds `limit` (0..1), the worst first."""
    return sorted((each for each in verdicts if each.bad2 > limit), key=lambda each: (-each.bad2, each.key))


def list_text(hard: Sequence[Verdict], heading: str) -> str:
    """The list file: a key a line, and behind tabs what was measured and where the pair lies."""
    lines = [f"# {line}" for line in (heading, "key, bad-2, EPE in px, place")]
    lines += [f"{each.key}\t{each.bad2:.4f}\t{each.epe:.3f}\t{each.place}" for each in hard]
    return "\n".join(lines) + "\n"


def draw_sheet(source: StereoSource, predict: Predict, hard: Sequence[Verdict]) -> np.ndarray:
    """The first pairs of a list, a row each: left view, truth, prediction, error: uint8 RGB."""
    panels: list[Panel] = []
    for each in hard[:MOST_DRAWN]:
        sample = source[each.index]
        assert sample.disparity is not None
        predicted = predict(sample).disparity
        truth = np.where(sample.disparity > 0, sample.disparity, np.nan)
        scale = fit_disparity(truth)
        error = Scale(0, _MOST_ERROR, "magma")
        panels += [
            Panel(each.place[-44:], sample.left),
            Panel("truth", truth, scale),
            Panel("prediction", predicted, scale),
            Panel(f"error: bad-2 {each.bad2:.0%}, EPE {each.epe:.2f} px", np.abs(predicted - truth), error),
        ]
    return draw_panels(panels, columns=4, width=_PANEL_WIDTH)


def check_model(
    root: Path, split: str, checkpoint: Path, out: Path, *, limit: float, sample: int | None, device: str,
    meter: Callable[[int], Any],
) -> dict[str, Any]:  # fmt: skip
    """Judge a set, write list and sheet into `out`, print the list; returns what the line of JSON says.

    Args:
        root: a folder in SceneFlow's layout, or of shards.
        split: `train` or `test`.
        checkpoint: of any stage.
        out: for `hard_SPLIT.txt` and `hard_SPLIT.jpg`.
        limit: of bad-2, 0..1.
        sample: how many pairs, spread evenly over the set; None: all.
        device: of torch.
        meter: number of pairs -> a context whose `advance` is called after each.

    Raises:
        UserError: the set or the checkpoint cannot be read, or the limit is out of range.
    """
    if not 0 <= limit <= 1:
        raise UserError("--bad2", f"{100 * limit:g}", "is a share of pixels in per cent", "give 0 to 100")
    source = open_set(root, split)
    predict, maxdisp = load_model(checkpoint, device)
    count = len(source) if sample is None else min(max(sample, 1), len(source))
    indices = [number * len(source) // count for number in range(count)]
    with meter(count) as under_way:
        verdicts = judge_pairs(source, predict, maxdisp, indices, under_way.advance)
    hard = find_hard(verdicts, limit)
    for each in hard:
        print(f"{each.bad2:7.1%} {each.epe:8.2f} px  {each.place}  {each.key}")
    heading = f"bad-2 above {limit:.0%} by {checkpoint.name}: {len(hard)} of {len(verdicts)} pairs of {split}"
    print(heading)
    list_file, sheet = out / f"hard_{split}.txt", None
    write_text(list_file, list_text(hard, heading))
    if hard:
        sheet = out / f"hard_{split}.jpg"
        write_bytes(sheet, _encode_jpeg(draw_sheet(source, predict, hard)))
    bad2 = [each.bad2 for each in verdicts]
    return {
        "root": str(root), "split": split, "model": str(checkpoint), "pairs": len(verdicts), "hard": len(hard),
        "limit": limit, "median_bad2": round(median(bad2), 4) if bad2 else None,
        "list": str(list_file), "sheet": str(sheet) if sheet else None,
    }  # fmt: skip


def open_set(root: Path, split: str) -> StereoSource:
    """A split of a folder in SceneFlow's layout, or of shards.

    Raises:
        UserError: it is neither, or has no such split.
    """
    from stereo_exp.config import SceneFlow
    from stereo_exp.data import INDEX_NAME, ShardIndex
    from stereo_exp.suite import open_split

    index = Path(root) / split / INDEX_NAME
    render_pass = ShardIndex.read(index.parent).render_pass if index.is_file() else "finalpass"
    return open_split(SceneFlow(root=str(root), render_pass=render_pass), split)


def load_model(checkpoint: Path, device: str) -> tuple[Predict, int]:
    """A checkpoint's network, and its range in px.

    Raises:
        UserError: it cannot be read, or there is no such device.
    """
    import torch

    from stereo_exp.geometry import Rule
    from stereo_exp.model import sizing_of
    from stereo_exp.suite import Predictor, restore_model

    try:
        place = torch.device(device)
        model, content = restore_model(checkpoint, place)
    except RuntimeError as error:
        told = str(error).splitlines()[0]
        raise UserError("--device", device, f"cannot be used ({told})", "leave it out for cpu") from None
    predictor = Predictor(model, place, Rule(sizing=sizing_of(content)))
    return predictor, predictor.maxdisp


def _encode_jpeg(picture: np.ndarray) -> bytes:
    encoded, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    assert encoded
    return data.tobytes()
