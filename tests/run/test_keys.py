"""What libraries say of their arguments, told by the keys that users typed."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from composing import composed

from stereo_exp.base.errors import RESTORE_OR_SKIP, ArgumentError, CheckpointError, DataError, UserError
from stereo_exp.config import bind
from stereo_exp.config.dataset import Mix, Pairs
from stereo_exp.data.loader import eval_loader
from stereo_exp.data.sources.pairs import find_pairs
from stereo_exp.geometry.calibration import read_calibration
from stereo_exp.geometry.frames import open_frames
from stereo_exp.geometry.rectify import Rectifier, Rig
from stereo_exp.runtime.bench import pin_cores
from stereo_exp.runtime.engines import usable_threads
from stereo_exp.runtime.manifest import Manifest, ModelEntry, read_manifest
from stereo_exp.shapes.writer import render_dataset
from stereo_exp.suite.datasets import open_split
from stereo_exp.suite.keys import DATASET, by_key, retell


class Empty:
    """A source without pairs."""

    def __len__(self) -> int:
        return 0


def _rig(size: tuple[int, int] | None, shift: float) -> Rig:
    camera = np.array([[50.0, 0, 16], [0, 50, 16], [0, 0, 1]])
    return Rig((camera, camera), (np.zeros(5), np.zeros(5)), np.eye(3), np.array([[shift], [0], [0]]), size)


def _rectify(rig: Rig) -> Any:
    return Rectifier(rig)(*np.zeros((2, 32, 32, 3), np.uint8))


def _pin(core: int) -> None:
    with pin_cores([core]):
        pass


def _patterns(folder: Path, *patterns: str) -> Any:
    (folder / "left.png").touch()
    return find_pairs(folder, *patterns)


def _file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file"


MANIFEST = Manifest(
    ModelEntry("a", "float", None, 64, "c"), None, None, 0, {"onnxruntime": {}}, multiple=32, folder=Path("made")
)
# What is called, its task, what a caller of the library is told, what a user of the command line is told.
CASES: dict[str, tuple[Callable[[Path], Any], str, str, str]] = {
    "one view": (
        lambda folder: open_frames("a.png", None),
        "infer",
        "right=None: both views are needed; add right=FILE",
        "infer.right=null: both views are needed; add infer.right=FILE",
    ),
    "two kinds": (
        lambda folder: open_frames("a.png", "b.mp4"),
        "infer",
        "right=b.mp4: is a video, left a image or folder; give two of one kind",
        "infer.right=b.mp4: is a video, infer.left a image or folder; give two of one kind",
    ),
    "another size": (
        lambda folder: _rectify(_rig((64, 32), -0.1)),
        "infer",
        "rig=64x32: the images are 32x32; give images",
        "infer.calib=64x32: the images are 32x32; give images",
    ),
    "swapped cameras": (
        lambda folder: _rectify(_rig(None, 0.1)),
        "infer",
        "give the left camera's images as left",
        "give the left camera's images as infer.left",
    ),
    "a calibration that is not there": (
        lambda folder: read_calibration(folder / "none.json"),
        "infer",
        "none.json: cannot be read (No such file or directory); give another calibration file",
        "none.json: cannot be read (No such file or directory); give infer.calib another file",
    ),
    "no thread": (
        lambda folder: usable_threads(0),
        "bench",
        "threads=0: must be at least 1; try threads=",
        "engine.threads=0: must be at least 1; try engine.threads=",
    ),
    "no thread to align on": (
        lambda folder: usable_threads(0),
        "align",
        "threads=0: must be at least 1; try threads=",
        "engine.threads=0: must be at least 1; try engine.threads=",
    ),
    "no such core": (lambda folder: _pin(10**6), "bench", "; try cores=[", "; try bench.cores=["),
    "another engine": (
        lambda folder: MANIFEST.file("openvino", "full"),
        "bench",
        "engine=openvino: made was compiled for onnxruntime; compile for that engine",
        "engine=openvino: made was compiled for onnxruntime; compile with compile.engines=[openvino]",
    ),
    "nothing compiled": (
        lambda folder: read_manifest(folder),
        "bench",
        "; give the folder that was compiled",
        "; give the folder that task=compile made (<run_dir>/compiled)",
    ),
    "no pairs": (
        lambda folder: eval_loader(Empty(), batch_size=1),  # type: ignore[arg-type]
        "eval",
        "source: holds no pairs",
        "dataset=motorcycle: holds no pairs",
    ),
    "patterns": (
        lambda folder: _patterns(folder, "left.png", "*.png"),
        DATASET,
        "right=*.png: must be one file as left=left.png is; name the file, or put a * into left too: right is filled",
        "dataset.right=*.png: must be one file as dataset.left=left.png is; name the file, or put a * into "
        "dataset.left too: dataset.right is filled",
    ),
    "a set that cannot be written": (
        lambda folder: render_dataset(_file(folder) / "set", train=1, test=0, height=32, width=32),
        DATASET,
        "out=",
        "dataset.root=",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_library_tells_its_argument_and_the_suite_its_key(case: str, tmp_path: Path) -> None:
    call, scope, argument, key = CASES[case]
    config = bind(composed("dataset=motorcycle"))
    with pytest.raises(UserError) as caught:
        call(tmp_path)
    assert argument in str(caught.value)
    with pytest.raises(UserError) as caught, by_key(scope, config):
        call(tmp_path)
    assert key in str(caught.value)
    assert not isinstance(caught.value, ArgumentError), "nobody renames it again"


def test_a_part_of_a_mixture_is_told_by_its_own_keys(tmp_path: Path) -> None:
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / "0.png").touch()
    part = Pairs(root=str(tmp_path), left="left/0.png", right="right/*.png")
    with pytest.raises(UserError) as caught:
        open_split(Mix(parts={"mine": part}), "test")
    place = "dataset.parts.mine"
    assert caught.value.key == f"{place}.right"
    assert caught.value.fix.startswith(f"name the file, or put a * into {place}.left too: {place}.right is filled with")


def test_files_keep_their_paths_and_their_kind() -> None:
    error = retell(DataError("a.png", "9 bytes", "is damaged", RESTORE_OR_SKIP), "train")
    assert type(error) is DataError
    assert str(error) == f"a.png=9 bytes: is damaged; {RESTORE_OR_SKIP} with dataset.on_error=skip"
    refused = CheckpointError("a.safetensors", None, "is {damaged}", "copy it again")
    assert retell(refused, "train") is refused


def test_what_is_in_no_table_stays_as_it_is() -> None:
    error = retell(ArgumentError("fuzz", 3, "must be below {peak}", "try {fuzz}=1"), "train")
    assert str(error) == "fuzz=3: must be below peak; try fuzz=1"


def test_the_error_of_a_worker_can_still_be_told() -> None:
    """It comes by pickle, from a process that trains along."""
    error = pickle.loads(pickle.dumps(ArgumentError("lift", "head", "names nothing", "e.g. {lift}=[a]")))
    assert type(error) is ArgumentError
    assert str(error) == "lift=head: names nothing; e.g. lift=[a]"
    assert str(retell(error, "train")) == "quant.lift=head: names nothing; e.g. quant.lift=[a]"


@pytest.mark.parametrize(("value", "typed"), [(True, "true"), (False, "false"), ("None", "null"), (3, "3")])
def test_values_are_told_as_they_are_typed(value: object, typed: str) -> None:
    assert str(retell(ArgumentError("left", value, "is wrong", "mend it"), DATASET)).startswith(
        f"dataset.left={typed}: "
    )


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("compile", "compile.engines=ncnn: is of one size; e.g. compile.size=[544,960]"),
        ("align", "align.engines=ncnn: is of one size; e.g. compile.size=[544,960]"),
    ],
)
def test_an_engine_of_one_size_asks_for_the_key_that_says_it(task: str, told: str) -> None:
    """Whoever compiles: `task=align` does where nothing is compiled yet."""
    error = ArgumentError("engines", "ncnn", "is of one size", "e.g. {size}=[544,960]")
    assert str(retell(error, task)) == told
