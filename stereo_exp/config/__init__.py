"""Configuration: dataclasses carry types and rules, YAML under conf/ carries choices, `bind` joins the two.

No torch in here: `--help`, completion and config errors answer at once.
"""

from stereo_exp.config.bind import bind
from stereo_exp.config.paths import conf_dir
from stereo_exp.config.store import register

__all__ = ["bind", "conf_dir", "register"]
