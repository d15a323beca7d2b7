"""Does an exported ONNX file compute what torch computes? In pixels, on pairs of the test split."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from stereo_exp.data.batch import collate
from stereo_exp.data.colour import normalise
from stereo_exp.data.sample import StereoSample
from stereo_exp.deploy.source import Source
from stereo_exp.errors import UserError
from stereo_exp.evaluate import predict
from stereo_exp.model.postprocess import full_disparity
from stereo_exp.model.regression import StereoOutput
from stereo_exp.progress import Meter
from stereo_exp.runtime.engines.onnxruntime import exact_options


class Parity(NamedTuple):
    """Differences of ONNX Runtime's disparity from torch's."""

    max_px: float
    mean_px: float
    """Over all pixels of all pairs."""
    pairs: int


def measure(
    path: Path,
    form: str,
    source: Source,
    pairs: Iterable[StereoSample | None],
    count: int,
    size: tuple[int, int] | None,
) -> Parity:
    """Compare on pairs, each padded to multiples of 32, and padded or cropped to `size` where the file has a fixed one.

    Args:
        pairs: read in this process, not by a loader's workers: their end is a SIGCHLD to a process with an engine in
            it, and on a virtual machine with AMX one such process was ended by SIGSEGV after its engine had used tile
            registers. None: a pair that was left out.
        count: how many there are.

    Raises:
        UserError: ONNX Runtime is not installed, or refuses the file.
    """
    session = _session(path)
    batch_size = session.get_inputs()[0].shape[0]
    repeats = batch_size if isinstance(batch_size, int) else 1
    worst, total, pixels, compared = 0.0, 0.0, 0, 0
    with Meter("parity", count) as meter:
        for sample in pairs:
            if sample is None:
                continue
            pair = collate([sample], [0])
            left, right = (fit(view, size).repeat(repeats, 1, 1, 1) for view in (pair.left, pair.right))
            wanted = predict(source.model, left, right, source.config.model.maxdisp).numpy()
            found = _run(session, form, source, left, right)
            difference = np.abs(found.astype(np.float64) - wanted)
            worst, total = max(worst, float(difference.max())), total + float(difference.sum())
            pixels, compared = pixels + difference.size, compared + 1
            meter.advance(max=f"{worst:.2e} px")
    return Parity(worst, total / max(pixels, 1), compared)


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError:
        fix = 'pip install "stereo_exp[onnxruntime]", or export.parity_pairs=0'
        raise UserError(
            "export.parity_pairs", None, "the check runs the file: ONNX Runtime is not installed", fix
        ) from None
    return onnxruntime.InferenceSession(str(path), exact_options(), providers=["CPUExecutionProvider"])


def _run(session: Any, form: str, source: Source, left: torch.Tensor, right: torch.Tensor) -> np.ndarray:
    if form == "full":
        views = [view.permute(0, 2, 3, 1).contiguous().numpy() for view in (left, right)]
        return session.run(["disparity"], dict(zip(("left", "right"), views, strict=True)))[0]
    views = [normalise(view).numpy() for view in (left, right)]
    found = session.run(["unfolded", "weights"], dict(zip(("left", "right"), views, strict=True)))
    unfolded, weights = (torch.from_numpy(x) for x in found)
    output = StereoOutput(unfolded[:, 3:], unfolded, weights, unfolded)
    return full_disparity(output, source.config.model.maxdisp).numpy()


def fit(view: torch.Tensor, size: tuple[int, int] | None) -> torch.Tensor:
    """B×3×H×W cropped and padded, at the bottom and the right, to `size`; None leaves it."""
    if size is None:
        return view
    height, width = size
    view = view[..., :height, :width]
    return torch.nn.functional.pad(view, (0, width - view.shape[-1], 0, height - view.shape[-2]))
