"""Configuration: dataclasses carry types and rules, YAML under conf/ carries choices, `bind` joins the two.

No torch in here: `--help`, completion and config errors answer at once.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
