"""Where conf/ is: inside the package in a wheel, beside it in a checkout."""

from __future__ import annotations

from pathlib import Path


def conf_dir() -> Path:
    """The folder of config files.

    The package's own comes first: a `conf` beside an installed package would be somebody else's.
    """
    package = Path(__file__).resolve().parent.parent
    for candidate in (package / "conf", package.parent / "conf"):
        if (candidate / "config.yaml").is_file():
            return candidate
    raise FileNotFoundError("no conf/config.yaml inside or beside the stereo_exp package")
