"""ncnn: ONNX's operators in ncnn's layers, copies for those who read, files that give torch's bits, mistakes told."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from onnx_cases import OPERATORS, REFUSED, SMALLER, WEIGHT, answer, constant, graph, some, whole
from small_models import Network, images

from stereo_exp.base import ArgumentError, UserError
from stereo_exp.deploy import Aligned, Limits, Options, Reference, build, summary
from stereo_exp.deploy.ncnn import Layers, translate
from stereo_exp.deploy.sizes import fix_sizes
from stereo_exp.runtime import load_engine

SIZE = (64, 96)
needs_it = pytest.mark.skipif(find_spec("ncnn") is None, reason="ncnn is not installed (an extra)")
NO_LAYER = ("rows gathered", "the last row and the first")
"""What ncnn has nothing for: rows that are no neighbours."""
BY_BATCH = {
    "Gather over the batch": f"{constant('i', whole(0))} y = Gather <axis = 0> (x, i)",
    "Softmax over the batch": "y = Softmax <axis = 0> (x)",
    "Reshape of 6 axes": f"{constant('s', whole(1, 2, 3, 2, 2, 8))} y = Reshape (x, s)",
}
"""What ncnn's blobs have no axes for."""


def run(layers: Layers, folder: Path, x: np.ndarray) -> np.ndarray:
    """ncnn's `y` of `x`, both without batch."""
    import ncnn

    text, numbers = layers.files()
    (folder / "made.param").write_text(text)
    (folder / "made.bin").write_bytes(numbers)
    net = ncnn.Net()
    net.opt.num_threads = 1
    for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_winograd_convolution"):
        setattr(net.opt, option, False)
    assert net.load_param(str(folder / "made.param")) == 0
    assert net.load_model(str(folder / "made.bin")) == 0
    extractor = net.create_extractor()
    extractor.input("x", ncnn.Mat(x).clone())
    status, blob = extractor.extract("y")
    assert status == 0
    return np.array(blob).copy()


@needs_it
@pytest.mark.parametrize("name", [name for name in OPERATORS if name not in NO_LAYER])
def test_an_operator_gives_what_onnx_gives(name: str, tmp_path: Path) -> None:
    model, x = graph(OPERATORS[name]), some(1, 6, 4, 8)
    wanted = answer(model, x)
    found = run(translate(fix_sizes(model)), tmp_path, np.ascontiguousarray(x[0]))
    assert found.shape == wanted.shape[1:]
    assert np.abs(found - wanted[0]).max() <= (1e-6 if name == "softmax over channels" else 0)
    assert np.abs(wanted).max() > 0


@needs_it
def test_halves_are_rounded_to_even(tmp_path: Path) -> None:
    """Whatever the number of values: beside its vectors ncnn computes some one by one."""
    model = graph(OPERATORS["rounded and back"], inputs="float[1, 1, 1, 13] x")
    x = (np.arange(13, dtype=np.float32) / 8 - 0.75).reshape(1, 1, 1, 13)
    assert np.array_equal(run(translate(fix_sizes(model)), tmp_path, x[0]), answer(model, x)[0])
    assert np.array_equal(answer(model, x).ravel()[:4], [-0.75, -0.5, -0.5, -0.5])


def test_who_reads_a_blob_gets_a_copy_of_their_own() -> None:
    layers = Layers()
    layers.add("Input", [], "x")
    two = layers.add_constant("two", np.asarray(2.0))
    assert layers.add_constant("again", np.asarray(2.0)) == two
    layers.add("BinaryOp", ["x", two], "twice", {0: 2})
    layers.add("BinaryOp", ["twice", "x"], "y", {0: 0})
    text, numbers = layers.files()
    assert text.splitlines() == [
        "7767517",
        "5 6",
        "Input Input_0 0 1 x",
        "Split Split_1 1 2 x x.0 x.1",
        "MemoryData MemoryData_2 0 1 number_0 0=1",
        "BinaryOp BinaryOp_3 2 1 x.0 number_0 twice 0=2",
        "BinaryOp BinaryOp_4 2 1 twice x.1 y 0=0",
    ]
    assert numbers == np.float32(2).tobytes()


def test_weights_and_lists_are_told_as_ncnn_reads_them() -> None:
    model = graph(f"{constant('w', WEIGHT)} c = Conv <pads = [1, 2, 1, 2], strides = [1, 2]> (x, w) "
                  f"{constant('f', whole(1, 2))} {constant('t', whole(3, 9))} {constant('a', whole(1, 3))} "
                  f"{constant('s', whole(1, 1))} y = Slice (c, f, t, a, s)")  # fmt: skip
    text, numbers = translate(fix_sizes(model)).files()
    convolution, crop = text.splitlines()[-2:]
    assert convolution.endswith(" x c 0=6 1=3 11=3 3=2 13=1 4=2 14=1 15=2 16=1 5=1 6=324")
    assert crop.endswith(" c y -23309=2,1,2 -23310=2,3,5 -23311=2,0,2")
    # A type, weights, biases.
    assert numbers == bytes(4) + WEIGHT.tobytes() + np.zeros(6, np.float32).tobytes()


def test_what_has_no_layer_is_named() -> None:
    bodies = {**REFUSED, **BY_BATCH, **dict.fromkeys(["Gather of anything but neighbours"], OPERATORS[NO_LAYER[0]])}
    for told, body in (*bodies.items(), ("Resize of this mode", SMALLER)):
        outputs = "float[A, B, C, D, E, F] y" if told == "Reshape of 6 axes" else "float[A, B, C, D] y"
        with pytest.raises(ArgumentError, match=f"engines=ncnn: its writer knows no {told}"):
            translate(fix_sizes(graph(body, outputs=outputs)))
    with pytest.raises(ArgumentError, match="knows no Relu over the batch"):
        translate(fix_sizes(graph("y = Relu (x)", inputs="float[2, 6, 4, 8] x")))


def test_a_size_is_asked_for(pow2: Network, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"engines=ncnn: its files are written for one size"):
        build(pow2.source, tmp_path, Options(["ncnn"], 3, None, 1), pow2.exported)


@needs_it
def test_files_give_torchs_bits(pow2: Network, tmp_path: Path) -> None:
    built = build(pow2.source, tmp_path, Options(["ncnn"], 3, SIZE, 1))
    assert set(built.manifest.engines["ncnn"]) == {"full", "trunk"}
    reference, pair = Reference(pow2.source), images(*SIZE)
    aligned = Aligned(built.manifest, "ncnn", 1)
    aligned.compare(*pair, reference(*pair))
    told = summary(aligned.result)
    assert told["disparity_logits_equal"] == told["superpixel_logits_equal"] == 1 and told["max_px"] < 0.01
    assert Limits(1.0, 0.01).find_violation(aligned.result) is None
    with pytest.raises(ArgumentError, match="device=GPU: ncnn computes on the cpu here"):
        load_engine(built.manifest, "full", "ncnn", 1, device="GPU")
    engine = load_engine(built.manifest, "full", "ncnn", 1)
    first = engine.run(*pair)
    kept = [each.copy() for each in first]
    engine.run(pair[1], pair[0])
    assert all(np.array_equal(a, b) for a, b in zip(first, kept, strict=True))
    (tmp_path / "ncnn" / "full.bin").write_bytes(b"")
    with pytest.raises(UserError):
        load_engine(built.manifest, "full", "ncnn", 1)
