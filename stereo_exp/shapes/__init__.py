"""*shapes*: our procedural stereo data set, drawn from closed-form geometry in SceneFlow's folder layout.

`python -m data_tools.render --out DIR` writes a set; `render_dataset` is the same as a function.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
