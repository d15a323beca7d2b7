"""Everything behind the read-out as an ONNX graph: cells' values and superpixel logits in, pixels' values out.

Written out as text in ONNX's own syntax. There are two ways to spell the last softmax, for engines that are faster with
one or the other, and each of them either for the image or, in front of a pixel shuffle, for the pixels of its blocks.
"""

from __future__ import annotations

import re

import numpy as np

from stereo_exp.model import Regression

DISPARITY, CONFIDENCE = "disparity", "confidence"
_RESULTS = (("low", DISPARITY), ("near", CONFIDENCE))


class Pixels:
    """The graph `pixels`: N×1×h×w shares `low`, N×1×h×w confidences `near` and N×values×H×W logits -> N×H×W
    disparity in px, N×H×W confidence in 0…1. The values are the cell's neighbours and, where the network refines, those
    beside its strongest candidate, the share `peak`.

    Args:
        regression: says how many neighbours of which cells are mixed.
        unrolled: the softmax over the neighbours plane by plane.
        block: side b of the blocks of a pixel shuffle that follows instead of preceding, a divisor of a cell's: the
            logits are N×(b²·values)×H/b×W/b, channel c·b² + place, and all pixels of a block mix the same coarse
            values. 1: there is none.
    """

    def __init__(self, regression: Regression, unrolled: bool, block: int = 1) -> None:
        self.neighbours, self.maxdisp, self.pixel = regression.neighbours, regression.maxdisp, regression.pixel
        self.regression, self.values = regression, regression.neighbours + len(regression.offsets)
        self.stride = regression.stride // regression.pixel
        self.block, self.planes = block, block**2
        self.text = self._head() + "".join(f"    {line}\n" for line in self._lines(unrolled)) + "}\n"

    @property
    def constants(self) -> dict[str, np.ndarray]:
        """Those that the text names."""
        words = set(re.findall(r"\w+", self.text))
        return {k: v for k, v in self._constants().items() if k in words}

    def _head(self) -> str:
        # `low` and `near` are one map of two channels from here on: both are up-sampled by the same weights.
        peak = "float[N, 1, h, w] peak, " if self.regression.offsets else ""
        return f"""
pixels (float[N, 1, h, w] low, float[N, 1, h, w] near, {peak}float[N, C, H, W] superpixel_logits)
    => (float[N, Y, X] disparity, float[N, Y, X] confidence) {{
    low_px = Mul (low, maxdisp)
    pair = Concat <axis = 1> (low_px, near)
"""

    def _lines(self, unrolled: bool) -> list[str]:
        cells = "around" if not self.regression.offsets else "neighbours_of_both"
        if self.neighbours == 1:
            lines = [f"{cells} = Identity (pair)"]
        else:
            # Four: the border counts as zero, above and on the left. Nine: it is repeated, all around.
            mode = "constant" if self.neighbours == 4 else "edge"
            lines = [f'padded = Pad <mode = "{mode}"> (pair, border)', f"{cells} = Conv <group = 2> (padded, picks)"]
        if self.regression.offsets:
            lines += [
                f"low_around, near_around = Split <axis = 1, num_outputs = 2> ({cells})",
                "shifted = Add (peak, beside)",
                "within = Clip (shifted, nothing, most)",
                "beside_px = Mul (within, maxdisp)",
                "as_near = Mul (near, ones)",
                "around = Concat <axis = 1> (low_around, beside_px, near_around, as_near)",
            ]
        if unrolled:
            return lines + self._unrolled()
        return lines + (self._softmax_of_blocks() if self.block > 1 else self._softmax())

    @property
    def _side(self) -> int:
        return round(self.neighbours**0.5)

    def _softmax(self) -> list[str]:
        # Nearest enlargement: along the rows it is made, a fraction of the work; down the columns one row serves all.
        lines = [
            "weights = Softmax <axis = 1> (superpixel_logits)",
            f"spread = {_nearest('enlargement_of_rows')}",
            "coarse_h = Shape <start = 2, end = 3> (low)",
            "full_w = Shape <start = 3, end = 4> (superpixel_logits)",
            "full_size = Shape <start = 2> (superpixel_logits)",
            "in_bands = Concat <axis = 0> (rest, count_of_neighbours, coarse_h, count_of_rows, full_w)",
            "of_bands = Concat <axis = 0> (rest, count_of_neighbours, coarse_h, count_1, full_w)",
            "weight_planes = Reshape (weights, in_bands)",
            "image = Concat <axis = 0> (rest, full_size)",
        ]
        for name, result in _RESULTS:
            lines += [*_mixed(name, "of_bands"), f"{name}_map = Reshape ({name}_sum, image)"]
            lines += [f"{name}_mean = Unsqueeze ({name}_map, channel_axis)", *self._result(name, result)]
        return lines

    def _softmax_of_blocks(self) -> list[str]:
        lines = [
            "by_place = Reshape (superpixel_logits, to_planes)",
            "weight_planes = Softmax <axis = 1> (by_place)",
            self._spread("enlargement_to_blocks"),
            "blocks_size = Shape <start = 2> (superpixel_logits)",
            "of_places = Concat <axis = 0> (rest, count_of_planes, blocks_size)",
        ]
        for name, result in _RESULTS:
            lines += [*_mixed(name, "to_one_plane"), f"{name}_mean = Reshape ({name}_sum, of_places)"]
            lines += self._result(name, result)
        return lines

    def _spread(self, scales: str) -> str:
        """Nothing is enlarged where a block is a cell."""
        return f"spread = {'Identity (around)' if self.block == self.stride else _nearest(scales)}"

    def _result(self, name: str, result: str) -> list[str]:
        """N×1×h×w, or N×b²×h/b×w/b places of it, -> N×H×W."""
        lines, image = [], f"{name}_mean"
        if self.block > 1:
            lines, image = [f"{name}_image = DepthToSpace <blocksize = {self.block}> ({image})"], f"{name}_image"
        if self.pixel > 1 and name == "near":
            lines += [f"{name}_whole = {_nearest('enlargement_of_pixels', image)}"]
            image = f"{name}_whole"
        elif self.pixel > 1:
            # Bilinear, as a convolution to the four pixels of each: engines' own enlargement takes twice as long.
            lines += [
                f'{name}_border = Pad <mode = "edge"> ({image}, border_of_pixels)',
                f"{name}_quarters = Conv ({name}_border, bilinear)",
                f"{name}_whole = DepthToSpace <blocksize = 2> ({name}_quarters)",
            ]
            image = f"{name}_whole"
        return [*lines, f"{result} = Squeeze ({image}, channel_axis)"]

    def _unrolled(self) -> list[str]:
        """Plane by plane, divided once at the end; some engines' softmax over channels is slow."""
        planes, all_of_them = self.planes, range(self.values)
        lines = [self._spread("enlargement_to_blocks")]
        for k in all_of_them:
            lines += [f"logit_{k} = Slice (superpixel_logits, at_{planes * k}, at_{planes * (k + 1)}, channel_axis)"]
        lines += [f"largest = Max ({', '.join(f'logit_{k}' for k in all_of_them)})"]
        for k in all_of_them:
            lines += [
                f"shifted_{k} = Sub (logit_{k}, largest)",
                f"power_{k} = Exp (shifted_{k})",
                f"low_{k} = Slice (spread, at_{k}, at_{k + 1}, channel_axis)",
                f"near_{k} = Slice (spread, at_{self.values + k}, at_{self.values + k + 1}, channel_axis)",
                f"low_part_{k} = Mul (power_{k}, low_{k})",
                f"near_part_{k} = Mul (power_{k}, near_{k})",
            ]
        for name, part in (("total", "power"), ("low", "low_part"), ("near", "near_part")):
            lines += [f"{name}_sum_0 = Identity ({part}_0)"]
            lines += [f"{name}_sum_{k} = Add ({name}_sum_{k - 1}, {part}_{k})" for k in all_of_them[1:]]
        last = self.values - 1
        for name, result in _RESULTS:
            lines += [f"{name}_mean = Div ({name}_sum_{last}, total_sum_{last})", *self._result(name, result)]
        return lines

    def _constants(self) -> dict[str, np.ndarray]:
        side, own, number, stride = self._side, self.neighbours, self.values, self.stride
        within = stride // self.block
        after = 0 if side == 2 else 1
        return {
            "maxdisp": np.asarray(self.maxdisp, np.float32),
            "channel_axis": np.asarray([1]),
            "border": np.asarray([0, 0, 1, 1, 0, 0, after, after]),
            "enlargement_of_pixels": np.asarray([1, 1, self.pixel, self.pixel], np.float32),
            "border_of_pixels": np.asarray([0, 0, 1, 1, 0, 0, 1, 1]),
            "bilinear": _bilinear(),
            "enlargement_of_rows": np.asarray([1, 1, 1, stride], np.float32),
            "enlargement_to_blocks": np.asarray([1, 1, within, within], np.float32),
            "picks": np.tile(np.eye(own, dtype=np.float32).reshape(own, 1, side, side), (2, 1, 1, 1)),
            "low_channels": np.arange(number),
            "near_channels": number + np.arange(number),
            **offset_constants(self.regression),
            "ones": np.ones((1, len(self.regression.offsets), 1, 1), np.float32),
            "rest": np.asarray([-1]),
            # A zero keeps the axis as it is.
            "to_planes": np.asarray([0, number, self.planes, -1]),
            "to_one_plane": np.asarray([0, number, 1, -1]),
            "count_1": np.asarray([1]),
            "count_of_rows": np.asarray([stride]),
            "count_of_neighbours": np.asarray([number]),
            "count_of_planes": np.asarray([self.planes]),
            **{f"at_{k}": np.asarray([k]) for k in range(max(self.planes, 2) * number + 1)},
        }


def offset_constants(regression: Regression) -> dict[str, np.ndarray]:
    """Of `Regression.surround`: the offsets, and between what the sums are cut off; all are shares of the range."""
    return {
        "beside": regression.beside.numpy(),
        "nothing": np.asarray(0, np.float32),
        "most": np.asarray(1 - regression.stride / regression.maxdisp, np.float32),
    }


def _bilinear() -> np.ndarray:
    """float32 4×1×3×3: the pixel (2y + p, 2x + q) lies a quarter of a step beside (y, x), on the side of p and q."""
    lines = np.asarray([[0.25, 0.75, 0], [0, 0.75, 0.25]], np.float32)
    return np.stack([np.outer(lines[p], lines[q]) for p in range(2) for q in range(2)])[:, None]


def _nearest(scales: str, values: str = "around") -> str:
    modes = 'mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"'
    return f"Resize <{modes}> ({values}, , {scales})"


def _mixed(name: str, shape: str) -> list[str]:
    """The sum over the neighbours of `spread` times `weight_planes`, once `spread` has a shape that fits."""
    return [
        f"{name}_spread = Gather <axis = 1> (spread, {name}_channels)",
        f"{name}_planes = Reshape ({name}_spread, {shape})",
        f"{name}_parts = Mul (weight_planes, {name}_planes)",
        f"{name}_sum = ReduceSum <keepdims = 0> ({name}_parts, channel_axis)",
    ]
