"""The metrics, once and for all: EPE, D1 and bad-k over 0 < truth < maxdisp."""

from __future__ import annotations

import torch
from torch import Tensor

from stereo_exp.losses.mask import valid_mask

BAD_PX = (1, 2, 3)
D1_PX, D1_SHARE = 3.0, 0.05
# Sums of one image: pixels, absolute error, D1 outliers, bad-1, bad-2, bad-3.
_NUM_SUMS = 3 + len(BAD_PX)


class StereoMetrics:
    """Sums over images, in float64.

    Args:
        maxdisp: truth at or above it does not count, px.
    """

    def __init__(self, maxdisp: int) -> None:
        self.maxdisp = maxdisp
        # One row for all pixels, one for the non-occluded ones; behind the sums stand Σ image EPE and image count.
        self._sums = torch.zeros(2, _NUM_SUMS + 2, dtype=torch.float64)
        self.num_skipped = 0

    def update(self, prediction: Tensor, truth: Tensor, noc: Tensor | None = None) -> float | None:
        """Add one image.

        Args:
            prediction: H×W in px, of the size of the truth.
            truth: H×W in px; 0, negative and non-finite values are unknown.
            noc: H×W bool, pixels that both views see, where the data set has them.

        Returns:
            The image's EPE in px, or None (and counted as skipped) where no pixel of the truth is known.
        """
        if prediction.shape != truth.shape:
            raise ValueError(f"prediction {tuple(prediction.shape)} and truth {tuple(truth.shape)} differ in size")
        mask = valid_mask(truth, self.maxdisp)
        epe = self._add(0, prediction, truth, mask)
        if epe is None:
            self.num_skipped += 1
        if noc is not None:
            self._add(1, prediction, truth, mask & noc)
        return epe

    def _add(self, row: int, prediction: Tensor, truth: Tensor, mask: Tensor) -> float | None:
        known = truth[mask].double()
        if known.numel() == 0:
            return None
        error = (prediction[mask].double() - known).abs()
        off = torch.stack(
            [(error > D1_PX) & (error > D1_SHARE * known), *(error > k for k in BAD_PX)],
        )
        sums = torch.cat((error.new_tensor([known.numel()]), error.sum().view(1), off.sum(1).double())).cpu()
        epe = sums[1] / sums[0]
        self._sums[row] += torch.cat((sums, epe.view(1), torch.ones(1, dtype=torch.float64)))
        return float(epe)

    def all_reduce(self, device: torch.device) -> None:
        """Add up over all processes; each image must have been given to exactly one."""
        packed = torch.cat((self._sums.flatten(), self._sums.new_tensor([self.num_skipped]))).to(device)
        torch.distributed.all_reduce(packed)
        packed = packed.cpu()
        self._sums, self.num_skipped = packed[:-1].view_as(self._sums), int(packed[-1])

    def compute(self) -> dict[str, float | int]:
        """`epe` (mean of image means), `epe_px` (mean over pixels), `d1`, `bad1`…`bad3` (shares of pixels, 0-1).

        With `_noc` behind them where non-occlusion masks were given; `n_images`, `n_skipped`. NaN where no image
        had a known pixel.
        """
        out: dict[str, float | int] = {}
        for row, suffix in enumerate(("", "_noc")):
            pixels, error, *off, image_epe, images = self._sums[row].tolist()
            if row == 0:
                out.update(n_images=int(images), n_skipped=self.num_skipped)
            elif not images:
                break
            out[f"epe{suffix}"] = image_epe / images if images else float("nan")
            out[f"epe_px{suffix}"] = error / pixels if pixels else float("nan")
            for key, count in zip(("d1", *(f"bad{k}" for k in BAD_PX)), off, strict=True):
                out[f"{key}{suffix}"] = count / pixels if pixels else float("nan")
        return out
