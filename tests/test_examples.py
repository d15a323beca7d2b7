"""What lies under examples/ does what it says."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import stereo_exp as se
from stereo_exp.geometry import read_pfm
from stereo_exp.geometry.example import example_pair
from stereo_exp.weights import SLIM, find_compiled_release

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SOURCE = EXAMPLES / "cpp" / "depth.cpp"
SCRIPT = EXAMPLES / "onnxruntime" / "depth.py"
CROP = (203, 317)
"""Height and width, no multiples of anything: the edges are repeated."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C++ example, compiled against OpenVINO's wheel."""
    openvino = pytest.importorskip("openvino")
    wheel = Path(openvino.__file__).parent
    libraries = sorted((wheel / "libs").glob("libopenvino.so.*"))
    if not SOURCE.is_file() or shutil.which("g++") is None or not libraries:
        pytest.skip("no examples/ beside the tests, no g++, or a wheel of OpenVINO without headers")
    made = tmp_path_factory.mktemp("cpp") / "depth"
    warnings = ["-Wall", "-Wextra", "-Werror"]
    command = ["g++", "-std=c++17", "-O2", *warnings, "-isystem", str(wheel / "include"), str(SOURCE), "-o", str(made)]
    command += [str(libraries[0]), f"-Wl,-rpath,{wheel / 'libs'}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return made


def write_ppm(path: Path, view: np.ndarray) -> Path:
    height, width = view.shape[:2]
    path.write_bytes(b"P6\n# made by a test\n%d %d\n255\n" % (width, height) + view.tobytes())
    return path


def run(program: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *map(str, words)], capture_output=True, text=True)


@pytest.mark.long
def test_the_cpp_example_computes_the_same_bits(program: Path, tmp_path: Path) -> None:
    assert len(SOURCE.read_text().splitlines()) <= 150
    sample = example_pair()
    views = [np.ascontiguousarray(view[: CROP[0], : CROP[1]]) for view in (sample.left, sample.right)]
    files = [write_ppm(tmp_path / f"{name}.ppm", view) for name, view in zip("lr", views, strict=True)]
    model = find_compiled_release(SLIM) / "openvino" / "full.xml"
    with se.load("release-slim", engine="openvino", threads=1) as loaded:
        wanted = loaded(*views, scale=1)
    done = run(program, model, *files, tmp_path / "disparity.pfm")
    assert done.returncode == 0, done.stderr
    found = read_pfm(tmp_path / "disparity.pfm")
    assert found.shape == CROP
    assert np.array_equal(found, wanted.disparity)
    assert done.stdout.startswith(f"{CROP[1]}x{CROP[0]} px, median ")
    done = run(program, model, *files, tmp_path / "depth.pfm", 500, 0.2, 3.5)
    assert done.returncode == 0, done.stderr
    assert np.allclose(read_pfm(tmp_path / "depth.pfm"), wanted.depth(500, 0.2, 3.5), rtol=1e-6)


@pytest.mark.long
def test_the_cpp_example_refuses_in_one_line(program: Path, tmp_path: Path) -> None:
    view = np.zeros((32, 48, 3), np.uint8)
    left, right = write_ppm(tmp_path / "l.ppm", view), write_ppm(tmp_path / "r.ppm", view[:, :32])
    cut = tmp_path / "cut.ppm"
    cut.write_bytes(left.read_bytes()[:-1])
    out = tmp_path / "o.pfm"
    for words, told in (
        ((left, right), "the two views differ in size"),
        ((cut, left), "ends too early"),
        ((tmp_path / "none.ppm", left), "is no binary PPM"),
        ((left, left), ""),  # there is no such model
    ):
        done = run(program, tmp_path / "none.xml", *words, out)
        assert done.returncode == 2 and done.stderr.startswith("error: ") and told in done.stderr
    assert not out.exists()


@pytest.fixture
def script() -> Path:
    """The script on ONNX Runtime alone."""
    if not SCRIPT.is_file():
        pytest.skip("no examples/ beside the tests")
    return SCRIPT


def start(script: Path, *words: object) -> subprocess.CompletedProcess[str]:
    # Isolated: neither the working directory nor PYTHONPATH is looked into.
    return subprocess.run([sys.executable, "-I", script, *map(str, words)], capture_output=True, text=True)


def test_the_script_on_onnxruntime_needs_nothing_of_ours(script: Path) -> None:
    text = script.read_text()
    assert len(text.splitlines()) <= 40
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert all(isinstance(node, ast.Import) for node in found)
    names = {name.name for node in found for name in node.names}
    assert names == {"sys", "cv2", "numpy", "onnxruntime"}


def test_the_script_on_onnxruntime_computes_the_same_bits(script: Path, tmp_path: Path) -> None:
    sample = example_pair()
    views = [np.ascontiguousarray(view[: CROP[0], : CROP[1]]) for view in (sample.left, sample.right)]
    files = [tmp_path / f"{name}.png" for name in ("left", "right")]
    for file, view in zip(files, views, strict=True):
        assert cv2.imwrite(str(file), cv2.cvtColor(view, cv2.COLOR_RGB2BGR))
    model = find_compiled_release(SLIM) / "onnxruntime" / "full.onnx"
    with se.load("release-slim", engine="onnxruntime", threads=1) as loaded:
        wanted = loaded(*views, scale=1)
    done = start(script, model, *files, tmp_path / "disparity.npy")
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "disparity.npy")
    assert found.dtype == np.float32 and np.array_equal(found, wanted.disparity)
    assert done.stdout.startswith(f"{CROP[1]}x{CROP[0]} px, disparity ")
    done = start(script, model, *files, tmp_path / "depth.npy", 500, 0.2)
    assert done.returncode == 0, done.stderr
    assert np.allclose(np.load(tmp_path / "depth.npy"), wanted.depth(500, 0.2), rtol=1e-6)
    done = start(script, model, tmp_path / "none.png", files[1], tmp_path / "o.npy")
    assert done.returncode == 1 and "none.png: no image that OpenCV can read" in done.stderr
    assert start(script, model).returncode == 1
