"""The runtime needs numpy, OpenCV and one engine: everything else is blocked in a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matcher import ENGINES, shifted_pair

from stereo_exp.geometry.formats.image import encode_png

# Installed packages that may be imported; what the engines themselves bring comes after `import` of them.
_GUARD = """
import sys
blocked = set(BLOCKED)
class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in blocked:
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Guard())
"""
HEAVY = ["torch", "torchao", "hydra", "omegaconf", "mlflow", "rich", "safetensors", "skimage", "webdataset", "filelock"]
HEAVY += ["matplotlib", "onnx", "onnx_ir", "onnxscript", "yaml", "scipy", "pandas"]


def run_guarded(code: str, blocked: list[str], *arguments: object) -> subprocess.CompletedProcess[str]:
    script = _GUARD.replace("BLOCKED", json.dumps(blocked)) + code
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("engine", ENGINES)
def test_runs_with_everything_else_blocked(compiled: Path, engine: str) -> None:
    code = """
import numpy as np
from stereo_exp.runtime import StereoModel
left = np.random.default_rng(0).integers(0, 256, (50, 105, 3), np.uint8)
with StereoModel(sys.argv[1], sys.argv[2], threads=1) as model:
    pair = model(left[:, :100], left[:, 5:], scale=1)
print(pair.disparity.shape, round(float(np.median(pair.disparity)), 2))
"""
    others = [e for e in ENGINES if e != engine]
    done = run_guarded(code, [*HEAVY, *others], compiled, engine)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(50, 100) 5.0"


@pytest.mark.parametrize("engine", ENGINES)
def test_the_release_comes_along_compiled(engine: str) -> None:
    """Disparity of the pair that comes along within a pixel of its truth, nothing made and nothing fetched."""
    code = """
import numpy as np
from stereo_exp.geometry.example import example_pair
from stereo_exp.runtime import StereoModel
from stereo_exp.weights import find_compiled_release
pair = example_pair()
with StereoModel(find_compiled_release(), sys.argv[1], threads=1) as model:
    found = model(pair.left, pair.right)
error = np.median(np.abs(found.disparity - pair.disparity))
print(found.disparity.shape, float(error) < 1, found.confidence.min() >= 0)
"""
    done = run_guarded(code, [*HEAVY, *(e for e in ENGINES if e != engine)], engine)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(544, 960) True True"


@pytest.mark.parametrize("engine", ENGINES)
def test_the_guard_blocks(engine: str) -> None:
    assert "torch is blocked" in run_guarded("import torch", HEAVY).stderr


def test_the_pair_that_comes_along_is_drawn_with_opencv_alone(tmp_path: Path) -> None:
    code = """
from pathlib import Path
from stereo_exp.geometry.drawing import Panel, Scale, write_panels
from stereo_exp.geometry.example import example_pair
pair = example_pair()
write_panels(Path(sys.argv[1]), [Panel("left", pair.left), Panel("disparity", pair.disparity, Scale(0, 64))])
print(pair.size, pair.calibration.baseline)
"""
    done = run_guarded(code, [*HEAVY, *ENGINES], tmp_path / "panels.png")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(544, 960) 0.12"
    assert (tmp_path / "panels.png").stat().st_size > 100_000


CLI = """
import runpy
sys.argv = ["python -m stereo_exp.runtime", *sys.argv[1:]]
runpy.run_module("stereo_exp.runtime", run_name="__main__")
"""


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "left.png", tmp_path / "right.png"
    for path, view in zip(paths, shifted_pair(50, 100, 8), strict=True):
        path.write_bytes(encode_png(view))
    return paths


def test_command_line(compiled: Path, pair: tuple[Path, Path], tmp_path: Path) -> None:
    import cv2

    out, picture, metres = tmp_path / "out.png", tmp_path / "picture.png", tmp_path / "depth.npy"
    options = ["-o", out, "--picture", picture, "--depth", metres, "--focal", 400, "--baseline", 0.2, "--threads", 1]
    options += ["--refine", "--scale", 1]
    done = run_guarded(CLI, HEAVY, compiled, *pair, *options)
    assert done.returncode == 0, done.stderr
    assert "50x100 px" in done.stdout
    stored = cv2.imread(str(out), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    assert np.median(stored) / 256 == pytest.approx(8, abs=0.02)
    assert cv2.imread(str(picture)).shape == (50, 100, 3)
    # A shift of 8 px everywhere lies in the middle of the narrowest scale, which is 4 px wide.
    told = re.search(r"picture.png \(blue is (\S+) px, red (\S+) px\)", done.stdout)
    assert told is not None
    assert 5 <= float(told[1]) <= 6.1 and 9.9 <= float(told[2]) <= 11
    fixed = run_guarded(CLI, HEAVY, compiled, *pair, *options, "--limits", 0, 64)
    assert f"{picture} (blue is 0 px, red 64 px)" in fixed.stdout
    assert np.median(np.load(metres)) == pytest.approx(10, abs=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "out.png", "--picture", "c.png", "--limits", "9", "3"], "two disparities, rising"),
        (["-o", "out.jpg"], "must end in .png, .pfm or .npy"),
        (["-o", "out.png", "--depth", "d.png"], "add --focal"),
        (["-o", "out.png", "--engine", "tensorrt"], "must be one of auto, openvino, onnxruntime"),
    ],
)
def test_command_line_errors(compiled: Path, pair: tuple[Path, Path], options: list[str], message: str) -> None:
    done = run_guarded(CLI, HEAVY, compiled, *pair, *options)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_that_is_not_installed(compiled: Path, pair: tuple[Path, Path], tmp_path: Path, engine: str) -> None:
    out = tmp_path / "out.pfm"
    asked = run_guarded(CLI, [*HEAVY, engine], compiled, *pair, "-o", out, "--engine", engine)
    assert asked.returncode == 2
    assert f"stereo_exp[{engine}]" in asked.stderr
    assert asked.stderr.count("\n") == 1
    # `auto` takes the other one.
    found = run_guarded(CLI, [*HEAVY, engine], compiled, *pair, "-o", out)
    assert found.returncode == 0, found.stderr
    (other,) = (e for e in ENGINES if e != engine)
    assert f"with {other}" in found.stdout
