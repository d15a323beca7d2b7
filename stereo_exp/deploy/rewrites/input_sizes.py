"""Sizes read off the images themselves instead of off what was made of them, which then may be fused away."""

from __future__ import annotations

import onnx_ir as ir

from stereo_exp.deploy.surgery import constant, nodes_of

_PERMUTATION = [0, 3, 1, 2]  # N×H×W×C -> N×C×H×W
_SAME_SIZE = ("Cast", "Mul", "Floor")


def rewrite(model: ir.Model) -> int:
    """Returns how many Shape operators were moved up."""
    changed = 0
    for node in nodes_of(model, "Shape"):
        start, end = (node.attributes[k].as_int() if k in node.attributes else None for k in ("start", "end"))
        image = _image(node.inputs[0])
        # One axis at a time; the channels' is not asked for.
        if image is None or start not in (0, 2, 3) or end != start + 1:
            continue
        axis = _PERMUTATION[start]
        node.attributes["start"], node.attributes["end"] = ir.AttrInt64("start", axis), ir.AttrInt64("end", axis + 1)
        node.replace_input_with(0, image)
        changed += 1
    return changed


def _image(value: ir.Value | None) -> ir.Value | None:
    """The N×H×W×C input of the graph behind a normalised N×C×H×W image."""
    transposed = False
    while value is not None and (node := value.producer()) is not None:
        if node.op_type == "Transpose" and not transposed and list(node.attributes["perm"].as_ints()) == _PERMUTATION:
            transposed = True
        elif node.op_type == "Conv":
            weight = constant(node.inputs[1])
            if weight is None or weight.shape[2:] != (1, 1) or "strides" in node.attributes:
                return None
        elif node.op_type not in _SAME_SIZE:
            return None
        value = node.inputs[0]
    return value if transposed and value is not None and value.is_graph_input() else None
