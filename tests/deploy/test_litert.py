"""LiteRT: ONNX's operators in TFLite's, axes in memory, programs that give torch's bits, mistakes told in one line."""

from __future__ import annotations

from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from onnx_cases import OPERATORS, REFUSED, SMALLER, answer, constant, graph, some, whole
from small_models import Network, images

from stereo_exp.base import ArgumentError
from stereo_exp.deploy import Aligned, Limits, Options, Reference, build, full_form, sizes, summary, trunk_form
from stereo_exp.deploy.onnx_export import export_trunk_onnx
from stereo_exp.deploy.sizes import fix_sizes
from stereo_exp.deploy.tflite import Program, translate
from stereo_exp.deploy.tflite.values import regroup
from stereo_exp.runtime import Load, load_engine, measure_perf

SIZE = (64, 96)
needs_it = pytest.mark.skipif(find_spec("ai_edge_litert") is None, reason="ai-edge-litert is not installed (an extra)")


def run(program: Program, path: Path, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """LiteRT's answer, by name."""
    from ai_edge_litert.interpreter import Interpreter

    path.write_bytes(program.pack())
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    for each in interpreter.get_input_details():
        interpreter.set_tensor(each["index"], feeds[each["name"]])
    interpreter.invoke()
    return {each["name"]: interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()}


@needs_it
@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_gives_what_onnx_gives(name: str, tmp_path: Path) -> None:
    model, x = graph(OPERATORS[name]), some(1, 6, 4, 8)
    wanted = answer(model, x)
    found = run(translate(fix_sizes(model)), tmp_path / "made.tflite", {"x": x})["y"]
    assert found.shape == wanted.shape
    # Whole numbers throughout, but for the softmax and what is leaky.
    assert np.abs(found - wanted).max() <= (1e-6 if name in ("softmax over channels", "leaky") else 0)
    assert np.abs(wanted).max() > 0


def test_sizes_become_constants() -> None:
    body = (
        f"n = Shape <start = 2> (x) {constant('r', whole(1, 6))} s = Concat <axis = 0> (r, n) "
        "f = ConstantOfShape <value = float[1] {2}> (n) y = Reshape (x, s) z = Add (x, f)"
    )
    made = fix_sizes(graph(body, outputs="float[A, B, C, D] y, float[A, B, C, D] z"))
    assert [node.op_type for node in made.graph.node] == ["Reshape", "Add"]
    sizes = {each.name: [d.dim_value for d in each.type.tensor_type.shape.dim] for each in made.graph.output}
    assert sizes == {"y": [1, 6, 4, 8], "z": [1, 6, 4, 8]}
    with pytest.raises(ArgumentError, match="output=y: its size stays open"):
        fix_sizes(graph("y = Relu (x)", inputs="float[N, 6, 4, 8] x"))


@pytest.mark.parametrize(("told", "body"), [*REFUSED.items(), ("Resize of this mode", SMALLER)])
def test_an_operator_without_a_counterpart_is_named(told: str, body: str) -> None:
    with pytest.raises(ArgumentError, match=f"engines=litert: its writer knows no {told}"):
        translate(fix_sizes(graph(body)))


@pytest.mark.parametrize(
    ("before", "order", "after", "wanted"),
    [
        ((1, 36, 16, 24), (0, 2, 3, 1), (1, 9, 4, 384), (0, 3, 1, 2)),
        ((1, 4, 64, 96), (0, 2, 3, 1), (1, 4, 8, 8, 96), (0, 2, 3, 4, 1)),
        ((1, 16, 24), (0, 1, 2), (1, 1, 16, 24), (0, 1, 2, 3)),
        ((1, 6, 4, 8), (0, 2, 3, 1), (1, 24, 8), None),
    ],
)
def test_what_is_reshaped_stays_where_it_lies(
    before: tuple[int, ...], order: tuple[int, ...], after: tuple[int, ...], wanted: tuple[int, ...] | None
) -> None:
    found = regroup(before, order, after)
    assert found == wanted
    if wanted is not None:
        values = np.arange(np.prod(before)).reshape(before)
        lying = values.transpose(order).reshape([after[axis] for axis in wanted])
        assert np.array_equal(lying, values.reshape(after).transpose(wanted))


def test_convolutions_are_int8_where_their_result_is_rounded_at_once(pow2: Network) -> None:
    exported = export_trunk_onnx(pow2.source, 21, SIZE, 1)
    program = translate(fix_sizes(trunk_form(exported)))
    kinds = Counter(
        (each.kind, program.tensors[each.output].dtype) for each in program.operators if each.kind.endswith("CONV_2D")
    )
    assert kinds["CONV_2D", "int8"] > 10 and kinds["CONV_2D", "float32"] > 10
    for each in program.operators:
        if (each.kind, program.tensors[each.output].dtype) != ("CONV_2D", "int8"):
            continue
        source, weight, bias = (program.tensors[number] for number in each.inputs)
        assert (source.dtype, weight.dtype, bias.dtype) == ("int8", "int8", "int32")
        assert weight.scales is not None and source.scales is not None and bias.scales is not None
        # What biases count in is what products count in: no multiplication by anything but a power of two.
        assert np.array_equal(bias.scales, source.scales * weight.scales)
        assert np.all(np.frexp(bias.scales)[0] == 0.5)
    moved = [each for each in program.operators if each.kind == "TRANSPOSE"]
    # Maps stay where they lie: what moves is what the graph puts out, channels first.
    assert {program.tensors[each.output].name for each in moved} <= {"disparity_logits", "superpixel_logits"}
    whole_program = translate(fix_sizes(full_form(trunk_form(exported), pow2.source.regression)))
    assert [program.tensors[number].name for number in program.inputs] == ["left", "right"]
    assert [whole_program.tensors[number].name for number in whole_program.outputs] == ["disparity", "confidence"]
    assert all(each.shape == (1, *SIZE) for each in (whole_program.tensors[n] for n in whole_program.outputs))


def test_a_size_is_asked_for(pow2: Network, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"engines=litert: its programs are for one size"):
        build(pow2.source, tmp_path, Options(["litert"], 3, None, 1), pow2.exported)


@pytest.mark.parametrize(
    ("known", "exports"),
    [("1, 3, 64, 96", 0), ("N, 3, H, W", 1), ("2, 3, 64, 96", 1), ("1, 3, 64, 128", 1)],
)
def test_a_trunk_of_one_pair_is_exported_once(known: str, exports: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many engines ask, and not at all where what the others have is of that pair."""
    found, made = (graph("y = Relu (left)", f"float[{shape}] left") for shape in (known, "1, 3, 64, 96"))
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(sizes, "export_trunk_onnx", lambda *given: asked.append(given) or made)
    source = object()
    pair = sizes.OnePair(source, SIZE, found)  # type: ignore[arg-type]
    assert not asked, "nobody has asked yet"
    assert pair.export() is pair.export() is (made if exports else found)
    assert asked == [(source, 21, SIZE, 1)] * exports


@needs_it
@pytest.mark.parametrize("kind", ["pow2", "floating"])
def test_programs_give_torchs_bits(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    network: Network = request.getfixturevalue(kind)
    built = build(network.source, tmp_path, Options(["litert", "onnxruntime"], 3, SIZE, 1))
    assert set(built.manifest.engines["litert"]) == {"full", "trunk"}
    reference, pair = Reference(network.source), images(*SIZE)
    aligned = Aligned(built.manifest, "litert", 1)
    aligned.compare(*pair, reference(*pair))
    told = summary(aligned.result)
    assert told["tensors"] == 0 and told["integers_equal"] is None and told["max_px"] < 0.01
    if kind == "pow2":
        assert told["disparity_logits_equal"] == told["superpixel_logits_equal"] == 1
        assert Limits(1.0, 0.01).find_violation(aligned.result) is None


@needs_it
def test_a_program_is_timed_and_its_mistakes_are_told(pow2: Network, tmp_path: Path) -> None:
    built = build(pow2.source, tmp_path, Options(["litert"], 3, SIZE, 1))
    perf = measure_perf(Load(built.manifest, "litert", 1, SIZE, 2, 1), lambda count: None)
    assert perf.median > 0 and perf.operators == [] and perf.engine.startswith("litert ")
    with pytest.raises(ArgumentError, match="device=GPU: LiteRT finds cpu here"):
        load_engine(built.manifest, "full", "litert", 1, device="GPU")
    left, right = images(*SIZE)
    engine = load_engine(built.manifest, "full", "litert", 1)
    first = engine.run(left, right)
    kept = [each.copy() for each in first]
    engine.run(right, left)
    # What is returned belongs to the caller: the next call leaves it.
    assert all(np.array_equal(a, b) for a, b in zip(first, kept, strict=True))
    again = build(pow2.source, tmp_path / "again", Options(["litert"], 3, SIZE, 1))
    # The same network gives the same file.
    assert again.manifest.engines["litert"] == built.manifest.engines["litert"]
