"""Configuration: dataclasses carry types and rules, YAML under conf/ carries choices, `bind` joins the two.

No torch in here: `--help`, completion and config errors answer at once.
"""

from stereo_exp.config.binding import bind, register
from stereo_exp.config.choices import conf_dir
from stereo_exp.config.plugins import load_plugins

__all__ = ["bind", "conf_dir", "load_plugins", "register"]
