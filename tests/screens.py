"""`python tests/screens.py`: pictures of what a newcomer sees, to be looked at after new weights and changed pages.

    python tests/screens.py [--out outputs/screens] [--only viewer panels site runs] [--data DIR] [--runs DIR] [--store]

viewer: the page of the pair that comes along, as it opens, turned, sifted, and on a phone. panels: that room, a
rendered street, and with `--data` a room of an OAK-D camera and a street of KITTI (DIR/oakd/desk,
DIR/kitti_sequence). site: the front page of the documentation at 1280 and 400 px, and the README (mkdocs-material
builds them; `nox -s screens` has it). runs: MLflow and the report of a small sweep, or of DIR's runs. `--store` puts
the turned viewer where README and tour show it. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from browser import Browser, find_browser
from mlflow_server import serve_mlflow

ROOT = Path(__file__).resolve().parent.parent
STORED = ROOT / "docs" / "images" / "viewer.jpg"
QUALITY = 82
WIDE, NARROW, HEIGHT = 1280, 400, 780
"""Of the window, px."""
SHOWN = "document.body.dataset.frame === '0'"
STREET = "street=1"
# A car's camera, for a street whose scene has no scale of its own.
STREET_CAMERA = ("infer.focal=720", "infer.baseline=0.54")
_PATIENCE = 900.0
"""For a page to be ready where other work has the processor, s."""
_SETTLES = 3.0
"""What MLflow draws after its text is there, s."""
SWEEP = ("experiment=smoke", "optim.lr=1e-3,3e-3", "optim.steps=24", "name=screens")


def main() -> None:
    """Take the pictures that were asked for."""
    options = _options()
    if find_browser() is None:
        sys.exit("error: no Chromium is installed; install chromium, or take the panels alone, --only panels")
    options.out.mkdir(parents=True, exist_ok=True)
    taken: dict[str, list[str]] = {}
    seconds: dict[str, float] = {}
    for name in options.only:
        begin = time.monotonic()
        taken[name] = [str(path) for path in KINDS[name](options)]
        seconds[name] = round(time.monotonic() - begin, 1)
    for name, files in taken.items():
        print(f"{name:8} {seconds[name]:6.1f} s  {'  '.join(files) or 'nothing: mkdocs-material is not installed'}")
    print(json.dumps({"out": str(options.out), "taken": taken, "seconds": seconds}))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("outputs/screens"), help="folder (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=[*KINDS], default=[*KINDS], help="which (all)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="real pairs: DIR/oakd/desk, DIR/kitti_sequence")
    parser.add_argument("--runs", type=Path, metavar="DIR", help="a root of runs that are there, in place of the sweep")
    parser.add_argument("--store", action="store_true", help=f"write {STORED.relative_to(ROOT)} anew")
    options = parser.parse_args()
    # Programs run in the checkout, wherever this one was started.
    for name in ("out", "data", "runs"):
        if (path := getattr(options, name)) is not None:
            setattr(options, name, path.resolve())
    return options


def take_viewer(options: argparse.Namespace) -> Iterator[Path]:
    """The page in three states, and on a phone."""
    folder = options.out / "viewer"
    _infer(folder, "infer.view=true", "infer.refine=true", "infer.expected_error=true")
    page = folder / "view.html"
    with Browser(WIDE, HEIGHT, patience=_PATIENCE) as browser:
        browser.open(page, SHOWN)
        yield _save(options.out / "viewer_opens.png", browser.picture())
        x, y, width, height = browser.box("#maps")
        browser.point(x + 0.59 * width, y + 0.6 * height)
        browser.run("cloud.turn(0.5, -0.22); cloud.zoom(0.95); 0")
        turned = browser.picture()
        yield _save(options.out / "viewer_turned.png", turned)
        if options.store:
            cv2.imwrite(str(STORED), turned[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
            yield STORED
        browser.point(x + 0.3 * width, y + 0.8 * height)
        for name, value in (("layer-disparity", 0), ("layer-depth", 1), ("least", 0.7), ("far", 0.85)):
            browser.run(f"find('{name}').value = {value}; find('{name}').dispatchEvent(new Event('input')); 0")
        browser.run("find('paint').value = 'depth'; find('paint').dispatchEvent(new Event('change')); 0")
        yield _save(options.out / "viewer_sifted.png", browser.picture())
        _refuse_errors(browser)
    with Browser(NARROW, HEIGHT, dark=True, patience=_PATIENCE) as browser:
        browser.open(page, SHOWN)
        yield _save(options.out / "viewer_phone_dark.png", browser.picture(whole=True))
        _refuse_errors(browser)


def take_panels(options: argparse.Namespace) -> Iterator[Path]:
    """The picture that `task=infer` leaves of a room and of a street."""
    folder = options.out / "panels"
    _infer(folder / "room")
    _run("data_tools.render", "--out", f"{folder}/set", "--train=0", "--test=1", "--size=376x1248", "--scenes", STREET)
    left, right = (sorted((folder / "set").rglob(f"{view}/*.png"))[0] for view in ("left", "right"))
    _infer(folder / "street", f"infer.left={left}", f"infer.right={right}", *STREET_CAMERA)
    names = ["room", "street"]
    if options.data is not None:
        room, street = options.data / "oakd" / "desk", options.data / "kitti_sequence"
        pair = f"infer.left={room}/left.png", f"infer.right={room}/right.png", f"infer.calib={room}/calib.json"
        _infer(folder / "real_room", *pair)
        left, right = (sorted((street / view).glob("*.png"))[0] for view in ("left", "right"))
        _infer(folder / "real_street", f"infer.left={left}", f"infer.right={right}", f"infer.calib={street}/calib.txt")
        names += ["real_room", "real_street"]
    for name in names:
        yield Path(shutil.copy(folder / name / "panels.png", options.out / f"panels_{name}.png"))


def take_site(options: argparse.Namespace) -> Iterator[Path]:
    """The documentation's front page on a screen and on a phone, and the README with its picture."""
    if find_spec("mkdocs") is None or find_spec("material") is None:
        return
    site = (options.out / "site").resolve()
    _run("mkdocs", "build", "--quiet", "--strict", "--site-dir", str(site), NO_MKDOCS_2_WARNING="1")
    for name, page, width, dark in (
        ("docs_1280", "index.html", WIDE, False),
        ("docs_400", "index.html", NARROW, False),
        ("readme_1280", "readme.html", WIDE, False),
        ("tour_400_dark", "tour.html", NARROW, True),
    ):
        with Browser(width, HEIGHT, dark=dark, patience=_PATIENCE) as browser:
            browser.open(site / page, "!document.querySelector('.no-js')")
            yield _save(options.out / f"{name}.png", browser.picture(whole=page == "readme.html"))
            _refuse_errors(browser)


def take_runs(options: argparse.Namespace) -> Iterator[Path]:
    """MLflow's list of runs and one run's curves, and the page of the sweep that they are of."""
    root = (options.out / "runs").resolve()
    shutil.rmtree(root, ignore_errors=True)
    if options.runs is None:
        _run("stereo_exp", "-m", *SWEEP, f"root={root}", "report.measure=false")
    else:
        # A copy: MLflow may write into the store that it shows.
        for path in (options.runs / "mlflow.db", *options.runs.rglob("report.html")):
            place = root / path.relative_to(options.runs)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, place)
    page = max(root.rglob("report.html"), key=lambda path: path.stat().st_mtime)
    with Browser(WIDE, HEIGHT, patience=_PATIENCE) as browser:
        browser.open(page)
        yield _save(options.out / "report.png", browser.picture(whole=True))
        browser.resize(NARROW, HEIGHT)
        yield _save(options.out / "report_400.png", browser.picture())
        _refuse_errors(browser)
    with (
        serve_mlflow(root / "mlflow.db", root / "mlflow_ui.log", _PATIENCE) as address,
        Browser(WIDE, 900, patience=_PATIENCE) as browser,
    ):
        browser.open(f"{address}/#/experiments/1/runs", "document.body.innerText.includes('float')")
        time.sleep(_SETTLES)
        yield _save(options.out / "mlflow_runs.png", browser.picture())
        run = browser.run("(a => a && a.href)(document.querySelector('a[href*=\"/runs/\"]'))")
        browser.open(f"{run}/model-metrics", "document.querySelectorAll('.js-plotly-plot, canvas').length > 1")
        time.sleep(_SETTLES)
        yield _save(options.out / "mlflow_curves.png", browser.picture())


KINDS: dict[str, Callable[[argparse.Namespace], Iterator[Path]]] = {
    "viewer": take_viewer,
    "panels": take_panels,
    "site": take_site,
    "runs": take_runs,
}


def _infer(folder: Path, *words: str) -> None:
    _run("stereo_exp", "task=infer", f"infer.out={folder}", f"root={folder}/outputs", "overwrite=true", *words)


def _run(module: str, *words: str, **environment: str) -> None:
    """A program of ours, or one that is installed; what it says is shown where it fails."""
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: {' '.join(command[1:])} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def _save(path: Path, picture: np.ndarray) -> Path:
    cv2.imwrite(str(path), picture[..., ::-1])
    return path


def _refuse_errors(browser: Browser) -> None:
    if browser.errors or browser.requests:
        sys.exit(f"error: the page is in trouble: {browser.errors} {browser.requests}")


if __name__ == "__main__":
    main()
